/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rows of keys.h: the record of a SendTargets portal. */
#include "config/key_rows.h"

namespace hawser::config
{

namespace
{

using enum ValueType;

constexpr auto discovery = RecordKind::send_targets;

constexpr std::string_view startups = "manual automatic onboot";

/* clang-format off: one row a key is the point */
constexpr RecordKey rows[] = {
    {.kind = discovery,
     .name = "discovery.startup",
     .type = choice,
     .initial = "manual",
     .words = startups,
     .text = "has no effect"},
    {.kind = discovery,
     .name = "discovery.type",
     .type = choice,
     .initial = "sendtargets",
     .words = "sendtargets",
     .fixed = true},
    {.kind = discovery,
     .name = "discovery.sendtargets.address",
     .type = text,
     .initial = "",
     .text = "host of the portal",
     .fixed = true},
    {.kind = discovery,
     .name = "discovery.sendtargets.port",
     .type = number,
     .initial = "3260",
     .min = 1,
     .max = 65535,
     .text = "its TCP port",
     .fixed = true},
    {.kind = discovery,
     .name = "discovery.sendtargets.auth.authmethod",
     .type = list,
     .initial = "None",
     .words = methods,
     .text = "as node.session.auth.authmethod"},
    {.kind = discovery,
     .name = "discovery.sendtargets.auth.username",
     .type = text,
     .initial = "",
     .max = name_bytes,
     .text = "as node.session.auth.username"},
    {.kind = discovery,
     .name = "discovery.sendtargets.auth.password",
     .type = secret,
     .initial = "",
     .text = "as node.session.auth.password"},
    {.kind = discovery,
     .name = "discovery.sendtargets.auth.username_in",
     .type = text,
     .initial = "",
     .max = name_bytes,
     .text = "as node.session.auth.username_in"},
    {.kind = discovery,
     .name = "discovery.sendtargets.auth.password_in",
     .type = secret,
     .initial = "",
     .text = "as node.session.auth.password_in"},
    {.kind = discovery,
     .name = "node.session.auth.chap_algs",
     .type = list,
     .initial = "MD5",
     .words = chap_algorithms,
     .text = "as in a node's record"},
    {.kind = discovery,
     .name = "discovery.sendtargets.timeo.login_timeout",
     .type = number,
     .initial = "15",
     .min = 1,
     .max = 3600,
     .text = "seconds that a login may take"},
    {.kind = discovery,
     .name = "discovery.sendtargets.use_discoveryd",
     .type = choice,
     .initial = "No",
     .words = "No",
     .text = "discovery happens on request"},
    {.kind = discovery,
     .name = "discovery.sendtargets.discoveryd_poll_inval",
     .type = number,
     .initial = "30",
     .max = s32_max,
     .text = "has no effect"},
    {.kind = discovery,
     .name = "discovery.sendtargets.reopen_max",
     .type = number,
     .initial = "5",
     .max = s32_max,
     .text = "has no effect: a discovery is tried once"},
    {.kind = discovery,
     .name = "discovery.sendtargets.timeo.auth_timeout",
     .type = number,
     .initial = "45",
     .min = 1,
     .max = 3600,
     .text = "has no effect: login_timeout is for all of a login"},
    {.kind = discovery,
     .name = "discovery.sendtargets.timeo.active_timeout",
     .type = number,
     .initial = "30",
     .min = 1,
     .max = 3600,
     .text = "seconds that the target may take over its answer"},
    {.kind = discovery,
     .name = "discovery.sendtargets.iscsi.MaxRecvDataSegmentLength",
     .type = number,
     .initial = "32768",
     .min = 512,
     .max = data_max,
     .text = "bytes, RFC 7143, 13.12"},
};
/* clang-format on */

} // namespace

std::span<const RecordKey> discovery_rows()
{
	return rows;
}

} // namespace hawser::config
