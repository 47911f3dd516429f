// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which PDU goes next on a connection, and what it looks like.
 *
 * The order: answers to the target's pings; SNACKs; our own requests; then data that
 * was asked for or promised, and commands, in turn, so that neither starves the
 * other. Unsolicited data goes in the order of its commands (RFC 7143 section
 * 4.2.5.2) and before solicited data.
 *
 * PDUs without data are collected in hws_out.head; one with data closes it.
 * Everything here runs under the socket lock.
 */
#include <linux/ioprio.h>
#include <scsi/scsi_cmnd.h>
#include <scsi/scsi_device.h>

#include "compat/compat.h"
#include "connection.h"
#include "digest.h"
#include "proto/command.h"
#include "repair.h"
#include "session.h"
#include "stats.h"
#include "task.h"
#include "trace.h"

static bool has_room(const struct hws_out *out)
{
	return out->head_len + HWS_BHS_LEN + HWS_EXTENDED_CDB_MAX +
		       HWS_DIGEST_LEN <= HWS_OUT_HEAD;
}

static union hws_header *next_header(struct hws_conn *conn)
{
	return &conn->out.next;
}

/* The header is complete: put it, and its digest, behind the others. */
static void close_header(struct hws_conn *conn)
{
	struct hws_out *out = &conn->out;
	u8 *begin = out->head + out->head_len;
	u32 length = HWS_BHS_LEN;

	trace_hws_pdu_sent(conn, &out->next);
	memcpy(begin, out->next.bytes, HWS_BHS_LEN);
	if (unlikely(out->next.bhs.ahs_words)) {
		length += out->next.bhs.ahs_words * 4;
		memcpy(begin + HWS_BHS_LEN, out->ahs, length - HWS_BHS_LEN);
	}
	out->head_len += length;
	if (conn->params.header_digest) {
		__le32 digest = cpu_to_le32(~hws_crc32c(~0, begin, length));

		memcpy(out->head + out->head_len, &digest, sizeof(digest));
		out->head_len += HWS_DIGEST_LEN;
	}
}

static void begin_data(struct hws_conn *conn, struct hws_task *task, u32 length)
{
	struct hws_out *out = &conn->out;

	out->data_left = length;
	out->pad = hws_pad(length);
	out->digest = conn->params.data_digest;
	out->crc = ~0;
	out->task = task;
	HWS_COUNT_CONN(conn, TX_DATA_OCTETS, length);
}

static void send_pong(struct hws_conn *conn)
{
	struct hws_pong *pong = &conn->pongs[conn->pong_head];
	struct hws_nop_out *h = &next_header(conn)->nop_out;

	conn->pong_head = (conn->pong_head + 1) % HWS_PONGS;
	conn->pong_count--;
	if (unlikely(conn->paused) && conn->pong_count <= HWS_PONGS / 2) {
		conn->paused = false;
		conn->receive_later = true;
	}

	memset(h, 0, sizeof(*h));
	h->opcode = HWS_OP_NOP_OUT | HWS_OP_IMMEDIATE;
	h->flags = HWS_FLAG_FINAL;
	memcpy(h->lun, pong->lun, sizeof(h->lun));
	h->itt = cpu_to_be32(HWS_RESERVED_TAG);
	h->ttt = pong->ttt;
	h->cmd_sn = cpu_to_be32(atomic_read(&conn->session->cmd_sn));
	h->exp_stat_sn = cpu_to_be32(conn->exp_stat_sn);
	HWS_COUNT_CONN(conn, TX_NOP_OUT, 1);
	close_header(conn);
}

static void build_ping(struct hws_conn *conn, struct hws_task *task)
{
	struct hws_nop_out *h = &next_header(conn)->nop_out;
	struct hws_request *r = task->request;

	/* What the target takes may have become less since it was asked for. */
	r->length = min(r->length, conn->params.max_xmit_data_segment_length);

	h->opcode = HWS_OP_NOP_OUT | HWS_OP_IMMEDIATE;
	h->flags = HWS_FLAG_FINAL;
	h->itt = cpu_to_be32(task->tag);
	h->ttt = cpu_to_be32(HWS_RESERVED_TAG);
	h->cmd_sn = cpu_to_be32(task->cmd_sn);
	h->exp_stat_sn = cpu_to_be32(conn->exp_stat_sn);
	hws_set_data_length(next_header(conn), r->length);
	r->began_ns = ktime_get_ns();
	conn->ping_active = task;
	conn->retried_behind_ping = false;
	HWS_COUNT_CONN(conn, TX_NOP_OUT, 1);
}

