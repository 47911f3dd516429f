// SPDX-License-Identifier: GPL-2.0-only
/*
 * The session's array of tasks, and our own requests in the part of it that the
 * midlayer has no tags for.
 */
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "command.h"
#include "connection.h"
#include "recovery.h"
#include "repair.h"
#include "session.h"
#include "task.h"

static void point_rings(struct hws_session *session)
{
	unsigned int i;

	for (i = 0; i < session->nr_commands; i++) {
		struct hws_sequence_ring *ring = &session->tasks[i].sequences;

		ring->at = &session->sequences[i * session->sequences_each];
		ring->size = session->sequences_each;
		ring->head = 0;
		ring->count = 0;
	}
}

static int reserve_extents(struct hws_session *session, bool wanted)
{
	if (wanted && !session->extents) {
		session->extents = kvcalloc(session->nr_commands,
					    sizeof(*session->extents),
					    GFP_NOIO);
		if (!session->extents)
			return -ENOMEM;
	} else if (!wanted && session->extents) {
		kvfree(session->extents);
		session->extents = NULL;
	}
	return 0;
}

static int reserve_repairs(struct hws_session *session, bool wanted)
{
	unsigned int i;

	if (!wanted) {
		kvfree(session->repairs);
		session->repairs = NULL;
		return 0;
	}
	if (session->repairs)
		return 0;
	session->repairs = kvcalloc(session->nr_commands,
				    sizeof(*session->repairs), GFP_NOIO);
	if (!session->repairs)
		return -ENOMEM;
	for (i = 0; i < session->nr_commands; i++)
		hws_repair_prepare(&session->repairs[i], &session->tasks[i]);
	return 0;
}

/**
 * hws_tasks_reserve - storage for what a login negotiated
 * @session: a session none of whose tasks is in use
 * @params: the order of data, MaxOutstandingR2T, ErrorRecoveryLevel
 *
 * Grows what is there; so a reconnect with the parameters of the last login
 * allocates nothing.
 *
 * Return: 0, or -ENOMEM and what was there for the last login may be gone.
 */
int hws_tasks_reserve(struct hws_session *session,
		      const struct hws_session_params *params)
{
	/* one more for the unsolicited sequence */
	unsigned int each = params->max_outstanding_r2t + 1;
	bool repairs = params->erl > 0;

	/* An R2T may ask for data again before that is sent (recovery R2T). */
	if (repairs)
		each += params->max_outstanding_r2t;

	if (each > session->sequences_each) {
		struct hws_sequence *sequences;

		sequences = kvcalloc(session->nr_commands * each,
				     sizeof(*sequences), GFP_NOIO);
		if (!sequences)
			return -ENOMEM;
		kvfree(session->sequences);
		session->sequences = sequences;
		session->sequences_each = each;
		point_rings(session);
	}
	return reserve_extents(session, repairs || !params->data_pdu_in_order ||
						!params->data_sequence_in_order) ?:
	       reserve_repairs(session, repairs);
}

int hws_tasks_alloc(struct hws_session *session,
		    const struct hws_session_params *params)
{
	unsigned int i;

	session->nr_commands = session->config.cmds_max;
	session->nr_requests = params->max_connections > 1 ?
				       HWS_REQUESTS_SEVERAL : HWS_REQUESTS;
	session->nr_tasks = session->nr_commands + session->nr_requests;
	session->tasks = kvcalloc(session->nr_tasks, sizeof(*session->tasks),
				  GFP_KERNEL);
	session->requests = kcalloc(session->nr_requests,
				    sizeof(*session->requests), GFP_KERNEL);
	if (!session->tasks || !session->requests)
		return -ENOMEM;

	for (i = 0; i < session->nr_tasks; i++) {
		struct hws_task *task = &session->tasks[i];

		task->session = session;
		task->index = i;
		INIT_LIST_HEAD(&task->entry);
		INIT_LIST_HEAD(&task->data_entry);
		if (i >= session->nr_commands)
			task->request =
				&session->requests[i - session->nr_commands];
	}
	return hws_tasks_reserve(session, params);
}

void hws_tasks_free(struct hws_session *session)
{
	kvfree(session->sequences);
	kvfree(session->extents);
	kvfree(session->repairs);
	kfree(session->requests);
	kvfree(session->tasks);
}

/**
 * hws_request_get - a task for a request of our own
 * @session: the session
 * @kind: what it will be
 *
 * Any context. The caller fills task->request and submits the task, or puts it
 * back. What is for the session's own needs is never used up by requests by
 * hand, which are counted apart.
 *
 * Return: the task, IDLE; NULL when all are taken.
 */
struct hws_task *hws_request_get(struct hws_session *session,
				 enum hws_task_kind kind)
{
	struct hws_task *task = NULL;
	struct hws_request *r;
	unsigned long flags;
	unsigned int i;

