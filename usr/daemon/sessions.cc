/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/sessions.h"

#include "base/str.h"
#include "iscsi/names.h"

#include <algorithm>
#include <set>
#include <utility>

namespace hawser::daemon
{

namespace
{

/* The ISIDs that a record's sessions have: those drawn for it, or its interface's own. */
Result<std::vector<Isid>> isids_of(const config::Node &node, const config::Iface &iface)
{
	const auto sessions = node.settings.number("node.session.nr_sessions");
	if (sessions > 1 && !node.settings.yes("node.session.multiple"))
		return fail(Code::invalid_argument,
			    str(config::to_string(node.id), ": node.session.nr_sessions is ",
				sessions, ", and node.session.multiple is No"));
	const auto given = iface.settings.get("iface.isid");
	if (given.empty())
		return node.isids;
	if (sessions > 1)
		return fail(Code::invalid_argument,
			    str(config::to_string(node.id), ": node.session.nr_sessions is ",
				sessions, ", and iface.isid of interface ", iface.name,
				" is for one session"));
	auto isid = Isid::parse(given);
	if (!isid)
		return tl::unexpected(isid.error());
	return std::vector{*isid};
}

} // namespace

Sessions::Sessions(asio::io_context &io, const Log &log, kernel::Control &control,
		   Connector &connector, SavedSessions &saved, config::Store &store)
    : io_(io),
      log_(log),
      control_(control),
      connector_(connector),
      saved_(saved),
      store_(store),
      writer_(io, store.paths())
{
	store_.set_in_use([this](const config::NodeId &id) { return in_use()(id); });
}

config::Store::InUse Sessions::in_use() const
{
	std::set<config::NodeId> ids;
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
	store_.note_vanished(ids);
	for (const auto &id : ids)
		if (!in_use()(id))
			drop_vanished(id); // its session ended while the records were written
}

Sessions::~Sessions()
{
	store_.set_in_use(nullptr);
}

SessionAgent::Surroundings Sessions::surroundings()
{
	return {
	    .io = io_,
	    .log = log_,
	    .control = control_,
	    .connector = connector_,
	    .saved = saved_,
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
	auto sessions = control_.sessions();
	if (!sessions) {
		if (sessions.error().error.code != Code::no_module)
			log_(Level::error,
			     "reading the module's sessions: ", sessions.error().error.text);
		return;
	}

	std::map<Sid, const kernel::SessionInfo *> live;
	for (const kernel::SessionInfo &session : *sessions)
		live[session.sid] = &session;
	for (const auto &[sid, agent] : std::map(by_sid_)) {
		auto it = live.find(sid);
		agent->on_dump(it == live.end() ? nullptr : it->second);
	}
	std::erase_if(orphans_, [&](const auto &orphan) { return !live.contains(orphan.first); });
	std::vector<std::string> keys;
	for (const kernel::SessionInfo &session : *sessions) {
		keys.emplace_back(as_text(session.identity.owner_key));
		if (!by_sid_.contains(session.sid))
			adopt(session);
	}
	if (auto kept = saved_.keep_only(keys); !kept)
		log_(Level::warning, "saved sessions: ", kept.error().text);
}

void Sessions::adopt(const kernel::SessionInfo &session)
{
	auto settings = settings_of(session);
	auto plan = settings ? plan_of(*settings, session) : tl::unexpected(settings.error());
	if (!plan) {
		if (!orphans_.emplace(session.sid, session.identity).second)
			return;
		log_(Level::error, "session ", session.sid.value, " to ",
		     session.identity.target_name,
		     " will not be connected again when it is lost: ", plan.error().text);
		return;
	}
	auto agent = std::make_shared<SessionAgent>(surroundings(), std::move(*plan));
	agents_.push_back(agent);
	by_sid_[session.sid] = agent;
	orphans_.erase(session.sid);
	agent->take_over(session, std::move(settings->key));
	log_(Level::info, "session ", session.sid.value, " (", agent->plan().name(),
	     ") taken over");
}

/* With the names that the session was made with, whatever is configured now. */
Result<Plan> Sessions::plan_of(const SavedSession &settings, const kernel::SessionInfo &session)
{
	config::Identity identity;
	identity.name = session.identity.initiator_name;
	identity.alias = session.identity.initiator_alias;
	auto plan = make_plan(settings.node, settings.iface, identity, session.identity.isid,
			      store_.secrets());
	if (plan) {
		plan->login.initiator_name = session.identity.initiator_name;
		plan->login.expected_tpgt = session.identity.tpgt;
		if (!session.connections.empty())
			plan->persistent_portal = {session.connections.front().persistent_address,
						   session.connections.front().persistent_port};
	}
	return plan;
}

Result<SavedSession> Sessions::settings_of(const kernel::SessionInfo &session)
{
	const std::string key(as_text(session.identity.owner_key));
	auto saved = saved_.load(key);
	if (!saved)
		log_(Level::warning, saved.error().text, ", using the record instead");
	else if (*saved)
		return std::move(**saved);

	if (session.connections.empty())
		return fail(Code::nothing_found, "it has no connection to find its record by");
	const kernel::ConnectionInfo &connection = session.connections.front();
	auto node = store_.node({session.identity.target_name,
				 {connection.persistent_address, connection.persistent_port},
				 session.identity.iface});
	if (!node)
		return tl::unexpected(node.error());
	auto iface = store_.iface(session.identity.iface);
	if (!iface)
		return tl::unexpected(iface.error());
	return SavedSession{key, std::move(*node), std::move(*iface)};
}

/*
 * What a session is made with, all levels in one: changes of the record and of hawserd.conf
 * are for the next login.
 */
Result<config::Settings>
Sessions::effective_settings(const config::Node &node,
			     const std::map<std::string, std::string> &settings)
{
	config::Settings command(config::RecordKind::node, config::Level::command);
	command.set_base(std::make_shared<const config::Settings>(node.settings));
	for (const auto &[key, value] : settings) {
		const auto *row = config::find_key(config::RecordKind::node, key);
		if (row && !row->unit.empty() && !settings.contains(std::string(row->unit)))
			return fail(Code::invalid_argument,
				    str(key, " needs ", row->unit,
					" beside it: method, names and secrets of one login come "
					"from one place"));
		auto set = command.set(key, value, store_.secrets());
		if (!set)
			return tl::unexpected(set.error());
		if (!set->empty())
			log_(Level::warning, *set);
	}
	return command.flattened();
}

Result<unsigned> Sessions::log_in(const config::Node &node,
				  const std::map<std::string, std::string> &settings,
				  SessionAgent::Persistence persistence, const OnLogin &done)
{
	config::Node merged = node;
	auto effective = effective_settings(node, settings);
	if (!effective)
		return tl::unexpected(effective.error());
	merged.settings = std::move(*effective);
	auto iface = store_.iface(node.id.iface);
	if (!iface)
		return tl::unexpected(iface.error());
	auto identity = store_.identity();
	if (!identity)
		return tl::unexpected(identity.error());

	const auto existing = find(node.id);
	const auto wanted =
	    static_cast<std::size_t>(merged.settings.number("node.session.nr_sessions"));
	std::vector<Isid> used;
	for (const auto &agent : existing)
		used.push_back(agent->plan().login.isid);
	for (const auto &[sid, identity] : orphans_) {
		if (identity.target_name == node.id.target)
			used.push_back(identity.isid);
	}

	/* hawserd.conf or the command may ask for more than the record was made for. */
	if (merged.isids.size() < wanted) {
		auto given = store_.give_isids(node.id, wanted);
		if (!given)
			return tl::unexpected(given.error());
		merged.isids = std::move(given->isids);
	}
	const auto isids = isids_of(merged, *iface);
	if (!isids)
		return tl::unexpected(isids.error());
	unsigned begun = 0;
	for (const Isid &isid : *isids) {
		if (existing.size() + begun >= wanted)
			break;
		if (std::find(used.begin(), used.end(), isid) != used.end())
			continue;
		auto plan = make_plan(merged, *iface, *identity, isid, store_.secrets());
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
	if (begun == 0 && existing.size() >= wanted)
		return fail(
		    Code::session_exists,
		    str(existing.front()->sid() ? "a session to " : "a login to ",
			config::to_string(node.id),
			existing.front()->sid() ? " exists already" : " is under way already"));
	if (begun == 0)
		return fail(Code::record_failed,
			    str("the record of ", config::to_string(node.id), " has no ISID left"));
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

std::vector<std::shared_ptr<SessionAgent>> Sessions::find(const config::NodeId &id) const
{
	std::vector<std::shared_ptr<SessionAgent>> found;
	for (const auto &agent : agents_) {
		if (agent->plan().node.id == id)
			found.push_back(agent);
	}
	return found;
}

bool Sessions::Waiter::waits_for(const kernel::Event &event) const
{
	if (event.sid != sid)
		return false;
	if (std::holds_alternative<kernel::SessionRemoved>(event.body))
		return true;
	// What other programs ask for has events too, with their numbers.
	switch (work) {
	case Work::scan:
		return std::holds_alternative<kernel::ScanEnded>(event.body);
	case Work::ping: {
		const auto *ended = std::get_if<kernel::PingEnded>(&event.body);
		return ended && ended->id == id;
	}
	case Work::text: {
		const auto *ended = std::get_if<kernel::TextEnded>(&event.body);
		return ended && ended->id == id;
	}
	}
	return false;
}

/* Has the module begin something, and waits for the event of its end. */
asio::awaitable<Result<kernel::EventBody>> Sessions::have_done(Work work, Sid sid, Begin begin)
{
	struct Row {
		std::string_view name;
		std::chrono::seconds limit; // the module's own ends before
	};
	static constexpr Row rows[] = {{"the scan", std::chrono::seconds(120)},
				       {"the ping", std::chrono::seconds(60)},
				       {"the Text exchange", std::chrono::seconds(60)}};
	const Row &row = rows[static_cast<int>(work)];

	const Waiter waiter{work, sid, next_id_++,
			    std::make_shared<Mailbox<kernel::EventBody>>(io_.get_executor())};
	const auto forget = [&] {
		std::erase_if(waiters_,
			      [&](const Waiter &w) { return w.mailbox == waiter.mailbox; });
	};
	waiters_.push_back(waiter);
	if (auto begun = begin(waiter.id); !begun) {
		forget();
		co_return tl::unexpected(begun.error().error);
	}
	auto bodies = co_await waiter.mailbox->take(Clock::now() + row.limit);
	forget();
	if (bodies.empty())
		co_return fail(Code::pdu_timed_out,
			       str(row.name, " did not end within ", row.limit.count(), " s"));
	if (std::holds_alternative<kernel::SessionRemoved>(bodies.front()))
		co_return fail(Code::session_not_found,
			       str("session ", sid.value, " ended before ", row.name));
	co_return std::move(bodies.front());
}

asio::awaitable<Result<kernel::ScanEnded>> Sessions::rescan(Sid sid)
{
	auto body =
	    co_await have_done(Work::scan, sid, [&](std::uint32_t) { return control_.scan(sid); });
	if (!body)
		co_return tl::unexpected(body.error());
	const auto ended = std::get<kernel::ScanEnded>(*body);
	if (ended.status != 0)
		co_return fail(Code::failed, str("looking for logical units: ",
						 std::generic_category().message(ended.status)));
	co_return ended;
}

asio::awaitable<Result<kernel::PingEnded>> Sessions::ping(Sid sid, std::optional<Cid> cid,
							  std::uint32_t size)
{
	auto body = co_await have_done(
	    Work::ping, sid, [&](std::uint32_t id) { return control_.ping(sid, cid, id, size); });
	if (!body)
		co_return tl::unexpected(body.error());
	const auto ended = std::get<kernel::PingEnded>(*body);
	if (ended.status == ETIMEDOUT)
		co_return fail(Code::pdu_timed_out, "the target did not answer the ping in time");
	if (ended.status != 0)
		co_return fail(Code::failed,
			       str("ping: ", std::generic_category().message(ended.status)));
	co_return ended;
}

asio::awaitable<Result<Bytes>> Sessions::text(Sid sid, std::optional<Cid> cid, Bytes text)
{
	auto body = co_await have_done(
	    Work::text, sid, [&](std::uint32_t id) { return control_.text(sid, cid, id, text); });
	if (!body)
		co_return tl::unexpected(body.error());
	auto ended = std::get<kernel::TextEnded>(std::move(*body));
	switch (ended.status) {
	case 0:
		co_return std::move(ended.answer);
	case ETIMEDOUT:
		co_return fail(Code::pdu_timed_out, "the target did not answer the text in time");
	case EBUSY:
		co_return fail(Code::busy, "no room for a Text Request, here or at the target");
	case ENOTCONN:
	case ECONNRESET:
		co_return fail(Code::session_not_connected,
			       "the connection was lost before the Text exchange had ended");
	case EMSGSIZE:
		co_return fail(Code::failed,
			       str("the target's answer is over ", HWS_TEXT_MAX, " bytes of text"));
	case EPROTO:
		co_return fail(Code::failed, "the target rejected the text or broke the rules of "
					     "the exchange (the kernel's log says which)");
	default:
		co_return fail(Code::failed, str("Text exchange: ",
						 std::generic_category().message(ended.status)));
	}
}

void Sessions::on_event(const kernel::Event &event)
{
	for (const Waiter &waiter : waiters_) {
		if (waiter.waits_for(event))
			waiter.mailbox->put(event.body);
	}
	if (std::holds_alternative<kernel::SessionRemoved>(event.body))
		orphans_.erase(event.sid);
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
	if (find(id).empty())
		drop_vanished(id);
}

void Sessions::drop_vanished(const config::NodeId &id)
{
	if (auto ended = store_.session_ended(id); !ended)
		log_(Level::warning, "removing the vanished record of ", config::to_string(id),
		     ": ", ended.error().text);
}

} // namespace hawser::daemon
