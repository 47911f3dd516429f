/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One command at error recovery level 1 or 2, and a target that sends its PDUs as it likes,
 * some damaged, and answers SNACKs or does not; the command may go on over another connection
 * in between. What must hold whatever comes: each byte counts once and lies within the command,
 * what is asked for is missing, a command without refusal ends with nothing missing, and what
 * has come whole is never forgotten.
 *
 * Planted: data whose DataSN has come before counts again.
 */
#include "proto.h"

#include <cstring>
#include <vector>

#define _Static_assert static_assert
extern "C" {
#include "proto/repair.h"
#include "proto/serial.h"
}
#undef _Static_assert

using namespace hawser;

namespace
{

constexpr uint32_t longest = 5000, patience = 4;

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

	if (how < 0xa0)
		return due;
	if (how < 0xf8)
		return due + static_cast<int8_t>(input.byte()) / 16;
	return input.number32();
}

/* What both kinds of command have. */
struct Command {
	struct hws_extents extents;
	struct hws_repair repair;
	uint32_t now = 0;

	Command() { hws_repair_init(&repair); }

	void ask()
	{
		const struct hws_repair before = repair;
		uint32_t begin, length;
		uint8_t type;

		if (!hws_repair_snack(&repair, now, &type, &begin, &length)) {
			REQUIRE_FUZZ(repair.gaps.count == before.gaps.count);
			REQUIRE_FUZZ(!repair.ended || !hws_gaps_asks(&repair.gaps));
			return;
		}
		REQUIRE_FUZZ(type == HWS_SNACK_DATA || type == HWS_SNACK_DATA_ACK);
		if (type == HWS_SNACK_DATA_ACK)
			REQUIRE_FUZZ(before.ack && !repair.ack && !repair.gaps.count &&
				     begin == repair.gaps.next && !length);
		for (uint32_t sn = begin; length && sn != begin + length; sn++)
			REQUIRE_FUZZ(hws_gaps_find(&repair.gaps, sn) == HWS_GAPS_MISSING);
		/* The end of a run is never known of before all that is asked for. */
		REQUIRE_FUZZ(!hws_sn_after(begin + length, repair.gaps.next));
	}
	/* False: the connection would be given up. */
	bool wait(uint32_t time)
	{
		now += time;
		return hws_repair_check(&repair, now, patience) != HWS_GAPS_GIVE_UP;
	}
	void reject(fuzz::Input &input)
	{
		hws_repair_rejected(&repair, around(input, hws_gaps_first(&repair.gaps)));
	}
	/* Everything before it has come whole, and stays so. */
	uint32_t whole() const { return hws_gaps_first(&repair.gaps); }
};

union hws_header response(fuzz::Input &input, uint32_t exp_data_sn)
{
	union hws_header h = header(HWS_OP_SCSI_RESPONSE, HWS_FLAG_FINAL);
	const uint8_t how = input.byte();

	h.bhs.flags |= how & 1 ? HWS_RESPONSE_UNDERFLOW : 0;
	h.response.response = how >= 0xf0;
	h.response.status = how >= 0xc0 ? 2 : 0;
	h.response.residual = cpu_to_be32(how & 1 ? around(input, 0) : 0);
	h.response.exp_data_sn = cpu_to_be32(how & 2 ? 0 : around(input, exp_data_sn));
	return h;
}

struct ReadCommand : Command {
	struct hws_read_rules rules;
	struct hws_read read;
	std::vector<bool> seen;
	uint32_t moved = 0;

	ReadCommand(uint32_t expected, uint8_t orders)
	    : rules{!(orders & 1), !(orders & 2)}, seen(expected)
	{
		hws_read_init(&read, expected, &extents);
	}

	void take(const union hws_header &h)
	{
		const uint32_t offset = be32_to_cpu(h.data_in.offset);
		const uint32_t length = hws_data_length(&h);

		for (uint32_t i = offset; i < offset + length; i++) {
			REQUIRE_FUZZ(!seen[i]);
			moved += !seen[i];
			seen[i] = true;
		}
	}
	/* It is written over what is there, and may be damaged. */
	void begin(const union hws_header &h)
	{
		const uint32_t offset = be32_to_cpu(h.data_in.offset);

		hws_repair_begin_data(&repair, &read, &h);
		for (uint32_t i = offset; i < offset + hws_data_length(&h); i++) {
			moved -= seen[i];
			seen[i] = false;
		}
		/* With no room for all pieces more is forgotten than is written over. */
		for (uint32_t i = 0; i < seen.size() && moved != read.received; i++)
			if (seen[i] && !hws_extents_overlap(&extents, i, 1)) {
				REQUIRE_FUZZ(extents.count == HWS_EXTENTS_MAX);
				seen[i] = false;
				moved--;
			}
	}
	/* False: it ends the connection. */
	bool data_in(const union hws_header &h, bool damaged)
	{
		const uint32_t offset = be32_to_cpu(h.data_in.offset);
		const uint32_t length = hws_data_length(&h);
		const uint32_t before = whole();
		const bool anew = repair.anew;
		bool wanted;

		if (hws_check_header(&h, HWS_DATA_SEGMENT_MAX) ||
		    hws_repair_judge(&repair, &read, &rules, &h, &wanted))
			return false;
		if (!wanted && fuzz::planted && !damaged)
			moved += length;
		if (wanted) {
			REQUIRE_FUZZ(!length ||
				     (offset <= seen.size() && length <= seen.size() - offset));
			begin(h);
			if (damaged) {
				if (!hws_repair_damage(&repair, &read, &h, now))
					return false;
			} else if (hws_repair_data_in(&repair, &read, &h)) {
				return false;
			} else {
				take(h);
				if (repair.held)
					hws_repair_progress(&repair, now);
			}
		}
		REQUIRE_FUZZ(read.received == moved && moved <= seen.size());
		REQUIRE_FUZZ(anew || !hws_sn_before(whole(), before));
		return true;
	}
	/* What is called good has come, and every byte of it. */
	void outcome(const union hws_header &h)
	{
		const struct hws_transfer t = {.expected = read.expected,
					       .moved = read.received,
					       .in_front = hws_read_front(&read),
					       .reads = true};
		struct hws_outcome o;

		if (hws_status_outcome(&h, &t, &o) || o.target_failure)
			return;
		REQUIRE_FUZZ(o.residual <= read.expected);
		for (uint32_t i = 0; i < read.expected - o.residual; i++)
			REQUIRE_FUZZ(seen[i]);
	}
	/* True: the command has ended. */
	bool status(const union hws_header &h)
	{
		switch (hws_repair_verdict(&repair, &read, &h)) {
		case HWS_REPAIR_WAIT:
			REQUIRE_FUZZ(hws_repair_open(&repair));
			repair.held = true;
			repair.status = h;
			return false;
		case HWS_REPAIR_DONE:
			REQUIRE_FUZZ(!repair.gaps.count || repair.refused ||
				     h.response.response != HWS_RESPONSE_COMPLETED);
			outcome(h);
			return true;
		case HWS_REPAIR_FAILED:
			REQUIRE_FUZZ(repair.refused);
			return true;
		default:
			return true;
		}
	}
};