static void build_tmf(struct hws_conn *conn, struct hws_task *task)
{
	struct hws_tmf_request *h = &next_header(conn)->tmf;
	struct hws_request *r = task->request;
	bool names = r->function == HWS_TMF_ABORT_TASK ||
		     r->function == HWS_TMF_QUERY_TASK;
	bool refers = names || r->function == HWS_TMF_TASK_REASSIGN;

	h->opcode = HWS_OP_TMF_REQUEST | HWS_OP_IMMEDIATE;
	h->function = HWS_FLAG_FINAL | r->function;
	memcpy(h->lun, r->lun, sizeof(h->lun));
	h->itt = cpu_to_be32(task->tag);
	h->ref_itt = cpu_to_be32(refers ? r->ref_tag : HWS_RESERVED_TAG);
	h->cmd_sn = cpu_to_be32(task->cmd_sn);
	h->exp_stat_sn = cpu_to_be32(conn->exp_stat_sn);
	h->ref_cmd_sn = cpu_to_be32(names ? r->ref_cmd_sn : 0);
	h->exp_data_sn = cpu_to_be32(r->exp_data_sn);
	if (r->function == HWS_TMF_TASK_REASSIGN) {
		r->crowded = conn->reassigns;
		r->counted = true;
		conn->reassigns++;
	} else {
		conn->tmf_active = task;
	}
	HWS_COUNT_CONN(conn, TX_TMF, 1);
}

/* No request follows on any connection of a session that is closed: section 11.14. */
static void silence(struct hws_session *session)
{
	unsigned int i;

	rcu_read_lock();
	for (i = 0; i < HWS_CONNECTIONS_MAX; i++) {
		struct hws_conn *conn = rcu_dereference(session->conns[i]);

		if (conn)
			WRITE_ONCE(conn->leaving, true);
	}
	rcu_read_unlock();
}

static void build_logout(struct hws_conn *conn, struct hws_task *task)
{
	struct hws_logout_request *h = &next_header(conn)->logout;
	const struct hws_conn *about = task->request->clears ?: conn;

	h->opcode = HWS_OP_LOGOUT_REQUEST | HWS_OP_IMMEDIATE;
	h->reason = HWS_FLAG_FINAL | task->request->function;
	h->itt = cpu_to_be32(task->tag);
	h->cid = cpu_to_be16(task->request->cid);
	if (!task->request->clears)
		WRITE_ONCE(conn->leaving, true);
	if (task->request->function == HWS_LOGOUT_CLOSE_SESSION)
		silence(conn->session);
	h->cmd_sn = cpu_to_be32(task->cmd_sn);
	/* Of the connection that is closed, section 11.14.4; it is at rest. */
	h->exp_stat_sn = cpu_to_be32(about->exp_stat_sn);
	HWS_COUNT_CONN(conn, TX_LOGOUT, 1);
}

/* Returns the data that goes with it. */
static const u8 *build_text(struct hws_conn *conn, struct hws_task *task)
{
	struct hws_text_request *h = &next_header(conn)->text;
	struct hws_request *r = task->request;
	u32 offset;

	offset = hws_text_request(&r->text,
				  conn->params.max_xmit_data_segment_length,
				  next_header(conn));
	h->opcode = HWS_OP_TEXT_REQUEST | HWS_OP_IMMEDIATE;
	h->itt = cpu_to_be32(task->tag);
	h->cmd_sn = cpu_to_be32(task->cmd_sn);
	h->exp_stat_sn = cpu_to_be32(conn->exp_stat_sn);
	conn->text_active = task;
	HWS_COUNT_CONN(conn, TX_TEXT, 1);
	return r->data + offset;
}

/* A Text Request waits for its response, which somebody still wants. */
static bool text_outstanding(const struct hws_conn *conn)
{
	const struct hws_task *text = conn->text_active;

	return text && text->state == HWS_TASK_ACTIVE &&
	       !text->request->abandoned;
}

/*
 * Behind a function that is not answered for long a TASK REASSIGN would outlive its
 * own time, and with it the session; and one behind the other they would take a round
 * trip each, while I/O waits. A target without room for so many rejects what is too
 * much, and is asked again (reassign.c).
 */
static bool tmf_waits(const struct hws_conn *conn, const struct hws_task *task)
{
	if (task->request->function == HWS_TMF_TASK_REASSIGN)
		return conn->reassigns &&
		       READ_ONCE(conn->session->reassigns_one);
	return conn->reassigns || conn->tmf_active;
}

/*
 * A target promises room for one immediate task management function and one
 * other immediate request at a time (section 4.2.2.1), so later ones wait, but for
 * TASK REASSIGN, unless a function waits for room that was asked for before it. And a
 * ping to which any answer will do, the keepalive's own, which is nobody's, among
 * them, does not wait for a Text Response: that may take a while (section 11.10.5),
 * and a Reject is a sign of life too.
 */
static struct hws_task *next_request(const struct hws_conn *conn)
{
	bool waits = false;
	struct hws_task *task;

