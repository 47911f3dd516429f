/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a login needs of the records, worked out before it begins. For the worker: it
 * waits for the disk, and for whoever else writes records.
 */
#pragma once

#include "config/store.h"
#include "daemon/plan.h"
#include "daemon/saved.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace hawser::daemon
{

/* Settings that are given for one login, by their keys. */
using Overrides = std::map<std::string, std::string>;
inline const Overrides no_overrides;

struct PreparedLogin {
	/* Of one session, or why it cannot be. */
	struct Session {
		Isid isid;
		Result<Plan> plan;
	};

	config::NodeId id;
	std::size_t wanted = 0; // node.session.nr_sessions
	std::vector<Session> sessions;
	std::vector<std::string> warnings;
	std::optional<SessionKeys> keys; // that its secrets are under, if it has any
};

/*
 * The connections that the record has beside the first, the interfaces they go through, and
 * the portals that its sessions may hop to: those of the records of the same target and
 * interface that are not known to be of another portal group.
 */
Result<LinkSource> links_of(const config::Node &node, config::Store &store);

/*
 * @overrides stand above the record's settings; of authentication, they have all or
 * nothing. The record is given the ISIDs that it has too few of.
 */
Result<PreparedLogin> prepare_login(const config::Node &node, const Overrides &overrides,
				    config::Store &store);

} // namespace hawser::daemon
