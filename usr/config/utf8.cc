/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/utf8.h"

#include <cstddef>
#include <cstdint>

namespace hawser::config
{

namespace
{

/*
 * The length of the sequence at the start of @text, 0 when it is not one: overlong
 * forms, surrogates and what is above U+10FFFF are not (RFC 3629, 4).
 */
std::size_t sequence_length(std::string_view text)
{
	auto byte = [&](std::size_t i) {
		return i < text.size() ? static_cast<std::uint8_t>(text[i]) : std::uint8_t{0};
	};
	auto tail = [&](std::size_t i) { return (byte(i) & 0xc0) == 0x80; };
	const std::uint8_t first = byte(0);
	const std::uint8_t second = byte(1);

	if (first < 0x80)
		return 1;
	if (first >= 0xc2 && first <= 0xdf)
		return tail(1) ? 2 : 0;
	if (first >= 0xe0 && first <= 0xef) {
		const bool overlong = first == 0xe0 && second < 0xa0;
		const bool surrogate = first == 0xed && second > 0x9f;
		return tail(1) && tail(2) && !overlong && !surrogate ? 3 : 0;
	}
	if (first >= 0xf0 && first <= 0xf4) {
		const bool overlong = first == 0xf0 && second < 0x90;
		const bool beyond = first == 0xf4 && second > 0x8f;
		return tail(1) && tail(2) && tail(3) && !overlong && !beyond ? 4 : 0;
	}
	return 0;
}

} // namespace

bool is_plain_text(std::string_view text)
{
	while (!text.empty()) {
		const auto first = static_cast<std::uint8_t>(text.front());
		const std::size_t length = sequence_length(text);
		const bool c0 = first < 0x20 || first == 0x7f;
		const bool c1 =
		    first == 0xc2 && text.size() > 1 && static_cast<std::uint8_t>(text[1]) < 0xa0;
		if (length == 0 || c0 || c1)
			return false;
		text.remove_prefix(length);
	}
	return true;
}

} // namespace hawser::config