void read_command(fuzz::Input &input, uint32_t expected)
{
	ReadCommand c(expected, input.byte());

	while (!input.empty()) {
		const uint8_t what = input.byte();

		if (what < 0xa0) {
			union hws_header h = header(HWS_OP_DATA_IN, input.byte());

			h.data_in.data_sn = cpu_to_be32(around(input, c.repair.gaps.next));
			h.data_in.offset = cpu_to_be32(around(input, c.read.next));
			h.data_in.ttt =
			    cpu_to_be32(h.data_in.flags & HWS_DATA_IN_ACK ? 7 : HWS_RESERVED_TAG);
			hws_set_data_length(&h, input.byte() * 4);
			if (!c.data_in(h, what >= 0x80))
				return;
			if (what < 0x80 && (h.data_in.flags & HWS_DATA_IN_STATUS) && c.status(h))
				return;
			if (c.repair.held && c.status(c.repair.status))
				return;
		} else if (what < 0xc0) {
			c.ask();
		} else if (what < 0xc8) {
			c.reject(input);
		} else if (what < 0xd8) {
			if (!c.wait(what & 7))
				return;
		} else if (what < 0xf8) {
			if (c.status(response(input, c.repair.gaps.next)))
				return;
		} else {
			const uint32_t before = c.whole();

			REQUIRE_FUZZ(hws_repair_resume_read(&c.repair, &c.read) == before);
		}
	}
}

void write_command(fuzz::Input &input, uint32_t expected)
{
	struct hws_write_rules rules = {};
	struct hws_write write;
	struct hws_sequence sequences[9];
	struct hws_sequence_ring ring = {sequences, 9, 0, 0};
	Command c;

	rules.initial_r2t = true;
	rules.sequence_in_order = input.byte() & 1;
	rules.first_burst_length = rules.max_data_segment_length = 512;
	rules.max_burst_length = 1024;
	rules.max_outstanding_r2t = 4;
	hws_write_init(&write, expected, &rules, &c.extents);
	while (!input.empty()) {
		const uint8_t what = input.byte();

		if (what < 0x80) {
			union hws_header h = header(HWS_OP_R2T, HWS_FLAG_FINAL);
			struct hws_sequence seq = {};
			bool wanted;

			h.r2t.ttt = cpu_to_be32(1);
			h.r2t.r2t_sn = cpu_to_be32(around(input, c.repair.gaps.next));
			h.r2t.offset = cpu_to_be32(around(input, write.solicited_to));
			h.r2t.desired_length = cpu_to_be32(1 + 4 * input.byte());
			if (hws_check_header(&h, HWS_DATA_SEGMENT_MAX) ||
			    hws_repair_r2t(&c.repair, &write, &rules, &h, &ring, &seq, &wanted))
				return;
			if (!wanted)
				continue;
			REQUIRE_FUZZ(seq.left && seq.left <= rules.max_burst_length);
			REQUIRE_FUZZ(seq.again <= seq.left);
			REQUIRE_FUZZ(seq.offset <= expected && seq.left <= expected - seq.offset);
			hws_sequences_add(&ring, &seq);
		} else if (what < 0xc0) {
			union hws_header h;

			struct hws_sequence *seq = &ring.at[ring.head];

			if (!ring.count)
				continue;
			REQUIRE_FUZZ(hws_write_data_out(&write, &rules, seq, &h));
			REQUIRE_FUZZ(write.sent <= expected);
			if (!seq->left) {
				ring.head = (ring.head + 1) % ring.size;
				ring.count--;
			}
		} else if (what < 0xe0) {
			c.ask();
		} else if (what < 0xf0) {
			if (!c.wait(what & 7))
				return;
		} else {
			/* What came first over this connection may have had others before it. */
			const bool open = c.repair.before != c.repair.begun;
			const uint32_t before = open ? c.repair.before : c.whole();

			ring.head = ring.count = 0;
			REQUIRE_FUZZ(!open || before != c.whole());
			REQUIRE_FUZZ(hws_repair_resume_write(&c.repair, &write) == before);
			REQUIRE_FUZZ(!write.solicited_to && !hws_repair_open(&c.repair));
		}
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
