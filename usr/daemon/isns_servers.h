/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The iSNS servers of this machine: those with a discovery record whose
 * discovery.isns.use_discoveryd is Yes, and those that DHCP names when
 * discovery.isns.dhcp is. Records may be made, changed and deleted by anybody at any
 * time: the folder is watched.
 */
#pragma once

#include "config/store.h"
#include "daemon/discovery.h"
#include "daemon/isns_leases.h"
#include "daemon/isns_server.h"

#include <functional>
#include <map>

namespace hawser::daemon
{

class IsnsServers
{
public:
	/* All of it outlives the servers. */
	struct Surroundings {
		asio::io_context &io;
		const Log &log;
		config::Store &store;
		IsnsServer::Timings timings = {};
		LeaseFolders leases = {};
		/* Gets the records that came by themselves and are to be logged in to. */
		std::function<void(std::vector<config::Node>)> log_in = {};
	};

	explicit IsnsServers(Surroundings surroundings) : env_(std::move(surroundings)) {}

	/* Begins with what is configured, and follows it. */
	void start();
	/* Looks at the configuration again. */
	void reload();

	/*
	 * io.hawser.Discover of type isns: asks the server of the call, by its registration
	 * when there is one; else once, registered for as long as the question takes
	 * where the server wants that. Does not add it.
	 */
	asio::awaitable<DiscoveryOutcome> discover(varlink::DiscoverCall call);

	/* Null when it is not followed. */
	std::shared_ptr<IsnsServer> find(const config::PortalId &where) const;

private:
	std::map<config::PortalId, config::Settings> configured();
	asio::awaitable<void> follow_records();
	asio::awaitable<void> look_now_and_then();
	Status keep(const config::PortalId &server, const DiscoveryReply &reply,
		    const std::function<bool(const std::string &)> &gone);
	asio::awaitable<Result<DiscoveryReply>> ask_once(config::PortalId where);

	Surroundings env_;
	struct Followed {
		std::shared_ptr<IsnsServer> server;
		config::Settings settings;
	};
	std::map<config::PortalId, Followed> servers_;
	std::vector<std::string> lease_problems_; // that were told last
};

} // namespace hawser::daemon
