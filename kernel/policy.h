/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which connection a command goes to: the rules are pure code in
 * proto/policy.h, the session's plan and its readers are here.
 */
#ifndef _HWS_POLICY_H
#define _HWS_POLICY_H

#include "connection.h"
#include "session.h"

/* Several of them carry commands. Under RCU. */
struct hws_conn *hws_policy_choose_conn(struct hws_session *session,
					const struct hws_plan *plan);

/*
 * The connection of the next command, NULL when none is up. Under RCU; the
 * connection stays until the reader is done. One that was lost a moment ago is
 * still in the plan: any that is up takes its place.
 */
static inline struct hws_conn *hws_policy_select(struct hws_session *session)
{
	const struct hws_plan *plan;
	struct hws_conn *conn;

	if (unlikely(hws_session_state(session) != HWS_SESSION_ACTIVE &&
		     hws_session_state(session) != HWS_SESSION_CLOSING))
		return NULL;
	plan = rcu_dereference(session->plan);
	if (likely(plan->count == 1))
		conn = rcu_dereference(session->conns[plan->slots[0]]);
	else
		conn = hws_policy_choose_conn(session, plan);
	if (likely(conn && READ_ONCE(conn->state) == HWS_CONN_LOGGED_IN))
		return conn;
	return hws_conn_any(session);
}

/* As the records have them: X(policy, name), where X gives one item of a list. */
#define HWS_POLICY_NAMES(X)                                                    \
	X(HWS_POLICY_FAILOVER, "failover"),                                    \
	X(HWS_POLICY_ROUND_ROBIN, "round-robin"),                              \
	X(HWS_POLICY_ROUND_ROBIN_SUBSET, "round-robin-subset"),                \
	X(HWS_POLICY_WEIGHTED, "weighted"),                                    \
	X(HWS_POLICY_LEAST_QUEUE, "least-queue"),                              \
	X(HWS_POLICY_CPU, "cpu")

#endif /* _HWS_POLICY_H */
