/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "proto.h"

using namespace hawser::proto;

namespace
{

constexpr uint32_t ours = 8192; /* MaxRecvDataSegmentLength */

enum hws_violation check(const union hws_header &h)
{
	return hws_check_header(&h, ours);
}

union hws_header with_data(union hws_header h, uint32_t length)
{
	hws_set_data_length(&h, length);
	return h;
}

union hws_header with_flags(union hws_header h, uint8_t flags)
{
	h.bhs.flags = flags;
	return h;
}

/* A legal PDU of each kind that a target may send in full feature phase. */
union hws_header legal(uint8_t opcode)
{
	union hws_header h = bare(opcode);

	switch (opcode) {
	case HWS_OP_NOP_IN:
		h.nop_in.itt = cpu_to_be32(1);
		h.nop_in.ttt = cpu_to_be32(HWS_RESERVED_TAG);
		break;
	case HWS_OP_ASYNC_MESSAGE:
		h.async.itt = cpu_to_be32(HWS_RESERVED_TAG);
		break;
	case HWS_OP_REJECT:
		h.reject.itt = cpu_to_be32(HWS_RESERVED_TAG);
		hws_set_data_length(&h, HWS_BHS_LEN);
		break;
	}
	return h;
}

const uint8_t target_opcodes[] = {
    HWS_OP_NOP_IN,	  HWS_OP_SCSI_RESPONSE,	  HWS_OP_TMF_RESPONSE,
    HWS_OP_DATA_IN,	  HWS_OP_LOGOUT_RESPONSE, HWS_OP_R2T,
    HWS_OP_ASYNC_MESSAGE, HWS_OP_REJECT,	  HWS_OP_TEXT_RESPONSE,
};

bool is_target_opcode(uint8_t opcode)
{
	for (uint8_t known : target_opcodes)
		if (known == opcode)
			return true;
	return false;
}

} // namespace

TEST_CASE("a legal PDU of each kind passes, with the reserved bits of its opcode byte set too")
{
	for (uint8_t opcode : target_opcodes) {
		for (uint8_t reserved : {0x00, 0x40, 0x80, 0xc0}) {
			union hws_header h = legal(opcode);

			h.bhs.opcode |= reserved;
			INFO(int(h.bhs.opcode));
			CHECK(check(h) == HWS_V_NONE);
		}
	}
}

TEST_CASE("an opcode that no target sends in full feature phase is refused")
{
	for (unsigned int opcode = 0; opcode < 64; opcode++) {
		INFO(opcode);
		CHECK((check(legal(opcode)) == HWS_V_OPCODE) == !is_target_opcode(opcode));
	}
}

TEST_CASE("an additional header segment is refused in every PDU")
{
	for (uint8_t opcode : target_opcodes) {
		union hws_header h = legal(opcode);

		h.bhs.ahs_words = 1;
		CHECK(check(h) == HWS_V_AHS);
	}
}

TEST_CASE("a data segment over what we declared is refused in every PDU")
{
	for (uint8_t opcode : target_opcodes) {
		CHECK(check(with_data(legal(opcode), ours + 1)) == HWS_V_LENGTH);
		CHECK(check(with_data(legal(opcode), HWS_DATA_SEGMENT_MAX)) == HWS_V_LENGTH);
	}
	CHECK(check(with_data(legal(HWS_OP_DATA_IN), ours)) == HWS_V_NONE);
	CHECK(check(with_data(legal(HWS_OP_SCSI_RESPONSE), ours)) == HWS_V_NONE);
}

TEST_CASE("PDUs that have no data segment are refused with one")
{
	for (uint8_t opcode : {HWS_OP_R2T, HWS_OP_TMF_RESPONSE, HWS_OP_LOGOUT_RESPONSE})
		CHECK(check(with_data(legal(opcode), 1)) == HWS_V_NO_DATA_ALLOWED);
}

TEST_CASE("the F bit must be set in all but Data-In, text and a command's failed response")
{
	for (uint8_t opcode : target_opcodes) {
		INFO(int(opcode));
		const bool free = opcode == HWS_OP_DATA_IN || opcode == HWS_OP_TEXT_RESPONSE;
		CHECK(check(with_flags(legal(opcode), 0)) == (free ? HWS_V_NONE : HWS_V_FINAL));
	}
}

TEST_CASE("Data-In is refused only for status before the end and for two kinds of residual")
{
	for (unsigned int flags = 0; flags < 256; flags++) {
		for (uint32_t length : {0u, 1u, ours}) {
			enum hws_violation expected = HWS_V_NONE;

			if (flags & HWS_DATA_IN_STATUS) {
				if (!(flags & HWS_FLAG_FINAL))
					expected = HWS_V_DATA_IN_FLAGS;
				else if ((flags & 0x06) == 0x06)
					expected = HWS_V_RESPONSE_FLAGS;
			}
			INFO(flags);
			CHECK(check(data_in(0, 0, length, flags)) == expected);
		}
	}
}

