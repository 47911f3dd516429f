/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Option 83 of DHCP, where a network names its iSNS servers (RFC 4174), and the files
 * that DHCP clients keep it in. Texts in, addresses out.
 */
#pragma once

#include "base/coding.h"
#include "base/error.h"
#include "iscsi/address.h"

#include <cstdint>
#include <ctime>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace hawser::isns
{

/*
 * The servers that the option names, the primary one first, on the registered port.
 * Code::invalid_argument says what is wrong with it; Code::not_supported that
 * these servers are to be used in a way that we have not: over IPsec, or found by
 * their heartbeat.
 */
Result<std::vector<Address>> parse_dhcp_option(std::span<const std::uint8_t> option);

/* "00:00:01", "000001", with or without blanks around. */
std::optional<Bytes> parse_option_hex(std::string_view text);

/*
 * The options of a leases file of dhclient(8): of each interface's newest lease, when it has
 * not expired at @now. It is there as `option unknown-83` or, when dhclient.conf gives it a
 * name, as `option isns`.
 */
std::vector<Bytes> options_of_dhclient(std::string_view leases, std::time_t now);

/* The option of a lease of systemd-networkd, when it has one: OPTION_83=HEX. */
std::vector<Bytes> options_of_networkd(std::string_view lease);

} // namespace hawser::isns
