/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CRC32C, the checksum of iSCSI's digests (RFC 7143, 13.1). Byte by byte with a
 * table: userspace computes it for discovery alone.
 */
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace hawser
{

namespace detail
{

constexpr std::array<std::uint32_t, 256> make_crc32c_table()
{
	std::array<std::uint32_t, 256> table{};

	for (std::uint32_t i = 0; i < 256; i++) {
		std::uint32_t crc = i;
		for (int bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ (crc & 1 ? 0x82f63b78u : 0); // 0x1edc6f41 mirrored
		table[i] = crc;
	}
	return table;
}

inline constexpr auto crc32c_table = make_crc32c_table();

} // namespace detail

constexpr std::uint32_t crc32c(std::span<const std::uint8_t> bytes)
{
	std::uint32_t crc = 0xffffffff;

	for (auto byte : bytes)
		crc = (crc >> 8) ^ detail::crc32c_table[(crc ^ byte) & 0xff];
	return ~crc;
}

/* The digest as it goes on the wire. */
constexpr std::array<std::uint8_t, 4> crc32c_wire(std::span<const std::uint8_t> bytes)
{
	const std::uint32_t crc = crc32c(bytes);

	return {static_cast<std::uint8_t>(crc), static_cast<std::uint8_t>(crc >> 8),
		static_cast<std::uint8_t>(crc >> 16), static_cast<std::uint8_t>(crc >> 24)};
}

} // namespace hawser
