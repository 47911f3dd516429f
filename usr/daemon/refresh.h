/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keeps what SendTargets portals have named current. A portal whose record says
 * discovery.sendtargets.use_discoveryd is asked when the service starts, or when its
 * record comes to say so, and from then on every discoveryd_poll_inval seconds,
 * counted from the end of the last time; with 0 it is asked once. One whose
 * discovery.startup is automatic (or onboot) is asked when the service starts. Once means
 * until it has answered, or fails for a reason that does not pass by itself.
 *
 * A refresh makes records for portals that are new, through the interfaces that the
 * portal's record names, and logs in to those whose node.startup is automatic; what
 * the portal names no more goes, or is marked while a session uses it. Records that
 * are known stay as they are, and no session is ended. A portal that was taken
 * from the list is not asked any more, and not put back by a refresh under way.
 */
#pragma once

#include "base/log.h"
#include "config/store.h"
#include "daemon/backoff.h"
#include "daemon/discovery.h"

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/thread_pool.hpp>
#include <ctime>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace hawser::daemon
{

class Refresher
{
public:
	struct Surroundings {
		asio::io_context &io;
		const Log &log;
		asio::thread_pool &worker;
		config::Paths paths;
		/* Asks a portal that is listed. */
		std::function<asio::awaitable<DiscoveryOutcome>(varlink::DiscoverCall)> ask;
		/* Logs in to new nodes. */
		std::function<void(std::vector<config::Node>)> log_in;
	};

	/* A record that was changed is looked at after this. */
	static constexpr std::chrono::seconds look_again{10};

	explicit Refresher(Surroundings surroundings);

	/* Goes on until the event loop ends. */
	asio::awaitable<void> run();

private:
	/* What a portal's record says about when. */
	struct Wish {
		config::PortalId portal;
		bool at_start = false;
		bool polled = false;
		std::chrono::seconds interval{0};

		bool repeated() const { return polled && interval.count() > 0; }
	};

	struct Wishes {
		std::vector<Wish> wishes;
		std::vector<Error> problems;
	};

	struct Portal {
		explicit Portal(const config::PortalId &id)
		    : backoff(static_cast<std::uint32_t>(std::hash<std::string>()(id.host)))
		{
		}

		Wish wish;
		bool owed = false; // an answer, whatever the interval is
		bool under_way = false;
		Clock::time_point next;
		Backoff backoff;     // of those that are asked once
		std::string failure; // that was logged last
	};

	static Result<Wishes> read_wishes(const config::Paths &paths);
	asio::awaitable<bool> records_changed();
	void take(const Wishes &wishes, bool starting);
	asio::awaitable<void> refresh(std::shared_ptr<Portal> portal);
	void note(Portal &portal, const DiscoveryOutcome &outcome);

	Surroundings env_;
	Signal signal_;
	std::map<config::PortalId, std::shared_ptr<Portal>> portals_;
	std::set<std::string> problems_; // of records, that were there the last time
	std::string told_;		 // why the records could not be read, as it was logged last
	timespec seen_{};		 // when the folder of discovery records was changed last
};

} // namespace hawser::daemon
