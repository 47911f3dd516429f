// SPDX-License-Identifier: GPL-2.0-only
#include "check.h"

static enum hws_violation check_data_in(const union hws_header *h)
{
	const u8 flags = h->data_in.flags;

	/*
	 * With status, this is the last PDU (F) of the command. The residual
	 * flags exclude each other, and mean nothing without status. A PDU
	 * with neither data nor status is wasteful but legal (11.7.7), and the
	 * A bit is ignored at ErrorRecoveryLevel 0 (11.7.2).
	 */
	if (!(flags & HWS_DATA_IN_STATUS))
		return HWS_V_NONE;
	if (!(flags & HWS_FLAG_FINAL))
		return HWS_V_DATA_IN_FLAGS;
	if ((flags & HWS_RESPONSE_OVERFLOW) && (flags & HWS_RESPONSE_UNDERFLOW))
		return HWS_V_RESPONSE_FLAGS;
	return HWS_V_NONE;
}

static enum hws_violation check_response(const union hws_header *h)
{
	const u8 flags = h->response.flags;

	/* Of a command that the target could not execute they are undefined. */
	if (h->response.response != HWS_RESPONSE_COMPLETED)
		return HWS_V_NONE;
	if (!(flags & HWS_FLAG_FINAL))
		return HWS_V_FINAL;
	if ((flags & HWS_RESPONSE_OVERFLOW) && (flags & HWS_RESPONSE_UNDERFLOW))
		return HWS_V_RESPONSE_FLAGS;
	return HWS_V_NONE;
}

static enum hws_violation check_r2t(const union hws_header *h)
{
	if (!(h->r2t.flags & HWS_FLAG_FINAL))
		return HWS_V_FINAL;
	if (hws_data_length(h))
		return HWS_V_NO_DATA_ALLOWED;
	if (h->r2t.ttt == cpu_to_be32(HWS_RESERVED_TAG))
		return HWS_V_R2T_TAG;
	return HWS_V_NONE;
}

static enum hws_violation check_no_data(const union hws_header *h)
{
	if (!(h->bhs.flags & HWS_FLAG_FINAL))
		return HWS_V_FINAL;
	return hws_data_length(h) ? HWS_V_NO_DATA_ALLOWED : HWS_V_NONE;
}

/*
 * An answer has a task tag, a ping a transfer tag, and a NOP-In that only brings
 * a new MaxCmdSN has neither; but for an answer there is no data (11.19).
 */
static enum hws_violation check_nop_in(const union hws_header *h)
{
	const __be32 none = cpu_to_be32(HWS_RESERVED_TAG);

	if (!(h->nop_in.flags & HWS_FLAG_FINAL))
		return HWS_V_FINAL;
	if (h->nop_in.itt != none)
		return h->nop_in.ttt != none ? HWS_V_PING : HWS_V_NONE;
	return hws_data_length(h) ? HWS_V_NO_DATA_ALLOWED : HWS_V_NONE;
}

/* F, C and the transfer tag are judged with the exchange, in text.c. */
static enum hws_violation check_text(const union hws_header *h)
{
	if (h->text_response.itt == cpu_to_be32(HWS_RESERVED_TAG))
		return HWS_V_TAG;
	return HWS_V_NONE;
}

static enum hws_violation check_async(const union hws_header *h)
{
	if (!(h->async.flags & HWS_FLAG_FINAL))
		return HWS_V_FINAL;
	if (h->async.itt != cpu_to_be32(HWS_RESERVED_TAG))
		return HWS_V_ASYNC;
	return HWS_V_NONE;
}

static enum hws_violation check_reject(const union hws_header *h)
{
	if (!(h->reject.flags & HWS_FLAG_FINAL))
		return HWS_V_FINAL;
	/* The data segment is the header of the PDU that is rejected. */
	return hws_data_length(h) < HWS_BHS_LEN ? HWS_V_REJECT : HWS_V_NONE;
}

enum hws_violation hws_check_header(const union hws_header *h,
				    u32 max_recv_data_segment_length)
{
	if (h->bhs.ahs_words)
		return HWS_V_AHS;
	if (hws_data_length(h) > max_recv_data_segment_length)
		return HWS_V_LENGTH;
	/* The two high bits of a response's opcode byte are reserved. */
	switch (hws_opcode(h)) {
	case HWS_OP_DATA_IN:
		return check_data_in(h);
	case HWS_OP_SCSI_RESPONSE:
		return check_response(h);
	case HWS_OP_R2T:
		return check_r2t(h);
	case HWS_OP_NOP_IN:
		return check_nop_in(h);
	case HWS_OP_TMF_RESPONSE:
	case HWS_OP_LOGOUT_RESPONSE:
		return check_no_data(h);
	case HWS_OP_TEXT_RESPONSE:
		return check_text(h);
	case HWS_OP_ASYNC_MESSAGE:
		return check_async(h);
	case HWS_OP_REJECT:
		return check_reject(h);
	default:
		return HWS_V_OPCODE;
	}
}

bool hws_has_stat_sn(const union hws_header *h)
{
	return hws_opcode(h) != HWS_OP_DATA_IN ||
	       (h->data_in.flags & HWS_DATA_IN_STATUS);
}

bool hws_counts_stat_sn(const union hws_header *h)
{
	switch (hws_opcode(h)) {
	case HWS_OP_R2T:
		/* carries the next StatSN without using it up (11.8.3) */
		return false;
	case HWS_OP_NOP_IN:
		/* a ping of the target does not either (11.19.2) */
		return h->nop_in.itt != cpu_to_be32(HWS_RESERVED_TAG);
	default:
		return hws_has_stat_sn(h);
	}
}
