/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands that go on over another connection (RFC 7143, 7.2.2). */
#include "proto.h"

#include <utility>
#include <vector>

using namespace hawser::proto;

namespace
{

constexpr uint8_t F = HWS_FLAG_FINAL;
const struct hws_read_rules in_order = {true, true};

/* A read at error recovery level 2. */
struct Read {
	struct hws_extents extents;
	struct hws_read read;
	struct hws_repair repair;

	explicit Read(uint32_t expected)
	{
		hws_read_init(&read, expected, &extents);
		hws_repair_init(&repair);
	}
	enum hws_violation judge(const union hws_header &h, bool &wanted)
	{
		return hws_repair_judge(&repair, &read, &in_order, &h, &wanted);
	}
	/* It comes whole. */
	enum hws_violation take(uint32_t sn, uint32_t offset, uint32_t length, uint8_t flags = 0)
	{
		const auto h = data_in(sn, offset, length, flags);
		bool wanted = false;
		const auto v = judge(h, wanted);

		if (v || !wanted)
			return v;
		hws_repair_begin_data(&repair, &read, &h);
		return hws_repair_data_in(&repair, &read, &h);
	}
	/* It comes damaged, or not to its end. False when it was not wanted. */
	bool begin(uint32_t sn, uint32_t offset, uint32_t length, bool damaged)
	{
		const auto h = data_in(sn, offset, length);
		bool wanted = false;

		if (judge(h, wanted) || !wanted)
			return false;
		hws_repair_begin_data(&repair, &read, &h);
		return !damaged || hws_repair_damage(&repair, &read, &h, 0);
	}
	uint32_t resume() { return hws_repair_resume_read(&repair, &read); }
};

struct hws_write_rules write_rules()
{
	struct hws_write_rules rules = {};

	rules.first_burst_length = 512;
	rules.max_burst_length = 4096;
	rules.max_outstanding_r2t = 1;
	rules.max_data_segment_length = 1024;
	rules.initial_r2t = true;
	rules.immediate_data = true;
	rules.sequence_in_order = true;
	return rules;
}

struct Write {
	struct hws_write_rules rules = write_rules();
	struct hws_extents extents;
	struct hws_write write;
	struct hws_repair repair;
	struct hws_sequence seq;
	bool wanted = false;

	explicit Write(uint32_t expected)
	{
		hws_write_init(&write, expected, &rules, &extents);
		hws_repair_init(&repair);
	}
	enum hws_violation take(uint32_t sn, uint32_t offset, uint32_t length)
	{
		const auto h = r2t(sn, offset, length);

		struct hws_sequence sequences[4];
		struct hws_sequence_ring none = {sequences, 4, 0, 0};

		return hws_repair_r2t(&repair, &write, &rules, &h, &none, &seq, &wanted);
	}
	uint32_t resume() { return hws_repair_resume_write(&repair, &write); }
};

} // namespace

TEST_CASE("a read that is cut anywhere, again and again, ends with every byte counted once")
{
	Random random;

	for (uint64_t n = 0; n < steps(200000); n++) {
		const uint32_t expected = random.between(1, 100);
		Read read(expected);
		std::vector<bool> here(expected);

		/* Each turn one connection: some PDUs, of which some are lost, and it goes. */
		for (bool first = true; read.read.received < expected; first = false) {
			uint32_t sn = 0, at = 0;

			if (!first) {
				sn = read.resume();
				MUST(sn == hws_gaps_first(&read.repair.gaps));
				if (random.once_in(3))
					sn = 0; /* the target sends all of it anew */
				/* What the initiator has acknowledged lies before the first hole.
				 */
				if (sn)
					while (at < expected && here[at])
						at++;
			}
			while (at < expected && !random.once_in(6)) {
				const uint32_t length = random.between(1, expected - at);
				const auto v =
				    random.once_in(10) ? HWS_V_NONE : read.take(sn, at, length);

				MUST(v == HWS_V_NONE);
				at += length;
				sn++;
				if (read.repair.gaps.count)
					break; /* here a SNACK would be sent; the connection goes
						  first */
				for (uint32_t i = at - length; i < at; i++)
					here[i] = true;
			}
			/* What counts is what the extents have. */
			uint32_t count = 0;
			for (uint32_t i = 0; i < expected; i++) {
				here[i] = hws_extents_overlap(&read.extents, i, 1);
				count += here[i];
			}
			MUST(read.read.received == count);
		}
	}
}

TEST_CASE("after a reassignment data goes on from what was asked for, or from the start")
{
	for (uint32_t from : {3u, 0u}) {
		Read read(100);

		for (uint32_t sn = 0; sn < 3; sn++)
			REQUIRE(read.take(sn, sn * 10, 10) == HWS_V_NONE);
		REQUIRE(read.take(4, 40, 10) == HWS_V_NONE);
		CHECK(read.resume() == 3);
		CHECK(read.resume() == 3);
		for (uint32_t sn = from, at = from * 10; at < 100; sn++, at += 10)
			CHECK(read.take(sn, at, 10, at == 90 ? F : 0) == HWS_V_NONE);
		CHECK(read.read.received == 100);
		CHECK_FALSE(read.repair.gaps.count);
	}
}

