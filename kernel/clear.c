// SPDX-License-Identifier: GPL-2.0-only
/*
 * A connection is lost below error recovery level 2 while others of its session
 * are up. Its commands wait, stranded, and the target is asked over one of the
 * others to close it for good (Logout, reason "close the connection"). With the
 * answer it is known what became of each of them (RFC 7143 section 11.14):
 *
 *	never sent			given to another connection
 *	sent, CmdSN not acknowledged	the target has discarded it, and waits for
 *					its number: retried on another connection
 *					with the same CmdSN and tag (7.2.1)
 *	acknowledged			the target has ended it: queued again when
 *					that is safe, else failed
 *
 * Without an answer nothing is known, and the session is recovered as a whole.
 */
#include <linux/delay.h>

#include "command.h"
#include "connection.h"
#include "log.h"
#include "main.h"
#include "policy.h"
#include "proto/serial.h"
#include "recovery.h"
#include "stats.h"

enum {
	/* seconds that a target has to answer */
	CLEAR_TIMEOUT = 10,
	/* Logout Response, RFC 7143 section 11.15.1 */
	CLOSED = 0,
	CID_NOT_FOUND = 1,
};

/* False when no connection is up that could be asked over. */
static bool ask(struct hws_conn *conn)
{
	struct hws_session *session = conn->session;
	struct hws_task *task = hws_request_get(session, HWS_TASK_LOGOUT);
	struct hws_conn *over;

	if (!task) {
		/* All are under way, each to its end or its connection's. */
		hws_clear_logged_out(conn, -EBUSY, 0);
		return true;
	}
	task->request->function = HWS_LOGOUT_CLOSE_CONNECTION;
	task->request->cid = conn->params.cid;
	task->request->abandoned = true;
	task->request->clears = conn;
	do {
		rcu_read_lock();
		over = hws_conn_any(session);
		rcu_read_unlock();
		if (over && !hws_request_submit(task, over, false))
			return true;
	} while (over);
	/* It stays stranded until the session is given up. */
	hws_request_put(task);
	return false;
}

/**
 * hws_clear_begin - have a lost connection logged out over another
 * @conn: in state CLEANUP and killed, under session->control
 *
 * Return: false when there is no other that could.
 */
bool hws_clear_begin(struct hws_conn *conn)
{
	WRITE_ONCE(conn->stranded, true);
	conn->clear_deadline = jiffies + CLEAR_TIMEOUT * HZ;
	mod_delayed_work(hws_recovery_wq, &conn->clear_timeout,
			 CLEAR_TIMEOUT * HZ);
	return ask(conn);
}

/* Any context: the logout has its answer, or @error says that it never will. */
void hws_clear_logged_out(struct hws_conn *conn, int error, u8 response)
{
	conn->clear_response = response;
	WRITE_ONCE(conn->clear_error, error);
	hws_session_get(conn->session);
	if (!queue_work(hws_recovery_wq, &conn->clear_work))
		hws_session_put(conn->session);
}

/* The target does not have it, or not any more, and waits for its number. */
static bool goes_on(const struct hws_session *session,
		    const struct hws_task *task)
{
	return !task->numbered ||
	       !hws_sn_before(task->cmd_sn, atomic_read(&session->exp_cmd_sn));
}

static void clear_task(struct hws_session *session, struct hws_task *task)
{
	struct hws_conn *over = NULL;

	rcu_read_lock();
	if (goes_on(session, task))
		over = hws_policy_select(session);
	if (over)
		hws_command_move(task, over);
	rcu_read_unlock();
	if (!over)
		hws_command_lost(task);
}

/**
 * hws_clear_tasks - go on with the commands of a connection that was logged out
 * @conn: in state CLEANUP and killed, under session->control
 */
void hws_clear_tasks(struct hws_conn *conn)
{
	struct hws_session *session = conn->session;
	unsigned int i;

	/* A number that the target waits for, and that nobody has any more. */
	if (conn->gave_up && !hws_sn_before(conn->gave_up_cmd_sn,
					    atomic_read(&session->exp_cmd_sn))) {
		hws_session_fail(session);
		return;
	}
	for (i = 0; i < session->nr_commands; i++) {
		struct hws_task *task = &session->tasks[i];

		if (READ_ONCE(task->conn) == conn)
			clear_task(session, task);
	}
	rcu_read_lock();
	hws_command_kick(session);
	rcu_read_unlock();
	hws_conn_gone(conn);
}

void hws_clear_work(struct work_struct *work)
{
	struct hws_conn *conn = container_of(work, struct hws_conn, clear_work);
	struct hws_session *session = conn->session;
	int error;
	u8 response;

	/* No room for one more immediate request, there or here: a little later. */
	if (READ_ONCE(conn->clear_error) == -EBUSY)
		msleep(HWS_BUSY_WAIT_MS);
	mutex_lock(&session->control);
	error = conn->clear_error;
	response = conn->clear_response;
	if (!conn->stranded)
		goto out;
	/* For as long as the target has no room, it runs on. */
	if (error != -EBUSY)
		cancel_delayed_work(&conn->clear_timeout);
	if (!error && (response == CLOSED || response == CID_NOT_FOUND)) {
		HWS_COUNT_SESSION(session, CONNECTIONS_CLEARED, 1);
		hws_clear_tasks(conn);
	} else if (error == -ECONNRESET && hws_clear_begin(conn)) {
		/* The other was lost as well; now over a third one. */
	} else if (error == -EBUSY && ask(conn)) {
		/* Until clear_timeout. */
	} else {
		hws_warn(session, "connection %u could not be logged out (%s %d)",
			 conn->params.cid, error ? "error" : "response",
			 error ?: response);
		hws_session_fail(session);
	}
out:
	mutex_unlock(&session->control);
	hws_session_put(session);
}

void hws_clear_timeout(struct work_struct *work)
{
	struct hws_conn *conn = container_of(to_delayed_work(work),
					     struct hws_conn, clear_timeout);
	struct hws_session *session = conn->session;

	mutex_lock(&session->control);
	/* It may have waited for control while another attempt was begun. */
	if (conn->stranded && time_after_eq(jiffies, conn->clear_deadline)) {
		hws_warn(session, "the logout of connection %u is not answered",
			 conn->params.cid);
		hws_session_fail(session);
	}
	mutex_unlock(&session->control);
}
