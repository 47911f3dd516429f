/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pdu.h"

namespace hawser::target
{

namespace
{

/* Eight bytes a step: the target is to be faster than what it tests. table[0] is the common one. */
constexpr auto make_tables()
{
	std::array<std::array<std::uint32_t, 256>, 8> table{};
	for (std::uint32_t i = 0; i < 256; i++) {
		std::uint32_t crc = i;
		for (int bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78u : 0);
		table[0][i] = crc;
	}
	for (std::size_t n = 1; n < table.size(); n++)
		for (std::size_t i = 0; i < 256; i++)
			table[n][i] = (table[n - 1][i] >> 8) ^ table[0][table[n - 1][i] & 0xff];
	return table;
}

constexpr auto tables = make_tables();

} // namespace

std::array<std::uint8_t, digest_length> crc32c(std::span<const std::uint8_t> bytes)
{
	std::uint32_t crc = 0xffffffff;

	for (; bytes.size() >= 8; bytes = bytes.subspan(8)) {
		const std::uint32_t low = crc ^ (bytes[0] | bytes[1] << 8 | bytes[2] << 16 |
						 std::uint32_t{bytes[3]} << 24);
		crc = tables[7][low & 0xff] ^ tables[6][low >> 8 & 0xff] ^
		      tables[5][low >> 16 & 0xff] ^ tables[4][low >> 24] ^ tables[3][bytes[4]] ^
		      tables[2][bytes[5]] ^ tables[1][bytes[6]] ^ tables[0][bytes[7]];
	}
	for (const auto byte : bytes)
		crc = (crc >> 8) ^ tables[0][(crc ^ byte) & 0xff];
	crc = ~crc;
	return {static_cast<std::uint8_t>(crc), static_cast<std::uint8_t>(crc >> 8),
		static_cast<std::uint8_t>(crc >> 16), static_cast<std::uint8_t>(crc >> 24)};
}

Pdu make(Opcode opcode, std::uint32_t itt)
{
	Pdu pdu;
	pdu.header[0] = opcode;
	pdu.header[1] = final_bit;
	pdu.put32(16, itt);
	return pdu;
}

Bytes serialize(const Pdu &pdu, bool header_digest, bool data_digest)
{
	Bytes out(pdu.header.begin(), pdu.header.end());
	const auto length = pdu.data.size();

	out.reserve(header_length + length + 3 + 2 * digest_length);
	out[5] = static_cast<std::uint8_t>(length >> 16);
	out[6] = static_cast<std::uint8_t>(length >> 8);
	out[7] = static_cast<std::uint8_t>(length);
	const auto digest = [&out](std::size_t from) {
		const auto crc = crc32c(std::span(out).subspan(from));
		out.insert(out.end(), crc.begin(), crc.end());
	};
	if (header_digest)
		digest(0);
	if (length == 0)
		return out;
	const auto start = out.size();
	out.insert(out.end(), pdu.data.begin(), pdu.data.end());
	out.resize(start + (length + 3) / 4 * 4);
	if (data_digest)
		digest(start);
	return out;
}

} // namespace hawser::target
