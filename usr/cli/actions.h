/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What node and session mode both do: with records, and with live sessions. */
#pragma once

#include "cli/context.h"
#include "cli/options.h"
#include "cli/output.h"

#include <map>
#include <string>
#include <vector>

namespace hawser::cli
{

/* "target iqn..., portal 192.0.2.1:3260": what was looked for, for "nothing found". */
std::string describe(const config::NodeFilter &filter);

/* Interfaces by name; one whose record cannot be read stands at its initial values. */
std::map<std::string, config::Iface> load_ifaces(Context &context);

/* The sessions that match, or nothing after telling why. */
std::vector<kernel::SessionInfo> find_sessions(Context &context, const config::NodeFilter &filter);

/* # BEGIN RECORD..., or JSON. */
void show_nodes(Context &context, const std::vector<config::Node> &nodes, bool json);
/* Sets the values in every matching record; tells when there is none. */
void update_nodes(Context &context, const config::NodeFilter &filter,
		  const std::vector<std::pair<std::string, std::string>> &settings);
/* Refuses the records that a session uses. */
void delete_nodes(Context &context, const config::NodeFilter &filter);

/*
 * @stays: their portals were named, so the sessions do not hop to others of the portal group,
 * unless a record says itself that its sessions do.
 */
void log_in(Context &context, const std::vector<config::Node> &nodes, bool wait,
	    bool stays = false);
/* Waits for a session through one of the ways to a target, tried in turn, unless it has one. */
void log_in_to_one_of(Context &context, const std::vector<config::Node> &ways);
/* @pending: records whose logins under way are given up too. */
/* @what: of which record (describe()), for who is told that there is none. */
void log_out(Context &context, const std::vector<kernel::SessionInfo> &sessions,
	     const std::vector<config::Node> &pending, std::string_view what);
void rescan(Context &context, const std::vector<kernel::SessionInfo> &sessions);
void show_stats(Context &context, const std::vector<kernel::SessionInfo> &sessions, bool json);

/* What the service knows of its sessions; nothing when it does not run. */
std::vector<varlink::SessionStatus> known_sessions(Context &context);
const varlink::SessionStatus *status_of(const std::vector<varlink::SessionStatus> &known, Sid sid);

/* The session that -r names, or all; nothing after telling that there is none. */
std::vector<kernel::SessionInfo> chosen_sessions(Context &context, const Options &options);

/* Trees with these parts, or JSON with everything. */
void show_sessions(Context &context, const std::vector<kernel::SessionInfo> &sessions,
		   const SessionParts &parts, bool json, const std::string &indent = "");
/* The lines above trees with devices: the versions. */
void print_versions(Context &context);

/* What a SendTargets brought, a line a portal, or JSON. */
void show_found(Context &context, const varlink::DiscoverReply &reply, bool json);

/* "No records found" and the like, exit status 21. */
Error nothing_found(std::string text);

} // namespace hawser::cli
