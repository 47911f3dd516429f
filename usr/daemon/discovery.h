/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SendTargets: of a portal, whose answer is stored in the records as one batch and
 * which needs no kernel module; and within a session that is there.
 */
#pragma once

#include "base/log.h"
#include "config/store.h"
#include "daemon/sessions.h"
#include "iscsi/discovery_io.h"
#include "varlink/api.h"

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/thread_pool.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace hawser::daemon
{

/* What a portal said, and what that did to the records. */
struct Discovered {
	varlink::DiscoverReply reply;
	std::size_t added = 0, removed = 0;
	std::vector<config::NodeId> vanished; // kept while sessions use them
	std::vector<config::Node> automatic;  // of those added: to be logged in to
	std::vector<std::string> warnings;
};

/* A failure has the target's status when it gave one. */
using DiscoveryOutcome = tl::expected<std::shared_ptr<const Discovered>, LoginFailure>;

class Discoveries
{
public:
	/* All of it outlives the discoveries. */
	struct Surroundings {
		asio::io_context &io;
		asio::thread_pool &worker;
		config::Paths paths;
		ChallengeBook &book;
		Sessions &sessions;
	};

	/* Pause before a discovery that failed is tried again (reopen_max times). */
	static constexpr std::chrono::seconds pause{1};

	explicit Discoveries(Surroundings surroundings) : env_(std::move(surroundings)) {}

	/*
	 * @call: what io.hawser.Discover was given. Settings are taken, from the weakest
	 * to the strongest, from hawserd.conf, the portal's stored record and the call.
	 * @listed: only a portal whose record is there is asked, and only if it still is
	 * when the answer comes, anything is stored. Who asks what is being asked already,
	 * without settings of his own, gets that answer; who asks the same portal for something
	 * else waits, because a second discovery session would take the place of the first (RFC
	 * 7143, 6.3.5).
	 */
	asio::awaitable<DiscoveryOutcome> send_targets(varlink::DiscoverCall call,
						       bool listed = false);

private:
	using Box = std::shared_ptr<Mailbox<DiscoveryOutcome>>;

	struct Flight {
		varlink::DiscoverCall call;
		bool listed = false;
		bool own_settings = false; // the call's are wiped once they are read
		std::vector<Box> waiters;
		std::optional<std::uint8_t> isid_slot = {}; // while it is under way
	};

	Box make_box()
	{
		return std::make_shared<Mailbox<DiscoveryOutcome>>(env_.io.get_executor());
	}
	/* @turn: gets the outcome of the one before at this portal; none: begins at once. */
	asio::awaitable<void> fly(std::shared_ptr<Flight> flight, Box turn);
	asio::awaitable<DiscoveryOutcome> ask(Flight &flight);
	std::uint8_t free_isid_slot() const;

	Surroundings env_;
	std::vector<std::shared_ptr<Flight>> flights_;
};

/* What all mechanisms do with a reply: the records' form, the caller's, and storing it. */
std::vector<config::FoundPortal> portals_of(const DiscoveryReply &reply);
varlink::DiscoverReply reply_of(const DiscoveryReply &reply);

/* The records of @ids, a file a target; @warnings says which cannot be read. */
std::vector<config::Node> read_nodes(const std::vector<config::NodeId> &ids, config::Store &store,
				     std::vector<std::string> &warnings);

/*
 * Whether what a call gives of authentication has its method, in the call or in the portal's
 * record: under another one, of hawserd.conf say, it would be used for nothing, or for something
 * else.
 */
Status check_units(const std::map<std::string, std::string> &given, const config::Settings &record);

/*
 * As far as the call asks for it; @result says what came of it. @record: of the portal that was
 * asked; @given: what the call sets in it. @only_known: Code::nothing_found when it has been
 * deleted meanwhile, and nothing is brought back. @store: of the worker's own.
 */
Status keep_discovery(const varlink::DiscoverCall &call, const config::DiscoveryRecord &record,
		      const config::Settings &given, bool only_known, const DiscoveryReply &reply,
		      config::Store &store, Discovered &result);

/*
 * SendTargets within a session, on a connection of it or any: what its target says of
 * its own portals (RFC 7143, appendix C). Stores nothing.
 */
asio::awaitable<Result<varlink::DiscoverReply>>
send_targets(Sid sid, std::optional<Cid> cid, Sessions &sessions, kernel::Control &control);

} // namespace hawser::daemon
