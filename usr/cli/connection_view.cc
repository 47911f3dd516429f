/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/connection_view.h"

#include "base/str.h"
#include "cli/sessions.h"

#include <map>
#include <nlohmann/json.hpp>

namespace hawser::cli
{

using kernel::ConnectionState;

std::string_view shown_state(ConnectionState state)
{
	switch (state) {
	case ConnectionState::free:
		return "TRANSPORT WAIT";
	case ConnectionState::in_login:
		return "IN LOGIN";
	case ConnectionState::logged_in:
		return "LOGGED IN";
	case ConnectionState::in_logout:
		return "IN LOGOUT";
	case ConnectionState::cleanup:
		return "CLEANUP WAIT";
	}
	return "Unknown";
}

std::string_view json_state(ConnectionState state)
{
	switch (state) {
	case ConnectionState::free:
		return "free";
	case ConnectionState::in_login:
		return "in_login";
	case ConnectionState::logged_in:
		return "logged_in";
	case ConnectionState::in_logout:
		return "in_logout";
	case ConnectionState::cleanup:
		return "cleanup";
	}
	return "unknown";
}

std::vector<ConnectionView> connections_of(const kernel::SessionInfo &session,
					   const varlink::SessionStatus *status)
{
	std::map<std::uint16_t, ConnectionView> by_cid;
	for (const auto &info : session.connections) {
		auto &view = by_cid[info.cid.value];
		view.state = info.state;
		view.portal = portal_of(session);
		if (info.peer_port != 0)
			view.portal = {info.peer_address, info.peer_port};
		view.iface = session.identity.iface;
		view.role = to_string(info.role);
		view.weight = info.weight;
		view.header_digest = info.header_digest;
		view.data_digest = info.data_digest;
		view.carries = info.carries;
		view.outstanding = info.outstanding;
	}
	if (status)
		for (const auto &cared : status->connections) {
			auto &view = by_cid[cared.cid];
			view.service_state = cared.state;
			// After a hop or a redirect one that is up is elsewhere than it is set to.
			if (view.state != ConnectionState::logged_in)
				view.portal = {cared.address, cared.port};
			view.iface = cared.iface;
			view.role = cared.role;
			view.weight = cared.weight;
		}
	std::vector<ConnectionView> views;
	for (auto &[cid, view] : by_cid) {
		view.cid = cid;
		views.push_back(std::move(view));
	}
	return views;
}

std::string to_string(const ConnectionView &connection, Sid sid)
{
	/* What the service does about one that is not up is more than the module knows. */
	std::string state(shown_state(connection.state));
	if (connection.state == ConnectionState::free && !connection.service_state.empty() &&
	    connection.service_state != "up")
		append(state, str(" (", connection.service_state, ")"));
	return str("[", sid.value, ":", connection.cid, "] ", config::to_string(connection.portal),
		   " through ", connection.iface, ": ", state, ", ", connection.role, ", weight ",
		   connection.weight, connection.carries ? ", carries commands, " : ", waits, ",
		   connection.outstanding, " outstanding");
}

nlohmann::ordered_json to_json(const ConnectionView &connection, Sid sid)
{
	const auto digest = [](bool crc32c) { return crc32c ? "CRC32C" : "None"; };
	return {{"sid", sid.value},
		{"cid", connection.cid},
		{"state", json_state(connection.state)},
		{"service_state", connection.service_state},
		{"address", connection.portal.host},
		{"port", connection.portal.port},
		{"iface", connection.iface},
		{"role", connection.role},
		{"weight", connection.weight},
		{"HeaderDigest", digest(connection.header_digest)},
		{"DataDigest", digest(connection.data_digest)},
		{"carries", connection.carries},
		{"outstanding", connection.outstanding}};
}

} // namespace hawser::cli
