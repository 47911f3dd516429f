/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "proto.h"

#include <algorithm>
#include <deque>
#include <vector>

using namespace hawser::proto;

namespace
{

constexpr uint32_t largest = HWS_DATA_SEGMENT_MAX;

struct hws_write_rules defaults()
{
	struct hws_write_rules rules = {};

	rules.first_burst_length = 65536;
	rules.max_burst_length = 262144;
	rules.max_outstanding_r2t = 1;
	rules.max_data_segment_length = 8192;
	rules.initial_r2t = true;
	rules.immediate_data = true;
	rules.sequence_in_order = true;
	return rules;
}

/*
 * The target's side of one write: takes what is sent and holds it to the RFC.
 * What a rule forbids fails the test.
 */
class Target
{
public:
	Target(const struct hws_write_rules &rules, uint32_t expected)
	    : rules_(rules), expected_(expected)
	{
	}

	/* The SCSI Command itself (11.3.6, 13.11). */
	void command(const struct hws_write_plan &plan)
	{
		const uint32_t unasked = plan.immediate + plan.unsolicited;

		MUST(rules_.immediate_data || !plan.immediate);
		MUST(!rules_.initial_r2t || !plan.unsolicited);
		MUST(plan.immediate <= rules_.max_data_segment_length);
		MUST(unasked <= rules_.first_burst_length);
		MUST(unasked <= expected_);
		/* What is sent unasked in PDUs of its own fills the first burst (11.4.7.2). */
		if (plan.unsolicited)
			MUST(unasked == std::min(rules_.first_burst_length, expected_));
		cover(0, plan.immediate);
	}

	/* A sequence begins: what it may cover. */
	void begin(uint32_t offset, uint32_t length, uint32_t ttt)
	{
		MUST(length);
		MUST(length <= (ttt == HWS_RESERVED_TAG ? rules_.first_burst_length
							: rules_.max_burst_length));
		next_ = offset;
		end_ = offset + length;
		ttt_ = ttt;
		data_sn_ = 0;
	}

	/* A Data-Out (11.7). True when its sequence is complete. */
	bool data_out(const union hws_header &h, uint32_t length)
	{
		const uint32_t offset = be32_to_cpu(h.data_out.offset);
		const bool final = h.data_out.flags & HWS_FLAG_FINAL;

		MUST(h.data_out.opcode == HWS_OP_DATA_OUT);
		MUST((h.data_out.flags & ~HWS_FLAG_FINAL) == 0);
		MUST(!h.data_out.ahs_words);
		MUST(length && hws_data_length(&h) == length);
		MUST(length <= rules_.max_data_segment_length);
		MUST(be32_to_cpu(h.data_out.ttt) == ttt_);
		MUST(be32_to_cpu(h.data_out.data_sn) == data_sn_++);
		MUST(offset == next_ && length <= end_ - offset);
		MUST(final == (offset + length == end_));
		/* Whole words but at the end of a sequence (11.7.7). */
		MUST(final || length % 4 == 0);
		cover(offset, length);
		next_ = offset + length;
		return final;
	}

	bool whole() const { return covered_ == expected_; }
	uint32_t covered() const { return covered_; }
	const std::vector<std::pair<uint32_t, uint32_t>> &ranges() const { return ranges_; }

private:
	void cover(uint32_t offset, uint32_t length)
	{
		MUST(offset <= expected_ && length <= expected_ - offset);
		covered_ += length;
		if (!length)
			return;
		if (!ranges_.empty() && ranges_.back().second == offset)
			ranges_.back().second += length;
		else
			ranges_.emplace_back(offset, offset + length);
	}

