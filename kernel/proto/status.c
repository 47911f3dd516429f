// SPDX-License-Identifier: GPL-2.0-only
#include "status.h"

bool hws_status_is_good(u8 status)
{
	switch (status) {
	case 0x00:	/* GOOD */
	case 0x04:	/* CONDITION MET */
	case 0x10:	/* INTERMEDIATE */
	case 0x14:	/* INTERMEDIATE-CONDITION MET */
		return true;
	default:
		return false;
	}
}

enum hws_violation hws_status_outcome(const union hws_header *h,
				      const struct hws_transfer *t,
				      struct hws_outcome *o)
{
	const bool in_data_in = hws_opcode(h) == HWS_OP_DATA_IN;
	const u8 flags = in_data_in ? h->data_in.flags : h->response.flags;
	const u32 residual = be32_to_cpu(in_data_in ? h->data_in.residual :
						      h->response.residual);

	o->status = in_data_in ? h->data_in.status : h->response.status;
	o->target_failure = !in_data_in &&
			    h->response.response != HWS_RESPONSE_COMPLETED;
	o->residual = 0;
	o->overflow = false;
	o->missing = false;

	/* Without "completed" only the response code means anything (11.4.3). */
	if (o->target_failure)
		return HWS_V_NONE;
	if (in_data_in && !hws_status_is_good(o->status))
		return HWS_V_DATA_IN_STATUS;

	if (flags & HWS_RESPONSE_UNDERFLOW) {
		if (residual > t->expected)
			return HWS_V_RESIDUAL;
		o->residual = residual;
	} else if (flags & HWS_RESPONSE_OVERFLOW) {
		o->overflow = true;
	}

	/*
	 * A command that failed may have stopped anywhere. Of a read, no more
	 * than what came counts, whatever the target says, and that up to the
	 * first hole: what lies before an error is taken for good.
	 */
	if (!hws_status_is_good(o->status)) {
		if (t->reads && o->residual < t->expected - t->in_front) {
			o->residual = t->expected - t->in_front;
			o->missing = true;
		}
		return HWS_V_NONE;
	}

	/*
	 * Otherwise every byte that the residual does not excuse has moved, and
	 * of a read not one more. ExpDataSN (11.4.8) is not looked at: it could
	 * only say the same again, and LIO and tgt leave it 0.
	 */
	if (t->reads && t->in_front < t->expected - o->residual)
		return HWS_V_DATA_IN_MISSING;
	if (!t->reads && t->moved < t->expected - o->residual)
		return HWS_V_DATA_OUT_MISSING;
	if (t->reads && t->moved > t->expected - o->residual)
		return HWS_V_RESIDUAL;
	return HWS_V_NONE;
}

enum hws_violation hws_status_sense(const union hws_header *h, const u8 *data,
				    u32 have, const u8 **sense, u32 *length)
{
	const u32 segment = hws_data_length(h);

	*sense = NULL;
	*length = 0;
	if (!segment)
		return HWS_V_NONE;
	if (segment < 2 || have < 2)
		return HWS_V_SENSE_LENGTH;

	*length = (u32)data[0] << 8 | data[1];
	if (*length > segment - 2)
		return HWS_V_SENSE_LENGTH;
	if (*length > have - 2)
		*length = have - 2;
	*sense = data + 2;
	return HWS_V_NONE;
}
