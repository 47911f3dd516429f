/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/refresh.h"

#include "daemon/startup.h"
#include "daemon/worker.h"

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <optional>
#include <sys/stat.h>

namespace hawser::daemon
{

Refresher::Refresher(Surroundings surroundings)
    : env_(std::move(surroundings)), signal_(env_.io.get_executor())
{
}

Result<Refresher::Wishes> Refresher::read_wishes(const config::Paths &paths)
{
	config::Store store(paths);
	auto records = store.discovery_records();
	if (!records)
		return tl::unexpected(records.error());
	Wishes all;
	all.problems = std::move(records->problems);
	for (config::DiscoveryRecord &record : records->items) {
		if (record.kind() != config::RecordKind::send_targets)
			continue;
		const config::Settings &s = record.settings;
		Wish wish;
		wish.portal = record.portal;
		wish.polled = s.yes("discovery.sendtargets.use_discoveryd");
		wish.at_start = wish.polled || s.get("discovery.startup") != "manual";
		wish.interval =
		    std::chrono::seconds(s.number("discovery.sendtargets.discoveryd_poll_inval"));
		all.wishes.push_back(std::move(wish));
	}
	return all;
}

/*
 * Records are replaced by renaming, which the folder shows. The disk that it is on may be one
 * that is to be brought back: only the worker may wait for it.
 */
asio::awaitable<bool> Refresher::records_changed()
{
	auto look = [folder = env_.paths.discovery()] {
		struct stat now {
		};
		return stat(folder.c_str(), &now) < 0 ? std::optional<timespec>()
						      : std::optional<timespec>(now.st_mtim);
	};
	const auto changed_at = co_await on_worker(env_.worker, std::move(look));
	if (!changed_at)
		co_return !portals_.empty();
	if (changed_at->tv_sec == seen_.tv_sec && changed_at->tv_nsec == seen_.tv_nsec)
		co_return false;
	// The next change may come in the same tick of the file system's clock.
	const bool settled = changed_at->tv_sec + 1 < std::time(nullptr);
	seen_ = settled ? *changed_at : timespec{};
	co_return true;
}

asio::awaitable<void> Refresher::run()
{
	for (bool starting = true;;) {
		const bool changed = co_await records_changed();
		if (changed || starting) {
			auto read = [paths = env_.paths] { return read_wishes(paths); };
			auto wishes = co_await on_worker(env_.worker, std::move(read));
			if (wishes) {
				take(*wishes, starting);
				// A record that cannot be read for now is looked for again.
				starting = starting && !wishes->problems.empty();
				if (!wishes->problems.empty())
					seen_ = {};
				told_.clear();
			} else {
				seen_ = {}; // to be read again, whether it changes or not
				if (std::exchange(told_, wishes.error().text) !=
				    wishes.error().text)
					env_.log(Level::error,
						 "discovery records: ", wishes.error().text);
			}
		}

		const auto now = Clock::now();
		auto next = now + look_again;
		for (const auto &[id, portal] : portals_) {
			if (portal->under_way || (!portal->owed && !portal->wish.repeated()))
				continue;
			if (portal->next <= now) {
				portal->under_way = true;
				asio::co_spawn(env_.io, refresh(portal), escalate);
			} else {
				next = std::min(next, portal->next);
			}
		}
		co_await signal_.wait_until(next);
	}
}

/* The portals are those that have a record, or may have; what is known of them is kept. */
void Refresher::take(const Wishes &wishes, bool starting)
{
	std::set<std::string> problems;
	for (const Error &problem : wishes.problems)
		if (problems.insert(problem.text).second && !problems_.contains(problem.text))
			env_.log(Level::error, problem.text);
	problems_ = std::move(problems);
	std::map<config::PortalId, std::shared_ptr<Portal>> listed;
	for (const Wish &wish : wishes.wishes) {
		auto known = portals_.find(wish.portal);
		auto portal =
		    known == portals_.end() ? std::make_shared<Portal>(wish.portal) : known->second;
		// Asked for anew, or sooner than before.
		if ((wish.polled && !portal->wish.polled && !portal->under_way) ||
		    (starting && wish.at_start && known == portals_.end())) {
			portal->owed = true;
			portal->next = {};
		} else if (wish.interval < portal->wish.interval) {
			portal->next = std::min(portal->next, Clock::now() + wish.interval);
		}
		portal->owed = portal->owed && wish.at_start;
		portal->wish = wish;
		listed[wish.portal] = std::move(portal);
	}
	if (!problems_.empty())
		listed.merge(portals_); // one of them may be what could not be read
	portals_ = std::move(listed);
}

asio::awaitable<void> Refresher::refresh(std::shared_ptr<Portal> portal)
{
	varlink::DiscoverCall call;
	call.address = portal->wish.portal.host;
	call.port = portal->wish.portal.port;
	// No "update": that would set known records back to hawserd.conf each time.
	call.changes = {"new", "delete"};
	const auto outcome = co_await env_.ask(std::move(call));
	note(*portal, outcome);
	portal->under_way = false;
	portal->owed =
	    !outcome && (outcome.error().retryable || may_pass(outcome.error().error.code));
	const bool soon = portal->owed && !portal->wish.repeated();
	portal->next = Clock::now();
	portal->next += soon ? portal->backoff.next() : Clock::duration(portal->wish.interval);
	if (outcome)
		portal->backoff.reset();
	if (outcome && !(*outcome)->automatic.empty())
		env_.log_in((*outcome)->automatic);
	signal_.notify();
}

/* What is new is logged, not that all is as it was, or fails as it did. */
void Refresher::note(Portal &portal, const DiscoveryOutcome &outcome)
{
	const std::string title = "refreshing " + config::to_string(portal.wish.portal);
	if (!outcome) {
		const Error &error = outcome.error().error;
		if (error.code != Code::nothing_found && error.text != portal.failure)
			env_.log(Level::error, title, ": ", error.text);
		portal.failure = error.text;
		return;
	}
	if (!portal.failure.empty())
		env_.log(Level::notice, title, ": it answers again");
	portal.failure.clear();
	const Discovered &found = **outcome;
	if (found.added != 0 || found.removed != 0)
		env_.log(Level::notice, title, ": new: ", found.added, ", gone: ", found.removed);
	for (const auto *lines : {&found.warnings, &found.reply.skipped}) {
		for (const std::string &line : *lines)
			env_.log(Level::info, title, ": ", line);
	}
}

} // namespace hawser::daemon
