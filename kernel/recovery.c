// SPDX-License-Identifier: GPL-2.0-only
/*
 * A connection is lost. While another one of the session is up, clear.c has it
 * logged out there and goes on with its commands; the daemon hears of it and has
 * it join again. That is the first step of the ladder. At error recovery level 2
 * a session without a connection waits, with its tasks, for one to be reinstated
 * (adopt.c), where they go on (reassign.c).
 *
 * Session recovery is the next, when the last connection is lost or a step below
 * did not come to its end: the session fails, its devices are blocked by the
 * transport class, which also starts the recovery time-out; the sockets are
 * killed and their commands go back to be queued again. The daemon hears of it,
 * logs in anew and hands over the new socket: the session is active again and
 * the devices go on. When the time-out passes before that, I/O fails until a
 * connection is back.
 */
#include <linux/netlink.h>
#include <scsi/scsi_device.h>
#include <scsi/scsi_host.h>
#include <scsi/scsi_transport_iscsi.h>

#include "connection.h"
#include "event.h"
#include "log.h"
#include "main.h"
#include "recovery.h"
#include "session.h"
#include "stats.h"
#include "trace.h"

enum {
	/* times that a session is continued without a command's end in between */
	FRUITLESS_MAX = 6,
};

static const char *const loss_texts[] = {
	[HWS_LOSS_CLOSED] = "the target closed it",
	[HWS_LOSS_RESET] = "TCP reported an error",
	[HWS_LOSS_PING] = "a ping was not answered",
	[HWS_LOSS_PROTOCOL] = "the target broke the protocol",
	[HWS_LOSS_HEADER_DIGEST] = "a header digest was wrong",
	[HWS_LOSS_DATA_DIGEST] = "a data digest was wrong",
	[HWS_LOSS_REJECT] = "the target rejected a PDU",
	[HWS_LOSS_ASYNC_LOGOUT] = "the target asked for a logout",
	[HWS_LOSS_ASYNC_DROP] = "the target dropped it",
	[HWS_LOSS_TASK_MANAGEMENT] = "task management was not answered",
	[HWS_LOSS_ADMIN] = "the administrator dropped it",
	[HWS_LOSS_MEMORY] = "no memory to send",
	[HWS_LOSS_SESSION] = "the session is recovered as a whole",
	[HWS_LOSS_UNREPAIRED] = "what was lost did not come again",
};

/* Of the one connection that the class knows of: the state attribute. */
static const u8 class_state[] = {
	[HWS_SESSION_ACTIVE] = ISCSI_CONN_UP,
	[HWS_SESSION_FAILED] = ISCSI_CONN_FAILED,
	[HWS_SESSION_EXPIRED] = ISCSI_CONN_FAILED,
	[HWS_SESSION_CLOSING] = ISCSI_CONN_DOWN,
};

/* Any context. Returns whether the state is @state because of this call. */
bool hws_session_set_state(struct hws_session *session, u8 state)
{
	unsigned long flags;
	bool changes;
	u8 old;

	spin_lock_irqsave(&session->lock, flags);
	old = session->state;
	changes = hws_session_may_change(old, state);
	if (changes) {
		WRITE_ONCE(session->state, state);
		/* Under the lock: what ends the session frees it afterwards. */
		WRITE_ONCE(session->cls_conn->state, class_state[state]);
	}
	spin_unlock_irqrestore(&session->lock, flags);
	if (!changes)
		return false;
	trace_hws_session_state(session, old, state);
	wake_up_all(&session->state_wait);
	hws_event_state(session, state);
	return true;
}

/**
 * hws_conn_lost - a connection cannot be used any more
 * @conn: the connection
 * @loss: why
 *
 * Any context, any number of times: the first one counts.
 */
void hws_conn_lost(struct hws_conn *conn, enum hws_loss loss)
{
	if (!hws_conn_step(conn, HWS_CONN_EV_LOST))
		return;
	conn->loss = loss;
	hws_session_get(conn->session);
	if (!queue_work(hws_recovery_wq, &conn->lost_work))
		hws_session_put(conn->session);
}

static void tell_loss(struct hws_conn *conn)
{
	if (!conn->told && !conn->session->leaving)
		hws_event_lost(conn, conn->loss,
			       DIV_ROUND_UP(hws_clear_respite(conn), HZ));
	conn->told = true;
}

/* Under control: it is FREE. */
void hws_conn_gone(struct hws_conn *conn)
{
	struct hws_session *session = conn->session;

	hws_conn_step(conn, HWS_CONN_EV_CLEANED);
	WRITE_ONCE(conn->strand, HWS_STRAND_NONE);
	conn->lost_again = false;
	session->upsets++;
	if (conn->removing) {
		conn->removing = false;
		conn->member = false;
		hws_info(session, "connection %u was taken out",
			 conn->params.cid);
		hws_event_removed(conn);
	} else {
		tell_loss(conn);
	}
	wake_up_all(&session->state_wait);
}

