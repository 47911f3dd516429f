/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/discovery.h"

#include "base/str.h"
#include "daemon/plan.h"
#include "iscsi/names.h"

#include <algorithm>

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

/* The portal's record as this discovery uses it. */
Result<config::DiscoveryRecord> record_of(const varlink::DiscoverCall &call, config::Store &store)
{
	const auto kind = config::RecordKind::send_targets;
	const config::PortalId portal{call.address, call.port};
	auto record = store.discovery_record(kind, portal);
	if (!record && record.error().code == Code::nothing_found)
		record = store.new_discovery_record(kind, portal);
	if (!record)
		return record;
	for (const auto &[key, value] : call.settings) {
		if (auto set = record->settings.set(key, value, store.secrets()); !set)
			return tl::unexpected(set.error());
	}
	if (!call.ifaces.empty())
		if (auto set = record->settings.set("discovery.sendtargets.iface",
						    join(call.ifaces, ","), store.secrets());
		    !set)
			return tl::unexpected(set.error());
	return record;
}

Result<LoginConfig> login_of(const config::Settings &s, const config::Identity &identity,
			     config::SecretBox &secrets)
{
	LoginConfig login;
	login.initiator_name = identity.name;
	login.initiator_alias = identity.alias;
	login.discovery = true;
	login.isid = identity.discovery_isid();
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

Status keep_discovery(const varlink::DiscoverCall &call, config::DiscoveryRecord record,
		      const DiscoveryReply &reply, config::Store &store, const Log &log)
{
	if (call.changes.empty() && !call.keep_portal)
		return {};

	config::Discovery discovery{.source = record.source(), .found = portals_of(reply)};
	if (!call.ifaces.empty())
		discovery.ifaces = call.ifaces;
	discovery.changes = {wants(call, "new"), wants(call, "update"), wants(call, "delete")};
	if (call.keep_portal)
		discovery.record = std::move(record);
	auto stored = store.store_discovery(std::move(discovery));
	if (!stored)
		return tl::unexpected(stored.error());
	for (const Error &problem : stored->problems)
		log(Level::error, problem.text);
	return {};
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

asio::awaitable<DiscoveryOutcome<varlink::DiscoverReply>>
send_targets(varlink::DiscoverCall call, config::Store &store, ChallengeBook &book, const Log &log)
{
	auto address = parse_host(call.address, call.port);
	if (!address)
		co_return failed(address.error());
	auto conf = config::load_conf(store.paths(), store.secrets());
	if (!conf)
		co_return failed(conf.error());
	for (const std::string &warning : conf->warnings)
		log(Level::warning, warning);
	auto record = record_of(call, store);
	varlink::wipe(call.settings);
	if (!record)
		co_return failed(record.error());
	call.ifaces = record->settings.list("discovery.sendtargets.iface");
	Binding binding;
	std::string initiator_name;
	for (const std::string &name : call.ifaces) {
		auto iface = store.iface(name);
		if (!iface)
			co_return failed(iface.error());
		if (call.ifaces.size() > 1)
			continue; // which of them to ask through is not said
		binding = binding_of(*iface);
		initiator_name = iface->settings.get("iface.initiatorname");
	}
	auto identity = store.identity();
	if (!identity)
		co_return failed(identity.error());
	auto login = login_of(record->settings, *identity, store.secrets());
	if (!login)
		co_return failed(login.error());

	if (!initiator_name.empty())
		login->initiator_name = initiator_name;

	const config::Settings &s = record->settings;
	const Seconds login_timeout(s.number("discovery.sendtargets.timeo.login_timeout"));
	ConnectOptions connect;
	connect.timeout = login_timeout;
	connect.before_connect = [&binding](int fd) { return binding.apply(fd); };
	DiscoveryTimeouts timeouts;
	timeouts.login.response = login_timeout;
	timeouts.login.total = login_timeout;
	timeouts.response = Seconds(s.number("discovery.sendtargets.timeo.active_timeout"));
	auto found = co_await discover(std::move(*address), std::move(*login), book, "All",
				       std::move(connect), timeouts);
	if (!found) {
		log(Level::error, "discovery at ", call.address, " port ", call.port, ": ",
		    found.error().error.text);
		co_return tl::unexpected(std::move(found.error()));
	}
	if (!found->login.unavailable_algorithms.empty())
		log(Level::warning, "discovery at ", call.address, " port ", call.port,
		    ": CHAP algorithms that libcrypto does not have (FIPS mode?) were not "
		    "offered: ",
		    to_string(found->login.unavailable_algorithms));
	for (const std::string &skipped : found->reply.skipped)
		log(Level::warning, "discovery at ", call.address, " port ", call.port, ": ",
		    skipped);
	if (auto kept = keep_discovery(call, std::move(*record), found->reply, store, log); !kept)
		co_return failed(kept.error());
	co_return reply_of(found->reply);
}

asio::awaitable<Result<varlink::DiscoverReply>>
send_targets(Sid sid, std::optional<Cid> cid, Sessions &sessions, kernel::Control &control)
{
	// The portal that a target without addresses is at: the one that is asked.
	auto session = control.session(sid);
	if (!session)
		co_return tl::unexpected(session.error().error);
	auto answer = co_await sessions.text(
	    sid, cid, encode_text(std::vector<KeyValue>{{"SendTargets", ""}}));
	if (!answer)
		co_return tl::unexpected(answer.error());
	auto reply = read_send_targets(*answer);
	if (!reply)
		co_return tl::unexpected(reply.error());

	std::erase_if(reply->targets, [&](DiscoveredTarget &target) {
		const bool other = !same_name(target.name, session->identity.target_name);
		if (other)
			reply->skipped.push_back(
			    str("target ", target.name,
				" is not the session's (RFC 7143, appendix C)"));
		for (const auto &connection : session->connections) {
			if (!target.portals.empty() || (cid && connection.cid != *cid))
				continue;
			if (auto peer = parse_host(connection.peer_address, connection.peer_port))
				target.portals.push_back(
				    {std::move(*peer), session->identity.tpgt});
		}
		return other;
	});
	co_return reply_of(*reply);
}

} // namespace hawser::daemon
