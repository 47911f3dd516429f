// SPDX-License-Identifier: GPL-2.0-only
/*
 * The session's plan: made anew under session->control whenever a connection
 * comes or goes, or a policy, role or weight is set. Commands read it under RCU;
 * there are two, so that nothing need be allocated while a connection is lost.
 */
#include <linux/netlink.h>
#include <linux/smp.h>

#include "log.h"
#include "policy.h"
#include "trace.h"

#define ENTRY(policy, name) [policy] = name

static const char *const names[] = { HWS_POLICY_NAMES(ENTRY) };

static void trace_plan(struct hws_session *session, const struct hws_plan *old,
		       const struct hws_plan *plan)
{
	unsigned int i;

	if (!trace_hws_conn_carries_enabled())
		return;
	for (i = 0; i < HWS_CONNECTIONS_MAX; i++) {
		struct hws_conn *conn = rcu_dereference_raw(session->conns[i]);
		const bool carries = hws_plan_carries(plan, i);

		if (conn && carries != hws_plan_carries(old, i))
			trace_hws_conn_carries(conn, carries);
	}
}

/**
 * hws_policy_update - plan with the connections that are up now
 * @session: the session, under control or before anybody knows it
 *
 * Process context.
 */
void hws_policy_update(struct hws_session *session)
{
	struct hws_policy_conn table[HWS_CONNECTIONS_MAX];
	struct hws_plan *next, *old;
	unsigned int i, n = 0;

	for (i = 0; i < HWS_CONNECTIONS_MAX; i++) {
		struct hws_conn *conn = rcu_dereference_raw(session->conns[i]);

		if (!conn || !conn->member)
			continue;
		table[n].slot = i;
		table[n].role = conn->params.role;
		table[n].weight = conn->params.weight;
		table[n].up = READ_ONCE(conn->state) == HWS_CONN_LOGGED_IN;
		n++;
	}
	old = rcu_dereference_raw(session->plan);
	next = old == &session->plans[0] ? &session->plans[1] :
					   &session->plans[0];
	/* Who still reads it read it before the last update. */
	cond_synchronize_rcu_expedited(session->plan_readers);
	hws_policy_plan(next, session->config.policy, table, n);
	rcu_assign_pointer(session->plan, next);
	session->plan_readers = get_state_synchronize_rcu();
	trace_plan(session, old, next);
}

struct hws_conn *hws_policy_choose_conn(struct hws_session *session,
					const struct hws_plan *plan)
{
	u32 outstanding[HWS_CONNECTIONS_MAX];
	u32 turn = 0;
	int slot;

	if (hws_plan_takes_turns(plan))
		turn = atomic_inc_return(&session->turn);
	if (hws_plan_counts(plan)) {
		unsigned int i;

		for (i = 0; i < plan->count; i++) {
			u8 at = plan->slots[i];
			struct hws_conn *conn =
				rcu_dereference(session->conns[at]);

			outstanding[at] = atomic_read(&conn->outstanding);
		}
	}
	slot = hws_policy_choose(plan, turn, raw_smp_processor_id(),
				 outstanding);
	return slot < 0 ? NULL : rcu_dereference(session->conns[slot]);
}

/**
 * hws_policy_set - change the policy, and what a connection is to it
 * @session: the session
 * @policy: enum hws_policy, NULL to keep it
 * @conn: one of its connections, NULL for none
 * @role: enum hws_role of @conn, NULL to keep it
 * @weight: of @conn, NULL to keep it
 *
 * Process context. Commands that were given to a connection stay with it.
 */
void hws_policy_set(struct hws_session *session, const u8 *policy,
		    struct hws_conn *conn, const u8 *role, const u32 *weight)
{
	u8 before;

	mutex_lock(&session->control);
	before = session->config.policy;
	if (policy && *policy != before) {
		WRITE_ONCE(session->config.policy, *policy);
		trace_hws_policy(session, before, *policy);
		hws_notice(session, "policy %s instead of %s", names[*policy],
			   names[before]);
	}
	if (role)
		WRITE_ONCE(conn->params.role, *role);
	if (weight)
		WRITE_ONCE(conn->params.weight, *weight);
	hws_policy_update(session);
	mutex_unlock(&session->control);
}
