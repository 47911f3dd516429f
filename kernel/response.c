// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a target's PDUs mean, each in a function of its own: first at the header
 * (may it be, and where does its data go), then when it is whole. Runs under
 * the socket lock, in softirq mostly. Every function that can find fault
 * returns the violation; the caller counts, logs and ends the connection.
 */
#include <scsi/scsi_cmnd.h>
#include <scsi/scsi_common.h>
#include <scsi/scsi_device.h>

#include "command.h"
#include "connection.h"
#include "event.h"
#include "log.h"
#include "proto/check.h"
#include "proto/status.h"
#include "recovery.h"
#include "repair.h"
#include "response.h"
#include "session.h"
#include "stats.h"
#include "task.h"
#include "text.h"
#include "trace.h"

/* The live task of this connection that has the tag, or NULL. */
struct hws_task *hws_response_task(struct hws_conn *conn, __be32 itt)
{
	struct hws_session *session = conn->session;
	u32 tag = be32_to_cpu(itt);
	struct hws_task *task;

	if (hws_tag_index(tag) >= session->nr_tasks)
		return NULL;
	task = &session->tasks[hws_tag_index(tag)];
	if (!hws_task_is_active(task, conn) || task->tag != tag) {
		HWS_COUNT_CONN(conn, UNKNOWN_TASK_TAGS, 1);
		return NULL;
	}
	return task;
}

static struct hws_task *find_kind(struct hws_conn *conn, __be32 itt,
				  enum hws_task_kind kind,
				  enum hws_violation *v)
{
	struct hws_task *task = hws_response_task(conn, itt);

	*v = HWS_V_NONE;
	if (!task)
		*v = HWS_V_TAG;
	else if (task->kind != kind)
		*v = HWS_V_TAG_USE;
	return *v ? NULL : task;
}

/* At error recovery level 1 an answer may come after its task has ended. */
static enum hws_violation unless_late(const struct hws_conn *conn,
				      enum hws_violation v)
{
	return v == HWS_V_TAG && conn->in.late ? HWS_V_NONE : v;
}

static enum hws_violation data_in_header(struct hws_conn *conn,
					 const union hws_header *h)
{
	struct hws_task *task;
	enum hws_violation v;

	if (unlikely(conn->repairs))
		return hws_repair_data_in_header(conn, h);
	task = find_kind(conn, h->data_in.itt, HWS_TASK_COMMAND, &v);
	if (!task)
		return v;
	if (hws_command_writes(task))
		return HWS_V_DATA_IN_WRITE;
	v = hws_read_data_in(&task->read, &conn->read_rules, h);
	if (v)
		return v;
	/* A command without data need not have a list to go through. */
	if (hws_data_length(h))
		hws_cursor_seek(&task->cursor, be32_to_cpu(h->data_in.offset));
	conn->in.task = task;
	return HWS_V_NONE;
}

/* The text goes behind what came of the answer before. */
static enum hws_violation text_response_header(struct hws_conn *conn,
					       const union hws_header *h)
{
	struct hws_request *r;
	struct hws_task *task;
	enum hws_violation v;

	task = find_kind(conn, h->text_response.itt, HWS_TASK_TEXT, &v);
	if (!task)
		return unless_late(conn, v);
	r = task->request;
	conn->in.to = r->answer + r->text.received;
	conn->in.room = hws_text_room(&r->text);
	return HWS_V_NONE;
}

/**
 * hws_response_header - judge a header before its data is taken
 * @conn: the connection; the header is in conn->in.frame
 *
 * Return: HWS_V_NONE, and conn->in.task is set when the data belongs to a
 * command.
 */
enum hws_violation hws_response_header(struct hws_conn *conn)
{
	const union hws_header *h = &conn->in.frame.header;
	enum hws_violation v;

	trace_hws_pdu_received(conn, h);
	v = hws_check_header(h, conn->params.max_recv_data_segment_length);
	if (v)
		return v;
	/*
	 * At error recovery level 0 nothing may be lost on a connection, so
	 * another StatSN than the next one means that we and the target no
	 * longer agree on what was answered.
	 */
	if (unlikely(conn->repairs)) {
		v = hws_repair_header(conn, h);
		if (v || conn->in.drop)
			return v;
	} else if (hws_counts_stat_sn(h) &&
		   be32_to_cpu(h->response.stat_sn) != conn->exp_stat_sn) {
		return HWS_V_STAT_SN;
	}
	switch (hws_opcode(h)) {
	case HWS_OP_DATA_IN:
		return data_in_header(conn, h);
	case HWS_OP_TEXT_RESPONSE:
		return text_response_header(conn, h);
	default:
		return HWS_V_NONE;
	}
}

