/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/str.h"
#include "cli/actions.h"
#include "cli/modes.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace hawser::cli
{

namespace
{

/* The records that are shown: the stored ones by name, the built-in one last. */
std::vector<config::Iface> list_ifaces(Context &context, const std::optional<std::string> &name)
{
	if (name) {
		auto iface = context.store.iface(*name);
		if (iface)
			return {std::move(*iface)};
		context.tell(iface.error());
		return {};
	}
	auto ifaces = context.store.ifaces();
	if (!ifaces) {
		context.tell(ifaces.error());
		return {};
	}
	context.tell(ifaces->problems);
	std::rotate(ifaces->items.begin(), ifaces->items.begin() + 1, ifaces->items.end());
	return std::move(ifaces->items);
}

void print_tree(Context &context, const std::vector<config::Iface> &ifaces)
{
	auto nodes = context.store.nodes();
	if (!nodes)
		return context.tell(nodes.error());
	context.tell(nodes->problems);
	for (const auto &iface : ifaces) {
		context.out << "Iface: " << iface.name << '\n';
		const config::Node *last = nullptr;
		for (const auto &node : nodes->items) {
			if (node.id.iface != iface.name)
				continue;
			if (!last || last->id.target != node.id.target)
				context.out << "\tTarget: " << node.id.target << '\n';
			context.out << "\t\tPortal: " << config::to_string(node.id.portal) << ','
				    << node.tpgt << '\n';
			last = &node;
		}
	}
}

Status set_values(Context &context, config::Iface &iface, const Options &options)
{
	for (const auto &[key, value] : options.settings) {
		auto set = iface.settings.set(key, value, context.store.secrets());
		if (!set)
			return tl::unexpected(set.error());
	}
	return {};
}

/* One that a session goes through stays as it is. */
bool is_in_use(Context &context, const std::string &name)
{
	config::NodeFilter filter;
	filter.iface = name;
	const auto sessions = find_sessions(context, filter);
	if (!sessions.empty())
		context.tell(
		    {Code::session_exists, str("interface ", name, " is used by session ",
					       sessions.front().sid.value, ": log it out first")});
	return context.exit_status() != 0;
}

void add_iface(Context &context, const std::string &name, const Options &options)
{
	/* A record of that name that is there begins anew, which would take a session's from it. */
	const auto before = context.store.iface(name);
	if (!before && before.error().code != Code::nothing_found)
		return context.tell(before.error());
	if (before && is_in_use(context, name))
		return;
	config::Iface iface{name};
	auto done = set_values(context, iface, options);
	if (done)
		done = context.store.put_iface(iface);
	if (!done)
		return context.tell(done.error());
	context.out << name << " updated.\n"
		    << "New interface " << name << " added\n";
}

void update_iface(Context &context, const std::string &name, const Options &options)
{
	if (options.settings.empty())
		return context.tell({Code::invalid_argument, "update requires name and value"});
	auto done = context.store.change_iface(
	    name, [&](config::Iface &iface) { return set_values(context, iface, options); });
	if (!done)
		return context.tell(done.error());
	context.out << name << " updated.\n";
}

void delete_iface(Context &context, const std::string &name)
{
	if (is_in_use(context, name))
		return;
	auto removed = context.store.remove_iface(name);
	if (!removed)
		return context.tell(removed.error());
	context.tell(removed->problems);
	context.out << name << " unbound and deleted.\n";
}

} // namespace

void run_iface_mode(Context &context, const Options &options)
{
	if (options.ping)
		return context.tell(
		    {Code::not_supported,
		     "ping through an interface is not supported: ping a session's target with "
		     "-m session -r SID -C ping"});
	if (options.host)
		return context.tell({Code::not_supported, "-H: interfaces belong to no host"});
	const auto name =
	    options.ifaces.empty() ? std::nullopt : std::optional(options.ifaces.front());
	const auto op = options.op();
	const bool changes = op == Op::add || op == Op::update || op == Op::remove;
	if (changes && !name)
		return context.tell(
		    {Code::invalid_argument, "this operation requires an interface (-I)"});
	if (op == Op::add)
		return add_iface(context, *name, options);
	if (op == Op::remove)
		return delete_iface(context, *name);
	if (op == Op::update)
		return update_iface(context, *name, options);

	const int level = options.print_level.value_or(0);
	if (level > 1)
		return context.tell(
		    {Code::invalid_argument, str("Invalid info level ", level, ". Try 0 - 1.")});
	const auto ifaces = list_ifaces(context, name);
	if (options.json) {
		auto list = nlohmann::ordered_json::array();
		for (const auto &iface : ifaces)
			list.push_back(to_json(iface));
		return print_json(context.out, list);
	}
	if (level == 1)
		return print_tree(context, ifaces);
	for (const auto &iface : ifaces) {
		if (name)
			print_record(context.out, iface);
		else
			print_iface_line(context.out, iface);
	}
}

} // namespace hawser::cli
