/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The data of a command that writes: what goes with the command, what follows
 * unasked, which R2Ts are legal, and how a sequence is cut into Data-Out PDUs.
 * RFC 7143 sections 4.2.5.2, 11.7, 11.8, 13.10, 13.11, 13.13, 13.14, 13.17.
 */
#ifndef _HWS_PROTO_WRITE_H
#define _HWS_PROTO_WRITE_H

#include "extents.h"
#include "pdu.h"
#include "violation.h"

struct hws_write_rules {
	u32 first_burst_length;
	u32 max_burst_length;
	u32 max_outstanding_r2t;
	u32 max_data_segment_length; /* the target's, of this connection */
	bool initial_r2t;
	bool immediate_data;
	bool sequence_in_order;
};

/* A run of data to be sent: unsolicited, or what an R2T asked for. */
struct hws_sequence {
	u32 offset;	/* of the next byte to send */
	u32 left;
	u32 ttt;	/* Target Transfer Tag, HWS_RESERVED_TAG if unsolicited */
	u32 again;	/* bytes of it that were sent or asked for before */
};

/* Those that a write still has to send, in order, the first one perhaps in part. */
struct hws_sequence_ring {
	struct hws_sequence *at;	/* the owner's storage */
	u16 size;
	u16 head;
	u16 count;
};

struct hws_write {
	u32 expected;		/* bytes that the command writes */
	u32 r2t_sn;		/* of the next R2T */
	u32 solicited_to;	/* end of what is sent or asked for, in order */
	u32 data_sn;		/* of the next Data-Out in the sequence */
	u32 sent;		/* bytes in PDUs that were built, each once */
	struct hws_extents *extents; /* only when R2Ts may be out of order */
};

/* How a write begins: three lengths that follow each other from offset 0. */
struct hws_write_plan {
	u32 immediate;		/* in the command PDU itself */
	u32 unsolicited;	/* in Data-Out PDUs that no R2T asks for */
};

/*
 * @extents: storage that lives as long as @w, or NULL when DataSequenceInOrder
 * is Yes. Plans the beginning and counts it as sent.
 */
struct hws_write_plan hws_write_init(struct hws_write *w, u32 expected,
				     const struct hws_write_rules *rules,
				     struct hws_extents *extents);

/* What may an R2T ask for, whatever was asked for before? */
enum hws_violation hws_write_r2t_range(const struct hws_write *w,
				       const struct hws_write_rules *rules,
				       const union hws_header *h);

/*
 * Judges an R2T. @outstanding: R2Ts of this task that are not yet answered
 * whole. On HWS_V_NONE @seq is what it asks for.
 */
enum hws_violation hws_write_r2t(struct hws_write *w,
				 const struct hws_write_rules *rules,
				 const union hws_header *h, u32 outstanding,
				 struct hws_sequence *seq);

/*
 * Builds the next Data-Out of @seq, which has data left, into @h, except for
 * LUN, ITT and ExpStatSN, and moves @seq and @w on. Returns the length of its
 * data segment, which begins at the PDU's Buffer Offset.
 */
u32 hws_write_data_out(struct hws_write *w, const struct hws_write_rules *rules,
		       struct hws_sequence *seq, union hws_header *h);

/* @ring has room for it. */
void hws_sequences_add(struct hws_sequence_ring *ring,
		       const struct hws_sequence *seq);

/*
 * @seq asks again for what @ring still has to send: an R2T is outstanding until its
 * data was sent or the target has waited long enough for it (section 13.17), which
 * on a slow path may well be before we come to it. What is left of such R2Ts is taken
 * out, or it would be sent as often as the target asked. Returns how many bytes of it
 * were never sent.
 */
u32 hws_sequences_supersede(struct hws_sequence_ring *ring, struct hws_write *w,
			    const struct hws_sequence *seq);

#endif /* _HWS_PROTO_WRITE_H */
