/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rows of keys.h: an interface's record. */
#include "config/key_rows.h"

namespace hawser::config
{

namespace
{

using enum ValueType;

constexpr auto iface = RecordKind::iface;

/* clang-format off: one row a key is the point */
constexpr RecordKey rows[] = {
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
     .text = "network device, or VRF, that connections are bound to"},
    {.kind = iface,
     .name = "iface.ipaddress",
     .type = ip,
     .initial = "",
     .text = "source address of connections"},
    {.kind = iface,
     .name = "iface.prefix_len",
     .type = number,
     .initial = "0",
     .max = 128,
     .text = "of network adapters that do iSCSI themselves"},
    {.kind = iface,
     .name = "iface.hwaddress",
     .type = mac,
     .initial = "",
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
    {.kind = iface,
     .name = "iface.isid",
     .type = isid,
     .initial = "",
     .text = "ISID of the one session to a target through this interface; drawn when not set"},
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
};
/* clang-format on */

} // namespace

std::span<const RecordKey> iface_rows()
{
	return rows;
}

} // namespace hawser::config
