// SPDX-License-Identifier: GPL-2.0-only
/*
 * Error recovery level 2: the commands of a connection that was logged out for
 * recovery, or reinstated, go on over a connection that is up (TASK REASSIGN, RFC
 * 7143 sections 7.2.2 and 11.5). One after the other: a target promises to take
 * one task management request at a time on a connection (section 4.2.2.1). Another
 * function that it has not answered is not waited for, though (out.c).
 *
 * The target may go on with a task right behind its answer, so the task changes
 * its allegiance when the answer is received, under the socket lock of the
 * connection that it came on. Everything else is done under session->control.
 */
#include <scsi/scsi_cmnd.h>
#include <scsi/scsi_device.h>

#include "command.h"
#include "connection.h"
#include "log.h"
#include "policy.h"
#include "proto/reassign.h"
#include "recovery.h"
#include "repair.h"
#include "stats.h"

enum {
	/* seconds that a target has to answer */
	REASSIGN_TIMEOUT = 10,
};

static bool is_done(const struct hws_session *session, u8 response)
{
	return hws_reassign_response(READ_ONCE(session->reassign_codes),
				     response) == HWS_TMF_RSP_COMPLETE;
}

/**
 * hws_reassign_ended - a reassignment has its answer, or never will
 * @r: the request
 * @over: the connection that it went over, under its socket lock or killed
 */
void hws_reassign_ended(const struct hws_request *r, struct hws_conn *over)
{
	struct hws_task *task = r->reassigns;
	struct hws_conn *conn = r->clears;

	/*
	 * It waits for this answer: who takes it from its connection in the meantime
	 * kills this one first (hws_session_drain()).
	 */
	if (unlikely(task->state != HWS_TASK_STRANDED ||
		     READ_ONCE(task->conn) != conn || task->tag != r->ref_tag)) {
		hws_conn_lost(over, HWS_LOSS_UNREPAIRED);
	} else if (!r->error && is_done(conn->session, r->response)) {
		hws_command_reassign(task, over);
	} else if (r->error == -ECONNRESET && over != conn) {
		/* The target may have done it: then it is stranded there. */
		atomic_inc(&over->outstanding);
		atomic_dec(&conn->outstanding);
		WRITE_ONCE(task->conn, over);
	}
	hws_clear_ended(r);
}

static void ask_for(struct hws_request *r, struct hws_task *task)
{
	struct hws_task_repair *repair = hws_repair_of(task);

	r->ref_tag = task->tag;
	r->exp_data_sn = hws_command_writes(task) ?
			 hws_repair_resume_write(&repair->r, &task->write) :
			 hws_repair_resume_read(&repair->r, &task->read);
	/* Reserved here (11.5.3), but LIO compares it with the task's. */
	int_to_scsilun(task->sc->device->lun, (struct scsi_lun *)r->lun);
	r->reassigns = task;
}

/*
 * @task: NULL to learn what the target's answers mean. False when no connection is
 * up that could take the request.
 */
static bool ask(struct hws_conn *conn, struct hws_task *task)
{
	struct hws_session *session = conn->session;
	struct hws_task *request = hws_request_get(session, HWS_TASK_TMF);
	struct hws_conn *over;

	conn->reassigning = task;
	conn->answered = false;
	if (!request) {
		hws_clear_busy(conn);
		return true;
	}
	request->request->function = HWS_TMF_TASK_REASSIGN;
	request->request->abandoned = true;
	request->request->clears = conn;
	if (task)
		ask_for(request->request, task);
	else
		request->request->ref_tag = hws_tag(session->nr_tasks, 0);
	WRITE_ONCE(conn->asking, true);
	do {
		rcu_read_lock();
		over = hws_policy_select(session);
		rcu_read_unlock();
		if (over && !hws_request_submit(request, over, false))
			return true;
	} while (over);
	WRITE_ONCE(conn->asking, false);
	hws_request_put(request);
	return false;
}

