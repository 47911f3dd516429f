// SPDX-License-Identifier: GPL-2.0-only
#include "extents.h"

enum hws_extents_result hws_extents_add(struct hws_extents *e, u32 start,
					u32 length)
{
	u32 end = start + length;
	bool joins_left, joins_right;
	u32 i = 0, j;

	/* The first range that begins at or after the new one's end. */
	while (i < e->count && e->at[i].start < end)
		i++;

	/* So its left neighbour is the only one that can overlap. */
	if (i && e->at[i - 1].end > start)
		return HWS_EXTENTS_OVERLAP;

	joins_left = i && e->at[i - 1].end == start;
	joins_right = i < e->count && e->at[i].start == end;

	if (joins_left && joins_right) {
		e->at[i - 1].end = e->at[i].end;
		e->count--;
		for (j = i; j < e->count; j++)
			e->at[j] = e->at[j + 1];
	} else if (joins_left) {
		e->at[i - 1].end = end;
	} else if (joins_right) {
		e->at[i].start = start;
	} else {
		if (e->count == HWS_EXTENTS_MAX)
			return HWS_EXTENTS_FULL;
		for (j = e->count; j > i; j--)
			e->at[j] = e->at[j - 1];
		e->at[i].start = start;
		e->at[i].end = end;
		e->count++;
	}
	return HWS_EXTENTS_ADDED;
}

bool hws_extents_overlap(const struct hws_extents *e, u32 start, u32 length)
{
	u32 end = start + length;
	u32 i = e->count;

	/* The last range that begins before the end; mostly the last of all. */
	while (i && e->at[i - 1].start >= end)
		i--;
	return i && e->at[i - 1].end > start;
}

enum hws_extents_result hws_extents_cover(struct hws_extents *e, u32 start,
					  u32 length, u32 *fresh)
{
	u32 end = start + length;
	u32 first = 0, last, gone, j;

	/* Those from @first to before @last touch the new one and join it. */
	while (first < e->count && e->at[first].end < start)
		first++;
	*fresh = length;
	for (last = first; last < e->count && e->at[last].start <= end; last++) {
		u32 from = e->at[last].start > start ? e->at[last].start : start;
		u32 to = e->at[last].end < end ? e->at[last].end : end;

		*fresh -= to - from;
	}
	if (first == last) {
		if (e->count == HWS_EXTENTS_MAX)
			return HWS_EXTENTS_FULL;
		for (j = e->count; j > first; j--)
			e->at[j] = e->at[j - 1];
		e->at[first].start = start;
		e->at[first].end = end;
		e->count++;
		return HWS_EXTENTS_ADDED;
	}
	if (e->at[first].start > start)
		e->at[first].start = start;
	e->at[first].end = e->at[last - 1].end > end ? e->at[last - 1].end : end;
	gone = last - first - 1;
	e->count -= gone;
	for (j = first + 1; gone && j < e->count; j++)
		e->at[j] = e->at[j + gone];
	return HWS_EXTENTS_ADDED;
}

u32 hws_extents_drop(struct hws_extents *e, u32 start, u32 length)
{
	const u32 end = start + length;
	u32 gone = 0, kept = 0, i, j;

	if (!length)
		return 0;
	for (i = 0; i < e->count; i++) {
		struct hws_extent at = e->at[i];

		if (at.end <= start || at.start >= end) {
			e->at[kept++] = at;
			continue;
		}
		gone += (at.end < end ? at.end : end) -
			(at.start > start ? at.start : start);
		if (at.start < start && at.end > end) {
			/* A piece on either side; no other range is touched. */
			if (e->count == HWS_EXTENTS_MAX) {
				e->at[i].end = start;
				return gone + (at.end - end);
			}
			for (j = e->count; j > i + 1; j--)
				e->at[j] = e->at[j - 1];
			e->at[i].end = start;
			e->at[i + 1].start = end;
			e->at[i + 1].end = at.end;
			e->count++;
			return gone;
		}
		if (at.start < start)
			at.end = start;
		else if (at.end > end)
			at.start = end;
		else
			continue;
		e->at[kept++] = at;
	}
	e->count = kept;
	return gone;
}