	struct hws_write_rules rules_;
	uint32_t expected_;
	uint32_t covered_ = 0;
	uint32_t next_ = 0, end_ = 0, ttt_ = 0, data_sn_ = 0;
	std::vector<std::pair<uint32_t, uint32_t>> ranges_;
};

/* Every byte came once: the ranges, sorted, are one after the other. */
bool exactly_once(const Target &target, uint32_t expected)
{
	auto ranges = target.ranges();
	uint32_t at = 0;

	std::sort(ranges.begin(), ranges.end());
	for (const auto &[start, end] : ranges) {
		if (start != at)
			return false;
		at = end;
	}
	return at == expected;
}

void send_sequence(struct hws_write &write, const struct hws_write_rules &rules,
		   struct hws_sequence seq, Target &target)
{
	target.begin(seq.offset, seq.left, seq.ttt);
	for (;;) {
		union hws_header h;
		const uint32_t length = hws_write_data_out(&write, &rules, &seq, &h);

		if (target.data_out(h, length))
			break;
	}
	MUST(!seq.left);
}

/* The whole of a write to a target that asks in order, with bursts of @burst. */
void write_in_order(const struct hws_write_rules &rules, uint32_t expected, uint32_t burst)
{
	struct hws_write write;
	const auto plan = hws_write_init(&write, expected, &rules, nullptr);
	Target target(rules, expected);
	uint32_t sn = 0;

	target.command(plan);
	MUST(write.sent == plan.immediate);
	if (plan.unsolicited)
		send_sequence(write, rules, {plan.immediate, plan.unsolicited, HWS_RESERVED_TAG, 0},
			      target);
	for (uint32_t at = plan.immediate + plan.unsolicited; at < expected; sn++) {
		const uint32_t length = std::min(burst, expected - at);
		const union hws_header h = r2t(sn, at, length, 100 + sn);
		struct hws_sequence seq;

		MUST(hws_write_r2t(&write, &rules, &h, 0, &seq) == HWS_V_NONE);
		MUST(seq.offset == at && seq.left == length && seq.ttt == 100 + sn);
		send_sequence(write, rules, seq, target);
		at += length;
	}
	MUST(target.whole());
	MUST(exactly_once(target, expected));
	MUST(write.sent == expected);
}

} // namespace

TEST_CASE(
    "a write covers its bytes once and keeps to every limit, in the whole product of settings")
{
	const uint32_t limits[] = {512, 513, 515, 4096, 8192, 65536, 262144, largest};
	const uint32_t lengths[] = {1,	     3,	      511,     512,	      513,
				    514,     4095,    4096,    4097,	      65535,
				    65536,   65537,   262143,  262144,	      262145,
				    1 << 20, largest, 1 << 24, (1 << 24) + 1, 40000000};
	uint64_t writes = 0;

	for (const bool immediate : {false, true})
		for (const bool initial_r2t : {false, true})
			for (const uint32_t first_burst : limits)
				for (const uint32_t max_burst : limits)
					for (const uint32_t segment : limits)
						for (const uint32_t length : lengths) {
							struct hws_write_rules rules = defaults();

							/* 13.14 */
							if (first_burst > max_burst)
								continue;
							/* Enough PDUs show the rule. */
							if (length / std::min(max_burst, segment) >
							    600)
								continue;
							rules.immediate_data = immediate;
							rules.initial_r2t = initial_r2t;
							rules.first_burst_length = first_burst;
							rules.max_burst_length = max_burst;
							rules.max_data_segment_length = segment;
							write_in_order(rules, length, max_burst);
							writes++;
						}
	CHECK(writes > 15000);
}

