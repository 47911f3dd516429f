/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iscsi/text.h"

#include "base/str.h"

#include <algorithm>

namespace hawser
{

namespace
{

tl::unexpected<Error> bad_text(std::string text)
{
	return fail(Code::login_final, "the target sent " + std::move(text));
}

/*
 * A standard-label, with two freedoms that the registered keys themselves take: "#"
 * (X#NodeArchitecture) and a small first letter (iSCSIProtocolLevel).
 */
bool is_key_name(std::string_view key)
{
	auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };

	return !key.empty() && key.size() <= max_key_length && letter(key.front()) &&
	       std::all_of(key.begin(), key.end(), [&](char c) {
		       return letter(c) || (c >= '0' && c <= '9') ||
			      std::string_view(".-+@_#").find(c) != std::string_view::npos;
	       });
}

Result<KeyValue> split_pair(std::string_view pair)
{
	const auto equals = pair.find('=');
	if (equals == std::string_view::npos)
		return bad_text(str("text without \"=\": ", quoted(pair, 64)));
	const auto key = pair.substr(0, equals);
	const auto value = pair.substr(equals + 1);
	if (!is_key_name(key))
		return bad_text(str("a key that is no standard-label: ", quoted(key, 64)));
	if (!is_utf8(value))
		return bad_text(str("a value of ", key, " that is not UTF-8: ", quoted(value, 64)));
	return KeyValue{std::string(key), std::string(value)};
}

} // namespace

Result<std::vector<KeyValue>> TextReader::feed(std::span<const std::uint8_t> data)
{
	std::vector<KeyValue> pairs;

	if (data.size() > limit_ - taken_)
		return bad_text(str("more than ", limit_, " bytes of text"));
	taken_ += data.size();
	in_pad_ = false;

	std::string_view rest = as_text(data);
	while (!rest.empty()) {
		const auto nul = rest.find('\0');
		if (nul == std::string_view::npos) {
			if (in_pad_)
				return bad_text("an empty pair in the midst of text");
			partial_ += rest;
			break;
		}
		std::string_view pair = rest.substr(0, nul);
		rest.remove_prefix(nul + 1);
		if (partial_.empty() && pair.empty()) {
			in_pad_ = true;
			continue;
		}
		if (in_pad_)
			return bad_text("an empty pair in the midst of text");
		std::string whole;
		if (!partial_.empty()) {
			whole = std::move(partial_);
			partial_.clear();
			whole += pair;
			pair = whole;
		}
		auto parsed = split_pair(pair);
		if (!parsed)
			return tl::unexpected(parsed.error());
		pairs.push_back(std::move(*parsed));
	}
	return pairs;
}

Status TextReader::finish()
{
	if (!partial_.empty())
		return bad_text(str("a pair without its NUL: ", quoted(partial_, 64)));
	return {};
}

Bytes encode_text(std::span<const KeyValue> pairs)
{
	Bytes out;

	for (const auto &[key, value] : pairs) {
		out.insert(out.end(), key.begin(), key.end());
		out.push_back('=');
		out.insert(out.end(), value.begin(), value.end());
		out.push_back(0);
	}
	return out;
}

Result<Bytes> decode_binary(std::string_view value, std::size_t min_bytes, std::size_t max_bytes)
{
	auto refuse = [&](std::string_view why) {
		return fail(Code::invalid_argument,
			    str("binary value ", quoted(value, 64), " ", why));
	};
	std::optional<Bytes> bytes;

	if (starts_with_nocase(value, "0x")) {
		std::string digits(value.substr(2));
		if (digits.size() % 2 != 0)
			digits.insert(0, 1, '0');
		bytes = hex_decode(digits);
	} else if (starts_with_nocase(value, "0b")) {
		bytes = base64_decode(value.substr(2));
	} else {
		return refuse("begins with neither 0x nor 0b");
	}
	if (!bytes)
		return refuse("is neither hexadecimal nor base64");
	if (bytes->size() < min_bytes || bytes->size() > max_bytes)
		return refuse(str("has ", bytes->size(), " bytes, not ", min_bytes,
				  min_bytes == max_bytes ? std::string() : str(" to ", max_bytes)));
	return *bytes;
}

std::string encode_binary_hex(std::span<const std::uint8_t> bytes)
{
	return "0x" + hex_encode(bytes);
}

std::string encode_binary_base64(std::span<const std::uint8_t> bytes)
{
	return "0b" + base64_encode(bytes);
}

/* RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. */
bool is_utf8(std::string_view text)
{
	auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };

	for (std::size_t i = 0; i < text.size();) {
		const unsigned first = byte(i);
		std::size_t length;
		unsigned low = 0x80, high = 0xbf; // of the second byte
		if (first < 0x80) {
			i++;
			continue;
		} else if (first >= 0xc2 && first <= 0xdf) {
			length = 2;
		} else if (first >= 0xe0 && first <= 0xef) {
			length = 3;
			low = first == 0xe0 ? 0xa0 : low;
			high = first == 0xed ? 0x9f : high;
		} else if (first >= 0xf0 && first <= 0xf4) {
			length = 4;
			low = first == 0xf0 ? 0x90 : low;
			high = first == 0xf4 ? 0x8f : high;
		} else {
			return false;
		}
		if (text.size() - i < length || byte(i + 1) < low || byte(i + 1) > high)
			return false;
		for (std::size_t k = 2; k < length; k++)
			if ((byte(i + k) & 0xc0) != 0x80)
				return false;
		i += length;
	}
	return true;
}

} // namespace hawser
