/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/pacer.h"

#include <algorithm>
#include <asio/this_coro.hpp>
#include <optional>

namespace hawser::daemon
{

/* In line at a portal, then under way; gone from there however the login ends. */
class Pacer::Turn
{
public:
	Turn(Pacer &pacer, const std::string &portal, asio::any_io_executor executor)
	    : pacer_(pacer), portal_(pacer.portals_.try_emplace(portal).first)
	{
		auto &line = portal_->second.line;
		place_in_line_ = line.emplace(line.end(), std::move(executor));
	}

	Turn(const Turn &) = delete;
	Turn &operator=(const Turn &) = delete;

	~Turn()
	{
		auto &portal = portal_->second;
		if (begun_)
			portal.begun.erase(
			    std::lower_bound(portal.begun.begin(), portal.begun.end(), *begun_));
		else
			portal.line.erase(place_in_line_);
		if (!portal.line.empty())
			portal.line.front().notify();
		else if (portal.begun.empty())
			pacer_.portals_.erase(portal_);
	}

	asio::awaitable<void> comes()
	{
		auto &portal = portal_->second;
		for (;;) {
			const bool first = place_in_line_ == portal.line.begin();
			const auto place = pacer_.next_place(portal);
			const auto now = Clock::now();
			if (first && place <= now) {
				portal.line.pop_front();
				portal.begun.push_back(now);
				begun_ = now;
				break;
			}
			// Who is not the first is woken when he is. Apart from the co_await: g++ 12
			// runs both sides of a ?: within one.
			const auto until = first ? place : Clock::time_point::max();
			co_await place_in_line_->wait_until(until);
		}
		if (!portal.line.empty())
			portal.line.front().notify();
	}

private:
	Pacer &pacer_;
	std::map<std::string, Portal>::iterator portal_;
	std::list<Signal>::iterator place_in_line_;
	std::optional<Clock::time_point> begun_;
};

/* When a login more may begin. */
Clock::time_point Pacer::next_place(const Portal &portal) const
{
	if (portal.begun.size() < places_)
		return Clock::time_point::min();
	return portal.begun[portal.begun.size() - places_] + patience_;
}

asio::awaitable<Connector::Outcome> Pacer::log_in(const Plan &plan, const std::vector<Way> &ways)
{
	Turn turn(*this, to_string(ways.front().link.portal), co_await asio::this_coro::executor);
	co_await turn.comes();
	co_return co_await connector_.log_in(plan, ways);
}

} // namespace hawser::daemon
