/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hosts, to be looked at: each session is a SCSI host of its own. */
#include "base/str.h"
#include "cli/actions.h"
#include "cli/modes.h"

#include <nlohmann/json.hpp>

namespace hawser::cli
{

namespace
{

std::string local_address(const kernel::SessionInfo &session)
{
	for (const auto &connection : session.connections)
		if (!connection.local_address.empty())
			return connection.local_address;
	return std::string(empty_value);
}

void print_host(Context &context, const kernel::SessionInfo &session, int level)
{
	context.out << "Host Number: " << session.host
		    << "\n\tState: " << context.sessions.host_state(session.host)
		    << "\n\tTransport: tcp\n\tInitiatorname: " << session.identity.initiator_name
		    << "\n\tIPaddress: " << local_address(session)
		    << "\n\tHWaddress: " << empty_value << "\n\tNetdev: " << empty_value << '\n';
	if (level < 2)
		return;
	context.out << "\t*********\n\tSessions:\n\t*********\n";
	show_sessions(context, {session}, SessionParts::of_host_level(level), false, "\t");
}

} // namespace

void run_host_mode(Context &context, const Options &options)
{
	if (!options.ops.empty() && options.op() != Op::show)
		return context.tell({Code::not_supported, "hosts can only be shown"});
	auto sessions = find_sessions(context, {});
	if (options.host)
		std::erase_if(sessions,
			      [&](const auto &session) { return session.host != *options.host; });
	if (sessions.empty()) {
		if (context.exit_status() == 0)
			context.tell(nothing_found(options.host
						       ? str("Hawser has no host ", *options.host)
						       : "No iSCSI hosts."));
		return;
	}
	if (options.json) {
		auto list = nlohmann::ordered_json::array();
		for (const auto &session : sessions)
			list.push_back({{"host", session.host},
					{"state", context.sessions.host_state(session.host)},
					{"transport", "hawser"},
					{"transport_name", "tcp"},
					{"initiator", session.identity.initiator_name},
					{"address", local_address(session)},
					{"sid", session.sid.value}});
		return print_json(context.out, list);
	}
	const int level = options.print_level.value_or(0);
	if (level >= 4)
		print_versions(context);
	for (const auto &session : sessions) {
		if (level >= 1)
			print_host(context, session, level);
		else
			context.out << "tcp: [" << session.host << "] " << local_address(session)
				    << ",[" << empty_value << "]," << empty_value << ' '
				    << session.identity.initiator_name << '\n';
	}
}

} // namespace hawser::cli
