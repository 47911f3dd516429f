/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/isns_servers.h"

#include "base/fd.h"
#include "base/str.h"
#include "daemon/worker.h"

#include <algorithm>
#include <array>
#include <asio/co_spawn.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>
#include <sys/inotify.h>

namespace hawser::daemon
{

namespace
{

/* Leases and the initiator's name have no notification, and a record may have come by a way that
 * has none. */
constexpr std::chrono::seconds look_again{60};

/* A batch of records is several renames. */
constexpr std::chrono::milliseconds settle{50};

/* For a name that is looked up to be compared alone: new records wait for it meanwhile. */
constexpr Seconds look_up_limit{5};

tl::unexpected<LoginFailure> failed(Error error)
{
	LoginFailure failure;

	failure.error = std::move(error);
	return tl::unexpected<LoginFailure>(std::move(failure));
}

bool same(const config::Settings &a, const config::Settings &b)
{
	return a.to_json() == b.to_json();
}

/* Tells of every file that comes into @folder or goes from it. */
Result<Fd> watch(const std::string &folder)
{
	if (auto made = config::make_folder(folder); !made)
		return tl::unexpected(made.error());
	Fd fd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
	if (!fd || ::inotify_add_watch(fd.get(), folder.c_str(),
				       IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE) < 0)
		return fail(Code::failed, std::strerror(errno));
	return fd;
}

/* One that is written as IPv6 (::ffff:192.0.2.1) is IPv4's all the same. */
asio::ip::tcp::endpoint plain(const asio::ip::tcp::endpoint &endpoint)
{
	const auto address = endpoint.address();
	if (!address.is_v6() || !address.to_v6().is_v4_mapped())
		return endpoint;
	return {asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()), endpoint.port()};
}

/* What an answer that came by itself did to the records. */
struct Kept {
	config::DiscoveryOutcome outcome;
	std::vector<config::Node> automatic; // to be logged in to
	std::vector<std::string> warnings;
};

/* What the server's record names, or hawserd.conf; all are there. */
Result<std::vector<std::string>> ifaces_of(const config::DiscoveryRecord &record,
					   config::Store &store)
{
	const std::string key = config::iface_key(record.kind());
	auto ifaces = record.settings.list(key);
	for (const std::string &name : ifaces)
		if (auto iface = store.iface(name); !iface)
			return fail(iface.error().code, str(key, ": ", iface.error().text));
	return ifaces;
}

/* A server that DHCP names has none: it is as hawserd.conf says. */
Result<config::DiscoveryRecord> record_of(const config::PortalId &server, config::Store &store,
					  bool &known)
{
	const auto kind = config::RecordKind::isns;
	auto record = store.discovery_record(kind, server);
	known = record.has_value();
	if (!record && record.error().code == Code::nothing_found)
		record = store.new_discovery_record(kind, server);
	return record;
}

Result<Kept> keep_answer(const config::PortalId &server, const DiscoveryReply &reply,
			 const IsnsServer::Gone &gone, config::Store &store)
{
	config::Discovery discovery{.source = {config::SourceType::isns, server},
				    .found = portals_of(reply)};
	std::set<std::string> named;
	for (const DiscoveredTarget &target : reply.targets)
		named.insert(target.name);
	auto known = store.nodes();
	if (!known)
		return tl::unexpected(known.error());
	// Where nothing is said, new ones are reached through what the server's others are.
	std::set<std::string> ifaces;
	for (const config::Node &node : known->items) {
		const auto *instance = node.instance(discovery.source);
		if (!instance || node.vanished)
			continue;
		ifaces.insert(node.id.iface);
		if (!named.contains(node.id.target) && !gone(node.id.target))
			discovery.found.push_back({node.id.target, node.id.portal, instance->tpgt});
	}
	bool listed = false;
	const auto record = record_of(server, store, listed);
	if (!record)
		return tl::unexpected(record.error());
	auto wanted = ifaces_of(*record, store);
	if (!wanted)
		return tl::unexpected(wanted.error());
	if (wanted->empty())
		wanted->assign(ifaces.begin(), ifaces.end());
	discovery.ifaces = std::move(*wanted);
	if (discovery.ifaces.empty()) {
		auto all = store.ifaces_of_discovery();
		if (!all)
			return tl::unexpected(all.error());
		discovery.ifaces = std::move(*all);
	}
	discovery.changes = {
	    .add = true, .update = false, .remove = !reply.incomplete, .tags = true};
	discovery.spared = reply.uncertain;
	auto stored = store.store_discovery(std::move(discovery));
	if (!stored)
		return tl::unexpected(stored.error());
	Kept kept;
	kept.outcome = std::move(*stored);
	kept.automatic = read_nodes(kept.outcome.automatic, store, kept.warnings);
	return kept;
}

/* What a question to a server needs of the records. */
struct Question {
	std::shared_ptr<config::Store> store;
	config::DiscoveryRecord record;
	config::Settings given{config::RecordKind::isns}; // by the call
	bool known = false;				  // the record was there
};

Result<Question> question_of(const varlink::DiscoverCall &call, const config::Paths &paths)
{
	Question question;
	question.store = std::make_shared<config::Store>(paths);
	config::Store &store = *question.store;
	const auto kind = config::RecordKind::isns;
	auto record = record_of({call.address, call.port}, store, question.known);
	if (!record)
		return tl::unexpected(record.error());
	question.record = std::move(*record);
	for (const auto &[key, value] : call.settings)
		if (auto set = question.given.set(key, value, store.secrets()); !set)
			return tl::unexpected(set.error());
	if (!call.ifaces.empty())
		if (auto set = question.given.set(config::iface_key(kind), join(call.ifaces, ","),
						  store.secrets());
		    !set)
			return tl::unexpected(set.error());
	question.record.settings.overlay(question.given);
	if (auto ifaces = ifaces_of(question.record, store); !ifaces)
		return tl::unexpected(ifaces.error());
	return question;
}

} // namespace

