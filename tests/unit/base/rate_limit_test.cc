/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/rate_limit.h"

#include <catch2/catch.hpp>

#include <random>

using namespace hawser;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace
{

const RateLimit::Clock::time_point start{seconds(1000)};

} // namespace

TEST_CASE("so many at once, then one each interval, and the refused are counted")
{
	RateLimit limit(3, seconds(10));

	for (int i = 0; i < 3; i++)
		CHECK(limit.allow(start) == 0);
	for (int i = 0; i < 5; i++)
		CHECK_FALSE(limit.allow(start + seconds(9)));
	CHECK(limit.allow(start + seconds(10)) == 5);
	CHECK_FALSE(limit.allow(start + milliseconds(19999)));
	CHECK(limit.allow(start + seconds(20)) == 1);
}

TEST_CASE("a long silence earns no more than the burst")
{
	RateLimit limit(2, seconds(1));

	CHECK(limit.allow(start) == 0);
	CHECK(limit.allow(start) == 0);
	const auto later = start + std::chrono::hours(100000);
	CHECK(limit.allow(later) == 0);
	CHECK(limit.allow(later) == 0);
	CHECK_FALSE(limit.allow(later));
}

TEST_CASE("over any time no more than the burst and what the time earns are allowed")
{
	std::mt19937 dice(7);
	for (int round = 0; round < 2000; round++) {
		const unsigned burst = 1 + dice() % 5;
		const milliseconds interval(1 + dice() % 1000);
		RateLimit limit(burst, interval);
		auto now = start;
		std::uint64_t allowed = 0;
		std::uint64_t refused = 0;
		std::uint64_t told = 0;
		for (int i = 0; i < 200; i++) {
			now += milliseconds(dice() % 300);
			const auto answer = limit.allow(now);
			allowed += answer.has_value();
			refused += !answer;
			told += answer.value_or(0);
		}
		CHECK(allowed <= burst + static_cast<std::uint64_t>((now - start) / interval) + 1);
		CHECK(told <= refused);
	}
}
