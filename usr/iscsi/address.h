/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a portal is: a host, a TCP port and, when known, the portal group tag
 * (RFC 7143, 13.8: `domainname[:port][,portal-group-tag]`).
 */
#pragma once

#include "base/error.h"
#include "base/types.h"

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hawser
{

inline constexpr std::uint16_t default_port = 3260; // RFC 7143, 14

struct Address {
	enum class Kind { ipv4, ipv6, name };

	Kind kind = Kind::ipv4;
	/*
	 * IPv4 dotted; IPv6 in its canonical text (RFC 5952) without brackets, with
	 * %zone when one was given; a DNS name in lower case.
	 */
	std::string host;
	std::uint16_t port = default_port;

	friend auto operator<=>(const Address &, const Address &) = default;
};

struct Portal {
	Address address;
	std::optional<Tpgt> tpgt;

	friend auto operator<=>(const Portal &, const Portal &) = default;
};

/*
 * What an administrator types: `host[:port][,tpgt]`, IPv6 in brackets, or bare
 * when neither port nor ambiguity is there (`fe80::1%eth0`). @port is what stands for
 * one that is not typed.
 */
Result<Portal> parse_portal(std::string_view text, std::uint16_t port = default_port);

/*
 * A TargetAddress value as a target sends it: an IPv6 address is in brackets,
 * the port and the tag are decimal or 0x numbers, nothing else is taken.
 */
Result<Portal> parse_target_address(std::string_view value);

/* A host alone, without port and tag. */
Result<Address> parse_host(std::string_view host, std::uint16_t port = default_port);

std::string to_string(const Address &address); // "192.0.2.1:3260", "[2001:db8::1]:3260"
std::string to_string(const Portal &portal);   // with ",1" when the tag is known

} // namespace hawser
