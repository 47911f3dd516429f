/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which connection a command goes to. Under RCU; the connection that is
 * returned stays until the reader is done.
 */
#ifndef _HWS_POLICY_H
#define _HWS_POLICY_H

#include "connection.h"
#include "session.h"

struct scsi_cmnd;

/* Fail over only: the connection in the lowest slot that is up. NULL: none. */
static inline struct hws_conn *hws_policy_select(struct hws_session *session,
						 struct scsi_cmnd *sc)
{
	unsigned int i;

	if (unlikely(hws_session_state(session) != HWS_SESSION_ACTIVE &&
		     hws_session_state(session) != HWS_SESSION_CLOSING))
		return NULL;
	for (i = 0; i < HWS_CONNECTIONS_MAX; i++) {
		struct hws_conn *conn = rcu_dereference(session->conns[i]);

		if (conn && READ_ONCE(conn->state) == HWS_CONN_LOGGED_IN)
			return conn;
	}
	return NULL;
}

#endif /* _HWS_POLICY_H */
