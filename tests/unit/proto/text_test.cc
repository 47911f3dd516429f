/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "proto.h"

#include <optional>
#include <string>

using namespace hawser::proto;

namespace
{

constexpr uint32_t limit = 1000, theirs = 512;

/* An exchange, and the target's hand in it. */
struct Exchange {
	hws_text t;
	hws_violation v = HWS_V_NONE;

	explicit Exchange(uint32_t length) { hws_text_init(&t, length, limit); }

	union hws_header ask(uint32_t expected_offset)
	{
		union hws_header h = {};

		CHECK(hws_text_request(&t, theirs, &h) == expected_offset);
		return h;
	}

	hws_text_step answer(uint8_t flags, uint32_t length, uint32_t ttt, uint8_t lun = 0)
	{
		union hws_header h = bare(HWS_OP_TEXT_RESPONSE);

		h.text_response.flags = flags;
		hws_set_data_length(&h, length);
		h.text_response.ttt = cpu_to_be32(ttt);
		h.text_response.lun[1] = lun;
		return hws_text_response(&t, &h, &v);
	}
};

uint32_t ttt_of(const union hws_header &h)
{
	return be32_to_cpu(h.text.ttt);
}

/* The empty request with the reserved tag that gives an exchange up. */
void is_reset(Exchange &e, uint32_t offset)
{
	const auto h = e.ask(offset);

	CHECK(h.text.flags == HWS_FLAG_FINAL);
	CHECK(hws_data_length(&h) == 0);
	CHECK(ttt_of(h) == HWS_RESERVED_TAG);
	CHECK(h.text.lun[1] == 0);
	CHECK(hws_text_room(&e.t) == 0);
}

} // namespace

TEST_CASE("A request that fits is one PDU, and a final answer ends the exchange")
{
	for (uint32_t length : {0u, 1u, theirs}) {
		Exchange e(length);
		const auto h = e.ask(0);

		CHECK(h.text.flags == HWS_FLAG_FINAL);
		CHECK(hws_data_length(&h) == length);
		CHECK(ttt_of(h) == HWS_RESERVED_TAG);
		CHECK(e.answer(HWS_FLAG_FINAL, limit, HWS_RESERVED_TAG) == HWS_TEXT_DONE);
		CHECK(e.v == HWS_V_NONE);
		CHECK(e.t.failure == HWS_TEXT_HOLDS);
		CHECK(e.t.received == limit);
	}
}

TEST_CASE("A request over the target's MaxRecvDataSegmentLength is continued with C")
{
	Exchange e(2 * theirs + 1);
	auto h = e.ask(0);

	CHECK(h.text.flags == HWS_FLAG_CONTINUE);
	CHECK(hws_data_length(&h) == theirs);
	CHECK(ttt_of(h) == HWS_RESERVED_TAG);
	CHECK(e.answer(0, 0, 7, 3) == HWS_TEXT_ASK);

	h = e.ask(theirs);
	CHECK(h.text.flags == HWS_FLAG_CONTINUE);
	CHECK(ttt_of(h) == 7);
	CHECK(h.text.lun[1] == 3);
	CHECK(e.answer(0, 0, 8) == HWS_TEXT_ASK);

	h = e.ask(2 * theirs);
	CHECK(h.text.flags == HWS_FLAG_FINAL);
	CHECK(hws_data_length(&h) == 1);
	CHECK(ttt_of(h) == 8);
	CHECK(h.text.lun[1] == 0);
	CHECK(e.answer(HWS_FLAG_FINAL, 5, HWS_RESERVED_TAG) == HWS_TEXT_DONE);
	CHECK(e.t.failure == HWS_TEXT_HOLDS);
}

TEST_CASE("An answer over many PDUs is asked for with the tag and LUN of the last, new or reused")
{
	Exchange e(20);

	e.ask(0);
	for (uint32_t i = 0; i < 9; i++) {
		const uint32_t ttt = i < 4 ? 5 : i;

		CHECK(hws_text_room(&e.t) == limit - i * 100);
		CHECK(e.answer(HWS_FLAG_CONTINUE, 100, ttt, i) == HWS_TEXT_ASK);
		CHECK(e.v == HWS_V_NONE);
		const auto h = e.ask(20);
		CHECK(h.text.flags == HWS_FLAG_FINAL);
		CHECK(hws_data_length(&h) == 0);
		CHECK(ttt_of(h) == ttt);
		CHECK(h.text.lun[1] == i);
	}
	/* The tag of a final answer is ignored, section 11.10.4. */
	CHECK(e.answer(HWS_FLAG_FINAL, 100, 77) == HWS_TEXT_DONE);
	CHECK(e.v == HWS_V_NONE);
	CHECK(e.t.received == limit);
}

TEST_CASE("An answer over the limit is refused, and what the target holds of it is reset")
{
	Exchange e(20);

	e.ask(0);
	CHECK(e.answer(HWS_FLAG_CONTINUE, limit, 5) == HWS_TEXT_ASK);
	e.ask(20);
	CHECK(e.answer(HWS_FLAG_CONTINUE, 1, 5, 2) == HWS_TEXT_ASK);
	CHECK(e.t.failure == HWS_TEXT_TOO_LONG);
	CHECK(e.v == HWS_V_NONE);
	is_reset(e, 20);
	CHECK(e.answer(0, 10, 5) == HWS_TEXT_DONE);
	CHECK(e.t.failure == HWS_TEXT_TOO_LONG);
	CHECK(e.t.received == limit);

	Exchange last(20);

	last.ask(0);
	CHECK(last.answer(HWS_FLAG_FINAL, limit + 1, HWS_RESERVED_TAG) == HWS_TEXT_DONE);
	CHECK(last.t.failure == HWS_TEXT_TOO_LONG);
}