void IsnsServers::start()
{
	asio::co_spawn(env_.io, follow_records(), escalate);
	asio::co_spawn(env_.io, look_now_and_then(), escalate);
}

IsnsServers::Configured IsnsServers::read_configured(const config::Paths &paths,
						     const LeaseFolders &leases)
{
	config::Store store(paths);
	Configured configured;
	auto conf = config::load_conf(paths, store.secrets());
	if (!conf) {
		configured.problems.push_back(conf.error());
	} else if (conf->isns.yes("discovery.isns.dhcp")) {
		auto leased = isns_servers_of_leases(leases, ::time(nullptr));
		configured.lease_problems = std::move(leased.problems);
		configured.whole = leased.whole;
		for (const Address &address : leased.servers)
			configured.leased.emplace(config::PortalId{address.host, address.port},
						  conf->isns);
	}
	if (auto identity = store.identity())
		configured.identity = std::move(*identity);
	auto records = store.discovery_records();
	if (!records) {
		configured.problems.push_back(records.error());
		configured.whole = false;
		return configured;
	}
	configured.problems.insert(configured.problems.end(), records->problems.begin(),
				   records->problems.end());
	// What cannot be read for now is not gone; what is damaged is by the next time.
	configured.whole = configured.whole && records->problems.empty();
	for (const auto &record : records->items) {
		if (record.kind() != config::RecordKind::isns)
			continue;
		if (record.settings.yes("discovery.isns.use_discoveryd"))
			configured.records.emplace(record.portal, record.settings);
		else
			configured.excepted.push_back(record.portal);
	}
	return configured;
}

asio::awaitable<void> IsnsServers::reload()
{
	auto read = [paths = env_.paths, leases = env_.leases] {
		return read_configured(paths, leases);
	};
	const unsigned number = ++reloads_;
	const auto configured = co_await on_worker(env_.worker, std::move(read));
	if (!configured.leased.empty()) {
		std::vector<config::PortalId> all = configured.excepted;
		for (const auto *servers : {&configured.leased, &configured.records})
			for (const auto &[where, settings] : *servers)
				all.push_back(where);
		for (const auto &where : all)
			co_await locate(where);
	}
	// A name that was long looked up holds up the younger ones no longer than itself.
	if (number < taken_)
		co_return;
	taken_ = number;
	take(configured);
}

asio::awaitable<void> IsnsServers::locate(config::PortalId where)
{
	auto address = parse_host(where.host, where.port);
	if (!address)
		co_return;
	const auto known = places_.find(where);
	const bool looked_up = address->kind == Address::Kind::name;
	if (known != places_.end() &&
	    (!looked_up || Clock::now() - known->second.asked_at < look_again))
		co_return;
	places_[where].asked_at = Clock::now();
	auto found = co_await resolve(std::move(*address), look_up_limit, env_.look_up);
	if (!found)
		co_return;
	Places &places = places_[where];
	places.known.clear();
	for (const auto &endpoint : *found)
		places.known.insert(plain(endpoint));
}

