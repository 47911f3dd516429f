/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Modes discovery and discoverydb. */
#include "base/str.h"
#include "cli/actions.h"
#include "cli/modes.h"

#include <map>
#include <nlohmann/json.hpp>

namespace hawser::cli
{

namespace
{

Status check_type(const Options &options)
{
	if (!options.type && options.mode != Mode::discovery)
		return fail(Code::invalid_argument,
			    "discovery requires a type: -t sendtargets (st), isns or fw");
	if (!options.type || *options.type == "st" || *options.type == "sendtargets" ||
	    *options.type == "isns")
		return {};
	if (*options.type == "slp")
		return fail(Code::not_supported, "discovery type slp is not supported: "
						 "sendtargets (st), isns and fw are");
	return fail(Code::invalid_argument,
		    str("unknown discovery type ", hawser::quoted(*options.type),
			": sendtargets (st), isns and fw are"));
}

/*
 * The kind of record that the type is about; check_type() has seen it. Without one mode discovery
 * is about the records of SendTargets, as it was before there were others.
 */
config::RecordKind kind_of(const Options &options)
{
	return options.type == "isns" ? config::RecordKind::isns : config::RecordKind::send_targets;
}

std::vector<config::DiscoveryRecord> list_records(Context &context)
{
	auto records = context.store.discovery_records();
	if (!records) {
		context.tell(records.error());
		return {};
	}
	context.tell(records->problems);
	return std::move(records->items);
}

/* The way in which iscsiadm's tree names a mechanism. */
std::string_view section_title(config::SourceType type)
{
	switch (type) {
	case config::SourceType::send_targets:
		return "SENDTARGETS";
	case config::SourceType::isns:
		return "iSNS";
	case config::SourceType::slp:
		return "SLP";
	case config::SourceType::fixed:
		return "STATIC";
	case config::SourceType::fw:
		return "FIRMWARE";
	}
	return "";
}

/*
 * The records that one mechanism named, below each portal or server that was asked. False: there
 * are neither.
 */
bool print_section(std::ostream &out, config::SourceType type,
		   const std::vector<config::DiscoveryRecord> &records,
		   const std::vector<config::Node> &nodes)
{
	std::map<config::PortalId, std::vector<config::Node>> asked;
	for (const auto &record : records)
		if (record.source().type == type)
			asked.try_emplace(record.portal);
	for (const auto &node : nodes)
		for (const auto &instance : node.instances)
			if (instance.source.type == type)
				asked[instance.source.portal].push_back(node);
	if (asked.empty() && type == config::SourceType::slp)
		return false; // iscsiadm has no such section
	out << section_title(type) << ":\n";
	if (asked.empty())
		out << "No targets found.\n";
	for (const auto &[portal, found] : asked) {
		if (!portal.host.empty())
			out << "DiscoveryAddress: " << portal.host << ',' << portal.port << '\n';
		print_node_tree(out, found);
	}
	return !asked.empty();
}

void print_tree(Context &context, const std::vector<config::DiscoveryRecord> &records)
{
	auto listing = context.store.nodes();
	if (!listing)
		return context.tell(listing.error());
	context.tell(listing->problems);
	using enum config::SourceType;
	bool any = false;
	for (const auto type : {send_targets, isns, slp, fixed, fw})
		any |= print_section(context.out, type, records, listing->items);
	if (!any && context.exit_status() == 0)
		context.tell(nothing_found("No discovery records found"));
}

void list_discovery(Context &context, const Options &options)
{
	const auto records = list_records(context);
	if (options.json) {
		auto list = nlohmann::ordered_json::array();
		for (const auto &record : records)
			list.push_back(to_json(record));
		print_json(context.out, list);
		if (records.empty() && context.exit_status() == 0)
			context.tell(nothing_found("No discovery records found"));
		return;
	}
	const int level = options.print_level.value_or(0);
	if (level > 1)
		return context.tell(
		    {Code::invalid_argument, str("Invalid info level ", level, ". Try 0 or 1.")});
	if (level == 1)
		return print_tree(context, records);
	if (records.empty() && context.exit_status() == 0)
		return context.tell(nothing_found("No discovery records found"));
	for (const auto &record : records)
		context.out << record.portal.host << ':' << record.portal.port << " via "
			    << config::discovery_type(record.kind()) << '\n';
}

/* What the answer was, as if it had been stored. */
std::vector<config::Node> nodes_of(const varlink::DiscoverReply &reply,
				   const std::vector<std::string> &ifaces)
{
	std::vector<config::Node> nodes;
	for (const auto &target : reply.targets)
		for (const auto &portal : target.portals)
			for (const auto &iface : ifaces) {
				config::Node node;
				node.id = {target.target, {portal.address, portal.port}, iface};
				node.tpgt = portal.tpgt;
				nodes.push_back(std::move(node));
			}
	return nodes;
}

void print_reply(Context &context, const Options &options, const varlink::DiscoverReply &reply,
		 const std::vector<config::Node> &nodes)
{
	if (!options.json && options.print_level.value_or(0) >= 1)
		return print_node_tree(context.out, nodes);
	show_found(context, reply, options.json);
}

Result<std::vector<std::string>> ifaces_of_record(Context &context, const Options &options)
{
	const auto kind = kind_of(options);
	auto record = context.store.discovery_record(kind, options.portal->id);
	if (!record && record.error().code != Code::nothing_found)
		return tl::unexpected(record.error());
	auto ifaces =
	    record ? record->settings.list(config::iface_key(kind)) : std::vector<std::string>();
	if (ifaces.empty())
		return context.store.ifaces_of_discovery();
	return ifaces;
}

/* Mode discoverydb asks a portal that is not listed without listing it, unless told to. */
Result<bool> keeps_portal(Context &context, const Options &options)
{
	const auto record = context.store.discovery_record(kind_of(options), options.portal->id);
	if (!record && record.error().code != Code::nothing_found)
		return tl::unexpected(record.error());
	if (options.has(Op::nonpersistent))
		return false;
	return options.mode == Mode::discovery || options.has(Op::add) || record;
}

void discover(Context &context, const Options &options)
{
	if (options.has(Op::nonpersistent) && (options.ops.size() > 1 || options.login))
		return context.tell({Code::invalid_argument,
				     "nonpersistent stores no records: nothing else goes with it"});
	const auto kind = kind_of(options);
	varlink::DiscoverCall call;
	call.type = config::discovery_type(kind);
	call.address = options.portal->id.host;
	call.port = options.portal->id.port;
	call.ifaces = options.ifaces;
	/* What the service takes then, for the listing: what the portal's record says. */
	const auto keeps = keeps_portal(context, options);
	if (!keeps)
		return context.tell(keeps.error());
	auto ifaces = call.ifaces;
	if (ifaces.empty()) {
		auto of_record = ifaces_of_record(context, options);
		if (!of_record)
			return context.tell(of_record.error());
		ifaces = std::move(*of_record);
	}
	for (const auto &name : ifaces)
		if (auto iface = context.store.iface(name); !iface)
			return context.tell(iface.error());
	for (const auto &[key, value] : options.settings)
		call.settings[key] = value;
	call.keep_portal = *keeps;
	if (options.ops.empty())
		call.changes = {"new", "update", "delete"};
	if (options.has(Op::add))
		call.changes.emplace_back("new");
	if (options.has(Op::update))
		call.changes.emplace_back("update");
	if (options.has(Op::remove))
		call.changes.emplace_back("delete");

	auto service = context.connect();
	if (!service)
		return context.tell(service.error());
	auto reply = (*service)->discover(call);
	if (!reply)
		return context.tell({reply.error().code,
				     str("Could not perform ",
					 kind == config::RecordKind::isns ? "iSNS" : "SendTargets",
					 " discovery: ", reply.error().text)});
	for (const auto &skipped : reply->skipped)
		context.warn(str("not taken: ", skipped));
	const auto nodes = nodes_of(*reply, ifaces);
	if (nodes.empty())
		return context.tell(
		    nothing_found(str("No portals found: ", config::to_string(options.portal->id),
				      " named no target")));
	print_reply(context, options, *reply, nodes);
	if (!options.login)
		return;
	std::vector<config::Node> stored;
	for (const auto &node : nodes)
		if (auto record = context.store.node(node.id); record)
			stored.push_back(std::move(*record));
		else
			context.tell(record.error());
	if (!stored.empty())
		log_in(context, stored, !options.no_wait);
}

void add_record(Context &context, const Options &options)
{
	if (auto conf = context.conf(); !conf)
		return context.tell(conf.error());
	const auto kind = kind_of(options);
	auto record = context.store.new_discovery_record(kind, options.portal->id);
	if (!record)
		return context.tell(record.error());
	auto settings = options.settings;
	if (!options.ifaces.empty())
		settings.emplace_back(config::iface_key(kind), join(options.ifaces, ","));
	for (const auto &[key, value] : settings) {
		auto set = record->settings.set(key, value, context.store.secrets());
		if (!set)
			return context.tell(set.error());
		if (!set->empty())
			context.warn(*set);
	}
	if (auto put = context.store.put_discovery_record(*record); !put)
		return context.tell(put.error());
	context.out << "New discovery record for [" << record->portal.host << ','
		    << record->portal.port << "] added.\n";
}

/* iscsiadm ends with 6 here, ours says that nothing was found. */
Error not_found(const config::PortalId &portal)
{
	return nothing_found(
	    str("Discovery record [", portal.host, ",", portal.port, "] not found."));
}

void update_record(Context &context, const Options &options)
{
	if (options.settings.empty())
		return context.tell({Code::invalid_argument, "update requires name and value"});
	std::vector<std::string> warnings;
	auto set_all = [&](config::DiscoveryRecord &record) -> Status {
		for (const auto &[key, value] : options.settings) {
			auto set = record.settings.set(key, value, context.store.secrets());
			if (!set)
				return tl::unexpected(set.error());
			if (!set->empty())
				warnings.push_back(*set);
		}
		return {};
	};
	const auto &portal = options.portal->id;
	auto done = context.store.change_discovery_record(kind_of(options), portal, false, set_all);
	for (const auto &warning : warnings)
		context.warn(warning);
	if (!done)
		context.tell(done.error().code == Code::nothing_found ? not_found(portal)
								      : done.error());
}

void work_on_record(Context &context, const Options &options)
{
	const auto &portal = options.portal->id;
	switch (options.op().value_or(Op::show)) {
	case Op::add:
		return add_record(context, options);
	case Op::update:
		return update_record(context, options);
	case Op::remove:
		if (auto removed = context.store.remove_discovery_record(kind_of(options), portal);
		    !removed)
			context.tell(removed.error().code == Code::nothing_found ? not_found(portal)
										 : removed.error());
		return;
	case Op::nonpersistent:
		return context.tell({Code::invalid_argument, "nonpersistent goes with -D"});
	case Op::show:
		break;
	}
	auto record = context.store.discovery_record(kind_of(options), portal);
	if (!record)
		return context.tell(record.error().code == Code::nothing_found ? not_found(portal)
									       : record.error());
	if (options.json)
		return print_json(context.out, nlohmann::ordered_json::array({to_json(*record)}));
	print_record(context.out, *record);
}

} // namespace

void run_discovery_mode(Context &context, const Options &options)
{
	if (!options.type && !options.portal) {
		if (options.discover || options.login ||
		    (!options.ops.empty() && options.op() != Op::show))
			return context.tell({Code::invalid_argument,
					     "discovery requires a type (-t) and a portal (-p)"});
		return list_discovery(context, options);
	}
	if (options.type == "fw" && options.mode == Mode::discoverydb && !options.discover)
		return context.tell({Code::invalid_argument,
				     "discoverydb asks the firmware only with --discover (-D)"});
	if (options.type == "fw")
		return run_fw_discovery(context, options);
	if (auto checked = check_type(options); !checked)
		return context.tell(checked.error());
	if (!options.portal)
		return context.tell(
		    {Code::invalid_argument, "Please specify portal as <ipaddr>[:<ipport>]"});
	if (options.print_level.value_or(0) > 1)
		return context.tell(
		    {Code::invalid_argument,
		     str("Invalid info level ", *options.print_level, ". Try 0 or 1.")});
	if (options.has(Op::show) && options.ops.size() > 1)
		return context.tell({Code::invalid_argument, "show goes with no other operation"});
	/* Mode discovery asks the target when it has a type; discoverydb only when told to. */
	const bool asks = options.mode == Mode::discovery && (options.type || options.login);
	if (asks || options.discover) {
		if (options.has(Op::show))
			return context.tell({Code::invalid_argument,
					     "operation show is for discoverydb without -D"});
		return discover(context, options);
	}
	if (options.login)
		return context.tell(
		    {Code::invalid_argument, "-l goes with -D in discoverydb mode"});
	if (options.ops.size() > 1)
		return context.tell(
		    {Code::invalid_argument, "several operations go only with a discovery (-D)"});
	work_on_record(context, options);
}

} // namespace hawser::cli
