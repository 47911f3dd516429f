/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A byte stream cut into PDUs: header, header digest, data, pad, data digest.
 * The stream may be split at any byte. The machine keeps the header and the
 * digest; data passes through to the caller, uncopied.
 *
 * No PDU of a target has additional header segments (RFC 7143 section 11.2.2
 * defines two, both for commands), and their length could not be believed when
 * a header is damaged, so one ends the stream: HWS_FRAME_BROKEN.
 */
#ifndef _HWS_PROTO_FRAME_H
#define _HWS_PROTO_FRAME_H

#include "pdu.h"

enum hws_frame_state {
	HWS_FRAME_HEADER,
	HWS_FRAME_HEADER_DIGEST,
	HWS_FRAME_DATA,
	HWS_FRAME_PAD,
	HWS_FRAME_DATA_DIGEST,
	HWS_FRAME_PDU_END,
};

/* What a step found. */
enum hws_frame_event {
	HWS_FRAME_MORE,		/* all input is consumed */
	/*
	 * The header is whole; with header digests, so is the digest, which the
	 * caller compares before it believes a field.
	 */
	HWS_FRAME_HAS_HEADER,
	HWS_FRAME_HAS_DATA,	/* the bytes consumed are data */
	HWS_FRAME_HAS_PAD,	/* the bytes consumed are pad */
	HWS_FRAME_HAS_PDU,	/* the PDU is whole, its data digest too */
	HWS_FRAME_BROKEN,	/* nothing after this can be read */
};

struct hws_frame {
	union hws_header header;
	u8 digest[HWS_DIGEST_LEN];	/* as received */
	u32 left;			/* bytes of data or pad still to come */
	u8 state;
	u8 filled;			/* bytes of header or digest at hand */
	bool header_digest;
	bool data_digest;
};

/* Begin a stream at a PDU's first byte, with the digests as negotiated. */
void hws_frame_init(struct hws_frame *f, bool header_digest, bool data_digest);

/*
 * Reads from @in until there is something to say, and puts into @used how many
 * of the @length bytes it consumed. HWS_FRAME_HAS_PDU may come without input:
 * go on until HWS_FRAME_MORE, which comes only when @length is used up.
 */
enum hws_frame_event hws_frame_step(struct hws_frame *f, const u8 *in,
				    size_t length, size_t *used);

#endif /* _HWS_PROTO_FRAME_H */
