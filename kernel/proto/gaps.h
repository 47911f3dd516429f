/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which numbers of a sequence have not come: the DataSNs or R2TSNs of a task, the
 * StatSNs of a connection. From error recovery level 1 on a PDU may be lost, or
 * damaged, and is asked for again (RFC 7143 sections 7.8, 7.9, 11.16).
 *
 * What came is everything before @next but for a few runs, in storage of fixed
 * size: what does not fit is for the next step of recovery. A run is asked for at
 * once, again when what came for it was damaged, and once more when it stays open
 * for HWS_GAP_PATIENCE ticks of the caller's clock; then it is given up.
 */
#ifndef _HWS_PROTO_GAPS_H
#define _HWS_PROTO_GAPS_H

#include "shim.h"

enum {
	HWS_GAPS_MAX = 8,
	/* times that one run is asked for at most */
	HWS_GAP_TRIES = 4,
	/*
	 * A number farther than this from the next one is no loss but a lie: with
	 * the least data segment of 512 bytes, 32 MiB.
	 */
	HWS_GAP_LONGEST = 65536,
};

struct hws_gap {
	u32 begin;
	u32 end;		/* exclusive */
	u32 asked_at;		/* ticks, of the last time */
	u8 tries;
	bool ask;		/* it is to be asked for now */
	bool late;		/* patience ended once */
	bool waits;		/* for what comes behind it; see hws_gaps_run() */
};

struct hws_gaps {
	u32 next;		/* after the last that came or is known of */
	u8 count;
	struct hws_gap at[HWS_GAPS_MAX]; /* ascending, apart from each other */
};

enum hws_gaps_place {
	HWS_GAPS_NEXT,		/* the one that is due */
	HWS_GAPS_AHEAD,		/* some before it have not come */
	HWS_GAPS_MISSING,	/* it had not come */
	HWS_GAPS_SEEN,		/* it has */
	HWS_GAPS_FAR,
};

enum hws_gaps_time {
	HWS_GAPS_CALM,
	HWS_GAPS_ASK,		/* a run is to be asked for again */
	HWS_GAPS_GIVE_UP,
};

static inline void hws_gaps_init(struct hws_gaps *g, u32 next)
{
	g->next = next;
	g->count = 0;
}

/* Everything before this has come. */
static inline u32 hws_gaps_first(const struct hws_gaps *g)
{
	return g->count ? g->at[0].begin : g->next;
}

/* What is this number? */
enum hws_gaps_place hws_gaps_find(const struct hws_gaps *g, u32 sn);

/*
 * It came whole. False when there is no room to keep what is missing beside it;
 * nothing has changed then. @sn is not FAR.
 */
bool hws_gaps_take(struct hws_gaps *g, u32 sn);

/*
 * It came damaged, or is asked for again. @ask: now; otherwise something else that
 * is asked for brings it, at the time @now. False when there is no room, or it was
 * asked for often enough. @sn is not FAR.
 */
bool hws_gaps_miss(struct hws_gaps *g, u32 sn, bool ask, u32 now);

/* Everything before @end was sent. False when there is no room. */
bool hws_gaps_expect(struct hws_gaps *g, u32 end);

/* Is something to be asked for now? */
bool hws_gaps_asks(const struct hws_gaps *g);

/*
 * The next run to ask for: true, and it counts as asked for. @more: the other side
 * is still sending, so a run up to @next waits for what comes behind it, or for the
 * end of patience.
 */
bool hws_gaps_run(struct hws_gaps *g, u32 now, bool more, u32 *begin,
		  u32 *length);

/* Something of what is missing came: patience with the rest begins anew. */
void hws_gaps_progress(struct hws_gaps *g, u32 now);

/* Looks at the clock: what is to be done about the runs that stay open? */
enum hws_gaps_time hws_gaps_check(struct hws_gaps *g, u32 now, u32 patience);

#endif /* _HWS_PROTO_GAPS_H */
