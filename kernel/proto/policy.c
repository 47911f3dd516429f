// SPDX-License-Identifier: GPL-2.0-only
#include "policy.h"

/* Of two that are up, when only one carries: is @c, of the higher slot, it? */
static bool preferred(u8 policy, const struct hws_policy_conn *c,
		      const struct hws_policy_conn *to)
{
	if (c->role != to->role)
		return c->role == HWS_ROLE_ACTIVE;
	return policy == HWS_POLICY_WEIGHTED && c->weight < to->weight;
}

void hws_policy_plan(struct hws_plan *plan, u8 policy,
		     const struct hws_policy_conn *conns, u32 count)
{
	const bool alone = policy == HWS_POLICY_FAILOVER ||
			   policy == HWS_POLICY_WEIGHTED;
	const struct hws_policy_conn *best = NULL;
	u32 i;

	plan->policy = policy;
	plan->count = 0;
	for (i = 0; i < count; i++) {
		const struct hws_policy_conn *c = &conns[i];

		if (!c->up)
			continue;
		if (!best || preferred(policy, c, best))
			best = c;
		if (c->role == HWS_ROLE_ACTIVE ||
		    policy == HWS_POLICY_ROUND_ROBIN)
			plan->slots[plan->count++] = c->slot;
	}
	/* Without an active one, a standby one takes the place of them all. */
	if (best && (alone || !plan->count)) {
		plan->slots[0] = best->slot;
		plan->count = 1;
	}
}

u8 hws_plan_least(const struct hws_plan *plan, u32 turn,
		  const u32 *outstanding)
{
	u32 at = turn % plan->count, i;
	u8 least = plan->slots[at];

	for (i = 1; i < plan->count; i++) {
		if (++at == plan->count)
			at = 0;
		if (outstanding[plan->slots[at]] < outstanding[least])
			least = plan->slots[at];
	}
	return least;
}
