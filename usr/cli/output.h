/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What listings look like: iscsiadm's layout, byte for byte where it has one, and
 * JSON.
 */
#pragma once

#include "cli/connection_view.h"
#include "cli/sessions.h"
#include "config/records.h"

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

namespace hawser::cli
{

inline constexpr std::string_view empty_value = "<empty>";

/* "192.0.2.1:3260,1 iqn..." */
void print_node_line(std::ostream &out, const config::PortalId &portal, int tpgt,
		     const std::string &target);

/* Target, portals, interfaces, one below the other and indented. Sorted nodes. */
void print_node_tree(std::ostream &out, const std::vector<config::Node> &nodes);

/* # BEGIN RECORD ... # END RECORD */
void print_record(std::ostream &out, const config::Node &node, const config::Iface &iface);
void print_record(std::ostream &out, const config::Iface &iface);
void print_record(std::ostream &out, const config::DiscoveryRecord &record);

/* "default tcp,<empty>,<empty>,<empty>,<empty>" */
void print_iface_line(std::ostream &out, const config::Iface &iface);

/* "tcp: [1] 192.0.2.1:3260,1 iqn... (non-flash)" */
void print_session_line(std::ostream &out, const kernel::SessionInfo &session);

/* What a session's tree shows beside the session itself. */
struct SessionExtras {
	std::optional<config::Node> node; // its record, when it has one
	config::Iface iface{"default"};
	std::string service_state = "Unknown"; // "NO CHANGE", "REOPEN"...
	std::vector<ConnectionView> connections;
	std::vector<Device> devices;
	std::string host_state = "Unknown";
};

/* What a session's tree holds below its portals and its interface. */
struct SessionParts {
	bool timeouts_and_chap = false;
	bool negotiated = false;
	bool connections = false;
	bool devices = false;
	bool host = false; // the host's line above the devices

	/* Of session mode, print level 1 to 3. */
	static SessionParts of_level(int level)
	{
		return {level >= 2, level >= 2, level >= 3, level >= 3, level >= 3};
	}
	/* Of host mode, print level 2 to 4. */
	static SessionParts of_host_level(int level)
	{
		return {false, level >= 3, level >= 4, level >= 4, false};
	}
};

/* One session, every line after @indent. */
void print_session(std::ostream &out, const kernel::SessionInfo &session,
		   const SessionExtras &extras, const SessionParts &parts,
		   const std::string &indent);

/* The counters that iscsiadm has, under its names, then our further ones. */
void print_stats(std::ostream &out, const kernel::SessionInfo &session,
		 const kernel::SessionStats &stats);
/* The two lines above its sessions: their target. */
void print_session_target(std::ostream &out, const std::string &target, const std::string &indent);

/* "[sid: 1, target: iqn..., portal: 192.0.2.1,3260]" */
std::string session_label(std::optional<std::uint32_t> sid, const config::NodeId &id);
/* "[iface: default, target: iqn..., portal: 192.0.2.1,3260]" */
std::string node_label(const config::NodeId &id);

nlohmann::ordered_json to_json(const config::Node &node, const config::Iface &iface);
nlohmann::ordered_json to_json(const config::Iface &iface);
nlohmann::ordered_json to_json(const config::DiscoveryRecord &record);
nlohmann::ordered_json to_json(const kernel::SessionInfo &session, const SessionExtras &extras);
nlohmann::ordered_json to_json(const kernel::SessionStats &stats);
void print_json(std::ostream &out, const nlohmann::ordered_json &json);

} // namespace hawser::cli