	list_for_each_entry(task, &conn->requests, entry) {
		if (task->kind == HWS_TASK_TMF &&
		    (waits || tmf_waits(conn, task))) {
			waits |= !conn->tmf_active;
			continue;
		}
		if (task->kind == HWS_TASK_PING &&
		    (conn->ping_active || (text_outstanding(conn) &&
					   !task->request->abandoned &&
					   !task->request->any_answer)))
			continue;
		if (task->kind == HWS_TASK_TEXT &&
		    (conn->ping_active || (conn->text_active &&
					   conn->text_active != task)))
			continue;
		return task;
	}
	return NULL;
}

/* Would hws_out_fill() find a PDU now? Another connection may be quicker. */
bool hws_out_pending(const struct hws_conn *conn)
{
	const struct hws_session *session = conn->session;

	if (READ_ONCE(conn->leaving))
		return false;
	return conn->pong_count || conn->snack || !list_empty(&conn->unsolicited) ||
	       !list_empty(&conn->solicited) || next_request(conn) ||
	       !list_empty(&conn->retries) ||
	       (!list_empty(&conn->commands) &&
		hws_window_open(atomic_read(&session->cmd_sn),
				atomic_read(&session->max_cmd_sn)));
}

static void send_request(struct hws_conn *conn, struct hws_task *task)
{
	const u8 *data = task->request->data;
	u32 length;

	memset(next_header(conn), 0, HWS_BHS_LEN);
	list_del_init(&task->entry);
	task->state = HWS_TASK_ACTIVE;
	/* Immediate: carries the number of the next command, takes none. */
	task->cmd_sn = atomic_read(&conn->session->cmd_sn);

	switch (task->kind) {
	case HWS_TASK_PING:
		build_ping(conn, task);
		break;
	case HWS_TASK_TMF:
		build_tmf(conn, task);
		break;
	case HWS_TASK_LOGOUT:
		build_logout(conn, task);
		break;
	case HWS_TASK_TEXT:
		data = build_text(conn, task);
		break;
	}
	close_header(conn);
	length = hws_data_length(next_header(conn));
	if (length) {
		conn->out.bytes = data;
		begin_data(conn, task, length);
	}
}

static void push_sequence(struct hws_task *task, u32 offset, u32 length)
{
	const struct hws_sequence seq = {
		.offset = offset, .left = length, .ttt = HWS_RESERVED_TAG,
	};

	hws_sequences_add(&task->sequences, &seq);
}

static u8 priority(struct scsi_cmnd *sc)
{
	const unsigned short io = req_get_ioprio(scsi_cmd_to_rq(sc));

	return hws_command_priority(IOPRIO_PRIO_CLASS(io), IOPRIO_PRIO_LEVEL(io));
}

static void put_cdb(struct hws_out *out, const struct scsi_cmnd *sc)
{
	struct hws_scsi_command *h = &out->next.command;

	if (likely(sc->cmd_len <= HWS_CDB_LEN)) {
		memcpy(h->cdb, sc->cmnd, sc->cmd_len);
		memset(h->cdb + sc->cmd_len, 0, HWS_CDB_LEN - sc->cmd_len);
		return;
	}
	memcpy(h->cdb, sc->cmnd, HWS_CDB_LEN);
	h->ahs_words = hws_extended_cdb(sc->cmnd, sc->cmd_len, out->ahs) / 4;
}

/*
 * The next command, if the window lets it; false if not. One that has its CmdSN
 * from another connection fills the hole in the target's order that was left
 * there, and so goes before all others (RFC 7143 section 7.2.1).
 */
