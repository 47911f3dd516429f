/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which connection of a session a command goes over, in two steps. A plan is
 * made anew whenever a connection comes, goes, or changes its role or weight: it
 * names the connections that carry commands under the policy. For each command
 * one of them is then chosen, with few instructions.
 *
 * A plan has no memory. An active connection that is back is in the next plan,
 * and the standby one that took its place is not, whatever was before.
 *
 * The policies and roles are those of the uapi header.
 */
#ifndef _HWS_PROTO_POLICY_H
#define _HWS_PROTO_POLICY_H

#include <hawser/hawser.h>

#include "shim.h"

struct hws_policy_conn {
	u32 weight;	/* the lower the better */
	u8 slot;	/* below HWS_CONNECTIONS_MAX */
	u8 role;	/* enum hws_role */
	bool up;
};

/* Who reads one while another may come publishes them whole (RCU). */
struct hws_plan {
	u8 policy;	/* enum hws_policy */
	u8 count;
	u8 slots[HWS_CONNECTIONS_MAX];	/* @count of them, ascending */
};

/*
 * @conns: @count connections, at most HWS_CONNECTIONS_MAX, in ascending order of
 * their slots. @policy: enum hws_policy.
 */
void hws_policy_plan(struct hws_plan *plan, u8 policy,
		     const struct hws_policy_conn *conns, u32 count);

static inline bool hws_plan_carries(const struct hws_plan *plan, u8 slot)
{
	u32 i;

	for (i = 0; i < plan->count; i++)
		if (plan->slots[i] == slot)
			return true;
	return false;
}

/* Does a choice depend on @turn? Else the caller need not move it. */
static inline bool hws_plan_takes_turns(const struct hws_plan *plan)
{
	return plan->count > 1 && plan->policy != HWS_POLICY_CPU;
}

/* Does a choice look at @outstanding? */
static inline bool hws_plan_counts(const struct hws_plan *plan)
{
	return plan->count > 1 && plan->policy == HWS_POLICY_LEAST_QUEUE;
}

/* The choice of least queue; of equals, the first from @turn on. */
u8 hws_plan_least(const struct hws_plan *plan, u32 turn,
		  const u32 *outstanding);

/*
 * The slot of the connection that the next command goes over, -1 when none is
 * up. @turn: one more with each command. @cpu: the processor that issues it.
 * @outstanding: commands of each connection by slot, of those in the plan; NULL
 * when hws_plan_counts() says no.
 */
static inline int hws_policy_choose(const struct hws_plan *plan, u32 turn,
				    u32 cpu, const u32 *outstanding)
{
	if (plan->count < 2)
		return plan->count ? plan->slots[0] : -1;
	switch (plan->policy) {
	case HWS_POLICY_CPU:
		return plan->slots[cpu % plan->count];
	case HWS_POLICY_LEAST_QUEUE:
		return hws_plan_least(plan, turn, outstanding);
	default:
		return plan->slots[turn % plan->count];
	}
}

#endif /* _HWS_PROTO_POLICY_H */
