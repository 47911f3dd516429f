/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/records.h"

#include "base/str.h"
#include "iscsi/address.h"
#include "iscsi/names.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace hawser::config
{

namespace
{

using Json = nlohmann::json;

constexpr int format = 1;
constexpr std::string_view hidden = "********";

tl::unexpected<Error> damaged(std::string text)
{
	return fail(Code::record_failed, std::move(text));
}

/*
 * Reading a field of a record either gives a value or notes the first thing
 * that was wrong, so that a record's fields can be read one below the other.
 */
class Reader
{
public:
	explicit Reader(const Json &json) : json_(json)
	{
		if (!json.is_object())
			note("it is not an object");
	}

	std::string text(const char *name)
	{
		const Json *field = find(name);
		if (!field || !field->is_string()) {
			note(str("it has no text ", quoted(name)));
			return {};
		}
		return field->get<std::string>();
	}

	std::int64_t number(const char *name, std::int64_t min, std::int64_t max)
	{
		const Json *field = find(name);
		if (!field || !field->is_number_integer()) {
			note(str("it has no number ", quoted(name)));
			return min;
		}
		/* Unsigned above 2^63 would turn negative: it is out of every range here. */
		const bool huge =
		    field->is_number_unsigned() && field->get<std::uint64_t>() > INT64_MAX;
		const std::int64_t value = huge ? INT64_MAX : field->get<std::int64_t>();
		if (value < min || value > max) {
			note(str(quoted(name), " is not in the range of ", min, " to ", max));
			return min;
		}
		return value;
	}

	const Json &list(const char *name)
	{
		static const Json none = Json::array();
		const Json *field = find(name);
		if (!field || !field->is_array()) {
			note(str("it has no list ", quoted(name)));
			return none;
		}
		return *field;
	}

	Settings settings(RecordKind kind)
	{
		const Json *field = find("values");
		auto read = Settings::from_json(kind, field ? *field : Json());
		if (read)
			return std::move(*read);
		note(read.error().text);
		return Settings(kind);
	}

	PortalId portal()
	{
		PortalId portal{text("host"), static_cast<std::uint16_t>(number("port", 1, 65535))};
		if (problem_.empty())
			if (auto parsed = parse_host(portal.host, portal.port); !parsed)
				note(parsed.error().text);
		return portal;
	}

	std::string target(const char *name)
	{
		std::string target = text(name);
		if (problem_.empty())
			if (auto checked = check_name(target); !checked)
				note(checked.error().text);
		return target;
	}

	void note(std::string problem)
	{
		if (problem_.empty())
			problem_ = std::move(problem);
	}
	const std::string &problem() const { return problem_; }

private:
	const Json *find(const char *name) const
	{
		if (!json_.is_object())
			return nullptr;
		const auto found = json_.find(name);
		return found == json_.end() ? nullptr : &*found;
	}

	const Json &json_;
	std::string problem_;
};

Result<Json> parse_file(std::string_view text)
{
	auto json = Json::parse(text, nullptr, false);
	if (json.is_discarded())
		return damaged("it is not JSON");
	Reader reader(json);
	reader.number("format", format, format);
	if (!reader.problem().empty())
		return damaged(reader.problem());
	return json;
}

/* Values were checked for UTF-8 on their way in; "replace" only keeps dump() from throwing. */
std::string to_text(const Json &json)
{
	return json.dump(1, '\t', false, Json::error_handler_t::replace) + "\n";
}

Json node_to_json(const Node &node)
{
	Json isids = Json::array();
	for (const auto &isid : node.isids)
		isids.push_back(to_string(isid));
	return {
	    {"host", node.id.portal.host},
	    {"port", node.id.portal.port},
	    {"tpgt", node.tpgt},
	    {"iface", node.id.iface},
	    {"discovery",
	     {{"type", node.source.type},
	      {"host", node.source.portal.host},
	      {"port", node.source.portal.port}}},
	    {"isids", std::move(isids)},
	    {"values", node.settings.to_json()},
	};
}

Source read_source(Reader &outer, const Json &json)
{
	Reader reader(json);
	Source source{
	    reader.text("type"),
	    {reader.text("host"), static_cast<std::uint16_t>(reader.number("port", 0, 65535))}};
	const RecordKey &types = *find_key(RecordKind::node, "node.discovery_type");
	if (reader.problem().empty())
		if (auto checked = check_value(types, source.type); !checked)
			reader.note(checked.error().text);
	if (!reader.problem().empty())
		outer.note(str("\"discovery\": ", reader.problem()));
	return source;
}

Result<Node> node_from_json(const std::string &target, const Json &json)
{
	Reader reader(json);
	Node node;
	node.id.target = target;
	node.id.portal = reader.portal();
	node.tpgt = static_cast<int>(reader.number("tpgt", -1, 65535));
	node.id.iface = reader.text("iface");
	if (auto checked = check_iface_name(node.id.iface); !checked)
		reader.note(checked.error().text);
	node.source = read_source(
	    reader, json.is_object() && json.contains("discovery") ? json["discovery"] : Json());
	for (const auto &item : reader.list("isids")) {
		auto isid = Isid::parse(item.is_string() ? item.get<std::string>() : "");
		if (isid)
			node.isids.push_back(*isid);
		else
			reader.note(isid.error().text);
	}
	node.settings = reader.settings(RecordKind::node);
	if (!reader.problem().empty())
		return damaged(reader.problem());
	return node;
}

std::string with_brackets(const std::string &host)
{
	return host.find(':') == std::string::npos ? host : str("[", host, "]");
}

std::string shown_setting(const Settings &settings, const RecordKey &key)
{
	if (key.type == ValueType::secret)
		return settings.is_set(key.name) ? std::string(hidden) : "";
	return std::string(settings.get(key.name));
}

} // namespace

std::string to_string(const PortalId &portal)
{
	return str(with_brackets(portal.host), ":", portal.port);
}

std::string to_string(const NodeId &id)
{
	return str(id.target, " at ", to_string(id.portal), " through ", id.iface);
}

Status check_iface_name(std::string_view name)
{
	auto legal = [](char c) {
		return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		       std::string_view("._-:@").find(c) != std::string_view::npos;
	};
	if (name.empty() || name.size() > 64 || name.front() == '.' ||
	    !std::all_of(name.begin(), name.end(), legal))
		return fail(Code::invalid_argument,
			    str("interface name ", quoted(name, 80),
				" is not 1 to 64 letters, digits, '.', '_', '-', ':' or '@', the "
				"first not a '.'"));
	return {};
}

std::string shown_value(const Node &node, const Iface &iface, const RecordKey &key)
{
	if (key.kind == RecordKind::iface)
		return shown_value(iface, key);
	if (key.name == "node.name")
		return node.id.target;
	if (key.name == "node.tpgt")
		return str(node.tpgt);
	if (key.name == "node.discovery_address")
		return node.source.portal.host;
	if (key.name == "node.discovery_port")
		return str(node.source.portal.port);
	if (key.name == "node.discovery_type")
		return node.source.type;
	if (key.name == "node.conn[0].address")
		return node.id.portal.host;
	if (key.name == "node.conn[0].port")
		return str(node.id.portal.port);
	return shown_setting(node.settings, key);
}

std::string shown_value(const Iface &iface, const RecordKey &key)
{
	if (key.name == "iface.iscsi_ifacename")
		return iface.name;
	return shown_setting(iface.settings, key);
}

std::string shown_value(const DiscoveryRecord &record, const RecordKey &key)
{
	if (key.name == "discovery.sendtargets.address")
		return record.portal.host;
	if (key.name == "discovery.sendtargets.port")
		return str(record.portal.port);
	return shown_setting(record.settings, key);
}

std::string target_to_text(const std::string &target, const std::vector<Node> &nodes)
{
	Json list = Json::array();
	for (const auto &node : nodes)
		list.push_back(node_to_json(node));
	return to_text({{"format", format}, {"target", target}, {"nodes", std::move(list)}});
}

Result<std::vector<Node>> target_from_text(std::string_view text)
{
	auto json = parse_file(text);
	if (!json)
		return tl::unexpected(json.error());
	Reader reader(*json);
	const std::string target = reader.target("target");
	const Json &list = reader.list("nodes");
	if (!reader.problem().empty())
		return damaged(reader.problem());

	std::vector<Node> nodes;
	std::vector<Isid> isids;
	for (const auto &item : list) {
		auto node = node_from_json(target, item);
		if (!node)
			return damaged(str("record ", nodes.size() + 1, ": ", node.error().text));
		for (const auto &other : nodes)
			if (other.id == node->id)
				return damaged(str("it has two records of ", to_string(node->id)));
		isids.insert(isids.end(), node->isids.begin(), node->isids.end());
		nodes.push_back(std::move(*node));
	}
	std::sort(isids.begin(), isids.end());
	if (const auto twice = std::adjacent_find(isids.begin(), isids.end()); twice != isids.end())
		return damaged(str("the ISID ", to_string(*twice), " stands in it twice"));
	return nodes;
}

std::string iface_to_text(const Iface &iface)
{
	return to_text(
	    {{"format", format}, {"iface", iface.name}, {"values", iface.settings.to_json()}});
}

Result<Iface> iface_from_text(std::string_view text)
{
	auto json = parse_file(text);
	if (!json)
		return tl::unexpected(json.error());
	Reader reader(*json);
	Iface iface{reader.text("iface"), reader.settings(RecordKind::iface)};
	if (auto checked = check_iface_name(iface.name); !checked)
		reader.note(checked.error().text);
	if (!reader.problem().empty())
		return damaged(reader.problem());
	return iface;
}

std::string discovery_to_text(const DiscoveryRecord &record)
{
	Json found = Json::array();
	for (const auto &item : record.found)
		found.push_back({{"target", item.target},
				 {"host", item.portal.host},
				 {"port", item.portal.port},
				 {"tpgt", item.tpgt}});
	return to_text({{"format", format},
			{"type", "sendtargets"},
			{"host", record.portal.host},
			{"port", record.portal.port},
			{"values", record.settings.to_json()},
			{"found", std::move(found)}});
}

Result<DiscoveryRecord> discovery_from_text(std::string_view text)
{
	auto json = parse_file(text);
	if (!json)
		return tl::unexpected(json.error());
	Reader reader(*json);
	DiscoveryRecord record{reader.portal(), reader.settings(RecordKind::discovery), {}};
	if (const auto type = reader.text("type"); type != "sendtargets")
		reader.note(str("its type ", hawser::quoted(type), " is not sendtargets"));
	for (const auto &item : reader.list("found")) {
		Reader entry(item);
		record.found.push_back({entry.target("target"), entry.portal(),
					static_cast<int>(entry.number("tpgt", -1, 65535))});
		if (!entry.problem().empty())
			reader.note(str("\"found\": ", entry.problem()));
	}
	if (!reader.problem().empty())
		return damaged(reader.problem());
	return record;
}

} // namespace hawser::config
