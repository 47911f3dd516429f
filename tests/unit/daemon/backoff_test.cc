/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/backoff.h"

#include <catch2/catch.hpp>

using hawser::daemon::Backoff;
using namespace std::chrono_literals;

TEST_CASE("The pause doubles from one second to thirty, a tenth at most added")
{
	Backoff backoff(7);
	for (auto base : {1000ms, 2000ms, 4000ms, 8000ms, 16000ms, 30000ms, 30000ms}) {
		const auto wait = backoff.next();
		CHECK(wait >= base);
		CHECK(wait <= base * 11 / 10);
	}
}

TEST_CASE("After a success the pause begins anew")
{
	Backoff backoff(7);
	for (int i = 0; i < 10; i++)
		backoff.next();
	backoff.reset();
	CHECK(backoff.next() <= 1100ms);
}

TEST_CASE("After a final refusal the pause is the longest")
{
	Backoff backoff(7);
	CHECK(backoff.next_after_final() >= 30000ms);
	CHECK(backoff.next() >= 30000ms);
}

TEST_CASE("Sessions that are lost at one instant do not come back at one instant")
{
	Backoff one(1), other(2);
	int different = 0;
	for (int i = 0; i < 8; i++)
		different += one.next() != other.next();
	CHECK(different > 0);
}

TEST_CASE("The owner may have the pause begin and end elsewhere")
{
	Backoff backoff(7, 20ms, 50ms);
	for (auto base : {20ms, 40ms, 50ms, 50ms}) {
		const auto wait = backoff.next();
		CHECK(wait >= base);
		CHECK(wait <= base * 11 / 10);
	}
	backoff.reset();
	CHECK(backoff.next() <= 22ms);
	CHECK(backoff.next_after_final() <= 55ms);
}
