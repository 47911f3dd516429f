/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "proto.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <tuple>
#include <vector>

using namespace hawser::proto;

namespace
{

constexpr uint8_t active = HWS_ROLE_ACTIVE, standby = HWS_ROLE_STANDBY;
constexpr bool up = true, down = false;

const std::vector<uint8_t> policies = {HWS_POLICY_FAILOVER,	      HWS_POLICY_ROUND_ROBIN,
				       HWS_POLICY_ROUND_ROBIN_SUBSET, HWS_POLICY_WEIGHTED,
				       HWS_POLICY_LEAST_QUEUE,	      HWS_POLICY_CPU};
/* The policies whose set is that of round robin with a subset. */
const std::vector<uint8_t> subsets = {HWS_POLICY_ROUND_ROBIN_SUBSET, HWS_POLICY_LEAST_QUEUE,
				      HWS_POLICY_CPU};

using Slots = std::vector<int>;
using Table = std::vector<hws_policy_conn>;

struct hws_policy_conn conn(uint8_t slot, uint8_t role, bool is_up, uint32_t weight = 0)
{
	return {.weight = weight, .slot = slot, .role = role, .up = is_up};
}

struct hws_plan make(uint8_t policy, const Table &conns)
{
	struct hws_plan plan;

	hws_policy_plan(&plan, policy, conns.data(), conns.size());
	return plan;
}

Slots slots(const struct hws_plan &plan)
{
	return {plan.slots, plan.slots + plan.count};
}

Slots carriers(uint8_t policy, const Table &conns)
{
	return slots(make(policy, conns));
}

/* The choices of as many turns. */
Slots choices(const struct hws_plan &plan, uint32_t turn, uint32_t count)
{
	Slots chosen;

	while (count--)
		chosen.push_back(hws_policy_choose(&plan, turn++, 0, nullptr));
	return chosen;
}

} // namespace

TEST_CASE("no policy sends a command over a session without a connection that is up")
{
	for (uint8_t policy : policies) {
		for (const Table &conns :
		     {Table{}, Table{conn(0, active, down), conn(1, standby, down)}}) {
			const auto plan = make(policy, conns);

			CHECK(plan.count == 0);
			CHECK_FALSE(hws_plan_takes_turns(&plan));
			CHECK_FALSE(hws_plan_counts(&plan));
			CHECK(hws_policy_choose(&plan, 5, 3, nullptr) == -1);
		}
	}
}

TEST_CASE("under every policy the only one that is up carries everything, in any role")
{
	for (uint8_t policy : policies) {
		for (uint8_t role : {active, standby}) {
			const auto plan =
			    make(policy, {conn(3, active, down, 1), conn(63, role, up, 9)});

			CHECK(slots(plan) == Slots{63});
			CHECK_FALSE(hws_plan_takes_turns(&plan));
			CHECK_FALSE(hws_plan_counts(&plan));
			CHECK(hws_policy_choose(&plan, 0xffffffff, 7, nullptr) == 63);
		}
	}
}

TEST_CASE("failover takes the first active one, and the one after it when that is lost")
{
	Table conns = {conn(0, standby, up), conn(2, active, up), conn(5, active, up, 7)};

	CHECK(carriers(HWS_POLICY_FAILOVER, conns) == Slots{2});
	conns[1].up = down;
	CHECK(carriers(HWS_POLICY_FAILOVER, conns) == Slots{5});
	conns[2].up = down;
	CHECK(carriers(HWS_POLICY_FAILOVER, conns) == Slots{0});
	conns[1].up = up;
	CHECK(carriers(HWS_POLICY_FAILOVER, conns) == Slots{2});
}

TEST_CASE("round robin takes each that is up in its turn, standby or not")
{
	const auto plan =
	    make(HWS_POLICY_ROUND_ROBIN, {conn(0, active, up), conn(1, standby, up),
					  conn(4, active, down), conn(9, standby, up)});

	CHECK(slots(plan) == Slots{0, 1, 9});
	CHECK(hws_plan_takes_turns(&plan));
	CHECK_FALSE(hws_plan_counts(&plan));
	CHECK(choices(plan, 3, 7) == Slots{0, 1, 9, 0, 1, 9, 0});
}

