// SPDX-License-Identifier: GPL-2.0-only
#include "policy.h"

#define TEXT_ROW(id, text)	[HWS_POLICY_FAULT_##id] = (text),

static const char *const texts[HWS_POLICY_FAULT_COUNT] = {
	[HWS_POLICY_FAULT_NONE] = "",
	HWS_POLICY_FAULTS(TEXT_ROW)
};

const char *hws_policy_fault_text(enum hws_policy_fault fault)
{
	return (unsigned int)fault < HWS_POLICY_FAULT_COUNT ? texts[fault] : "";
}

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

static u32 times_named(const struct hws_policy_path *paths, u32 count, u16 cid)
{
	u32 times = 0, i;

	for (i = 0; i < count; i++)
		times += paths[i].cid == cid;
	return times;
}

static enum hws_policy_fault check_roles(u8 policy,
					 const struct hws_policy_path *paths,
					 u32 count)
{
	u32 active = 0, i;

	for (i = 0; i < count; i++) {
		if (paths[i].role != HWS_ROLE_ACTIVE &&
		    paths[i].role != HWS_ROLE_STANDBY)
			return HWS_POLICY_FAULT_ROLE;
		active += paths[i].role == HWS_ROLE_ACTIVE;
	}
	if (policy == HWS_POLICY_ROUND_ROBIN)
		return HWS_POLICY_FAULT_NONE;
	if (!active)
		return HWS_POLICY_FAULT_NO_ACTIVE;
	if (policy == HWS_POLICY_FAILOVER && active > 1)
		return HWS_POLICY_FAULT_MANY_ACTIVE;
	return HWS_POLICY_FAULT_NONE;
}

enum hws_policy_fault hws_policy_check(u8 policy,
				       const struct hws_policy_path *paths,
				       u32 path_count, const u16 *cids,
				       u32 cid_count)
{
	bool missing = false;
	u32 known = 0, i;

	if (policy < HWS_POLICY_FAILOVER || policy > HWS_POLICY_CPU)
		return HWS_POLICY_FAULT_POLICY;
	if (!path_count)
		return HWS_POLICY_FAULT_NONE;
	for (i = 0; i < cid_count; i++) {
		const u32 times = times_named(paths, path_count, cids[i]);

		if (times > 1)
			return HWS_POLICY_FAULT_DUPLICATE;
		known += times;
		missing |= !times;
	}
	if (known < path_count)
		return HWS_POLICY_FAULT_UNKNOWN;
	if (missing)
		return HWS_POLICY_FAULT_MISSING;
	return check_roles(policy, paths, path_count);
}
