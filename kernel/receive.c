// SPDX-License-Identifier: GPL-2.0-only
/*
 * From TCP to tasks.
 *
 * TCP calls sk_data_ready with the socket locked; we read all that it has, in
 * place. The stream is cut into PDUs by proto/frame.c, which says for each run
 * of bytes what it is; Data-In goes straight into the command's pages, text to
 * the rest of its answer, other data segments into a small buffer, and what has
 * no taker is dropped. The
 * digest is computed on the way, over the bytes as they came.
 *
 * Receiving never sends: what it wants sent, it queues, and wakes the worker. When
 * the queue of answers to the target's pings is full it stops, and TCP tells the
 * target by its window, until half of them are sent: an answer that is left out may
 * cost the connection (section 11.18). A target that sends so many, and so much
 * behind them, and reads nothing meanwhile, is one whose connection time-outs end.
 */
#include <linux/skbuff.h>
#include <net/tcp.h>

#include "compat/compat.h"
#include "connection.h"
#include "digest.h"
#include "log.h"
#include "repair.h"
#include "proto/violation.h"
#include "session.h"
#include "stats.h"
#include "task.h"

/* Counts and logs what is wrong with the PDU at hand. */
void hws_violation_report(struct hws_conn *conn, enum hws_violation v)
{
	const union hws_header *h = &conn->in.frame.header;

	HWS_COUNT_CONN(conn, PROTOCOL_ERRORS, 1);
	hws_err(conn->session,
		"the target broke the protocol: %s (RFC 7143 section %s; opcode 0x%02x, flags 0x%02x, ITT 0x%08x)",
		hws_violation_text(v), hws_violation_section(v),
		hws_opcode(h), h->bhs.flags, be32_to_cpu(h->bhs.itt));
}

/* We and the target no longer agree on what the stream means. */
static void violation(struct hws_conn *conn, enum hws_violation v)
{
	hws_violation_report(conn, v);
	hws_conn_lost(conn, HWS_LOSS_PROTOCOL);
}

/* False ends the stream. */
static bool header_done(struct hws_conn *conn)
{
	struct hws_in *in = &conn->in;
	enum hws_violation v;

	if (in->frame.header_digest) {
		const u8 *bytes = in->frame.header.bytes;
		__le32 digest = cpu_to_le32(~hws_crc32c(~0, bytes, HWS_BHS_LEN));

		if (memcmp(&digest, in->frame.digest, sizeof(digest))) {
			HWS_COUNT_CONN(conn, DIGEST_ERRORS, 1);
			hws_err(conn->session, "a header digest is wrong");
			hws_conn_lost(conn, HWS_LOSS_HEADER_DIGEST);
			return false;
		}
	}
	in->task = NULL;
	in->to = in->keep;
	in->room = HWS_IN_KEEP;
	in->kept = 0;
	in->crc = ~0;
	v = hws_response_header(conn);
	if (v) {
		violation(conn, v);
		return false;
	}
	return true;
}

static void take_data(struct hws_conn *conn, const u8 *data, u32 length)
{
	struct hws_in *in = &conn->in;

	if (in->frame.data_digest)
		in->crc = hws_crc32c(in->crc, data, length);
	if (in->task) {
		hws_cursor_fill(&in->task->cursor, data, length);
	} else {
		u32 n = min(length, in->room - in->kept);

		memcpy(in->to + in->kept, data, n);
		in->kept += n;
	}
}

static bool pdu_done(struct hws_conn *conn)
{
	struct hws_in *in = &conn->in;
	enum hws_violation v;

	if (in->frame.data_digest && hws_data_length(&in->frame.header)) {
		__le32 digest = cpu_to_le32(~in->crc);

		if (memcmp(&digest, in->frame.digest, sizeof(digest))) {
			HWS_COUNT_CONN(conn, DIGEST_ERRORS, 1);
			if (conn->repairs)
				return hws_repair_damaged(conn,
							  &in->frame.header);
			hws_err(conn->session, "a data digest is wrong");
			hws_conn_lost(conn, HWS_LOSS_DATA_DIGEST);
			return false;
		}
	}
	v = hws_response_pdu(conn);
	if (v) {
		violation(conn, v);
		return false;
	}
	return true;
}

/* False when the stream cannot be read on. @left: bytes behind a PDU that waits. */
static bool take_bytes(struct hws_conn *conn, const u8 *data, size_t length,
		       size_t *left)
{
	struct hws_in *in = &conn->in;
	size_t used;

	*left = 0;
	for (;;) {
		switch (hws_frame_step(&in->frame, data, length, &used)) {
		case HWS_FRAME_MORE:
			return true;
		case HWS_FRAME_HAS_HEADER:
			if (!header_done(conn))
				return false;
			break;
		case HWS_FRAME_HAS_DATA:
			take_data(conn, data, used);
			break;
		case HWS_FRAME_HAS_PAD:
			if (in->frame.data_digest)
				in->crc = hws_crc32c(in->crc, data, used);
			break;
		case HWS_FRAME_HAS_PDU:
			if (!pdu_done(conn))
				return false;
			if (unlikely(conn->paused)) {
				*left = length - used;
				return true;
			}
			break;
		case HWS_FRAME_BROKEN:
			violation(conn, HWS_V_AHS);
			return false;
		}
		data += used;
		length -= used;
	}
}

static int take_skb(read_descriptor_t *desc, struct sk_buff *skb,
		    unsigned int offset, size_t length)
{
	struct hws_conn *conn = desc->arg.data;
	struct skb_seq_state seq;
	unsigned int done = 0, n;
	const u8 *data;
	size_t left;

	if (conn->in.dead)
		return length;
	if (conn->paused)
		return 0;
	skb_prepare_seq_read(skb, offset, offset + length, &seq);
	while ((n = skb_seq_read(done, &data, &seq))) {
		if (!take_bytes(conn, data, n, &left)) {
			conn->in.dead = true;
			/* Of a dead stream the rest is dropped. */
			done = length;
			skb_abort_seq_read(&seq);
			break;
		}
		done += n - left;
		if (unlikely(conn->paused)) {
			skb_abort_seq_read(&seq);
			break;
		}
	}
	HWS_COUNT_CONN(conn, RX_OCTETS, done);
	return done;
}

/**
 * hws_receive - take what TCP has
 * @conn: the connection
 * @sk: its socket, locked by the caller or in TCP's softirq
 *
 * While the target's own pings wait for their answers, and there is no room for
 * more, the rest stays with TCP: who sends them comes here again.
 */
void hws_receive(struct hws_conn *conn, struct sock *sk)
{
	read_descriptor_t desc = {
		.arg.data = conn,
		.count = 1,
	};

	conn->last_recv = jiffies;
	tcp_read_sock(sk, &desc, take_skb);
}