bool IsnsServers::at_one_place(const config::PortalId &a, const config::PortalId &b) const
{
	const auto one = places_.find(a);
	const auto other = places_.find(b);
	if (a == b || one == places_.end() || other == places_.end())
		return a == b;
	return std::any_of(
	    one->second.known.begin(), one->second.known.end(),
	    [&](const auto &endpoint) { return other->second.known.contains(endpoint); });
}

IsnsServers::Servers IsnsServers::wanted_of(const Configured &configured) const
{
	Servers wanted = configured.records;
	for (const auto &[leased, settings] : configured.leased) {
		const auto same = [&, &where = leased](const config::PortalId &record) {
			return at_one_place(where, record);
		};
		const bool has_record =
		    std::any_of(configured.records.begin(), configured.records.end(),
				[&](const auto &record) { return same(record.first); }) ||
		    std::any_of(configured.excepted.begin(), configured.excepted.end(), same);
		if (!has_record)
			wanted.emplace(leased, settings);
	}
	return wanted;
}

void IsnsServers::take(const Configured &configured)
{
	for (const Error &problem : configured.problems)
		env_.log(Level::error, problem.text);
	// They are looked at all the time, and told about when they change.
	if (configured.lease_problems != std::exchange(lease_problems_, configured.lease_problems))
		for (const std::string &problem : configured.lease_problems)
			env_.log(Level::warning, problem);
	const auto wanted = wanted_of(configured);
	for (auto &[where, followed] : servers_) {
		if (followed.server->stopping())
			continue;
		const auto at = wanted.find(where);
		if (at == wanted.end() && !configured.whole)
			continue; // what is followed now is better than nothing
		if (at == wanted.end()) {
			// Made anew only when this one is over: both are the same entity to it.
			followed.server->stop([this, key = where] {
				servers_.erase(key);
				// The entity that is gone now was the other's as well.
				for (auto &[other, left] : servers_)
					if (at_one_place(key, other) && !left.server->stopping())
						left.server->apply(left.settings);
				asio::co_spawn(env_.io, reload(), escalate);
			});
		} else if (!same(at->second, followed.settings)) {
			followed.settings = at->second;
			followed.server->apply(at->second);
		}
		if (configured.identity)
			followed.server->take_identity(*configured.identity);
	}
	for (const auto &[where, settings] : wanted) {
		const bool in_the_way = std::any_of(
		    servers_.begin(), servers_.end(), [&, &key = where](const auto &one) {
			    return one.second.server->stopping() && at_one_place(key, one.first);
		    });
		if (servers_.contains(where) || in_the_way)
			continue;
		auto server = std::make_shared<IsnsServer>(
		    IsnsServer::Surroundings{
			env_.io, env_.log, [this] { return identity(); },
			[this](config::PortalId from, DiscoveryReply reply, IsnsServer::Gone gone) {
				return keep(std::move(from), std::move(reply), std::move(gone));
			},
			env_.timings},
		    where, settings);
		servers_.emplace(where, Followed{server, settings});
		server->start();
	}
}

asio::awaitable<void> IsnsServers::look_now_and_then()
{
	Signal pause(env_.io.get_executor());

	for (;;) {
		co_await pause.wait_until(Clock::now() + look_again);
		co_await reload();
	}
}

asio::awaitable<void> IsnsServers::follow_records()
{
	const std::string folder = env_.paths.discovery();
	const auto blind = [&](std::string_view why) {
		env_.log(Level::warning, folder, " is not watched (", why,
			 "): new iSNS servers are found within ", look_again.count(), " s");
	};

	auto begin = [&folder] { return watch(folder); };
	auto watched = co_await on_worker(env_.worker, std::move(begin));
	if (!watched)
		blind(watched.error().text);
	// Only now, so that no change falls in between.
	co_await reload();
	if (!watched)
		co_return;
	asio::posix::stream_descriptor events(env_.io, watched->release());
	Signal pause(env_.io.get_executor());
	for (;;) {
		alignas(inotify_event) std::array<std::uint8_t, 4096> buffer;
		asio::error_code ec;
		co_await events.async_read_some(asio::buffer(buffer),
						asio::redirect_error(asio::use_awaitable, ec));
		if (ec) {
			blind(ec.message());
			co_return;
		}
		co_await pause.wait_until(Clock::now() + settle);
		co_await reload();
	}
}

