// SPDX-License-Identifier: GPL-2.0-only
/*
 * Connections that come: a login is announced, which gives it the numbers that it
 * needs, and its socket is handed over. The cookie of the announcement says that
 * nobody has begun another login for the connection since.
 */
#include <linux/netlink.h>
#include <scsi/scsi_transport_iscsi.h>

#include "connection.h"
#include "event.h"
#include "log.h"
#include "proto/reassign.h"
#include "recovery.h"
#include "session.h"
#include "stats.h"

/* Under control. The connection of the session with the CID; NULL: none. */
static struct hws_conn *find_member(struct hws_session *session, u16 cid)
{
	unsigned int i;

	for (i = 0; i < HWS_CONNECTIONS_MAX; i++) {
		struct hws_conn *conn = rcu_dereference_raw(session->conns[i]);

		if (conn && conn->member && conn->params.cid == cid)
			return conn;
	}
	return NULL;
}

static unsigned int count_members(struct hws_session *session)
{
	unsigned int i, n = 0;

	for (i = 0; i < HWS_CONNECTIONS_MAX; i++) {
		struct hws_conn *conn = rcu_dereference_raw(session->conns[i]);

		n += conn && conn->member;
	}
	return n;
}

/* The most connections that a session had: what a message may have to hold. */
static atomic_t most_members = ATOMIC_INIT(1);

unsigned int hws_most_connections(void)
{
	return atomic_read(&most_members);
}

static void note_members(int members)
{
	int most = atomic_read(&most_members);

	while (most < members)
		if (atomic_try_cmpxchg(&most_members, &most, members))
			break;
}

/*
 * Under control: a place for a connection that the session does not have yet. One
 * whose login was announced and never came to its end gives way. @fresh is used
 * up when it is needed.
 */
static struct hws_conn *find_place(struct hws_session *session, u16 cid,
				   struct hws_conn **fresh)
{
	struct hws_conn *conn, *announced = NULL, *unused = NULL;
	unsigned int i, empty = HWS_CONNECTIONS_MAX;

	for (i = 0; i < HWS_CONNECTIONS_MAX; i++) {
		conn = rcu_dereference_raw(session->conns[i]);
		if (!conn) {
			empty = min(empty, i);
			continue;
		}
		if (conn->member || conn->remove_pending ||
		    READ_ONCE(conn->state) != HWS_CONN_FREE)
			continue;
		if (conn->cookie && conn->params.cid == cid)
			return conn;
		if (conn->cookie)
			announced = announced ?: conn;
		else
			unused = unused ?: conn;
	}
	if (unused)
		return unused;
	if (empty < HWS_CONNECTIONS_MAX && *fresh) {
		conn = *fresh;
		*fresh = NULL;
		conn->slot = empty;
		rcu_assign_pointer(session->conns[empty], conn);
		return conn;
	}
	return announced;
}

static void begin_place(struct hws_conn *conn, u16 cid)
{
	conn->params.cid = cid;
	conn->exp_stat_sn = 0;
}

static int refuse(struct netlink_ext_ack *extack, int error, const char *why)
{
	if (extack)
		extack->_msg = why;
	return error;
}

/* Under control: may a new session at the target take this one's place? */
static int may_reinstate_session(struct hws_session *session,
				 struct hws_conn *conn,
				 struct netlink_ext_ack *extack)
{
	/* What was lost a moment ago is worked on first. */
	hws_recovery_take_down(session);
	if (hws_session_state(session) == HWS_SESSION_ACTIVE)
		return refuse(extack, -EISCONN, "the session has a connection");
	if (!conn)
		return refuse(extack, -ENOENT,
			      "the session has no connection with this CID");
	/* Who removes it is about to let go of it, and not of a new one. */
	if (conn->remove_pending)
		return refuse(extack, -EBUSY, "the connection is being removed");
	return 0;
}

/* Under control: may it lead a new session at the target? */
static int may_lead(struct hws_session *session, struct hws_conn *conn,
		    struct netlink_ext_ack *extack)
{
	int ret = may_reinstate_session(session, conn, extack);

	/* Its tasks are kept until another one leads, and then it is gone. */
	if (!ret && conn->removing)
		return refuse(extack, -EBUSY, "the connection is being removed");
	return ret;
}

/* Under control: may the connection itself come back, with its tasks? */
static int may_reinstate(struct hws_session *session, struct hws_conn *conn,
			 struct netlink_ext_ack *extack)
{
	int ret = may_reinstate_session(session, conn, extack);

	if (ret)
		return ret;
	if (conn->strand == HWS_STRAND_NONE || conn->removing)
		return refuse(extack, -ENOENT,
			      "no tasks of the connection are kept");
	/* A step over another connection, lost as well, is about to end. */
	if (conn->strand != HWS_STRAND_HELD || conn->sock)
		return refuse(extack, -EBUSY,
			      "the connection is being taken down");
	return 0;
}

