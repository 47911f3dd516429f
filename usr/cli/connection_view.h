/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The connections of a session, as the module's dump and the service know them: the module
 * has those that are or were up, the service also those that are still to join, and through
 * what each goes.
 */
#pragma once

#include "config/records.h"
#include "kernel/types.h"
#include "varlink/api.h"

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace hawser::cli
{

struct ConnectionView {
	std::uint16_t cid = 0;
	kernel::ConnectionState state = kernel::ConnectionState::free;
	std::string service_state; // of io.hawser; empty when the service does not say
	config::PortalId portal;   // where it is, or the one that it is to go to
	std::string iface;
	std::string role;
	std::uint32_t weight = 0;
	bool header_digest = false; // CRC32C, as its login has it; the module's word
	bool data_digest = false;
	bool carries = false;
	std::uint32_t outstanding = 0;
};

/* By CID. @status: of the session, null when the service does not know it. */
std::vector<ConnectionView> connections_of(const kernel::SessionInfo &session,
					   const varlink::SessionStatus *status);

/*
 * "[3:1] 192.0.2.2:3260 through eth1: LOGGED IN, active, weight 0, carries commands, 4
 * outstanding"
 */
std::string to_string(const ConnectionView &connection, Sid sid);
nlohmann::ordered_json to_json(const ConnectionView &connection, Sid sid);

/* As the transport class and iscsiadm spell it, and as JSON has it. */
std::string_view shown_state(kernel::ConnectionState state);
std::string_view json_state(kernel::ConnectionState state);

} // namespace hawser::cli