asio::awaitable<Result<config::Identity>> IsnsServers::identity()
{
	auto read = [paths = env_.paths] { return config::Store(paths).identity(); };
	co_return co_await on_worker(env_.worker, std::move(read));
}

asio::awaitable<Status> IsnsServers::keep(config::PortalId server, DiscoveryReply reply,
					  IsnsServer::Gone gone)
{
	auto store = [&server, &reply, &gone, paths = env_.paths, in_use = env_.in_use()] {
		config::Store own(paths);
		own.set_in_use(in_use);
		return keep_answer(server, reply, gone, own);
	};
	auto kept = co_await on_worker(env_.worker, std::move(store));
	if (!kept)
		co_return tl::unexpected(kept.error());
	const config::DiscoveryOutcome &stored = kept->outcome;
	for (const Error &problem : stored.problems)
		env_.log(Level::error, problem.text);
	for (const auto &id : stored.added)
		env_.log(Level::notice, "new by iSNS: ", config::to_string(id));
	for (const auto &id : stored.removed)
		env_.log(Level::notice, "gone by iSNS: ", config::to_string(id));
	for (const auto &id : stored.vanished)
		env_.log(Level::warning,
			 "gone by iSNS, kept while a session uses it: ", config::to_string(id));
	for (const std::string &warning : kept->warnings)
		env_.log(Level::error, warning);
	env_.note_vanished(stored.vanished);
	if (!kept->automatic.empty())
		env_.log_in(std::move(kept->automatic));
	co_return Status();
}

std::shared_ptr<IsnsServer> IsnsServers::find(const config::PortalId &where) const
{
	const auto at = servers_.find(where);

	return at == servers_.end() || at->second.server->stopping() ? nullptr : at->second.server;
}

asio::awaitable<Result<DiscoveryReply>> IsnsServers::ask_once(config::PortalId where)
{
	const Seconds limit = env_.timings.answer;
	auto address = parse_host(where.host, where.port);
	if (!address)
		co_return tl::unexpected(address.error());
	auto known_as = co_await identity();
	if (!known_as)
		co_return tl::unexpected(known_as.error());
	ConnectOptions options;
	options.timeout = limit;
	auto socket = co_await connect_to(std::move(*address), std::move(options));
	if (!socket)
		co_return tl::unexpected(socket.error());
	const auto local = local_address(*socket);
	if (!local)
		co_return tl::unexpected(local.error());

	isns::Registration self{known_as->name, known_as->alias, *local, 0, 0};
	isns::Connection server(std::move(*socket), [](const isns::Message &request) {
		return isns::serve(request, "").answer;
	});
	auto reply = co_await isns::find_targets(server, self.name, limit);
	if (reply ? !reply->targets.empty() : reply.error().code != Code::isns_query)
		co_return reply;
	// Some servers say nothing to whom they do not know. Whoever is known stays so.
	auto known = co_await server.call(isns::target_query(self.name, self.name), limit);
	if (!known)
		co_return tl::unexpected(known.error());
	if (!known->operating().empty())
		co_return reply;
	auto granted = co_await isns::register_with(server, self, limit);
	if (!granted)
		co_return tl::unexpected(granted.error());
	reply = co_await isns::find_targets(server, self.name, limit);
	co_await server.call(isns::deregistration(self.name, granted->entity), limit);
	co_return reply;
}

asio::awaitable<DiscoveryOutcome> IsnsServers::discover(varlink::DiscoverCall call)
{
	auto prepare = [&call, paths = env_.paths] { return question_of(call, paths); };
	auto question = co_await on_worker(env_.worker, std::move(prepare));
	if (!question)
		co_return failed(question.error());

	const config::PortalId portal = question->record.portal;
	auto server = find(portal);
	Result<DiscoveryReply> found = DiscoveryReply();
	if (server)
		found = co_await server->refresh();
	else
		found = co_await ask_once(portal);
	if (!found)
		co_return failed(found.error());
	question->store->set_in_use(env_.in_use());
	auto result = std::make_shared<Discovered>();
	auto store = [&] {
		return keep_discovery(call, question->record, question->given, question->known,
				      *found, *question->store, *result);
	};
	auto kept = co_await on_worker(env_.worker, std::move(store));
	env_.note_vanished(result->vanished);
	if (!kept)
		co_return failed(kept.error());
	result->reply = reply_of(*found);
	co_return result;
}

} // namespace hawser::daemon
