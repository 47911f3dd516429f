/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The PDUs that userspace speaks (RFC 7143, chapter 11): login, text, logout and
 * the pings, rejects and messages that may come between. Everything is big-endian on
 * the wire and in host order here. Commands and data are the kernel's.
 */
#pragma once

#include "base/coding.h"
#include "base/error.h"
#include "base/types.h"

#include <array>
#include <cstdint>
#include <span>
#include <variant>

namespace hawser
{

inline constexpr std::size_t bhs_length = 48;
inline constexpr std::size_t default_max_recv_data_segment_length = 8192; // during login
inline constexpr std::size_t max_data_segment_length = (1u << 24) - 1;

using Bhs = std::array<std::uint8_t, bhs_length>;

enum class Opcode : std::uint8_t {
	nop_out = 0x00,
	login_request = 0x03,
	text_request = 0x04,
	logout_request = 0x06,
	nop_in = 0x20,
	login_response = 0x23,
	text_response = 0x24,
	logout_response = 0x26,
	async_message = 0x32,
	reject = 0x3f,
};

/* Stages of the login phase (RFC 7143, 11.12.3). */
enum class Stage : std::uint8_t { security = 0, operational = 1, full_feature = 3 };

/* A PDU as it is on the wire: no AHS, the data segment without its padding. */
struct Pdu {
	Bhs bhs{};
	Bytes data;
};

/* Bytes that follow the BHS, for a reader that has just that. */
struct Lengths {
	std::size_t ahs;     // bytes
	std::size_t data;    // bytes, without padding
	std::size_t padding; // 0 to 3
};
Lengths lengths_of(const Bhs &bhs);

/* BHS, data and padding, in the order in which they are sent (no digests). */
Bytes serialize(const Pdu &pdu);

/* From the initiator. Each makes a PDU; the data segment length is filled in. */

struct LoginRequest {
	bool transit = false;
	bool more = false; // the C bit
	Stage csg = Stage::security;
	Stage nsg = Stage::security; // sent only with transit
	Isid isid;
	Tsih tsih;
	Itt itt;
	Cid cid;
	CmdSn cmd_sn;
	StatSn exp_stat_sn;
	Bytes text;
};
Pdu encode(const LoginRequest &request);

struct TextRequest {
	bool final = true;
	bool more = false;
	bool immediate = false;
	std::uint64_t lun = 0; // as received in the response that is continued
	Itt itt;
	Ttt ttt = reserved_ttt;
	CmdSn cmd_sn;
	StatSn exp_stat_sn;
	Bytes text;
};
Pdu encode(const TextRequest &request);

enum class LogoutReason : std::uint8_t { session = 0, connection = 1, recovery = 2 };

struct LogoutRequest {
	LogoutReason reason = LogoutReason::session;
	bool immediate = true;
	Itt itt;
	Cid cid;
	CmdSn cmd_sn;
	StatSn exp_stat_sn;
};
Pdu encode(const LogoutRequest &request);

struct NopOut {
	bool immediate = true;
	std::uint64_t lun = 0;
	Itt itt = reserved_itt;
	Ttt ttt = reserved_ttt;
	CmdSn cmd_sn;
	StatSn exp_stat_sn;
	Bytes data;
};
Pdu encode(const NopOut &request);

/* From the target. */

struct LoginResponse {
	bool transit = false;
	bool more = false;
	Stage csg = Stage::security;
	Stage nsg = Stage::security; // meaningful with transit
	std::uint8_t version_max = 0;
	std::uint8_t version_active = 0;
	Isid isid;
	Tsih tsih;
	Itt itt;
	StatSn stat_sn;
	CmdSn exp_cmd_sn;
	CmdSn max_cmd_sn;
	std::uint8_t status_class = 0;
	std::uint8_t status_detail = 0;
	Bytes text;
};

struct TextResponse {
	bool final = false;
	bool more = false;
	std::uint64_t lun = 0;
	Itt itt;
	Ttt ttt;
	StatSn stat_sn;
	CmdSn exp_cmd_sn;
	CmdSn max_cmd_sn;
	Bytes text;
};

struct LogoutResponse {
	std::uint8_t response = 0; // RFC 7143, 11.15.1
	Itt itt;
	StatSn stat_sn;
	CmdSn exp_cmd_sn;
	CmdSn max_cmd_sn;
	std::uint16_t time2wait = 0;   // seconds
	std::uint16_t time2retain = 0; // seconds
};

struct NopIn {
	std::uint64_t lun = 0;
	Itt itt;
	Ttt ttt;
	StatSn stat_sn;
	CmdSn exp_cmd_sn;
	CmdSn max_cmd_sn;
	Bytes data;
};

struct AsyncMessage {
	std::uint8_t event = 0; // RFC 7143, 11.9.1
	std::uint8_t vcode = 0;
	std::uint16_t parameter1 = 0, parameter2 = 0, parameter3 = 0;
	StatSn stat_sn;
	CmdSn exp_cmd_sn;
	CmdSn max_cmd_sn;
	Bytes data;
};

struct RejectPdu {
	std::uint8_t reason = 0; // RFC 7143, 11.17.1
	StatSn stat_sn;
	CmdSn exp_cmd_sn;
	CmdSn max_cmd_sn;
	Bytes header; // the rejected PDU's
};

using TargetPdu =
    std::variant<LoginResponse, TextResponse, LogoutResponse, NopIn, AsyncMessage, RejectPdu>;

/*
 * Takes a PDU apart. Refused, with the field named: an opcode that userspace has no
 * business with, a reserved stage code, C together with T or F, an AHS, a data
 * segment where none may be, a length that is not the data's.
 */
Result<TargetPdu> decode(const Pdu &pdu);

} // namespace hawser
