/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/keys.h"

#include "base/coding.h"
#include "base/str.h"
#include "base/types.h"
#include "config/key_rows.h"
#include "config/records.h"
#include "config/utf8.h"
#include "iscsi/address.h"
#include "iscsi/keys.h"
#include "iscsi/names.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <deque>
#include <unordered_map>

namespace hawser::config
{

namespace
{

using enum ValueType;

constexpr std::int64_t minimum_secret_bytes = 12; // RFC 7143, 9.2.1: 96 bits
constexpr std::int64_t common_secret_bytes = 16;  // what every target takes

ValueType type_of(KeyType type)
{
	switch (type) {
	case KeyType::number:
		return number;
	case KeyType::boolean:
		return yes_no;
	case KeyType::list:
		return list;
	default:
		return text;
	}
}

/* Gives a row that stands for a text key what that one's row says. */
void complete(RecordKey &row)
{
	static std::deque<std::string> kept; // what the rows' views point to

	const KeySpec &spec = *hawser::find_key(row.text_key);
	row.type = type_of(spec.type);
	row.min = static_cast<std::int64_t>(spec.min);
	row.max = static_cast<std::int64_t>(spec.max);
	if (spec.rule == KeyRule::obsolete) {
		row.type = choice;
		row.words = spec.default_value;
	} else if (row.type == list) {
		auto &words = kept.emplace_back(spec.choices);
		std::replace(words.begin(), words.end(), ',', ' ');
		row.words = words;
	}
	if (row.text.empty())
		row.text = kept.emplace_back(str(spec.summary, " (", spec.section, ")"));
}

std::vector<RecordKey> join_rows()
{
	std::vector<RecordKey> rows;
	for (auto part : {node_identity_rows(), iface_rows(), node_session_rows(),
			  connection_rows(), discovery_rows(), isns_rows()})
		rows.insert(rows.end(), part.begin(), part.end());
	for (auto &row : rows)
		if (!row.text_key.empty())
			complete(row);
	return rows;
}

tl::unexpected<Error> refuse(const RecordKey &key, std::string_view value, std::string_view rule)
{
	return fail(Code::invalid_argument, str(key.name, ": ", quoted(value), " ", rule));
}

std::string words_as_text(std::string_view words)
{
	std::string out;
	for (char c : words)
		append(out, c == ' ' ? std::string_view(", ") : std::string_view(&c, 1));
	return out;
}

/* The row's spelling of @word in any case, or nothing. */
std::string_view find_word(std::string_view words, std::string_view word)
{
	for (auto candidate : split(words, ' '))
		if (equals_nocase(candidate, word))
			return candidate;
	return {};
}

std::optional<std::int64_t> parse_signed(std::string_view text)
{
	const bool negative = text.starts_with('-');
	const auto magnitude = parse_number(text.substr(negative ? 1 : 0));
	if (!magnitude || *magnitude > 4294967296)
		return std::nullopt;
	const auto value = static_cast<std::int64_t>(*magnitude);
	return negative ? -value : value;
}

Result<CheckedValue> check_number(const RecordKey &key, std::string_view value)
{
	const std::string range = str(key.zero_allowed ? "0 or " : "", key.min, " to ", key.max);
	const auto parsed = parse_signed(value);
	if (!parsed)
		return refuse(key, value, str("is not a number of ", range));
	/* Every negative time means "never"; open-iscsi's records hold them all. */
	if (key.min == -1 && *parsed < -1 && key.max >= recovery_seconds_max)
		return CheckedValue{"-1", {}};
	if ((*parsed < key.min || *parsed > key.max) && !(key.zero_allowed && *parsed == 0))
		return refuse(key, value, str("is not in the range of ", range));
	if (key.built_max >= 0 && *parsed > key.built_max)
		return fail(Code::not_supported,
			    str(key.name, ": ", quoted(value), " is above ", key.built_max,
				", the most that this version supports"));
	return CheckedValue{str(*parsed), {}};
}

Result<CheckedValue> check_list(const RecordKey &key, std::string_view value)
{
	std::vector<std::string> taken;
	for (auto part : split(value, ',')) {
		const auto word = find_word(key.words, trim(part));
		if (word.empty())
			return refuse(key, value,
				      str("is not a list of ", words_as_text(key.words),
					  " joined by commas"));
		if (std::find(taken.begin(), taken.end(), word) != taken.end())
			return refuse(key, value, str("names ", word, " twice"));
		if (!find_word(key.unbuilt, word).empty())
			return fail(Code::not_supported,
				    str(key.name, ": ", quoted(value), " names ", word,
					", which this version does not support"));
		taken.emplace_back(word);
	}
	auto checked = join(taken, ",");
	if (!key.text_key.empty())
		if (auto ok = check_offer(*hawser::find_key(key.text_key), checked); !ok)
			return fail(ok.error().code, str(key.name, ": ", ok.error().text));
	return CheckedValue{std::move(checked), {}};
}

Result<CheckedValue> check_ip(const RecordKey &key, std::string_view value)
{
	const std::string text(value);
	std::array<std::uint8_t, sizeof(in6_addr)> bytes{};
	std::array<char, INET6_ADDRSTRLEN> canonical{};
	for (const int family : {AF_INET, AF_INET6})
		if (::inet_pton(family, text.c_str(), bytes.data()) == 1)
			return CheckedValue{
			    ::inet_ntop(family, bytes.data(), canonical.data(), canonical.size()),
			    {}};
	return refuse(key, value, "is no IPv4 or IPv6 address");
}

/* Ethernet's has six octets, InfiniBand's twenty. */
Result<CheckedValue> check_mac(const RecordKey &key, std::string_view value)
{
	const auto octets = split(value, ':');
	const bool fits = octets.size() >= 6 && octets.size() <= 20 &&
			  std::all_of(octets.begin(), octets.end(), [](std::string_view octet) {
				  return octet.size() == 2 && hex_decode(octet);
			  });
	if (!fits)
		return refuse(key, value,
			      "is not 6 to 20 octets of two hexadecimal digits joined by colons");
	return CheckedValue{to_lower(value), {}};
}

Result<CheckedValue> check_isid(const RecordKey &key, std::string_view value)
{
	const auto parsed = Isid::parse(value);
	if (!parsed)
		return refuse(key, value, "is not twelve hexadecimal digits");
	if (parsed->format() == Isid::Format::reserved)
		return refuse(key, value,
			      "begins with the bits 11, which are reserved (RFC 7143, 11.12.5)");
	return CheckedValue{to_string(*parsed), {}};
}

} // namespace

Result<std::string> check_secret(const RecordKey &key, std::string_view value)
{
	std::size_t bytes = value.size();
	if (starts_with_nocase(value, "0x")) {
		if (bytes == 2 || !is_hex(value.substr(2)))
			return fail(Code::invalid_argument,
				    str(key.name,
					": a secret that starts with 0x has an even number of "
					"hexadecimal digits"));
		bytes = (bytes - 2) / 2;
	} else if (!is_plain_text(value)) {
		return fail(Code::invalid_argument,
			    str(key.name,
				": a secret is UTF-8 without control characters, or hexadecimal "
				"digits after 0x"));
	}
	if (static_cast<std::int64_t>(bytes) > key.max)
		return fail(Code::invalid_argument, str(key.name, ": a secret of ", bytes,
							" bytes is longer than ", key.max));
	if (static_cast<std::int64_t>(bytes) < minimum_secret_bytes)
		return str(key.name, ": a secret of fewer than ", minimum_secret_bytes,
			   " bytes may be used only over IPsec (RFC 7143, 9.2.1)");
	if (static_cast<std::int64_t>(bytes) > common_secret_bytes)
		return str(key.name, ": some targets refuse a secret of more than ",
			   common_secret_bytes, " bytes");
	return std::string();
}

std::span<const RecordKey> record_keys()
{
	static const std::vector<RecordKey> rows = join_rows();
	return rows;
}

const RecordKey *find_key(RecordKind kind, std::string_view name)
{
	/* By kind: a reply of ten thousand targets looks up each of their values. */
	using Index = std::unordered_map<std::string_view, const RecordKey *>;
	static const auto indexes = [] {
		std::array<Index, record_kinds> made;
		for (const auto &row : record_keys()) {
			made[static_cast<std::size_t>(row.kind)].emplace(row.name, &row);
			if (row.kind == RecordKind::iface)
				made[static_cast<std::size_t>(RecordKind::node)].emplace(row.name,
											 &row);
		}
		return made;
	}();
	const Index &index = indexes[static_cast<std::size_t>(kind)];
	const auto found = index.find(name);
	return found == index.end() ? nullptr : found->second;
}

std::vector<const RecordKey *> unit_keys(RecordKind kind, std::string_view method)
{
	std::vector<const RecordKey *> keys;
	for (const auto &row : record_keys())
		if (row.kind == kind && !row.unit.empty() && row.unit == method)
			keys.push_back(&row);
	return keys;
}

std::optional<bool> is_secret(std::string_view name)
{
	for (const auto &row : record_keys())
		if (row.name == name)
			return row.type == secret;
	return std::nullopt;
}

Result<CheckedValue> check_value(const RecordKey &key, std::string_view value)
{
	if (value.empty()) {
		if (key.initial.empty())
			return CheckedValue{};
		return refuse(key, value, "is empty: this key has a value always");
	}
	switch (key.type) {
	case text:
		if (!is_plain_text(value))
			return refuse(key, value, "is not UTF-8 without control characters");
		if (static_cast<std::int64_t>(value.size()) > key.max)
			return refuse(key, value, str("is longer than ", key.max, " bytes"));
		return CheckedValue{std::string(value), {}};
	case number:
		return check_number(key, value);
	case yes_no:
	case choice: {
		const std::string_view words = key.type == yes_no ? "Yes No" : key.words;
		const auto word = find_word(words, value);
		if (word.empty())
			return refuse(key, value, str("is none of ", words_as_text(words)));
		return CheckedValue{std::string(word), {}};
	}
	case list:
		return check_list(key, value);
	case name: {
		auto prepared = prepare_name(value);
		if (!prepared)
			return fail(prepared.error().code,
				    str(key.name, ": ", prepared.error().text));
		return CheckedValue{std::move(*prepared), {}};
	}
	case ip:
		return check_ip(key, value);
	case mac:
		return check_mac(key, value);
	case isid:
		return check_isid(key, value);
	case host:
		if (auto parsed = parse_host(value, default_port); !parsed)
			return fail(parsed.error().code, str(key.name, ": ", parsed.error().text));
		return CheckedValue{std::string(value), {}};
	case iface_name:
		if (auto checked = check_iface_name(value); !checked)
			return fail(checked.error().code,
				    str(key.name, ": ", checked.error().text));
		return CheckedValue{std::string(value), {}};
	case secret:
		auto warning = check_secret(key, value);
		if (!warning)
			return tl::unexpected(warning.error());
		return CheckedValue{std::string(value), std::move(*warning)};
	}
	return fail(Code::internal, str(key.name, ": a key without a type"));
}

std::vector<std::string> split_list(std::string_view value)
{
	std::vector<std::string> words;
	if (value.empty())
		return words;
	for (auto part : split(value, ','))
		words.emplace_back(part);
	return words;
}

} // namespace hawser::config
