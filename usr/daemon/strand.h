/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The care for one connection of a session whose other connections are up:
 *
 *	waiting -> joining <-> up
 *
 * - While the session has no connection at all, it waits: whoever reinstates the session
 *   (agent.h) says when there is something to join again.
 * - Then it reserves, logs in with the session's TSIH, and hands over, until that
 *   has succeeded, with a growing pause of its own. What it has lost before, the module
 *   deals with first: as long as it does (EBUSY), the pause stays short.
 * - What cannot change while the session lives (it has as many connections as it may
 *   have) is told once, and nothing is tried until the session is negotiated anew.
 *
 * The module has the truth, as everywhere: a strand that missed an event asks.
 */
#pragma once

#include "base/log.h"
#include "daemon/backoff.h"
#include "daemon/connector.h"
#include "daemon/plan.h"
#include "daemon/signal.h"
#include "kernel/control.h"

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace hawser::daemon
{

/* How the first try of a connection that somebody asked for went. */
using Joined = tl::expected<Cid, LoginFailure>;

class Strand
{
public:
	enum class State { waiting, joining, up, leaving, off };

	/* What a strand works with; all of it outlives its run(). */
	struct Surroundings {
		asio::io_context &io;
		const Log &log;
		kernel::Control &control;
		Connector &connector;
		Plan &plan; // of the session, with the strand's link in it
		std::function<std::string()> title;
		/*
		 * The module says of the session what no event has said: ENOENT, it is gone;
		 * ESHUTDOWN, it is being ended; ENOTCONN, it has no connection.
		 */
		std::function<void(int number)> on_session_news;
		/* The target denies the session, of which the module has connections. */
		std::function<void()> on_denied;
		/* Connection, portal or role has changed: what is saved is to follow. */
		std::function<void()> on_change;
	};

	/* How long to wait while the module deals with what was lost, at first and at most. */
	static constexpr std::chrono::milliseconds busy_pause{20};
	static constexpr std::chrono::milliseconds busy_pause_max{500};

	/*
	 * Joins in a row that a target refuses with "session does not exist" until it is believed:
	 * the first one may come while it closes the other connections as well.
	 */
	static constexpr unsigned denials_max = 2;

	/*
	 * A target that takes the connection and drops it right away is not asked at full speed
	 * for ever: after so many in a row that lasted less than this, there is a pause, which
	 * grows from this. Until then the session lives on one connection less.
	 */
	static constexpr std::chrono::seconds short_life{1};
	static constexpr unsigned short_lives_free = 3;
	static constexpr std::chrono::milliseconds short_life_pause{100};

	Strand(const Surroundings &surroundings, Cid cid);

	/* Cares for the connection until stop(); @self and @session live on meanwhile. */
	asio::awaitable<void> run(Sid sid, std::shared_ptr<Strand> self,
				  std::shared_ptr<void> session);
	void stop();

	/* What the module or the leading login says. */
	void note_up();
	void note_lost(std::uint16_t time2wait);
	void session_lost();
	/* @anew: it is another one at the target. */
	void session_back(bool anew = false);
	/* Whether the session has room for it, as it was negotiated last. */
	void give_room(bool room);
	/* It is being taken out of the session, or is not after all. */
	void leave(bool leaving);
	/* Calls @done once, when it is up or the next try has failed. */
	void tell_first(std::function<void(const Joined &)> done);

	Cid cid() const { return cid_; }
	State state() const;
	bool up() const { return up_; }
	/* Asked for by hand, and not near enough to the session to be saved with it. */
	bool on_trial() const { return on_trial_; }
	unsigned attempts() const { return attempts_; }
	std::optional<Clock::time_point> next_attempt() const { return next_attempt_; }
	const std::optional<LoginFailure> &last_failure() const { return last_failure_; }

private:
	asio::awaitable<void> join(Sid sid);
	asio::awaitable<Connector::Outcome> attempt(const std::vector<Way> &ways);
	asio::awaitable<void> until_unwanted();
	asio::awaitable<void> pause(std::chrono::milliseconds time);
	asio::awaitable<void> pause_until(Clock::time_point deadline);
	/* Whether a refused reservation leaves anything to try. */
	bool may_try_again(const kernel::Refusal &refusal);
	bool hand_over(Sid sid, LoggedIn &login, const kernel::Reservation &reservation);
	void note_failure(LoginFailure failure);
	bool lived_long() const { return up_ && Clock::now() - up_since_ >= short_life; }
	void note_long_life();
	void report(const Joined &joined);
	bool wanted() const;
	std::string title() const;

	Surroundings env_;
	const Cid cid_;
	bool up_ = false;
	bool was_up_ = false;	  // in the life that the session now has at the target
	bool session_up_ = false; // some connection of the session is
	bool room_ = true;
	bool leaving_ = false;
	bool stopped_ = false;
	std::uint16_t time2wait_ = 0; // seconds, of the newest loss

	Signal signal_;
	Backoff backoff_;	// after a failed login
	Backoff pace_;		// after a short life
	unsigned attempts_ = 0; // failed in a row
	unsigned denials_ = 0;	// likewise, because of the session
	Clock::time_point up_since_{};
	unsigned short_lived_ = 0; // times in a row
	/* The pause after the last one: the session may be lost and back in the meantime. */
	Clock::time_point not_before_{};
	std::optional<Clock::time_point> next_attempt_;
	std::optional<LoginFailure> last_failure_;
	std::string logged_failure_; // what was logged last
	std::function<void(const Joined &)> on_first_;
	bool on_trial_ = false;
};

} // namespace hawser::daemon
