/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All sessions of this machine that are Hawser's: their agents, the way of the
 * module's events to them, and who waits for a scan, a ping, a task
 * management function or a Text exchange.
 *
 * Only what the module's dump lists is touched: sessions of other transports are
 * never seen here.
 */
#pragma once

#include "base/log.h"
#include "config/store.h"
#include "daemon/agent.h"
#include "daemon/prepared.h"
#include "daemon/record_writer.h"
#include "iscsi/task_management.h"
#include "kernel/events.h"

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <asio/thread_pool.hpp>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <vector>

namespace hawser::daemon
{

class Sessions : public kernel::EventListener
{
public:
	/* All of it outlives the sessions. */
	struct Surroundings {
		asio::io_context &io;
		const Log &log;
		kernel::Control &control;
		Connector &connector;
		SavedSessions &saved;
		config::SecretBox &secrets; // what saved sessions have is under
		asio::thread_pool &worker;  // which has the records to itself
		config::Paths paths;
	};

	explicit Sessions(Surroundings surroundings);
	~Sessions() override { env_.saved.read_keys_by(nullptr); }
	Sessions(const Sessions &) = delete;
	Sessions &operator=(const Sessions &) = delete;

	/*
	 * Reads the module's sessions and goes on with each where the last daemon
	 * stopped; those that are there already are compared. Without the module: no
	 * sessions.
	 */
	void take_over();

	/*
	 * Logs in to @node, as many sessions as node.session.nr_sessions says that are
	 * not there yet. @overrides stand above the record's settings, for these sessions
	 * only; of authentication, they have all or nothing. Both outlive the call.
	 * The result is how many were begun; @done is called for each of them.
	 * Code::session_exists when all are there, and when another session to the target
	 * is in the way: node.session.multiple of either is No, or it has the ISID that
	 * this interface gives.
	 */
	using OnLogin = std::function<void(const SessionAgent::FirstLogin &)>;
	asio::awaitable<Result<unsigned>> log_in(const config::Node &node,
						 const Overrides &overrides,
						 SessionAgent::Persistence persistence,
						 OnLogin done);
	/* The same by the record of @id, which is read for it. */
	asio::awaitable<Result<unsigned>> log_in(const config::NodeId &id,
						 const Overrides &overrides,
						 SessionAgent::Persistence persistence,
						 OnLogin done);
	/*
	 * The same, as long as the record says that it is to be automatic and somebody names it:
	 * Code::nothing_found.
	 */
	asio::awaitable<Result<unsigned>> log_in_if_automatic(const config::NodeId &id,
							      SessionAgent::Persistence persistence,
							      OnLogin done);

	std::shared_ptr<SessionAgent> find(Sid sid) const;
	std::vector<std::shared_ptr<SessionAgent>> find(const config::NodeId &id) const;
	/* Whether there is a session to the target, by whatever record. */
	bool has(std::string_view target) const;
	const std::vector<std::shared_ptr<SessionAgent>> &all() const { return agents_; }

	/* Ends in an event: fails with Code::pdu_timed_out when none comes in time. */
	asio::awaitable<Result<kernel::ScanEnded>> rescan(Sid sid);
	asio::awaitable<Result<kernel::PingEnded>> ping(Sid sid, std::optional<Cid> cid,
							std::uint32_t size);
	/* Code::not_supported when the session's iSCSIProtocolLevel is below the function's. */
	asio::awaitable<Result<kernel::TaskManagementEnded>>
	manage_tasks(Sid sid, std::optional<Cid> cid, const TaskManagementFunction &function,
		     std::optional<Lun> lun);
	/* @text: as on the wire. The result is the whole answer. */
	asio::awaitable<Result<Bytes>> text(Sid sid, std::optional<Cid> cid, Bytes text);
	/* Logs one connection of a session out; others stay. */
	asio::awaitable<Status> remove_connection(Sid sid, Cid cid);

	/*
	 * Which records sessions use as of now, those that are about to begin included; may
	 * be asked in another thread.
	 */
	config::Store::InUse in_use() const;
	/*
	 * Records that were marked as vanished, while in_use() held. Logins to them that have no
	 * session yet end, and those that no session uses go.
	 */
	void note_vanished(const std::vector<config::NodeId> &ids);

	void on_event(const kernel::Event &event) override;
	void on_resync() override;
	void on_module_gone() override;

private:
	/* What of the module's ends in an event. Scans have no number of their own. */
	enum class Work { scan, ping, task_management, text, removal };

	/* Somebody who waits for an event of a session. */
	struct Waiter {
		Work work;
		Sid sid;
		std::uint32_t id; // of a removal, the CID
		std::shared_ptr<Mailbox<kernel::EventBody>> mailbox;

		bool waits_for(const kernel::Event &event) const;
	};

	SessionAgent::Surroundings surroundings();
	/* @prepare: for the worker. */
	using Prepare = std::function<Result<PreparedLogin>()>;
	asio::awaitable<Result<unsigned>> log_in(config::NodeId id, Prepare prepare,
						 SessionAgent::Persistence persistence,
						 OnLogin done);
	Result<unsigned> begin(PreparedLogin prepared, SessionAgent::Persistence persistence,
			       const OnLogin &done);
	void tell_waiters(const std::map<Sid, const kernel::SessionInfo *> &live);
	/* By what was saved when it was made, or else by its record. */
	void adopt(const kernel::SessionInfo &session);
	asio::awaitable<void> adopt_by_record(kernel::SessionInfo session);
	void adopt(const kernel::SessionInfo &session, const Result<SavedSession> &settings);
	Result<Plan> plan_of(const SavedSession &settings, const kernel::SessionInfo &session);
	/* For what is saved, which did not know of a change of the key. */
	asio::awaitable<void> read_keys();
	void forget(SessionAgent &agent);
	void drop_vanished(const config::NodeId &id);
	void move_record(SessionAgent &agent, config::PortalId to, Tpgt tpgt);
	/* Whether the rules of node.session.multiple and iface.isid let @plan have a session. */
	Status may_begin(const Plan &plan) const;
	/* @begin is given the number of the work. @more: time beside what such work has. */
	using Begin = std::function<kernel::Answer<void>(std::uint32_t id)>;
	asio::awaitable<Result<kernel::EventBody>> have_done(Work work, Sid sid, Begin begin,
							     std::optional<Cid> cid = {},
							     std::chrono::seconds more = {});

	Surroundings env_;
	RecordWriter writer_;
	std::multiset<config::NodeId> prepared_; // for a login that is about to begin
	std::set<config::NodeId> forsaken_;	 // of these: vanished meanwhile
	std::vector<std::shared_ptr<SessionAgent>> agents_;
	std::map<Sid, std::shared_ptr<SessionAgent>> by_sid_;
	std::vector<Waiter> waiters_;
	std::uint32_t next_id_ = 1; // of pings, task management and Text exchanges
	// Sessions that nobody can look after, or nobody yet: in the way of a login that
	// would take their place.
	std::map<Sid, kernel::SessionIdentity> orphans_;
	std::set<Sid> told_;		    // of these: told about
	std::set<Sid> adopting_;	    // of these: their records are being read
	asio::steady_timer again_{env_.io}; // of a take_over() that failed
	bool reading_keys_ = false;
};

} // namespace hawser::daemon
