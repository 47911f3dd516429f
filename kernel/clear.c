// SPDX-License-Identifier: GPL-2.0-only
/*
 * A connection is lost while others of its session are up. Its commands wait,
 * stranded, and the target is asked over one of the others to log it out (Logout,
 * RFC 7143 section 11.14): below error recovery level 2 at once, at level 2 when
 * Time2Wait is over (7.5). With the answer it is known what became of each:
 *
 *	never sent			given to another connection
 *	sent, CmdSN not acknowledged	the target has discarded it, and waits for
 *					its number: retried on another connection
 *					with the same CmdSN and tag (7.2.1)
 *	acknowledged			below error recovery level 2 the target has
 *					ended it: queued again when that is safe,
 *					else failed. At level 2 it goes on over
 *					another connection: reassign.c
 *
 * Without an answer nothing is known, and the session is recovered as a whole.
 */
#include <linux/delay.h>

#include "command.h"
#include "connection.h"
#include "log.h"
#include "main.h"
#include "policy.h"
#include "proto/window.h"
#include "recovery.h"
#include "stats.h"

enum {
	/* seconds that a target has to answer */
	CLEAR_TIMEOUT = 10,
	/* seconds that a target may have its tasks wait: error handling does, too */
	TIME2WAIT_MAX = 60,
	/* Logout Response, RFC 7143 section 11.15.1 */
	CLOSED = 0,
	CID_NOT_FOUND = 1,
	NO_RECOVERY = 2,
	CLEANUP_FAILED = 3,
};

/* Under control: strand_timer, from now. */
void hws_strand_wait(struct hws_conn *conn, unsigned long delay)
{
	conn->strand_until = jiffies + delay;
	mod_delayed_work(hws_recovery_wq, &conn->strand_timer, delay);
}

static u8 reason_for(const struct hws_conn *conn)
{
	return conn->session->params.erl == 2 && !conn->no_recovery ?
	       HWS_LOGOUT_RECOVERY : HWS_LOGOUT_CLOSE_CONNECTION;
}

/* Any context. */
static void queue_answer(struct hws_conn *conn)
{
	hws_session_get(conn->session);
	if (!queue_work(hws_recovery_wq, &conn->clear_work))
		hws_session_put(conn->session);
}

/*
 * Under control: no task of our own is free. All are under way, each to its end or
 * its connection's; so the request is made a little later.
 */
void hws_clear_busy(struct hws_conn *conn)
{
	conn->clear_error = -EBUSY;
	WRITE_ONCE(conn->busy, true);
	WRITE_ONCE(conn->answered, true);
	queue_answer(conn);
}

/**
 * hws_clear_submit - send a request about a lost connection over another
 * @request: what it asks is filled
 * @conn: the lost one, under control
 * @select: gives the connection to send it over, under RCU
 *
 * Return: false when none is up that could take it, and it is put.
 */
bool hws_clear_submit(struct hws_task *request, struct hws_conn *conn,
		      struct hws_conn *(*select)(struct hws_session *session))
{
	struct hws_conn *over;

	request->request->abandoned = true;
	request->request->clears = conn;
	atomic_inc(&conn->asking);
	do {
		rcu_read_lock();
		over = select(conn->session);
		rcu_read_unlock();
		if (over && !hws_request_submit(request, over, false))
			return true;
	} while (over);
	atomic_dec(&conn->asking);
	hws_request_put(request);
	return false;
}

/* False when no connection is up that could be asked over. */
static bool ask(struct hws_conn *conn)
{
	struct hws_session *session = conn->session;
	struct hws_task *task = hws_request_get(session, HWS_TASK_LOGOUT);

	conn->answered = false;
	if (!task) {
		hws_clear_busy(conn);
		return true;
	}
	task->request->function = reason_for(conn);
	task->request->cid = conn->params.cid;
	conn->clear_reason = task->request->function;
	return hws_clear_submit(task, conn, hws_conn_any);
}

/*
 * Any context: a request about the connection has its answer, or never will. What it
 * says of a task the task has (reassign.c), and the connection what any other says,
 * for there is one of these at a time.
 */
void hws_clear_ended(const struct hws_request *r)
{
	struct hws_conn *conn = r->clears;

	if (!r->reassigns) {
		conn->clear_response = r->response;
		conn->clear_time2wait = r->time2wait;
		conn->clear_error = r->error;
	}
	if (r->error == -EBUSY && r->crowded)
		WRITE_ONCE(conn->session->reassigns_one, true);
	else if (r->error == -EBUSY)
		WRITE_ONCE(conn->busy, true);
	WRITE_ONCE(conn->answered, true);
	/*
	 * Last, for the next request may be made from here on. Pairs with
	 * hws_clear_is_asking().
	 */
	smp_mb__before_atomic();
	atomic_dec(&conn->asking);
	queue_answer(conn);
}