/* Under control: may a connection, known or new, join? */
static int may_join(struct hws_session *session, struct hws_conn *conn,
		    struct netlink_ext_ack *extack)
{
	bool up;

	rcu_read_lock();
	up = hws_conn_any(session);
	rcu_read_unlock();
	if (conn && READ_ONCE(conn->state) == HWS_CONN_LOGGED_IN)
		return refuse(extack, -EISCONN, "the connection is up");
	if (hws_session_state(session) != HWS_SESSION_ACTIVE)
		return refuse(extack, -ENOTCONN,
			      "the session has no connection that is up");
	/* The last one is about to leave; with its end it is seen what is left. */
	if (!up)
		return refuse(extack, -EBUSY,
			      "the session's last connection is being taken down");
	if (conn && (READ_ONCE(conn->state) != HWS_CONN_FREE ||
		     conn->remove_pending))
		return refuse(extack, -EBUSY,
			      "the connection is being taken down");
	if (!conn && count_members(session) >=
		     min_t(unsigned int, HWS_CONNECTIONS_MAX,
			   session->params.max_connections))
		return refuse(extack, -ENOSPC,
			      "the session has as many connections as MaxConnections allows");
	return 0;
}

/**
 * hws_session_reserve - announce a login for a live session
 * @session: the session
 * @kind: enum hws_adopt_kind
 * @cid: the connection's CID
 * @r: what the login needs to know
 * @extack: says what is refused
 *
 * Process context.
 *
 * Return: 0, or an errno that the uapi header names.
 */
int hws_session_reserve(struct hws_session *session, u8 kind, u16 cid,
			struct hws_reservation *r,
			struct netlink_ext_ack *extack)
{
	static atomic64_t cookies = ATOMIC64_INIT(0);
	struct hws_conn *fresh = NULL, *conn;
	int ret;

	/* Before the lock: under it nothing may wait for a disk. */
	if (kind == HWS_ADOPT_JOIN)
		fresh = hws_conn_alloc(session, 0);

	mutex_lock(&session->control);
	conn = find_member(session, cid);
	if (hws_session_state(session) == HWS_SESSION_CLOSING)
		ret = refuse(extack, -ESHUTDOWN, "the session is being ended");
	else if (kind == HWS_ADOPT_SESSION)
		ret = may_lead(session, conn, extack);
	else if (kind == HWS_ADOPT_REINSTATE)
		ret = may_reinstate(session, conn, extack);
	else
		ret = may_join(session, conn, extack);
	if (!ret && !conn) {
		conn = find_place(session, cid, &fresh);
		if (!conn)
			ret = -ENOMEM;
		else
			begin_place(conn, cid);
	}
	if (!ret) {
		conn->cookie = atomic64_inc_return(&cookies);
		conn->reserved = kind;
		r->cookie = conn->cookie;
		r->cmd_sn = atomic_read(&session->cmd_sn);
		r->tsih = session->params.tsih;
		r->exp_stat_sn = conn->exp_stat_sn;
	}
	mutex_unlock(&session->control);
	if (fresh)
		hws_conn_free(fresh);
	return ret;
}

/* Under control. */
static struct hws_conn *find_reserved(struct hws_session *session, u64 cookie)
{
	unsigned int i;

	for (i = 0; cookie && i < HWS_CONNECTIONS_MAX; i++) {
		struct hws_conn *conn = rcu_dereference_raw(session->conns[i]);

		if (conn && conn->cookie == cookie)
			return conn;
	}
	return NULL;
}

int hws_session_release(struct hws_session *session, u64 cookie)
{
	struct hws_conn *conn;

	mutex_lock(&session->control);
	conn = find_reserved(session, cookie);
	if (conn)
		conn->cookie = 0;
	mutex_unlock(&session->control);
	return conn ? 0 : -ESTALE;
}

/*
 * Under control, or before anybody knows the session: its first connection, and
 * with it the numbers that all share.
 */
int hws_session_activate(struct hws_session *session, struct hws_conn *conn,
			 const struct hws_session_params *params,
			 const struct hws_conn_params *conn_params,
			 struct netlink_ext_ack *extack)
{
	int ret;

	ret = hws_tasks_reserve(session, params);
	if (ret)
		return ret;
	session->params = *params;
	atomic_set(&session->cmd_sn, params->cmd_sn);
	atomic_set(&session->exp_cmd_sn, params->exp_cmd_sn);
	atomic_set(&session->max_cmd_sn, params->max_cmd_sn);
	atomic_set(&session->window_waiters, 0);

	ret = hws_conn_adopt(conn, conn_params, extack);
	if (ret)
		return ret;
	conn->member = true;
	session->fruitless = 0;
	hws_policy_update(session);
	hws_session_set_state(session, HWS_SESSION_ACTIVE);
	hws_event_up(conn);
	iscsi_unblock_session(session->cls);
	return 0;
}

/* Under control: a new session at the target, which has ended what the last had. */
static int succeed(struct hws_session *session, struct hws_conn *conn,
		   const struct hws_session_params *params,
		   const struct hws_conn_params *conn_params,
		   struct netlink_ext_ack *extack)
{
	int ret = may_lead(session, conn, extack);

