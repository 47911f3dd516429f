/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands that go on over another connection (RFC 7143, 7.2.2). */
#include "proto.h"

#include <vector>

using namespace hawser::proto;

namespace
{

constexpr uint8_t F = HWS_FLAG_FINAL;

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

} // namespace

TEST_CASE("a read that was cut anywhere goes on with the DataSN that it asks for")
{
	const struct hws_read_rules rules = {true, true};
	Random random;

	for (uint64_t n = 0; n < steps(200000); n++) {
		const uint32_t expected = random.between(1, 200);
		struct hws_read read;
		uint32_t at = 0, sn = 0;

		hws_read_init(&read, expected, nullptr);
		/* Each turn one connection, which goes after some PDUs, or in the middle of one. */
		while (at < expected) {
			const bool again = n && random.once_in(8);

			if (sn || at || again) {
				MUST(hws_read_resume(&read) == sn);
				if (random.once_in(3))
					at = sn = 0; /* the target sends all of it anew */
			}
			for (uint32_t pdus = random.between(0, 4); pdus && at < expected; pdus--) {
				const uint32_t length = random.between(0, expected - at);
				const auto h = data_in(sn, at, length, random.once_in(2) ? F : 0);

				MUST(hws_read_data_in(&read, &rules, &h) == HWS_V_NONE);
				if (random.once_in(4)) {
					hws_read_cut(&read, &h);
					break;
				}
				at += length;
				sn++;
				MUST(read.received == at);
			}
		}
		MUST(read.received == expected);
	}
}

TEST_CASE("after a reassignment only the number that was asked for, or 0, may come first")
{
	const struct hws_read_rules rules = {true, true};
	struct hws_read read;

	hws_read_init(&read, 100, nullptr);
	for (uint32_t sn = 0; sn < 3; sn++) {
		const auto h = data_in(sn, sn * 10, 10);
		REQUIRE(hws_read_data_in(&read, &rules, &h) == HWS_V_NONE);
	}
	CHECK(hws_read_resume(&read) == 3);
	CHECK(hws_read_resume(&read) == 3);
	for (uint32_t sn : {1u, 2u, 4u, 0xffffffffu}) {
		const auto h = data_in(sn, 30, 10);
		CHECK(hws_read_data_in(&read, &rules, &h) == HWS_V_DATA_SN);
	}
	const auto next = data_in(3, 30, 10);
	CHECK(hws_read_data_in(&read, &rules, &next) == HWS_V_NONE);
	/* Then it goes on, and does not begin anew any more. */
	const auto first = data_in(0, 0, 10);
	CHECK(hws_read_data_in(&read, &rules, &first) == HWS_V_DATA_SN);
}

TEST_CASE("a read in pieces that was cut begins anew")
{
	const struct hws_read_rules rules = {false, false};
	struct hws_extents extents;
	struct hws_read read;

	hws_read_init(&read, 100, &extents);
	const auto last = data_in(0, 90, 10);
	REQUIRE(hws_read_data_in(&read, &rules, &last) == HWS_V_NONE);
	const auto cut = data_in(1, 10, 30);
	REQUIRE(hws_read_data_in(&read, &rules, &cut) == HWS_V_NONE);
	hws_read_cut(&read, &cut);
	CHECK(hws_read_resume(&read) == 0);
	const auto whole = data_in(0, 0, 100);
	CHECK(hws_read_data_in(&read, &rules, &whole) == HWS_V_NONE);
	CHECK(read.received == 100);
}

TEST_CASE("a write goes on wherever the target asks, in order from there")
{
	const auto rules = write_rules();
	struct hws_sequence seq;
	struct hws_write write;

	auto take = [&](uint32_t sn, uint32_t offset, uint32_t length) {
		const union hws_header h = r2t(sn, offset, length);

		return hws_write_r2t(&write, &rules, &h, 0, &seq);
	};
	/* By the R2TSN that was asked for, from 0 again, or as the target counts. */
	for (uint32_t sn : {2u, 0u, 7u}) {
		hws_write_init(&write, 20000, &rules, nullptr);
		REQUIRE(take(0, 512, 4096) == HWS_V_NONE);
		REQUIRE(take(1, 4608, 4096) == HWS_V_NONE);
		CHECK(hws_write_resume(&write) == 2);
		CHECK(take(sn, 20000, 1) == HWS_V_R2T_RANGE);
		CHECK(take(sn, 1024, 4097) == HWS_V_R2T_LENGTH);
		CHECK(take(sn, 1024, 4096) == HWS_V_NONE);
		CHECK(seq.offset == 1024);
		CHECK(take(sn, 5120, 4096) == HWS_V_R2T_SN);
		CHECK(take(sn + 1, 6000, 4096) == HWS_V_R2T_ORDER);
		CHECK(take(sn + 1, 5120, 4096) == HWS_V_NONE);
	}
}

TEST_CASE("a write of which the target lacks nothing may end well without another R2T")
{
	const auto rules = write_rules();
	struct hws_write write;
	struct hws_outcome outcome;

	hws_write_init(&write, 20000, &rules, nullptr);
	hws_write_resume(&write);
	const struct hws_transfer moved = {.reads = false, .expected = 20000, .moved = write.sent};
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
