/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One iSNS server as long as it is configured: registered with, asked when something
 * has changed, and left in good order when it is removed.
 *
 *	- connected: what the registration needs to be kept is there, else it is made;
 *	- a state change, a request, the poll interval or five minutes' time asks for the targets;
 *	- the server closes or is silent: connect again, with pauses that grow;
 *	- a registration that the server forgot is made again, and that targets are gone
 *	  which it has not named since is believed only when they have had the time to
 *	  come back too; what it names is taken only from one that knows us still;
 *	- another name of the initiator's takes the registered one's place;
 *	- status inquiries that do not come are warned about, and done without when they
 *	  have cost the registration twice.
 *
 * State changes and inquiries may come on our connection, or on one that the server
 * makes to our port. What they can set off is an answer and one more query.
 */
#pragma once

#include "base/log.h"
#include "base/rate_limit.h"
#include "base/str.h"
#include "config/identity.h"
#include "config/records.h"
#include "daemon/backoff.h"
#include "daemon/signal.h"
#include "isns/client.h"

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace hawser::daemon
{

class IsnsServer : public std::enable_shared_from_this<IsnsServer>
{
public:
	struct Timings {
		Seconds answer{15}; // to each request, and for the connection
		/* From a lost registration to what it names no more being gone. */
		Clock::duration restart_grace = std::chrono::minutes(5);
		Clock::duration between_queries = std::chrono::seconds(1); // of state changes
		Clock::duration inquiry_slack = std::chrono::seconds(5);
		/* Without a message on a connection that the server made. */
		Clock::duration incoming_idle = std::chrono::minutes(15);
		/* From one look at the registration, and at the targets, to the next at most. */
		Clock::duration look_again = std::chrono::minutes(5);
	};

	/* By the name of a target. */
	using Gone = std::function<bool(const std::string &)>;

	/* All of it outlives the server. */
	struct Surroundings {
		asio::io_context &io;
		const Log &log;
		std::function<asio::awaitable<Result<config::Identity>>()> identity;
		/*
		 * Stores what @server names. Of the targets that it names no more those go
		 * for which @gone holds; it may be asked in another thread.
		 */
		std::function<asio::awaitable<Status>(config::PortalId server, DiscoveryReply reply,
						      Gone gone)>
		    keep;
		Timings timings = {};
	};

	IsnsServer(Surroundings surroundings, config::PortalId where, config::Settings settings);

	/* Once, with the object held by a shared_ptr. */
	void start();
	/* Settings as they are now: another port or interval is registered. */
	void apply(config::Settings settings);
	/* The initiator's name and alias as they are now: others than before are registered. */
	void take_identity(const config::Identity &identity);
	/* Deregisters; @ended is called when all is over. */
	void stop(std::function<void()> ended);

	/*
	 * Asks now. Fails as the connection or the server does. Incomplete while what is not
	 * named may come back.
	 */
	asio::awaitable<Result<DiscoveryReply>> refresh();

	const config::PortalId &where() const { return where_; }
	bool registered() const { return registered_; }
	bool stopping() const { return stopping_; }

private:
	using Connections = std::deque<std::shared_ptr<isns::Connection>>;
	using Waiting = std::shared_ptr<Mailbox<Result<DiscoveryReply>>>;

	static asio::awaitable<void> run(std::shared_ptr<IsnsServer> self);
	static asio::awaitable<void> accept(std::shared_ptr<IsnsServer> self);
	static asio::awaitable<void> attend(std::shared_ptr<IsnsServer> self,
					    std::shared_ptr<isns::Connection> connection);

	/* From connecting to the end of the connection, or to stop(). */
	asio::awaitable<Status> visit();
	asio::awaitable<Status> look_after();
	/* Whether it had to be made, or tried at least. */
	asio::awaitable<Result<bool>> ensure_registered();
	asio::awaitable<Status> register_now();
	asio::awaitable<Status> query();
	/* Code::isns_registration when the server refuses. */
	asio::awaitable<Status> deregister();
	Status listen();
	std::optional<isns::Builder> serve(const isns::Message &request);
	/* When the registration is to be looked at. */
	Clock::time_point check_at() const;
	/* From one query to the next, whatever is told. */
	Clock::duration poll_interval() const;
	/* When so many @intervals without an inquiry are over; whether they are. */
	Clock::time_point inquiry_due(unsigned intervals) const;
	bool has_missed(unsigned inquiries) const;
	/* They are done without. */
	bool inquiries_fail() const { return lost_to_inquiries_ >= 2; }
	void tell_waiting(const Result<DiscoveryReply> &result);
	void wake();
	template <class... Args> void say(Level level, const Args &...args) const
	{
		env_.log(level, "iSNS server ", config::to_string(where_), ": ", args...);
	}

	/* The same, of what whoever reaches our port makes happen: it must not fill the log. */
	template <class... Args> void say_of_others(Level level, const Args &...args)
	{
		if (const auto missed = others_.allow(Clock::now()))
			say(level, args...,
			    *missed ? str("; ", *missed, " more were not logged") : std::string());
	}

	Surroundings env_;
	config::PortalId where_;
	config::Settings settings_;
	asio::ip::tcp::acceptor acceptor_;
	Signal wake_;
	Backoff backoff_;

	std::shared_ptr<isns::Connection> connection_; // ours, while there is one
	Connections incoming_;			       // those that the server made
	isns::Registration self_;
	isns::Granted granted_;
	std::string told_; // the failure that was logged last
	RateLimit others_{10, std::chrono::seconds(10)};

	bool stopping_ = false;
	bool up_ = false; // this connection was of use
	bool registered_ = false;
	bool subscribed_ = false;	   // state changes are told
	bool apply_ = false;		   // what is registered is out of date
	bool renamed_ = false;		   // so is the name or the alias
	unsigned lost_to_inquiries_ = 0;   // registrations in a row, without one in between
	bool warned_of_changes_ = false;   // that came without a notification
	bool warned_of_inquiries_ = false; // that did not come
	bool query_wanted_ = false;
	bool asked_again_ = false; // because the registration was gone when it answered
	/* A change since the last query is no surprise: it was told, or could not be. */
	bool change_expected_ = false;
	Clock::time_point last_message_{};
	Clock::time_point last_inquiry_{};
	Clock::time_point last_query_{};
	Clock::time_point last_check_{}; // of the registration
	Clock::time_point trust_at_{};	 // from then on whatever is not named is gone
	std::optional<DiscoveryReply> known_;
	std::set<std::string> named_; // targets, since the registration was made, until trusted
	bool known_trusted_ = false;
	std::vector<Waiting> waiting_;
	std::function<void()> ended_;
};

/* The address of our end of @socket, as it is registered. */
Result<isns::IpAddress> local_address(StreamSocket &socket);

} // namespace hawser::daemon
