// SPDX-License-Identifier: GPL-2.0-only
/*
 * SCSI commands: from the midlayer to a connection, and their end.
 */
#include <scsi/scsi_cmnd.h>
#include <scsi/scsi_device.h>
#include <scsi/scsi_host.h>

#include "command.h"
#include "connection.h"
#include "policy.h"
#include "proto/replay.h"
#include "proto/serial.h"
#include "recovery.h"
#include "repair.h"
#include "session.h"
#include "stats.h"

static struct hws_task *task_of(struct hws_session *session,
				struct scsi_cmnd *sc)
{
	return &session->tasks[scsi_cmd_to_rq(sc)->tag];
}

static hws_queue_status_t refuse(struct hws_session *session,
				 struct scsi_cmnd *sc)
{
	switch (hws_session_state(session)) {
	case HWS_SESSION_ACTIVE:	/* the loss is being noticed right now */
	case HWS_SESSION_FAILED:
		return SCSI_MLQUEUE_TARGET_BUSY;
	case HWS_SESSION_EXPIRED:
		sc->result = DID_TRANSPORT_FAILFAST << 16;
		break;
	default:
		sc->result = DID_NO_CONNECT << 16;
	}
	scsi_done(sc);
	return 0;
}

/*
 * Takes a task out of everything that its connection has under way. Under the
 * socket lock, or when the connection is killed. Its data may be in the middle of
 * a PDU: what is left of one being sent is zeroes, what is left of one being
 * received is dropped.
 */
static void detach(struct hws_task *task)
{
	struct hws_conn *conn = task->conn;

	if (!list_empty(&task->entry))
		list_del_init(&task->entry);
	if (!list_empty(&task->data_entry))
		list_del_init(&task->data_entry);
	if (unlikely(conn->out.task == task)) {
		conn->out.task = NULL;
		conn->out.bytes = NULL;
	}
	if (unlikely(conn->in.task == task)) {
		conn->in.task = NULL;
		conn->in.kept = conn->in.room;
	}
	if (conn->tmf_active == task)
		conn->tmf_active = NULL;
	if (conn->ping_active == task)
		conn->ping_active = NULL;
	if (conn->own_ping == task)
		conn->own_ping = NULL;
	if (conn->text_active == task)
		conn->text_active = NULL;
}

/* Likewise, so that its tag is free, or it may go over another connection. */
static void forget_in_conn(struct hws_task *task)
{
	struct hws_conn *conn = task->conn;
	bool idle;

	detach(task);
	if (unlikely(conn->repairs) && task->kind == HWS_TASK_COMMAND)
		hws_repair_forget(task);
	if (task->kind != HWS_TASK_COMMAND)
		return;
	/* A connection that is to go waits until it has nothing under way. */
	idle = atomic_dec_and_test(&conn->outstanding);
	if (unlikely(READ_ONCE(conn->state) == HWS_CONN_IN_LOGOUT))
		hws_conn_has_less(conn, idle);
}

void hws_task_forget(struct hws_task *task)
{
	forget_in_conn(task);
	task->state = HWS_TASK_IDLE;
	task->sc = NULL;
	WRITE_ONCE(task->conn, NULL);
}

bool hws_command_writes(const struct hws_task *task)
{
	return task->sc->sc_data_direction == DMA_TO_DEVICE &&
	       scsi_bufflen(task->sc);
}

/* Under RCU. From its beginning, whatever was sent or came of it before. */
static void give(struct hws_task *task, struct hws_conn *conn, bool last)
{
	task->sequences.head = 0;
	task->sequences.count = 0;
	hws_cursor_init(&task->cursor, scsi_sglist(task->sc));
	task->state = HWS_TASK_SUBMITTED;
	atomic_inc(&conn->outstanding);
	/* Who sees it at @conn sees that it is not in its lists yet. */
	smp_store_release(&task->conn, conn);
	hws_conn_submit(conn, task, last);
}

/* Under RCU: who has what nobody sends yet. */
void hws_command_kick(struct hws_session *session)
{
	unsigned int i;

	for (i = 0; i < HWS_CONNECTIONS_MAX; i++) {
		struct hws_conn *conn = rcu_dereference(session->conns[i]);

		if (conn && !llist_empty(&conn->submitted))
			hws_send_kick(conn);
	}
}

/**
 * hws_queuecommand - take a command from the midlayer
 * @shost: the session's host
 * @sc: the command
 *
 * Never sleeps. Between rcu_read_lock() and the submission the connection
 * cannot be torn down: hws_conn_kill() changes the state first and then waits
 * for readers.
 */
