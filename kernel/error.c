// SPDX-License-Identifier: GPL-2.0-only
/*
 * The midlayer's error handling: a command timed out. Each step of the ladder
 * is logged:
 *	QUERY TASK, for the log, where the target knows it (RFC 7144),
 *	ABORT TASK on the command's connection,
 *	LOGICAL UNIT RESET,
 *	I_T NEXUS RESET, likewise: it leaves other initiators alone,
 *	TARGET WARM RESET,
 *	and, when the target answers none of these, a new session.
 *
 * While no connection is up there is nothing to handle: recovery does not wait
 * for the midlayer, so the midlayer waits for recovery.
 */
#include <scsi/scsi_cmnd.h>
#include <scsi/scsi_device.h>
#include <scsi/scsi_eh.h>
#include <scsi/scsi_host.h>

#include "command.h"
#include "connection.h"
#include "log.h"
#include "session.h"
#include "stats.h"

/* Any context. */
hws_eh_timed_out_t hws_eh_timed_out(struct scsi_cmnd *sc)
{
	struct hws_session *session = hws_session_of(sc->device->host);
	struct hws_task *task = &session->tasks[scsi_cmd_to_rq(sc)->tag];
	struct hws_conn *conn = READ_ONCE(task->conn);
	bool up;

	/* Its connection is lost, or about to leave: its time does not run. */
	if (conn && (READ_ONCE(conn->state) != HWS_CONN_LOGGED_IN ||
		     READ_ONCE(conn->strand)) &&
	    hws_session_state(session) != HWS_SESSION_CLOSING)
		return HWS_EH_RESET_TIMER;
	rcu_read_lock();
	up = hws_conn_any(session);
	rcu_read_unlock();
	if (!up && hws_session_state(session) == HWS_SESSION_FAILED)
		return HWS_EH_RESET_TIMER;
	HWS_COUNT_SESSION(session, TIMEOUTS, 1);
	return HWS_EH_NOT_HANDLED;
}

enum abort_step { ABORT_LOST, ABORT_GONE, ABORT_MOVED, ABORT_SENT };

/*
 * What is there to abort? A command without a CmdSN is simply dropped. One that
 * has it and waits to be retried is aborted: then the target takes its number for
 * received (RFC 7143 section 11.5.1).
 */
static enum abort_step abort_begin(struct hws_task *task, struct scsi_cmnd *sc,
				   struct hws_conn *conn,
				   struct hws_tmf_args *args)
{
	struct sock *sk = hws_conn_lock_sock(conn);
	enum abort_step step = ABORT_GONE;
	int state;

	if (!sk)
		return ABORT_LOST;
	hws_conn_take_submitted(conn);
	/* First: a stranded one may be moved without this lock (hws_command_reassign()). */
	state = smp_load_acquire(&task->state);
	if (task->sc == sc && READ_ONCE(task->conn) == conn) {
		if (state == HWS_TASK_STRANDED) {
			step = ABORT_LOST;
		} else if (state == HWS_TASK_SUBMITTED) {
			/* Who gives it to @conn has not done so yet. */
			step = ABORT_MOVED;
		} else if (task->numbered) {
			args->ref_tag = task->tag;
			args->ref_cmd_sn = task->cmd_sn;
			step = ABORT_SENT;
		} else {
			hws_task_forget(task);
		}
	} else if (task->sc == sc) {
		step = ABORT_MOVED;
	}
	hws_conn_unlock_sock(sk);
	return step;
}

static void fail(struct hws_session *session)
{
	mutex_lock(&session->control);
	hws_session_fail(session);
	mutex_unlock(&session->control);
}

/*
 * The target is done with the task; so are we, if its status did not come. False
 * when the connection is being killed, or the task has moved: what became of it is
 * seen when all is settled.
 */
static bool abort_finish(struct hws_session *session, struct hws_task *task,
			 struct scsi_cmnd *sc, struct hws_conn *conn, u32 tag)
{
	struct sock *sk = hws_conn_lock_sock(conn);
	bool known = true, hole = false;
	int state;

