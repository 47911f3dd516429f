/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rows of keys.h: the record of an iSNS server. */
#include "config/key_rows.h"

namespace hawser::config
{

namespace
{

using enum ValueType;

constexpr auto isns = RecordKind::isns;

constexpr std::string_view startups = "manual automatic onboot";

/* clang-format off: one row a key is the point */
constexpr RecordKey rows[] = {
    {.kind = isns,
     .name = "discovery.startup",
     .type = choice,
     .initial = "manual",
     .words = startups,
     .text = "has no effect"},
    {.kind = isns,
     .name = "discovery.type",
     .type = choice,
     .initial = "isns",
     .words = "isns",
     .fixed = true},
    {.kind = isns,
     .name = "discovery.isns.address",
     .type = text,
     .initial = "",
     .text = "host of the server",
     .fixed = true},
    {.kind = isns,
     .name = "discovery.isns.port",
     .type = number,
     .initial = "3205",
     .min = 1,
     .max = 65535,
     .text = "its TCP port",
     .fixed = true},
    {.kind = isns,
     .name = "discovery.isns.iface",
     .type = text,
     .initial = "",
     .text = "interfaces to make records for, joined by commas"},
    {.kind = isns,
     .name = "discovery.isns.use_discoveryd",
     .type = yes_no,
     .initial = "Yes",
     .text = "register there and follow its changes; No: ask on request alone"},
    {.kind = isns,
     .name = "discovery.isns.discoveryd_poll_inval",
     .type = number,
     .initial = "-1",
     .min = -1,
     .max = s32_max,
     .text = "seconds between queries beside notifications; 0 and below, and at most: 300"},
    {.kind = isns,
     .name = "discovery.isns.esi_interval",
     .type = number,
     .initial = "60",
     .min = 1,
     .max = 86400,
     .text = "seconds between the status inquiries asked for; 0: none",
     .zero_allowed = true},
    {.kind = isns,
     .name = "discovery.isns.listen_port",
     .type = number,
     .initial = "0",
     .max = 65535,
     .text = "TCP port for notifications and inquiries; 0: any that is free"},
    {.kind = isns,
     .name = "discovery.isns.dhcp",
     .type = yes_no,
     .initial = "No",
     .text = "in hawserd.conf alone: follow the servers that DHCP names (option 83)"},
};
/* clang-format on */

} // namespace

std::span<const RecordKey> isns_rows()
{
	return rows;
}

} // namespace hawser::config
