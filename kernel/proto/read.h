/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The data of a command that reads: which Data-In PDUs are legal, and whether
 * all that a status claims has arrived. RFC 7143 sections 11.7, 13.18 and 13.19.
 *
 * MaxBurstLength (13.13) is not enforced on Data-In: what it protects is the
 * receiver's buffer, ours is the whole command's, and tgt sends each read as a
 * single sequence.
 */
#ifndef _HWS_PROTO_READ_H
#define _HWS_PROTO_READ_H

#include "extents.h"
#include "pdu.h"
#include "violation.h"

/* What was negotiated for the session, as far as reads care. */
struct hws_read_rules {
	bool pdu_in_order;	/* DataPDUInOrder */
	bool sequence_in_order;	/* DataSequenceInOrder */
};

struct hws_read {
	u32 expected;		/* Expected Data Transfer Length */
	u32 received;		/* bytes, each counted once */
	u32 data_sn;		/* of the next PDU */
	u32 next;		/* offset after the last PDU's data */
	u32 floor;		/* end of the sequences that are complete */
	u32 top;		/* highest end of any PDU */
	bool in_sequence;	/* the last PDU was not final */
	struct hws_extents *extents;	/* only when data may be out of order */
};

/*
 * @extents: storage that lives as long as @r, or NULL when both settings of
 * order are Yes.
 */
static inline void hws_read_init(struct hws_read *r, u32 expected,
				 struct hws_extents *extents)
{
	r->expected = expected;
	r->received = 0;
	r->data_sn = 0;
	r->next = 0;
	r->floor = 0;
	r->top = 0;
	r->in_sequence = false;
	r->extents = extents;
	if (extents)
		hws_extents_init(extents);
}

/* Bytes from the first on without a hole. */
static inline u32 hws_read_front(const struct hws_read *r)
{
	return r->extents ? hws_extents_front(r->extents) : r->received;
}

/*
 * Judges a Data-In header before its data is taken. When it returns HWS_V_NONE
 * the data is counted as received and belongs at BufferOffset.
 */
enum hws_violation hws_read_data_in(struct hws_read *r,
				    const struct hws_read_rules *rules,
				    const union hws_header *h);

#endif /* _HWS_PROTO_READ_H */
