/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "proto.h"

using namespace hawser::proto;

namespace
{

constexpr uint32_t interval = 500, timeout = 300;

struct Clock {
	hws_keepalive k{interval, timeout, 0, false};
	uint32_t now, received, wait = 0;

	explicit Clock(uint32_t start) : now(start), received(start) {}
	hws_keepalive_action look() { return hws_keepalive_check(&k, now, received, &wait); }
};

/* A clock that wraps in the middle of what happens, and one that does not. */
const uint32_t starts[] = {0, 1000, 0xffffffffu - 100, 0xffffffffu - 600, 0x7fffffffu};

} // namespace

TEST_CASE("A connection that receives is left alone")
{
	for (uint32_t start : starts) {
		Clock c(start);
		for (int i = 0; i < 10; i++) {
			c.now += interval - 1;
			REQUIRE(c.look() == HWS_KEEPALIVE_WAIT);
			REQUIRE(c.wait == 1);
			c.received = c.now;
			REQUIRE(c.look() == HWS_KEEPALIVE_WAIT);
			REQUIRE(c.wait == interval);
		}
	}
}

TEST_CASE("Silence for the interval asks once, silence for the time-out loses")
{
	for (uint32_t start : starts) {
		Clock c(start);
		c.now += interval;
		REQUIRE(c.look() == HWS_KEEPALIVE_PING);
		REQUIRE(c.wait == timeout);
		c.now += timeout - 1;
		REQUIRE(c.look() == HWS_KEEPALIVE_WAIT);
		REQUIRE(c.wait == 1);
		c.now += 1;
		REQUIRE(c.look() == HWS_KEEPALIVE_LOST);
	}
}

TEST_CASE("An answer in the tick of the ping counts")
{
	for (uint32_t start : starts) {
		Clock c(start);
		c.now += interval + 7;
		REQUIRE(c.look() == HWS_KEEPALIVE_PING);
		c.received = c.now;
		c.now += timeout;
		REQUIRE(c.look() == HWS_KEEPALIVE_WAIT);
		REQUIRE(c.wait == interval - timeout);
	}
}

TEST_CASE("An answer leads to the next ping an interval later")
{
	Clock c(12345);
	for (int i = 0; i < 1000000; i++) {
		c.now += interval;
		MUST(c.look() == HWS_KEEPALIVE_PING);
		c.now += timeout - 1;
		c.received = c.now;
		MUST(c.look() == HWS_KEEPALIVE_WAIT);
		MUST(c.wait == interval);
	}
}

TEST_CASE("Without a time-out a ping waits for ever")
{
	Clock c(5);
	c.k.timeout = 0;
	c.now += interval;
	REQUIRE(c.look() == HWS_KEEPALIVE_PING);
	for (int i = 0; i < 1000; i++) {
		c.now += interval;
		REQUIRE(c.look() == HWS_KEEPALIVE_WAIT);
	}
}

TEST_CASE("A ping that could not be sent is tried again, and costs nothing")
{
	Clock c(5);
	c.now += interval;
	for (int i = 0; i < 10; i++) {
		REQUIRE(c.look() == HWS_KEEPALIVE_PING);
		hws_keepalive_not_sent(&c.k);
		c.now += timeout;
	}
	REQUIRE(c.look() == HWS_KEEPALIVE_PING);
	c.now += timeout;
	REQUIRE(c.look() == HWS_KEEPALIVE_LOST);
}
