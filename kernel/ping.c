// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keepalive: the timer and the PDU for what proto/keepalive.h decides.
 */
#include "connection.h"
#include "log.h"
#include "main.h"
#include "session.h"
#include "task.h"

enum {
	/* jiffies until a ping is tried again for which no task was free */
	NO_TASK_WAIT = HZ / 2,
	/* and since one was sent until another one may be: until then it serves as well */
	SERVES_MS = 1000,
};

static void look_again(struct hws_conn *conn, unsigned long delay)
{
	mod_delayed_work(hws_recovery_wq, &conn->ping_work, max(delay, 1UL));
}

/*
 * Asked for once more, so it was not answered in its time, although something else
 * came: it is given up, or none would ever be sent again. A target that answers
 * none has a few of our tasks at most, and is judged by what else it sends.
 */
static bool give_up(struct hws_conn *conn, struct hws_task *task)
{
	if (task->state != HWS_TASK_ACTIVE ||
	    ktime_get_ns() - task->request->began_ns <
		    SERVES_MS * NSEC_PER_MSEC ||
	    conn->unanswered >= HWS_UNANSWERED_MAX / 2)
		return false;
	task->request->unanswered = true;
	conn->unanswered++;
	conn->own_ping = NULL;
	if (conn->ping_active == task)
		conn->ping_active = NULL;
	return true;
}

/**
 * hws_ping_send - ask the target for a sign of life
 * @conn: the connection, under its socket lock
 *
 * A request without a waiter: its answer, or the loss, puts it. One at a time.
 *
 * Return: false when all tasks of our own are under way, on other connections
 * maybe.
 */
bool hws_ping_send(struct hws_conn *conn)
{
	struct hws_task *task;

	if (conn->own_ping && !give_up(conn, conn->own_ping))
		return true;
	task = hws_request_get(conn->session, HWS_TASK_PING);
	if (!task)
		return false;
	task->request->abandoned = true;
	conn->own_ping = task;
	if (hws_request_submit(task, conn, true)) {
		conn->own_ping = NULL;
		hws_request_put(task);
	}
	return true;
}

/* True as well when the connection is being killed: there is nothing to ask for then. */
static bool send_locked(struct hws_conn *conn)
{
	struct sock *sk = hws_conn_lock_sock(conn);
	bool sent;

	if (!sk)
		return true;
	sent = hws_ping_send(conn);
	hws_conn_unlock_sock(sk);
	return sent;
}

void hws_ping_work(struct work_struct *work)
{
	struct hws_conn *conn = container_of(to_delayed_work(work),
					     struct hws_conn, ping_work);
	struct hws_keepalive *k = &conn->keepalive;
	int state = READ_ONCE(conn->state);
	u32 wait = 0;

	k->interval = READ_ONCE(conn->params.ping_interval) * HZ;
	k->timeout = READ_ONCE(conn->params.ping_timeout) * HZ;
	if (!k->interval ||
	    (state != HWS_CONN_LOGGED_IN && state != HWS_CONN_IN_LOGOUT))
		return;

	switch (hws_keepalive_check(k, jiffies, READ_ONCE(conn->last_recv),
				    &wait)) {
	case HWS_KEEPALIVE_WAIT:
		break;
	case HWS_KEEPALIVE_PING:
		if (!send_locked(conn)) {
			hws_keepalive_not_sent(k);
			wait = NO_TASK_WAIT;
		}
		break;
	case HWS_KEEPALIVE_LOST:
		hws_err(conn->session, "no answer to a ping for %u s",
			k->timeout / HZ);
		hws_conn_lost(conn, HWS_LOSS_PING);
		return;
	}
	look_again(conn, wait);
}

/* After the connection came up, or its settings changed. */
void hws_ping_start(struct hws_conn *conn)
{
	if (conn->params.ping_interval)
		look_again(conn, conn->params.ping_interval * HZ);
}

void hws_ping_stop(struct hws_conn *conn)
{
	cancel_delayed_work_sync(&conn->ping_work);
}