TEST_CASE("a response's flags are judged only when the command was completed")
{
	for (unsigned int flags = 0; flags < 256; flags++) {
		union hws_header h = with_flags(legal(HWS_OP_SCSI_RESPONSE), flags);
		enum hws_violation expected = HWS_V_NONE;

		if (!(flags & HWS_FLAG_FINAL))
			expected = HWS_V_FINAL;
		else if ((flags & 0x06) == 0x06)
			expected = HWS_V_RESPONSE_FLAGS;
		INFO(flags);
		CHECK(check(h) == expected);

		for (uint8_t failed : {0x01, 0x80, 0xff}) {
			h.response.response = failed;
			CHECK(check(h) == HWS_V_NONE);
		}
	}
}

TEST_CASE("an R2T needs a transfer tag")
{
	union hws_header h = r2t(0, 0, 512, 0);

	CHECK(check(h) == HWS_V_NONE);
	h.r2t.ttt = cpu_to_be32(HWS_RESERVED_TAG);
	CHECK(check(h) == HWS_V_R2T_TAG);
}

TEST_CASE("a NOP-In answers, asks, or only brings numbers, but never answers and asks at once")
{
	union hws_header h = bare(HWS_OP_NOP_IN);
	const __be32 none = cpu_to_be32(HWS_RESERVED_TAG), some = cpu_to_be32(7);

	h.nop_in.itt = some;
	h.nop_in.ttt = none;
	CHECK(check(h) == HWS_V_NONE);
	CHECK(check(with_data(h, 64)) == HWS_V_NONE);

	h.nop_in.itt = none;
	h.nop_in.ttt = some;
	CHECK(check(h) == HWS_V_NONE);
	CHECK(check(with_data(h, 1)) == HWS_V_NO_DATA_ALLOWED);

	h.nop_in.ttt = none;
	CHECK(check(h) == HWS_V_NONE);
	CHECK(check(with_data(h, 1)) == HWS_V_NO_DATA_ALLOWED);

	h.nop_in.itt = some;
	h.nop_in.ttt = some;
	CHECK(check(h) == HWS_V_PING);
}

TEST_CASE("a Text Response belongs to a task")
{
	union hws_header h = legal(HWS_OP_TEXT_RESPONSE);

	CHECK(check(with_data(h, ours)) == HWS_V_NONE);
	h.text_response.itt = cpu_to_be32(HWS_RESERVED_TAG);
	CHECK(check(h) == HWS_V_TAG);
}

TEST_CASE("an Asynchronous Message belongs to no task")
{
	union hws_header h = legal(HWS_OP_ASYNC_MESSAGE);

	h.async.itt = cpu_to_be32(1);
	CHECK(check(h) == HWS_V_ASYNC);
}

TEST_CASE("a Reject has the header of what it rejects")
{
	CHECK(check(with_data(legal(HWS_OP_REJECT), 0)) == HWS_V_REJECT);
	CHECK(check(with_data(legal(HWS_OP_REJECT), HWS_BHS_LEN - 1)) == HWS_V_REJECT);
	CHECK(check(with_data(legal(HWS_OP_REJECT), HWS_BHS_LEN + 10)) == HWS_V_NONE);
}

TEST_CASE("StatSN counts with every status, and not with R2T, pings and bare Data-In")
{
	for (uint8_t opcode : target_opcodes) {
		const union hws_header h = legal(opcode);
		const bool counts = opcode != HWS_OP_R2T && opcode != HWS_OP_DATA_IN;

		INFO(int(opcode));
		CHECK(hws_counts_stat_sn(&h) == counts);
		CHECK(hws_has_stat_sn(&h) == (opcode != HWS_OP_DATA_IN));
	}

	union hws_header h = data_in(0, 0, 4, HWS_FLAG_FINAL | HWS_DATA_IN_STATUS);

	CHECK(hws_counts_stat_sn(&h));
	CHECK(hws_has_stat_sn(&h));

	h = legal(HWS_OP_NOP_IN);
	h.nop_in.itt = cpu_to_be32(HWS_RESERVED_TAG);
	CHECK_FALSE(hws_counts_stat_sn(&h));
	CHECK(hws_has_stat_sn(&h));
}

TEST_CASE("no header at all makes the checks do more than answer")
{
	Random random;
	uint64_t passed = 0;

	for (uint64_t i = 0; i < steps(3'000'000); i++) {
		union hws_header h;
		enum hws_violation v;

		for (uint8_t &byte : h.bytes)
			byte = random.between(0, 255);
		if (random.once_in(2))
			h.bhs.ahs_words = 0;
		if (random.once_in(2))
			h.bhs.data_length[0] = 0;
		v = check(h);
		MUST(v >= HWS_V_NONE && v < HWS_V_COUNT);
		if (v)
			continue;
		passed++;
		MUST(!h.bhs.ahs_words);
		MUST(hws_data_length(&h) <= ours);
		MUST(is_target_opcode(hws_opcode(&h)));
		MUST(!hws_counts_stat_sn(&h) || hws_has_stat_sn(&h));
	}
	CHECK(passed > 0);
}