/* Unit attentions that tell an administrator something (SPC-4, 2Ah and 3Fh). */
static void report_unit_attention(struct hws_conn *conn, struct hws_task *task,
				  const u8 *sense, u32 length)
{
	struct hws_session *session = conn->session;
	struct scsi_sense_hdr sshdr;
	struct scsi_lun lun;
	const char *what;

	if (!scsi_normalize_sense(sense, length, &sshdr) ||
	    sshdr.sense_key != UNIT_ATTENTION)
		return;
	HWS_COUNT_ON(conn, UNIT_ATTENTIONS, 1);

	if (sshdr.asc == 0x2a && sshdr.ascq == 0x09)
		what = "the capacity changed";
	else if (sshdr.asc == 0x3f && sshdr.ascq == 0x0e)
		what = "the list of logical units changed";
	else if (sshdr.asc == 0x3f && sshdr.ascq == 0x03)
		what = "the INQUIRY data changed";
	else if (sshdr.asc == 0x2a && sshdr.ascq == 0x01)
		what = "the mode parameters changed";
	else
		return;
	hws_notice(session, "LUN %llu: %s; a rescan will show it",
		   task->sc->device->lun, what);
	int_to_scsilun(task->sc->device->lun, &lun);
	hws_event_unit_attention(session, lun.scsi_lun, sense, length);
}

static void take_sense(struct hws_conn *conn, struct hws_task *task,
		       const u8 *sense, u32 length)
{
	struct scsi_cmnd *sc = task->sc;

	if (!length)
		return;
	report_unit_attention(conn, task, sense, length);
	memcpy(sc->sense_buffer, sense, min_t(u32, length,
					      SCSI_SENSE_BUFFERSIZE));
}

static bool is_recovered_error(const u8 *sense, u32 length)
{
	struct scsi_sense_hdr sshdr;

	return scsi_normalize_sense(sense, length, &sshdr) &&
	       sshdr.sense_key == RECOVERED_ERROR;
}

/* A command has its status, in a SCSI Response or in its last Data-In. */
void hws_response_status(struct hws_conn *conn, struct hws_task *task,
			 const union hws_header *h, const u8 *sense,
			 u32 sense_length)
{
	struct scsi_cmnd *sc = task->sc;
	struct hws_transfer t = { .reads = !hws_command_writes(task) };
	struct hws_outcome o;
	enum hws_violation v;
	int result;

	if (unlikely(conn->repairs) &&
	    hws_repair_holds(conn, task, h, sense, sense_length))
		return;
	if (t.reads) {
		t.expected = task->read.expected;
		t.moved = task->read.received;
		t.in_front = hws_read_front(&task->read);
	} else {
		t.expected = task->write.expected;
		t.moved = task->write.sent;
	}
	/*
	 * A status that does not hold together with the data is this command's
	 * matter alone: it fails, and may be tried again.
	 */
	v = hws_status_outcome(h, &t, &o);
	if (v) {
		hws_violation_report(conn, v);
		hws_command_end(task, DID_ERROR << 16);
		return;
	}

	if (o.target_failure) {
		hws_err(conn->session,
			"the target failed a command (iSCSI response 0x%02x, CDB %*ph)",
			h->response.response, sc->cmd_len, sc->cmnd);
		result = DID_ERROR << 16;
	} else {
		result = DID_OK << 16 | o.status;
		scsi_set_resid(sc, o.residual);
		if (o.status == SAM_STAT_CHECK_CONDITION)
			take_sense(conn, task, sense, sense_length);
		else if (o.status == SAM_STAT_GOOD && o.residual &&
			 scsi_bufflen(sc) - o.residual < sc->underflow)
			result = DID_ERROR << 16;
		/* sd takes all of the buffer for good then, whatever the residual. */
		if (unlikely(o.missing) && is_recovered_error(sense, sense_length))
			result = DID_ERROR << 16;
	}
	HWS_COUNT_ON(conn, COMPLETIONS, 1);
	hws_command_end(task, result);
}

static enum hws_violation data_in_pdu(struct hws_conn *conn,
				      const union hws_header *h)
{
	struct hws_task *task = conn->in.task;

	HWS_COUNT_CONN(conn, RX_DATA_IN, 1);
	HWS_COUNT_CONN(conn, RX_DATA_OCTETS, hws_data_length(h));
	if (unlikely(conn->repairs))
		return hws_repair_data_in_pdu(conn, h);
	conn->in.task = NULL;
	/* The task may have been aborted while its data came. */
	if (task && (h->data_in.flags & HWS_DATA_IN_STATUS))
		hws_response_status(conn, task, h, NULL, 0);
	return HWS_V_NONE;
}

