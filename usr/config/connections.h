/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The connections of a session as its record has them: node.session.nr_connections of
 * them, connection i with CID i. Connection 0 goes to the record's portal through its
 * interface; a further one as well, unless its node.conn[i] says otherwise.
 */
#pragma once

#include "base/types.h"
#include "config/records.h"

#include <string>
#include <string_view>
#include <vector>

namespace hawser::config
{

struct ConnectionRecord {
	Cid cid;
	PortalId portal;
	std::string iface;
	std::string role = "active"; // or "standby"
	std::uint32_t weight = 0;
	bool of_record = false; // it goes to the portal that the record is of, and moves with it
	std::string header_digest = {}; // as lists; empty: as node.conn[0] has it
	std::string data_digest = {};

	friend bool operator==(const ConnectionRecord &, const ConnectionRecord &) = default;
};

/* "node.conn[3].weight" */
std::string connection_key(Cid cid, std::string_view field);

/* Those that the record has, by CID. */
std::vector<ConnectionRecord> connections_of(const Node &node);
/* Connection @cid, whether or not the record has as many. */
ConnectionRecord connection_of(const Node &node, Cid cid);

/*
 * Whether the policy has a connection to choose: failover and round-robin-subset need one
 * that is active. Code::invalid_argument names keys and rule.
 */
Status check_policy(std::string_view policy, const std::vector<ConnectionRecord> &connections);
Status check_policy(const Node &node);
/* Whether a value of this key has part in that. */
bool is_of_policy(std::string_view key);

/* A record shows the further connections that it has, and what was set of others. */
bool is_shown(const Settings &settings, const RecordKey &key);

} // namespace hawser::config
