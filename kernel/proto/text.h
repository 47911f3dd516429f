/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A Text exchange in full feature phase (RFC 7143 sections 6.2, 11.10 and 11.11)
 * as the side that asks sees it, in five sentences. The request's text goes out
 * in as many PDUs as the target's MaxRecvDataSegmentLength makes of it, C set in
 * all but the last, which has F; to each the target answers without text. Then
 * its answer comes, in one PDU or in many, and every one without F is answered by
 * an empty request that gives back its Target Transfer Tag and LUN. An exchange
 * that cannot go on (the answer is over the limit, has no end, or breaks the
 * rules) is reset by an empty request with the reserved tag, unless the target
 * itself has ended it. The answer to that, whatever it is, ends the exchange.
 * Parameters are no concern of this code: it carries text.
 */
#ifndef _HWS_PROTO_TEXT_H
#define _HWS_PROTO_TEXT_H

#include "pdu.h"
#include "violation.h"

/* Answers without text, in a row, until the target is given up. */
enum { HWS_TEXT_EMPTY_MAX = 16 };

enum hws_text_failure {
	HWS_TEXT_HOLDS,
	HWS_TEXT_TOO_LONG,	/* the answer is over the limit */
	HWS_TEXT_ENDLESS,	/* HWS_TEXT_EMPTY_MAX */
	HWS_TEXT_BROKEN,	/* a violation */
};

enum hws_text_step {
	HWS_TEXT_ASK,		/* another request is to be sent */
	HWS_TEXT_DONE,
};

struct hws_text {
	u32 length;		/* bytes of the request's text */
	u32 sent;		/* of those, in PDUs */
	u32 limit;		/* bytes of an answer that are taken */
	u32 received;
	u32 ttt;		/* of the next request */
	u8 lun[HWS_LUN_BYTES];	/* likewise, as on the wire */
	u8 empty;		/* answers without text, in a row */
	u8 failure;		/* enum hws_text_failure */
	bool asked;		/* all of the request is out, F was set */
	bool resetting;
};

void hws_text_init(struct hws_text *t, u32 length, u32 limit);

/*
 * Fills flags, DataSegmentLength, LUN and Target Transfer Tag of the next
 * request; the rest of @h is the caller's. Returns where in the text its data
 * begins. @max_data_segment_length: what the target declared.
 */
u32 hws_text_request(struct hws_text *t, u32 max_data_segment_length,
		     union hws_header *h);

/* How many bytes of a PDU that comes now have a place in the answer. */
static inline u32 hws_text_room(const struct hws_text *t)
{
	return t->resetting ? 0 : t->limit - t->received;
}

/*
 * A whole Text Response. @v: what it breaks, or HWS_V_NONE; that is the matter
 * of this exchange alone. With HWS_TEXT_DONE the answer is whole when
 * t->failure is HWS_TEXT_HOLDS.
 */
enum hws_text_step hws_text_response(struct hws_text *t,
				     const union hws_header *h,
				     enum hws_violation *v);

#endif /* _HWS_PROTO_TEXT_H */
