// SPDX-License-Identifier: GPL-2.0-only
#include "frame.h"

void hws_frame_init(struct hws_frame *f, bool header_digest, bool data_digest)
{
	memset(f, 0, sizeof(*f));
	f->header_digest = header_digest;
	f->data_digest = data_digest;
}

static enum hws_frame_event has_header(struct hws_frame *f)
{
	f->filled = 0;
	f->left = hws_data_length(&f->header);
	f->state = f->left ? HWS_FRAME_DATA : HWS_FRAME_PDU_END;
	return HWS_FRAME_HAS_HEADER;
}

static void after_data(struct hws_frame *f)
{
	f->state = f->data_digest ? HWS_FRAME_DATA_DIGEST : HWS_FRAME_PDU_END;
}

/* Collects a header or a digest; true when it is whole. */
static bool collect(struct hws_frame *f, u8 *to, u8 whole, const u8 *in,
		    size_t length, size_t *used)
{
	size_t n = whole - f->filled;

	if (n > length)
		n = length;
	memcpy(to + f->filled, in, n);
	f->filled += n;
	*used += n;
	return f->filled == whole;
}

static size_t pass(struct hws_frame *f, size_t length)
{
	size_t n = f->left < length ? f->left : length;

	f->left -= n;
	return n;
}

enum hws_frame_event hws_frame_step(struct hws_frame *f, const u8 *in,
				    size_t length, size_t *used)
{
	*used = 0;

	switch (f->state) {
	case HWS_FRAME_PDU_END:
		f->state = HWS_FRAME_HEADER;
		return HWS_FRAME_HAS_PDU;

	case HWS_FRAME_HEADER:
		if (!collect(f, f->header.bytes, HWS_BHS_LEN, in, length, used))
			return HWS_FRAME_MORE;
		if (f->header.bhs.ahs_words)
			return HWS_FRAME_BROKEN;
		if (!f->header_digest)
			return has_header(f);
		f->state = HWS_FRAME_HEADER_DIGEST;
		f->filled = 0;
		in += *used;
		length -= *used;
		fallthrough;
	case HWS_FRAME_HEADER_DIGEST:
		if (!collect(f, f->digest, HWS_DIGEST_LEN, in, length, used))
			return HWS_FRAME_MORE;
		return has_header(f);

	case HWS_FRAME_DATA:
		if (!length)
			return HWS_FRAME_MORE;
		*used = pass(f, length);
		if (!f->left) {
			f->left = hws_pad(hws_data_length(&f->header));
			if (f->left)
				f->state = HWS_FRAME_PAD;
			else
				after_data(f);
		}
		return HWS_FRAME_HAS_DATA;

	case HWS_FRAME_PAD:
		if (!length)
			return HWS_FRAME_MORE;
		*used = pass(f, length);
		if (!f->left)
			after_data(f);
		return HWS_FRAME_HAS_PAD;

	case HWS_FRAME_DATA_DIGEST:
		if (!collect(f, f->digest, HWS_DIGEST_LEN, in, length, used))
			return HWS_FRAME_MORE;
		f->filled = 0;
		f->state = HWS_FRAME_HEADER;
		return HWS_FRAME_HAS_PDU;
	}
	return HWS_FRAME_BROKEN;
}
