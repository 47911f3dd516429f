/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/str.h"

#include <algorithm>

namespace hawser
{

namespace
{

char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

} // namespace

std::string quoted(std::string_view text, std::size_t limit)
{
	static constexpr char digits[] = "0123456789abcdef";
	std::string out = "\"";

	for (unsigned char c : text.substr(0, limit)) {
		if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') {
			out += static_cast<char>(c);
		} else {
			out += "\\x";
			out += digits[c >> 4];
			out += digits[c & 15];
		}
	}
	out += '"';
	if (text.size() > limit)
		out += "...";
	return out;
}

std::string_view trim(std::string_view text)
{
	const auto first = text.find_first_not_of(" \t");
	if (first == std::string_view::npos)
		return {};
	return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::string to_lower(std::string_view text)
{
	std::string out(text);
	std::transform(out.begin(), out.end(), out.begin(), lower);
	return out;
}

bool equals_nocase(std::string_view a, std::string_view b)
{
	return a.size() == b.size() && starts_with_nocase(a, b);
}

bool starts_with_nocase(std::string_view text, std::string_view prefix)
{
	return text.size() >= prefix.size() &&
	       std::equal(prefix.begin(), prefix.end(), text.begin(),
			  [](char a, char b) { return lower(a) == lower(b); });
}

std::vector<std::string_view> split(std::string_view text, char separator)
{
	std::vector<std::string_view> parts;

	for (;;) {
		const auto at = text.find(separator);
		parts.push_back(text.substr(0, at));
		if (at == std::string_view::npos)
			return parts;
		text.remove_prefix(at + 1);
	}
}

std::string join(const std::vector<std::string> &parts, std::string_view separator)
{
	std::string out;

	for (const auto &part : parts) {
		if (&part != &parts.front())
			out += separator;
		out += part;
	}
	return out;
}

std::optional<std::uint64_t> parse_number(std::string_view text)
{
	int base = 10;

	if (starts_with_nocase(text, "0x")) {
		base = 16;
		text.remove_prefix(2);
	}
	std::uint64_t value = 0;
	const auto [end, error] =
	    std::from_chars(text.data(), text.data() + text.size(), value, base);
	if (text.empty() || error != std::errc{} || end != text.data() + text.size())
		return std::nullopt;
	return value;
}

} // namespace hawser