TEST_CASE("the data of a read may be cut in another way after a reassignment")
{
	Read read(100);

	REQUIRE(read.take(0, 0, 30) == HWS_V_NONE);
	REQUIRE(read.take(1, 30, 30) == HWS_V_NONE);
	CHECK(read.resume() == 2);
	CHECK(read.take(0, 0, 50) == HWS_V_NONE);
	CHECK(read.read.received == 60);
	CHECK(read.take(1, 50, 50, F) == HWS_V_NONE);
	CHECK(read.read.received == 100);
	/* Beyond the command is a violation as ever. */
	CHECK(read.take(2, 100, 1) == HWS_V_DATA_IN_BEYOND);
}

TEST_CASE("a write goes on wherever the target asks, with whatever R2TSN")
{
	for (uint32_t sn : {2u, 0u, 7u}) {
		Write write(20000);

		REQUIRE(write.take(0, 512, 4096) == HWS_V_NONE);
		REQUIRE(write.take(1, 4608, 4096) == HWS_V_NONE);
		CHECK(write.resume() == 2);
		CHECK(write.take(sn, 20000, 1) == HWS_V_R2T_RANGE);
		CHECK(write.take(sn, 1024, 4097) == HWS_V_R2T_LENGTH);
		CHECK(write.take(sn, 1024, 4096) == HWS_V_NONE);
		CHECK(write.wanted);
		CHECK(write.seq.offset == 1024);
		/* The same once more is no other. */
		CHECK(write.take(sn, 1024, 4096) == HWS_V_NONE);
		CHECK_FALSE(write.wanted);
		CHECK(write.take(sn + 1, 5120, 4096) == HWS_V_NONE);
		CHECK(write.wanted);
	}
}

namespace
{

/* What a silence asks for. */
std::pair<uint32_t, uint32_t> question(Write &w)
{
	uint8_t type = 0;
	uint32_t begin = 0, length = 0;

	w.repair.tail = HWS_TAIL_ASK;
	REQUIRE(hws_repair_snack(&w.repair, 0, &type, &begin, &length));
	CHECK(type == HWS_SNACK_DATA);
	return {begin, length};
}

} // namespace

TEST_CASE("R2Ts that were lost behind a reassignment are asked for, from the one that is due on")
{
	Write w(512 * 5);

	for (uint32_t sn = 0; sn < 4; sn++)
		REQUIRE(w.take(sn, 512 * (sn + 1), 512) == HWS_V_NONE);
	CHECK_FALSE(hws_repair_may_lack_r2t(&w.repair, &w.write));

	/* None came, though all had been asked for before. */
	REQUIRE(w.resume() == 4);
	CHECK(hws_repair_may_lack_r2t(&w.repair, &w.write));
	CHECK(question(w) == std::pair(4u, 0u));

	/* Two were lost in front of the first that came. */
	CHECK(w.take(6, 512 * 3, 512) == HWS_V_NONE);
	CHECK(w.take(7, 512 * 4, 512) == HWS_V_NONE);
	CHECK(w.write.solicited_to == w.write.expected);
	CHECK_FALSE(hws_repair_open(&w.repair)); /* they may never have been sent here */
	CHECK(hws_repair_may_lack_r2t(&w.repair, &w.write));
	CHECK(question(w) == std::pair(4u, 0u));

	/* The answer is all of them: each counts once. */
	const std::vector<std::pair<uint32_t, bool>> answer = {
	    {4, true}, {5, true}, {6, false}, {7, false}, {4, false}};
	for (const auto &[sn, wanted] : answer) {
		CHECK(w.take(sn, 512 * (sn - 3), 512) == HWS_V_NONE);
		CHECK(w.wanted == wanted);
	}
	CHECK_FALSE(hws_repair_may_lack_r2t(&w.repair, &w.write));
	CHECK(w.resume() == 8);
}

TEST_CASE("what did not come behind a reassignment is not acknowledged by the next")
{
	Write w(512 * 5);

	REQUIRE(w.take(0, 512, 512) == HWS_V_NONE);
	REQUIRE(w.resume() == 1);
	REQUIRE(w.take(2, 1024, 512) == HWS_V_NONE);
	CHECK(w.resume() == 1);
	/* A target that counts anew owes nothing. */
	REQUIRE(w.take(0, 512, 512) == HWS_V_NONE);
	REQUIRE(w.take(1, 1024, 1536) == HWS_V_NONE);
	CHECK_FALSE(hws_repair_may_lack_r2t(&w.repair, &w.write));
	CHECK(w.resume() == 2);
}

