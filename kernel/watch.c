// SPDX-License-Identifier: GPL-2.0-only
/*
 * Error recovery level 1: what was lost with nothing behind it, and commands that
 * the target has thrown away.
 *
 * Once a second the clock of the gaps is looked at, and whether something moves
 * (proto/silence.h). The probe is the keepalive's ping. The stream is in order and
 * the ping immediate, so its answer is evidence: a command that went out on this
 * connection before it, and that ExpCmdSN still waits for, was thrown away, and is
 * sent again with its CmdSN and tag (RFC 7143 section 7.2.1).
 */
#include <scsi/scsi_cmnd.h>

#include "command.h"
#include "log.h"
#include "main.h"
#include "proto/serial.h"
#include "repair.h"
#include "stats.h"

static void look_again(struct hws_conn *conn)
{
	queue_delayed_work(hws_recovery_wq, &conn->watch_work, HWS_SILENCE);
}

/* After the connection came up. */
void hws_watch_start(struct hws_conn *conn)
{
	if (conn->repairs)
		look_again(conn);
}

void hws_watch_stop(struct hws_conn *conn)
{
	cancel_delayed_work_sync(&conn->watch_work);
}

/* The target has it, and something of it may be on its way. */
static bool may_ask(const struct hws_task *task, u32 exp_cmd_sn)
{
	const struct hws_repair *r = &hws_repair_of(task)->r;

	if (task->state != HWS_TASK_ACTIVE || r->held || r->gaps.count ||
	    !hws_sn_before(task->cmd_sn, exp_cmd_sn))
		return false;
	if (task->sc->sc_data_direction == DMA_TO_DEVICE)
		return scsi_bufflen(task->sc) && !task->sequences.count &&
		       hws_repair_may_lack_r2t(r, &task->write);
	return task->read.received < task->read.expected;
}

/*
 * Section 7.1.4.1 warns of asking for R2Ts out of impatience, because one may be on
 * its way. After the answer to the probe, and a second, none is.
 */
static void ask_tasks(struct hws_conn *conn)
{
	struct hws_session *session = conn->session;
	u32 exp_cmd_sn = atomic_read(&session->exp_cmd_sn);
	unsigned int i;

	for (i = 0; i < session->nr_commands; i++) {
		struct hws_task *task = &session->tasks[i];

		if (!hws_task_is_active(task, conn) || !may_ask(task, exp_cmd_sn))
			continue;
		session->repairs[i].r.tail = HWS_TAIL_ASK;
		hws_snack_task(conn, &session->repairs[i]);
	}
}

/* Socket locked. */
static void watch(struct hws_conn *conn)
{
	hws_snack_check(conn);
	switch (hws_silence_check(&conn->silence, jiffies, conn->moved_at,
				  atomic_read(&conn->outstanding), HWS_SILENCE)) {
	case HWS_SILENCE_WAIT:
		break;
	case HWS_SILENCE_PROBE:
		/* An administrator's that is under way serves as well. */
		if (!conn->ping_active || conn->ping_active == conn->own_ping)
			hws_ping_send(conn);
		break;
	case HWS_SILENCE_ASK_STATUS:
		conn->stat_tail = true;
		hws_snack_status(conn);
		break;
	case HWS_SILENCE_ASK_TASKS:
		ask_tasks(conn);
		break;
	}
}

void hws_watch_work(struct work_struct *work)
{
	struct hws_conn *conn = container_of(to_delayed_work(work),
					     struct hws_conn, watch_work);
	struct sock *sk = hws_conn_lock_sock(conn);
	int state;

	if (!sk)
		return;
	state = READ_ONCE(conn->state);
	if (state == HWS_CONN_LOGGED_IN || state == HWS_CONN_IN_LOGOUT)
		watch(conn);
	hws_conn_unlock_sock(sk);
	look_again(conn);
}

/* False when it was sent again often enough. */
static bool may_retry(struct hws_task *task)
{
	struct hws_task_repair *repair = hws_repair_of(task);

	if (repair->retried != task->tag) {
		repair->retried = task->tag;
		repair->retries = 0;
	}
	return repair->retries++ < HWS_RETRIES_MAX;
}

static void retry(struct hws_conn *conn, struct hws_task *task)
{
	if (!may_retry(task)) {
		hws_conn_lost(conn, HWS_LOSS_UNREPAIRED);
		return;
	}
	hws_repair_forget(task);
	hws_conn_retry(conn, task);
}

/**
 * hws_retry_rejected - the target rejected a command for its data digest
 * @conn: the connection
 * @task: the command
 */
void hws_retry_rejected(struct hws_conn *conn, struct hws_task *task)
{
	retry(conn, task);
}

/**
 * hws_watch_answered - a ping of ours has its answer
 * @conn: the connection
 * @ping: its task
 * @exp_cmd_sn: the answer's ExpCmdSN
 *
 * A command that was sent again behind the ping is not judged by it.
 */
void hws_watch_answered(struct hws_conn *conn, const struct hws_task *ping,
			u32 exp_cmd_sn)
{
	struct hws_session *session = conn->session;
	unsigned int i;

	hws_silence_answered(&conn->silence, jiffies);
	/* Numbered in the order of sending: the ping has that of the next one. */
	if (!hws_sn_before(exp_cmd_sn, ping->cmd_sn) || conn->retried_behind_ping)
		return;
	for (i = 0; i < session->nr_commands; i++) {
		struct hws_task *task = &session->tasks[i];

		if (!hws_task_is_active(task, conn) ||
		    task->cmd_sn != exp_cmd_sn)
			continue;
		hws_notice(session,
			   "the target does not have a command, it is sent again (CDB %*ph)",
			   task->sc->cmd_len, task->sc->cmnd);
		retry(conn, task);
		return;
	}
	/* Of one that was aborted before that nobody has anything to send again. */
	if (conn->gave_up && conn->gave_up_cmd_sn == exp_cmd_sn)
		hws_conn_lost(conn, HWS_LOSS_UNREPAIRED);
}
