// SPDX-License-Identifier: GPL-2.0-only
/*
 * Connections that go although nothing is wrong with them: because the target
 * asks for it, because they are taken out of their session, or because it ends.
 */
#include <linux/netlink.h>

#include "command.h"
#include "connection.h"
#include "log.h"
#include "main.h"
#include "policy.h"
#include "recovery.h"
#include "session.h"
#include "task.h"

enum {
	/* seconds for the answer to a logout */
	LOGOUT_TIMEOUT = 10,
	/* for what a connection that is taken out has not sent, and nobody takes over */
	REMOVE_TIMEOUT = 30,
	/* for what one has under way that is asked to leave: if there is no other, new commands wait */
	DRAIN_TIMEOUT = HWS_LEAVE_PATIENCE / 2,
};

/**
 * hws_conn_log_out - say farewell, and wait for the answer
 * @conn: LOGGED_IN or IN_LOGOUT
 * @reason: enum hws_logout_reason, of this connection or the whole session
 *
 * Process context.
 *
 * Return: whether the target agreed.
 */
bool hws_conn_log_out(struct hws_conn *conn, u8 reason)
{
	struct hws_session *session = conn->session;
	struct hws_task *task = hws_request_get(session, HWS_TASK_LOGOUT);
	u8 response;
	bool mine;
	int ret;

	if (!task)
		return false;
	task->request->function = reason;
	task->request->cid = conn->params.cid;
	ret = hws_request_submit(task, conn, true);
	if (ret) {
		hws_request_put(task);
		return false;
	}
	ret = hws_request_wait(task, conn, LOGOUT_TIMEOUT * HZ, &mine);
	if (!mine) {
		hws_warn(session, "the target did not answer the logout");
		return false;
	}
	response = task->request->response;
	hws_request_put(task);
	if (!ret && response)
		hws_warn(session, "the target answered the logout with %u",
			 response);
	return !ret && !response;
}

/* Process context. Gives what was not sent to others; returns how many had to stay. */
static int move_unsent(struct hws_conn *conn)
{
	struct sock *sk = hws_conn_lock_sock(conn);
	struct hws_task *task, *next;
	int left = 0;

	if (!sk)
		return 0;
	hws_conn_take_submitted(conn);
	list_for_each_entry_safe(task, next, &conn->commands, entry) {
		struct hws_conn *over;

		rcu_read_lock();
		over = hws_policy_select(conn->session);
		if (over)
			hws_command_move(task, over);
		else
			left++;
		rcu_read_unlock();
	}
	hws_conn_unlock_sock(sk);
	rcu_read_lock();
	hws_command_kick(conn->session);
	rcu_read_unlock();
	return left;
}

/**
 * hws_conn_leave - log out of a connection because the target asked for it
 * @conn: the connection, under its socket lock
 * @time2wait: seconds until the next login
 * @patience: seconds that the target waits for the Logout
 *
 * New commands go elsewhere. Those under way would be lost with the connection
 * (RFC 7143 section 11.14): half of the target's patience is theirs. The answer
 * to the Logout, or its time-out, is the loss.
 */
void hws_conn_leave(struct hws_conn *conn, u16 time2wait, u16 patience)
{
	conn->loss_time2wait = time2wait;
	if (!hws_conn_step(conn, HWS_CONN_EV_LOGOUT))
		return;
	WRITE_ONCE(conn->leave_phase, HWS_LEAVING_BEGUN);
	conn->leave_at = jiffies + min(patience * HZ / 2, DRAIN_TIMEOUT * HZ);
	mod_delayed_work(hws_recovery_wq, &conn->leave_work, 0);
}

/**
 * hws_conn_has_less - a command of a connection in logout has ended
 * @conn: the connection
 * @idle: that was the last one
 *
 * Any context.
 */
void hws_conn_has_less(struct hws_conn *conn, bool idle)
{
	if (idle)
		wake_up_all(&conn->session->state_wait);
	if (READ_ONCE(conn->leave_phase) == HWS_LEAVING_DRAINS)
		mod_delayed_work(hws_recovery_wq, &conn->leave_work, 0);
}

