// SPDX-License-Identifier: GPL-2.0-only
#include "gaps.h"
#include "serial.h"

/* The run that has the number, or HWS_GAPS_MAX. */
static u32 run_of(const struct hws_gaps *g, u32 sn)
{
	u32 i;

	for (i = 0; i < g->count; i++)
		if (sn - g->at[i].begin < g->at[i].end - g->at[i].begin)
			return i;
	return HWS_GAPS_MAX;
}

static void make_room(struct hws_gaps *g, u32 i)
{
	u32 j;

	for (j = g->count; j > i; j--)
		g->at[j] = g->at[j - 1];
	g->count++;
}

static void drop_run(struct hws_gaps *g, u32 i)
{
	g->count--;
	for (; i < g->count; i++)
		g->at[i] = g->at[i + 1];
}

/* Everything from @g->next to @end is missing. */
static bool open_run(struct hws_gaps *g, u32 end, bool ask, u32 now)
{
	struct hws_gap *last = g->count ? &g->at[g->count - 1] : NULL;

	if (last && last->end == g->next && last->ask == ask && ask &&
	    !last->tries) {
		last->end = end;
	} else {
		if (g->count == HWS_GAPS_MAX)
			return false;
		last = &g->at[g->count++];
		last->begin = g->next;
		last->end = end;
		last->ask = ask;
		last->late = false;
		last->waits = false;
		last->tries = !ask;
		last->asked_at = now;
	}
	g->next = end;
	return true;
}

enum hws_gaps_place hws_gaps_find(const struct hws_gaps *g, u32 sn)
{
	if (sn == g->next)
		return HWS_GAPS_NEXT;
	if (hws_sn_after(sn, g->next))
		return sn - g->next <= HWS_GAP_LONGEST ? HWS_GAPS_AHEAD :
							 HWS_GAPS_FAR;
	if (run_of(g, sn) < HWS_GAPS_MAX)
		return HWS_GAPS_MISSING;
	return g->next - sn <= HWS_GAP_LONGEST ? HWS_GAPS_SEEN : HWS_GAPS_FAR;
}

bool hws_gaps_take(struct hws_gaps *g, u32 sn)
{
	u32 i = run_of(g, sn);

	if (i < HWS_GAPS_MAX) {
		struct hws_gap *gap = &g->at[i];

		if (gap->begin == sn) {
			gap->begin++;
			if (gap->begin == gap->end)
				drop_run(g, i);
		} else if (gap->end - 1 == sn) {
			gap->end--;
		} else {
			if (g->count == HWS_GAPS_MAX)
				return false;
			make_room(g, i);
			g->at[i].end = sn;
			g->at[i + 1].begin = sn + 1;
		}
		return true;
	}
	if (hws_sn_before(sn, g->next))
		return true;
	if (sn != g->next && !open_run(g, sn, true, 0))
		return false;
	g->next = sn + 1;
	return true;
}

bool hws_gaps_miss(struct hws_gaps *g, u32 sn, bool ask, u32 now)
{
	u32 i = run_of(g, sn);

	if (i < HWS_GAPS_MAX) {
		if (g->at[i].tries >= HWS_GAP_TRIES)
			return false;
		if (ask) {
			g->at[i].ask = true;
		} else {
			g->at[i].tries++;
			g->at[i].asked_at = now;
		}
		return true;
	}
	if (hws_sn_before(sn, g->next))
		return true;
	/* What is missing before it is asked for in any case. */
	if (sn != g->next && !open_run(g, sn, true, now))
		return false;
	if (!open_run(g, sn + 1, ask, now))
		return false;
	g->at[g->count - 1].waits = ask;
	return true;
}

bool hws_gaps_expect(struct hws_gaps *g, u32 end)
{
	return !hws_sn_after(end, g->next) || open_run(g, end, true, 0);
}

bool hws_gaps_asks(const struct hws_gaps *g)
{
	u32 i;

	for (i = 0; i < g->count; i++)
		if (g->at[i].ask)
			return true;
	return false;
}

bool hws_gaps_run(struct hws_gaps *g, u32 now, bool more, u32 *begin,
		  u32 *length)
{
	u32 i;

	for (i = 0; i < g->count; i++) {
		struct hws_gap *gap = &g->at[i];

		if (!gap->ask ||
		    (more && gap->end == g->next && gap->waits))
			continue;
		gap->ask = false;
		gap->tries++;
		gap->asked_at = now;
		*begin = gap->begin;
		*length = gap->end - gap->begin;
		return true;
	}
	return false;
}

void hws_gaps_progress(struct hws_gaps *g, u32 now)
{
	u32 i;

	for (i = 0; i < g->count; i++)
		g->at[i].asked_at = now;
}

enum hws_gaps_time hws_gaps_check(struct hws_gaps *g, u32 now, u32 patience)
{
	enum hws_gaps_time found = HWS_GAPS_CALM;
	u32 i;

	for (i = 0; i < g->count; i++) {
		struct hws_gap *gap = &g->at[i];

		if (now - gap->asked_at < patience)
			continue;
		if (gap->ask) {
			if (gap->waits)
				found = HWS_GAPS_ASK;
			gap->waits = false;
			continue;
		}
		if (gap->late || gap->tries >= HWS_GAP_TRIES)
			return HWS_GAPS_GIVE_UP;
		gap->late = true;
		gap->ask = true;
		found = HWS_GAPS_ASK;
	}
	return found;
}