static enum hws_violation scsi_response_pdu(struct hws_conn *conn,
					    const union hws_header *h)
{
	struct hws_task *task;
	enum hws_violation v;
	const u8 *sense;
	u32 length;

	HWS_COUNT_CONN(conn, RX_SCSI_RESPONSE, 1);
	task = find_kind(conn, h->response.itt, HWS_TASK_COMMAND, &v);
	if (!task)
		return unless_late(conn, v);
	v = hws_status_sense(h, conn->in.keep, conn->in.kept, &sense, &length);
	if (v)
		return v;
	hws_response_status(conn, task, h, sense, length);
	return HWS_V_NONE;
}

/* What the R2T asks for, in turn; without @wanted it has come before. */
static enum hws_violation judge_r2t(struct hws_conn *conn,
				    struct hws_task *task,
				    const union hws_header *h,
				    struct hws_sequence *seq, bool *wanted)
{
	const struct hws_sequence_ring *ring = &task->sequences;
	u32 outstanding = ring->count;

	if (unlikely(conn->repairs))
		return hws_repair_r2t_pdu(conn, task, h, seq, wanted);
	*wanted = true;
	if (outstanding && ring->at[ring->head].ttt == HWS_RESERVED_TAG)
		outstanding--;	/* that one is unsolicited */
	return hws_write_r2t(&task->write, &conn->write_rules, h, outstanding,
			     seq);
}

static enum hws_violation r2t_pdu(struct hws_conn *conn,
				  const union hws_header *h)
{
	struct hws_sequence seq;
	struct hws_task *task;
	enum hws_violation v;
	bool wanted;

	HWS_COUNT_CONN(conn, RX_R2T, 1);
	task = find_kind(conn, h->r2t.itt, HWS_TASK_COMMAND, &v);
	if (!task)
		return unless_late(conn, v);
	if (!hws_command_writes(task))
		return HWS_V_R2T_READ;

	v = judge_r2t(conn, task, h, &seq, &wanted);
	if (v || !wanted)
		return v;
	hws_sequences_add(&task->sequences, &seq);
	if (list_empty(&task->data_entry))
		list_add_tail(&task->data_entry, &conn->solicited);
	hws_send_kick(conn);
	return HWS_V_NONE;
}

static void queue_pong(struct hws_conn *conn, const union hws_header *h)
{
	struct hws_pong *pong;

	/* Nothing is sent any more, and the answer to the Logout is waited for. */
	if (READ_ONCE(conn->leaving))
		return;
	pong = &conn->pongs[(conn->pong_head + conn->pong_count) % HWS_PONGS];
	pong->ttt = h->nop_in.ttt;
	memcpy(pong->lun, h->nop_in.lun, sizeof(pong->lun));
	if (++conn->pong_count == HWS_PONGS)
		conn->paused = true;
	hws_send_kick(conn);
}

static enum hws_violation nop_in_pdu(struct hws_conn *conn,
				     const union hws_header *h)
{
	struct hws_request *r;
	struct hws_task *task;
	enum hws_violation v;
	u32 length;
	bool same;

	HWS_COUNT_CONN(conn, RX_NOP_IN, 1);
	if (h->nop_in.itt == cpu_to_be32(HWS_RESERVED_TAG)) {
		/* Without a transfer tag it only carries numbers (11.19.1). */
		if (h->nop_in.ttt != cpu_to_be32(HWS_RESERVED_TAG))
			queue_pong(conn, h);
		return HWS_V_NONE;
	}
	task = find_kind(conn, h->nop_in.itt, HWS_TASK_PING, &v);
	if (!task)
		return unless_late(conn, v);
	if (unlikely(conn->repairs))
		hws_watch_answered(conn, task,
				   be32_to_cpu(h->nop_in.exp_cmd_sn));
	r = task->request;
	r->ended_ns = ktime_get_ns();
	/* The echo may be cut to what we take in one segment (11.19). */
	length = min(r->length, conn->params.max_recv_data_segment_length);
	same = hws_data_length(h) == length && conn->in.kept == length &&
	       (!length || !memcmp(conn->in.keep, r->data, length));
	hws_request_end(task, same ? 0 : -EBADMSG);
	return HWS_V_NONE;
}

static enum hws_violation tmf_response_pdu(struct hws_conn *conn,
					   const union hws_header *h)
{
	struct hws_task *task;
	enum hws_violation v;

	HWS_COUNT_CONN(conn, RX_TMF_RESPONSE, 1);
	task = find_kind(conn, h->tmf_response.itt, HWS_TASK_TMF, &v);
	if (!task)
		return unless_late(conn, v);
	task->request->response = h->tmf_response.response;
	hws_request_end(task, 0);
	return HWS_V_NONE;
}

