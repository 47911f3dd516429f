/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/records.h"

#include "base/str.h"
#include "iscsi/address.h"
#include "iscsi/names.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

namespace hawser::config
{

namespace
{

using Json = nlohmann::json;

/* 2: a node has several sources, and its target a level of its own; 1 is read as well. */
constexpr int format = 2;
constexpr std::string_view hidden = "********";

/* By SourceType. */
constexpr std::string_view source_types[] = {"fw", "send_targets", "isns", "slp", "static"};

std::optional<SourceType> source_type(std::string_view word)
{
	const auto found = std::find(std::begin(source_types), std::end(source_types), word);
	if (found == std::end(source_types))
		return std::nullopt;
	return static_cast<SourceType>(found - std::begin(source_types));
}

bool by_priority(const Instance &a, const Instance &b)
{
	return a.source < b.source;
}

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

	Settings settings(RecordKind kind, Level level = Level::address)
	{
		const Json *field = find("values");
		auto read = Settings::from_json(kind, field ? *field : Json(), level);
		if (read)
			return std::move(*read);
		note(read.error().text);
		return Settings(kind, level);
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

	/* False when it is not there. */
	bool flag(const char *name)
	{
		const Json *field = find(name);
		if (field && !field->is_boolean())
			note(str(quoted(name), " is neither true nor false"));
		return field && field->is_boolean() && field->get<bool>();
	}

	const Json *find(const char *name) const
	{
		if (!json_.is_object())
			return nullptr;
		const auto found = json_.find(name);
		return found == json_.end() ? nullptr : &*found;
	}

private:
	const Json &json_;
	std::string problem_;
};

Result<Json> parse_file(std::string_view text)
{
	auto json = Json::parse(text, nullptr, false);
	if (json.is_discarded())
		return damaged("it is not JSON");
	Reader reader(json);
	reader.number("format", 1, format);
	if (!reader.problem().empty())
		return damaged(reader.problem());
	return json;
}

/* Values were checked for UTF-8 on their way in; "replace" only keeps dump() from throwing. */
std::string to_text(const Json &json)
{
	return json.dump(1, '\t', false, Json::error_handler_t::replace) + "\n";
}

Json instance_to_json(const Instance &instance)
{
	Json json = {{"type", to_string(instance.source.type)},
		     {"host", instance.source.portal.host},
		     {"port", instance.source.portal.port},
		     {"tpgt", instance.tpgt}};
	if (instance.hidden)
		json["hidden"] = true;
	if (!instance.boot.empty())
		json["boot"] = instance.boot;
	return json;
}

Json node_to_json(const Node &node)
{
	Json isids = Json::array();
	for (const auto &isid : node.isids)
		isids.push_back(to_string(isid));
	Json sources = Json::array();
	for (const auto &instance : node.instances)
		sources.push_back(instance_to_json(instance));
	Json json = {
	    {"host", node.id.portal.host},
	    {"port", node.id.portal.port},
	    {"tpgt", node.tpgt},
	    {"iface", node.id.iface},
	    {"sources", std::move(sources)},
	    {"isids", std::move(isids)},
	    {"values", node.settings.to_json()},
	};
	if (node.vanished)
		json["vanished"] = true;
	return json;
}

Source read_source(Reader &reader)
{
	Source source;
	const std::string type = reader.text("type");
	const auto known = source_type(type);
	source.type = known.value_or(SourceType::fixed);
	source.portal = {reader.text("host"),
			 static_cast<std::uint16_t>(reader.number("port", 0, 65535))};
	if (!known)
		reader.note(str("the type ", hawser::quoted(type), " is none of ",
				"fw, send_targets, isns, slp and static"));
	return source;
}

/* Format 1 has one source, "discovery", and its portal group tag beside it. */
std::vector<Instance> read_instances(Reader &outer, int tpgt)
{
	std::vector<Instance> instances;
	if (const Json *only = outer.find("discovery")) {
		Reader reader(*only);
		instances.push_back({read_source(reader), tpgt});
		if (!reader.problem().empty())
			outer.note(str("\"discovery\": ", reader.problem()));
		return instances;
	}
	for (const auto &item : outer.list("sources")) {
		Reader reader(item);
		Instance instance;
		instance.source = read_source(reader);
		instance.tpgt = static_cast<int>(reader.number("tpgt", -1, 65535));
		instance.hidden = reader.flag("hidden");
		if (reader.find("boot"))
			instance.boot = reader.text("boot");
		instances.push_back(std::move(instance));
		if (!reader.problem().empty())
			outer.note(str("\"sources\": ", reader.problem()));
	}
	if (instances.empty())
		outer.note("\"sources\": it has none");
	std::sort(instances.begin(), instances.end(), by_priority);
	const auto same = [](const Instance &a, const Instance &b) { return a.source == b.source; };
	instances.erase(std::unique(instances.begin(), instances.end(), same), instances.end());
	return instances;
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
	node.instances = read_instances(reader, node.tpgt);
	node.vanished = reader.flag("vanished");
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
		return settings.has_secret(key.name) ? std::string(hidden) : "";
	return std::string(settings.get(key.name));
}

} // namespace

std::string_view to_string(SourceType type)
{
	return source_types[static_cast<std::size_t>(type)];
}

const Instance *Node::instance(const Source &source) const
{
	for (const auto &known : instances)
		if (known.source == source)
			return &known;
	return nullptr;
}

bool Node::hidden() const
{
	return std::all_of(instances.begin(), instances.end(),
			   [](const Instance &known) { return known.hidden; });
}

void Node::sight(const Source &source, int portal_group_tag)
{
	if (vanished)
		instances.clear(); // what remained was only the memory of it
	vanished = false;
	if (instances.size() == 1)
		instances.front().tpgt = tpgt; // as it may have been given by hand
	std::erase_if(instances, [&](const Instance &known) { return known.source == source; });
	const Instance seen{source, portal_group_tag};
	instances.insert(std::upper_bound(instances.begin(), instances.end(), seen, by_priority),
			 seen);
	choose_tpgt();
}

void Node::set_static(std::optional<int> portal_group_tag, std::optional<bool> hide,
		      const std::optional<std::string> &boot)
{
	Instance known;
	if (const Instance *before = instance(known.source); before && !vanished)
		known = *before;
	sight(known.source, portal_group_tag.value_or(known.tpgt));
	known.hidden = hide.value_or(known.hidden);
	known.boot = boot.value_or(known.boot);
	/* The least preferred source of all, and there is but one of the kind. */
	instances.back().hidden = known.hidden;
	instances.back().boot = known.boot;
}

void Node::learn_tpgt(int portal_group_tag)
{
	for (auto &known : instances)
		if (known.tpgt < 0)
			known.tpgt = portal_group_tag;
	choose_tpgt();
}

bool Node::lose(const Source &source)
{
	if (source.type == SourceType::fixed || !instance(source))
		return true;
	if (instances.size() == 1)
		return false;
	std::erase_if(instances, [&](const Instance &known) { return known.source == source; });
	choose_tpgt();
	return true;
}

bool Node::outlive(std::string_view boot)
{
	const auto other = [&](const Instance &known) {
		return !known.boot.empty() && known.boot != boot;
	};
	if (std::all_of(instances.begin(), instances.end(), other))
		return false;
	if (std::erase_if(instances, other) > 0)
		choose_tpgt();
	return true;
}

/* What the chosen instance says, or the next one that says something. */
void Node::choose_tpgt()
{
	tpgt = -1;
	for (const auto &instance : instances)
		if (tpgt < 0)
			tpgt = instance.tpgt;
}

Source DiscoveryRecord::source() const
{
	return {kind() == RecordKind::isns ? SourceType::isns : SourceType::send_targets, portal};
}

std::string_view discovery_type(RecordKind kind)
{
	return kind == RecordKind::isns ? "isns" : "sendtargets";
}

std::string iface_key(RecordKind kind)
{
	return str("discovery.", discovery_type(kind), ".iface");
}

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
		return node.source().portal.host;
	if (key.name == "node.discovery_port")
		return str(node.source().portal.port);
	if (key.name == "node.discovery_type")
		return std::string(to_string(node.source().type));
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
	if (key.name == "discovery.sendtargets.address" || key.name == "discovery.isns.address")
		return record.portal.host;
	if (key.name == "discovery.sendtargets.port" || key.name == "discovery.isns.port")
		return str(record.portal.port);
	return shown_setting(record.settings, key);
}

