/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One command, and a target that answers it with anything: Data-In or R2Ts, and
 * a status in the end. What must hold whatever comes: each byte is taken or
 * sent at most once and within the command, no limit is passed, and a status
 * that is accepted as good leaves no byte unaccounted for.
 *
 * Planted: a command that lacks seven bytes passes for a whole one.
 */
#include "proto.h"

#include <cstring>
#include <deque>
#include <vector>

using namespace hawser;

namespace
{

constexpr uint32_t longest = 5000;

union hws_header header(uint8_t opcode, uint8_t flags)
{
	union hws_header h;

	std::memset(&h, 0, sizeof(h));
	h.bhs.opcode = opcode;
	h.bhs.flags = flags;
	return h;
}

/* A number near the one that is due, mostly that one. */
uint32_t around(fuzz::Input &input, uint32_t due)
{
	const uint8_t how = input.byte();

	if (how < 0xc0)
		return due;
	if (how < 0xf0)
		return due + static_cast<int8_t>(input.byte());
	return input.number32();
}

bool is_good(uint8_t status)
{
	return status == 0 || status == 4 || status == 0x10 || status == 0x14;
}

/* The end of a command, from either PDU. True when it was accepted. */
bool judge(const union hws_header &h, uint32_t expected, uint32_t moved,
	   const struct hws_read *read)
{
	const bool reads = read;
	struct hws_transfer t = {.expected = expected,
				 .moved = moved,
				 .in_front = reads ? hws_read_front(read) : 0,
				 .reads = reads};
	struct hws_outcome o;

	if (fuzz::planted && moved + 7 == expected)
		t.moved = t.in_front = expected;

	if (hws_check_header(&h, HWS_DATA_SEGMENT_MAX) || hws_status_outcome(&h, &t, &o))
		return false;
	REQUIRE_FUZZ(o.residual <= expected);
	if (o.target_failure)
		return true;
	if (reads)
		REQUIRE_FUZZ(moved + o.residual >= expected);
	if (is_good(o.status)) {
		REQUIRE_FUZZ(moved >= expected - o.residual);
		if (reads)
			REQUIRE_FUZZ(moved == expected - o.residual && t.in_front == moved);
	}
	return true;
}

void take_sense(fuzz::Input &input, const union hws_header &h)
{
	const std::vector<uint8_t> data = input.rest();
	const uint8_t *sense;
	uint32_t length, sum = 0;

	if (hws_status_sense(&h, data.data(), data.size(), &sense, &length))
		return;
	REQUIRE_FUZZ(length <= data.size());
	for (uint32_t i = 0; i < length; i++)
		sum += sense[i];
	REQUIRE_FUZZ(sum <= 255 * length);
}

union hws_header response(fuzz::Input &input)
{
	union hws_header h = header(HWS_OP_SCSI_RESPONSE, input.byte());

