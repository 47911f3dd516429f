/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "proto.h"

using namespace hawser::proto;

/* RFC 1982 section 3.2, as it is written there. */
static bool less_by_rfc1982(uint32_t i1, uint32_t i2)
{
	return (i1 < i2 && i2 - i1 < 0x80000000u) || (i1 > i2 && i1 - i2 > 0x80000000u);
}

TEST_CASE("a serial number is before those that follow it, over the end of the range too")
{
	CHECK(hws_sn_before(0, 1));
	CHECK(hws_sn_before(0xffffffff, 0));
	CHECK(hws_sn_before(0xffffffff, 0x7ffffffe));
	CHECK(hws_sn_before(0, 0x7fffffff));
	CHECK_FALSE(hws_sn_before(1, 0));
	CHECK_FALSE(hws_sn_before(0x7fffffff, 0));
	CHECK(hws_sn_after(0, 0xffffffff));
}

TEST_CASE("no serial number is before or after itself")
{
	for (uint32_t n : {0u, 1u, 0x7fffffffu, 0x80000000u, 0xffffffffu}) {
		CHECK_FALSE(hws_sn_before(n, n));
		CHECK_FALSE(hws_sn_after(n, n));
	}
}

TEST_CASE("serial numbers half the range apart are neither before nor after each other")
{
	for (uint32_t n : {0u, 1u, 0x7fffffffu, 0x80000000u, 0xffffffffu}) {
		CHECK_FALSE(hws_sn_before(n, n + 0x80000000u));
		CHECK_FALSE(hws_sn_after(n, n + 0x80000000u));
	}
}

TEST_CASE("serial numbers compare as RFC 1982 says")
{
	Random random;

	for (uint64_t i = 0; i < steps(5'000'000); i++) {
		const uint32_t a = random.edgy();
		const uint32_t b = random.once_in(2) ? a + random.edgy() : random.edgy();

		MUST(hws_sn_before(a, b) == less_by_rfc1982(a, b));
		MUST(hws_sn_after(a, b) == less_by_rfc1982(b, a));
	}
}
