/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/str.h"
#include "cli/actions.h"
#include "cli/modes.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

namespace hawser::cli
{

namespace
{

config::NodeFilter filter_of(const Options &options)
{
	config::NodeFilter filter;
	filter.target = options.target;
	if (options.portal) {
		filter.host = options.portal->id.host;
		filter.port = options.portal->id.port; // a tag names no other record
	}
	if (!options.ifaces.empty())
		filter.iface = options.ifaces.front();
	filter.hidden = options.hidden.value_or(false);
	return filter;
}

/* The records that match, or nothing after telling why. */
std::vector<config::Node> find_nodes(Context &context, const config::NodeFilter &filter)
{
	auto listing = context.store.nodes(filter);
	if (!listing) {
		context.tell(listing.error());
		return {};
	}
	context.tell(listing->problems);
	// What is damaged has been told of, and may be what was asked for.
	if (listing->items.empty() && listing->problems.empty())
		context.tell(nothing_found(str("No records found", describe(filter))));
	return std::move(listing->items);
}

void list_nodes(Context &context, const Options &options)
{
	if (const int level = options.print_level.value_or(0); level > 1 && !options.json)
		return context.tell(
		    {Code::invalid_argument, str("Invalid info level ", level, ". Try 0 or 1.")});
	const auto nodes = find_nodes(context, filter_of(options));
	if (options.json)
		return show_nodes(context, nodes, true);
	if (nodes.empty())
		return;
	if (options.print_level == 1)
		return print_node_tree(context.out, nodes);
	/* One line a record, two words a line: scripts count and part them. */
	for (const auto &node : nodes)
		print_node_line(context.out, node.id.portal, node.tpgt, node.id.target);
}

void add_node(Context &context, const Options &options)
{
	if (!options.target || !options.portal)
		return context.tell(
		    {Code::invalid_argument, "new requires a target (-T) and a portal (-p)"});
	const std::string name =
	    options.ifaces.empty() ? std::string(config::default_iface) : options.ifaces.front();
	auto iface = context.store.iface(name);
	if (!iface)
		return context.tell(iface.error());
	if (auto conf = context.conf(); !conf)
		return context.tell(conf.error());
	const config::StaticNode given{.id = {*options.target, options.portal->id, name},
				       .tpgt = options.portal->tpgt,
				       .hidden = options.hidden,
				       .persistent = options.persistent,
				       .values = options.settings};
	std::vector<std::string> warnings;
	auto node = context.store.add_static(given, warnings);
	if (!node)
		return context.tell(node.error());
	for (const auto &warning : warnings)
		context.warn(warning);
	auto value = [&](std::string_view key) { return iface->settings.get(key); };
	context.out << "New iSCSI node [tcp:[hw=" << value("iface.hwaddress")
		    << ",ip=" << value("iface.ipaddress")
		    << ",net_if=" << value("iface.net_ifacename") << ",iscsi_if=" << name << "] "
		    << node->id.portal.host << ',' << node->id.portal.port << ',' << node->tpgt
		    << ' ' << *options.target << "] added\n";
}

/* -L: the records whose node.startup is @startup; all leaves those marked onboot alone. */
void log_in_all(Context &context, const config::NodeFilter &filter, const std::string &startup,
		bool wait)
{
	auto nodes = find_nodes(context, filter);
	if (nodes.empty())
		return;
	std::erase_if(nodes, [&](const config::Node &node) {
		const auto mode = node.settings.get("node.startup");
		return startup == "all" ? mode == "onboot" : mode != startup;
	});
	if (nodes.empty())
		return context.tell(
		    nothing_found(str("No records found with node.startup ", startup)));
	/* Of a target with node.leading_login one session is enough: its ways are tried in turn. */
	std::map<std::string, std::vector<config::Node>> leading;
	std::vector<config::Node> others;
	for (auto &node : nodes) {
		if (node.settings.yes("node.leading_login"))
			leading[node.id.target].push_back(std::move(node));
		else
			others.push_back(std::move(node));
	}
	if (!others.empty())
		log_in(context, others, wait);
	for (const auto &[target, ways] : leading)
		log_in_to_one_of(context, ways);
}

void log_out_all(Context &context, config::NodeFilter all, const std::string &startup)
{
	all.hidden = true; // their sessions are sessions like others
	auto listing = context.store.nodes(all);
	if (!listing)
		return context.tell(listing.error());
	context.tell(listing->problems);
	auto mode_of = [&](const config::NodeId &id) -> std::string_view {
		for (const auto &node : listing->items)
			if (node.id == id)
				return node.settings.get("node.startup");
		return "manual"; // sessions whose record is gone
	};
	auto left_alone = [&](std::string_view mode) {
		return startup == "all" ? mode == "onboot" : mode != startup;
	};
	auto sessions = find_sessions(context, all);
	std::erase_if(sessions,
		      [&](const auto &session) { return left_alone(mode_of(node_of(session))); });
	auto pending = listing->items;
	std::erase_if(pending, [&](const auto &node) {
		return left_alone(node.settings.get("node.startup"));
	});
	log_out(context, sessions, pending, describe(all));
}

void act_on_sessions(Context &context, const Options &options)
{
	const auto filter = filter_of(options);
	const auto sessions = find_sessions(context, filter);
	if (options.logout) {
		auto pending = context.store.nodes(filter);
		if (!pending)
			return context.tell(pending.error());
		context.tell(pending->problems);
		return log_out(context, sessions, pending->items, describe(filter));
	}
	if (sessions.empty())
		return context.exit_status()
			   ? void()
			   : context.tell(nothing_found(str("No session found", describe(filter))));
	if (options.rescan)
		return rescan(context, sessions);
	show_stats(context, sessions, options.json);
}

} // namespace

void run_node_mode(Context &context, const Options &options)
{
	const auto filter = filter_of(options);
	const bool named = options.target || options.portal || !options.ifaces.empty();

	if (options.login_all)
		return log_in_all(context, filter, *options.login_all, !options.no_wait);
	if (options.logout_all)
		return log_out_all(context, filter, *options.logout_all);
	if (options.login) {
		const auto nodes = find_nodes(context, filter);
		if (!nodes.empty())
			log_in(context, nodes, !options.no_wait, options.portal.has_value());
		return;
	}
	if (options.logout || options.rescan || options.stats)
		return act_on_sessions(context, options);
	const auto op = options.op();
	if (op == Op::add)
		return add_node(context, options);
	if (op == Op::update)
		return update_nodes(context, filter, options.settings);
	if (op == Op::remove)
		return delete_nodes(context, filter);
	if (op == Op::show || named) {
		const auto nodes = find_nodes(context, filter);
		if (!nodes.empty())
			show_nodes(context, nodes, options.json);
		return;
	}
	list_nodes(context, options);
}

} // namespace hawser::cli
