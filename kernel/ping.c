// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keepalive, in three sentences. When nothing was received for the ping
 * interval, a NOP-Out goes out. Whatever the target sends then counts as its
 * answer. When it sends nothing for the ping time-out, the connection is lost.
 */
#include "connection.h"
#include "log.h"
#include "main.h"
#include "session.h"
#include "task.h"

static void again(struct hws_conn *conn, unsigned long delay)
{
	mod_delayed_work(hws_recovery_wq, &conn->ping_work,
			 clamp(delay, 1UL, 3600UL * HZ));
}

/* A request without a waiter: its answer, or the loss, puts it. */
static bool send_ping(struct hws_conn *conn)
{
	struct hws_task *task = hws_request_get(conn->session, HWS_TASK_PING);

	if (!task)
		return false;
	task->request->abandoned = true;
	if (!hws_request_submit(task, conn, true))
		return true;
	hws_request_put(task);
	return false;
}

void hws_ping_work(struct work_struct *work)
{
	struct hws_conn *conn = container_of(to_delayed_work(work),
					     struct hws_conn, ping_work);
	unsigned long interval = READ_ONCE(conn->params.ping_interval) * HZ;
	unsigned long timeout = READ_ONCE(conn->params.ping_timeout) * HZ;
	unsigned long last = READ_ONCE(conn->last_recv);
	unsigned long now = jiffies;

	if (!interval || READ_ONCE(conn->state) == HWS_CONN_CLEANUP ||
	    READ_ONCE(conn->state) == HWS_CONN_FREE)
		return;

	if (time_before(now, last + interval)) {
		conn->pinged = 0;
		again(conn, last + interval - now);
		return;
	}
	if (!conn->pinged || time_after(last, conn->pinged)) {
		/* Silent for the interval: ask. 0 means "not asked". */
		conn->pinged = now ?: 1;
		if (!send_ping(conn)) {
			conn->pinged = 0;
			again(conn, HZ);
			return;
		}
		again(conn, timeout ?: interval);
		return;
	}
	if (timeout && !time_before(now, conn->pinged + timeout)) {
		hws_err(conn->session, "no answer to a ping for %lu s",
			timeout / HZ);
		hws_conn_lost(conn, HWS_LOSS_PING);
		return;
	}
	again(conn, timeout ? conn->pinged + timeout - now : interval);
}

/* After the connection came up, or its settings changed. */
void hws_ping_start(struct hws_conn *conn)
{
	conn->pinged = 0;
	if (conn->params.ping_interval)
		again(conn, conn->params.ping_interval * HZ);
}

void hws_ping_stop(struct hws_conn *conn)
{
	cancel_delayed_work_sync(&conn->ping_work);
}
