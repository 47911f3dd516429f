// SPDX-License-Identifier: GPL-2.0-only
#include "read.h"

/* Data that lies within the command's: may it come now? */
static enum hws_violation place(struct hws_read *r,
				const struct hws_read_rules *rules,
				u32 offset, u32 length)
{
	if (!r->extents)
		return offset == r->received ? HWS_V_NONE :
					       HWS_V_DATA_IN_ORDER;

	if (rules->pdu_in_order && r->in_sequence && offset != r->next)
		return HWS_V_DATA_IN_ORDER;
	if (rules->sequence_in_order && offset < r->floor)
		return HWS_V_DATA_IN_ORDER;

	switch (hws_extents_add(r->extents, offset, length)) {
	case HWS_EXTENTS_ADDED:
		return HWS_V_NONE;
	case HWS_EXTENTS_FULL:
		return HWS_V_DATA_IN_PIECES;
	default:
		return HWS_V_DATA_IN_ORDER;
	}
}

enum hws_violation hws_read_data_in(struct hws_read *r,
				    const struct hws_read_rules *rules,
				    const union hws_header *h)
{
	const u32 length = hws_data_length(h);
	const u32 offset = be32_to_cpu(h->data_in.offset);
	enum hws_violation v;

	if (!r->expected && length)
		return HWS_V_DATA_IN_WRITE;
	if (be32_to_cpu(h->data_in.data_sn) != r->data_sn)
		return HWS_V_DATA_SN;

	if (length) {
		if (offset > r->expected || length > r->expected - offset)
			return HWS_V_DATA_IN_BEYOND;
		v = place(r, rules, offset, length);
		if (v)
			return v;
		r->received += length;
		r->next = offset + length;
		if (r->next > r->top)
			r->top = r->next;
		r->in_sequence = true;
	}

	r->data_sn++;
	if (h->data_in.flags & HWS_FLAG_FINAL) {
		r->in_sequence = false;
		r->floor = r->top;
	}
	return HWS_V_NONE;
}
