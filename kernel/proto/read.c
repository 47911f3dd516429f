// SPDX-License-Identifier: GPL-2.0-only
#include "read.h"

enum hws_violation hws_read_data_in(struct hws_read *r,
				    const struct hws_read_rules *rules,
				    const union hws_header *h)
{
	const u32 length = hws_data_length(h);
	const u32 offset = be32_to_cpu(h->data_in.offset);

	if (!r->expected)
		return length ? HWS_V_DATA_IN_WRITE : HWS_V_DATA_IN_EMPTY;

	if (be32_to_cpu(h->data_in.data_sn) != r->data_sn)
		return HWS_V_DATA_SN;

	if (length) {
		if (offset > r->expected || length > r->expected - offset)
			return HWS_V_DATA_IN_BEYOND;
		if (r->burst + length > rules->max_burst_length)
			return HWS_V_DATA_IN_BURST;

		/*
		 * In order, the next byte is the number received. A sequence
		 * whose PDUs are in order, out of order as a whole, is told
		 * apart from disorder within it only by its extents.
		 */
		if (!r->extents) {
			if (offset != r->received)
				return HWS_V_DATA_IN_ORDER;
		} else if (!hws_extents_add(r->extents, offset, length)) {
			return HWS_V_DATA_IN_ORDER;
		}
		r->received += length;
		r->burst += length;
	}

	r->data_sn++;
	if (h->data_in.flags & HWS_FLAG_FINAL)
		r->burst = 0;
	return HWS_V_NONE;
}