/* Under control: its socket goes. A logout that was answered is no loss. */
static void kill_lost(struct hws_conn *conn)
{
	struct hws_session *session = conn->session;

	if (!session->leaving && !(conn->removing && conn->logged_out)) {
		hws_warn(session, "connection %u is lost: %s",
			 conn->params.cid, loss_texts[conn->loss]);
		HWS_COUNT_SESSION(session, CONNECTION_LOSSES, 1);
		session->last_loss = conn->loss;
	}
	hws_conn_kill(conn, session->logged_out || conn->logged_out);
	conn->lost_at = jiffies;
}

/**
 * hws_session_drain - end every connection of a session, and hand back what it had
 * @session: the session, under control
 */
void hws_session_drain(struct hws_session *session)
{
	struct hws_conn *conn;
	unsigned int i;

	/* First all sockets: a task may be changing its allegiance. */
	for (i = 0; i < HWS_CONNECTIONS_MAX; i++) {
		conn = rcu_dereference_raw(session->conns[i]);
		if (!conn)
			continue;
		hws_conn_lost(conn, HWS_LOSS_SESSION);
		cancel_delayed_work(&conn->strand_timer);
		if (READ_ONCE(conn->state) == HWS_CONN_CLEANUP && conn->sock)
			kill_lost(conn);
	}
	for (i = 0; i < HWS_CONNECTIONS_MAX; i++) {
		conn = rcu_dereference_raw(session->conns[i]);
		if (!conn || READ_ONCE(conn->state) != HWS_CONN_CLEANUP)
			continue;
		hws_conn_drain(conn);
		hws_conn_gone(conn);
	}
	hws_policy_update(session);
}

/**
 * hws_session_fail - give up every connection of a session
 * @session: the session, under control
 *
 * Commands wait from here on, or fail when the session is being ended, until it
 * has a connection again. Those of its connections are handed back.
 */
void hws_session_fail(struct hws_session *session)
{
	if (hws_session_set_state(session, HWS_SESSION_FAILED))
		iscsi_block_session(session->cls);
	hws_session_drain(session);
}

/*
 * Whether the target keeps the tasks of a session without a connection. When
 * nothing has come of that a few times, a new session is the next step.
 */
static bool is_retained(struct hws_session *session)
{
	u64 completions;

	if (session->params.erl < 2 || !session->params.time2retain)
		return false;
	if (hws_session_state(session) != HWS_SESSION_ACTIVE)
		return hws_session_state(session) == HWS_SESSION_FAILED;
	completions = hws_session_stat(session, HWS_SESSION_STAT_COMPLETIONS);
	if (completions != session->completions)
		session->fruitless = 0;
	session->completions = completions;
	return session->fruitless++ < FRUITLESS_MAX;
}

/**
 * hws_conn_hold - there is no connection over which to go on with one that is lost
 * @conn: in state CLEANUP and killed, its commands STRANDED, under control
 *
 * At error recovery level 2 the target keeps its tasks for Time2Retain, and the
 * session waits for a connection to be reinstated. Otherwise it is given up.
 */
void hws_conn_hold(struct hws_conn *conn)
{
	struct hws_session *session = conn->session;
	bool others;

	/*
	 * Reinstated, and asked to leave before all tasks had come over: lost now,
	 * it comes here again.
	 */
	if (READ_ONCE(conn->state) == HWS_CONN_IN_LOGOUT) {
		hws_conn_lost(conn, HWS_LOSS_ASYNC_LOGOUT);
		return;
	}
	rcu_read_lock();
	others = hws_conn_any(session);
	rcu_read_unlock();
	/* With others up it was our own request that could not be made. */
	if (others || hws_clear_hole(conn) || !is_retained(session)) {
		hws_session_fail(session);
		return;
	}
	cancel_delayed_work(&conn->strand_timer);
	conn->answered = false;
	WRITE_ONCE(conn->strand, HWS_STRAND_HELD);
	if (hws_session_set_state(session, HWS_SESSION_FAILED))
		iscsi_block_session(session->cls);
	hws_policy_update(session);
	tell_loss(conn);
}

/**
 * hws_conn_recover - begin to go on with the commands of a connection
 * @conn: in state CLEANUP and killed, its commands STRANDED, no request about it
 *	under way, under control
 */
