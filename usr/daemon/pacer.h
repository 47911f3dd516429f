/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Logins in turn: so many to one portal at once, and no more. A thousand at once would
 * overrun the queue of connections that a portal has (256 at LIO), wait there while
 * their time-outs run, and begin anew. Here the others wait in line, and their time
 * begins when it is their turn.
 *
 * A login that takes long waits for its target and not for its turn at the portal. It
 * goes on, but its place is given to the next: targets that do not answer hold up the
 * others at their portal for no longer than @patience, and those at other portals
 * not at all.
 */
#pragma once

#include "daemon/connector.h"
#include "daemon/signal.h"

#include <chrono>
#include <list>
#include <map>
#include <string>
#include <vector>

namespace hawser::daemon
{

class Pacer : public Connector
{
public:
	static constexpr unsigned default_places = 32;
	static constexpr std::chrono::milliseconds default_patience{2000};

	/* @connector, which logs in, outlives the pacer. @places is at least 1. */
	explicit Pacer(Connector &connector, unsigned places = default_places,
		       std::chrono::milliseconds patience = default_patience)
	    : connector_(connector), places_(places), patience_(patience)
	{
	}

	/* In line at the first way's portal. */
	asio::awaitable<Outcome> log_in(const Plan &plan, const std::vector<Way> &ways) override;

private:
	struct Portal {
		std::vector<Clock::time_point> begun; // of the logins under way, oldest first
		std::list<Signal> line;
	};
	class Turn;

	Clock::time_point next_place(const Portal &portal) const;

	Connector &connector_;
	const unsigned places_;
	const std::chrono::milliseconds patience_;
	std::map<std::string, Portal> portals_; // by address and port; none without a login
};

} // namespace hawser::daemon
