/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/sessions.h"

#include "base/str.h"
#include "daemon/worker.h"
#include "iscsi/names.h"

#include <algorithm>
#include <set>
#include <utility>

namespace hawser::daemon
{

namespace
{

constexpr auto take_over_again = std::chrono::seconds(1);

Error vanished(const config::NodeId &id)
{
	return {Code::nothing_found,
		str("no login to ", config::to_string(id), ": nobody names it any more")};
}

} // namespace

Sessions::Sessions(Surroundings surroundings)
    : env_(std::move(surroundings)), writer_(env_.io, env_.worker, env_.paths)
{
	env_.saved.read_keys_by([this] {
		if (!std::exchange(reading_keys_, true))
			asio::co_spawn(env_.io, read_keys(), escalate);
	});
}

asio::awaitable<void> Sessions::read_keys()
{
	auto read = [paths = env_.paths, folder = env_.saved.folder()] {
		config::Store store(paths);
		return read_session_keys(store.secrets(), folder);
	};
	auto keys = co_await on_worker(env_.worker, std::move(read));
	reading_keys_ = false;
	if (!keys) {
		env_.log(Level::error, "reading the key of secrets: ", keys.error().text);
		co_return;
	}
	env_.saved.take_keys(std::move(*keys));
	for (const auto &agent : std::vector(agents_))
		agent->save_again();
}

config::Store::InUse Sessions::in_use() const
{
	std::set<config::NodeId> ids(prepared_.begin(), prepared_.end());
	std::set<std::pair<std::string, std::string>> orphans;
	for (const auto &agent : agents_)
		ids.insert(agent->plan().node.id);
	for (const auto &[sid, identity] : orphans_)
		orphans.emplace(identity.target_name, identity.iface);
	return [ids = std::move(ids), orphans = std::move(orphans)](const config::NodeId &id) {
		return ids.contains(id) || orphans.contains({id.target, id.iface});
	};
}

void Sessions::note_vanished(const std::vector<config::NodeId> &ids)
{
	if (ids.empty())
		return;
	for (const auto &id : ids) {
		if (prepared_.contains(id))
			forsaken_.insert(id);
		for (const auto &agent : find(id))
			agent->give_up(vanished(id));
	}
	const auto used = in_use();
	for (const auto &id : ids)
		if (!used(id))
			drop_vanished(id); // its session ended while the records were written
}

SessionAgent::Surroundings Sessions::surroundings()
{
	return {
	    .io = env_.io,
	    .log = env_.log,
	    .control = env_.control,
	    .connector = env_.connector,
	    .saved = env_.saved,
	    .on_end = [this](SessionAgent &agent) { forget(agent); },
	    .on_session =
		[this](SessionAgent &agent) {
			auto &place = by_sid_[*agent.sid()];
			orphans_.erase(*agent.sid());
			if (place) // the number's last owner: news of its end is on the way
				place->on_dump(nullptr);
			place = agent.shared_from_this();
		},
	    .on_moved = [this](SessionAgent &agent, config::PortalId to,
			       Tpgt tpgt) { move_record(agent, std::move(to), tpgt); },
	    .on_tpgt =
		[this](const config::NodeId &id, Tpgt tpgt) {
			writer_.learn_tpgt(id, tpgt.value, [this, id](const Status &learnt) {
				if (!learnt)
					env_.log(Level::warning, "the portal group of ",
						 config::to_string(id),
						 " is not written: ", learnt.error().text);
			});
		},
	};
}

/* Once the record has moved, all sessions that were made of it follow. */
void Sessions::move_record(SessionAgent &agent, config::PortalId to, Tpgt tpgt)
{
	const config::NodeId from = agent.plan().node.id;
	writer_.move(from, std::move(to), tpgt.value,
		     [this, from, asker = agent.weak_from_this()](const auto &moved) {
			     if (moved) {
				     for (const auto &one : find(from))
					     one->record_moved(*moved);
			     } else if (auto kept = asker.lock();
					kept && kept->plan().node.id == from) {
				     kept->record_kept(moved.error());
			     }
		     });
}

void Sessions::take_over()
{
	auto sessions = env_.control.sessions();
	if (!sessions) {
		if (sessions.error().error.code == Code::no_module)
			return;
		env_.log(Level::error,
			 "reading the module's sessions: ", sessions.error().error.text);
		// Out of memory, say: until it succeeds nobody knows what was lost meanwhile.
		again_.expires_after(take_over_again);
		again_.async_wait([this](const asio::error_code &cancelled) {
			if (!cancelled)
				take_over();
		});
		return;
	}

	std::map<Sid, const kernel::SessionInfo *> live;
	for (const kernel::SessionInfo &session : *sessions)
		live[session.sid] = &session;
	for (const auto &[sid, agent] : std::map(by_sid_)) {
		auto it = live.find(sid);
		agent->on_dump(it == live.end() ? nullptr : it->second);
	}
	tell_waiters(live);
	std::erase_if(orphans_, [&](const auto &orphan) { return !live.contains(orphan.first); });
	std::erase_if(told_, [&](Sid sid) { return !live.contains(sid); });
	std::vector<std::string> keys;
	for (const kernel::SessionInfo &session : *sessions) {
		keys.emplace_back(as_text(session.identity.owner_key));
		if (!by_sid_.contains(session.sid))
			adopt(session);
	}
	if (auto kept = env_.saved.keep_only(keys); !kept)
		env_.log(Level::warning, "saved sessions: ", kept.error().text);
}

void Sessions::adopt(const kernel::SessionInfo &session)
{
	if (adopting_.contains(session.sid))
		return;
	auto saved = env_.saved.load(std::string(as_text(session.identity.owner_key)));
	if (saved && *saved)
		return adopt(session, std::move(**saved));
	if (!saved)
		env_.log(Level::warning, saved.error().text, ", using the record instead");
	if (session.connections.empty())
		return adopt(session, fail(Code::nothing_found,
					   "it has no connection to find its record by"));
	orphans_.emplace(session.sid, session.identity);
	adopting_.insert(session.sid);
	asio::co_spawn(env_.io, adopt_by_record(session), escalate);
}

asio::awaitable<void> Sessions::adopt_by_record(kernel::SessionInfo session)
{
	const kernel::SessionIdentity &identity = session.identity;
	const kernel::ConnectionInfo &connection = session.connections.front();
	const config::NodeId id{identity.target_name,
				{connection.persistent_address, connection.persistent_port},
				identity.iface};
	const std::string key(as_text(identity.owner_key));
	auto read = [id, key, paths = env_.paths]() -> Result<SavedSession> {
		config::Store store(paths);
		auto node = store.node(id);
		if (!node)
			return tl::unexpected(node.error());
		auto iface = store.iface(id.iface);
		if (!iface)
			return tl::unexpected(iface.error());
		auto links = links_of(*node, store);
		if (!links)
			return tl::unexpected(links.error());
		return SavedSession{key,
				    std::move(*node),
				    std::move(*iface),
				    std::move(links->connections),
				    std::move(links->ifaces),
				    std::move(links->portals)};
	};
	const auto settings = co_await on_worker(env_.worker, std::move(read));
	adopting_.erase(session.sid);
	// As it is by now: it may have ended, and its number may be another session's.
	auto now = env_.control.session(session.sid);
	if (!now || by_sid_.contains(session.sid))
		co_return;
	if (as_text(now->identity.owner_key) == key)
		adopt(*now, settings);
	else
		adopt(*now);
}

void Sessions::adopt(const kernel::SessionInfo &session, const Result<SavedSession> &settings)
{
	auto plan = settings ? plan_of(*settings, session) : tl::unexpected(settings.error());
	if (!plan) {
		orphans_.emplace(session.sid, session.identity);
		if (told_.insert(session.sid).second)
			env_.log(
			    Level::error, "session ", session.sid.value, " to ",
			    session.identity.target_name,
			    " will not be connected again when it is lost: ", plan.error().text);
		return;
	}
	auto agent = std::make_shared<SessionAgent>(surroundings(), std::move(*plan));
	agents_.push_back(agent);
	by_sid_[session.sid] = agent;
	orphans_.erase(session.sid);
	told_.erase(session.sid);
	agent->take_over(session, settings->key);
	env_.log(Level::info, "session ", session.sid.value, " (", agent->plan().name(),
		 ") taken over");
}

/* With the names that the session was made with, whatever is configured now. */
Result<Plan> Sessions::plan_of(const SavedSession &settings, const kernel::SessionInfo &session)
{
	config::Identity identity;
	identity.name = session.identity.initiator_name;
	identity.alias = session.identity.initiator_alias;
	auto plan =
	    make_plan(settings.node, settings.iface, identity, session.identity.isid, env_.secrets,
		      {settings.connections, settings.further_ifaces, settings.portals});
	if (plan) {
		plan->login.initiator_name = session.identity.initiator_name;
		plan->login.expected_tpgt = session.identity.tpgt;
		plan->auth_method = settings.auth_method;
		if (!session.connections.empty())
			plan->persistent_portal = {session.connections.front().persistent_address,
						   session.connections.front().persistent_port};
	}
	return plan;
}

/* For the worker. */
static Result<PreparedLogin> prepare_by_record(const config::NodeId &id, const Overrides &overrides,
					       const config::Paths &paths, bool only_automatic)
{
	config::Store store(paths);
	auto node = store.node(id);
	if (!node)
		return tl::unexpected(node.error());
	if (only_automatic && node->settings.get("node.startup") != "automatic")
		return fail(Code::nothing_found,
			    str("node.startup of ", id.target, " is no longer automatic"));
	if (only_automatic && node->vanished)
		return tl::unexpected(vanished(id));
	return prepare_login(*node, overrides, store);
}

asio::awaitable<Result<unsigned>> Sessions::log_in(const config::Node &node,
						   const Overrides &overrides,
						   SessionAgent::Persistence persistence,
						   OnLogin done)
{
	Prepare prepare = [&node, &overrides, paths = env_.paths] {
		config::Store store(paths);
		return prepare_login(node, overrides, store);
	};
	return log_in(node.id, std::move(prepare), persistence, std::move(done));
}

asio::awaitable<Result<unsigned>> Sessions::log_in(const config::NodeId &id,
						   const Overrides &overrides,
						   SessionAgent::Persistence persistence,
						   OnLogin done)
{
	Prepare prepare = [id, &overrides, paths = env_.paths] {
		return prepare_by_record(id, overrides, paths, false);
	};
	return log_in(id, std::move(prepare), persistence, std::move(done));
}

asio::awaitable<Result<unsigned>>
Sessions::log_in_if_automatic(const config::NodeId &id, SessionAgent::Persistence persistence,
			      OnLogin done)
{
	Prepare prepare = [id, paths = env_.paths] {
		return prepare_by_record(id, no_overrides, paths, true);
	};
	return log_in(id, std::move(prepare), persistence, std::move(done));
}

asio::awaitable<Result<unsigned>> Sessions::log_in(config::NodeId id, Prepare prepare,
						   SessionAgent::Persistence persistence,
						   OnLogin done)
{
	prepared_.insert(id);
	auto prepared = co_await on_worker(env_.worker, std::move(prepare));
	if (prepared && forsaken_.contains(id))
		prepared = tl::unexpected(vanished(id));
	auto begun = prepared ? begin(std::move(*prepared), persistence, done)
			      : tl::unexpected(prepared.error());
	prepared_.erase(prepared_.find(id));
	if (!prepared_.contains(id))
		forsaken_.erase(id);
	if (!begun && !in_use()(id))
		drop_vanished(id); // the last session may have ended meanwhile
	co_return begun;
}

Result<unsigned> Sessions::begin(PreparedLogin prepared, SessionAgent::Persistence persistence,
				 const OnLogin &done)
{
	const config::NodeId &id = prepared.id;
	if (prepared.keys)
		env_.saved.take_keys(std::move(*prepared.keys));
	for (const std::string &warning : prepared.warnings)
		env_.log(Level::warning, warning);
	const auto existing = find(id);
	std::vector<Isid> used;
	for (const auto &agent : existing)
		used.push_back(agent->plan().login.isid);
	for (const auto &[sid, identity] : orphans_) {
		if (identity.target_name == id.target)
			used.push_back(identity.isid);
	}

	unsigned begun = 0;
	for (auto &[isid, plan] : prepared.sessions) {
		if (existing.size() + begun >= prepared.wanted)
			break;
		if (std::find(used.begin(), used.end(), isid) != used.end())
			continue;
		if (!plan)
			return tl::unexpected(plan.error());
		if (auto may = may_begin(*plan); !may && begun == 0)
			return tl::unexpected(may.error());
		else if (!may)
			break; // what was begun goes on
		auto agent = std::make_shared<SessionAgent>(surroundings(), std::move(*plan));
		agents_.push_back(agent);
		agent->start(persistence, done);
		begun++;
	}
	if (begun == 0 && existing.size() >= prepared.wanted)
		return fail(
		    Code::session_exists,
		    str(existing.front()->sid() ? "a session to " : "a login to ",
			config::to_string(id),
			existing.front()->sid() ? " exists already" : " is under way already"));
	if (begun == 0)
		return fail(Code::record_failed,
			    str("the record of ", config::to_string(id), " has no ISID left"));
	return begun;
}

/*
 * Two sessions of one initiator name and ISID to one portal group of a target would
 * reinstate each other for ever (RFC 7143, 4.4.3). While a tag is not known, it may be the same.
 */
Status Sessions::may_begin(const Plan &plan) const
{
	const auto multiple = [](const config::Node &node) {
		return node.settings.yes("node.session.multiple");
	};
	const auto refuse = [&](const std::string &what, const std::string &why) {
		return fail(Code::session_exists,
			    str(what, " to ", plan.node.id.target, " is there already, and ", why));
	};
	const auto same_isid = [&](const std::string &initiator, Isid isid,
				   std::optional<Tpgt> tpgt) {
		return isid == plan.login.isid && same_name(initiator, plan.login.initiator_name) &&
		       (!tpgt || !plan.login.expected_tpgt || *tpgt == *plan.login.expected_tpgt);
	};
	const std::string isid_why = str("has the same initiator name and ISID ",
					 to_string(plan.login.isid), " (iface.isid)");

	for (const auto &agent : agents_) {
		const Plan &other = agent->plan();
		if (!same_name(other.node.id.target, plan.node.id.target))
			continue;
		const std::string what =
		    agent->sid() ? str("session ", agent->sid()->value, " (", other.name(), ")")
				 : str("a login under way (", other.name(), ")");
		if (other.node.id != plan.node.id && !multiple(plan.node))
			return refuse(what, "node.session.multiple of this record is No");
		if (other.node.id != plan.node.id && !multiple(other.node))
			return refuse(what, "node.session.multiple of its record is No");
		if (same_isid(other.login.initiator_name, other.login.isid,
			      other.login.expected_tpgt))
			return refuse(what, isid_why);
	}
	for (const auto &[sid, other] : orphans_) {
		if (!same_name(other.target_name, plan.node.id.target))
			continue;
		const std::string what = str("session ", sid.value);
		if (!multiple(plan.node))
			return refuse(what, "node.session.multiple of this record is No");
		if (same_isid(other.initiator_name, other.isid, other.tpgt))
			return refuse(what, isid_why);
	}
	return {};
}

std::shared_ptr<SessionAgent> Sessions::find(Sid sid) const
{
	auto it = by_sid_.find(sid);
	return it == by_sid_.end() ? nullptr : it->second;
}

bool Sessions::has(std::string_view target) const
{
	return std::any_of(by_sid_.begin(), by_sid_.end(), [&](const auto &session) {
		return session.second->plan().node.id.target == target;
	});
}

std::vector<std::shared_ptr<SessionAgent>> Sessions::find(const config::NodeId &id) const
{
	std::vector<std::shared_ptr<SessionAgent>> found;
	for (const auto &agent : agents_) {
		if (agent->plan().node.id == id)
			found.push_back(agent);
	}
	return found;
}

void Sessions::on_event(const kernel::Event &event)
{
	for (const Waiter &waiter : waiters_) {
		if (waiter.waits_for(event))
			waiter.mailbox->put(event.body);
	}
	if (std::holds_alternative<kernel::SessionRemoved>(event.body)) {
		orphans_.erase(event.sid);
		told_.erase(event.sid);
	}
	if (auto agent = find(event.sid))
		agent->on_event(event);
	else if (std::holds_alternative<kernel::SessionAppeared>(event.body))
		take_over();
}

void Sessions::on_resync()
{
	take_over();
}

void Sessions::on_module_gone()
{
	orphans_.clear();
	told_.clear();
	for (const auto &[sid, agent] : std::map(by_sid_))
		agent->on_dump(nullptr);
}

void Sessions::forget(SessionAgent &agent)
{
	if (agent.sid()) {
		// The number may be a younger session's already.
		auto it = by_sid_.find(*agent.sid());
		if (it != by_sid_.end() && it->second.get() == &agent)
			by_sid_.erase(it);
	}
	const config::NodeId id = agent.plan().node.id;
	std::erase_if(agents_, [&](const auto &one) { return one.get() == &agent; });
	if (find(id).empty() && !prepared_.contains(id))
		drop_vanished(id);
}

void Sessions::drop_vanished(const config::NodeId &id)
{
	writer_.drop_vanished(id, [this, id](const Status &dropped) {
		if (!dropped)
			env_.log(Level::warning, "removing the vanished record of ",
				 config::to_string(id), ": ", dropped.error().text);
	});
}

} // namespace hawser::daemon