void hws_conn_recover(struct hws_conn *conn)
{
	bool others;

	rcu_read_lock();
	others = hws_conn_any(conn->session);
	rcu_read_unlock();
	if (conn->logged_out && others)
		hws_clear_tasks(conn);
	else if (conn->logged_out)
		hws_session_fail(conn->session);
	else if (!hws_clear_begin(conn))
		hws_conn_hold(conn);
}

/**
 * hws_conn_has_siblings - does its session have anything but this connection?
 * @conn: the connection, under RCU or control
 *
 * One that is about to leave counts, for what it has under way is waited for, and
 * so does one whose tasks the target keeps.
 */
bool hws_conn_has_siblings(const struct hws_conn *conn)
{
	unsigned int i;

	for (i = 0; i < HWS_CONNECTIONS_MAX; i++) {
		const struct hws_conn *other =
			rcu_dereference_raw(conn->session->conns[i]);
		int state = other ? READ_ONCE(other->state) : HWS_CONN_FREE;

		if (other && other != conn &&
		    (state == HWS_CONN_LOGGED_IN || state == HWS_CONN_IN_LOGOUT ||
		     READ_ONCE(other->strand) == HWS_STRAND_HELD ||
		     READ_ONCE(other->strand) == HWS_STRAND_RESPITE))
			return true;
	}
	return false;
}

/* Under control: those for whose Logout Time2Wait is waited, when nobody is left. */
static void hold_waiting(struct hws_session *session)
{
	unsigned int i;
	bool up;

	/* Its Logout is under way, and ends them all. */
	if (session->leaving)
		return;
	rcu_read_lock();
	up = hws_conn_any(session);
	rcu_read_unlock();
	for (i = 0; i < HWS_CONNECTIONS_MAX && !up; i++) {
		struct hws_conn *conn = rcu_dereference_raw(session->conns[i]);

		if (conn && conn->strand == HWS_STRAND_RESPITE)
			hws_conn_hold(conn);
	}
}

/* Under control: a connection that was lost goes, if it has not gone yet. */
static void take_down(struct hws_conn *conn)
{
	struct hws_session *session = conn->session;
	bool others;

	if (READ_ONCE(conn->state) != HWS_CONN_CLEANUP || !conn->sock)
		return;
	rcu_read_lock();
	others = hws_conn_any(session);
	rcu_read_unlock();
	/*
	 * It takes nobody with it: the target closes them all while it answers over
	 * one, or this one alone was logged out, and others are about to be.
	 */
	if (conn->strand == HWS_STRAND_NONE &&
	    (session->leaving || (!others && conn->logged_out &&
				  hws_conn_has_siblings(conn)))) {
		kill_lost(conn);
		hws_conn_drain(conn);
		hws_conn_gone(conn);
		hold_waiting(session);
		return;
	}
	if (session->leaving || (!others && session->params.erl < 2)) {
		hws_session_fail(session);
		return;
	}
	hws_policy_update(session);
	kill_lost(conn);
	hws_conn_strand(conn);
	/*
	 * Reinstated, and lost again while tasks of it are being reassigned over
	 * others: whose they are shows when that has ended, and not before.
	 */
	if (hws_clear_is_asking(conn))
		conn->lost_again = true;
	else
		hws_conn_recover(conn);
	hold_waiting(session);
}

/*
 * How often a connection went, or began to go. Who ends commands in the midlayer's
 * name asks before and after: one that moved from connection to connection in
 * between may have escaped him.
 */
unsigned int hws_recovery_upsets(struct hws_session *session)
{
	unsigned int seen;

	mutex_lock(&session->control);
	seen = session->upsets;
	mutex_unlock(&session->control);
	return seen;
}

/*
 * True when the session was given up, because a connection went since @seen or is
 * going now: then every command has been handed back. Process context.
 */
bool hws_recovery_fail_if_upset(struct hws_session *session, unsigned int seen)
{
	bool upset;
	unsigned int i;

	mutex_lock(&session->control);
	upset = session->upsets != seen;
	for (i = 0; i < HWS_CONNECTIONS_MAX && !upset; i++) {
		struct hws_conn *conn = rcu_dereference_raw(session->conns[i]);
		int state = conn ? READ_ONCE(conn->state) : HWS_CONN_FREE;

		upset = state == HWS_CONN_CLEANUP ||
			state == HWS_CONN_IN_LOGOUT ||
			(conn && conn->strand);
	}
	if (upset)
		hws_session_fail(session);
	mutex_unlock(&session->control);
	return upset;
}

/* Under control: all that are lost. */
void hws_recovery_take_down(struct hws_session *session)
{
	unsigned int i;

	for (i = 0; i < HWS_CONNECTIONS_MAX; i++) {
		struct hws_conn *conn = rcu_dereference_raw(session->conns[i]);

		if (conn)
			take_down(conn);
	}
}