	if (!sk)
		return false;
	/* First, as in abort_begin(). */
	state = smp_load_acquire(&task->state);
	if (task->sc == sc && READ_ONCE(task->conn) == conn &&
	    task->tag == tag && task->numbered && state != HWS_TASK_STRANDED) {
		hole = !hws_command_give_up(task);
		hws_task_forget(task);
	} else {
		known = task->sc != sc;
	}
	hws_conn_unlock_sock(sk);
	if (hole)
		fail(session);
	return known;
}

/*
 * Before the midlayer may have the command back without our having seen its end
 * under the socket lock: whatever lost its connection is handed back.
 */
static int settled(struct hws_session *session, struct hws_task *task,
		   struct scsi_cmnd *sc, int answer)
{
	hws_recovery_settle(session);
	return READ_ONCE(task->sc) == sc ? FAILED : answer;
}

/*
 * Does the target still have the command that timed out? For the log alone, which
 * then says where it hung: the abort follows whatever the answer is, but not when
 * there is none, for that one would not have any either.
 */
static int query_task(struct hws_session *session, struct hws_conn *conn,
		      const struct hws_tmf_args *abort, const char **has)
{
	struct hws_tmf_args args = *abort;
	u8 response = 0;
	int ret;

	args.function = HWS_TMF_QUERY_TASK;
	ret = hws_tmf(session, conn, &args, &response);
	if (!ret && response == HWS_TMF_RSP_SUCCEEDED)
		*has = ", which the target still had,";
	else if (!ret && response == HWS_TMF_RSP_COMPLETE)
		*has = ", which the target did not have,";
	return ret;
}

static int abort_command(struct hws_session *session, struct scsi_cmnd *sc)
{
	struct hws_task *task = &session->tasks[scsi_cmd_to_rq(sc)->tag];
	struct hws_tmf_args args = {
		.function = HWS_TMF_ABORT_TASK,
		.timeout = session->config.abort_tmo,
	};
	enum abort_step step;
	struct scsi_lun lun;
	struct hws_conn *conn;
	const char *has = "";
	u8 response = 0;
	int ret = 0;

	if (hws_session_wait_usable(session))
		return settled(session, task, sc, FAST_IO_FAIL);

	int_to_scsilun(sc->device->lun, &lun);
	args.lun = lun.scsi_lun;
	do {
		/* Connections live as long as their session. */
		conn = READ_ONCE(task->conn);
		if (!conn)
			return settled(session, task, sc, SUCCESS);
		step = abort_begin(task, sc, conn, &args);
		/* Who moves it may have been preempted. */
		cond_resched();
	} while (step == ABORT_MOVED);
	if (step == ABORT_LOST)
		return settled(session, task, sc, SUCCESS);
	if (step == ABORT_GONE)
		return SUCCESS;
	HWS_COUNT_SESSION(session, ABORTS, 1);
	if (hws_session_knows_rfc7144(session))
		ret = query_task(session, conn, &args, &has);
	/* A Reject, or no room for the question, says nothing of the abort. */
	if (ret != -ETIMEDOUT && ret != -ECONNRESET && ret != -ENOTCONN)
		ret = hws_tmf(session, conn, &args, &response);
	if (ret == -ECONNRESET || ret == -ENOTCONN)
		return settled(session, task, sc, SUCCESS);
	/* "No such task" too: its status, if it came, came before. */
	if (!ret && (response == HWS_TMF_RSP_COMPLETE ||
		     response == HWS_TMF_RSP_NO_TASK)) {
		if (!abort_finish(session, task, sc, conn, args.ref_tag))
			return settled(session, task, sc, SUCCESS);
		hws_notice(session, "LUN %llu: a command%s timed out and was aborted (CDB %*ph)",
			   sc->device->lun, has, sc->cmd_len, sc->cmnd);
		return SUCCESS;
	}
	hws_warn(session, "LUN %llu: ABORT TASK failed (%s %d)",
		 sc->device->lun, ret ? "error" : "response", ret ?: response);
	return FAILED;
}

int hws_eh_abort(struct scsi_cmnd *sc)
{
	struct hws_session *session = hws_session_hold(sc->device->host);
	int ret;

	if (!session)
		return FAILED;
	ret = abort_command(session, sc);
	hws_session_put(session);
	return ret;
}

