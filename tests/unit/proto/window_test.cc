/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "proto.h"

using namespace hawser::proto;

TEST_CASE("a command goes out while its CmdSN is not after MaxCmdSN")
{
	for (uint32_t max : {0u, 5u, 0x7fffffffu, 0x80000000u, 0xffffffffu}) {
		CHECK(hws_window_open(max, max));
		CHECK(hws_window_open(max - 1, max));
		CHECK_FALSE(hws_window_open(max + 1, max));
		CHECK_FALSE(hws_window_open(max + 1000, max));
	}
}

TEST_CASE("a window of n takes exactly n commands")
{
	for (uint32_t start : {0u, 0xfffffff0u, 0x7ffffff8u}) {
		for (uint32_t n : {0u, 1u, 2u, 64u, 4096u}) {
			const uint32_t max = start + n - 1;
			uint32_t cmd_sn = start, sent = 0;

			while (hws_window_open(cmd_sn, max)) {
				cmd_sn++;
				sent++;
			}
			CHECK(sent == n);
		}
	}
}

TEST_CASE("a closed window, MaxCmdSN one before ExpCmdSN, is a valid pair")
{
	for (uint32_t exp : {0u, 1u, 0x80000000u, 0xffffffffu}) {
		CHECK(hws_window_pair_valid(exp, exp - 1));
		CHECK(hws_window_pair_valid(exp, exp));
		CHECK(hws_window_pair_valid(exp, exp + 1000));
		CHECK_FALSE(hws_window_pair_valid(exp, exp - 2));
		CHECK_FALSE(hws_window_pair_valid(exp, exp - 1000));
	}
}

TEST_CASE("numbers that come late never move the window back")
{
	Random random;
	uint32_t now = random.edgy();

	for (uint64_t i = 0; i < steps(1'000'000); i++) {
		const uint32_t step = random.between(0, 100);
		const uint32_t received = random.once_in(2) ? now + step : now - step;
		const uint32_t before = now;

		if (hws_window_advances(now, received))
			now = received;
		MUST(now - before <= 100);
		MUST(now == before || received == now);
		MUST(now == before || now - before == step);
	}
}

TEST_CASE("an ExpCmdSN beyond what was sent is not believed")
{
	for (uint32_t next : {0u, 1u, 0x80000000u, 0xffffffffu}) {
		CHECK(hws_window_exp_plausible(next, next));
		CHECK(hws_window_exp_plausible(next - 1, next));
		CHECK_FALSE(hws_window_exp_plausible(next + 1, next));
	}
}

/*
 * A target with a queue of a certain size and an initiator, over connections
 * that deliver the target's numbers in any order.
 */
TEST_CASE("the target's queue never overflows, and every command is sent in the end")
{
	Random random;

	for (uint64_t round = 0; round < steps(2000); round++) {
		const uint32_t size = random.between(1, 64), start = random.edgy();
		const uint32_t end = start + random.between(1, 500);
		uint32_t cmd_sn = start, exp = start, max = start + size - 1;
		uint32_t target_exp = start, target_done = start;
		std::vector<std::pair<uint32_t, uint32_t>> on_the_way;

		while (cmd_sn != end || target_done != end || !on_the_way.empty()) {
			if (cmd_sn != end && hws_window_open(cmd_sn, max)) {
				cmd_sn++;
				target_exp++;
				MUST(target_exp - target_done <= size);
			} else if (target_done != target_exp && random.once_in(2)) {
				target_done++;
				on_the_way.emplace_back(target_exp, target_done + size - 1);
			}
			if (!on_the_way.empty() && random.once_in(2)) {
				const size_t i = random.between(0, on_the_way.size() - 1);
				const auto [new_exp, new_max] = on_the_way[i];

				on_the_way.erase(on_the_way.begin() + i);
				MUST(hws_window_pair_valid(new_exp, new_max));
				MUST(hws_window_exp_plausible(new_exp, cmd_sn));
				if (hws_window_advances(exp, new_exp))
					exp = new_exp;
				if (hws_window_advances(max, new_max))
					max = new_max;
			}
		}
		MUST(max == end + size - 1);
	}
}