TEST_CASE("with a subset the active ones carry, and one standby only while there is none")
{
	Table conns = {conn(0, standby, up), conn(1, active, up), conn(2, standby, up),
		       conn(3, active, up)};

	for (uint8_t policy : subsets) {
		CHECK(carriers(policy, conns) == Slots{1, 3});
		conns[1].up = down;
		CHECK(carriers(policy, conns) == Slots{3});
		conns[3].up = down;
		CHECK(carriers(policy, conns) == Slots{0});
		conns[0].up = down;
		CHECK(carriers(policy, conns) == Slots{2});
		/* It goes back when an active one has returned. */
		conns[0].up = conns[3].up = up;
		CHECK(carriers(policy, conns) == Slots{3});
		conns[1].up = up;
	}
}

TEST_CASE("weighted takes the lowest weight, of equals the lowest slot, and falls to the next")
{
	Table conns = {conn(0, active, up, 10), conn(1, active, up, 5), conn(2, active, up, 5),
		       conn(3, active, up, 0xffffffff)};

	CHECK(carriers(HWS_POLICY_WEIGHTED, conns) == Slots{1});
	conns[1].up = down;
	CHECK(carriers(HWS_POLICY_WEIGHTED, conns) == Slots{2});
	conns[2].up = down;
	CHECK(carriers(HWS_POLICY_WEIGHTED, conns) == Slots{0});
	conns[0].up = down;
	CHECK(carriers(HWS_POLICY_WEIGHTED, conns) == Slots{3});
	conns[1].up = up;
	CHECK(carriers(HWS_POLICY_WEIGHTED, conns) == Slots{1});
}

TEST_CASE("weighted leaves a standby one alone while an active one is up, whatever they weigh")
{
	Table conns = {conn(0, standby, up, 3), conn(1, standby, up, 2), conn(2, active, up, 9)};

	CHECK(carriers(HWS_POLICY_WEIGHTED, conns) == Slots{2});
	conns[2].up = down;
	CHECK(carriers(HWS_POLICY_WEIGHTED, conns) == Slots{1});
}

TEST_CASE("weights matter to the weighted policy alone")
{
	const Table conns = {conn(0, active, up, 9), conn(1, active, up, 1)};

	CHECK(carriers(HWS_POLICY_FAILOVER, conns) == Slots{0});
	CHECK(carriers(HWS_POLICY_ROUND_ROBIN, conns) == Slots{0, 1});
	for (uint8_t policy : subsets)
		CHECK(carriers(policy, conns) == Slots{0, 1});
}

TEST_CASE("least queue takes the one with the fewest commands, of equals the one whose turn it is")
{
	const auto plan = make(HWS_POLICY_LEAST_QUEUE, {conn(0, active, up), conn(1, standby, up),
							conn(2, active, up), conn(7, active, up)});
	/* What is not in the plan is not looked at. */
	std::array<uint32_t, HWS_CONNECTIONS_MAX> outstanding{};
	const auto choose = [&](uint32_t turn) {
		return hws_policy_choose(&plan, turn, 0, outstanding.data());
	};

	CHECK(hws_plan_takes_turns(&plan));
	CHECK(hws_plan_counts(&plan));
	CHECK(choose(0) == 0);
	CHECK(choose(1) == 2);
	CHECK(choose(2) == 7);
	CHECK(choose(3) == 0);
	outstanding[2] = outstanding[7] = 4;
	outstanding[0] = 5;
	CHECK(choose(0) == 2);
	CHECK(choose(1) == 2);
	CHECK(choose(2) == 7);
	outstanding[0] = 3;
	for (uint32_t turn : {0u, 1u, 2u, 0xffffffffu})
		CHECK(choose(turn) == 0);
}

