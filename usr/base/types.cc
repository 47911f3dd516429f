/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/types.h"

#include "base/coding.h"
#include "base/str.h"

#include <algorithm>

namespace hawser
{

namespace
{

/* Form in the top two bits, then 22 bits, then 24 bits. */
Isid pack(Isid::Format format, std::uint32_t high, std::uint32_t low)
{
	auto byte = [](std::uint32_t v, int shift) {
		return static_cast<std::uint8_t>(v >> shift);
	};
	const std::uint32_t top = (static_cast<std::uint32_t>(format) << 22) | (high & 0x3fffff);

	return Isid{
	    {byte(top, 16), byte(top, 8), byte(top, 0), byte(low, 16), byte(low, 8), byte(low, 0)}};
}

/* Byte A is empty in these two forms: 24 bits in B and C, the qualifier in D. */
Isid pack_24(Isid::Format format, std::uint32_t number, std::uint16_t qualifier)
{
	const std::uint32_t b = (number >> 8) & 0xffff;
	const std::uint32_t c = number & 0xff;

	return pack(format, b, (c << 16) | qualifier);
}

} // namespace

Isid Isid::from_oui(std::uint32_t oui, std::uint32_t qualifier)
{
	return pack(Format::oui, oui, qualifier);
}

Isid Isid::from_enterprise(std::uint32_t number, std::uint16_t qualifier)
{
	return pack_24(Format::enterprise, number, qualifier);
}

Isid Isid::from_random(std::uint32_t random, std::uint16_t qualifier)
{
	return pack_24(Format::random, random, qualifier);
}

Result<Isid> Isid::parse(std::string_view text)
{
	std::string_view digits = text;

	if (starts_with_nocase(digits, "0x"))
		digits.remove_prefix(2);
	Isid isid;
	auto bytes = hex_decode(digits);
	if (digits.size() != 2 * isid.bytes.size() || !bytes)
		return fail(Code::invalid_argument,
			    str("ISID ", quoted(text), " is not twelve hexadecimal digits"));
	std::copy(bytes->begin(), bytes->end(), isid.bytes.begin());
	return isid;
}

std::string to_string(const Isid &isid)
{
	return "0x" + hex_encode(isid.bytes);
}

std::array<std::uint8_t, 8> to_wire(Lun lun)
{
	std::array<std::uint8_t, 8> bytes;
	std::uint64_t rest = lun.value;
	for (std::size_t level = 0; level < bytes.size(); level += 2) {
		bytes[level] = static_cast<std::uint8_t>(rest >> 8);
		bytes[level + 1] = static_cast<std::uint8_t>(rest);
		rest >>= 16;
	}
	return bytes;
}

} // namespace hawser