void hws_conn_lost_work(struct work_struct *work)
{
	struct hws_conn *conn = container_of(work, struct hws_conn, lost_work);
	struct hws_session *session = conn->session;

	mutex_lock(&session->control);
	take_down(conn);
	mutex_unlock(&session->control);
	hws_session_put(session);
}

/* Whether any had to be taken down. */
static bool settle_once(struct hws_session *session)
{
	bool any = false;
	unsigned int i;

	for (i = 0; i < HWS_CONNECTIONS_MAX; i++) {
		struct hws_conn *conn = rcu_dereference_raw(session->conns[i]);
		struct sock *sk;

		if (!conn)
			continue;
		sk = hws_conn_lock_sock(conn);
		if (sk)
			hws_conn_unlock_sock(sk);
		/*
		 * It ends by itself, with what it has under way done: leave.c
		 * has a time for each step.
		 */
		if (!wait_event_idle_timeout(session->state_wait,
					     READ_ONCE(conn->state) !=
					     HWS_CONN_IN_LOGOUT,
					     HWS_LEAVE_MAX * HZ))
			hws_conn_lost(conn, HWS_LOSS_TASK_MANAGEMENT);
		any |= READ_ONCE(conn->state) == HWS_CONN_CLEANUP ||
		       READ_ONCE(conn->strand);
		mutex_lock(&session->control);
		take_down(conn);
		mutex_unlock(&session->control);
		/* Each step has an end: strand_timer, or a new connection. */
		wait_event_idle(session->state_wait, !READ_ONCE(conn->strand));
	}
	return any;
}

/**
 * hws_recovery_settle - have every connection either up or gone
 * @session: the session
 *
 * For who hands commands back to the midlayer: a status that is being taken
 * right now is done afterwards, and a connection that is lost, or is leaving,
 * has given back its commands or given them to another. Process context.
 */
void hws_recovery_settle(struct hws_session *session)
{
	/* What one that went had may be on one that goes next. */
	while (settle_once(session))
		;
}

static bool recovered(struct hws_session *session)
{
	return hws_session_state(session) != HWS_SESSION_FAILED;
}

/**
 * hws_session_wait_usable - wait until recovery has ended one way or the other
 * @session: the session
 *
 * Return: 0 when a connection is up, -EIO when I/O fails.
 */
int hws_session_wait_usable(struct hws_session *session)
{
	bool up;

	wait_event_idle(session->state_wait, recovered(session));
	rcu_read_lock();
	up = hws_conn_any(session);
	rcu_read_unlock();
	if (hws_session_state(session) == HWS_SESSION_ACTIVE)
		return 0;
	return hws_session_state(session) == HWS_SESSION_CLOSING && up ? 0 :
									 -EIO;
}

/*
 * The class's recovery time-out passed; its devices fail I/O from now on. The
 * class waits for this under control.
 */
void hws_session_recovery_timed_out(struct hws_session *session)
{
	if (!hws_session_set_state(session, HWS_SESSION_EXPIRED))
		return;
	HWS_COUNT_SESSION(session, EXPIRIES, 1);
	hws_session_get(session);
	if (!queue_work(hws_recovery_wq, &session->expire_work))
		hws_session_put(session);
}

/* What was kept for a connection that did not come fails as well. */
void hws_session_expire_work(struct work_struct *work)
{
	struct hws_session *session = container_of(work, struct hws_session,
						   expire_work);

	mutex_lock(&session->control);
	if (hws_session_state(session) == HWS_SESSION_EXPIRED)
		hws_session_drain(session);
	mutex_unlock(&session->control);
	hws_session_put(session);
}

/* The recovery time-out, also of a recovery that is under way. */
void hws_session_set_recovery_tmo(struct hws_session *session, s32 seconds)
{
	struct iscsi_cls_session *cls = session->cls;

	mutex_lock(&session->control);
	WRITE_ONCE(cls->recovery_tmo, seconds);
	if (hws_session_state(session) == HWS_SESSION_FAILED) {
		if (seconds < 0)
			cancel_delayed_work(&cls->recovery_work);
		else
			mod_delayed_work(cls->workq, &cls->recovery_work,
					 seconds * HZ);
	}
	mutex_unlock(&session->control);
}

/**
 * hws_session_fail_io - let go of devices that the class has blocked
 * @session: a closing session without a connection
 *
 * Otherwise their removal would wait for I/O that waits for a connection.
 */
void hws_session_fail_io(struct hws_session *session)
{
	struct iscsi_cls_session *cls = session->cls;

	if (!cancel_work_sync(&cls->block_work))
		cancel_delayed_work_sync(&cls->recovery_work);
	scsi_target_unblock(&cls->dev, SDEV_TRANSPORT_OFFLINE);
}
