// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a target's Reject comes to, RFC 7143 sections 7.8 and 11.17. Under the socket
 * lock.
 */
#include <linux/blk-mq.h>
#include <scsi/scsi_cmnd.h>

#include "connection.h"
#include "log.h"
#include "proto/serial.h"
#include "recovery.h"
#include "repair.h"
#include "response.h"
#include "session.h"
#include "stats.h"
#include "task.h"

#define REASON_ROW(number, id, words)                                          \
	{ .code = (number), .stat = HWS_CONN_STAT_REJECT_##id, .text = (words) },

static const struct {
	u8 code;
	u8 stat;
	const char *text;
} reasons[] = { HWS_REJECT_REASONS(REASON_ROW) };

/* A target may answer the reset of an exchange by a Reject: it was ended before. */
static int reject_error(const struct hws_task *task, u8 reason)
{
	if (task->kind == HWS_TASK_TEXT && task->request->text.resetting)
		return hws_response_text_error(&task->request->text);
	return reason == HWS_REJECT_IMMEDIATE ? -EBUSY : -EPROTO;
}

/* Counts it by its reason, and gives that in words. */
static const char *count_reason(struct hws_conn *conn, u8 code)
{
	unsigned int i;

	HWS_COUNT_CONN(conn, RX_REJECT, 1);
	for (i = 0; i < ARRAY_SIZE(reasons); i++) {
		if (reasons[i].code == code) {
			conn->stats[reasons[i].stat]++;
			return reasons[i].text;
		}
	}
	HWS_COUNT_CONN(conn, REJECT_OTHER, 1);
	return "a reason of no RFC";
}

/*
 * A command that was discarded gets no response, and all that follow it wait for its
 * number. An abort fills the gap (sections 7.3, 11.5.1): the midlayer's time for the
 * command is over at once, and whether it tries again is the midlayer's to say.
 */
static void command_rejected(struct hws_conn *conn, struct hws_task *task,
			     u8 reason)
{
	if (conn->repairs && reason == HWS_REJECT_DATA_DIGEST)
		hws_retry_rejected(conn, task);
	else if (!hws_sn_before(task->cmd_sn,
				atomic_read(&conn->session->exp_cmd_sn)))
		blk_abort_request(scsi_cmd_to_rq(task->sc));
}

/*
 * A Reject names the PDU by its header. A request of ours ends with an error. A
 * command that the target has taken gets a SCSI Response (section 7.3), so it is
 * left alone. A PDU of any other kind cannot be sent again at error recovery
 * level 0.
 *
 * From level 1 on a command whose data came damaged is sent again, and of data the
 * target asks for what it has not by itself (section 7.8).
 */
enum hws_violation hws_reject_pdu(struct hws_conn *conn,
				  const union hws_header *h)
{
	const union hws_header *rejected = (void *)conn->in.keep;
	const char *reason = count_reason(conn, h->reject.reason);
	struct hws_task *task;

	if (conn->in.kept < HWS_BHS_LEN)
		return HWS_V_REJECT;
	if (conn->repairs && hws_opcode(rejected) == HWS_OP_SNACK) {
		hws_snack_rejected(conn, rejected);
		return HWS_V_NONE;
	}
	hws_warn(conn->session,
		 "the target rejected a PDU: %s (reason 0x%02x, opcode 0x%02x, ITT 0x%08x)",
		 reason, h->reject.reason, hws_opcode(rejected),
		 be32_to_cpu(rejected->bhs.itt));

	/* Deprecated, and the end of a connection (section 11.17.1, note 3). */
	if (h->reject.reason == HWS_REJECT_NEGOTIATION_RESET) {
		hws_conn_lost(conn, HWS_LOSS_REJECT);
		return HWS_V_NONE;
	}

	switch (hws_opcode(rejected)) {
	case HWS_OP_NOP_OUT:
		if (rejected->bhs.itt == cpu_to_be32(HWS_RESERVED_TAG))
			return HWS_V_NONE;
		fallthrough;
	case HWS_OP_TMF_REQUEST:
	case HWS_OP_LOGOUT_REQUEST:
	case HWS_OP_TEXT_REQUEST:
		task = hws_response_task(conn, rejected->bhs.itt);
		if (task && task->kind != HWS_TASK_COMMAND)
			hws_request_end(task, reject_error(task,
							   h->reject.reason));
		return HWS_V_NONE;
	case HWS_OP_SCSI_COMMAND:
		task = hws_response_task(conn, rejected->bhs.itt);
		if (task && task->kind == HWS_TASK_COMMAND)
			command_rejected(conn, task, h->reject.reason);
		return HWS_V_NONE;
	default:
		if (!conn->repairs || hws_opcode(rejected) != HWS_OP_DATA_OUT)
			hws_conn_lost(conn, HWS_LOSS_REJECT);
		return HWS_V_NONE;
	}
}
