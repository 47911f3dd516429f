/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The iSNS servers of this machine: those with a discovery record whose
 * discovery.isns.use_discoveryd is Yes, and those that DHCP names when
 * discovery.isns.dhcp is. Records may be made, changed and deleted by anybody at any
 * time: the folder is watched. All files are the worker's to read and write.
 */
#pragma once

#include "config/store.h"
#include "daemon/discovery.h"
#include "daemon/isns_leases.h"
#include "daemon/isns_server.h"

#include <asio/thread_pool.hpp>
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
		asio::thread_pool &worker;
		config::Paths paths;
		/* Sessions::in_use() and note_vanished(). */
		std::function<config::Store::InUse()> in_use;
		std::function<void(const std::vector<config::NodeId> &)> note_vanished;
		/* Gets the records that came by themselves and are to be logged in to. */
		std::function<void(std::vector<config::Node>)> log_in;
		IsnsServer::Timings timings = {};
		LeaseFolders leases = {};
	};

	explicit IsnsServers(Surroundings surroundings) : env_(std::move(surroundings)) {}

	/* Begins with what is configured, and follows it. */
	void start();
	/* Looks at the configuration again. */
	asio::awaitable<void> reload();

	/*
	 * io.hawser.Discover of type isns: asks the server of the call, by its registration
	 * when there is one; else once, registered for as long as the question takes
	 * where the server wants that. Does not add it.
	 */
	asio::awaitable<DiscoveryOutcome> discover(varlink::DiscoverCall call);

	/* Null when it is not followed. */
	std::shared_ptr<IsnsServer> find(const config::PortalId &where) const;

private:
	/* What is configured, as it was read. */
	struct Configured {
		std::map<config::PortalId, config::Settings> servers;
		std::optional<config::Identity> identity; // none: it cannot be read
		bool whole = true;			  // else servers may be missing
		std::vector<Error> problems;
		std::vector<std::string> lease_problems;
	};

	static Configured read_configured(const config::Paths &paths, const LeaseFolders &leases);
	void take(const Configured &configured);
	asio::awaitable<void> follow_records();
	asio::awaitable<void> look_now_and_then();
	asio::awaitable<Result<config::Identity>> identity();
	asio::awaitable<Status> keep(config::PortalId server, DiscoveryReply reply,
				     IsnsServer::Gone gone);
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