/* What the target does not have is sent again; false when nobody could. */
static bool move(struct hws_session *session, struct hws_task *task)
{
	struct hws_conn *over;

	rcu_read_lock();
	over = hws_policy_select(session);
	if (over)
		hws_command_move(task, over);
	rcu_read_unlock();
	return over;
}

/*
 * Whether the target has it is known by ExpCmdSN, which is as of the loss until
 * the target has sent something on a connection that came later.
 */
static bool goes_on(const struct hws_conn *conn, const struct hws_task *task)
{
	return !task->numbered || (conn->window_fresh &&
				   hws_clear_goes_on(conn->session, task));
}

static void finish(struct hws_conn *conn)
{
	struct hws_session *session = conn->session;

	cancel_delayed_work(&conn->strand_timer);
	HWS_COUNT_SESSION(session, CONNECTIONS_RECOVERED, 1);
	hws_notice(session, "the tasks of connection %u go on",
		   conn->params.cid);
	if (READ_ONCE(conn->state) == HWS_CONN_CLEANUP && !conn->sock) {
		hws_conn_gone(conn);
		return;
	}
	/* Reinstated; if it is lost again, that is told by its own work. */
	WRITE_ONCE(conn->strand, HWS_STRAND_NONE);
	session->upsets++;
	wake_up_all(&session->state_wait);
}

/* The next of its tasks; under control. */
void hws_reassign_next(struct hws_conn *conn)
{
	struct hws_session *session = conn->session;
	struct hws_task *next = NULL;
	unsigned int i;

	for (i = 0; i < session->nr_commands; i++) {
		struct hws_task *task = &session->tasks[i];

		if (READ_ONCE(task->conn) != conn ||
		    READ_ONCE(task->state) != HWS_TASK_STRANDED)
			continue;
		if (!goes_on(conn, task)) {
			if (session->reassign_codes != HWS_REASSIGN_CODES_UNKNOWN)
				next = task;
			hws_strand_wait(conn, REASSIGN_TIMEOUT * HZ);
			break;
		}
		if (!move(session, task)) {
			hws_conn_hold(conn);
			return;
		}
	}
	rcu_read_lock();
	hws_command_kick(session);
	rcu_read_unlock();
	if (i == session->nr_commands)
		finish(conn);
	else if (!ask(conn, next))
		hws_conn_hold(conn);
}

/**
 * hws_reassign_begin - its tasks may be reassigned now
 * @conn: logged out for recovery or reinstated, under session->control
 */
void hws_reassign_begin(struct hws_conn *conn)
{
	WRITE_ONCE(conn->strand, HWS_STRAND_REASSIGN);
	hws_reassign_next(conn);
}

/* Under control: the answer for conn->reassigning has come. */
void hws_reassign_answered(struct hws_conn *conn)
{
	struct hws_session *session = conn->session;
	struct hws_task *task = conn->reassigning;
	const int error = conn->clear_error;

	switch (error) {
	case 0:
		break;
	case -ECONNRESET:
		hws_reassign_next(conn);
		return;
	case -EBUSY:
		/* Again, until strand_timer. */
		if (!ask(conn, task))
			hws_conn_hold(conn);
		return;
	default:
		goto refused;
	}
	conn->window_fresh = true;
	if (!task) {
		WRITE_ONCE(session->reassign_codes,
			   hws_reassign_codes(conn->clear_response));
		hws_reassign_next(conn);
		return;
	}
	switch (hws_reassign_response(session->reassign_codes,
				      conn->clear_response)) {
	case HWS_TMF_RSP_COMPLETE:
		break;
	case HWS_TMF_RSP_NO_TASK:
		/* It never came, which is seen next; or it has been ended. */
		if (!goes_on(conn, task))
			hws_command_lost(task);
		break;
	default:
		goto refused;
	}
	hws_reassign_next(conn);
	return;

refused:
	/* It may still be at work there. A new session ends it. */
	hws_warn(session, "a task of connection %u could not be reassigned (%s %d)",
		 conn->params.cid, error ? "error" : "response",
		 error ?: conn->clear_response);
	hws_session_fail(session);
}
