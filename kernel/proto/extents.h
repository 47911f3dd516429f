/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which bytes of a buffer have been seen, when they may come in any order
 * (DataPDUInOrder=No or DataSequenceInOrder=No, RFC 7143 sections 13.18, 13.19):
 * a sorted array of disjoint, non-adjacent ranges, in storage of fixed size.
 */
#ifndef _HWS_PROTO_EXTENTS_H
#define _HWS_PROTO_EXTENTS_H

#include "shim.h"

enum { HWS_EXTENTS_MAX = 128 };

enum hws_extents_result {
	HWS_EXTENTS_ADDED,
	HWS_EXTENTS_OVERLAP,
	HWS_EXTENTS_FULL,
};

struct hws_extent {
	u32 start;
	u32 end;	/* exclusive */
};

struct hws_extents {
	u32 count;
	struct hws_extent at[HWS_EXTENTS_MAX];
};

static inline void hws_extents_init(struct hws_extents *e)
{
	e->count = 0;
}

/*
 * Adds [@start, @start + @length). Nothing has changed when it overlaps what is
 * there, or the ranges would be more than the array holds. @length is not 0 and
 * @start + @length does not wrap.
 */
enum hws_extents_result hws_extents_add(struct hws_extents *e, u32 start,
					u32 length);

/* Is any byte of [@start, @start + @length) there? The same rules. */
bool hws_extents_overlap(const struct hws_extents *e, u32 start, u32 length);

/*
 * Adds what is missing of [@start, @start + @length), the same rules but that it
 * may overlap. @fresh: how many bytes were missing.
 */
enum hws_extents_result hws_extents_cover(struct hws_extents *e, u32 start,
					  u32 length, u32 *fresh);

/*
 * Forgets a range: it is about to be written over. Returns how many bytes of it, and
 * where there is no room to keep a piece behind it, of that, were known.
 */
u32 hws_extents_drop(struct hws_extents *e, u32 start, u32 length);

/* Bytes that are known from 0 on without a hole. */
static inline u32 hws_extents_front(const struct hws_extents *e)
{
	return e->count && !e->at[0].start ? e->at[0].end : 0;
}

#endif /* _HWS_PROTO_EXTENTS_H */