static void ask_to_leave(struct hws_conn *conn)
{
	struct hws_task *task = hws_request_get(conn->session, HWS_TASK_LOGOUT);
	bool others;

	if (!task) {
		hws_conn_lost(conn, HWS_LOSS_ASYNC_LOGOUT);
		return;
	}
	rcu_read_lock();
	others = hws_conn_has_siblings(conn);
	rcu_read_unlock();
	task->request->function = others ? HWS_LOGOUT_CLOSE_CONNECTION :
					   HWS_LOGOUT_CLOSE_SESSION;
	task->request->cid = conn->params.cid;
	task->request->abandoned = true;
	task->request->leave = true;
	if (hws_request_submit(task, conn, true)) {
		hws_request_put(task);
		hws_conn_lost(conn, HWS_LOSS_ASYNC_LOGOUT);
	}
}

/* Wakes whenever there may be less to wait for, and when it waited enough. */
void hws_conn_leave_work(struct work_struct *work)
{
	struct hws_conn *conn = container_of(to_delayed_work(work),
					     struct hws_conn, leave_work);
	long left;
	int unsent;

	if (READ_ONCE(conn->state) != HWS_CONN_IN_LOGOUT ||
	    conn->leave_phase == HWS_LEAVING_NOT)
		return;
	if (conn->leave_phase == HWS_LEAVING_BEGUN) {
		/* Others take its place in the policy. Who kills it waits for us under control. */
		if (!mutex_trylock(&conn->session->control)) {
			queue_delayed_work(hws_recovery_wq, &conn->leave_work, 1);
			return;
		}
		hws_policy_update(conn->session);
		mutex_unlock(&conn->session->control);
		/* Who saw it up has submitted. */
		synchronize_rcu_expedited();
		WRITE_ONCE(conn->leave_phase, HWS_LEAVING_DRAINS);
		/* The end of a command either sees this or is seen: that is a full barrier too. */
		smp_mb();
	}
	left = conn->leave_at - jiffies;
	if (conn->leave_phase == HWS_LEAVING_DRAINS) {
		unsent = move_unsent(conn);
		if (left <= 0 || atomic_read(&conn->outstanding) <= unsent) {
			WRITE_ONCE(conn->leave_phase, HWS_LEAVING_ASKED);
			left = LOGOUT_TIMEOUT * HZ;
			conn->leave_at = jiffies + left;
			ask_to_leave(conn);
		}
	} else if (left <= 0) {
		/* It neither answers nor closes. */
		hws_conn_lost(conn, HWS_LOSS_ASYNC_LOGOUT);
		return;
	}
	/* Not if it was woken meanwhile. */
	queue_delayed_work(hws_recovery_wq, &conn->leave_work, left);
}

/**
 * hws_session_dropped - the target has said that it drops connections
 * @session: the session
 * @cid: of the one that goes; NULL when all do
 * @time2wait: seconds until the next login
 *
 * Any context. What is told over a connection may be another's end (RFC 7143
 * section 11.9.1), which nothing else may tell of for a while.
 */
void hws_session_dropped(struct hws_session *session, const u16 *cid,
			 u16 time2wait)
{
	unsigned int i;

	rcu_read_lock();
	for (i = 0; i < HWS_CONNECTIONS_MAX; i++) {
		struct hws_conn *conn = rcu_dereference(session->conns[i]);
		int state;

		if (!conn)
			continue;
		/* Its CID was written before it was up. */
		state = smp_load_acquire(&conn->state);
		if (state != HWS_CONN_LOGGED_IN && state != HWS_CONN_IN_LOGOUT)
			continue;
		if (cid && conn->params.cid != *cid)
			continue;
		conn->loss_time2wait = time2wait;
		hws_conn_lost(conn, HWS_LOSS_ASYNC_DROP);
	}
	rcu_read_unlock();
}

/* Under control: whoever looked @conn up by the CID did so without. */
static bool is_member(const struct hws_conn *conn, u16 cid)
{
	return conn->member && conn->params.cid == cid;
}