static enum hws_violation logout_response_pdu(struct hws_conn *conn,
					      const union hws_header *h)
{
	struct hws_task *task;
	enum hws_violation v;

	HWS_COUNT_CONN(conn, RX_LOGOUT_RESPONSE, 1);
	task = find_kind(conn, h->logout_response.itt, HWS_TASK_LOGOUT, &v);
	if (!task)
		return unless_late(conn, v);
	task->request->response = h->logout_response.response;
	task->request->time2wait = be16_to_cpu(h->logout_response.time2wait);
	if (!task->request->clears)
		conn->logged_out = !h->logout_response.response;
	hws_request_end(task, 0);
	return HWS_V_NONE;
}

/* What an exchange came to, 0 or an errno. */
int hws_response_text_error(const struct hws_text *t)
{
	switch (t->failure) {
	case HWS_TEXT_HOLDS:
		return 0;
	case HWS_TEXT_TOO_LONG:
		return -EMSGSIZE;
	default:
		return -EPROTO;
	}
}

/* What breaks the rules of the exchange ends it, and nothing but it. */
static enum hws_violation text_response_pdu(struct hws_conn *conn,
					    const union hws_header *h)
{
	enum hws_text_step step;
	struct hws_task *task;
	enum hws_violation v;

	HWS_COUNT_CONN(conn, RX_TEXT_RESPONSE, 1);
	task = find_kind(conn, h->text_response.itt, HWS_TASK_TEXT, &v);
	if (!task)
		return unless_late(conn, v);
	step = hws_text_response(&task->request->text, h, &v);
	if (v)
		hws_violation_report(conn, v);
	if (step == HWS_TEXT_DONE && !hws_response_text_error(&task->request->text))
		hws_text_answered(conn, task->request);
	if (step == HWS_TEXT_DONE || task->request->abandoned) {
		hws_request_end(task, hws_response_text_error(&task->request->text));
		return HWS_V_NONE;
	}
	task->state = HWS_TASK_QUEUED;
	list_add_tail(&task->entry, &conn->requests);
	hws_send_kick(conn);
	return HWS_V_NONE;
}

static enum hws_violation act_on_pdu(struct hws_conn *conn,
				     const union hws_header *h)
{
	switch (hws_opcode(h)) {
	case HWS_OP_DATA_IN:
		return data_in_pdu(conn, h);
	case HWS_OP_SCSI_RESPONSE:
		return scsi_response_pdu(conn, h);
	case HWS_OP_R2T:
		return r2t_pdu(conn, h);
	case HWS_OP_NOP_IN:
		return nop_in_pdu(conn, h);
	case HWS_OP_TMF_RESPONSE:
		return tmf_response_pdu(conn, h);
	case HWS_OP_LOGOUT_RESPONSE:
		return logout_response_pdu(conn, h);
	case HWS_OP_TEXT_RESPONSE:
		return text_response_pdu(conn, h);
	case HWS_OP_ASYNC_MESSAGE:
		return hws_async_pdu(conn, h);
	case HWS_OP_REJECT:
		return hws_reject_pdu(conn, h);
	default:
		return HWS_V_OPCODE;
	}
}

static void take_window(struct hws_conn *conn, const union hws_header *h)
{
	hws_window_update(conn->session, be32_to_cpu(h->response.exp_cmd_sn),
			  be32_to_cpu(h->response.max_cmd_sn));
}

/**
 * hws_response_pdu - act on a PDU that is whole
 * @conn: the connection; header in conn->in.frame, kept data in conn->in.keep
 *
 * Return: a violation that only now shows, or HWS_V_NONE.
 */
enum hws_violation hws_response_pdu(struct hws_conn *conn)
{
	const union hws_header *h = &conn->in.frame.header;
	enum hws_violation v;

	if (likely(!conn->repairs)) {
		if (hws_counts_stat_sn(h))
			conn->exp_stat_sn++;
		take_window(conn, h);
		return act_on_pdu(conn, h);
	}
	if (!hws_repair_numbers(conn, h))
		return HWS_V_NONE;
	take_window(conn, h);
	v = HWS_V_NONE;
	if (!conn->in.drop || hws_opcode(h) == HWS_OP_DATA_IN)
		v = act_on_pdu(conn, h);
	/* What breaks the protocol was not taken, nor is anything after it. */
	if (v)
		conn->untaken = true;
	else
		hws_repair_acknowledge(conn);
	return v;
}
