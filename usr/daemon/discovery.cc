/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/discovery.h"

#include "base/str.h"
#include "daemon/plan.h"
#include "daemon/worker.h"
#include "iscsi/names.h"

#include <algorithm>
#include <bitset>
#include <limits>
#include <set>

namespace hawser::daemon
{

namespace
{

tl::unexpected<LoginFailure> failed(Error error)
{
	LoginFailure failure;
	failure.error = std::move(error);
	return tl::unexpected<LoginFailure>(std::move(failure));
}

/* All that a discovery needs, made of the records once. */
struct Question {
	Address address;
	LoginConfig login;
	Binding binding;
	config::DiscoveryRecord record;
	/* What the call sets above what is stored; only with a record that was there: none is made.
	 */
	config::Settings given{config::RecordKind::send_targets};
	bool only_known = false;
	/* It has the key that the given secrets are encrypted under, even if that is changed
	 * meanwhile. */
	std::shared_ptr<config::Store> store;
	std::vector<std::string> warnings;

	Seconds seconds(std::string_view key) const
	{
		return Seconds(record.settings.number(std::string(key)));
	}
};

/* The portal's record as this discovery uses it. */
Status read_record(const varlink::DiscoverCall &call, bool listed, Question &question)
{
	config::Store &store = *question.store;
	const auto kind = config::RecordKind::send_targets;
	const config::PortalId portal{call.address, call.port};
	auto record = store.discovery_record(kind, portal);
	question.only_known = listed || record;
	if (!record && !listed && record.error().code == Code::nothing_found)
		record = store.new_discovery_record(kind, portal);
	if (!record)
		return tl::unexpected(record.error());
	if (auto ok = check_units(call.settings, record->settings); !ok)
		return ok;
	for (const auto &[key, value] : call.settings) {
		if (auto set = question.given.set(key, value, store.secrets()); !set)
			return tl::unexpected(set.error());
	}
	if (!call.ifaces.empty())
		if (auto set = question.given.set("discovery.sendtargets.iface",
						  join(call.ifaces, ","), store.secrets());
		    !set)
			return tl::unexpected(set.error());
	question.record = std::move(*record);
	question.record.settings.overlay(question.given);
	return {};
}

Result<LoginConfig> login_of(const config::Settings &s, const config::Identity &identity,
			     std::uint8_t isid_slot, config::SecretBox &secrets)
{
	LoginConfig login;
	login.initiator_name = identity.name;
	login.initiator_alias = identity.alias;
	login.discovery = true;
	login.isid = identity.discovery_isid(isid_slot);
	login.auth_methods = auth_methods_of(s.list("discovery.sendtargets.auth.authmethod"));
	login.offer = offer_of(s);

	ChapConfig &chap = login.chap;
	chap.algorithms = chap_algorithms_of(s.list("node.session.auth.chap_algs"));
	chap.username = s.get("discovery.sendtargets.auth.username");
	chap.target_username = s.get("discovery.sendtargets.auth.username_in");
	auto secret = s.secret("discovery.sendtargets.auth.password", secrets);
	if (!secret)
		return tl::unexpected(secret.error());
	auto target_secret = s.secret("discovery.sendtargets.auth.password_in", secrets);
	if (!target_secret)
		return tl::unexpected(target_secret.error());
	chap.secret = std::move(*secret);
	chap.target_secret = std::move(*target_secret);
	if (auto ok = check(login); !ok)
		return tl::unexpected(ok.error());
	return login;
}

bool wants(const varlink::DiscoverCall &call, std::string_view change)
{
	return std::find(call.changes.begin(), call.changes.end(), change) != call.changes.end();
}

} // namespace

Status check_units(const std::map<std::string, std::string> &given, const config::Settings &record)
{
	for (const auto &[key, value] : given) {
		const auto *row = config::find_key(record.kind(), key);
		if (row && !row->unit.empty() && !given.contains(std::string(row->unit)) &&
		    !record.is_set(row->unit))
			return fail(Code::invalid_argument,
				    str(key, " needs ", row->unit,
					" beside it: method, names and secrets come together"));
	}
	return {};
}

std::vector<config::Node> read_nodes(const std::vector<config::NodeId> &ids, config::Store &store,
				     std::vector<std::string> &warnings)
{
	const std::set<config::NodeId> wanted(ids.begin(), ids.end());
	std::set<std::string> targets;
	for (const config::NodeId &id : ids)
		targets.insert(id.target);
	std::vector<config::Node> nodes;
	for (const std::string &target : targets) {
		auto read = store.nodes({.target = target});
		if (!read) {
			warnings.push_back(read.error().text);
			continue;
		}
		for (config::Node &node : read->items) {
			if (wanted.contains(node.id))
				nodes.push_back(std::move(node));
		}
	}
	return nodes;
}

std::vector<config::FoundPortal> portals_of(const DiscoveryReply &reply)
{
	std::vector<config::FoundPortal> found;
	for (const DiscoveredTarget &target : reply.targets) {
		for (const Portal &portal : target.portals)
			found.push_back({target.name,
					 {portal.address.host, portal.address.port},
					 portal.tpgt ? portal.tpgt->value : -1});
	}
	return found;
}

varlink::DiscoverReply reply_of(const DiscoveryReply &reply)
{
	varlink::DiscoverReply out;
	for (const DiscoveredTarget &target : reply.targets) {
		varlink::DiscoveredTarget one;
		one.target = target.name;
		for (const Portal &portal : target.portals)
			one.portals.push_back({portal.address.host, portal.address.port,
					       portal.tpgt ? portal.tpgt->value : -1});
		out.targets.push_back(std::move(one));
	}
	for (const std::string &skipped : reply.skipped)
		out.skipped.push_back(skipped);
	return out;
}

Status keep_discovery(const varlink::DiscoverCall &call, const config::DiscoveryRecord &record,
		      const config::Settings &given, bool only_known, const DiscoveryReply &reply,
		      config::Store &store, Discovered &result)
{
	if (only_known)
		if (auto still = store.discovery_record(record.kind(), record.portal); !still)
			return tl::unexpected(still.error());
	if (call.changes.empty() && !call.keep_portal)
		return {};

	config::Discovery discovery{.source = record.source(), .found = portals_of(reply)};
	auto ifaces = record.settings.list(config::iface_key(record.kind()));
	if (ifaces.empty()) {
		auto all = store.ifaces_of_discovery();
		if (!all)
			return tl::unexpected(all.error());
		ifaces = std::move(*all);
	}
	discovery.ifaces = std::move(ifaces);
	/*
	 * A portal or a name server that names no target at all, as one does that is being set up,
	 * was started anew or does not know this initiator, and one whose answer cannot be read
	 * whole, say nothing of what is gone.
	 */
	const bool whole = !reply.incomplete && !reply.targets.empty();
	// Who follows a source in what comes and goes does so in where it is reached, too.
	const bool follow = wants(call, "new") && wants(call, "delete");
	discovery.changes = {wants(call, "new"), wants(call, "update"),
			     wants(call, "delete") && whole, follow};
	discovery.spared = reply.uncertain;
	if (call.keep_portal)
		discovery.record = config::DiscoveryRecord{record.portal, given};
	discovery.only_known = only_known;
	auto stored = store.store_discovery(std::move(discovery));
	if (!stored)
		return tl::unexpected(stored.error());
	for (const Error &problem : stored->problems)
		result.warnings.push_back(problem.text);
	result.added = stored->added.size();
	result.removed = stored->removed.size() + stored->vanished.size();
	result.vanished = std::move(stored->vanished);
	result.automatic = read_nodes(stored->automatic, store, result.warnings);
	return {};
}

namespace
{

Result<Question> question_of(const varlink::DiscoverCall &call, bool listed, std::uint8_t isid_slot,
			     const config::Paths &paths)
{
	Question question;
	question.store = std::make_shared<config::Store>(paths);
	config::Store &store = *question.store;
	auto address = parse_host(call.address, call.port);
	if (!address)
		return tl::unexpected(address.error());
	question.address = std::move(*address);
	auto conf = config::load_conf(store.paths(), store.secrets());
	if (!conf)
		return tl::unexpected(conf.error());
	question.warnings = conf->warnings;
	if (auto read = read_record(call, listed, question); !read)
		return tl::unexpected(read.error());
	std::string initiator_name;
	const auto ifaces = question.record.settings.list("discovery.sendtargets.iface");
	for (const std::string &name : ifaces) {
		auto iface = store.iface(name);
		// Another thing than a portal without a record, which a refresh is silent about.
		if (!iface && call.ifaces.empty() && iface.error().code == Code::nothing_found)
			return fail(Code::invalid_argument,
				    str("discovery.sendtargets.iface of ", call.address, ",",
					call.port, ": ", iface.error().text));
		if (!iface)
			return tl::unexpected(iface.error());
		if (ifaces.size() > 1)
			continue; // which of them to ask through is not said
		question.binding = binding_of(*iface);
		initiator_name = iface->settings.get("iface.initiatorname");
	}
	auto identity = store.identity();
	if (!identity)
		return tl::unexpected(identity.error());
	auto login = login_of(question.record.settings, *identity, isid_slot, store.secrets());
	if (!login)
		return tl::unexpected(login.error());
	question.login = std::move(*login);
	if (!initiator_name.empty())
		question.login.initiator_name = initiator_name;
	return question;
}

/* Where the session's connection, or the one that was asked, goes to. */
std::vector<Portal> asked_portal(const kernel::SessionInfo &session, std::optional<Cid> cid)
{
	for (const auto &connection : session.connections) {
		if (cid && connection.cid != *cid)
			continue;
		if (auto peer = parse_host(connection.peer_address, connection.peer_port))
			return {{std::move(*peer), session.identity.tpgt}};
	}
	return {};
}

} // namespace

asio::awaitable<DiscoveryOutcome> Discoveries::send_targets(varlink::DiscoverCall call, bool listed)
{
	Box box = make_box();
	const auto same = std::find_if(flights_.begin(), flights_.end(), [&](const auto &flight) {
		return call.settings.empty() && !flight->own_settings && flight->call == call &&
		       flight->listed == listed;
	});
	if (same != flights_.end()) {
		(*same)->waiters.push_back(box);
	} else {
		const auto before =
		    std::find_if(flights_.rbegin(), flights_.rend(), [&](const auto &flight) {
			    return flight->call.address == call.address &&
				   flight->call.port == call.port;
		    });
		Box turn;
		if (before != flights_.rend()) {
			turn = make_box();
			(*before)->waiters.push_back(turn);
		}
		const bool own_settings = !call.settings.empty();
		auto flight = std::make_shared<Flight>(
		    Flight{std::move(call), listed, own_settings, {box}, {}});
		flights_.push_back(flight);
		// Apart from who asks: he may hang up, and others may wait by then.
		asio::co_spawn(env_.io, fly(std::move(flight), std::move(turn)), escalate);
	}
	auto outcomes = co_await box->take();
	co_return std::move(outcomes.front());
}

asio::awaitable<void> Discoveries::fly(std::shared_ptr<Flight> flight, Box turn)
{
	if (turn)
		co_await turn->take();
	flight->isid_slot = free_isid_slot();
	const auto outcome = co_await ask(*flight);
	std::erase(flights_, flight);
	for (const auto &waiter : flight->waiters)
		waiter->put(outcome);
}

/*
 * Two portals may be one target's, where a discovery session with the ISID of another would
 * take its place (RFC 7143, 6.3.5). When more are under way than there are slots, some share.
 */
std::uint8_t Discoveries::free_isid_slot() const
{
	std::bitset<std::numeric_limits<std::uint8_t>::max() + 1> taken;
	for (const auto &flight : flights_)
		if (flight->isid_slot)
			taken.set(*flight->isid_slot);
	std::uint8_t slot = 0;
	while (slot != std::numeric_limits<std::uint8_t>::max() && taken.test(slot))
		slot++;
	return slot;
}

asio::awaitable<DiscoveryOutcome> Discoveries::ask(Flight &flight)
{
	const varlink::DiscoverCall &call = flight.call;
	auto prepare = [&flight, paths = env_.paths] {
		return question_of(flight.call, flight.listed, flight.isid_slot.value_or(0), paths);
	};
	auto question = co_await on_worker(env_.worker, std::move(prepare));
	varlink::wipe(flight.call.settings); // there may be secrets among them
	if (!question)
		co_return failed(question.error());

	const Seconds login_timeout =
	    question->seconds("discovery.sendtargets.timeo.login_timeout");
	ConnectOptions connect;
	connect.timeout = login_timeout;
	connect.before_connect = [&question](int fd) { return question->binding.apply(fd); };
	DiscoveryTimeouts timeouts;
	timeouts.login.response = login_timeout;
	timeouts.login.total = login_timeout;
	timeouts.response = question->seconds("discovery.sendtargets.timeo.active_timeout");
	auto tries = question->record.settings.number("discovery.sendtargets.reopen_max");
	Signal timer(env_.io.get_executor());
	auto found = co_await discover(question->address, question->login, env_.book, "All",
				       connect, timeouts);
	while (!found && found.error().retryable && tries-- > 0) {
		co_await timer.wait_until(Clock::now() + pause);
		found = co_await discover(question->address, question->login, env_.book, "All",
					  connect, timeouts);
	}
	if (!found)
		co_return tl::unexpected(std::move(found.error()));

	const auto &missing = found->login.unavailable_algorithms;
	if (!missing.empty())
		question->warnings.push_back(str(
		    "CHAP algorithms that libcrypto does not have (FIPS mode?) were not offered: ",
		    to_string(missing)));

	question->store->set_in_use(env_.sessions.in_use());
	auto result = std::make_shared<Discovered>();
	result->warnings = std::move(question->warnings);
	auto store = [&] {
		return keep_discovery(call, question->record, question->given, question->only_known,
				      found->reply, *question->store, *result);
	};
	auto kept = co_await on_worker(env_.worker, std::move(store));
	env_.sessions.note_vanished(result->vanished);
	if (!kept)
		co_return failed(kept.error());
	result->reply = reply_of(found->reply);
	co_return result;
}

asio::awaitable<Result<varlink::DiscoverReply>>
send_targets(Sid sid, std::optional<Cid> cid, Sessions &sessions, kernel::Control &control)
{
	auto session = control.session(sid);
	if (!session)
		co_return tl::unexpected(session.error().error);
	// Made before the co_await: g++ 12 takes no initializer list within one.
	// By name, as LIO wants it: it ends the connection at the empty value, which stands for
	// the same target here (RFC 7143, appendix C).
	const std::vector<KeyValue> request = {{"SendTargets", session->identity.target_name}};
	Bytes text = encode_text(request);
	auto answer = co_await sessions.text(sid, cid, std::move(text));
	if (!answer)
		co_return tl::unexpected(answer.error());
	auto reply = read_send_targets(*answer);
	if (!reply)
		co_return tl::unexpected(reply.error());

	DiscoveryReply own;
	own.skipped = std::move(reply->skipped);
	for (DiscoveredTarget &target : reply->targets) {
		if (!same_name(target.name, session->identity.target_name)) {
			own.skipped.push_back(str("target ", target.name,
						  " is not the session's (RFC 7143, appendix C)"));
			continue;
		}
		if (target.portals.empty())
			target.portals = asked_portal(*session, cid);
		own.targets.push_back(std::move(target));
	}
	co_return reply_of(own);
}

} // namespace hawser::daemon
