/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sessions, in iscsiadm's layout and as JSON. */
#include "base/str.h"
#include "cli/output.h"
#include "iscsi/keys.h"
#include "iscsi/offer.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace hawser::cli
{

namespace
{

using kernel::SessionState;

TaskReporting task_reporting(kernel::TaskReporting reporting)
{
	switch (reporting) {
	case kernel::TaskReporting::fast_abort:
		return TaskReporting::fast_abort;
	case kernel::TaskReporting::response_fence:
		return TaskReporting::response_fence;
	case kernel::TaskReporting::rfc3720:
		break;
	}
	return TaskReporting::rfc3720;
}

/* What the session's connections agreed on with the target, or one of them. */
NegotiatedParameters agreed(const kernel::SessionInfo &session,
			    const kernel::ConnectionInfo *connection = nullptr)
{
	const auto &p = session.parameters;
	NegotiatedParameters n;
	n.max_connections = p.max_connections;
	n.initial_r2t = p.initial_r2t;
	n.immediate_data = p.immediate_data;
	n.max_burst_length = p.max_burst_length;
	n.first_burst_length = p.first_burst_length;
	n.default_time2wait = p.time2wait;
	n.default_time2retain = p.time2retain;
	n.max_outstanding_r2t = p.max_outstanding_r2t;
	n.data_pdu_in_order = p.data_pdu_in_order;
	n.data_sequence_in_order = p.data_sequence_in_order;
	n.error_recovery_level = p.error_recovery_level;
	n.task_reporting = task_reporting(p.task_reporting);
	n.iscsi_protocol_level = p.protocol_level;
	if (connection) {
		n.header_digest = connection->header_digest ? Digest::crc32c : Digest::none;
		n.data_digest = connection->data_digest ? Digest::crc32c : Digest::none;
		n.max_recv_data_segment_length = connection->max_recv_data_segment_length;
		n.max_xmit_data_segment_length = connection->max_xmit_data_segment_length;
	}
	return n;
}

/* No text key, but what open-iscsi calls the target's MaxRecvDataSegmentLength. */
constexpr std::string_view max_xmit = "MaxXmitDataSegmentLength";

/* The negotiated values of @scope by their text keys; numbers as numbers. */
nlohmann::ordered_json to_json(const NegotiatedParameters &parameters, KeyScope scope)
{
	auto json = nlohmann::ordered_json::object();
	for (const auto &binding : all_bindings()) {
		const KeySpec &key = *find_key(binding.key);
		if (key.scope != scope)
			continue;
		auto value = binding.result(parameters);
		if (key.type == KeyType::number)
			json[std::string(key.name)] = *parse_numerical(value);
		else
			json[std::string(key.name)] = std::move(value);
	}
	if (scope == KeyScope::connection)
		json[std::string(max_xmit)] = parameters.max_xmit_data_segment_length;
	return json;
}

/* As the transport class and iscsiadm spell them. */
std::string_view shown_state(SessionState state)
{
	switch (state) {
	case SessionState::active:
		return "LOGGED_IN";
	case SessionState::failed:
		return "FAILED";
	case SessionState::expired:
	case SessionState::closing:
		return "FREE";
	}
	return "Unknown";
}

std::string_view json_state(SessionState state)
{
	switch (state) {
	case SessionState::active:
		return "active";
	case SessionState::failed:
		return "failed";
	case SessionState::expired:
		return "expired";
	case SessionState::closing:
		return "closing";
	}
	return "unknown";
}

std::string or_else(std::string_view text, std::string_view otherwise)
{
	return std::string(text.empty() ? otherwise : text);
}

std::string shown_address(const std::string &address)
{
	if (address.find(':') != std::string::npos)
		return str("[", address, "]");
	return or_else(address, empty_value);
}

/* A block's title between two rows of stars. */
class Block
{
public:
	Block(std::ostream &out, const std::string &indent) : out_(out), indent_(indent) {}

	void title(std::size_t stars, std::string_view text) const
	{
		line(std::string(stars, '*'));
		line(text);
		line(std::string(stars, '*'));
	}
	template <class... Part> void line(const Part &...parts) const
	{
		out_ << indent_ << "\t\t" << str(parts...) << '\n';
	}

private:
	std::ostream &out_;
	const std::string &indent_;
};

void print_timeouts_and_chap(const Block &block, const kernel::SessionInfo &session,
			     const SessionExtras &extras)
{
	block.title(9, "Timeouts:");
	block.line("Recovery Timeout: ", session.settings.recovery_tmo);
	block.line("Target Reset Timeout: ", session.settings.tgt_reset_tmo);
	block.line("LUN Reset Timeout: ", session.settings.lu_reset_tmo);
	block.line("Abort Timeout: ", session.settings.abort_tmo);
	block.title(5, "CHAP:");
	auto user = [&](std::string_view key) {
		return or_else(extras.node ? extras.node->settings.get(key) : "", empty_value);
	};
	block.line("username: ", user("node.session.auth.username"));
	block.line("password: ********");
	block.line("username_in: ", user("node.session.auth.username_in"));
	block.line("password_in: ********");
}

void print_negotiated(const Block &block, const kernel::SessionInfo &session)
{
	const auto *connection = shown_connection(session);
	const auto parameters = agreed(session, connection);
	/* iscsiadm's choice and order. */
	constexpr std::string_view of_connection[] = {"HeaderDigest", "DataDigest",
						      "MaxRecvDataSegmentLength"};
	constexpr std::string_view of_session[] = {"FirstBurstLength", "MaxBurstLength",
						   "ImmediateData", "InitialR2T",
						   "MaxOutstandingR2T"};

	block.title(24, "Negotiated iSCSI params:");
	if (connection) {
		for (auto key : of_connection)
			block.line(key, ": ", find_binding(key)->result(parameters));
		block.line(max_xmit, ": ", parameters.max_xmit_data_segment_length);
	}
	for (auto key : of_session)
		block.line(key, ": ", find_binding(key)->result(parameters));
}

/* Of one, all is said above; what iscsiadm knows of is one. */
void print_connections(const Block &block, const kernel::SessionInfo &session,
		       const SessionExtras &extras)
{
	if (extras.connections.size() < 2)
		return;
	block.title(24, "Connections:");
	block.line("Policy: ", to_string(session.settings.policy));
	for (const auto &connection : extras.connections)
		block.line(to_string(connection, session.sid));
}

void print_devices(const Block &block, const kernel::SessionInfo &session,
		   const SessionExtras &extras, bool host)
{
	block.title(24, "Attached SCSI devices:");
	if (host)
		block.line("Host Number: ", session.host, "\tState: ", extras.host_state);
	for (const auto &device : extras.devices) {
		const std::string channel = str(device.channel < 10 ? "0" : "", device.channel);
		block.line("scsi", device.host, " Channel ", channel, " Id ", device.target,
			   " Lun: ", device.lun);
		for (const auto &disk : device.disks)
			block.line("\tAttached scsi disk ", disk,
				   "\t\tState: ", or_else(device.state, "unknown"));
	}
}

} // namespace

void print_session_line(std::ostream &out, const kernel::SessionInfo &session)
{
	/* The record's portal, as iscsiadm shows it. */
	out << "tcp: [" << session.sid.value << "] " << config::to_string(portal_of(session)) << ','
	    << session.identity.tpgt.value << ' ' << session.identity.target_name
	    << " (non-flash)\n";
}

void print_session_target(std::ostream &out, const std::string &target, const std::string &indent)
{
	out << indent << "Target: " << target << " (non-flash)\n";
}

void print_session(std::ostream &out, const kernel::SessionInfo &session,
		   const SessionExtras &extras, const SessionParts &parts,
		   const std::string &indent)
{
	const auto tpgt = session.identity.tpgt.value;
	out << indent << "\tCurrent Portal: " << config::to_string(current_portal_of(session))
	    << ',' << tpgt << '\n'
	    << indent << "\tPersistent Portal: " << config::to_string(portal_of(session)) << ','
	    << tpgt << '\n';

	const Block block(out, indent);
	const auto *connection = shown_connection(session);
	block.title(10, "Interface:");
	block.line("Iface Name: ", session.identity.iface);
	block.line("Iface Transport: tcp");
	block.line("Iface Initiatorname: ", session.identity.initiator_name);
	block.line("Iface IPaddress: ", shown_address(connection ? connection->local_address : ""));
	block.line("Iface HWaddress: ",
		   or_else(extras.iface.settings.get("iface.hwaddress"), "default"));
	block.line("Iface Netdev: ",
		   or_else(extras.iface.settings.get("iface.net_ifacename"), "default"));
	block.line("SID: ", session.sid.value);
	block.line("iSCSI Connection State: ",
		   connection ? shown_state(connection->state) : "Unknown");
	block.line("iSCSI Session State: ", shown_state(session.state));
	block.line("Internal iscsid Session State: ", extras.service_state);
	if (parts.timeouts_and_chap)
		print_timeouts_and_chap(block, session, extras);
	if (parts.negotiated)
		print_negotiated(block, session);
	if (parts.connections)
		print_connections(block, session, extras);
	if (parts.devices)
		print_devices(block, session, extras, parts.host);
}

void print_stats(std::ostream &out, const kernel::SessionInfo &session,
		 const kernel::SessionStats &stats)
{
	/* The sum over the connections; the session's own counters beside it. */
	kernel::Counters sum;
	for (const auto &[cid, counters] : stats.connections)
		for (const auto &[number, value] : counters)
			sum[number] += value;
	auto of = [](const kernel::Counters &counters, std::uint16_t number) {
		const auto found = counters.find(number);
		return found == counters.end() ? 0 : found->second;
	};
	struct Row {
		const char *name;
		std::uint16_t number; // of a connection's counter
	};
	constexpr Row rows[] = {
	    {"txdata_octets", HWS_CONN_STAT_TX_OCTETS},
	    {"rxdata_octets", HWS_CONN_STAT_RX_OCTETS},
	    {"noptx_pdus", HWS_CONN_STAT_TX_NOP_OUT},
	    {"scsicmd_pdus", HWS_CONN_STAT_TX_SCSI_COMMAND},
	    {"tmfcmd_pdus", HWS_CONN_STAT_TX_TMF},
	    {"login_pdus", 0}, // logins happen before the kernel has the connection
	    {"text_pdus", HWS_CONN_STAT_TX_TEXT},
	    {"dataout_pdus", HWS_CONN_STAT_TX_DATA_OUT},
	    {"logout_pdus", HWS_CONN_STAT_TX_LOGOUT},
	    {"snack_pdus", HWS_CONN_STAT_TX_SNACK},
	    {"noprx_pdus", HWS_CONN_STAT_RX_NOP_IN},
	    {"scsirsp_pdus", HWS_CONN_STAT_RX_SCSI_RESPONSE},
	    {"tmfrsp_pdus", HWS_CONN_STAT_RX_TMF_RESPONSE},
	    {"textrsp_pdus", HWS_CONN_STAT_RX_TEXT_RESPONSE},
	    {"datain_pdus", HWS_CONN_STAT_RX_DATA_IN},
	    {"logoutrsp_pdus", HWS_CONN_STAT_RX_LOGOUT_RESPONSE},
	    {"r2t_pdus", HWS_CONN_STAT_RX_R2T},
	    {"async_pdus", HWS_CONN_STAT_RX_ASYNC},
	    {"rjt_pdus", HWS_CONN_STAT_RX_REJECT},
	    {"digest_err", HWS_CONN_STAT_DIGEST_ERRORS},
	};
	out << "Stats for session " << session_label(session.sid.value, node_of(session)) << '\n'
	    << "iSCSI SNMP:\n";
	for (const auto &row : rows)
		out << '\t' << row.name << ": " << of(sum, row.number) << '\n';
	out << "\ttimeout_err: " << of(stats.session, HWS_SESSION_STAT_TIMEOUTS) << '\n'
	    << "iSCSI Extended:\n";
	for (const auto &name : kernel::connection_stat_names()) {
		const bool shown =
		    std::any_of(std::begin(rows), std::end(rows),
				[&](const Row &row) { return row.number == name.number; });
		if (!shown)
			out << '\t' << name.name << ": " << of(sum, name.number) << '\n';
	}
	for (const auto &name : kernel::session_stat_names())
		if (name.number != HWS_SESSION_STAT_TIMEOUTS)
			out << '\t' << name.name << ": " << of(stats.session, name.number) << '\n';
}

nlohmann::ordered_json to_json(const kernel::SessionInfo &session, const SessionExtras &extras)
{
	using Json = nlohmann::ordered_json;
	const auto &identity = session.identity;
	const auto &parameters = session.parameters;
	const auto portal = portal_of(session);

	Json connections = Json::array();
	for (const auto &connection : session.connections) {
		Json json = {{"cid", connection.cid.value},
			     {"state", json_state(connection.state)},
			     {"local_address", connection.local_address},
			     {"local_port", connection.local_port},
			     {"address", connection.peer_address},
			     {"port", connection.peer_port},
			     {"persistent_address", connection.persistent_address},
			     {"persistent_port", connection.persistent_port},
			     {"noop_out_interval", connection.ping_interval},
			     {"noop_out_timeout", connection.ping_timeout},
			     {"role", to_string(connection.role)},
			     {"weight", connection.weight},
			     {"carries", connection.carries},
			     {"outstanding", connection.outstanding}};
		json.update(to_json(agreed(session, &connection), KeyScope::connection));
		connections.push_back(std::move(json));
	}
	Json devices = Json::array();
	for (const auto &device : extras.devices)
		devices.push_back({{"channel", device.channel},
				   {"target", device.target},
				   {"lun", device.lun},
				   {"state", device.state},
				   {"disks", device.disks}});
	return {
	    {"sid", session.sid.value},
	    {"host", session.host},
	    {"host_state", extras.host_state},
	    {"transport", "hawser"},
	    {"transport_name", "tcp"},
	    {"state", json_state(session.state)},
	    {"service_state", extras.service_state},
	    {"target", identity.target_name},
	    {"target_alias", identity.target_alias},
	    {"tpgt", identity.tpgt.value},
	    {"address", portal.host},
	    {"port", portal.port},
	    {"initiator", identity.initiator_name},
	    {"initiator_alias", identity.initiator_alias},
	    {"isid", to_string(identity.isid)},
	    {"tsih", parameters.tsih.value},
	    {"iface", identity.iface},
	    {"last_loss", session.last_loss ? Json(kernel::to_string(*session.last_loss)) : Json()},
	    {"timeouts",
	     {{"replacement_timeout", session.settings.recovery_tmo},
	      {"abort_timeout", session.settings.abort_tmo},
	      {"lu_reset_timeout", session.settings.lu_reset_tmo},
	      {"tgt_reset_timeout", session.settings.tgt_reset_tmo}}},
	    {"cmds_max", session.settings.cmds_max},
	    {"queue_depth", session.settings.queue_depth},
	    {"policy", to_string(session.settings.policy)},
	    {"negotiated", to_json(agreed(session), KeyScope::session)},
	    {"connections", std::move(connections)},
	    {"devices", std::move(devices)}};
}

nlohmann::ordered_json to_json(const kernel::SessionStats &stats)
{
	using Json = nlohmann::ordered_json;
	auto named = [](const kernel::Counters &counters,
			const std::vector<kernel::StatName> &names) {
		Json json = Json::object();
		for (const auto &name : names)
			if (const auto found = counters.find(name.number); found != counters.end())
				json[std::string(name.name)] = found->second;
		return json;
	};
	Json connections = Json::array();
	for (const auto &[cid, counters] : stats.connections)
		connections.push_back(
		    {{"cid", cid.value},
		     {"counters", named(counters, kernel::connection_stat_names())}});
	return {{"sid", stats.sid.value},
		{"counters", named(stats.session, kernel::session_stat_names())},
		{"connections", std::move(connections)}};
}

} // namespace hawser::cli
