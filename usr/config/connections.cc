/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/connections.h"

#include "base/str.h"

namespace hawser::config
{

namespace
{

constexpr std::string_view policy_key = "node.session.policy";
constexpr std::string_view count_key = "node.session.nr_connections";

} // namespace

std::string connection_key(Cid cid, std::string_view field)
{
	return str("node.conn[", cid.value, "].", field);
}

ConnectionRecord connection_of(const Node &node, Cid cid)
{
	const Settings &s = node.settings;
	ConnectionRecord connection;
	connection.cid = cid;
	connection.portal = node.id.portal;
	connection.iface = node.id.iface;
	connection.role = s.get(connection_key(cid, "role"));
	connection.weight = static_cast<std::uint32_t>(s.number(connection_key(cid, "weight")));
	connection.of_record = true;
	if (cid == Cid{})
		return connection;
	if (const auto host = s.get(connection_key(cid, "address")); !host.empty())
		connection.portal.host = host;
	if (const auto port = s.number(connection_key(cid, "port")); port != 0)
		connection.portal.port = static_cast<std::uint16_t>(port);
	if (const auto iface = s.get(connection_key(cid, "iface")); !iface.empty())
		connection.iface = iface;
	connection.of_record = connection.portal == node.id.portal;
	connection.header_digest = s.get(connection_key(cid, "iscsi.HeaderDigest"));
	connection.data_digest = s.get(connection_key(cid, "iscsi.DataDigest"));
	return connection;
}

std::vector<ConnectionRecord> connections_of(const Node &node)
{
	std::vector<ConnectionRecord> connections;
	const auto count = static_cast<std::uint16_t>(node.settings.number(count_key));
	for (std::uint16_t i = 0; i < count; i++)
		connections.push_back(connection_of(node, Cid(i)));
	return connections;
}

Status check_policy(std::string_view policy, const std::vector<ConnectionRecord> &connections)
{
	if (policy != "failover" && policy != "round-robin-subset")
		return {};
	std::vector<std::string> standby;
	for (const auto &connection : connections) {
		if (connection.role == "active")
			return {};
		standby.push_back(connection_key(connection.cid, "role"));
	}
	return fail(Code::invalid_argument,
		    str(policy_key, ": ", policy, " needs an active connection, and ",
			join(standby, ", "), standby.size() == 1 ? " is" : " are", " standby"));
}

Status check_policy(const Node &node)
{
	return check_policy(node.settings.get(policy_key), connections_of(node));
}

bool is_of_policy(std::string_view key)
{
	return key == policy_key || key == count_key ||
	       (key.starts_with("node.conn[") && key.ends_with("].role"));
}

bool is_shown(const Settings &settings, const RecordKey &key)
{
	return key.connection == 0 || key.connection < settings.number(count_key) ||
	       settings.level_of(key.name) != Level::initial;
}

} // namespace hawser::config