std::string target_to_text(const Target &target)
{
	Json list = Json::array();
	for (const auto &node : target.nodes)
		list.push_back(node_to_json(node));
	return to_text({{"format", format},
			{"target", target.name},
			{"values", target.settings->to_json()},
			{"nodes", std::move(list)}});
}

Result<Target> target_from_text(std::string_view text)
{
	auto json = parse_file(text);
	if (!json)
		return tl::unexpected(json.error());
	Reader reader(*json);
	Target target;
	target.name = reader.target("target");
	const Json &list = reader.list("nodes");
	if (reader.find("values"))
		*target.settings = reader.settings(RecordKind::node, Level::target);
	if (!reader.problem().empty())
		return damaged(reader.problem());

	std::set<std::pair<PortalId, std::string>> ways;
	std::vector<Isid> isids;
	for (const auto &item : list) {
		auto node = node_from_json(target.name, item);
		if (!node)
			return damaged(
			    str("record ", target.nodes.size() + 1, ": ", node.error().text));
		if (!ways.emplace(node->id.portal, node->id.iface).second)
			return damaged(str("it has two records of ", to_string(node->id)));
		isids.insert(isids.end(), node->isids.begin(), node->isids.end());
		node->settings.set_base(target.settings);
		target.nodes.push_back(std::move(*node));
	}
	std::sort(isids.begin(), isids.end());
	if (const auto twice = std::adjacent_find(isids.begin(), isids.end()); twice != isids.end())
		return damaged(str("the ISID ", to_string(*twice), " stands in it twice"));
	return target;
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

/*
 * The list is written line by line: as a tree, ten thousand targets take tens of megabytes.
 */
std::string discovery_to_text(const DiscoveryRecord &record)
{
	std::string text = to_text({{"format", format},
				    {"type", discovery_type(record.kind())},
				    {"host", record.portal.host},
				    {"port", record.portal.port},
				    {"values", record.settings.to_json()}});
	text.resize(text.find_last_of('}'));
	while (text.ends_with('\n'))
		text.pop_back();
	append(text, ",\n\t\"found\": [");
	std::string_view separator = "\n\t\t";
	for (const auto &item : record.found) {
		const Json line = {{"target", item.target},
				   {"host", item.portal.host},
				   {"port", item.portal.port},
				   {"tpgt", item.tpgt}};
		append(text, separator);
		append(text, line.dump(-1, ' ', false, Json::error_handler_t::replace));
		separator = ",\n\t\t";
	}
	append(text, record.found.empty() ? "]\n}\n" : "\n\t]\n}\n");
	return text;
}

Result<DiscoveryRecord> discovery_from_text(std::string_view text)
{
	auto json = parse_file(text);
	if (!json)
		return tl::unexpected(json.error());
	Reader reader(*json);
	const std::string type = reader.text("type");
	const auto kind = type == "isns" ? RecordKind::isns : RecordKind::send_targets;
	if (type != discovery_type(kind))
		reader.note(
		    str("its type ", hawser::quoted(type), " is neither sendtargets nor isns"));
	DiscoveryRecord record{reader.portal(), reader.settings(kind), {}};
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
