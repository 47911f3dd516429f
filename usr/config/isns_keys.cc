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
     .name = "discovery.isns.use_discoveryd",
     .type = choice,
     .initial = "No",
     .words = "No",
     .text = "discovery happens on request"},
    {.kind = isns,
     .name = "discovery.isns.discoveryd_poll_inval",
     .type = number,
     .initial = "-1",
     .min = -1,
     .max = s32_max,
     .text = "has no effect"},
};
/* clang-format on */

} // namespace

std::span<const RecordKey> isns_rows()
{
	return rows;
}

} // namespace hawser::config