TEST_CASE("Answers without text and without end are given up")
{
	Exchange e(20);

	e.ask(0);
	for (int i = 0; i < HWS_TEXT_EMPTY_MAX; i++) {
		CHECK(e.answer(0, 0, 5) == HWS_TEXT_ASK);
		CHECK(e.t.failure == HWS_TEXT_HOLDS);
		e.ask(20);
	}
	/* Text begins the count anew. */
	CHECK(e.answer(0, 1, 5) == HWS_TEXT_ASK);
	for (int i = 0; i < HWS_TEXT_EMPTY_MAX + 1; i++) {
		CHECK(e.t.failure == HWS_TEXT_HOLDS);
		e.ask(20);
		CHECK(e.answer(0, 0, 5) == HWS_TEXT_ASK);
	}
	CHECK(e.t.failure == HWS_TEXT_ENDLESS);
	is_reset(e, 20);
}

TEST_CASE("Empty answers to a request that is not complete are no sign of anything")
{
	const uint32_t pieces = 10 * HWS_TEXT_EMPTY_MAX;
	Exchange e(pieces * theirs);

	for (uint32_t i = 0; i + 1 < pieces; i++) {
		e.ask(i * theirs);
		CHECK(e.answer(0, 0, 5) == HWS_TEXT_ASK);
		CHECK(e.t.failure == HWS_TEXT_HOLDS);
	}
}

TEST_CASE(
    "What breaks the rules of the exchange is named, and resets it unless the target ended it")
{
	struct Case {
		uint32_t length; /* of the request */
		uint8_t flags;
		uint32_t data, ttt;
		hws_violation v;
	};
	const Case cases[] = {
	    {20, HWS_FLAG_FINAL | HWS_FLAG_CONTINUE, 4, HWS_RESERVED_TAG, HWS_V_TEXT_FLAGS},
	    {theirs + 1, HWS_FLAG_FINAL, 0, HWS_RESERVED_TAG, HWS_V_TEXT_FINAL},
	    {20, 0, 4, HWS_RESERVED_TAG, HWS_V_TEXT_TAG},
	    {20, HWS_FLAG_CONTINUE, 4, HWS_RESERVED_TAG, HWS_V_TEXT_TAG},
	    {theirs + 1, 0, 4, 5, HWS_V_TEXT_EARLY},
	};

	for (const Case &c : cases) {
		Exchange e(c.length);
		const bool ended = c.flags & HWS_FLAG_FINAL;

		INFO(hws_violation_text(c.v));
		e.ask(0);
		CHECK(e.answer(c.flags, c.data, c.ttt) == (ended ? HWS_TEXT_DONE : HWS_TEXT_ASK));
		CHECK(e.v == c.v);
		CHECK(e.t.failure == HWS_TEXT_BROKEN);
		CHECK(e.t.received == 0);
		if (!ended) {
			is_reset(e, e.t.sent);
			CHECK(e.answer(0, 4, HWS_RESERVED_TAG) == HWS_TEXT_DONE);
			CHECK(e.v == HWS_V_NONE);
			CHECK(e.t.failure == HWS_TEXT_BROKEN);
		}
	}
}

TEST_CASE("No target makes an exchange endless, send a byte twice or take one over the limit")
{
	Random random;
	uint64_t whole = 0;

	for (uint64_t i = 0; i < steps(100'000); i++) {
		Exchange e(random.between(0, 4 * theirs));
		uint32_t sent = 0, taken = 0, rounds = 0;
		std::optional<uint32_t> ttt;

		for (;;) {
			union hws_header h = {};
			const uint32_t offset = hws_text_request(&e.t, theirs, &h);
			const uint32_t n = hws_data_length(&h);
			const bool final = h.text.flags == HWS_FLAG_FINAL;

			MUST(final || h.text.flags == HWS_FLAG_CONTINUE);
			MUST(n <= theirs);
			MUST(offset == sent && sent + n <= e.t.length);
			sent += n;
			MUST(e.t.resetting || final == (sent == e.t.length));
			MUST(ttt_of(h) ==
			     (e.t.resetting ? HWS_RESERVED_TAG : ttt.value_or(HWS_RESERVED_TAG)));

			uint8_t flags = 0;
			uint32_t length = 0, tag = random.edgy();
			if (final && random.once_in(20))
				flags = HWS_FLAG_FINAL;
			else if (random.once_in(3))
				flags = HWS_FLAG_CONTINUE;
			if (random.once_in(100))
				flags = HWS_FLAG_FINAL | HWS_FLAG_CONTINUE;
			if ((final && random.once_in(2)) || random.once_in(100))
				length = random.between(0, 100);
			const uint32_t room = hws_text_room(&e.t);
			const bool reset = e.t.resetting;
			const auto step = e.answer(flags, length, tag);

			if (!reset && e.t.failure == HWS_TEXT_HOLDS) {
				MUST(length <= room);
				taken += length;
			}
			MUST(e.t.received == taken && taken <= limit);
			MUST(!e.v || e.t.failure == HWS_TEXT_BROKEN);
			if (step == HWS_TEXT_DONE)
				break;
			MUST(!reset);
			ttt = tag;
			MUST(++rounds < 20 * limit);
		}
		if (e.t.failure == HWS_TEXT_HOLDS) {
			MUST(sent == e.t.length);
			whole++;
		}
	}
	CHECK(whole > 0);
}
