/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/keys.h"

#include "base/coding.h"
#include "base/str.h"
#include "config/utf8.h"
#include "iscsi/names.h"

#include <algorithm>

namespace hawser::config
{

namespace
{

using enum ValueType;

constexpr auto node = RecordKind::node;
constexpr auto iface = RecordKind::iface;
constexpr auto discovery = RecordKind::discovery;

constexpr std::int64_t s32_max = 2147483647;
constexpr std::int64_t data_max = 16777215; // 2^24-1: RFC 7143, 13.12 to 13.14
constexpr std::int64_t name_bytes = 223;    // RFC 7143, 4.2.7.1; a user name is one by default
constexpr std::int64_t minimum_secret_bytes = 12; // RFC 7143, 9.2.1: 96 bits

constexpr std::string_view startups = "manual automatic onboot";
constexpr std::string_view methods = "CHAP None";
constexpr std::string_view chap_algorithms = "MD5 SHA1 SHA256 SHA3-256";
constexpr std::string_view digests = "CRC32C None";

/* clang-format off: one row a key is the point */
constexpr RecordKey rows[] = {
    {.kind = node,
     .name = "node.name",
     .type = name,
     .initial = "",
     .text = "iSCSI name of the target",
     .fixed = true},
    {.kind = node,
     .name = "node.tpgt",
     .type = number,
     .initial = "-1",
     .min = -1,
     .max = 65535,
     .text = "portal group tag, -1 while unknown",
     .fixed = true},
    {.kind = node,
     .name = "node.startup",
     .type = choice,
     .initial = "manual",
     .words = startups,
     .text = "automatic: log in when the service starts"},
    {.kind = node,
     .name = "node.leading_login",
     .type = yes_no,
     .initial = "No",
     .text = "at start, one session to the target is enough"},

    {.kind = iface,
     .name = "iface.iscsi_ifacename",
     .type = text,
     .initial = "",
     .max = 64,
     .text = "name of this record",
     .fixed = true},
    {.kind = iface,
     .name = "iface.net_ifacename",
     .type = text,
     .initial = "",
     .max = 15,
     .text = "network device that connections are bound to"},
    {.kind = iface,
     .name = "iface.ipaddress",
     .type = text,
     .initial = "",
     .max = 64,
     .text = "source address of connections"},
    {.kind = iface,
     .name = "iface.prefix_len",
     .type = number,
     .initial = "0",
     .max = 128,
     .text = "of network adapters that do iSCSI themselves"},
    {.kind = iface,
     .name = "iface.hwaddress",
     .type = text,
     .initial = "",
     .max = 64,
     .text = "network device that connections are bound to, by its MAC address"},
    {.kind = iface,
     .name = "iface.transport_name",
     .type = choice,
     .initial = "tcp",
     .words = "tcp",
     .text = "tcp"},
    {.kind = iface,
     .name = "iface.initiatorname",
     .type = name,
     .initial = "",
     .text = "initiator name of sessions through this interface"},
    {.kind = iface, .name = "iface.state", .type = text, .initial = ""},
    {.kind = iface, .name = "iface.vlan_id", .type = number, .initial = "0", .max = 4095},
    {.kind = iface, .name = "iface.vlan_priority", .type = number, .initial = "0", .max = 7},
    {.kind = iface, .name = "iface.vlan_state", .type = text, .initial = ""},
    {.kind = iface, .name = "iface.iface_num", .type = number, .initial = "0", .max = s32_max},
    {.kind = iface, .name = "iface.mtu", .type = number, .initial = "0", .max = 65535},
    {.kind = iface, .name = "iface.port", .type = number, .initial = "0", .max = 65535},
    {.kind = iface, .name = "iface.bootproto", .type = text, .initial = ""},
    {.kind = iface, .name = "iface.subnet_mask", .type = text, .initial = ""},
    {.kind = iface, .name = "iface.gateway", .type = text, .initial = ""},
    {.kind = iface, .name = "iface.dhcp_alt_client_id_state", .type = text, .initial = ""},
    {.kind = iface, .name = "iface.dhcp_alt_client_id", .type = text, .initial = ""},
    {.kind = iface, .name = "iface.dhcp_dns", .type = text, .initial = ""},
    {.kind = iface, .name = "iface.dhcp_learn_iqn", .type = text, .initial = ""},
    {.kind = iface, .name = "iface.dhcp_req_vendor_id_state", .type = text, .initial = ""},
    {.kind = iface, .name = "iface.dhcp_vendor_id_state", .type = text, .initial = ""},
    {.kind = iface, .name = "iface.dhcp_vendor_id", .type = text, .initial = ""},
    {.kind = iface, .name = "iface.dhcp_slp_da", .type = text, .initial = ""},
    {.kind = iface, .name = "iface.fragmentation", .type = text, .initial = ""},
    {.kind = iface, .name = "iface.gratuitous_arp", .type = text, .initial = ""},
    {.kind = iface, .name = "iface.incoming_forwarding", .type = text, .initial = ""},
    {.kind = iface, .name = "iface.tos_state", .type = text, .initial = ""},
    {.kind = iface, .name = "iface.tos", .type = number, .initial = "0"},
    {.kind = iface, .name = "iface.ttl", .type = number, .initial = "0"},
    {.kind = iface, .name = "iface.delayed_ack", .type = text, .initial = ""},
    {.kind = iface, .name = "iface.tcp_nagle", .type = text, .initial = ""},
    {.kind = iface, .name = "iface.tcp_wsf_state", .type = text, .initial = ""},
    {.kind = iface, .name = "iface.tcp_wsf", .type = number, .initial = "0", .max = 14},
    {.kind = iface, .name = "iface.tcp_timer_scale", .type = number, .initial = "0"},
    {.kind = iface, .name = "iface.tcp_timestamp", .type = text, .initial = ""},
    {.kind = iface, .name = "iface.redirect", .type = text, .initial = ""},
    {.kind = iface,
     .name = "iface.def_task_mgmt_timeout",
     .type = number,
     .initial = "0",
     .max = 65535},
    {.kind = iface, .name = "iface.header_digest", .type = text, .initial = ""},
    {.kind = iface, .name = "iface.data_digest", .type = text, .initial = ""},
    {.kind = iface, .name = "iface.immediate_data", .type = text, .initial = ""},
    {.kind = iface, .name = "iface.initial_r2t", .type = text, .initial = ""},
    {.kind = iface, .name = "iface.data_seq_inorder", .type = text, .initial = ""},
    {.kind = iface, .name = "iface.data_pdu_inorder", .type = text, .initial = ""},
    {.kind = iface, .name = "iface.erl", .type = number, .initial = "0", .max = 2},
    {.kind = iface,
     .name = "iface.max_receive_data_len",
     .type = number,
     .initial = "0",
     .max = data_max},
    {.kind = iface,
     .name = "iface.first_burst_len",
     .type = number,
     .initial = "0",
     .max = data_max},
    {.kind = iface,
     .name = "iface.max_outstanding_r2t",
     .type = number,
     .initial = "0",
     .max = 65535},
    {.kind = iface, .name = "iface.max_burst_len", .type = number, .initial = "0", .max = data_max},
    {.kind = iface, .name = "iface.chap_auth", .type = text, .initial = ""},
    {.kind = iface, .name = "iface.bidi_chap", .type = text, .initial = ""},
    {.kind = iface, .name = "iface.strict_login_compliance", .type = text, .initial = ""},
    {.kind = iface, .name = "iface.discovery_auth", .type = text, .initial = ""},
    {.kind = iface, .name = "iface.discovery_logout", .type = text, .initial = ""},

    {.kind = node,
     .name = "node.discovery_address",
     .type = text,
     .initial = "",
     .text = "portal or server that named this target",
     .fixed = true},
    {.kind = node,
     .name = "node.discovery_port",
     .type = number,
     .initial = "0",
     .max = 65535,
     .text = "its port",
     .fixed = true},
    {.kind = node,
     .name = "node.discovery_type",
     .type = choice,
     .initial = "static",
     .words = "static send_targets isns slp fw",
     .text = "how the target was found",
     .fixed = true},
    {.kind = node,
     .name = "node.session.initial_cmdsn",
     .type = number,
     .initial = "0",
     .max = 4294967295,
     .text = "first CmdSN of a new session"},
    {.kind = node,
     .name = "node.session.initial_login_retry_max",
     .type = number,
     .initial = "8",
     .max = s32_max,
     .text = "times that the first login is tried again"},
    {.kind = node,
     .name = "node.session.xmit_thread_priority",
     .type = number,
     .initial = "-20",
     .min = -20,
     .max = 20,
     .text = "has no effect: sending runs in kernel workers"},
    {.kind = node,
     .name = "node.session.cmds_max",
     .type = number,
     .initial = "128",
     .min = 2,
     .max = 4096,
     .text = "commands outstanding in the session"},
    {.kind = node,
     .name = "node.session.queue_depth",
     .type = number,
     .initial = "32",
     .min = 1,
     .max = 1024,
     .text = "commands outstanding at one logical unit"},
    {.kind = node,
     .name = "node.session.nr_sessions",
     .type = number,
     .initial = "1",
     .min = 1,
     .max = 64,
     .text = "sessions that one login makes"},
    {.kind = node,
     .name = "node.session.nr_connections",
     .type = number,
     .initial = "1",
     .min = 1,
     .max = 64,
     .text = "connections of one session",
     .built_max = 1},
    {.kind = node,
     .name = "node.session.auth.authmethod",
     .type = list,
     .initial = "None",
     .words = methods,
     .text = "CHAP alone is required of the target; of two, the first is preferred"},
    {.kind = node,
     .name = "node.session.auth.username",
     .type = text,
     .initial = "",
     .max = name_bytes,
     .text = "CHAP name that the target knows this initiator by"},
    {.kind = node,
     .name = "node.session.auth.password",
     .type = secret,
     .initial = "",
     .text = "CHAP secret that goes with it"},
    {.kind = node,
     .name = "node.session.auth.username_in",
     .type = text,
     .initial = "",
     .max = name_bytes,
     .text = "CHAP name that the target must have"},
    {.kind = node,
     .name = "node.session.auth.password_in",
     .type = secret,
     .initial = "",
     .text = "CHAP secret that the target must know"},
    {.kind = node,
     .name = "node.session.auth.chap_algs",
     .type = list,
     .initial = "MD5",
     .words = chap_algorithms,
     .text = "CHAP algorithms, the preferred one first"},
    {.kind = node,
     .name = "node.session.timeo.replacement_timeout",
     .type = number,
     .initial = "120",
     .min = -1,
     .max = s32_max,
     .text = "seconds from the loss of a session until its I/O fails; -1: never"},
    {.kind = node,
     .name = "node.session.err_timeo.abort_timeout",
     .type = number,
     .initial = "15",
     .min = 1,
     .max = 3600,
     .text = "seconds that ABORT TASK may take"},
    {.kind = node,
     .name = "node.session.err_timeo.lu_reset_timeout",
     .type = number,
     .initial = "30",
     .min = 1,
     .max = 3600,
     .text = "seconds that LOGICAL UNIT RESET may take"},
    {.kind = node,
     .name = "node.session.err_timeo.tgt_reset_timeout",
     .type = number,
     .initial = "30",
     .min = 1,
     .max = 3600,
     .text = "seconds that a target reset may take"},
    {.kind = node,
     .name = "node.session.err_timeo.host_reset_timeout",
     .type = number,
     .initial = "60",
     .min = 1,
     .max = 3600,
     .text = "has no effect: the last step is the loss of the session"},
    {.kind = node,
     .name = "node.session.iscsi.FastAbort",
     .type = yes_no,
     .initial = "Yes",
     .text = "has no effect"},
    {.kind = node,
     .name = "node.session.iscsi.InitialR2T",
     .type = yes_no,
     .initial = "No",
     .text = "RFC 7143, 13.10"},
    {.kind = node,
     .name = "node.session.iscsi.ImmediateData",
     .type = yes_no,
     .initial = "Yes",
     .text = "RFC 7143, 13.11"},
    {.kind = node,
     .name = "node.session.iscsi.FirstBurstLength",
     .type = number,
     .initial = "262144",
     .min = 512,
     .max = data_max,
     .text = "bytes, RFC 7143, 13.14"},
    {.kind = node,
     .name = "node.session.iscsi.MaxBurstLength",
     .type = number,
     .initial = "16776192",
     .min = 512,
     .max = data_max,
     .text = "bytes, RFC 7143, 13.13"},
    {.kind = node,
     .name = "node.session.iscsi.DefaultTime2Retain",
     .type = number,
     .initial = "0",
     .max = 3600,
     .text = "seconds, RFC 7143, 13.16"},
    {.kind = node,
     .name = "node.session.iscsi.DefaultTime2Wait",
     .type = number,
     .initial = "2",
     .max = 3600,
     .text = "seconds, RFC 7143, 13.15"},
    {.kind = node,
     .name = "node.session.iscsi.MaxConnections",
     .type = number,
     .initial = "1",
     .min = 1,
     .max = 65535,
     .text = "RFC 7143, 13.2"},
    {.kind = node,
     .name = "node.session.iscsi.MaxOutstandingR2T",
     .type = number,
     .initial = "1",
     .min = 1,
     .max = 65535,
     .text = "RFC 7143, 13.17"},
    {.kind = node,
     .name = "node.session.iscsi.ERL",
     .type = number,
     .initial = "0",
     .max = 2,
     .text = "ErrorRecoveryLevel, RFC 7143, 13.20",
     .built_max = 0},
    {.kind = node,
     .name = "node.session.iscsi.DataPDUInOrder",
     .type = yes_no,
     .initial = "Yes",
     .text = "RFC 7143, 13.18"},
    {.kind = node,
     .name = "node.session.iscsi.DataSequenceInOrder",
     .type = yes_no,
     .initial = "Yes",
     .text = "RFC 7143, 13.19"},
    {.kind = node,
     .name = "node.session.scan",
     .type = choice,
     .initial = "auto",
     .words = "auto manual",
     .text = "auto: look for logical units at login"},
    {.kind = node,
     .name = "node.session.reopen_max",
     .type = number,
     .initial = "0",
     .max = s32_max,
     .text = "logins in a row that may fail before a lost session is given up; 0: any number"},
    {.kind = node,
     .name = "node.conn[0].address",
     .type = text,
     .initial = "",
     .text = "host of the portal",
     .fixed = true},
    {.kind = node,
     .name = "node.conn[0].port",
     .type = number,
     .initial = "3260",
     .min = 1,
     .max = 65535,
     .text = "TCP port of the portal",
     .fixed = true},
    {.kind = node,
     .name = "node.conn[0].startup",
     .type = choice,
     .initial = "manual",
     .words = startups,
     .text = "has no effect: node.startup decides"},
    {.kind = node,
     .name = "node.conn[0].tcp.window_size",
     .type = number,
     .initial = "524288",
     .max = s32_max,
     .text =
	 "bytes of a socket's receive buffer, at most net.core.rmem_max; 0: TCP sizes it itself"},
    {.kind = node,
     .name = "node.conn[0].tcp.type_of_service",
     .type = number,
     .initial = "0",
     .text = "has no effect"},
    {.kind = node,
     .name = "node.conn[0].timeo.logout_timeout",
     .type = number,
     .initial = "15",
     .min = 1,
     .max = 3600,
     .text = "has no effect: the target has 10 seconds to answer a logout"},
    {.kind = node,
     .name = "node.conn[0].timeo.login_timeout",
     .type = number,
     .initial = "15",
     .min = 1,
     .max = 3600,
     .text = "seconds that a login may take"},
    {.kind = node,
     .name = "node.conn[0].timeo.auth_timeout",
     .type = number,
     .initial = "45",
     .min = 1,
     .max = 3600,
     .text = "has no effect: login_timeout is for all of a login"},
    {.kind = node,
     .name = "node.conn[0].timeo.noop_out_interval",
     .type = number,
     .initial = "5",
     .max = 3600,
     .text = "seconds without traffic until a ping is sent; 0: never"},
    {.kind = node,
     .name = "node.conn[0].timeo.noop_out_timeout",
     .type = number,
     .initial = "5",
     .max = 3600,
     .text = "seconds that a ping may stay without an answer; 0: for ever"},
    {.kind = node,
     .name = "node.conn[0].iscsi.MaxXmitDataSegmentLength",
     .type = number,
     .initial = "0",
     .min = 512,
     .max = data_max,
     .text = "bytes of data in one PDU to the target; 0: what the target takes",
     .zero_allowed = true},
    {.kind = node,
     .name = "node.conn[0].iscsi.MaxRecvDataSegmentLength",
     .type = number,
     .initial = "262144",
     .min = 512,
     .max = data_max,
     .text = "bytes, RFC 7143, 13.12"},
    {.kind = node,
     .name = "node.conn[0].iscsi.HeaderDigest",
     .type = list,
     .initial = "None",
     .words = digests,
     .text = "RFC 7143, 13.1; CRC32C alone is required of the target"},
    {.kind = node,
     .name = "node.conn[0].iscsi.DataDigest",
     .type = list,
     .initial = "None",
     .words = digests,
     .text = "RFC 7143, 13.1; CRC32C alone is required of the target"},
    {.kind = node,
     .name = "node.conn[0].iscsi.IFMarker",
     .type = choice,
     .initial = "No",
     .words = "No",
     .text = "obsolete: RFC 7143, 13.25"},
    {.kind = node,
     .name = "node.conn[0].iscsi.OFMarker",
     .type = choice,
     .initial = "No",
     .words = "No",
     .text = "obsolete: RFC 7143, 13.25"},

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

tl::unexpected<Error> refuse(const RecordKey &key, std::string_view value, std::string rule)
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
	if (key.min == -1 && *parsed < -1 && key.max == s32_max)
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
		taken.emplace_back(word);
	}
	return CheckedValue{join(taken, ","), {}};
}

Result<CheckedValue> check_secret(const RecordKey &key, std::string_view value)
{
	std::size_t bytes = value.size();
	if (starts_with_nocase(value, "0x")) {
		if (bytes == 2 || !hex_decode(value.substr(2)))
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
	CheckedValue checked{std::string(value), {}};
	if (static_cast<std::int64_t>(bytes) < minimum_secret_bytes)
		checked.warning = str(key.name, ": a secret of fewer than ", minimum_secret_bytes,
				      " bytes may be used only over IPsec (RFC 7143, 9.2.1)");
	return checked;
}

} // namespace

std::span<const RecordKey> record_keys()
{
	return rows;
}

const RecordKey *find_key(RecordKind kind, std::string_view name)
{
	for (const auto &row : rows) {
		const bool fits =
		    row.kind == kind || (kind == RecordKind::node && row.kind == RecordKind::iface);
		if (fits && row.name == name)
			return &row;
	}
	return nullptr;
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
	case secret:
		return check_secret(key, value);
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
