/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/str.h"
#include "cli/actions.h"
#include "cli/modes.h"

#include <iomanip>
#include <nlohmann/json.hpp>
#include <sstream>

namespace hawser::cli
{

namespace
{

void ping(Context &context, const Options &options)
{
	if (!options.sid)
		return context.tell({Code::invalid_argument, "ping requires a session (-r)"});
	if (chosen_sessions(context, options).empty())
		return;
	auto service = context.connect();
	if (!service)
		return context.tell(service.error());
	varlink::PingCall call;
	call.sid = *options.sid;
	call.cid = options.cid;
	call.size = options.ping_size;
	call.count = options.ping_count;
	call.interval_ms = std::max(1u, options.ping_interval * 1000);
	auto list = nlohmann::ordered_json::array();
	auto done = (*service)->ping(call, [&](const varlink::PingResult &result) {
		if (options.json)
			list.push_back(
			    {{"sequence", result.sequence},
			     {"size", result.size},
			     {"round_trip_ns", result.round_trip_ns
						   ? nlohmann::ordered_json(*result.round_trip_ns)
						   : nlohmann::ordered_json()},
			     {"failure", result.failure
					     ? nlohmann::ordered_json(result.failure->text)
					     : nlohmann::ordered_json()}});
		if (result.failure)
			return context.tell(
			    {result.failure->code,
			     str("Ping ", result.sequence, " failed: ", result.failure->text)});
		if (options.json)
			return;
		std::ostringstream time;
		time << std::fixed << std::setprecision(3)
		     << static_cast<double>(result.round_trip_ns.value_or(0)) / 1e6;
		context.out << "Ping " << result.sequence << " completed: " << result.size
			    << " bytes in " << time.str() << " ms\n"
			    << std::flush;
	});
	if (options.json)
		print_json(context.out, list);
	if (!done)
		context.tell(done.error());
}

/* The portals of a session's target, as it tells them within the session. */
void send_targets(Context &context, const Options &options)
{
	if (!options.sid)
		return context.tell(
		    {Code::invalid_argument, "sendtargets requires a session (-r)"});
	if (chosen_sessions(context, options).empty())
		return;
	auto service = context.connect();
	if (!service)
		return context.tell(service.error());
	auto reply = (*service)->send_targets({*options.sid, options.cid});
	if (!reply)
		return context.tell(
		    {reply.error().code, str("Could not perform SendTargets in session ",
					     *options.sid, ": ", reply.error().text)});
	for (const auto &skipped : reply->skipped)
		context.warn(str("not taken: ", skipped));
	if (reply->targets.empty())
		return context.tell(nothing_found(
		    str("No portals found: the target of session ", *options.sid, " named none")));
	show_found(context, *reply, options.json);
}

/* A task management function, and what the target says of it. */
void manage_tasks(Context &context, const Options &options)
{
	if (!options.sid)
		return context.tell({Code::invalid_argument, "tmf requires a session (-r)"});
	const auto sessions = chosen_sessions(context, options);
	if (sessions.empty())
		return;
	auto service = context.connect();
	if (!service)
		return context.tell(service.error());
	const TaskManagementFunction &function = *options.function;
	varlink::TaskManagementCall call;
	call.sid = *options.sid;
	call.cid = options.cid;
	call.function = function.name;
	if (options.lun)
		call.lun = options.lun->value;
	const std::string what =
	    str(options.lun ? str("LUN ", options.lun->value, " of ") : "",
		session_label(options.sid, node_of(sessions.front())), ": ", function.words, ": ");
	auto reply = (*service)->task_management(call);
	if (!reply)
		return context.tell({reply.error().code, str(what, reply.error().text)});
	const auto or_null = [](const auto &value) {
		return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json();
	};
	if (options.json)
		print_json(
		    context.out,
		    {{"sid", call.sid},
		     {"target", sessions.front().identity.target_name},
		     {"function", call.function},
		     {"lun", or_null(call.lun)},
		     {"response", or_null(reply->response)},
		     {"text", or_null(reply->text)},
		     {"failure", reply->failure ? nlohmann::ordered_json(reply->failure->text)
						: nlohmann::ordered_json()}});
	if (reply->failure)
		return context.tell({reply->failure->code, str(what, reply->failure->text)});
	if (!options.json)
		context.out << what << reply->text.value_or("") << '\n';
}

/* -o of session mode works on the records of the sessions. */
void work_on_records(Context &context, const Options &options,
		     const std::vector<kernel::SessionInfo> &sessions)
{
	std::vector<config::Node> nodes;
	for (const auto &session : sessions) {
		const auto id = node_of(session);
		const config::NodeFilter filter{
		    id.target, id.portal.host, id.portal.port, {}, id.iface};
		switch (options.op().value_or(Op::show)) {
		case Op::update:
			update_nodes(context, filter, options.settings);
			set_live_policy(context, session, options.settings);
			break;
		case Op::remove:
			delete_nodes(context, filter);
			break;
		case Op::show: {
			auto node = context.store.node(id);
			if (node)
				nodes.push_back(std::move(*node));
			else
				context.tell(node.error());
			break;
		}
		case Op::add:
			return context.tell(
			    {Code::not_supported,
			     "operation new is not supported in session mode: set "
			     "node.session.nr_sessions of the record and log in again"});
		case Op::nonpersistent:
			return; // refused by the parser
		}
	}
	if (!nodes.empty())
		show_nodes(context, nodes, options.json);
}

} // namespace

void run_session_mode(Context &context, const Options &options)
{
	const int level = options.print_level.value_or(0);
	if (level > 3)
		return context.tell(
		    {Code::invalid_argument, str("Invalid info level ", level, ". Try 0 - 3.")});
	if (options.ping)
		return ping(context, options);
	if (options.send_targets)
		return send_targets(context, options);
	if (options.task_management)
		return manage_tasks(context, options);

	const auto sessions = chosen_sessions(context, options);
	if (context.exit_status() != 0)
		return;
	if (options.logout)
		return log_out(context, sessions, {}, "");
	if (options.rescan)
		return rescan(context, sessions);
	if (options.stats)
		return show_stats(context, sessions, options.json);
	if (!options.ops.empty() || (options.sid && level == 0 && !options.json))
		return work_on_records(context, options, sessions);
	if (level >= 3 && !options.json)
		print_versions(context);
	if (level >= 1 || options.json)
		return show_sessions(context, sessions, SessionParts::of_level(level),
				     options.json);
	for (const auto &session : sessions)
		print_session_line(context.out, session);
}

} // namespace hawser::cli
