/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The care for one session, from the first login to its end:
 *
 *	connecting -> logged_in <-> reconnecting -> ended
 *
 * - Log in, hand the socket to the module, which makes the session of it.
 * - When the module says that the connection is lost, wait what it says (Time2Wait),
 *   then log in again with the same ISID until it succeeds, with a growing pause, as
 *   whichever of the session's connections is the first to reach the target: one's network
 *   may be what was lost.
 *   Nothing but the end of the session, or node.session.reopen_max, ends this.
 * - As long as the target may still have the session's tasks (retention.h), that login
 *   reinstates a connection of the session; after that, the session itself.
 * - What joins the session or reinstates a connection of it is authenticated as its leading
 *   login was; a session in the place of the old one negotiates that anew.
 * - A final refusal does not end it either: a target that is being set up again
 *   refuses with the same words. It only makes the pause the longest.
 * - Further connections join when the session is there, each in its own time (strands.h).
 * - A target that has moved for good (RFC 7143, 11.13.5) is connected to at its new
 *   address from then on, and its record gets it, once a login there has succeeded. The
 *   names of a session's disks stay as they are until it ends.
 *
 * The module has the truth. Each step asks it (HWS_CMD_CONN_RESERVE) rather than
 * believe an event, so an event that came late, twice or not at all only costs
 * a question.
 */
#pragma once