static bool send_command(struct hws_conn *conn)
{
	struct list_head *list = !list_empty(&conn->retries) ? &conn->retries :
							       &conn->commands;
	struct hws_task *task = list_first_entry(list, struct hws_task, entry);
	struct hws_scsi_command *h = &next_header(conn)->command;
	struct hws_session *session = conn->session;
	struct scsi_cmnd *sc = task->sc;
	struct hws_write_plan plan = { 0, 0 };
	u32 length = scsi_bufflen(sc);
	u8 flags = 0;

	if (task->numbered) {
		HWS_COUNT_ON(conn, RETRIED, 1);
		conn->retried_behind_ping = true;
	} else {
		if (!hws_window_take(session, &task->cmd_sn))
			return false;
		task->numbered = true;
		HWS_COUNT_ON(conn, COMMANDS, 1);
	}
	list_del_init(&task->entry);
	task->state = HWS_TASK_ACTIVE;
	if (unlikely(conn->repairs)) {
		hws_repair_begin(task);
		WRITE_ONCE(conn->moved_at, jiffies);
	}

	if (length && sc->sc_data_direction == DMA_TO_DEVICE) {
		plan = hws_write_init(&task->write, length, &conn->write_rules,
				      session->extents ?
				      &session->extents[task->index] : NULL);
		flags = HWS_COMMAND_WRITE;
		HWS_COUNT_ON(conn, WRITE_OCTETS, length);
	} else {
		if (sc->sc_data_direction != DMA_FROM_DEVICE)
			length = 0;
		hws_read_init(&task->read, length, session->extents ?
			      &session->extents[task->index] : NULL);
		if (length)
			flags = HWS_COMMAND_READ;
		HWS_COUNT_ON(conn, READ_OCTETS, length);
	}
	if (!plan.unsolicited)
		flags |= HWS_FLAG_FINAL;

	memset(h, 0, offsetof(struct hws_scsi_command, lun));
	h->opcode = HWS_OP_SCSI_COMMAND;
	h->flags = flags | HWS_COMMAND_ATTR_SIMPLE;
	hws_set_data_length(next_header(conn), plan.immediate);
	int_to_scsilun(sc->device->lun, (struct scsi_lun *)h->lun);
	h->itt = cpu_to_be32(task->tag);
	h->expected_length = cpu_to_be32(length);
	h->cmd_sn = cpu_to_be32(task->cmd_sn);
	h->exp_stat_sn = cpu_to_be32(conn->exp_stat_sn);
	if (unlikely(conn->priorities))
		h->priority = priority(sc) << HWS_COMMAND_PRIORITY_SHIFT;
	put_cdb(&conn->out, sc);
	close_header(conn);
	HWS_COUNT_CONN(conn, TX_SCSI_COMMAND, 1);

	if (plan.immediate) {
		hws_cursor_init(&conn->out.cursor, scsi_sglist(sc));
		begin_data(conn, task, plan.immediate);
	}
	if (plan.unsolicited) {
		push_sequence(task, plan.immediate, plan.unsolicited);
		list_add_tail(&task->data_entry, &conn->unsolicited);
	}
	return true;
}

/* The next Data-Out of the task at the front of @list. */
static void send_data_out(struct hws_conn *conn, struct list_head *list)
{
	struct hws_task *task = list_first_entry(list, struct hws_task,
						 data_entry);
	struct hws_sequence_ring *ring = &task->sequences;
	struct hws_sequence *seq = &ring->at[ring->head];
	union hws_header *h = next_header(conn);
	u32 length, offset = seq->offset;

	length = hws_write_data_out(&task->write, &conn->write_rules, seq, h);
	/* Reserved where no R2T asked for it (section 11.7.4). */
	if (h->data_out.ttt != cpu_to_be32(HWS_RESERVED_TAG))
		int_to_scsilun(task->sc->device->lun,
			       (struct scsi_lun *)h->data_out.lun);
	h->data_out.itt = cpu_to_be32(task->tag);
	h->data_out.exp_stat_sn = cpu_to_be32(conn->exp_stat_sn);
	close_header(conn);
	HWS_COUNT_CONN(conn, TX_DATA_OUT, 1);

	/* Within a task mostly in order: go on from where it stood. */
	conn->out.cursor = task->cursor;
	hws_cursor_seek(&conn->out.cursor, offset);
	begin_data(conn, task, length);

	if (!seq->left) {
		ring->head = (ring->head + 1) % ring->size;
		ring->count--;
		list_del_init(&task->data_entry);
		if (ring->count)
			list_add_tail(&task->data_entry, &conn->solicited);
	}
}

/* One more PDU; false when there is none that may go now. */
static bool add_pdu(struct hws_conn *conn)
{
	struct hws_task *request;
	struct list_head *data;

	/* Nothing follows a Logout Request (RFC 7143 section 11.14). */
	if (READ_ONCE(conn->leaving))
		return false;
	if (conn->pong_count) {
		send_pong(conn);
		return true;
	}
	if (unlikely(conn->snack) && hws_snack_build(conn, next_header(conn))) {
		HWS_COUNT_CONN(conn, TX_SNACK, 1);
		close_header(conn);
		return true;
	}
	request = next_request(conn);
	if (request) {
		send_request(conn, request);
		return true;
	}

	data = !list_empty(&conn->unsolicited) ? &conn->unsolicited :
						 &conn->solicited;
	if (list_empty(data) || conn->out.turn) {
		conn->out.turn = false;
		if ((!list_empty(&conn->retries) ||
		     !list_empty(&conn->commands)) && send_command(conn))
			return true;
	}
	if (list_empty(data))
		return false;
	send_data_out(conn, data);
	conn->out.turn = true;
	return true;
}

/**
 * hws_out_fill - build what goes to TCP next
 * @conn: the connection, socket locked, with nothing of the last left over but
 *	the trailer of its data
 *
 * Adds PDUs until one has data, no room is left or there are no more.
 */
void hws_out_fill(struct hws_conn *conn)
{
	struct hws_out *out = &conn->out;

	while (!out->data_left && has_room(out))
		if (!add_pdu(conn))
			break;
}
