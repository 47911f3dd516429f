/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/output.h"

#include "base/str.h"
#include "config/connections.h"

#include <nlohmann/json.hpp>

namespace hawser::cli
{

namespace
{

using config::RecordKind;

/* Of a node, the connections that it has; of other records, all of their keys. */
bool is_shown(const config::RecordKey &key, const config::Node &node, const config::Iface &)
{
	return key.kind != RecordKind::node || config::is_shown(node.settings, key);
}

template <class Record> bool is_shown(const config::RecordKey &, const Record &)
{
	return true;
}

template <class... Record>
void print_keys(std::ostream &out, RecordKind kind, const Record &...record)
{
	out << "# BEGIN RECORD " << HAWSER_VERSION << '\n';
	for (const auto &key : config::record_keys()) {
		if (config::find_key(kind, key.name) != &key || !is_shown(key, record...))
			continue;
		const auto value = config::shown_value(record..., key);
		out << key.name << " = " << (value.empty() ? empty_value : std::string_view(value))
		    << '\n';
	}
	out << "# END RECORD\n";
}

template <class... Record>
nlohmann::ordered_json values_of(RecordKind kind, const Record &...record)
{
	auto values = nlohmann::ordered_json::object();
	for (const auto &key : config::record_keys())
		if (config::find_key(kind, key.name) == &key && is_shown(key, record...))
			values[std::string(key.name)] = config::shown_value(record..., key);
	return values;
}

} // namespace

void print_node_line(std::ostream &out, const config::PortalId &portal, int tpgt,
		     const std::string &target)
{
	/* An unknown tag comes out as iscsiadm's: the unsigned form of -1. */
	out << config::to_string(portal) << ',' << static_cast<std::uint32_t>(tpgt) << ' ' << target
	    << '\n';
}

void print_node_tree(std::ostream &out, const std::vector<config::Node> &nodes)
{
	const config::Node *last = nullptr;
	for (const auto &node : nodes) {
		const bool same_target = last && last->id.target == node.id.target;
		if (!same_target)
			out << "Target: " << node.id.target << '\n';
		if (!same_target || last->id.portal != node.id.portal)
			out << "\tPortal: " << config::to_string(node.id.portal) << ',' << node.tpgt
			    << '\n';
		out << "\t\tIface Name: " << node.id.iface << (node.vanished ? " (vanished)" : "")
		    << '\n';
		last = &node;
	}
}

void print_record(std::ostream &out, const config::Node &node, const config::Iface &iface)
{
	print_keys(out, RecordKind::node, node, iface);
}

void print_record(std::ostream &out, const config::Iface &iface)
{
	print_keys(out, RecordKind::iface, iface);
}

void print_record(std::ostream &out, const config::DiscoveryRecord &record)
{
	print_keys(out, record.kind(), record);
}

void print_iface_line(std::ostream &out, const config::Iface &iface)
{
	auto value = [&](std::string_view key) {
		const auto text = iface.settings.get(key);
		return text.empty() ? empty_value : text;
	};
	out << iface.name << ' ' << value("iface.transport_name") << ',' << value("iface.hwaddress")
	    << ',' << value("iface.ipaddress") << ',' << value("iface.net_ifacename") << ','
	    << value("iface.initiatorname") << '\n';
}

std::string session_label(std::optional<std::uint32_t> sid, const config::NodeId &id)
{
	return str("[sid: ", sid ? str(*sid) : "none", ", target: ", id.target,
		   ", portal: ", id.portal.host, ",", id.portal.port, "]");
}

std::string node_label(const config::NodeId &id)
{
	return str("[iface: ", id.iface, ", target: ", id.target, ", portal: ", id.portal.host, ",",
		   id.portal.port, "]");
}

nlohmann::ordered_json to_json(const config::Node &node, const config::Iface &iface)
{
	auto isids = nlohmann::ordered_json::array();
	for (const auto &isid : node.isids)
		isids.push_back(to_string(isid));
	auto instances = nlohmann::ordered_json::array();
	for (const auto &instance : node.instances)
		instances.push_back({{"type", to_string(instance.source.type)},
				     {"address", instance.source.portal.host},
				     {"port", instance.source.portal.port},
				     {"tpgt", instance.tpgt},
				     {"hidden", instance.hidden},
				     {"persistent", instance.boot.empty()}});
	auto levels = nlohmann::ordered_json::object();
	for (const auto &key : config::record_keys())
		if (key.kind == RecordKind::node && !key.fixed && is_shown(key, node, iface))
			levels[std::string(key.name)] = to_string(node.settings.level_of(key.name));
	return {{"target", node.id.target},
		{"address", node.id.portal.host},
		{"port", node.id.portal.port},
		{"tpgt", node.tpgt},
		{"iface", node.id.iface},
		{"transport", "hawser"},
		{"vanished", node.vanished},
		{"hidden", node.hidden()},
		{"instances", std::move(instances)},
		{"isids", std::move(isids)},
		{"values", values_of(RecordKind::node, node, iface)},
		{"levels", std::move(levels)}};
}

nlohmann::ordered_json to_json(const config::Iface &iface)
{
	return {{"iface", iface.name}, {"values", values_of(RecordKind::iface, iface)}};
}

nlohmann::ordered_json to_json(const config::DiscoveryRecord &record)
{
	auto found = nlohmann::ordered_json::array();
	for (const auto &item : record.found)
		found.push_back({{"target", item.target},
				 {"address", item.portal.host},
				 {"port", item.portal.port},
				 {"tpgt", item.tpgt}});
	return {{"type", config::discovery_type(record.kind())},
		{"address", record.portal.host},
		{"port", record.portal.port},
		{"found", std::move(found)},
		{"values", values_of(record.kind(), record)}};
}

void print_json(std::ostream &out, const nlohmann::ordered_json &json)
{
	out << json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
}

} // namespace hawser::cli
