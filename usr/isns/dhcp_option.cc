/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "isns/dhcp_option.h"

#include "base/str.h"
#include "isns/initiator.h"

#include <algorithm>
#include <map>

namespace hawser::isns
{

namespace
{

/*
 * RFC 4174, 2: two bytes each of iSNS Functions, Discovery Domain Access and
 * Administrative Flags, four of the Security Bitmap, then the addresses.
 */
constexpr std::size_t fixed_length = 10;
constexpr std::size_t flags_at = 4;
constexpr std::size_t security_at = 6;
constexpr std::uint8_t enabled = 0x01;	 // the lowest bit of either field
constexpr std::uint8_t heartbeat = 0x02; // of the flags
constexpr std::uint8_t ipsec = 0x02;	 // of the security bitmap

std::optional<std::string_view> after(std::string_view line, std::string_view prefix)
{
	line = trim(line);
	if (!line.starts_with(prefix))
		return std::nullopt;
	return trim(line.substr(prefix.size()));
}

/* What may follow is a comment. */
std::string_view until_semicolon(std::string_view text)
{
	return trim(text.substr(0, text.find(';')));
}

/*
 * "3 2026/11/25 20:30:00" is a time (UTC), "never" is none, and "epoch 1795636800" is what
 * `db-time-format local` makes of it.
 */
bool has_expired(std::string_view text, std::time_t now)
{
	const std::string line(text);
	std::tm tm{};
	long long epoch = 0;

	if (text == "never")
		return false;
	if (std::sscanf(line.c_str(), "epoch %lld", &epoch) == 1)
		return epoch <= now;
	if (std::sscanf(line.c_str(), "%*d %d/%d/%d %d:%d:%d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
			&tm.tm_hour, &tm.tm_min, &tm.tm_sec) != 6)
		return true;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	return ::timegm(&tm) <= now;
}

} // namespace

Result<std::vector<Address>> parse_dhcp_option(std::span<const std::uint8_t> option)
{
	const auto bad = [](const std::string &why) {
		return fail(Code::invalid_argument, str("DHCP option 83: ", why));
	};

	if (option.size() < fixed_length + 4)
		return bad(str("its ", option.size(), " bytes have no room for an address"));
	if ((option.size() - fixed_length) % 4 != 0)
		return bad(str("its ", option.size(), " bytes end within an address"));
	if (const auto flags = option[flags_at + 1]; (flags & enabled) && (flags & heartbeat))
		return fail(Code::not_supported, "DHCP option 83: the iSNS servers are to be found "
						 "by their heartbeat, which is not supported");
	if (const auto security = option[security_at + 3];
	    (security & enabled) && (security & ipsec))
		return fail(
		    Code::not_supported,
		    "DHCP option 83: the iSNS servers ask for IPsec, which is not supported");

	std::vector<Address> servers;
	for (auto rest = option.subspan(fixed_length); !rest.empty(); rest = rest.subspan(4)) {
		IpAddress ip{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
		std::copy_n(rest.begin(), 4, ip.begin() + 12);
		auto address = address_of(ip, isns::default_port);
		if (!address)
			return bad(str("no connection can be made to address ",
				       hex_encode(rest.first(4))));
		if (std::find(servers.begin(), servers.end(), *address) == servers.end())
			servers.push_back(std::move(*address));
	}
	return servers;
}

std::optional<Bytes> parse_option_hex(std::string_view text)
{
	std::string digits;

	text = trim(text);
	if (text.find(':') == std::string_view::npos)
		return hex_decode(text);
	// dhclient leaves out a leading zero: "0:0:1:a".
	for (const auto part : split(text, ':')) {
		if (part.empty() || part.size() > 2)
			return std::nullopt;
		digits += part.size() == 1 ? "0" : "";
		digits += part;
	}
	return hex_decode(digits);
}

std::vector<Bytes> options_of_dhclient(std::string_view leases, std::time_t now)
{
	std::map<std::string, std::optional<Bytes>, std::less<>> newest; // by interface
	std::string interface;
	std::optional<Bytes> option;
	bool expired = false;

	for (const auto line : split(leases, '\n')) {
		if (after(line, "lease")) {
			interface.clear();
			option.reset();
			expired = false;
		} else if (auto of = after(line, "interface ")) {
			interface = until_semicolon(*of);
		} else if (auto name = after(line, "option unknown-83 ")) {
			option = parse_option_hex(until_semicolon(*name));
		} else if (auto named = after(line, "option isns ")) {
			option = parse_option_hex(until_semicolon(*named));
		} else if (auto end = after(line, "expire ")) {
			expired = has_expired(until_semicolon(*end), now);
		} else if (trim(line) == "}") {
			newest[interface] = expired ? std::nullopt : option;
		}
	}
	std::vector<Bytes> options;
	for (auto &[name, found] : newest)
		if (found)
			options.push_back(std::move(*found));
	return options;
}

std::vector<Bytes> options_of_networkd(std::string_view lease)
{
	for (const auto line : split(lease, '\n')) {
		const auto value = after(line, "OPTION_83=");
		auto option = value ? parse_option_hex(*value) : std::nullopt;
		if (option)
			return {std::move(*option)};
	}
	return {};
}

} // namespace hawser::isns