	if (ret)
		return ret;
	hws_session_drain(session);
	session->reassign_codes = HWS_REASSIGN_CODES_UNKNOWN;
	session->reassigns_one = false;
	return hws_session_activate(session, conn, params, conn_params, extack);
}

/*
 * The window as its Login Response told it: when it was closed, nothing else may
 * come that opens it.
 */
static void take_window(struct hws_session *session,
			const struct hws_session_params *params)
{
	if (params)
		hws_window_update(session, params->exp_cmd_sn,
				  params->max_cmd_sn);
}

/* Under control. */
static int join(struct hws_session *session, struct hws_conn *conn,
		const struct hws_session_params *params,
		const struct hws_conn_params *conn_params,
		struct netlink_ext_ack *extack)
{
	int ret = may_join(session, conn->member ? conn : NULL, extack);

	/* Another connection may have had the place; the session's go on. */
	if (!ret && !conn->member)
		memset(conn->stats, 0, sizeof(conn->stats));
	if (!ret)
		ret = hws_conn_adopt(conn, conn_params, extack);
	if (ret)
		return ret;
	note_members(count_members(session) + !conn->member);
	WRITE_ONCE(session->several, true);
	conn->member = true;
	HWS_COUNT_SESSION(session, JOINED, 1);
	hws_policy_update(session);
	take_window(session, params);
	hws_event_up(conn);
	hws_notice(session, "connection %u joined", conn_params->cid);
	return 0;
}

/* Under control. The others that wait are logged out over it. */
static int reinstate(struct hws_session *session, struct hws_conn *conn,
		     const struct hws_session_params *params,
		     const struct hws_conn_params *conn_params,
		     struct netlink_ext_ack *extack)
{
	int ret = may_reinstate(session, conn, extack);
	unsigned int i;

	if (!ret)
		ret = hws_conn_adopt(conn, conn_params, extack);
	if (ret)
		return ret;
	HWS_COUNT_SESSION(session, REINSTATED, 1);
	hws_policy_update(session);
	take_window(session, params);
	hws_session_set_state(session, HWS_SESSION_ACTIVE);
	hws_event_up(conn);
	hws_notice(session, "connection %u is reinstated", conn_params->cid);

	/* First of all what is under way, for the class takes its time. */
	hws_reassign_begin(conn);
	for (i = 0; i < HWS_CONNECTIONS_MAX; i++) {
		struct hws_conn *other = rcu_dereference_raw(session->conns[i]);

		if (!other || other->strand != HWS_STRAND_HELD)
			continue;
		if (other->closed)
			hws_reassign_begin(other);
		else if (!hws_clear_begin(other))
			hws_conn_hold(other);
	}
	/* Unless it is lost again by now. */
	if (hws_session_state(session) == HWS_SESSION_ACTIVE ||
	    hws_session_state(session) == HWS_SESSION_CLOSING)
		iscsi_unblock_session(session->cls);
	return 0;
}

/**
 * hws_session_adopt - take over the connection of a reserved login
 * @session: the session
 * @cookie: from hws_session_reserve()
 * @params: what the login negotiated for the session; when it joined one, or a
 *	connection was reinstated, only the window counts, and NULL is no news
 * @conn_params: and for the connection
 * @extack: says what is refused
 *
 * Process context.
 *
 * Return: 0, or an errno that the uapi header names.
 */
int hws_session_adopt(struct hws_session *session, u64 cookie,
		      const struct hws_session_params *params,
		      const struct hws_conn_params *conn_params,
		      struct netlink_ext_ack *extack)
{
	struct hws_conn *conn;
	int ret;

	mutex_lock(&session->control);
	conn = find_reserved(session, cookie);
	if (hws_session_state(session) == HWS_SESSION_CLOSING)
		ret = refuse(extack, -ESHUTDOWN, "the session is being ended");
	else if (!conn)
		ret = refuse(extack, -ESTALE,
			     "the cookie is not that of the newest reservation");
	else if (conn->params.cid != conn_params->cid)
		ret = refuse(extack, -EINVAL, "another CID was reserved");
	else if (conn->reserved == HWS_ADOPT_JOIN)
		ret = join(session, conn, params, conn_params, extack);
	else if (conn->reserved == HWS_ADOPT_REINSTATE)
		ret = reinstate(session, conn, params, conn_params, extack);
	else if (!params)
		ret = refuse(extack, -EINVAL, "HWS_A_SESSION is missing");
	else
		ret = succeed(session, conn, params, conn_params, extack);
	if (!ret) {
		conn->cookie = 0;
		if (conn->reserved == HWS_ADOPT_SESSION) {
			HWS_COUNT_SESSION(session, RECOVERIES, 1);
			hws_notice(session, "connection %u is back",
				   conn_params->cid);
		}
	}
	mutex_unlock(&session->control);
	return ret;
}