TEST_CASE(
    "all that was asked for may be asked for again after a reassignment, in any number of R2Ts")
{
	constexpr uint32_t count = 2 * HWS_RECOVERY_R2TS_MAX;
	Write w(512 * (count + 1));
	union hws_header h;
	uint32_t sn = 0;

	for (int connection = 0; connection < 3; connection++) {
		for (uint32_t n = 1; n <= count; n++) {
			CHECK(w.take(sn++, 512 * n, 512) == HWS_V_NONE);
			REQUIRE(w.wanted);
			while (w.seq.left)
				hws_write_data_out(&w.write, &w.rules, &w.seq, &h);
		}
		CHECK(w.write.sent == w.write.expected);
		CHECK(w.resume() == sn);
	}
	/* Twice over one connection is what has a limit. */
	for (uint32_t n = 0; n <= HWS_RECOVERY_R2TS_MAX; n++)
		CHECK(w.take(sn++, 512, 512) == HWS_V_NONE);
	CHECK(w.take(sn, 512, 512) == HWS_V_R2T_ORDER);
}

TEST_CASE("data that comes again after a reassignment counts when it is whole, and not before")
{
	auto three_of_four = [] {
		Read r(4096);

		for (uint32_t sn = 0; sn < 3; sn++)
			REQUIRE(r.take(sn, sn * 1024, 1024) == HWS_V_NONE);
		REQUIRE(r.resume() == 3);
		return r;
	};
	const auto good = response(0, F);

	/* All of it again, the first of it damaged: that is asked for. */
	Read damaged = three_of_four();
	damaged.read.extents = &damaged.extents;
	REQUIRE(damaged.begin(0, 0, 1024, true));
	CHECK(damaged.read.received == 2048);
	for (uint32_t sn = 1; sn < 4; sn++)
		REQUIRE(damaged.take(sn, sn * 1024, 1024) == HWS_V_NONE);
	CHECK(damaged.read.received == 3072);
	CHECK(hws_repair_verdict(&damaged.repair, &damaged.read, &good) == HWS_REPAIR_WAIT);
	REQUIRE(damaged.take(0, 0, 1024) == HWS_V_NONE);
	CHECK(hws_repair_verdict(&damaged.repair, &damaged.read, &good) == HWS_REPAIR_DONE);
	CHECK(hws_read_front(&damaged.read) == 4096);

	/* The connection goes in the middle of it: it has not come. */
	Read cut = three_of_four();
	cut.read.extents = &cut.extents;
	REQUIRE(cut.begin(0, 0, 1024, false));
	CHECK(cut.resume() == 0);
	CHECK(cut.read.received == 2048);
	CHECK(hws_read_front(&cut.read) == 0);
	for (uint32_t sn = 0; sn < 4; sn++)
		REQUIRE(cut.take(sn, sn * 1024, 1024) == HWS_V_NONE);
	CHECK(hws_repair_verdict(&cut.repair, &cut.read, &good) == HWS_REPAIR_DONE);
	CHECK(cut.read.received == 4096);
}

TEST_CASE("a write of which the target lacks nothing may end well without another R2T")
{
	Write write(20000);
	struct hws_outcome outcome;

	write.resume();
	const struct hws_transfer moved = {
	    .expected = 20000, .moved = write.write.sent, .in_front = 0, .reads = false};
	const auto h = response(0, F);
	CHECK(hws_status_outcome(&h, &moved, &outcome) == HWS_V_NONE);
}

TEST_CASE("the answers to TASK REASSIGN are the RFC's or LIO's")
{
	/* RFC 7143, 11.6.1, and what LIO says in its place. */
	struct Row {
		uint8_t rfc;
		uint8_t lio;
	};
	const std::vector<Row> rows = {{HWS_TMF_RSP_COMPLETE, HWS_TMF_RSP_REJECTED},
				       {HWS_TMF_RSP_NO_TASK, HWS_TMF_RSP_COMPLETE},
				       {HWS_TMF_RSP_TASK_ALLEGIANT, HWS_TMF_RSP_NO_LUN}};

	for (const auto &row : rows) {
		CHECK(hws_reassign_response(HWS_REASSIGN_CODES_RFC, row.rfc) == row.rfc);
		CHECK(hws_reassign_response(HWS_REASSIGN_CODES_LIO, row.lio) == row.rfc);
	}
	/* Of the task that does not exist. */
	CHECK(hws_reassign_codes(HWS_TMF_RSP_COMPLETE) == HWS_REASSIGN_CODES_LIO);
	for (int other = 1; other < 256; other++)
		CHECK(hws_reassign_codes(other) == HWS_REASSIGN_CODES_RFC);
	/* Nothing else of LIO's is ever taken for done. */
	for (int other = 0; other < 255; other++)
		CHECK(hws_reassign_response(HWS_REASSIGN_CODES_LIO, other) != HWS_TMF_RSP_COMPLETE);
}
