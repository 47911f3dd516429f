/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Initiator Task Tags. A tag is the task's index in the session's array and a
 * generation that moves at each new use of the index, so that a response which
 * comes too late never meets the command that has the index now. A retry or a
 * reassign of the same command keeps its tag (RFC 7143 section 4.2.2.1).
 *
 * Index in the low 13 bits (HWS_CMDS_MAX_MAX commands and the internal tasks),
 * generation above. The reserved tag 0xffffffff cannot come out, because its
 * index is beyond every array.
 */
#ifndef _HWS_PROTO_TAG_H
#define _HWS_PROTO_TAG_H

#include "pdu.h"

enum {
	HWS_TAG_INDEX_BITS = 13,
	HWS_TAG_INDEX_MASK = (1 << HWS_TAG_INDEX_BITS) - 1,
	/* one less than the mask: the index of the reserved tag is unused */
	HWS_TAG_INDEX_MAX = HWS_TAG_INDEX_MASK - 1,
};

static inline u32 hws_tag(u32 index, u32 generation)
{
	return generation << HWS_TAG_INDEX_BITS | index;
}

static inline u32 hws_tag_index(u32 tag)
{
	return tag & HWS_TAG_INDEX_MASK;
}

#endif /* _HWS_PROTO_TAG_H */
