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
};

static void look_again(struct hws_conn *conn, unsigned long delay)
{
	mod_delayed_work(hws_recovery_wq, &conn->ping_work, max(delay, 1UL));
}

/*
 * A request without a waiter: its answer, or the loss, puts it. False when all
 * tasks of our own are under way, on other connections maybe.
 */
bool hws_ping_send(struct hws_conn *conn)
{
	struct hws_task *task = hws_request_get(conn->session, HWS_TASK_PING);

	if (!task)
		return false;
	task->request->abandoned = true;
	if (hws_request_submit(task, conn, true))
		hws_request_put(task);
	return true;
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
		if (!hws_ping_send(conn)) {
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
