/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Strings: joining, splitting, numbers, and quoting text that a peer sent. */
#pragma once

#include "base/error.h"

#include <charconv>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hawser
{

inline void append(std::string &out, std::string_view v)
{
	out += v;
}

inline void append(std::string &out, char v)
{
	out += v;
}

template <std::integral T>
requires(!std::same_as<T, bool> && !std::same_as<T, char>) void append(std::string &out, T v)
{
	char buffer[24];
	auto end = std::to_chars(buffer, buffer + sizeof buffer, v).ptr;
	out.append(buffer, end);
}

template <class T>
concept Joinable = requires(std::string &out, const T &v)
{
	append(out, v);
};

/* One string out of strings, characters and integers (in decimal). */
template <Joinable... Args> std::string str(const Args &...args)
{
	std::string out;
	(append(out, args), ...);
	return out;
}

/*
 * @text between double quotes, fit for one line of a log or a terminal: bytes
 * outside printable ASCII, the quote and the backslash become \xNN, and what is
 * beyond @limit bytes is cut and marked with "...".
 */
std::string quoted(std::string_view text, std::size_t limit = 256);

std::string_view trim(std::string_view text);		    // spaces and tabs at both ends
std::string to_lower(std::string_view text);		    // ASCII only
bool equals_nocase(std::string_view a, std::string_view b); // ASCII only
bool starts_with_nocase(std::string_view text, std::string_view prefix);

/* "a,,b" gives three parts; "" gives one empty part. */
std::vector<std::string_view> split(std::string_view text, char separator);
std::string join(const std::vector<std::string> &parts, std::string_view separator);

/*
 * All of @text as an unsigned number: decimal digits, or hexadecimal ones after
 * 0x. No sign, no space, no overflow: those give nullopt.
 */
std::optional<std::uint64_t> parse_number(std::string_view text);

} // namespace hawser
