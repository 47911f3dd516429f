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
constexpr std::string_view auth_method = "discovery.sendtargets.auth.authmethod";

/* clang-format off: one row a key is the point */
constexpr RecordKey rows[] = {
    {.kind = discovery,
     .name = "discovery.startup",
     .type = choice,
     .initial = "manual",
     .words = startups,
     .text = "automatic, onboot: the portal is asked when the service starts"},
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
     .name = "discovery.sendtargets.iface",
     .type = text,
     .initial = "",
     .text = "interfaces to make records for, joined by commas; a single one is asked through"},
    {.kind = discovery,
     .name = "discovery.sendtargets.auth.authmethod",
     .initial = "None",
     .text = "as node.session.auth.authmethod",
     .unit = auth_method,
     .text_key = "AuthMethod"},
    {.kind = discovery,
     .name = "discovery.sendtargets.auth.username",
     .type = text,
     .initial = "",
     .max = name_bytes,
     .text = "as node.session.auth.username",
     .unit = auth_method},
    {.kind = discovery,
     .name = "discovery.sendtargets.auth.password",
     .type = secret,
     .initial = "",
     .text = "as node.session.auth.password",
     .unit = auth_method},
    {.kind = discovery,
     .name = "discovery.sendtargets.auth.username_in",
     .type = text,
     .initial = "",
     .max = name_bytes,
     .text = "as node.session.auth.username_in",
     .unit = auth_method},
    {.kind = discovery,
     .name = "discovery.sendtargets.auth.password_in",
     .type = secret,
     .initial = "",
     .text = "as node.session.auth.password_in",
     .unit = auth_method},
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
     .type = yes_no,
     .initial = "No",
     .text = "the portal is asked when the service starts, and from then on every "
	     "discoveryd_poll_inval seconds"},
    {.kind = discovery,
     .name = "discovery.sendtargets.discoveryd_poll_inval",
     .type = number,
     .initial = "30",
     .max = s32_max,
     .text = "seconds from one discovery to the next, 0: when the service starts only"},
    {.kind = discovery,
     .name = "discovery.sendtargets.reopen_max",
     .type = number,
     .initial = "5",
     .max = s32_max,
     .text = "how often a discovery that failed is tried again, a second apart"},
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
     .initial = "32768",
     .text_key = "MaxRecvDataSegmentLength"},
    {.kind = discovery,
     .name = "discovery.sendtargets.iscsi.HeaderDigest",
     .initial = "None",
     .text_key = "HeaderDigest"},
    {.kind = discovery,
     .name = "discovery.sendtargets.iscsi.DataDigest",
     .initial = "None",
     .text_key = "DataDigest"},
    {.kind = discovery,
     .name = "discovery.sendtargets.iscsi.DefaultTime2Wait",
     .initial = "2",
     .text_key = "DefaultTime2Wait"},
    {.kind = discovery,
     .name = "discovery.sendtargets.iscsi.DefaultTime2Retain",
     .initial = "20",
     .text_key = "DefaultTime2Retain"},
};
/* clang-format on */

} // namespace

std::span<const RecordKey> discovery_rows()
{
	return rows;
}

} // namespace hawser::config
