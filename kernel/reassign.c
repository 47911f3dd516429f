// SPDX-License-Identifier: GPL-2.0-only
/*
 * Error recovery level 2: the commands of a connection that was logged out for
 * recovery, or reinstated, go on over a connection that is up (TASK REASSIGN, RFC
 * 7143 sections 7.2.2 and 11.5). Several at a time, because I/O waits for the last
 * of them. A target promises to take one task management request at a time on a
 * connection (section 4.2.2.1): one that rejects what is too much gets them one
 * after the other from then on (out.c).
 *
 * The target may go on with a task right behind its answer, so the task changes
 * its allegiance when the answer is received, under the socket lock of the
 * connection that it came on. A task that is asked for is that request's; when it
 * has ended and the task is where it was, it is session->control's again, under
 * which everything else is done (hws_task_repair.asked).
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
	/* seconds that a target has to answer one more */
	REASSIGN_TIMEOUT = 10,
	/* of one lost connection, at a time */
	REASSIGNS_MAX = 8,
};

static bool is_done(const struct hws_session *session, u8 response)
{
	return hws_reassign_response(READ_ONCE(session->reassign_codes),
				     response) == HWS_TMF_RSP_COMPLETE;
}

/* A request for it has not ended: whose it will be is not known. Any context. */
bool hws_reassign_is_under_way(const struct hws_task *task)
{
	if (!task->session->repairs)
		return false;
	/* When not, what it came to is there: hws_reassign_ended(). */
	return smp_load_acquire(&hws_repair_of(task)->asked) == HWS_ASKED;
}

/* Returns what it leaves of the task to who holds control. */
static enum hws_asked take_answer(const struct hws_request *r,
				  struct hws_conn *over)
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
		return HWS_ASKED_NOT;
	}
	if (!r->error && is_done(conn->session, r->response)) {
		hws_command_reassign(task, over);
		return HWS_ASKED_NOT;
	}
	if (r->error == -ECONNRESET && r->counted && over != conn) {
		/* Sent, so the target may have done it: then it is stranded there. */
		atomic_inc(&over->outstanding);
		atomic_dec(&conn->outstanding);
		WRITE_ONCE(task->conn, over);
		return HWS_ASKED_NOT;
	}
	return HWS_ASKED_IN_VAIN;
}

/* The target has no room for it beside another, whichever way it says so. */
static bool has_no_room(const struct hws_request *r)
{
	const u8 codes = READ_ONCE(r->clears->session->reassign_codes);

	return r->crowded &&
	       (r->error == -EBUSY ||
		(!r->error && hws_reassign_response(codes, r->response) ==
				      HWS_TMF_RSP_REJECTED));
}

/**
 * hws_reassign_ended - a reassignment has its answer, or never will
 * @r: the request
 * @over: the connection that it went over, under its socket lock or killed
 */