TEST_CASE("any settings, lengths and bursts of the target cover a write once")
{
	Random random;

	for (uint64_t round = 0; round < steps(30'000); round++) {
		struct hws_write_rules rules = defaults();

		rules.immediate_data = random.once_in(2);
		rules.initial_r2t = random.once_in(2);
		rules.max_burst_length = random.between(512, 20000);
		rules.first_burst_length = random.between(512, rules.max_burst_length);
		rules.max_data_segment_length = random.between(512, 20000);
		write_in_order(
		    rules, random.between(1, 100000),
		    random.between(1 + rules.max_burst_length / 16, rules.max_burst_length));
	}
}

TEST_CASE("a write of no bytes plans nothing")
{
	for (const bool initial_r2t : {false, true}) {
		struct hws_write_rules rules = defaults();
		struct hws_write write;

		rules.initial_r2t = initial_r2t;

		const auto plan = hws_write_init(&write, 0, &rules, nullptr);

		CHECK(plan.immediate == 0);
		CHECK(plan.unsolicited == 0);
	}
}

TEST_CASE("as much goes unasked as the settings permit")
{
	struct hws_write_rules rules = defaults();
	struct hws_write write;
	struct hws_write_plan plan;

	plan = hws_write_init(&write, 1 << 20, &rules, nullptr);
	CHECK(plan.immediate == 8192);
	CHECK(plan.unsolicited == 0);

	rules.initial_r2t = false;
	plan = hws_write_init(&write, 1 << 20, &rules, nullptr);
	CHECK(plan.immediate == 8192);
	CHECK(plan.unsolicited == 65536 - 8192);
	plan = hws_write_init(&write, 10000, &rules, nullptr);
	CHECK(plan.immediate == 8192);
	CHECK(plan.unsolicited == 10000 - 8192);

	rules.immediate_data = false;
	plan = hws_write_init(&write, 1 << 20, &rules, nullptr);
	CHECK(plan.immediate == 0);
	CHECK(plan.unsolicited == 65536);

	rules.initial_r2t = true;
	plan = hws_write_init(&write, 1 << 20, &rules, nullptr);
	CHECK(plan.immediate == 0);
	CHECK(plan.unsolicited == 0);
}

TEST_CASE("R2Ts outstanding at once are answered in their order, whatever their offsets")
{
	Random random;
	uint64_t disordered = 0;

	for (uint64_t round = 0; round < steps(10'000); round++) {
		struct hws_write_rules rules = defaults();
		struct hws_extents extents;
		struct hws_write write;
		const uint32_t expected = random.between(1, 60000);

		rules.immediate_data = random.once_in(2);
		rules.initial_r2t = random.once_in(2);
		rules.sequence_in_order = random.once_in(2);
		rules.max_outstanding_r2t = random.between(1, 8);
		rules.max_burst_length = random.between(512, 8000);
		rules.first_burst_length = random.between(512, rules.max_burst_length);
		rules.max_data_segment_length = random.between(512, 8000);

		const auto plan = hws_write_init(&write, expected, &rules,
						 rules.sequence_in_order ? nullptr : &extents);
		Target target(rules, expected);
		std::vector<std::pair<uint32_t, uint32_t>> to_ask;
		std::deque<struct hws_sequence> ring;
		uint32_t sn = 0;

		target.command(plan);
		if (plan.unsolicited)
			ring.push_back({plan.immediate, plan.unsolicited, HWS_RESERVED_TAG, 0});
		for (uint32_t at = plan.immediate + plan.unsolicited; at < expected;) {
			const uint32_t n =
			    std::min(expected - at, random.between(500, rules.max_burst_length));

			to_ask.emplace_back(at, n);
			at += n;
		}
		if (!rules.sequence_in_order && to_ask.size() > 1) {
			for (size_t i = to_ask.size() - 1; i; i--)
				std::swap(to_ask[i], to_ask[random.between(0, i)]);
			disordered++;
		}
		while (!to_ask.empty() || !ring.empty()) {
			const uint32_t outstanding =
			    ring.size() - (!ring.empty() && ring.front().ttt == HWS_RESERVED_TAG);

			/* The target may ask before what comes unasked has come. */
			if (!to_ask.empty() && outstanding < rules.max_outstanding_r2t &&
			    random.once_in(2)) {
				const auto [offset, length] = to_ask.front();
				const union hws_header h = r2t(sn, offset, length, sn);
				struct hws_sequence seq;

				to_ask.erase(to_ask.begin());
				MUST(hws_write_r2t(&write, &rules, &h, outstanding, &seq) ==
				     HWS_V_NONE);
				ring.push_back(seq);
				sn++;
			} else if (!ring.empty()) {
				send_sequence(write, rules, ring.front(), target);
				ring.pop_front();
			}
		}
		MUST(exactly_once(target, expected));
		MUST(write.sent == expected);
	}
	CHECK(disordered > 0);
}

TEST_CASE("an R2T is refused for what is wrong with it, and changes nothing then")
{
	struct hws_write_rules rules = defaults();
	struct hws_write write;
	struct hws_sequence seq;

	rules.immediate_data = false;
	rules.max_outstanding_r2t = 2;
	hws_write_init(&write, 300000, &rules, nullptr);

	auto take = [&](uint32_t sn, uint32_t offset, uint32_t length, uint32_t outstanding = 0) {
		const union hws_header h = r2t(sn, offset, length);

		return hws_write_r2t(&write, &rules, &h, outstanding, &seq);
	};

	for (int again = 0; again < 2; again++) {
		CHECK(take(1, 0, 1000) == HWS_V_R2T_SN);
		CHECK(take(0xffffffff, 0, 1000) == HWS_V_R2T_SN);
		CHECK(take(0, 0, 1000, 2) == HWS_V_R2T_COUNT);
		CHECK(take(0, 0, 1000, 3) == HWS_V_R2T_COUNT);
		CHECK(take(0, 0, 0) == HWS_V_R2T_LENGTH);
		CHECK(take(0, 0, 262145) == HWS_V_R2T_LENGTH);
		CHECK(take(0, 0, 0xffffffff) == HWS_V_R2T_LENGTH);
		CHECK(take(0, 299999, 2) == HWS_V_R2T_RANGE);
		CHECK(take(0, 300001, 1) == HWS_V_R2T_RANGE);
		CHECK(take(0, 0xffffffff, 2) == HWS_V_R2T_RANGE);
		CHECK(take(0, 1, 1000) == HWS_V_R2T_ORDER);
	}
	CHECK(take(0, 0, 262144, 1) == HWS_V_NONE);
	CHECK(take(1, 0, 262144) == HWS_V_R2T_ORDER);
	CHECK(take(1, 262143, 1) == HWS_V_R2T_ORDER);
	CHECK(take(0, 262144, 100) == HWS_V_R2T_SN);
	CHECK(take(1, 262144, 300000 - 262144) == HWS_V_NONE);
	CHECK(take(2, 300000, 1) == HWS_V_R2T_RANGE);
}

TEST_CASE("an R2T for a command that writes nothing is refused")
{
	const struct hws_write_rules rules = defaults();
	const union hws_header h = r2t(0, 0, 1);
	struct hws_write write;
	struct hws_sequence seq;

	hws_write_init(&write, 0, &rules, nullptr);
	CHECK(hws_write_r2t(&write, &rules, &h, 0, &seq) == HWS_V_R2T_READ);
}

TEST_CASE("an R2T never asks again for what was sent unasked")
{
	for (const bool in_order : {true, false}) {
		struct hws_write_rules rules = defaults();
		struct hws_extents extents;
		struct hws_write write;
		struct hws_sequence seq;

		rules.initial_r2t = false;
		rules.sequence_in_order = in_order;
		hws_write_init(&write, 100000, &rules, in_order ? nullptr : &extents);
		for (uint32_t offset : {0u, 8192u, 65535u}) {
			const union hws_header h = r2t(0, offset, 1000);

			CHECK(hws_write_r2t(&write, &rules, &h, 0, &seq) == HWS_V_R2T_ORDER);
		}

		const union hws_header h = r2t(0, 65536, 100000 - 65536);

		CHECK(hws_write_r2t(&write, &rules, &h, 0, &seq) == HWS_V_NONE);
	}
}

TEST_CASE("R2Ts for more pieces than are kept are refused as such, and not as disorder")
{
	struct hws_write_rules rules = defaults();
	struct hws_extents extents;
	struct hws_write write;
	struct hws_sequence seq;

	rules.immediate_data = false;
	rules.sequence_in_order = false;
	hws_write_init(&write, 100000, &rules, &extents);
	for (uint32_t i = 0; i < HWS_EXTENTS_MAX; i++) {
		const union hws_header h = r2t(i, 2 * i, 1);

		REQUIRE(hws_write_r2t(&write, &rules, &h, 0, &seq) == HWS_V_NONE);
	}

	const union hws_header far = r2t(HWS_EXTENTS_MAX, 90000, 1);
	const union hws_header near = r2t(HWS_EXTENTS_MAX, 1, 1);

	CHECK(hws_write_r2t(&write, &rules, &far, 0, &seq) == HWS_V_R2T_PIECES);
	CHECK(hws_write_r2t(&write, &rules, &near, 0, &seq) == HWS_V_NONE);
}

TEST_CASE("a target that asks for anything never makes us send a byte twice or beyond the command")
{
	Random random;
	uint64_t accepted = 0, refused = 0;

	for (uint64_t done = 0; done < steps(2'000'000);) {
		struct hws_write_rules rules = defaults();
		struct hws_extents extents;
		struct hws_write write;
		const uint32_t expected = random.between(1, 3000);
		std::vector<bool> asked(expected);

		rules.immediate_data = random.once_in(2);
		rules.initial_r2t = random.once_in(2);
		rules.sequence_in_order = random.once_in(2);
		rules.max_outstanding_r2t = random.between(1, 4);
		rules.max_burst_length = random.between(512, 1024);
		rules.first_burst_length = random.between(512, rules.max_burst_length);

		const auto plan = hws_write_init(&write, expected, &rules,
						 rules.sequence_in_order ? nullptr : &extents);
		uint32_t sn = 0, end = plan.immediate + plan.unsolicited;

		std::fill_n(asked.begin(), end, true);
		for (uint32_t n = random.between(1, 40); n; n--, done++) {
			const uint32_t offset = random.once_in(2)   ? end
						: random.once_in(9) ? random.edgy()
								    : random.between(0, expected);
			const uint32_t length =
			    random.once_in(9) ? random.edgy() : random.between(0, 400);
			const uint32_t outstanding = random.between(0, rules.max_outstanding_r2t);
			const union hws_header h =
			    r2t(random.once_in(20) ? random.edgy() : sn, offset, length);
			struct hws_sequence seq;

			if (hws_write_r2t(&write, &rules, &h, outstanding, &seq)) {
				refused++;
				continue;
			}
			accepted++;
			MUST(outstanding < rules.max_outstanding_r2t);
			MUST(be32_to_cpu(h.r2t.r2t_sn) == sn);
			MUST(seq.offset == offset && seq.left == length);
			MUST(length && length <= rules.max_burst_length);
			MUST(uint64_t{offset} + length <= expected);
			MUST(!rules.sequence_in_order || offset == end);
			for (uint32_t i = offset; i < offset + length; i++) {
				MUST(!asked[i]);
				asked[i] = true;
			}
			end = offset + length;
			sn++;
		}
	}
	CHECK(accepted > 0);
	CHECK(refused > 0);
}