#include "base/log.h"
#include "base/rate_limit.h"
#include "daemon/backoff.h"
#include "daemon/connector.h"
#include "daemon/plan.h"
#include "daemon/retention.h"
#include "daemon/saved.h"
#include "daemon/signal.h"
#include "daemon/strands.h"
#include "kernel/control.h"

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hawser::daemon
{

class SessionAgent : public std::enable_shared_from_this<SessionAgent>
{
public:
	enum class State { connecting, logged_in, reconnecting, ended };

	/* What an agent works with; all of it outlives the agent. */
	struct Surroundings {
		asio::io_context &io;
		const Log &log;
		kernel::Control &control;
		Connector &connector;
		SavedSessions &saved;
		/* The agent is done: it may be forgotten. */
		std::function<void(SessionAgent &)> on_end;
		/* The agent's session has got its number. */
		std::function<void(SessionAgent &)> on_session;
		/*
		 * The record is to be moved; every agent of it gets record_moved(), or this
		 * one record_kept().
		 */
		std::function<void(SessionAgent &, config::PortalId to, Tpgt)> on_moved;
		/* A login has told the portal group, which the record does not have. */
		std::function<void(const config::NodeId &, Tpgt)> on_tpgt;
	};

	/* How the first login went. */
	using FirstLogin = tl::expected<Sid, LoginFailure>;
	using OnFirstLogin = std::function<void(const FirstLogin &)>;

	/* How a first login deals with failures. */
	enum class Persistence {
		limited, // node.session.initial_login_retry_max times
		endless, // until it succeeds, or cannot here whatever the target says
	};

	/* How long a login waits for the devices of its session to be looked for. */
	static constexpr std::chrono::seconds scan_limit{30};
	/* Pause between the tries of a first login that somebody waits for. */
	static constexpr std::chrono::seconds first_login_pause{1};
	/*
	 * Losses in a row of a session that was of no use before there is a pause, which grows from
	 * this. It stays short: the target is there and takes logins, and the midlayer fails a
	 * command that has been handed back for too long.
	 */
	static constexpr unsigned fruitless_free = 2;
	static constexpr std::chrono::milliseconds fruitless_pause{100};
	static constexpr std::chrono::milliseconds fruitless_pause_max{2000};
	/* So many losses in a row have a login at once, and one more each time that this has
	 * passed. */
	static constexpr unsigned reconnects_free = 32;
	static constexpr std::chrono::milliseconds reconnects_each{250};
	/* How long a first login waits for its record to be moved. */
	static constexpr std::chrono::seconds move_limit{5};

	SessionAgent(const Surroundings &surroundings, Plan plan);

	/* Begins with a login. @on_first_login is called once, from the event loop. */
	void start(Persistence persistence, OnFirstLogin on_first_login);
	/* Begins with a session that an earlier daemon made, whose key is @key. */
	void take_over(const kernel::SessionInfo &session, std::string key);

	/*
	 * Ends the session, or the login that is under way. @done is called once when
	 * the module has removed the session, or refused to.
	 */
	void log_out(std::function<void(Status)> done);
	/* Ends a login that has no session yet; @why is how it went. */
	void give_up(Error why);

	/* What the module says about this session. */
	void on_event(const kernel::Event &event);
	/* The session as a dump has it; null when it is not in there. */
	void on_dump(const kernel::SessionInfo *session);

	/* The keys that saved secrets are under were read anew: what waited for them is saved. */
	void save_again() { save_change(); }

	/* The session's record has got another portal. */
	void record_moved(const config::Node &record);
	/* It has not, though its target has moved. */
	void record_kept(const Error &why);

	const Plan &plan() const { return plan_; }
	/* Of a session that is there. */
	Strands &strands() { return strands_; }
	const Strands &strands() const { return strands_; }
	/* Of its policy or of a connection or of both: all of it or, when refused, nothing. */
	Status change(const kernel::SessionChange &change);
	State state() const { return state_; }
	bool logging_out() const { return logging_out_; }
	std::optional<Sid> sid() const { return sid_; }
	unsigned attempts() const { return attempts_; }
	std::optional<Clock::time_point> next_attempt() const { return next_attempt_; }
	const std::optional<LoginFailure> &last_failure() const { return last_failure_; }

private:
	/* The right to one login that brings the session back. */
	struct Claim {
		Recovery recovery;
		std::vector<Way> ways = {};
		std::map<Cid, std::uint64_t> cookies = {}; // of all connections in ways
	};

	asio::awaitable<void> run(std::shared_ptr<SessionAgent> self);
	asio::awaitable<void> first_login();
	asio::awaitable<void> reconnect();
	asio::awaitable<Connector::Outcome> attempt(const std::vector<Way> &ways);
	asio::awaitable<void> pause(std::chrono::milliseconds time);
	asio::awaitable<void> pause_until(Clock::time_point deadline);
	asio::awaitable<void> until_stopped();
	asio::awaitable<void> until_scanned();
	asio::awaitable<void> until_moved();
	Result<Sid> make_session(LoggedIn &login);
	std::vector<Link> leaders();
	unsigned fruitless();
	std::uint64_t completions();
	Retention what_is_retained();
	kernel::Answer<Claim> claim();
	kernel::Answer<Claim> claim(Recovery recovery, const std::vector<Link> &leaders);
	void release(const Claim &claim, std::optional<Cid> but = {});
	std::optional<LoginFailure> hand_over(const Claim &claim, LoggedIn &login);
	void warn_of_retention(const LoginResult &result);
	void follow(Cid cid, const LoggedIn &login);
	void learn_tpgt(const LoggedIn &login);
	Strand::Surroundings of_strands();
	Status put_policy(kernel::Policy policy);
	Status save();
	void save_change();
	void leave_denied();
	void note_missing(const LoginResult &result);
	void note_failure(LoginFailure failure);
	void tell_failure(LoginFailure failure);
	static LoginFailure local_failure(Error error, bool retryable);
	/* Names what the target agreed to and the module cannot act on. */
	static Error why_refused(const kernel::Refusal &refusal,
				 const std::optional<kernel::SessionParameters> &parameters);
	/* @how the session was brought back, for the log. */
	void note_connected(std::string_view how = {});
	void wait_at_least(std::uint16_t time2wait);
	void report(FirstLogin outcome);
	void end();

	/* Nothing more is to be tried. */
	bool stopped() const { return gone_ || logging_out_; }
	std::string title() const;

	Surroundings env_;
	Plan plan_;
	std::string key_;
	Persistence persistence_ = Persistence::limited;
	OnFirstLogin on_first_login_;
	std::vector<std::function<void(Status)>> on_logged_out_;
	std::optional<Error> given_up_; // why

	State state_ = State::connecting;
	std::optional<Sid> sid_;
	bool lost_ = false;	   // the last connection; to be reserved and reconnected
	bool gone_ = false;	   // the session, by whatever hand
	bool logging_out_ = false; // by log_out()
	bool scanned_ = false;
	bool moving_ = false;		 // the record
	Clock::time_point not_before_{}; // the next login: Time2Wait of what was lost

	Signal signal_;
	Backoff backoff_;	// after a failed login
	Backoff pace_;		// after a session that was of no use
	unsigned attempts_ = 0; // failed in a row
	std::optional<Clock::time_point> next_attempt_;
	std::optional<LoginFailure> last_failure_;
	// What was logged last, so that a long outage is one line and not thousands.
	std::string logged_failure_;
	Clock::time_point logged_at_{};
	Clock::time_point lost_at_{};
	Retention retention_;
	struct Reinstated {
		Clock::time_point at{};
		std::uint64_t completions = 0; // of the session until then
	};
	std::optional<Reinstated> reinstated_; // a connection, until the next loss
	Reinstated connected_{};	       // in whatever way, the last time
	RateLimit reconnects_{reconnects_free, reconnects_each};
	unsigned fruitless_ = 0;   // connections in a row that did not last and ended no command
	unsigned short_lived_ = 0; // see Retention
	Strands strands_;
};

} // namespace hawser::daemon