/* When not, what its requests came to is there, whole. */
bool hws_clear_is_asking(const struct hws_conn *conn)
{
	return atomic_read_acquire(&conn->asking);
}

/* Which commands of a lost connection are gone on with. */
enum reach {
	NEVER_SENT,	/* those that the target cannot have seen */
	NOT_THERE,	/* and those that it has discarded */
	ALL,		/* and what it had, which ends */
};

static bool may_go_on(const struct hws_session *session,
		      const struct hws_task *task, enum reach reach)
{
	return reach == NEVER_SENT ? !task->numbered :
				     hws_clear_goes_on(session, task);
}

/*
 * Gives what the target does not have to other connections. Returns whether any
 * command is left.
 */
static bool go_on(struct hws_conn *conn, enum reach reach)
{
	struct hws_session *session = conn->session;
	bool left = false;
	unsigned int i;

	for (i = 0; i < session->nr_commands; i++) {
		struct hws_task *task = &session->tasks[i];
		struct hws_conn *over = NULL;

		if (READ_ONCE(task->conn) != conn)
			continue;
		rcu_read_lock();
		if (may_go_on(session, task, reach))
			over = hws_policy_select(session);
		if (over)
			hws_command_move(task, over);
		rcu_read_unlock();
		if (over)
			continue;
		/* Its number is not given up while the target waits for it. */
		if (reach == ALL && !hws_clear_goes_on(session, task))
			hws_command_lost(task);
		else
			left = true;
	}
	rcu_read_lock();
	hws_command_kick(session);
	rcu_read_unlock();
	return left;
}

/* The target does not have it, or not any more, and waits for its number. */
bool hws_clear_goes_on(const struct hws_session *session,
		       const struct hws_task *task)
{
	return !task->numbered ||
	       hws_window_waits_for(task->cmd_sn,
				    atomic_read(&session->exp_cmd_sn));
}

/* Under control: jiffies that are left of Time2Wait after its loss. */
unsigned long hws_clear_respite(const struct hws_conn *conn)
{
	const unsigned long end = conn->lost_at + conn->loss_time2wait * HZ;
	const unsigned long now = jiffies;

	return time_after(end, now) ? end - now : 0;
}

/*
 * The target's time to notice the loss by itself. Nothing that it may have seen is
 * touched before.
 */
static bool begin_respite(struct hws_conn *conn, unsigned long respite)
{
	struct hws_session *session = conn->session;
	bool others;

	rcu_read_lock();
	others = hws_conn_any(session);
	rcu_read_unlock();
	if (!others)
		return false;
	if (respite > TIME2WAIT_MAX * HZ) {
		hws_warn(session, "Time2Wait of connection %u is too long to wait for",
			 conn->params.cid);
		hws_session_fail(session);
		return true;
	}
	WRITE_ONCE(conn->strand, HWS_STRAND_RESPITE);
	hws_strand_wait(conn, respite);
	go_on(conn, NEVER_SENT);
	return true;
}

/**
 * hws_clear_begin - have a lost connection logged out over another
 * @conn: in state CLEANUP and killed, its commands STRANDED, under
 *	session->control
 *
 * Return: false when there is no other that could.
 */
bool hws_clear_begin(struct hws_conn *conn)
{
	const unsigned long respite = hws_clear_respite(conn);

	if (conn->session->params.erl == 2 && respite)
		return begin_respite(conn, respite);
	WRITE_ONCE(conn->strand, HWS_STRAND_LOGOUT);
	hws_strand_wait(conn, CLEAR_TIMEOUT * HZ);
	return ask(conn);
}

/* A number that the target waits for, and that nobody has any more. */
bool hws_clear_hole(const struct hws_conn *conn)
{
	return conn->gave_up &&
	       hws_window_waits_for(conn->gave_up_cmd_sn,
				    atomic_read(&conn->session->exp_cmd_sn));
}

/**
 * hws_clear_tasks - go on with the commands of a connection that was closed
 * @conn: in state CLEANUP and killed, under session->control
 */
void hws_clear_tasks(struct hws_conn *conn)
{
	if (hws_clear_hole(conn)) {
		hws_session_fail(conn->session);
		return;
	}
	/* No other is up any more over which the rest could go on. */
	if (go_on(conn, ALL))
		hws_session_fail(conn->session);
	else
		hws_conn_gone(conn);
}

