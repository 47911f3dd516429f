// SPDX-License-Identifier: GPL-2.0-only
#include "write.h"

static u32 min_u32(u32 a, u32 b)
{
	return a < b ? a : b;
}

/*
 * The data segment of a PDU: all that is @left, or else as many whole words as
 * the target takes, so that the next PDU begins at one (section 11.7.7).
 */
static u32 segment(u32 left, u32 most)
{
	return left <= most ? left : most - most % HWS_PAD_TO;
}

struct hws_write_plan hws_write_init(struct hws_write *w, u32 expected,
				     const struct hws_write_rules *rules,
				     struct hws_extents *extents)
{
	struct hws_write_plan plan = { 0, 0 };

	w->expected = expected;
	w->r2t_sn = 0;
	w->data_sn = 0;
	w->extents = extents;
	if (extents)
		hws_extents_init(extents);

	/*
	 * Immediate data counts against FirstBurstLength, and so does what
	 * follows unasked: together they end there or at the command's end
	 * (section 13.14).
	 */
	if (rules->immediate_data)
		plan.immediate = segment(expected,
			min_u32(rules->first_burst_length,
				rules->max_data_segment_length));
	if (!rules->initial_r2t)
		plan.unsolicited = min_u32(expected, rules->first_burst_length) -
				   plan.immediate;

	w->solicited_to = plan.immediate + plan.unsolicited;
	w->sent = plan.immediate;
	if (extents && w->solicited_to)
		hws_extents_add(extents, 0, w->solicited_to);
	return plan;
}

enum hws_violation hws_write_r2t_range(const struct hws_write *w,
				       const struct hws_write_rules *rules,
				       const union hws_header *h)
{
	const u32 offset = be32_to_cpu(h->r2t.offset);
	const u32 length = be32_to_cpu(h->r2t.desired_length);

	if (!length || length > rules->max_burst_length)
		return HWS_V_R2T_LENGTH;
	if (offset > w->expected || length > w->expected - offset)
		return HWS_V_R2T_RANGE;
	return HWS_V_NONE;
}

enum hws_violation hws_write_r2t(struct hws_write *w,
				 const struct hws_write_rules *rules,
				 const union hws_header *h, u32 outstanding,
				 struct hws_sequence *seq)
{
	const u32 offset = be32_to_cpu(h->r2t.offset);
	const u32 length = be32_to_cpu(h->r2t.desired_length);
	enum hws_violation v;

	if (!w->expected)
		return HWS_V_R2T_READ;
	if (be32_to_cpu(h->r2t.r2t_sn) != w->r2t_sn)
		return HWS_V_R2T_SN;
	if (outstanding >= rules->max_outstanding_r2t)
		return HWS_V_R2T_COUNT;
	v = hws_write_r2t_range(w, rules, h);
	if (v)
		return v;

	if (!w->extents) {
		if (offset != w->solicited_to)
			return HWS_V_R2T_ORDER;
		w->solicited_to = offset + length;
	} else {
		switch (hws_extents_add(w->extents, offset, length)) {
		case HWS_EXTENTS_ADDED:
			break;
		case HWS_EXTENTS_FULL:
			return HWS_V_R2T_PIECES;
		default:
			return HWS_V_R2T_ORDER;
		}
	}

	w->r2t_sn++;
	seq->offset = offset;
	seq->left = length;
	seq->ttt = be32_to_cpu(h->r2t.ttt);
	seq->again = 0;
	return HWS_V_NONE;
}

u32 hws_write_data_out(struct hws_write *w, const struct hws_write_rules *rules,
		       struct hws_sequence *seq, union hws_header *h)
{
	const u32 length = segment(seq->left, rules->max_data_segment_length);
	const u32 again = min_u32(length, seq->again);

	memset(h, 0, sizeof(*h));
	h->data_out.opcode = HWS_OP_DATA_OUT;
	h->data_out.ttt = cpu_to_be32(seq->ttt);
	h->data_out.data_sn = cpu_to_be32(w->data_sn);
	h->data_out.offset = cpu_to_be32(seq->offset);
	hws_set_data_length(h, length);

	seq->offset += length;
	seq->left -= length;
	seq->again -= again;
	w->sent += length - again;
	if (seq->left) {
		w->data_sn++;
	} else {
		/* DataSN begins anew with each sequence (section 11.7.5) */
		h->data_out.flags = HWS_FLAG_FINAL;
		w->data_sn = 0;
	}
	return length;
}

static struct hws_sequence *in_ring(const struct hws_sequence_ring *ring, u16 i)
{
	return &ring->at[(ring->head + i) % ring->size];
}

void hws_sequences_add(struct hws_sequence_ring *ring,
		       const struct hws_sequence *seq)
{
	*in_ring(ring, ring->count++) = *seq;
}

u32 hws_sequences_supersede(struct hws_sequence_ring *ring, struct hws_write *w,
			    const struct hws_sequence *seq)
{
	const u32 end = seq->offset + seq->left;
	u32 unsent = 0;
	u16 i, kept = 0;

	for (i = 0; i < ring->count; i++) {
		const struct hws_sequence *old = in_ring(ring, i);

		if (old->ttt == HWS_RESERVED_TAG || old->offset < seq->offset ||
		    old->offset + old->left > end) {
			*in_ring(ring, kept++) = *old;
			continue;
		}
		unsent += old->left - old->again;
		/* The one under way, if it was, has no PDU more. */
		if (!i)
			w->data_sn = 0;
	}
	ring->count = kept;
	return unsent;
}