static int reset(struct hws_session *session, struct scsi_cmnd *sc, u8 function,
		 unsigned int timeout, const char *name)
{
	struct hws_tmf_args args = { .function = function, .timeout = timeout };
	struct hws_conn *conn;
	struct scsi_lun lun;
	unsigned int seen;
	u8 response = 0;
	bool recovered;
	int ret;

	/* What a lost connection had is with another one first. */
	hws_recovery_settle(session);
	recovered = hws_session_state(session) == HWS_SESSION_FAILED;
	if (hws_session_wait_usable(session)) {
		hws_recovery_settle(session);
		return FAST_IO_FAIL;
	}
	/*
	 * A new session ends all that error handling wants ended, and nothing of
	 * others. Who asks by hand wants the reset. At error recovery level 2 it
	 * may be the old session, its commands going on over another connection.
	 */
	if (recovered && session->params.erl < 2 &&
	    sc->submitter != SUBMITTED_BY_SCSI_RESET_IOCTL)
		return SUCCESS;
	rcu_read_lock();
	conn = hws_conn_any(session);
	rcu_read_unlock();
	if (!conn)
		return FAILED;
	if (function == HWS_TMF_LU_RESET) {
		int_to_scsilun(sc->device->lun, &lun);
		args.lun = lun.scsi_lun;
	}
	hws_notice(session, "LUN %llu: %s", sc->device->lun, name);
	seen = hws_recovery_upsets(session);
	/* The midlayer takes the reset for the end of what is not sent, too. */
	hws_tmf_conclude(session, &args, NULL);
	ret = hws_tmf(session, conn, &args, &response);
	if ((!ret && response == HWS_TMF_RSP_COMPLETE) ||
	    ret == -ECONNRESET || ret == -ENOTCONN) {
		/*
		 * The midlayer takes all its commands for ended. After the answer
		 * they are, unless a connection went meanwhile; with its end, or
		 * that of the session that it costs, they are as well.
		 */
		if (function == HWS_TMF_I_T_NEXUS_RESET)
			fail(session);	/* the target drops all connections */
		else if (!hws_recovery_fail_if_upset(session, seen))
			return ret ? FAILED : SUCCESS;
		return hws_session_wait_usable(session) ? FAST_IO_FAIL :
							  SUCCESS;
	}
	hws_warn(session, "LUN %llu: %s failed (%s %d)", sc->device->lun, name,
		 ret ? "error" : "response", ret ?: response);
	return FAILED;
}

/* These may also come from an ioctl on a file that outlives the session. */
int hws_eh_device_reset(struct scsi_cmnd *sc)
{
	struct hws_session *session = hws_session_hold(sc->device->host);
	int ret;

	if (!session)
		return FAILED;
	HWS_COUNT_SESSION(session, LU_RESETS, 1);
	ret = reset(session, sc, HWS_TMF_LU_RESET, session->config.lu_reset_tmo,
		    "LOGICAL UNIT RESET");
	hws_session_put(session);
	return ret;
}

int hws_eh_target_reset(struct scsi_cmnd *sc)
{
	struct hws_session *session = hws_session_hold(sc->device->host);
	int ret = FAILED;

	if (!session)
		return FAILED;
	HWS_COUNT_SESSION(session, TARGET_RESETS, 1);
	/* Who asks by hand means the target, not this nexus. */
	if (hws_session_knows_rfc7144(session) &&
	    sc->submitter != SUBMITTED_BY_SCSI_RESET_IOCTL)
		ret = reset(session, sc, HWS_TMF_I_T_NEXUS_RESET,
			    session->config.tgt_reset_tmo, "I_T NEXUS RESET");
	if (ret == FAILED)
		ret = reset(session, sc, HWS_TMF_TARGET_WARM_RESET,
			    session->config.tgt_reset_tmo, "TARGET WARM RESET");
	hws_session_put(session);
	return ret;
}

/* The last step: drop the connections, and wait for a new session. */
int hws_eh_host_reset(struct scsi_cmnd *sc)
{
	struct hws_session *session = hws_session_hold(sc->device->host);
	int ret;

	if (!session)
		return FAILED;
	hws_warn(session, "task management is not answered, logging in anew");
	fail(session);
	ret = hws_session_wait_usable(session) ? FAST_IO_FAIL : SUCCESS;
	hws_session_put(session);
	return ret;
}
