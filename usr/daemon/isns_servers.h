/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The iSNS servers of this machine: those with a discovery record whose
 * discovery.isns.use_discoveryd is Yes, and those that DHCP names when
 * discovery.isns.dhcp is. Records may be made, changed and deleted by anybody at any
 * time: the folder is watched. All files are the worker's to read and write.
 *
 * To a server we are one entity, whatever name it was reached by: what DHCP names is left to
 * the record that is of the same address and port, as soon as that is known to be so.
 */
#pragma once

#include "config/store.h"
#include "daemon/discovery.h"
#include "daemon/isns_leases.h"
#include "daemon/isns_server.h"
#include "iscsi/resolve.h"

#include <asio/thread_pool.hpp>
#include <functional>
#include <map>
#include <set>

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
		LookUp look_up = hawser::look_up;
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
		std::map<config::PortalId, config::Settings> leased;  // named by DHCP
		std::map<config::PortalId, config::Settings> records; // to be followed
		std::vector<config::PortalId> excepted;		      // records that are not
		std::optional<config::Identity> identity;	      // none: it cannot be read
		bool whole = true;				      // else servers may be missing
		std::vector<Error> problems;
		std::vector<std::string> lease_problems;
	};

	static Configured read_configured(const config::Paths &paths, const LeaseFolders &leases);
	using Servers = std::map<config::PortalId, config::Settings>;
	/* What is to be followed: records, and what DHCP names beside them. */
	Servers wanted_of(const Configured &configured) const;
	void take(const Configured &configured);
	/* Learns the addresses of @where; those that were known before stay when it fails. */
	asio::awaitable<void> locate(config::PortalId where);
	bool at_one_place(const config::PortalId &a, const config::PortalId &b) const;
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
	struct Places {
		std::set<asio::ip::tcp::endpoint> known; // IPv4 in its own form
		Clock::time_point asked_at{};
	};
	std::map<config::PortalId, Places> places_;
	unsigned reloads_ = 0;			  // begun
	unsigned taken_ = 0;			  // the youngest of them that was taken
	std::vector<std::string> lease_problems_; // that were told last
};

} // namespace hawser::daemon