	spin_lock_irqsave(&session->lock, flags);
	i = find_first_zero_bit(&session->request_map, session->nr_requests);
	if (i < session->nr_requests) {
		__set_bit(i, &session->request_map);
		task = &session->tasks[session->nr_commands + i];
	}
	spin_unlock_irqrestore(&session->lock, flags);
	if (!task)
		return NULL;

	r = task->request;
	memset(r, 0, sizeof(*r));
	init_completion(&r->done);
	task->kind = kind;
	hws_task_new_tag(task);
	return task;
}

/* The task is IDLE and nobody else knows of it. */
void hws_request_put(struct hws_task *task)
{
	struct hws_session *session = task->session;
	unsigned long flags;

	kvfree(task->request->data);
	kvfree(task->request->answer);
	task->request->data = NULL;
	task->request->answer = NULL;
	spin_lock_irqsave(&session->lock, flags);
	__clear_bit(task->index - session->nr_commands, &session->request_map);
	spin_unlock_irqrestore(&session->lock, flags);
}

/**
 * hws_request_submit - hand a request to a connection
 * @task: from hws_request_get(), filled
 * @conn: the connection
 * @leaving: it may go out although the connection takes no more commands
 *
 * Return: 0; -ENOTCONN when the connection is not up, and the task is the
 * caller's as before.
 */
int hws_request_submit(struct hws_task *task, struct hws_conn *conn,
		       bool leaving)
{
	int state, ret = 0;

	rcu_read_lock();
	state = READ_ONCE(conn->state);
	if (state == HWS_CONN_LOGGED_IN ||
	    (leaving && state == HWS_CONN_IN_LOGOUT)) {
		task->state = HWS_TASK_SUBMITTED;
		WRITE_ONCE(task->conn, conn);
		hws_conn_submit(conn, task, true);
	} else {
		ret = -ENOTCONN;
	}
	rcu_read_unlock();
	return ret;
}

/**
 * hws_request_end - a request has its answer, or never will
 * @task: ACTIVE, under the socket lock; or of a connection that is killed
 * @error: 0 when task->request->response holds
 */
void hws_request_end(struct hws_task *task, int error)
{
	struct hws_request *r = task->request;
	struct hws_conn *conn = task->conn;
	bool leave = r->leave;

	if (r->unanswered)
		conn->unanswered--;
	if (r->counted)
		conn->reassigns--;
	hws_task_forget(task);
	hws_send_kick(conn);	/* the next one of its kind may wait */
	r->error = error;
	if (r->clears && r->reassigns)
		hws_reassign_ended(r, conn);
	else if (r->clears)
		hws_clear_ended(r);
	if (r->abandoned)
		hws_request_put(task);
	else
		complete(&r->done);
	if (leave)
		hws_conn_lost(conn, HWS_LOSS_ASYNC_LOGOUT);
}

/* Nobody waits any more: true when the request is now its connection's. */
static bool abandon(struct hws_task *task, struct hws_conn *conn)
{
	struct hws_request *r = task->request;
	struct sock *sk = hws_conn_lock_sock(conn);
	bool abandoned = false;

	if (!sk)
		return false;
	hws_conn_take_submitted(conn);
	if (!completion_done(&r->done)) {
		if (task->state == HWS_TASK_ACTIVE) {
			/*
			 * The answer may still come. The tag stays taken until
			 * then, but a successor need not wait for it, unless
			 * it is text: of that one exchange at a time may be
			 * under way (RFC 7143 section 11.10).
			 */
			r->abandoned = true;
			r->unanswered = true;
			abandoned = true;
			if (++conn->unanswered > HWS_UNANSWERED_MAX)
				hws_conn_lost(conn, HWS_LOSS_TASK_MANAGEMENT);
			if (conn->tmf_active == task)
				conn->tmf_active = NULL;
			if (conn->ping_active == task)
				conn->ping_active = NULL;
		} else {
			hws_task_forget(task);
			r->error = -ETIMEDOUT;
			complete(&r->done);
		}
		hws_send_kick(conn);	/* a successor may wait */
	}
	hws_conn_unlock_sock(sk);
	return abandoned;
}

/**
 * hws_request_wait - wait for a request's end
 * @task: submitted to @conn
 * @conn: its connection
 * @timeout: in jiffies
 * @mine: the task is the caller's again, to be put. If not, it was given up,
 *	and will be put when its answer comes or its connection goes
 *
 * Return: task->request->error; -ETIMEDOUT when the task was given up.
 */
int hws_request_wait(struct hws_task *task, struct hws_conn *conn,
		     unsigned long timeout, bool *mine)
{
	struct hws_request *r = task->request;

	*mine = true;
	if (wait_for_completion_timeout(&r->done, timeout))
		return r->error;
	if (abandon(task, conn)) {
		*mine = false;
		return -ETIMEDOUT;
	}
	/* It has just ended, or its connection is being killed and ends it. */
	wait_for_completion(&r->done);
	return r->error;
}
