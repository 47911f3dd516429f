/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iscsi/pdu.h"

#include "base/str.h"

#include <algorithm>

namespace hawser
{

namespace
{

/* Byte 1 of login and text PDUs. */
constexpr std::uint8_t bit_final = 0x80; // F, and T of login PDUs
constexpr std::uint8_t bit_more = 0x40;	 // C

constexpr std::uint8_t bit_immediate = 0x40; // of byte 0
constexpr std::uint8_t opcode_mask = 0x3f;

void put16(Bhs &bhs, std::size_t at, std::uint16_t v)
{
	bhs[at] = static_cast<std::uint8_t>(v >> 8);
	bhs[at + 1] = static_cast<std::uint8_t>(v);
}

void put32(Bhs &bhs, std::size_t at, std::uint32_t v)
{
	put16(bhs, at, static_cast<std::uint16_t>(v >> 16));
	put16(bhs, at + 2, static_cast<std::uint16_t>(v));
}

void put64(Bhs &bhs, std::size_t at, std::uint64_t v)
{
	put32(bhs, at, static_cast<std::uint32_t>(v >> 32));
	put32(bhs, at + 4, static_cast<std::uint32_t>(v));
}

std::uint16_t get16(const Bhs &bhs, std::size_t at)
{
	return static_cast<std::uint16_t>(bhs[at] << 8 | bhs[at + 1]);
}

std::uint32_t get32(const Bhs &bhs, std::size_t at)
{
	return static_cast<std::uint32_t>(get16(bhs, at)) << 16 | get16(bhs, at + 2);
}

std::uint64_t get64(const Bhs &bhs, std::size_t at)
{
	return static_cast<std::uint64_t>(get32(bhs, at)) << 32 | get32(bhs, at + 4);
}

/* A PDU with its opcode, tag and data; the rest is the caller's. */
Pdu begin(Opcode opcode, bool immediate, Itt itt, const Bytes &data)
{
	Pdu pdu;

	pdu.bhs[0] = static_cast<std::uint8_t>(opcode) | (immediate ? bit_immediate : 0);
	put32(pdu.bhs, 4, static_cast<std::uint32_t>(data.size())); // TotalAHSLength is 0
	put32(pdu.bhs, 16, itt.value);
	pdu.data = data;
	return pdu;
}

void put_numbers(Bhs &bhs, CmdSn cmd_sn, StatSn exp_stat_sn)
{
	put32(bhs, 24, cmd_sn.value);
	put32(bhs, 28, exp_stat_sn.value);
}

/* Every PDU of a target has these three at the same place. */
template <class T> void get_numbers(const Bhs &bhs, T &pdu)
{
	pdu.stat_sn = StatSn{get32(bhs, 24)};
	pdu.exp_cmd_sn = CmdSn{get32(bhs, 28)};
	pdu.max_cmd_sn = CmdSn{get32(bhs, 32)};
}

tl::unexpected<Error> malformed(std::string_view pdu, std::string_view text)
{
	return fail(Code::login_final, str("the target sent a ", pdu, " with ", text));
}

bool is_stage(unsigned code)
{
	return code == 0 || code == 1 || code == 3;
}

Result<TargetPdu> decode_login(const Pdu &pdu)
{
	const auto &bhs = pdu.bhs;
	const unsigned csg = bhs[1] >> 2 & 3;
	const unsigned nsg = bhs[1] & 3;
	LoginResponse r;

	r.status_class = bhs[36];
	r.status_detail = bhs[37];
	r.transit = bhs[1] & bit_final;
	r.more = bhs[1] & bit_more;
	r.version_max = bhs[2];
	r.version_active = bhs[3];
	std::copy_n(bhs.begin() + 8, r.isid.bytes.size(), r.isid.bytes.begin());
	r.tsih = Tsih{get16(bhs, 14)};
	r.itt = Itt{get32(bhs, 16)};
	get_numbers(bhs, r);
	r.text = pdu.data;
	// Stages and flags are reserved in a rejection (RFC 7143, 6.3.1).
	if (r.status_class != 0) {
		r.transit = r.more = false;
		return r;
	}
	if (r.transit && r.more)
		return malformed("Login Response", "both T and C set");
	if (!is_stage(csg) || csg == static_cast<unsigned>(Stage::full_feature))
		return malformed("Login Response", str("CSG ", csg, ", which is no login stage"));
	if (r.transit && !is_stage(nsg))
		return malformed("Login Response", str("the reserved NSG ", nsg));
	r.csg = static_cast<Stage>(csg);
	if (r.transit)
		r.nsg = static_cast<Stage>(nsg);
	return r;
}

Result<TargetPdu> decode_text(const Pdu &pdu)
{
	const auto &bhs = pdu.bhs;
	TextResponse r;

	r.final = bhs[1] & bit_final;
	r.more = bhs[1] & bit_more;
	r.lun = get64(bhs, 8);
	r.itt = Itt{get32(bhs, 16)};
	r.ttt = Ttt{get32(bhs, 20)};
	get_numbers(bhs, r);
	r.text = pdu.data;
	if (r.final && r.more)
		return malformed("Text Response", "both F and C set");
	// With F nothing follows that a tag could be for, so one is passed over.
	if (!r.final && r.ttt == reserved_ttt)
		return malformed("Text Response", "F clear and no target transfer tag");
	return r;
}

Result<TargetPdu> decode_logout(const Pdu &pdu)
{
	LogoutResponse r;

	if (!pdu.data.empty())
		return malformed("Logout Response", "a data segment");
	r.response = pdu.bhs[2];
	r.itt = Itt{get32(pdu.bhs, 16)};
	get_numbers(pdu.bhs, r);
	r.time2wait = get16(pdu.bhs, 40);
	r.time2retain = get16(pdu.bhs, 42);
	return r;
}

TargetPdu decode_nop_in(const Pdu &pdu)
{
	NopIn r;

	r.lun = get64(pdu.bhs, 8);
	r.itt = Itt{get32(pdu.bhs, 16)};
	r.ttt = Ttt{get32(pdu.bhs, 20)};
	get_numbers(pdu.bhs, r);
	r.data = pdu.data;
	return r;
}

TargetPdu decode_async(const Pdu &pdu)
{
	AsyncMessage r;

	get_numbers(pdu.bhs, r);
	r.event = pdu.bhs[36];
	r.vcode = pdu.bhs[37];
	r.parameter1 = get16(pdu.bhs, 38);
	r.parameter2 = get16(pdu.bhs, 40);
	r.parameter3 = get16(pdu.bhs, 42);
	r.data = pdu.data;
	return r;
}

TargetPdu decode_reject(const Pdu &pdu)
{
	RejectPdu r;

	r.reason = pdu.bhs[2];
	get_numbers(pdu.bhs, r);
	r.header = pdu.data;
	return r;
}

} // namespace

Lengths lengths_of(const Bhs &bhs)
{
	const std::size_t data = get32(bhs, 4) & max_data_segment_length;

	return {std::size_t{bhs[4]} * 4, data, (4 - data % 4) % 4};
}

Bytes serialize(const Pdu &pdu)
{
	Bytes out;

	out.reserve(pdu.bhs.size() + pdu.data.size() + 3);
	out.insert(out.end(), pdu.bhs.begin(), pdu.bhs.end());
	out.insert(out.end(), pdu.data.begin(), pdu.data.end());
	out.resize(out.size() + (4 - pdu.data.size() % 4) % 4);
	return out;
}

Pdu encode(const LoginRequest &request)
{
	Pdu pdu = begin(Opcode::login_request, true, request.itt, request.text);
	auto &bhs = pdu.bhs;

	bhs[1] = static_cast<std::uint8_t>(static_cast<unsigned>(request.csg) << 2);
	if (request.transit)
		bhs[1] |= static_cast<std::uint8_t>(bit_final | static_cast<unsigned>(request.nsg));
	if (request.more)
		bhs[1] |= bit_more;
	std::copy(request.isid.bytes.begin(), request.isid.bytes.end(), bhs.begin() + 8);
	put16(bhs, 14, request.tsih.value);
	put16(bhs, 20, request.cid.value);
	put_numbers(bhs, request.cmd_sn, request.exp_stat_sn);
	return pdu;
}

Pdu encode(const TextRequest &request)
{
	Pdu pdu = begin(Opcode::text_request, request.immediate, request.itt, request.text);

	pdu.bhs[1] = (request.final ? bit_final : 0) | (request.more ? bit_more : 0);
	put64(pdu.bhs, 8, request.lun);
	put32(pdu.bhs, 20, request.ttt.value);
	put_numbers(pdu.bhs, request.cmd_sn, request.exp_stat_sn);
	return pdu;
}

Pdu encode(const LogoutRequest &request)
{
	Pdu pdu = begin(Opcode::logout_request, request.immediate, request.itt, {});

	pdu.bhs[1] = bit_final | static_cast<std::uint8_t>(request.reason);
	if (request.reason != LogoutReason::session)
		put16(pdu.bhs, 20, request.cid.value);
	put_numbers(pdu.bhs, request.cmd_sn, request.exp_stat_sn);
	return pdu;
}

Pdu encode(const NopOut &request)
{
	Pdu pdu = begin(Opcode::nop_out, request.immediate, request.itt, request.data);

	pdu.bhs[1] = bit_final;
	put64(pdu.bhs, 8, request.lun);
	put32(pdu.bhs, 20, request.ttt.value);
	put_numbers(pdu.bhs, request.cmd_sn, request.exp_stat_sn);
	return pdu;
}

Result<TargetPdu> decode(const Pdu &pdu)
{
	const auto lengths = lengths_of(pdu.bhs);
	const auto opcode = static_cast<Opcode>(pdu.bhs[0] & opcode_mask);

	if (lengths.ahs != 0)
		return malformed("PDU",
				 str("an additional header segment of ", lengths.ahs, " bytes"));
	if (lengths.data != pdu.data.size())
		return malformed("PDU", str("a data segment of ", pdu.data.size(), " bytes, not ",
					    lengths.data));
	switch (opcode) {
	case Opcode::login_response:
		return decode_login(pdu);
	case Opcode::text_response:
		return decode_text(pdu);
	case Opcode::logout_response:
		return decode_logout(pdu);
	case Opcode::nop_in:
		return decode_nop_in(pdu);
	case Opcode::async_message:
		return decode_async(pdu);
	case Opcode::reject:
		return decode_reject(pdu);
	default:
		return malformed("PDU", str("opcode 0x", hex_encode(std::span(pdu.bhs).first(1)),
					    ", which has no place here"));
	}
}

} // namespace hawser
