/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One function a mode; each tells its errors to the context. */
#pragma once

#include "cli/context.h"
#include "cli/options.h"

#include <string>
#include <vector>

namespace hawser::cli
{

void run_node_mode(Context &context, const Options &options);
void run_session_mode(Context &context, const Options &options);
void run_connection_mode(Context &context, const Options &options);
/* The policy among @settings is for the live session at once, if there is one among them. */
void set_live_policy(Context &context, const kernel::SessionInfo &session,
		     const std::vector<std::pair<std::string, std::string>> &settings);
void run_discovery_mode(Context &context, const Options &options);
void run_fw_mode(Context &context, const Options &options);
/* Of discovery mode, type fw. */
void run_fw_discovery(Context &context, const Options &options);
void run_iface_mode(Context &context, const Options &options);
void run_host_mode(Context &context, const Options &options);
void run_initiator_mode(Context &context, const Options &options);
void run_import(Context &context, const Options &options);
void run_new_key(Context &context, const Options &options);

/* The whole program but for what main() makes; returns the exit status. */
int run(Context &context, const std::vector<std::string> &arguments);

} // namespace hawser::cli
