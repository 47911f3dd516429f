// SPDX-License-Identifier: GPL-2.0-only
#include "text.h"

void hws_text_init(struct hws_text *t, u32 length, u32 limit)
{
	memset(t, 0, sizeof(*t));
	t->length = length;
	t->limit = limit;
	t->ttt = HWS_RESERVED_TAG;
}

u32 hws_text_request(struct hws_text *t, u32 max_data_segment_length,
		     union hws_header *h)
{
	const u32 offset = t->sent;
	u32 n = 0;

	if (!t->resetting) {
		n = t->length - t->sent;
		if (n > max_data_segment_length)
			n = max_data_segment_length;
		t->sent += n;
		t->asked = t->sent == t->length;
	}
	h->text.flags = t->asked || t->resetting ? HWS_FLAG_FINAL :
						   HWS_FLAG_CONTINUE;
	hws_set_data_length(h, n);
	memcpy(h->text.lun, t->lun, sizeof(t->lun));
	h->text.ttt = cpu_to_be32(t->ttt);
	return offset;
}

/* The Target Transfer Tag of a final answer is ignored (section 11.10.4). */
static enum hws_violation check(const struct hws_text *t,
				const union hws_header *h)
{
	const bool final = h->text_response.flags & HWS_FLAG_FINAL;

	if (final && (h->text_response.flags & HWS_FLAG_CONTINUE))
		return HWS_V_TEXT_FLAGS;
	if (final && !t->asked)
		return HWS_V_TEXT_FINAL;
	if (!final && h->text_response.ttt == cpu_to_be32(HWS_RESERVED_TAG))
		return HWS_V_TEXT_TAG;
	if (!t->asked && hws_data_length(h))
		return HWS_V_TEXT_EARLY;
	return HWS_V_NONE;
}

static enum hws_text_failure take(struct hws_text *t, u32 length)
{
	if (length > hws_text_room(t))
		return HWS_TEXT_TOO_LONG;
	t->received += length;
	/* To what is not all of a request it must be empty. */
	if (length || !t->asked)
		t->empty = 0;
	else if (++t->empty > HWS_TEXT_EMPTY_MAX)
		return HWS_TEXT_ENDLESS;
	return HWS_TEXT_HOLDS;
}

enum hws_text_step hws_text_response(struct hws_text *t,
				     const union hws_header *h,
				     enum hws_violation *v)
{
	const bool final = h->text_response.flags & HWS_FLAG_FINAL;

	*v = HWS_V_NONE;
	if (t->resetting)
		return HWS_TEXT_DONE;
	*v = check(t, h);
	t->failure = *v ? HWS_TEXT_BROKEN : take(t, hws_data_length(h));
	if (final)
		return HWS_TEXT_DONE;

	t->resetting = t->failure != HWS_TEXT_HOLDS;
	if (t->resetting) {
		t->ttt = HWS_RESERVED_TAG;
		memset(t->lun, 0, sizeof(t->lun));
	} else {
		t->ttt = be32_to_cpu(h->text_response.ttt);
		memcpy(t->lun, h->text_response.lun, sizeof(t->lun));
	}
	return HWS_TEXT_ASK;
}
