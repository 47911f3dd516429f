// SPDX-License-Identifier: GPL-2.0-only
/*
 * Connections that go although nothing is wrong with them: because the target
 * asks for it.
 */
#include "connection.h"
#include "main.h"
#include "recovery.h"
#include "session.h"
#include "task.h"
#include "trace.h"

enum {
	/* seconds for the answer to a logout that the target asked for */
	LEAVE_TIMEOUT = 10,
};

/**
 * hws_conn_leave - log out of a connection because the target asked for it
 * @conn: the connection, under its socket lock
 * @time2wait: seconds until the next login
 *
 * The answer to the Logout, or the target's patience ending, is the loss.
 */
void hws_conn_leave(struct hws_conn *conn, u16 time2wait)
{
	int state = HWS_CONN_LOGGED_IN;
	struct hws_task *task;

	conn->loss_time2wait = time2wait;
	if (!try_cmpxchg(&conn->state, &state, HWS_CONN_IN_LOGOUT))
		return;
	mod_delayed_work(hws_recovery_wq, &conn->leave_work,
			 LEAVE_TIMEOUT * HZ);
	trace_hws_conn_state(conn, state, HWS_CONN_IN_LOGOUT);
	task = hws_request_get(conn->session, HWS_TASK_LOGOUT);
	if (!task) {
		hws_conn_lost(conn, HWS_LOSS_ASYNC_LOGOUT);
		return;
	}
	task->request->function = HWS_LOGOUT_CLOSE_SESSION;
	task->request->cid = conn->params.cid;
	task->request->abandoned = true;
	task->request->leave = true;
	if (hws_request_submit(task, conn, true)) {
		hws_request_put(task);
		hws_conn_lost(conn, HWS_LOSS_ASYNC_LOGOUT);
	}
}

/* The target was asked to let us go, and neither answers nor closes. */
void hws_conn_leave_work(struct work_struct *work)
{
	struct hws_conn *conn = container_of(to_delayed_work(work),
					     struct hws_conn, leave_work);

	hws_conn_lost(conn, HWS_LOSS_ASYNC_LOGOUT);
}
