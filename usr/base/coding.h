/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hexadecimal and base64 (RFC 4648), strict on the way in. */
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hawser
{

using Bytes = std::vector<std::uint8_t>;

inline std::span<const std::uint8_t> as_bytes(std::string_view text)
{
	return {reinterpret_cast<const std::uint8_t *>(text.data()), text.size()};
}

inline std::string_view as_text(std::span<const std::uint8_t> bytes)
{
	return {reinterpret_cast<const char *>(bytes.data()), bytes.size()};
}

std::string hex_encode(std::span<const std::uint8_t> bytes); // lower case, no prefix

/* An even number of hexadecimal digits in either case; anything else is nullopt. */
std::optional<Bytes> hex_decode(std::string_view digits);
/* The same into @out, which two digits a byte must fill; false when they do not. */
bool hex_decode(std::string_view digits, std::span<std::uint8_t> out);

/* Whether hex_decode() takes them. */
bool is_hex(std::string_view digits);

std::string base64_encode(std::span<const std::uint8_t> bytes); // with padding

/*
 * Padding may be left out, as RFC 7143 (6.1) allows; characters outside the
 * alphabet, a length that no byte string gives and non-zero unused bits are
 * nullopt.
 */
std::optional<Bytes> base64_decode(std::string_view text);

} // namespace hawser