TEST_CASE("each processor keeps to its own connection, as far as they go round")
{
	const auto plan = make(HWS_POLICY_CPU, {conn(1, active, up), conn(2, active, up),
						conn(3, active, down), conn(4, active, up)});
	const Slots expected = {1, 2, 4, 1, 2};

	CHECK_FALSE(hws_plan_takes_turns(&plan));
	CHECK_FALSE(hws_plan_counts(&plan));
	for (uint32_t cpu = 0; cpu < expected.size(); cpu++)
		for (uint32_t turn : {0u, 1u, 77u})
			CHECK(hws_policy_choose(&plan, turn, cpu, nullptr) == expected[cpu]);
}

TEST_CASE("round robin gives any number of commands in a row evenly, to one more or less")
{
	Random random;

	for (uint64_t i = 0; i < steps(20'000); i++) {
		const uint32_t count = random.between(1, HWS_CONNECTIONS_MAX);
		/* Counters that wrap are uneven once in 2^32 commands. */
		const uint32_t turn = random.between(0, 0xffff0000u);
		std::map<int, uint32_t> times;
		Table conns;

		for (uint32_t slot = 0; slot < count; slot++)
			conns.push_back(conn(slot, active, up));
		for (int slot : choices(make(HWS_POLICY_ROUND_ROBIN, conns), turn,
					random.between(count, 5 * count)))
			times[slot]++;
		const auto [low, high] = std::minmax_element(
		    times.begin(), times.end(),
		    [](const auto &a, const auto &b) { return a.second < b.second; });
		MUST(times.size() == count);
		MUST(high->second - low->second <= 1);
	}
}

namespace
{

/* A session as an administrator thinks of it: connections by slot. */
struct Model {
	struct Conn {
		bool up;
		bool active;
		uint32_t weight;
		uint32_t outstanding;
	};
	std::map<int, Conn> conns;

	/* The slots of those that are up, and active or not. */
	std::set<int> group(bool active) const
	{
		std::set<int> found;

		for (const auto &[slot, c] : conns)
			if (c.up && c.active == active)
				found.insert(slot);
		return found;
	}
	std::set<int> allowed(uint8_t policy) const
	{
		std::set<int> first = group(true), second = group(false);

		if (policy == HWS_POLICY_ROUND_ROBIN) {
			first.merge(second);
			return first;
		}
		const bool stand_in = first.empty();
		if (stand_in)
			first = second;
		if (first.empty())
			return {};
		if (policy == HWS_POLICY_WEIGHTED) {
			std::set<std::pair<uint32_t, int>> by_weight;

			for (int slot : first)
				by_weight.emplace(conns.at(slot).weight, slot);
			return {by_weight.begin()->second};
		}
		if (policy == HWS_POLICY_FAILOVER || stand_in)
			return {*first.begin()};
		return first;
	}
	Table table() const
	{
		Table out;

		for (const auto &[slot, c] : conns)
			out.push_back(conn(slot, c.active ? active : standby, c.up, c.weight));
		return out;
	}
	/* The choice's place among @slots. */
	int choice(uint8_t policy, const Slots &slots, uint32_t turn, uint32_t cpu) const
	{
		const auto n = static_cast<uint32_t>(slots.size());
		std::vector<std::tuple<uint32_t, uint32_t, int>> order;

		if (slots.empty())
			return -1;
		for (uint32_t i = 0; i < n; i++) {
			const uint32_t start = policy == HWS_POLICY_CPU ? cpu : turn;
			const uint32_t wait = (i + n - start % n) % n;
			const bool counts = policy == HWS_POLICY_LEAST_QUEUE;

			order.emplace_back(counts ? conns.at(slots[i]).outstanding : 0, wait,
					   slots[i]);
		}
		return std::get<int>(*std::min_element(order.begin(), order.end()));
	}
};

/* One thing happens to the session: mostly a connection is lost or comes back. */
void happen(Model &m, uint8_t &policy, Random &random)
{
	const int slot =
	    random.once_in(2) ? random.between(0, 3) : random.between(0, HWS_CONNECTIONS_MAX - 1);
	const auto at = m.conns.find(slot);

	if (random.once_in(20))
		policy = policies[random.between(0, policies.size() - 1)];
	if (at == m.conns.end()) {
		m.conns[slot] = {!random.once_in(4), !random.once_in(3), random.between(0, 3), 0};
		return;
	}
	switch (random.between(0, 9)) {
	case 0:
		m.conns.erase(at);
		break;
	case 1:
		at->second.weight = random.once_in(2) ? random.between(0, 3) : random.edgy();
		break;
	case 2:
	case 3:
		at->second.active = !at->second.active;
		break;
	case 4:
	case 5:
		for (auto &[_, c] : m.conns)
			c.outstanding = random.between(0, 2);
		break;
	case 6:
		/* Most of them at once, as when a switch is gone. */
		for (auto &[_, c] : m.conns)
			c.up = random.once_in(8);
		break;
	default:
		at->second.up = !at->second.up;
	}
}

} // namespace

TEST_CASE("over any life of a session, plans and choices are those of a plain model")
{
	Random random;
	Model m;
	uint8_t policy = HWS_POLICY_FAILOVER;
	std::map<uint8_t, uint64_t> stand_ins, several;
	uint64_t nobody = 0;

	for (uint64_t i = 0; i < steps(1'000'000); i++) {
		/* Lives begin anew, so that sessions of few connections come often. */
		if (random.once_in(24))
			m.conns.clear();
		happen(m, policy, random);

		const struct hws_plan plan = make(policy, m.table());
		const Slots carrying = slots(plan);
		const std::set<int> allowed = m.allowed(policy);
		const uint32_t turn = random.edgy(), cpu = random.between(0, 4095);
		std::array<uint32_t, HWS_CONNECTIONS_MAX> outstanding;

		/* What is not of the plan must not be chosen, however idle it is. */
		outstanding.fill(0);
		for (const auto &[slot, c] : m.conns)
			outstanding[slot] = c.outstanding;
		MUST(plan.policy == policy);
		MUST(std::is_sorted(carrying.begin(), carrying.end()));
		MUST(carrying.size() == allowed.size());
		MUST(std::equal(carrying.begin(), carrying.end(), allowed.begin()));
		const auto any = static_cast<uint8_t>(random.between(0, HWS_CONNECTIONS_MAX - 1));
		MUST(hws_plan_carries(&plan, any) == (allowed.count(any) == 1));

		const int chosen = hws_policy_choose(&plan, turn, cpu, outstanding.data());

		MUST(chosen == m.choice(policy, carrying, turn, cpu));
		MUST((chosen == -1) == (m.group(true).empty() && m.group(false).empty()));
		MUST(chosen == -1 || m.conns.at(chosen).up);
		if (!hws_plan_takes_turns(&plan))
			MUST(chosen == hws_policy_choose(&plan, turn + 1, cpu, outstanding.data()));
		if (!hws_plan_counts(&plan))
			MUST(chosen == hws_policy_choose(&plan, turn, cpu, nullptr));

		nobody += chosen == -1;
		stand_ins[policy] += chosen != -1 && !m.conns.at(chosen).active;
		several[policy] += plan.count > 1;
	}
	/* The walk has been where it matters. */
	CHECK(nobody > 0);
	for (uint8_t each : policies) {
		const bool alone = each == HWS_POLICY_FAILOVER || each == HWS_POLICY_WEIGHTED;

		INFO("policy " << int{each});
		CHECK(stand_ins[each] > 0);
		CHECK((several[each] > 0) == !alone);
	}
}

TEST_CASE("active ones that return take over, and what stood in for them goes back")
{
	Random random;

	for (uint64_t i = 0; i < steps(100'000); i++) {
		const uint8_t policy = policies[random.between(0, policies.size() - 1)];
		Table conns;

		for (uint8_t slot = 0; slot < HWS_CONNECTIONS_MAX; slot++)
			if (random.once_in(8))
				conns.push_back(conn(slot, random.once_in(2) ? active : standby, up,
						     random.between(0, 5)));
		const Slots before = carriers(policy, conns);

		for (auto &c : conns)
			if (c.role == active)
				c.up = down;
		for (int slot : carriers(policy, conns))
			MUST(std::any_of(conns.begin(), conns.end(),
					 [slot](const hws_policy_conn &c) {
						 return c.slot == slot && c.up && c.role == standby;
					 }));
		for (auto &c : conns)
			c.up = up;
		MUST(carriers(policy, conns) == before);
	}
}