/**
 * hws_conn_drop - have a connection lost because the administrator says so
 * @conn: the connection
 * @cid: its CID
 * @extack: says what is refused
 *
 * Process context.
 *
 * Return: 0; -ENOENT when that is not its CID any more, -ENOTCONN when it is
 * not up.
 */
int hws_conn_drop(struct hws_conn *conn, u16 cid,
		  struct netlink_ext_ack *extack)
{
	struct hws_session *session = conn->session;
	int ret = 0;

	mutex_lock(&session->control);
	if (!is_member(conn, cid)) {
		ret = -ENOENT;
	} else if (READ_ONCE(conn->state) != HWS_CONN_LOGGED_IN) {
		NL_SET_ERR_MSG(extack, "the connection is not up");
		ret = -ENOTCONN;
	} else {
		hws_conn_lost(conn, HWS_LOSS_ADMIN);
	}
	mutex_unlock(&session->control);
	return ret;
}

/**
 * hws_conn_remove - begin to take a connection out of its session
 * @conn: the connection
 * @cid: its CID
 * @extack: says what is refused
 *
 * Process context. The end is HWS_EVENT_CONNECTION_REMOVED.
 *
 * Return: 0 when it is under way or done; or an errno that the uapi header names.
 */
int hws_conn_remove(struct hws_conn *conn, u16 cid,
		    struct netlink_ext_ack *extack)
{
	struct hws_session *session = conn->session;
	struct hws_conn *other;
	unsigned int i;
	int ret = -EBUSY;

	mutex_lock(&session->control);
	for (i = 0; i < HWS_CONNECTIONS_MAX; i++) {
		other = rcu_dereference_raw(session->conns[i]);
		if (other && other != conn &&
		    READ_ONCE(other->state) == HWS_CONN_LOGGED_IN)
			ret = 0;
	}
	if (ret)
		NL_SET_ERR_MSG(extack,
			       "no other connection of the session is up; end the session instead");
	if (hws_session_state(session) == HWS_SESSION_CLOSING) {
		NL_SET_ERR_MSG(extack, "the session is being ended");
		ret = -ESHUTDOWN;
	}
	if (!is_member(conn, cid))
		ret = -ENOENT;
	if (ret || conn->removing)
		goto out;

	conn->removing = true;
	conn->cookie = 0;
	if (hws_conn_step(conn, HWS_CONN_EV_LOGOUT)) {
		hws_policy_update(session);
		conn->remove_pending = true;
		hws_session_get(session);
		queue_work(hws_control_wq, &conn->remove_work);
	} else if (READ_ONCE(conn->state) == HWS_CONN_FREE) {
		hws_conn_gone(conn);
	}
out:
	mutex_unlock(&session->control);
	return ret;
}

static bool may_log_out(struct hws_conn *conn)
{
	return !atomic_read(&conn->outstanding) ||
	       READ_ONCE(conn->state) != HWS_CONN_IN_LOGOUT;
}

void hws_conn_remove_work(struct work_struct *work)
{
	struct hws_conn *conn = container_of(work, struct hws_conn, remove_work);
	struct hws_session *session = conn->session;
	int unsent;

	/* Who saw it up has submitted. */
	synchronize_rcu();
	/* There is no hurry: what the target has may take its hours, as a tape's rewinding does. */
	do {
		unsent = move_unsent(conn);
	} while (!wait_event_idle_timeout(session->state_wait,
					  may_log_out(conn),
					  REMOVE_TIMEOUT * HZ) &&
		 !unsent);
	if (READ_ONCE(conn->state) == HWS_CONN_IN_LOGOUT)
		hws_conn_log_out(conn, HWS_LOGOUT_CLOSE_CONNECTION);
	/* Whether the target agreed is seen there. */
	hws_conn_lost(conn, HWS_LOSS_ADMIN);
	mutex_lock(&session->control);
	conn->remove_pending = false;
	mutex_unlock(&session->control);
	hws_session_put(session);
}
