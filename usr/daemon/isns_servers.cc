/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/isns_servers.h"

#include "base/fd.h"
#include "base/str.h"

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

/* Leases have no notification, and a record may have come by a way that has none. */
constexpr std::chrono::seconds look_again{60};

/* A batch of records is several renames. */
constexpr std::chrono::milliseconds settle{50};

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

} // namespace

void IsnsServers::start()
{
	asio::co_spawn(env_.io, follow_records(), escalate);
	asio::co_spawn(env_.io, look_now_and_then(), escalate);
}

std::map<config::PortalId, config::Settings> IsnsServers::configured()
{
	std::map<config::PortalId, config::Settings> wanted;
	auto conf = config::load_conf(env_.store.paths(), env_.store.secrets());
	if (!conf) {
		env_.log(Level::error, conf.error().text);
	} else if (conf->isns.yes("discovery.isns.dhcp")) {
		auto leases = isns_servers_of_leases(env_.leases, ::time(nullptr));
		// They are looked at all the time, and told about when they change.
		if (leases.problems != std::exchange(lease_problems_, leases.problems))
			for (const std::string &problem : leases.problems)
				env_.log(Level::warning, problem);
		for (const Address &address : leases.servers)
			wanted.emplace(config::PortalId{address.host, address.port}, conf->isns);
	}
	auto records = env_.store.discovery_records();
	if (!records) {
		env_.log(Level::error, records.error().text);
		// What is followed now is better than nothing.
		for (const auto &[where, followed] : servers_)
			wanted.emplace(where, followed.settings);
		return wanted;
	}
	for (const Error &problem : records->problems)
		env_.log(Level::error, problem.text);
	for (const auto &record : records->items) {
		if (record.kind() != config::RecordKind::isns)
			continue;
		if (record.settings.yes("discovery.isns.use_discoveryd"))
			wanted.insert_or_assign(record.portal, record.settings);
		else
			wanted.erase(record.portal);
	}
	return wanted;
}

void IsnsServers::reload()
{
	const auto wanted = configured();

	for (auto &[where, followed] : servers_) {
		if (followed.server->stopping())
			continue;
		const auto at = wanted.find(where);
		if (at == wanted.end()) {
			// Made anew only when this one is over: both are the same entity to it.
			followed.server->stop([this, key = where] {
				servers_.erase(key);
				reload();
			});
		} else if (!same(at->second, followed.settings)) {
			followed.settings = at->second;
			followed.server->apply(at->second);
		}
	}
	for (const auto &[where, settings] : wanted) {
		if (servers_.contains(where))
			continue;
		auto server = std::make_shared<IsnsServer>(
		    IsnsServer::Surroundings{
			env_.io, env_.log, [this] { return env_.store.identity(); },
			[this](const config::PortalId &from, const DiscoveryReply &reply,
			       const auto &gone) { return keep(from, reply, gone); },
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
		reload();
	}
}

asio::awaitable<void> IsnsServers::follow_records()
{
	const std::string folder = env_.store.paths().discovery();
	const auto blind = [&](std::string_view why) {
		env_.log(Level::warning, folder, " is not watched (", why,
			 "): new iSNS servers are found within ", look_again.count(), " s");
	};

	const auto made = config::make_folder(folder);
	Fd fd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
	const bool watched = made && fd &&
			     ::inotify_add_watch(fd.get(), folder.c_str(),
						 IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE) >= 0;
	if (!watched)
		blind(made ? std::strerror(errno) : made.error().text);
	// Only now, so that no change falls in between.
	reload();
	if (!watched)
		co_return;
	asio::posix::stream_descriptor events(env_.io, fd.release());
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
		reload();
	}
}

Status IsnsServers::keep(const config::PortalId &server, const DiscoveryReply &reply,
			 const std::function<bool(const std::string &)> &gone)
{
	config::Discovery discovery{.source = {config::SourceType::isns, server},
				    .found = portals_of(reply)};
	std::set<std::string> named;
	for (const DiscoveredTarget &target : reply.targets)
		named.insert(target.name);
	auto known = env_.store.nodes();
	if (!known)
		return tl::unexpected(known.error());
	// New ones are reached through what the others of this server are reached through.
	std::set<std::string> ifaces;
	for (const config::Node &node : known->items) {
		const auto *instance = node.instance(discovery.source);
		if (!instance || node.vanished)
			continue;
		ifaces.insert(node.id.iface);
		if (!named.contains(node.id.target) && !gone(node.id.target))
			discovery.found.push_back({node.id.target, node.id.portal, instance->tpgt});
	}
	if (!ifaces.empty())
		discovery.ifaces.assign(ifaces.begin(), ifaces.end());
	discovery.changes = {.add = true, .update = false, .remove = true};
	auto stored = env_.store.store_discovery(std::move(discovery));
	if (!stored)
		return tl::unexpected(stored.error());
	for (const Error &problem : stored->problems)
		env_.log(Level::error, problem.text);
	for (const auto &id : stored->added)
		env_.log(Level::notice, "new by iSNS: ", config::to_string(id));
	for (const auto &id : stored->removed)
		env_.log(Level::notice, "gone by iSNS: ", config::to_string(id));
	for (const auto &id : stored->vanished)
		env_.log(Level::warning,
			 "gone by iSNS, kept while a session uses it: ", config::to_string(id));
	std::vector<std::string> warnings;
	auto automatic = read_nodes(stored->automatic, env_.store, warnings);
	for (const std::string &warning : warnings)
		env_.log(Level::error, warning);
	if (env_.log_in && !automatic.empty())
		env_.log_in(std::move(automatic));
	return {};
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
	auto identity = env_.store.identity();
	if (!identity)
		co_return tl::unexpected(identity.error());
	ConnectOptions options;
	options.timeout = limit;
	auto socket = co_await connect_to(std::move(*address), std::move(options));
	if (!socket)
		co_return tl::unexpected(socket.error());
	const auto local = local_address(*socket);
	if (!local)
		co_return tl::unexpected(local.error());

	isns::Registration self{identity->name, identity->alias, *local, 0, 0};
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
	for (const std::string &name : call.ifaces)
		if (auto iface = env_.store.iface(name); !iface)
			co_return failed(iface.error());
	const auto kind = config::RecordKind::isns;
	const config::PortalId portal{call.address, call.port};
	auto record = env_.store.discovery_record(kind, portal);
	const bool known = record.has_value();
	if (!record && record.error().code == Code::nothing_found)
		record = env_.store.new_discovery_record(kind, portal);
	if (!record)
		co_return failed(record.error());
	config::Settings given(kind);
	for (const auto &[key, value] : call.settings)
		if (auto set = given.set(key, value, env_.store.secrets()); !set)
			co_return failed(set.error());

	auto server = find(record->portal);
	Result<DiscoveryReply> found = DiscoveryReply();
	if (server)
		found = co_await server->refresh();
	else
		found = co_await ask_once(record->portal);
	if (!found)
		co_return failed(found.error());
	auto result = std::make_shared<Discovered>();
	if (auto kept = keep_discovery(call, *record, given, known, *found, env_.store, *result);
	    !kept)
		co_return failed(kept.error());
	result->reply = reply_of(*found);
	co_return result;
}

} // namespace hawser::daemon
