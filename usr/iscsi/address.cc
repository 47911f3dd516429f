/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iscsi/address.h"

#include "base/str.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>

namespace hawser
{

namespace
{

enum class Form { typed, wire };

tl::unexpected<Error> bad_address(std::string_view text, std::string_view why)
{
	return fail(Code::invalid_argument, str("address ", quoted(text), " ", why));
}

bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* A zone of RFC 4007: an interface's name or number. */
bool is_zone(std::string_view zone)
{
	return !zone.empty() && zone.size() < 16 &&
	       std::all_of(zone.begin(), zone.end(),
			   [](char c) { return is_alnum(c) || c == '.' || c == '-' || c == '_'; });
}

/* The canonical text of an IPv6 address, with its zone. */
std::optional<std::string> canonical_ipv6(std::string_view text)
{
	const auto percent = text.find('%');
	std::string zone;
	if (percent != std::string_view::npos) {
		if (!is_zone(text.substr(percent + 1)))
			return std::nullopt;
		zone = text.substr(percent);
	}
	const std::string digits(text.substr(0, percent));
	in6_addr binary;
	std::array<char, INET6_ADDRSTRLEN> out;
	if (digits.find('\0') != std::string::npos ||
	    ::inet_pton(AF_INET6, digits.c_str(), &binary) != 1 ||
	    !::inet_ntop(AF_INET6, &binary, out.data(), out.size()))
		return std::nullopt;
	return out.data() + zone;
}

bool is_ipv4(std::string_view text)
{
	const std::string digits(text);
	in_addr binary;
	return digits.find('\0') == std::string::npos &&
	       ::inet_pton(AF_INET, digits.c_str(), &binary) == 1;
}

/*
 * RFC 1123 labels, with the underscore that real host names have. A last label of
 * digits alone is refused: it is a mistyped IPv4 address.
 */
bool is_dns_name(std::string_view text)
{
	if (text.ends_with('.'))
		text.remove_suffix(1);
	if (text.empty() || text.size() > 253)
		return false;
	const auto labels = split(text, '.');
	for (auto label : labels) {
		if (label.empty() || label.size() > 63 || label.front() == '-' ||
		    label.back() == '-')
			return false;
		if (!std::all_of(label.begin(), label.end(),
				 [](char c) { return is_alnum(c) || c == '-' || c == '_'; }))
			return false;
	}
	return !std::all_of(labels.back().begin(), labels.back().end(),
			    [](char c) { return c >= '0' && c <= '9'; });
}

/* A 16-bit number of the wire: decimal or, for a binary-value, 0x. */
std::optional<std::uint16_t> parse_u16(std::string_view text)
{
	auto value = parse_number(text);
	if (!value || *value > 0xffff)
		return std::nullopt;
	return static_cast<std::uint16_t>(*value);
}

/* Only the host; brackets are gone. */
Result<Address> host_address(std::string_view host, bool bracketed, std::string_view whole)
{
	Address address;

	if (bracketed || host.find(':') != std::string_view::npos) {
		auto ipv6 = canonical_ipv6(host);
		if (!ipv6)
			return bad_address(whole, bracketed
						      ? "has no IPv6 address between its brackets"
						      : "is neither an IP address nor a host name");
		address.kind = Address::Kind::ipv6;
		address.host = *ipv6;
		return address;
	}
	if (is_ipv4(host)) {
		address.kind = Address::Kind::ipv4;
		address.host = host;
		return address;
	}
	if (!is_dns_name(host))
		return bad_address(whole, "is neither an IP address nor a host name");
	address.kind = Address::Kind::name;
	address.host = to_lower(host);
	return address;
}

Result<Portal> parse(std::string_view text, Form form, std::uint16_t default_number)
{
	std::string_view rest = text;
	Portal portal;

	if (const auto comma = rest.find(','); comma != std::string_view::npos) {
		/* As a tag that is not known is shown: the unsigned form of -1, or that. */
		const auto word = rest.substr(comma + 1);
		const bool unknown = form == Form::typed && (word == "4294967295" || word == "-1");
		const auto tag = parse_u16(word);
		if (!tag && !unknown)
			return bad_address(
			    text, "has a portal group tag that is no number from 0 to 65535");
		if (tag)
			portal.tpgt = Tpgt{*tag};
		rest = rest.substr(0, comma);
	}

	std::string_view host = rest;
	std::optional<std::string_view> port;
	bool bracketed = false;
	if (rest.starts_with('[')) {
		const auto close = rest.find(']');
		if (close == std::string_view::npos)
			return bad_address(text, "has no \"]\"");
		host = rest.substr(1, close - 1);
		bracketed = true;
		rest = rest.substr(close + 1);
		if (rest.starts_with(':'))
			port = rest.substr(1);
		else if (!rest.empty())
			return bad_address(text,
					   "has something other than \":port\" after its \"]\"");
	} else if (const auto colons = std::count(rest.begin(), rest.end(), ':'); colons == 1) {
		host = rest.substr(0, rest.find(':'));
		port = rest.substr(rest.find(':') + 1);
	} else if (colons > 1 && (form == Form::wire || !canonical_ipv6(rest))) {
		return bad_address(text, "has an IPv6 address without brackets");
	}

	auto address = host_address(host, bracketed, text);
	if (!address)
		return tl::unexpected(address.error());
	portal.address = std::move(*address);
	portal.address.port = default_number;
	if (port) {
		const auto number = parse_u16(*port);
		if (!number || *number == 0)
			return bad_address(text, "has a port that is no number from 1 to 65535");
		portal.address.port = *number;
	}
	return portal;
}

} // namespace

Result<Portal> parse_portal(std::string_view text, std::uint16_t port)
{
	return parse(text, Form::typed, port);
}

Result<Portal> parse_target_address(std::string_view value)
{
	return parse(value, Form::wire, default_port);
}

Result<Address> parse_host(std::string_view host, std::uint16_t port)
{
	std::string_view inner = host;
	const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
	if (bracketed)
		inner = host.substr(1, host.size() - 2);
	auto address = host_address(inner, bracketed, host);
	if (address)
		address->port = port;
	return address;
}

std::string to_string(const Address &address)
{
	if (address.kind == Address::Kind::ipv6)
		return str('[', address.host, "]:", address.port);
	return str(address.host, ':', address.port);
}

std::string to_string(const Portal &portal)
{
	std::string text = to_string(portal.address);
	if (portal.tpgt)
		text += str(',', portal.tpgt->value);
	return text;
}

} // namespace hawser
