/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The numbers of RFC 7143, each with a type of its own, so that a connection
 * identifier cannot be passed where a portal group tag is meant.
 *
 * A strong number is made and read on purpose (`Cid{1}`, `cid.value`), is
 * ordered like its value, and does no arithmetic: sequence numbers, which wrap,
 * have next() and before() below.
 */
#pragma once

#include "base/error.h"

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace hawser
{

template <class Tag, class Rep> struct Strong {
	using rep = Rep;

	Rep value{};

	constexpr Strong() = default;
	constexpr explicit Strong(Rep v) : value(v) {}
	friend constexpr auto operator<=>(const Strong &, const Strong &) = default;
};

using Cid = Strong<struct CidTag, std::uint16_t>;   // connection, unique in a session
using Tsih = Strong<struct TsihTag, std::uint16_t>; // session, given by the target; 0 = none yet
using Tpgt = Strong<struct TpgtTag, std::uint16_t>; // target portal group tag
using CmdSn = Strong<struct CmdSnTag, std::uint32_t>;
using StatSn = Strong<struct StatSnTag, std::uint32_t>;
using Itt = Strong<struct IttTag, std::uint32_t>; // initiator task tag
using Ttt = Strong<struct TttTag, std::uint32_t>; // target transfer tag
using Lun = Strong<struct LunTag, std::uint64_t>; // the number as Linux prints it
using Sid = Strong<struct SidTag, std::uint32_t>; // session number on this host (sysfs)

/* "No task" and "no transfer" (RFC 7143, 11.2.1.8 and 11.10.4). */
inline constexpr Itt reserved_itt{0xffffffff};
inline constexpr Ttt reserved_ttt{0xffffffff};

/* Serial number arithmetic, RFC 1982 with SERIAL_BITS = 32. */
template <class Tag>
constexpr Strong<Tag, std::uint32_t> next(Strong<Tag, std::uint32_t> sn, std::uint32_t by = 1)
{
	return Strong<Tag, std::uint32_t>{sn.value + by};
}

template <class Tag>
constexpr bool before(Strong<Tag, std::uint32_t> a, Strong<Tag, std::uint32_t> b)
{
	return static_cast<std::int32_t>(a.value - b.value) < 0;
}

/*
 * The initiator's part of a session identifier, six bytes in wire order (RFC
 * 7143, 11.12.5). The top two bits name the form of the rest.
 */
struct Isid {
	enum class Format { oui = 0, enterprise = 1, random = 2, reserved = 3 };

	std::array<std::uint8_t, 6> bytes{};

	/* From a 22-bit OUI (RFC form 00b) and a 24-bit qualifier. */
	static Isid from_oui(std::uint32_t oui, std::uint32_t qualifier);
	/* From an IANA enterprise number (01b) and a 16-bit qualifier. */
	static Isid from_enterprise(std::uint32_t number, std::uint16_t qualifier);
	/* From 24 random bits (10b) and a 16-bit qualifier. */
	static Isid from_random(std::uint32_t random, std::uint16_t qualifier);

	/* Twelve hexadecimal digits, with or without 0x. */
	static Result<Isid> parse(std::string_view text);

	Format format() const { return static_cast<Format>(bytes[0] >> 6); }

	friend auto operator<=>(const Isid &, const Isid &) = default;
};

/* "0x00023d000000" */
std::string to_string(const Isid &isid);

/*
 * The eight bytes of a LUN in a PDU. Linux's number has the bytes of the first level (SAM-5, 4.7)
 * in its lowest 16 bits, the second level's in the next, and so on.
 */
std::array<std::uint8_t, 8> to_wire(Lun lun);

} // namespace hawser

template <class Tag, class Rep> struct std::hash<hawser::Strong<Tag, Rep>> {
	std::size_t operator()(const hawser::Strong<Tag, Rep> &v) const noexcept
	{
		return std::hash<Rep>{}(v.value);
	}
};
