// SPDX-License-Identifier: GPL-2.0-only
/*
 * Task management, RFC 7143 sections 11.5 and 11.6: send a function, wait for
 * its answer, and conclude the tasks that the answer is about. Process context.
 */
#include <linux/delay.h>
#include <scsi/scsi_cmnd.h>
#include <scsi/scsi_device.h>

#include "command.h"
#include "connection.h"
#include "log.h"
#include "proto/serial.h"
#include "session.h"
#include "stats.h"

enum {
	/* seconds for a ping of ours when the record gives none */
	FENCE_TIMEOUT = 5,
};

/* The others ask, or end what the caller ends. */
static bool ends_tasks(u8 function)
{
	switch (function) {
	case HWS_TMF_ABORT_TASK_SET:
	case HWS_TMF_CLEAR_TASK_SET:
	case HWS_TMF_LU_RESET:
	case HWS_TMF_TARGET_WARM_RESET:
	case HWS_TMF_TARGET_COLD_RESET:
	case HWS_TMF_I_T_NEXUS_RESET:
		return true;
	default:
		return false;
	}
}

static int tmf_once(struct hws_session *session, struct hws_conn *conn,
		    const struct hws_tmf_args *args, u8 *response, u32 *cmd_sn)
{
	struct hws_task *task = hws_request_get(session, HWS_TASK_TMF);
	struct hws_request *r;
	bool mine;
	int ret;

	if (!task)
		return -EBUSY;
	r = task->request;
	r->function = args->function;
	r->ref_tag = args->ref_tag;
	r->ref_cmd_sn = args->ref_cmd_sn;
	if (args->lun)
		memcpy(r->lun, args->lun, sizeof(r->lun));

	ret = hws_request_submit(task, conn, false);
	if (ret) {
		hws_request_put(task);
		return ret;
	}
	ret = hws_request_wait(task, conn, args->timeout * HZ, &mine);
	if (!mine) {
		HWS_COUNT_SESSION(session, TMF_TIMEOUTS, 1);
		return ret;
	}
	*response = r->response;
	*cmd_sn = task->cmd_sn;
	hws_request_put(task);
	return ret;
}

/*
 * What the target sent on other connections before its answer may still be on
 * its way here. A ping on each, whose answer follows it: then it has come.
 */
static void fence(struct hws_session *session, struct hws_conn *conn)
{
	unsigned int timeout = conn->params.ping_timeout ?: FENCE_TIMEOUT;
	struct hws_task *task = hws_request_get(session, HWS_TASK_PING);
	bool mine = true;
	int ret;

	if (!task) {
		hws_conn_lost(conn, HWS_LOSS_TASK_MANAGEMENT);
		return;
	}
	task->request->any_answer = true;
	ret = hws_request_submit(task, conn, false);
	if (!ret)
		ret = hws_request_wait(task, conn, timeout * HZ, &mine);
	if (mine)
		hws_request_put(task);
	/* A Reject follows what was sent before it just as well. */
	if (ret && ret != -EBUSY && ret != -EPROTO)
		hws_conn_lost(conn, HWS_LOSS_TASK_MANAGEMENT);
}

static void fence_others(struct hws_session *session, struct hws_conn *conn)
{
	unsigned int i;

	for (i = 0; i < HWS_CONNECTIONS_MAX; i++) {
		struct hws_conn *other =
			rcu_dereference_raw(session->conns[i]);

		if (other && other != conn &&
		    READ_ONCE(other->state) == HWS_CONN_LOGGED_IN)
			fence(session, other);
	}
}

/**
 * hws_tmf - a task management function and its answer
 * @session: the session
 * @conn: where it goes: for ABORT TASK the allegiant connection of the task
 * @args: what it is
 * @response: the answer's response code
 *
 * Return: 0 when there is an answer; -ETIMEDOUT, -ENOTCONN or -ECONNRESET when
 * there is none; -EBUSY when neither we nor the target had room for it.
 */
int hws_tmf(struct hws_session *session, struct hws_conn *conn,
	    const struct hws_tmf_args *args, u8 *response)
{
	u32 cmd_sn = 0;
	int tries, ret;

	for (tries = 0; tries < HWS_BUSY_TRIES; tries++) {
		ret = tmf_once(session, conn, args, response, &cmd_sn);
		if (ret != -EBUSY)
			break;
		msleep(HWS_BUSY_WAIT_MS);
	}
	if (!ret && *response == HWS_TMF_RSP_COMPLETE &&
	    ends_tasks(args->function)) {
		fence_others(session, conn);
		hws_tmf_conclude(session, args, &cmd_sn);
	}
	return ret;
}

static bool concerns(const struct hws_task *task,
		     const struct hws_tmf_args *args, const u32 *cmd_sn)
{
	struct scsi_lun lun;

	if (task->numbered &&
	    (!cmd_sn || !hws_sn_before(task->cmd_sn, *cmd_sn)))
		return false;
	if (!args->lun)
		return true;
	int_to_scsilun(task->sc->device->lun, &lun);
	return !memcmp(&lun, args->lun, sizeof(lun));
}

/**
 * hws_tmf_conclude - end the tasks that a function over many has ended
 * @session: the session
 * @args: the function, which the target answered with "complete"
 * @cmd_sn: the CmdSN that the request carried; NULL before it is sent
 *
 * Only commands with a CmdSN below the request's own are concluded (section
 * 4.2.3.2): later ones are not affected. What was not sent yet goes back too:
 * the midlayer takes a reset for the end of all that it gave us. It retries
 * those that it did not give up itself. Without @cmd_sn only that goes back:
 * sent behind the function, it would outlive a reset that the midlayer takes
 * for its end.
 */
void hws_tmf_conclude(struct hws_session *session,
		      const struct hws_tmf_args *args, const u32 *cmd_sn)
{
	bool hole = false;
	unsigned int i;

	for (i = 0; i < session->nr_commands; i++) {
		struct hws_task *task = &session->tasks[i];
		struct hws_conn *conn = READ_ONCE(task->conn);
		struct sock *sk;
		bool moved;
		u8 state;

		if (!conn)
			continue;
		sk = hws_conn_lock_sock(conn);
		if (!sk)
			continue;
		hws_conn_take_submitted(conn);
		/* In this order: see hws_task_is_active(). */
		state = smp_load_acquire(&task->state);
		moved = READ_ONCE(task->conn) != conn;
		/*
		 * On one that is lost or leaves it is not known what came. One that is
		 * being submitted is not its connection's yet.
		 */
		if (!moved && READ_ONCE(conn->state) == HWS_CONN_LOGGED_IN &&
		    (state == HWS_TASK_QUEUED || state == HWS_TASK_ACTIVE) &&
		    concerns(task, args, cmd_sn)) {
			hole |= task->numbered && !hws_command_give_up(task);
			hws_command_end(task, task->numbered ?
					DID_RESET << 16 : DID_REQUEUE << 16);
		}
		hws_conn_unlock_sock(sk);
		if (moved)
			i--;	/* to another connection, or it has ended */
	}
	if (unlikely(hole)) {
		mutex_lock(&session->control);
		hws_session_fail(session);
		mutex_unlock(&session->control);
	}
}
