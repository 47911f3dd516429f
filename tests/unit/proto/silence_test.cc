/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "proto.h"

using namespace hawser::proto;

namespace
{

constexpr uint32_t patience = 250;

struct Watch {
	struct hws_silence s = {};
	uint32_t moved;

	explicit Watch(uint32_t at) : moved(at) { s.since = at; }
	enum hws_silence_action look(uint32_t now, bool outstanding = true)
	{
		return hws_silence_check(&s, now, moved, outstanding, patience);
	}
};

} // namespace

TEST_CASE("nothing is asked while something moves, or nothing is under way")
{
	Watch w(0xffffff00);

	for (uint32_t now = w.moved, n = 0; n < 1000; n++, now += 50) {
		if (now - w.moved >= 200)
			w.moved = now;
		CHECK(w.look(now) == HWS_SILENCE_WAIT);
	}
	CHECK(w.look(100'000, false) == HWS_SILENCE_WAIT);
}

TEST_CASE("a silence is probed once, and after the answer each command is asked once")
{
	Watch w(0xffffff80);
	const uint32_t probed = w.moved + patience;

	CHECK(w.look(probed - 1) == HWS_SILENCE_WAIT);
	CHECK(w.look(probed) == HWS_SILENCE_PROBE);
	CHECK(w.look(probed + 1) == HWS_SILENCE_WAIT);
	hws_silence_answered(&w.s, probed + 10);
	CHECK(w.look(probed + patience) == HWS_SILENCE_WAIT);
	CHECK(w.look(probed + 10 + patience) == HWS_SILENCE_ASK_TASKS);
	for (uint32_t later = 1; later < 100; later++) {
		hws_silence_answered(&w.s, probed + later * patience); /* the keepalive's pings */
		CHECK(w.look(probed + 10 + patience * (later + 1)) == HWS_SILENCE_WAIT);
	}
	/* The next one is another. */
	w.moved += 1'000'000;
	CHECK(w.look(w.moved) == HWS_SILENCE_WAIT);
	CHECK(w.look(w.moved + patience) == HWS_SILENCE_PROBE);
}

TEST_CASE("without an answer to the probe statuses are asked for, once")
{
	Watch w(0);

	CHECK(w.look(250) == HWS_SILENCE_PROBE);
	CHECK(w.look(499) == HWS_SILENCE_WAIT);
	CHECK(w.look(500) == HWS_SILENCE_ASK_STATUS);
	CHECK(w.look(5000) == HWS_SILENCE_WAIT);
	hws_silence_answered(&w.s, 5000);
	CHECK(w.look(5250) == HWS_SILENCE_ASK_TASKS);
	CHECK(w.look(50'000) == HWS_SILENCE_WAIT);
}

TEST_CASE("an answer while things move means nothing")
{
	Watch w(0);

	hws_silence_answered(&w.s, 100);
	CHECK(w.look(249) == HWS_SILENCE_WAIT);
	CHECK(w.look(250) == HWS_SILENCE_PROBE);
}