/* It was logged out for recovery: its tasks may be reassigned. */
static void logged_out_for_recovery(struct hws_conn *conn, u16 time2wait)
{
	conn->closed = true;
	conn->window_fresh = true;
	if (hws_clear_hole(conn) || time2wait > TIME2WAIT_MAX) {
		hws_session_fail(conn->session);
		return;
	}
	/* These need not wait. */
	if (go_on(conn, NOT_THERE) && time2wait) {
		WRITE_ONCE(conn->strand, HWS_STRAND_WAIT);
		hws_strand_wait(conn, time2wait * HZ);
	} else {
		hws_reassign_begin(conn);
	}
}

/*
 * A refusal names the seconds before the next logout of the connection, and the
 * login that takes the place of the session is one, too (11.15.3).
 */
static void begin_refusal(struct hws_conn *conn)
{
	if (conn->clear_time2wait * HZ <= hws_clear_respite(conn))
		return;
	conn->lost_at = jiffies;
	conn->loss_time2wait = conn->clear_time2wait;
}

static void failed(struct hws_conn *conn, int error, u8 response)
{
	hws_warn(conn->session, "connection %u could not be logged out (%s %d)",
		 conn->params.cid, error ? "error" : "response",
		 error ?: response);
	hws_session_fail(conn->session);
}

static void logout_answered(struct hws_conn *conn)
{
	const bool recovers = conn->clear_reason == HWS_LOGOUT_RECOVERY;
	struct hws_session *session = conn->session;
	const int error = conn->clear_error;

	if (error == -ECONNRESET || error == -EBUSY) {
		/* Now over a third one; or again, until strand_timer. */
		if (!(error == -EBUSY ? ask(conn) : hws_clear_begin(conn)))
			hws_conn_hold(conn);
		return;
	}
	if (error) {
		failed(conn, error, 0);
		return;
	}
	switch (conn->clear_response) {
	case CLOSED:
	case CID_NOT_FOUND:
		HWS_COUNT_SESSION(session, CONNECTIONS_CLEARED, 1);
		/*
		 * Not found, it may have been closed by a request of ours whose
		 * answer was lost: of its tasks each will tell.
		 */
		if (recovers)
			logged_out_for_recovery(conn, conn->clear_response == CLOSED ?
						conn->clear_time2wait : 0);
		else
			hws_clear_tasks(conn);
		return;
	case NO_RECOVERY:
		if (recovers) {
			hws_warn(session,
				 "the target does not recover connection %u; its tasks end",
				 conn->params.cid);
			conn->no_recovery = true;
			begin_refusal(conn);
			if (!hws_clear_begin(conn))
				hws_conn_hold(conn);
			return;
		}
		fallthrough;
	case CLEANUP_FAILED:
		begin_refusal(conn);
		fallthrough;
	default:
		failed(conn, 0, conn->clear_response);
	}
}

void hws_clear_work(struct work_struct *work)
{
	struct hws_conn *conn = container_of(work, struct hws_conn, clear_work);
	struct hws_session *session = conn->session;

	/* No room for one more immediate request, there or here: a little later. */
	if (READ_ONCE(conn->busy))
		msleep(HWS_BUSY_WAIT_MS);
	mutex_lock(&session->control);
	WRITE_ONCE(conn->busy, false);
	/*
	 * Of a step that was left in the meantime, it says nothing any more. Who ends
	 * a request that is under way comes here again; tasks are not reassigned one
	 * by one, and those that have their answer need not wait for the others.
	 */
	if (!conn->lost_again && conn->strand == HWS_STRAND_REASSIGN) {
		hws_reassign_answered(conn);
	} else if (!hws_clear_is_asking(conn) && READ_ONCE(conn->answered)) {
		conn->answered = false;
		if (conn->lost_again) {
			conn->lost_again = false;
			hws_conn_recover(conn);
		} else if (conn->strand == HWS_STRAND_LOGOUT) {
			logout_answered(conn);
		}
	}
	mutex_unlock(&session->control);
	hws_session_put(session);
}

void hws_strand_timer(struct work_struct *work)
{
	struct hws_conn *conn = container_of(to_delayed_work(work),
					     struct hws_conn, strand_timer);
	struct hws_session *session = conn->session;

	mutex_lock(&session->control);
	if (time_before(jiffies, conn->strand_until)) {
		/* It was set anew, and comes again. */
	} else if (conn->strand == HWS_STRAND_RESPITE) {
		if (!hws_clear_begin(conn))
			hws_conn_hold(conn);
	} else if (conn->strand == HWS_STRAND_WAIT) {
		hws_reassign_begin(conn);
	} else if (conn->strand == HWS_STRAND_LOGOUT ||
		   conn->strand == HWS_STRAND_REASSIGN) {
		hws_warn(session, "the %s of connection %u is not answered",
			 conn->strand == HWS_STRAND_LOGOUT ?
			 "logout" : "reassignment", conn->params.cid);
		hws_session_fail(session);
	}
	mutex_unlock(&session->control);
}