hws_queue_status_t hws_queuecommand(struct Scsi_Host *shost,
				    struct scsi_cmnd *sc)
{
	struct hws_session *session = hws_session_of(shost);
	struct hws_task *task = task_of(session, sc);
	/* Once it is given it may end, and @sc be another command. */
	const bool last = sc->flags & SCMD_LAST;
	struct hws_conn *conn;

	rcu_read_lock();
	conn = hws_policy_select(session);
	if (unlikely(!conn)) {
		rcu_read_unlock();
		return refuse(session, sc);
	}
	hws_task_new_tag(task);
	task->sc = sc;
	task->numbered = false;
	give(task, conn, last);
	/* The batch may have put others on other connections. */
	if (last && session->several)
		hws_command_kick(session);
	rcu_read_unlock();
	return 0;
}

/**
 * hws_command_move - give a command to another connection
 * @task: of a connection that is killed; or not ACTIVE, under the socket lock of
 *	its connection, which takes no more commands
 * @conn: where it goes, under RCU and LOGGED_IN a moment ago
 *
 * Numbered, it is retried: with the CmdSN and the tag that it has. It goes out after
 * hws_command_kick(), once all that move have: retries first, in their order.
 */
void hws_command_move(struct hws_task *task, struct hws_conn *conn)
{
	forget_in_conn(task);
	give(task, conn, false);
}

/**
 * hws_command_strand - the connection of a command is gone and killed
 * @task: the command's, under session->control
 *
 * It keeps its allegiance until it is known what becomes of it.
 */
void hws_command_strand(struct hws_task *task)
{
	detach(task);
	if (task->session->repairs)
		hws_repair_strand(task);
	task->sequences.head = 0;
	task->sequences.count = 0;
	task->state = HWS_TASK_STRANDED;
}

/**
 * hws_command_reassign - a command goes on over another connection
 * @task: STRANDED
 * @conn: its new allegiance, under its socket lock
 */
void hws_command_reassign(struct hws_task *task, struct hws_conn *conn)
{
	struct hws_conn *old = task->conn;

	/* The other way round there would be none for a moment. */
	atomic_inc(&conn->outstanding);
	atomic_dec(&old->outstanding);
	WRITE_ONCE(task->conn, conn);
	/* Pairs with hws_task_is_active(): the old one's does not find it so. */
	smp_store_release(&task->state, HWS_TASK_ACTIVE);
	HWS_COUNT_ON(conn, REASSIGNED, 1);
}

/* The midlayer ended a batch without a last request: wake who has some. */
void hws_commit_rqs(struct Scsi_Host *shost, u16 hwq)
{
	rcu_read_lock();
	hws_command_kick(hws_session_of(shost));
	rcu_read_unlock();
}

/**
 * hws_command_give_up - a numbered command will be ended before its status came
 * @task: QUEUED or ACTIVE, under the socket lock of its connection
 *
 * While the connection lives its bytes arrive, and so does its number. If it is
 * lost before, nobody sends that again: clear.c is told.
 *
 * Return: false when it was to be sent again and now never is: the session cannot
 * go on.
 */
bool hws_command_give_up(struct hws_task *task)
{
	struct hws_conn *conn = task->conn;

	if (task->state != HWS_TASK_ACTIVE)
		return false;
	if (!conn->gave_up ||
	    hws_sn_before(conn->gave_up_cmd_sn, task->cmd_sn)) {
		conn->gave_up = true;
		conn->gave_up_cmd_sn = task->cmd_sn;
	}
	return true;
}

/* Hands a command back. Its tag may be in use again before this returns. */
void hws_command_end(struct hws_task *task, int result)
{
	struct scsi_cmnd *sc = task->sc;

	hws_task_forget(task);
	sc->result = result;
	scsi_done(sc);
}

/*
 * The connection of a command is gone and killed. What the target never saw,
 * or may see twice, is queued again without using up its retries; the rest
 * ends in a transport error, because only its owner knows whether to repeat it.
 */
void hws_command_lost(struct hws_task *task)
{
	struct hws_session *session = task->session;
	struct scsi_cmnd *sc = task->sc;
	bool passthrough = blk_rq_is_passthrough(scsi_cmd_to_rq(sc));
	bool again = !task->numbered ||
		     hws_replay_is_safe(sc->cmnd, sc->device->type, passthrough);

	if (again)
		HWS_COUNT_SESSION(session, REQUEUED, 1);
	else
		HWS_COUNT_SESSION(session, FAILED_BY_LOSS, 1);
	hws_command_end(task, again ? DID_REQUEUE << 16 :
				      DID_TRANSPORT_FAILFAST << 16);
}
