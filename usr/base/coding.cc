/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/coding.h"

#include <algorithm>

namespace hawser
{

namespace
{

constexpr char hex_digits[] = "0123456789abcdef";
constexpr char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	if (c == '/')
		return 63;
	return -1;
}

} // namespace

std::string hex_encode(std::span<const std::uint8_t> bytes)
{
	std::string out;

	out.reserve(2 * bytes.size());
	for (auto byte : bytes) {
		out += hex_digits[byte >> 4];
		out += hex_digits[byte & 15];
	}
	return out;
}

bool hex_decode(std::string_view digits, std::span<std::uint8_t> out)
{
	if (digits.size() != 2 * out.size())
		return false;
	for (std::size_t i = 0; i < out.size(); i++) {
		const int high = hex_value(digits[2 * i]);
		const int low = hex_value(digits[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		out[i] = static_cast<std::uint8_t>(high << 4 | low);
	}
	return true;
}

bool is_hex(std::string_view digits)
{
	return digits.size() % 2 == 0 &&
	       std::all_of(digits.begin(), digits.end(), [](char c) { return hex_value(c) >= 0; });
}

std::optional<Bytes> hex_decode(std::string_view digits)
{
	Bytes out(digits.size() / 2);
	if (!hex_decode(digits, out))
		return std::nullopt;
	return out;
}

std::string base64_encode(std::span<const std::uint8_t> bytes)
{
	std::string out;

	for (std::size_t i = 0; i < bytes.size(); i += 3) {
		const std::size_t have = std::min<std::size_t>(3, bytes.size() - i);
		std::uint32_t group = static_cast<std::uint32_t>(bytes[i]) << 16;
		if (have > 1)
			group |= static_cast<std::uint32_t>(bytes[i + 1]) << 8;
		if (have > 2)
			group |= bytes[i + 2];
		for (std::size_t digit = 0; digit < 4; digit++)
			out += digit <= have ? base64_digits[group >> (18 - 6 * digit) & 63] : '=';
	}
	return out;
}

std::optional<Bytes> base64_decode(std::string_view text)
{
	const bool padded = text.ends_with('=');
	if (padded && text.size() % 4 != 0)
		return std::nullopt;
	for (int i = 0; i < 2 && text.ends_with('='); i++)
		text.remove_suffix(1);
	if (text.size() % 4 == 1)
		return std::nullopt;

	Bytes out;
	out.reserve(text.size() * 3 / 4);
	std::uint32_t bits = 0;
	int held = 0;
	for (char c : text) {
		const int value = base64_value(c);
		if (value < 0)
			return std::nullopt;
		bits = (bits << 6 | static_cast<std::uint32_t>(value)) & 0xfff;
		held += 6;
		if (held >= 8) {
			held -= 8;
			out.push_back(static_cast<std::uint8_t>(bits >> held));
		}
	}
	if (bits & ((1u << held) - 1))
		return std::nullopt;
	return out;
}

} // namespace hawser