void hws_reassign_ended(const struct hws_request *r, struct hws_conn *over)
{
	struct hws_task_repair *repair = hws_repair_of(r->reassigns);
	struct hws_conn *conn = r->clears;

	/* Each is one connection less, so there is an end to it. */
	if (!r->error || r->error == -ECONNRESET)
		WRITE_ONCE(conn->advanced, true);
	/* With an answer comes ExpCmdSN. */
	if (!r->error)
		WRITE_ONCE(conn->window_fresh, true);
	repair->error = r->error;
	repair->response = r->response;
	if (has_no_room(r)) {
		WRITE_ONCE(conn->session->reassigns_one, true);
		repair->error = -EBUSY;
	}
	/* Last: with it come those two, or the task's new allegiance. */
	smp_store_release(&repair->asked, take_answer(r, over));
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
 * Under control. @task: NULL to learn what the target's answers mean. False when no
 * connection is up that could take the request.
 */
static bool ask(struct hws_conn *conn, struct hws_task *task,
		struct hws_task *request)
{
	struct hws_session *session = conn->session;
	struct hws_request *r = request->request;

	r->function = HWS_TMF_TASK_REASSIGN;
	if (task) {
		ask_for(r, task);
		WRITE_ONCE(hws_repair_of(task)->asked, HWS_ASKED);
	} else {
		r->ref_tag = hws_tag(session->nr_tasks, 0);
		conn->answered = false;
		conn->probing = true;
	}
	if (hws_clear_submit(request, conn, hws_policy_select))
		return true;
	conn->probing = false;
	if (task)
		WRITE_ONCE(hws_repair_of(task)->asked, HWS_ASKED_NOT);
	return false;
}

/*
 * Whether the target has it is known by ExpCmdSN, which is as of the loss until
 * the target has sent something on a connection that came later.
 */
static bool goes_on(const struct hws_conn *conn, const struct hws_task *task)
{
	return !task->numbered || (READ_ONCE(conn->window_fresh) &&
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

/* It may still be at work there. A new session ends it. */
static bool refused(struct hws_conn *conn, int error, u8 response)
{
	hws_warn(conn->session,
		 "a task of connection %u could not be reassigned (%s %d)",
		 conn->params.cid, error ? "error" : "response",
		 error ?: response);
	hws_session_fail(conn->session);
	return false;
}

/* A request for it has ended in vain; false when the session was given up. */
static bool take_refusal(struct hws_conn *conn, struct hws_task *task)
{
	struct hws_task_repair *repair = hws_repair_of(task);

	repair->asked = HWS_ASKED_NOT;
	/* Again, until strand_timer; or over another. */
	if (repair->error == -EBUSY || repair->error == -ECONNRESET)
		return true;
	if (repair->error ||
	    hws_reassign_response(conn->session->reassign_codes,
				  repair->response) != HWS_TMF_RSP_NO_TASK)
		return refused(conn, repair->error, repair->response);
	/*
	 * It never came, which ExpCmdSN shows, and is sent again; or it has been
	 * ended.
	 */
	if (!hws_clear_goes_on(conn->session, task))
		hws_command_lost(task);
	return true;
}

/*
 * The next of its tasks from @i on that nobody has asked for, or NULL. In this order:
 * while a request is under way, the task may become another connection's.
 */
static struct hws_task *next_stranded(struct hws_conn *conn, unsigned int *i)
{
	struct hws_session *session = conn->session;

	while (*i < session->nr_commands) {
		struct hws_task *task = &session->tasks[(*i)++];

		if (!hws_reassign_is_under_way(task) &&
		    READ_ONCE(task->conn) == conn &&
		    READ_ONCE(task->state) == HWS_TASK_STRANDED)
			return task;
	}
	return NULL;
}

/* False when the session was given up. */
static bool take_refusals(struct hws_conn *conn)
{
	struct hws_task *task;
	unsigned int i = 0;

	while ((task = next_stranded(conn, &i)))
		if (hws_repair_of(task)->asked == HWS_ASKED_IN_VAIN &&
		    !take_refusal(conn, task))
			return false;
	return true;
}

/* What the target does not have is sent again; false when nobody could. */
static bool move_others(struct hws_conn *conn)
{
	struct hws_session *session = conn->session;
	struct hws_conn *over = conn;
	struct hws_task *task;
	unsigned int i = 0;

	rcu_read_lock();
	while (over && (task = next_stranded(conn, &i))) {
		if (!goes_on(conn, task))
			continue;
		over = hws_policy_select(session);
		if (over)
			hws_command_move(task, over);
	}
	/* Once all have moved: retries first, in their order. */
	hws_command_kick(session);
	rcu_read_unlock();
	return over;
}

/*
 * May one more be under way? Half of the session's requests are left to others, however
 * many connections are lost at a time.
 */
static bool may_ask(const struct hws_conn *conn)
{
	const struct hws_session *session = conn->session;
	const int under_way = atomic_read(&conn->asking);

	if (!under_way)
		return true;
	return session->reassign_codes != HWS_REASSIGN_CODES_UNKNOWN &&
	       !READ_ONCE(session->reassigns_one) &&
	       under_way < REASSIGNS_MAX &&
	       hweight_long(READ_ONCE(session->request_map)) <
		       session->nr_requests / 2;
}

/* As many as may be under way; false when nobody could be asked. */
static bool ask_for_some(struct hws_conn *conn)
{
	struct hws_session *session = conn->session;
	const bool knows = session->reassign_codes != HWS_REASSIGN_CODES_UNKNOWN;
	struct hws_task *request, *task;
	unsigned int i = 0;

	while (may_ask(conn) && (task = next_stranded(conn, &i))) {
		request = hws_request_get(session, HWS_TASK_TMF);
		if (!request) {
			/* Who has ended one comes here again. */
			if (!hws_clear_is_asking(conn))
				hws_clear_busy(conn);
			return true;
		}
		if (!ask(conn, knows ? task : NULL, request))
			return false;
	}
	return true;
}

/* Goes on with its tasks; under control. */
static void go_on(struct hws_conn *conn)
{
	const bool waits = hws_clear_is_asking(conn);
	unsigned int i = 0;

	if (!take_refusals(conn))
		return;
	if (!move_others(conn) || !ask_for_some(conn)) {
		/* Over one that is lost, they end as soon as that is taken down. */
		if (!hws_clear_is_asking(conn))
			hws_conn_hold(conn);
		return;
	}
	/* What was under way at the beginning may have ended in vain since. */
	if (!waits && !hws_clear_is_asking(conn) && !next_stranded(conn, &i))
		finish(conn);
}

/**
 * hws_reassign_begin - its tasks may be reassigned now
 * @conn: logged out for recovery or reinstated, under session->control
 */
void hws_reassign_begin(struct hws_conn *conn)
{
	struct hws_task *task;
	unsigned int i = 0;

	WRITE_ONCE(conn->strand, HWS_STRAND_REASSIGN);
	conn->probing = false;
	conn->advanced = false;
	/* What was answered before it was lost again says nothing any more. */
	while ((task = next_stranded(conn, &i)))
		hws_repair_of(task)->asked = HWS_ASKED_NOT;
	hws_strand_wait(conn, REASSIGN_TIMEOUT * HZ);
	go_on(conn);
}

/* Under control: it is known what the target's answers mean, or not yet. */
static bool take_codes(struct hws_conn *conn)
{
	struct hws_session *session = conn->session;
	const int error = conn->clear_error;

	conn->probing = false;
	if (error == -EBUSY || error == -ECONNRESET)
		return true;
	if (error)
		return refused(conn, error, 0);
	WRITE_ONCE(session->reassign_codes,
		   hws_reassign_codes(conn->clear_response));
	conn->window_fresh = true;
	WRITE_ONCE(conn->advanced, true);
	return true;
}

/* Under control: some of its requests may have ended. */
void hws_reassign_answered(struct hws_conn *conn)
{
	if (conn->probing) {
		if (hws_clear_is_asking(conn))
			return;
		if (!take_codes(conn))
			return;
	}
	if (xchg(&conn->advanced, false))
		hws_strand_wait(conn, REASSIGN_TIMEOUT * HZ);
	go_on(conn);
}
