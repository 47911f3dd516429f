/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PDUs as the test target sees them: a basic header segment, its additional segments and a data
 * segment (RFC 7143, 11). Numbers in a header are big-endian and lie at the offsets of section 11's
 * tables, which is what at16() and the others take.
 */
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace hawser::target
{

using Bytes = std::vector<std::uint8_t>;

inline constexpr std::uint32_t reserved_tag = 0xffffffff;
inline constexpr std::size_t header_length = 48, digest_length = 4;

enum Opcode : std::uint8_t {
	nop_out = 0x00,
	scsi_command = 0x01,
	task_management = 0x02,
	login_request = 0x03,
	text_request = 0x04,
	data_out = 0x05,
	logout_request = 0x06,
	snack = 0x10,
	nop_in = 0x20,
	scsi_response = 0x21,
	task_management_response = 0x22,
	login_response = 0x23,
	data_in = 0x25,
	logout_response = 0x26,
	r2t = 0x31,
	reject = 0x3f,
};

/* Bits of byte 1. */
inline constexpr std::uint8_t final_bit = 0x80;

struct Pdu {
	std::array<std::uint8_t, header_length> header{};
	Bytes ahs, data;
	bool damaged = false; // its data digest is wrong

	std::uint8_t opcode() const { return header[0] & 0x3f; }
	bool immediate() const { return (header[0] & 0x40) != 0; }
	std::uint8_t flags() const { return header[1]; }
	bool final() const { return (header[1] & final_bit) != 0; }
	std::uint32_t itt() const { return at32(16); }

	std::uint16_t at16(std::size_t offset) const
	{
		return static_cast<std::uint16_t>(header[offset] << 8 | header[offset + 1]);
	}
	std::uint32_t at32(std::size_t offset) const
	{
		return std::uint32_t{at16(offset)} << 16 | at16(offset + 2);
	}
	void put16(std::size_t offset, std::uint32_t value)
	{
		header[offset] = static_cast<std::uint8_t>(value >> 8);
		header[offset + 1] = static_cast<std::uint8_t>(value);
	}
	void put32(std::size_t offset, std::uint32_t value)
	{
		put16(offset, value >> 16);
		put16(offset + 2, value);
	}
};

/* A PDU of the target's, F set, everything else 0 but the tag. */
Pdu make(Opcode opcode, std::uint32_t itt);

/* RFC 7143, 13.1, as the four bytes go over the wire. */
std::array<std::uint8_t, digest_length> crc32c(std::span<const std::uint8_t> bytes);

/* As it goes over the wire, with padding and the digests that were agreed on. */
Bytes serialize(const Pdu &pdu, bool header_digest, bool data_digest);

/* Serial numbers, RFC 1982: @a comes before @b. */
constexpr bool before(std::uint32_t a, std::uint32_t b)
{
	return static_cast<std::int32_t>(a - b) < 0;
}

} // namespace hawser::target
