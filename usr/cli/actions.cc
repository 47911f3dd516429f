/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/actions.h"

#include "base/str.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace hawser::cli
{

namespace
{

config::NodeId id_of(const varlink::Node &node)
{
	return {node.target, {node.address, node.port}, node.iface};
}

varlink::Node to_varlink(const config::NodeId &id, int tpgt)
{
	varlink::Node node{id.target, id.portal.host, id.portal.port, {}, id.iface};
	if (tpgt >= 0)
		node.tpgt = tpgt;
	return node;
}

/* The text has the target's status class and detail in it, where there are any. */
Error told(const varlink::Failure &failure, std::string_view what)
{
	return {failure.code, str(what, ": ", failure.text)};
}

std::unique_ptr<Service> service_of(Context &context)
{
	auto service = context.connect();
	if (service)
		return std::move(*service);
	context.tell(service.error());
	return nullptr;
}

/* iscsiadm's words for what its service does about a session. */
std::string service_state(const varlink::SessionStatus &status)
{
	if (status.state == "logged_in")
		return "NO CHANGE";
	if (status.state == "logging_out")
		return "CLEANUP";
	return "REOPEN";
}

} // namespace

Error nothing_found(std::string text)
{
	return {Code::nothing_found, std::move(text)};
}

std::string describe(const config::NodeFilter &filter)
{
	std::string text;
	auto add = [&](std::string_view what, std::string_view value) {
		append(text, str(text.empty() ? " for " : ", ", what, " ", value));
	};
	if (filter.target)
		add("target", *filter.target);
	if (filter.host)
		add("portal",
		    str(config::to_string(config::PortalId{*filter.host, filter.port.value_or(0)}),
			filter.tpgt ? str(",", *filter.tpgt) : ""));
	if (filter.iface)
		add("interface", *filter.iface);
	return text;
}

std::map<std::string, config::Iface> load_ifaces(Context &context)
{
	std::map<std::string, config::Iface> by_name;
	auto ifaces = context.store.ifaces();
	if (!ifaces) {
		context.tell(ifaces.error());
		return by_name;
	}
	context.tell(ifaces->problems);
	for (auto &iface : ifaces->items)
		by_name.emplace(iface.name, iface);
	return by_name;
}

namespace
{

const config::Iface &iface_of(std::map<std::string, config::Iface> &ifaces, const std::string &name)
{
	return ifaces.try_emplace(name, config::Iface{name}).first->second;
}

} // namespace

std::vector<kernel::SessionInfo> find_sessions(Context &context, const config::NodeFilter &filter)
{
	auto sessions = context.sessions.sessions();
	if (!sessions) {
		context.tell(sessions.error());
		return {};
	}
	return select(filter, *sessions);
}

void show_nodes(Context &context, const std::vector<config::Node> &nodes, bool json)
{
	auto ifaces = load_ifaces(context);
	if (!json) {
		for (const auto &node : nodes)
			print_record(context.out, node, iface_of(ifaces, node.id.iface));
		return;
	}
	auto list = nlohmann::ordered_json::array();
	for (const auto &node : nodes)
		list.push_back(to_json(node, iface_of(ifaces, node.id.iface)));
	print_json(context.out, list);
}

void update_nodes(Context &context, const config::NodeFilter &filter,
		  const std::vector<std::pair<std::string, std::string>> &settings)
{
	if (settings.empty())
		return context.tell({Code::invalid_argument, "update requires name and value"});
	std::vector<std::string> warnings;
	auto updated = context.store.set_values(filter, settings, warnings);
	if (!updated)
		return context.tell(updated.error());
	context.tell(updated->problems);
	for (const auto &warning : warnings)
		context.warn(warning);
	// What is damaged has been told of, and may be what was asked for.
	if (updated->items.empty() && updated->problems.empty())
		context.tell(nothing_found(str("No records found", describe(filter))));
}

void delete_nodes(Context &context, const config::NodeFilter &filter)
{
	auto listing = context.store.nodes(filter);
	if (!listing)
		return context.tell(listing.error());
	context.tell(listing->problems);
	if (listing->items.empty() && listing->problems.empty())
		context.tell(nothing_found(str("No records found", describe(filter))));
	if (listing->items.empty())
		return;
	auto sessions = context.sessions.sessions();
	if (!sessions)
		return context.tell(sessions.error());
	for (const auto &node : listing->items) {
		auto users = sessions_of(node.id, *sessions);
		/* One that goes there for now only, or by its own record, needs this one not. */
		std::erase_if(users, [&](const auto &session) {
			const auto own = node_of(session);
			return own != node.id && context.store.node(own).has_value();
		});
		if (!users.empty()) {
			context.tell(
			    {Code::session_exists,
			     str("This command will remove the record ", node_label(node.id),
				 ", but session ", users.front().sid.value,
				 " is using it. Logout session then rerun command to "
				 "remove record.")});
			continue;
		}
		auto removed = context.store.remove_nodes(
		    {node.id.target, node.id.portal.host, node.id.portal.port, {}, node.id.iface});
		if (!removed)
			context.tell(removed.error());
	}
}

void log_in(Context &context, const std::vector<config::Node> &nodes, bool wait, bool stays)
{
	constexpr auto hopping = "node.session.portal_hopping";
	auto service = service_of(context);
	if (!service)
		return;
	varlink::LoginCall call;
	call.wait = wait;
	if (stays && std::none_of(nodes.begin(), nodes.end(), [](const config::Node &node) {
		    return node.settings.is_set(hopping);
	    }))
		call.settings[hopping] = "No";
	auto sessions = context.sessions.sessions();
	if (!sessions)
		return context.tell(sessions.error());
	for (const auto &node : nodes) {
		const auto count = node.settings.number("node.session.nr_sessions");
		const auto present =
		    std::count_if(sessions->begin(), sessions->end(),
				  [&](const auto &session) { return node_of(session) == node.id; });
		if (present >= count) {
			context.tell({Code::session_exists,
				      str(node.id.iface, ": ", count, " session",
					  count > 1 ? "s" : "", " requested, but ", present,
					  " already present: ", node_label(node.id))});
			continue;
		}
		for (std::int64_t i = present; i < count; i++)
			context.out << "Logging in to " << node_label(node.id)
				    << (count > 1 ? " (multiple)" : "") << '\n';
		call.nodes.push_back(to_varlink(node.id, node.tpgt));
	}
	context.out.flush();
	if (call.nodes.empty())
		return;
	auto done = service->login(call, [&](const varlink::LoginResult &result) {
		const auto label = node_label(id_of(result.node));
		if (result.failure)
			context.tell(told(*result.failure, str("Could not login to ", label)));
		else if (wait)
			context.out << "Login to " << label << " successful.\n" << std::flush;
	});
	if (!done)
		context.tell(done.error());
}

void log_in_to_one_of(Context &context, const std::vector<config::Node> &ways)
{
	const std::string &target = ways.front().id.target;
	auto service = service_of(context);
	if (!service)
		return;
	auto sessions = context.sessions.sessions();
	if (!sessions)
		return context.tell(sessions.error());
	if (!select({.target = target}, *sessions).empty())
		return;
	for (const auto &node : ways) {
		const auto label = node_label(node.id);
		bool reached = false;
		varlink::LoginCall call;
		call.wait = true;
		call.nodes.push_back(to_varlink(node.id, node.tpgt));
		context.out << "Logging in to " << label << '\n' << std::flush;
		auto done = service->login(call, [&](const varlink::LoginResult &result) {
			reached = reached || !result.failure;
			if (result.failure)
				context.warn(
				    told(*result.failure, str("Could not login to ", label)).text);
		});
		if (!done)
			return context.tell(done.error());
		if (reached) {
			context.out << "Login to " << label << " successful.\n" << std::flush;
			return;
		}
	}
	context.tell({Code::login_final, str("no portal of ", target, " gave a session")});
}

void log_out(Context &context, const std::vector<kernel::SessionInfo> &sessions,
	     const std::vector<config::Node> &pending, std::string_view what)
{
	auto service = service_of(context);
	if (!service)
		return;
	varlink::LogoutCall call;
	for (const auto &session : sessions) {
		context.out << "Logging out of session "
			    << session_label(session.sid.value, node_of(session)) << '\n';
		call.sids.push_back(session.sid.value);
	}
	context.out.flush();
	/* Logins under way have no session yet; only the service knows them. */
	if (!pending.empty()) {
		auto known = service->list_sessions();
		if (!known)
			return context.tell(known.error());
		for (const auto &status : *known)
			for (const auto &node : pending)
				if (!status.sid && id_of(status.node) == node.id)
					call.nodes.push_back(status.node);
	}
	if (call.sids.empty() && call.nodes.empty())
		return context.exit_status()
			   ? void()
			   : context.tell(nothing_found(str("No matching sessions found", what)));
	auto done = service->logout(call, [&](const varlink::LogoutResult &result) {
		const auto label = session_label(result.sid, id_of(result.node));
		if (result.failure)
			context.tell(told(*result.failure, str("Could not logout of ", label)));
		else
			context.out << "Logout of " << label << " successful.\n" << std::flush;
	});
	if (!done)
		context.tell(done.error());
}

void rescan(Context &context, const std::vector<kernel::SessionInfo> &sessions)
{
	auto service = service_of(context);
	if (!service)
		return;
	std::vector<std::uint32_t> sids;
	for (const auto &session : sessions) {
		context.out << "Rescanning session "
			    << session_label(session.sid.value, node_of(session)) << '\n';
		sids.push_back(session.sid.value);
	}
	context.out.flush();
	auto done = service->rescan(sids, [&](const varlink::RescanResult &result) {
		if (result.failure)
			context.tell(told(*result.failure,
					  str("Could not rescan session sid ", result.sid)));
	});
	if (!done)
		context.tell(done.error());
}

std::vector<kernel::SessionInfo> chosen_sessions(Context &context, const Options &options)
{
	auto sessions = context.sessions.sessions();
	if (!sessions) {
		context.tell(sessions.error());
		return {};
	}
	if (options.sid) {
		std::erase_if(*sessions, [&](const auto &session) {
			return session.sid.value != *options.sid;
		});
		if (sessions->empty())
			context.tell({Code::sysfs_lookup,
				      str("Could not get session info for sid ", *options.sid,
					  ": Hawser has no such session")});
	} else if (sessions->empty() && !options.logout) {
		context.tell(nothing_found("No active sessions."));
	}
	return std::move(*sessions);
}

std::vector<varlink::SessionStatus> known_sessions(Context &context)
{
	if (auto service = context.connect(); service)
		if (auto listed = (*service)->list_sessions(); listed)
			return std::move(*listed);
	return {};
}

const varlink::SessionStatus *status_of(const std::vector<varlink::SessionStatus> &known, Sid sid)
{
	for (const auto &status : known)
		if (status.sid == sid.value)
			return &status;
	return nullptr;
}

void show_stats(Context &context, const std::vector<kernel::SessionInfo> &sessions, bool json)
{
	auto list = nlohmann::ordered_json::array();
	for (const auto &session : sessions) {
		auto stats = context.sessions.stats(session.sid);
		if (!stats) {
			context.tell(stats.error());
			continue;
		}
		if (json)
			list.push_back(to_json(*stats));
		else
			print_stats(context.out, session, *stats);
	}
	if (json)
		print_json(context.out, list);
}

void print_versions(Context &context)
{
	const auto version = context.sessions.class_version();
	context.out << "iSCSI Transport Class version " << (version.empty() ? "unknown" : version)
		    << '\n'
		    << "version " << HAWSER_VERSION << '\n';
}

void show_sessions(Context &context, const std::vector<kernel::SessionInfo> &sessions,
		   const SessionParts &parts, bool json, const std::string &indent)
{
	const auto known = known_sessions(context);
	auto ifaces = load_ifaces(context);
	auto list = nlohmann::ordered_json::array();
	std::string last_target;
	for (const auto &session : sessions) {
		SessionExtras extras;
		auto node = context.store.node(node_of(session));
		if (node)
			extras.node = std::move(*node);
		else if (node.error().code != Code::nothing_found)
			context.tell(node.error());
		extras.iface = iface_of(ifaces, session.identity.iface);
		const auto *status = status_of(known, session.sid);
		if (status)
			extras.service_state = service_state(*status);
		extras.connections = connections_of(session, status);
		if (json || parts.devices) {
			extras.devices = context.sessions.devices(session.host);
			extras.host_state = context.sessions.host_state(session.host);
		}
		if (json) {
			list.push_back(to_json(session, extras));
			continue;
		}
		if (last_target != session.identity.target_name)
			print_session_target(context.out, session.identity.target_name, indent);
		last_target = session.identity.target_name;
		print_session(context.out, session, extras, parts, indent);
	}
	if (json)
		print_json(context.out, list);
}

void show_found(Context &context, const varlink::DiscoverReply &reply, bool json)
{
	if (json) {
		auto list = nlohmann::ordered_json::array();
		for (const auto &target : reply.targets)
			for (const auto &portal : target.portals)
				list.push_back({{"target", target.target},
						{"address", portal.address},
						{"port", portal.port},
						{"tpgt", portal.tpgt}});
		return print_json(context.out, list);
	}
	for (const auto &target : reply.targets)
		for (const auto &portal : target.portals)
			print_node_line(context.out, {portal.address, portal.port}, portal.tpgt,
					target.target);
}

} // namespace hawser::cli