	h.response.response = input.byte() >> 6;
	h.response.status = input.byte();
	h.response.residual = cpu_to_be32(around(input, 0));
	hws_set_data_length(&h, input.byte());
	return h;
}

void read_command(fuzz::Input &input, uint32_t expected)
{
	const uint8_t orders = input.byte();
	const struct hws_read_rules rules = {!(orders & 1), !(orders & 2)};
	struct hws_extents extents;
	struct hws_read read;
	std::vector<bool> seen(expected);
	uint32_t moved = 0, sn = 0, next = 0;

	hws_read_init(&read, expected,
		      rules.pdu_in_order && rules.sequence_in_order ? nullptr : &extents);
	while (!input.empty()) {
		union hws_header h;

		if (input.byte() >= 0xe0) {
			h = response(input);
			judge(h, expected, moved, &read);
			take_sense(input, h);
			return;
		}
		h = header(HWS_OP_DATA_IN, input.byte());
		h.data_in.status = input.byte();
		h.data_in.data_sn = cpu_to_be32(around(input, sn));
		h.data_in.offset = cpu_to_be32(around(input, next));
		h.data_in.residual = cpu_to_be32(around(input, 0));
		hws_set_data_length(&h, input.byte() * input.byte());

		const uint32_t offset = be32_to_cpu(h.data_in.offset);
		const uint32_t length = hws_data_length(&h);

		if (hws_check_header(&h, HWS_DATA_SEGMENT_MAX) ||
		    hws_read_data_in(&read, &rules, &h))
			continue;
		REQUIRE_FUZZ(be32_to_cpu(h.data_in.data_sn) == sn);
		REQUIRE_FUZZ(!length || (offset <= expected && length <= expected - offset));
		if (length && rules.pdu_in_order && rules.sequence_in_order)
			REQUIRE_FUZZ(offset == moved);
		for (uint32_t i = offset; i < offset + length; i++) {
			REQUIRE_FUZZ(!seen[i]);
			seen[i] = true;
		}
		sn++;
		moved += length;
		next = length ? offset + length : next;
		REQUIRE_FUZZ(read.received == moved);
		if ((h.data_in.flags & HWS_DATA_IN_STATUS) && judge(h, expected, moved, &read))
			return;
	}
}

/* Sends one Data-Out of the oldest sequence. */
void send(struct hws_write &write, const struct hws_write_rules &rules,
	  std::deque<struct hws_sequence> &ring, std::vector<bool> &sent, uint32_t &data_sn,
	  uint32_t &moved)
{
	struct hws_sequence &seq = ring.front();
	const struct hws_sequence before = seq;
	union hws_header h;
	const uint32_t length = hws_write_data_out(&write, &rules, &seq, &h);

	REQUIRE_FUZZ(length && length <= before.left && length <= rules.max_data_segment_length);
	REQUIRE_FUZZ(hws_data_length(&h) == length);
	REQUIRE_FUZZ(be32_to_cpu(h.data_out.offset) == before.offset);
	REQUIRE_FUZZ(be32_to_cpu(h.data_out.ttt) == before.ttt);
	REQUIRE_FUZZ(be32_to_cpu(h.data_out.data_sn) == data_sn);
	REQUIRE_FUZZ(!!(h.data_out.flags & HWS_FLAG_FINAL) == (length == before.left));
	REQUIRE_FUZZ(length == before.left || length % 4 == 0);
	for (uint32_t i = before.offset; i < before.offset + length; i++) {
		REQUIRE_FUZZ(i < sent.size() && !sent[i]);
		sent[i] = true;
	}
	moved += length;
	data_sn++;
	if (!seq.left) {
		ring.pop_front();
		data_sn = 0;
	}
}

void write_command(fuzz::Input &input, uint32_t expected)
{
	const uint8_t settings = input.byte();
	struct hws_write_rules rules = {};
	struct hws_extents extents;
	struct hws_write write;
	std::deque<struct hws_sequence> ring;
	std::vector<bool> sent(expected);
	uint32_t sn = 0, data_sn = 0, next, moved;

	rules.immediate_data = settings & 1;
	rules.initial_r2t = settings & 2;
	rules.sequence_in_order = settings & 4;
	rules.max_outstanding_r2t = 1 + (settings >> 3 & 3);
	rules.first_burst_length = 512 + input.byte();
	rules.max_burst_length = rules.first_burst_length + 2 * input.byte();
	rules.max_data_segment_length = 512 + input.byte();

	const struct hws_write_plan plan =
	    hws_write_init(&write, expected, &rules, rules.sequence_in_order ? nullptr : &extents);

	REQUIRE_FUZZ(rules.immediate_data || !plan.immediate);
	REQUIRE_FUZZ(!rules.initial_r2t || !plan.unsolicited);
	REQUIRE_FUZZ(plan.immediate <= rules.max_data_segment_length);
	REQUIRE_FUZZ(plan.immediate + plan.unsolicited <= rules.first_burst_length);
	REQUIRE_FUZZ(plan.immediate + plan.unsolicited <= expected);
	for (uint32_t i = 0; i < plan.immediate; i++)
		sent[i] = true;
	moved = plan.immediate;
	next = plan.immediate + plan.unsolicited;
	if (plan.unsolicited)
		ring.push_back({plan.immediate, plan.unsolicited, HWS_RESERVED_TAG, 0});

	while (!input.empty()) {
		const uint8_t what = input.byte();
		uint32_t outstanding = ring.size();
		struct hws_sequence seq;
		union hws_header h;

		if (what >= 0xe0) {
			h = response(input);
			judge(h, expected, moved, nullptr);
			take_sense(input, h);
			return;
		}
		if (what >= 0x60) {
			if (!ring.empty())
				send(write, rules, ring, sent, data_sn, moved);
			REQUIRE_FUZZ(write.sent == moved && moved <= expected);
			continue;
		}
		h = header(HWS_OP_R2T, HWS_FLAG_FINAL);
		h.r2t.ttt = cpu_to_be32(around(input, 1));
		h.r2t.r2t_sn = cpu_to_be32(around(input, sn));
		h.r2t.offset = cpu_to_be32(around(input, next));
		h.r2t.desired_length = cpu_to_be32(around(input, 4 * input.byte()));
		if (!ring.empty() && ring.front().ttt == HWS_RESERVED_TAG)
			outstanding--;
		if (hws_check_header(&h, HWS_DATA_SEGMENT_MAX) ||
		    hws_write_r2t(&write, &rules, &h, outstanding, &seq))
			continue;
		REQUIRE_FUZZ(seq.ttt != HWS_RESERVED_TAG);
		REQUIRE_FUZZ(outstanding < rules.max_outstanding_r2t);
		REQUIRE_FUZZ(be32_to_cpu(h.r2t.r2t_sn) == sn);
		REQUIRE_FUZZ(seq.left && seq.left <= rules.max_burst_length);
		REQUIRE_FUZZ(seq.offset <= expected && seq.left <= expected - seq.offset);
		sn++;
		next = seq.offset + seq.left;
		ring.push_back(seq);
	}
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz::Input input(data, size);
	const bool reads = input.byte() & 1;
	const uint32_t expected = (input.byte() << 8 | input.byte()) % (longest + 1);

	if (reads)
		read_command(input, expected);
	else
		write_command(input, expected);
	return 0;
}
