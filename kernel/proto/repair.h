/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One command at error recovery level 1 or above: PDUs of it may be lost, damaged
 * or come again, and it ends when all is there (RFC 7143 sections 7.8, 7.9, 11.16).
 *
 * In place of read.c and write.c, which want every PDU in its turn. Data is counted
 * when its PDU has come whole, because a damaged one comes again; each byte is
 * counted once, which extents see to whatever order was negotiated.
 */
#ifndef _HWS_PROTO_REPAIR_H
#define _HWS_PROTO_REPAIR_H

#include "gaps.h"
#include "read.h"
#include "write.h"

enum {
	/* R2Ts for what was asked for before, until that is no repair any more */
	HWS_RECOVERY_R2TS_MAX = 64,
	/* of sense data as much is kept as the midlayer takes */
	HWS_SENSE_KEPT = 96,
};

/* Data behind the last that came, when nothing says how many PDUs that is. */
enum hws_tail {
	HWS_TAIL_KNOWN,
	HWS_TAIL_ASK,		/* to be asked for */
	HWS_TAIL_ASKED,
	HWS_TAIL_ASK_AGAIN,
	HWS_TAIL_ASKED_AGAIN,
};

struct hws_repair {
	struct hws_gaps gaps;	/* DataSN of a read, R2TSN of a write */
	bool missed;		/* something was; what is in order is not known */
	bool resumed;		/* on another connection: what came may come again */
	bool anew;		/* and nothing has come there: see hws_repair_resume_*() */
	u32 before;		/* R2Ts from here to @begun did not come there, */
	u32 begun;		/* which is the first that did; equal: nothing is open */
	bool refused;		/* the target will not send it again */
	bool ended;		/* nothing comes behind the last that is known of */
	bool held;		/* the status came before the data: @status */
	u8 tail;		/* enum hws_tail */
	u8 recovery_r2ts;
	bool ack;		/* a DataACK is owed: the two below go with it */
	__be32 ack_ttt;
	u8 ack_lun[HWS_LUN_BYTES];
	u32 tail_asked_at;	/* ticks */
	union hws_header status;
	u8 sense_length;
	u8 sense[HWS_SENSE_KEPT];
};

static inline void hws_repair_init(struct hws_repair *p)
{
	hws_gaps_init(&p->gaps, 0);
	p->missed = false;
	p->resumed = false;
	p->anew = false;
	p->before = 0;
	p->begun = 0;
	p->refused = false;
	p->ended = false;
	p->held = false;
	p->tail = HWS_TAIL_KNOWN;
	p->recovery_r2ts = 0;
	p->ack = false;
}

/* Is anything open, so that somebody has to look after it? */
static inline bool hws_repair_open(const struct hws_repair *p)
{
	return p->gaps.count || p->held || p->ack || p->tail != HWS_TAIL_KNOWN;
}

/*
 * Judges a Data-In header before its data is taken. On HWS_V_NONE, with @wanted
 * set, the data belongs at its Buffer Offset and hws_repair_begin_data() must follow,
 * and hws_repair_data_in() when it came whole; without, it has come before.
 */
enum hws_violation hws_repair_judge(const struct hws_repair *p,
				    const struct hws_read *r,
				    const struct hws_read_rules *rules,
				    const union hws_header *h, bool *wanted);

/*
 * The data of a PDU that is wanted begins to come. What came before from another
 * connection is written over by it, and does not count until all of it is there:
 * this may come damaged, or not to its end.
 */
void hws_repair_begin_data(struct hws_repair *p, struct hws_read *r,
			   const union hws_header *h);

/*
 * A Data-In that is wanted is here, whole. HWS_V_DATA_SN when there is no room to
 * keep what is missing.
 */
enum hws_violation hws_repair_data_in(struct hws_repair *p, struct hws_read *r,
				      const union hws_header *h);

/*
 * A Data-In that hws_repair_judge() wants is here, damaged. False when there is no
 * room to keep that it is missing, or it was asked for often enough.
 */
bool hws_repair_damage(struct hws_repair *p, const struct hws_read *r,
		       const union hws_header *h, u32 now);

/*
 * Judges an R2T. @ring: the sequences that wait to be sent, without those that it
 * asks for again (hws_sequences_supersede()). On HWS_V_NONE, with @wanted set, @seq is
 * what it asks for; without, it has come before.
 */
enum hws_violation hws_repair_r2t(struct hws_repair *p, struct hws_write *w,
				  const struct hws_write_rules *rules,
				  const union hws_header *h,
				  struct hws_sequence_ring *ring,
				  struct hws_sequence *seq, bool *wanted);

enum hws_repair_verdict {
	HWS_REPAIR_DONE,	/* nothing more can come: judge the status */
	HWS_REPAIR_WAIT,	/* data is missing, and will be asked for */
	HWS_REPAIR_FAILED,	/* data is missing, and the target keeps it */
	HWS_REPAIR_ESCALATE,	/* more is missing than there is room for */
};

/* The status of a read, in either PDU: is all there that it speaks of? */
enum hws_repair_verdict hws_repair_verdict(struct hws_repair *p,
					   const struct hws_read *r,
					   const union hws_header *status);

/*
 * The command goes on over another connection (RFC 7143 section 7.2.2). Both return
 * the ExpDataSN for the TASK REASSIGN request: the first DataSN or R2TSN that has
 * not come. A target may send data from there, or all of it again from DataSN 0. Of
 * a write nothing is sent unasked any more; the target asks for what it lacks,
 * wherever that begins, and goes on with whatever R2TSN. So when the first that comes
 * is not the next one, those before it may have been lost, or were sent to the
 * connection before and are replaced. They are asked for in a silence, and not
 * missed.
 */
u32 hws_repair_resume_read(struct hws_repair *p, struct hws_read *r);
u32 hws_repair_resume_write(struct hws_repair *p, struct hws_write *w);

/* Of a write without a status: may the target have sent an R2T that did not come? */
static inline bool hws_repair_may_lack_r2t(const struct hws_repair *p,
					   const struct hws_write *w)
{
	return p->before != p->begun || w->solicited_to < w->expected;
}

/* What a SNACK for a task asks for, with @type; false: nothing now. */
bool hws_repair_snack(struct hws_repair *p, u32 now, u8 *type, u32 *begin,
		      u32 *length);

/* Data came that was missing, as hws_gaps_progress() takes it. */
void hws_repair_progress(struct hws_repair *p, u32 now);

/* Looks at the clock, as hws_gaps_check() does. */
enum hws_gaps_time hws_repair_check(struct hws_repair *p, u32 now, u32 patience);

/*
 * The target rejected a SNACK for Data-In from @begin on. True when what it asked
 * for is still missing, and will not come.
 */
bool hws_repair_rejected(struct hws_repair *p, u32 begin);

#endif /* _HWS_PROTO_REPAIR_H */
