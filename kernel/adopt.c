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
#include "session.h"
#include "stats.h"
#include "trace.h"

/**
 * hws_session_reserve - announce a login for a live session
 * @session: the session
 * @kind: enum hws_adopt_kind
 * @cid: the connection's CID
 * @cookie: to quote at the hand-over
 * @extack: says what is refused
 */
int hws_session_reserve(struct hws_session *session, u8 kind, u16 cid,
			u64 *cookie, struct netlink_ext_ack *extack)
{
	static atomic64_t cookies = ATOMIC64_INIT(0);
	int ret = 0;

	if (kind != HWS_ADOPT_SESSION) {
		NL_SET_ERR_MSG(extack,
			       "only session reinstatement is supported");
		return -EOPNOTSUPP;
	}
	mutex_lock(&session->control);
	switch (hws_session_state(session)) {
	case HWS_SESSION_CLOSING:
		NL_SET_ERR_MSG(extack, "the session is being ended");
		ret = -ESHUTDOWN;
		break;
	case HWS_SESSION_ACTIVE:
		NL_SET_ERR_MSG(extack, "the session has a connection");
		ret = -EISCONN;
		break;
	default:
		session->cookie = atomic64_inc_return(&cookies);
		session->reserved_cid = cid;
		*cookie = session->cookie;
	}
	mutex_unlock(&session->control);
	return ret;
}

int hws_session_release(struct hws_session *session, u64 cookie)
{
	int ret = 0;

	mutex_lock(&session->control);
	if (!cookie || session->cookie != cookie)
		ret = -ESTALE;
	else
		session->cookie = 0;
	mutex_unlock(&session->control);
	return ret;
}

static int check_cookie(struct hws_session *session, u64 cookie, u16 cid,
			struct netlink_ext_ack *extack)
{
	if (hws_session_state(session) == HWS_SESSION_CLOSING) {
		NL_SET_ERR_MSG(extack, "the session is being ended");
		return -ESHUTDOWN;
	}
	if (!cookie || session->cookie != cookie) {
		NL_SET_ERR_MSG(extack,
			       "the cookie is not that of the newest reservation");
		return -ESTALE;
	}
	if (session->reserved_cid != cid) {
		NL_SET_ERR_MSG(extack, "another CID was reserved");
		return -EINVAL;
	}
	return 0;
}

/* Under control, or before anybody knows the session. */
int hws_session_activate(struct hws_session *session,
			 const struct hws_session_params *params,
			 const struct hws_conn_params *conn_params,
			 struct netlink_ext_ack *extack)
{
	struct hws_conn *conn = rcu_dereference_raw(session->conns[0]);
	int ret;

	ret = hws_tasks_reserve(session, params->max_outstanding_r2t,
				!params->data_pdu_in_order ||
				!params->data_sequence_in_order);
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
	trace_hws_conn_state(conn, HWS_CONN_IN_LOGIN, HWS_CONN_LOGGED_IN);
	hws_session_set_state(session, HWS_SESSION_ACTIVE);
	hws_event_up(conn);
	iscsi_unblock_session(session->cls);
	return 0;
}

/**
 * hws_session_adopt - take over the connection of a reserved login
 * @session: a session without a connection
 * @cookie: from hws_session_reserve()
 * @params: what the login negotiated for the session
 * @conn_params: and for the connection
 * @extack: says what is refused
 */
int hws_session_adopt(struct hws_session *session, u64 cookie,
		      const struct hws_session_params *params,
		      const struct hws_conn_params *conn_params,
		      struct netlink_ext_ack *extack)
{
	int ret;

	mutex_lock(&session->control);
	ret = check_cookie(session, cookie, conn_params->cid, extack);
	if (!ret)
		ret = hws_session_activate(session, params, conn_params,
					   extack);
	if (!ret) {
		session->cookie = 0;
		HWS_COUNT_SESSION(session, RECOVERIES, 1);
		hws_notice(session, "connection %u is back", conn_params->cid);
	}
	mutex_unlock(&session->control);
	return ret;
}
