/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/commands.h"

#include "base/str.h"
#include "daemon/connection_commands.h"
#include "daemon/progress.h"
#include "daemon/refusal.h"
#include "daemon/worker.h"
#include "iscsi/task_management.h"

#include <asio/co_spawn.hpp>
#include <unistd.h>

namespace hawser::daemon
{

namespace
{

using varlink::Exchange;
using varlink::Json;

config::NodeId id_of(const varlink::Node &node)
{
	return {node.target, {node.address, node.port}, node.iface};
}

varlink::Node node_of(const SessionAgent &agent)
{
	const config::Node &node = agent.plan().node;
	return {node.id.target, node.id.portal.host, node.id.portal.port, node.tpgt, node.id.iface};
}

std::string_view state_of(const SessionAgent &agent)
{
	if (agent.logging_out())
		return "logging_out";
	switch (agent.state()) {
	case SessionAgent::State::connecting:
		return "connecting";
	case SessionAgent::State::logged_in:
		return "logged_in";
	case SessionAgent::State::reconnecting:
		return "reconnecting";
	case SessionAgent::State::ended:
		break;
	}
	return "logging_out";
}

varlink::SessionStatus status_of(const SessionAgent &agent)
{
	varlink::SessionStatus status;
	if (agent.sid())
		status.sid = agent.sid()->value;
	status.node = node_of(agent);
	status.state = state_of(agent);
	status.attempts = agent.attempts();
	status.retry_in_ms = milliseconds_until(agent.next_attempt());
	if (agent.last_failure())
		status.last_failure = failure_of(*agent.last_failure());
	status.policy = to_string(agent.plan().settings.policy);
	status.connections = connections_of(agent);
	return status;
}

constexpr Range tpgt_range{"tpgt", -1, 65535};
constexpr std::uint64_t longest_ping_ms = 600000; // of a call that has its answers at the end

/* The numbers of a call's "sids" and "nodes". */
std::optional<Error> bad_selection(const Json &parameters)
{
	for (const char *list : {"nodes", "sids"}) {
		auto it = parameters.find(list);
		if (it == parameters.end())
			continue;
		for (const Json &one : *it) {
			if (one.is_object()) {
				if (auto bad = out_of_range(one, {port_range, tpgt_range}))
					return bad;
			} else if (one.get<std::int64_t>() < 0 ||
				   one.get<std::int64_t>() > UINT32_MAX) {
				return Error{Code::invalid_argument,
					     str("session number ", one.get<std::int64_t>(),
						 " is not between 0 and ", UINT32_MAX)};
			}
		}
	}
	return std::nullopt;
}

asio::awaitable<void> rescan_one(Sessions &sessions, std::uint32_t sid,
				 Reporter<varlink::RescanResult>::Box box)
{
	varlink::RescanResult result;
	result.sid = sid;
	auto ended = co_await sessions.rescan(Sid(sid));
	if (ended) {
		result.added = ended->added;
		result.removed = ended->removed;
	} else {
		result.failure = failure_of(ended.error());
	}
	box->put(std::move(result));
}

} // namespace

varlink::Handlers Commands::handlers()
{
	varlink::Handlers all;
	all["GetInfo"] = [this](Exchange &e) { return get_info(e); };
	all["ListSessions"] = [this](Exchange &e) { return list_sessions(e); };
	all["Login"] = [this](Exchange &e) { return login(e); };
	all["Logout"] = [this](Exchange &e) { return logout(e); };
	all["Rescan"] = [this](Exchange &e) { return rescan(e); };
	all["Ping"] = [this](Exchange &e) { return ping(e); };
	all["TaskManagement"] = [this](Exchange &e) { return task_management(e); };
	all["AddConnection"] = [this](Exchange &e) {
		return add_connection(e, env_.sessions, records_, env_.io);
	};
	all["RemoveConnection"] = [this](Exchange &e) {
		return remove_connection(e, env_.sessions);
	};
	all["ChangeSession"] = [this](Exchange &e) { return change_session(e, env_.sessions); };
	all["Discover"] = [this](Exchange &e) { return discover(e); };
	all["SendTargets"] = [this](Exchange &e) { return send_targets(e); };
	return all;
}

asio::awaitable<void> Commands::get_info(Exchange &exchange)
{
	varlink::InfoReply info;
	info.version = HAWSER_VERSION;
	info.pid = getpid();
	info.abi = HWS_ABI;
	info.sessions = static_cast<int>(env_.sessions.all().size());
	auto read = [paths = env_.paths] { return config::Store(paths).identity(); };
	auto identity = co_await on_worker(env_.worker, std::move(read));
	if (!identity) {
		co_await refuse(exchange, failure_of(identity.error()));
		co_return;
	}
	info.initiator_name = identity->name;
	auto module = env_.control.info();
	if (module) {
		info.module_abi = static_cast<int>(module->abi);
		info.module_version = module->version;
	} else {
		info.module_failure = failure_of(module.error().error);
	}
	Json reply = info;
	co_await exchange.reply(std::move(reply));
}

asio::awaitable<void> Commands::list_sessions(Exchange &exchange)
{
	std::vector<varlink::SessionStatus> sessions;
	for (const auto &agent : env_.sessions.all())
		sessions.push_back(status_of(*agent));
	Json reply = {{"sessions", sessions}};
	co_await exchange.reply(std::move(reply));
}

asio::awaitable<void> Commands::login(Exchange &exchange)
{
	if (auto bad = bad_selection(exchange.parameters())) {
		co_await refuse(exchange, failure_of(*bad));
		co_return;
	}
	auto call = exchange.parameters().get<varlink::LoginCall>();
	exchange.forget_parameters();
	if (auto module = co_await env_.loader.ensure(); !module) {
		co_await refuse(exchange, failure_of(module.error()));
		co_return;
	}

	Reporter<varlink::LoginResult> reporter(exchange, env_.io.get_executor());
	const auto box = reporter.box();
	std::uint32_t total = 0;
	for (const varlink::Node &node : call.nodes) {
		const auto done = [box, node](const SessionAgent::FirstLogin &outcome) {
			varlink::LoginResult result;
			result.node = node;
			if (outcome)
				result.sid = outcome->value;
			else
				result.failure = failure_of(outcome.error());
			box->put(std::move(result));
		};
		auto beginning =
		    env_.sessions.log_in(id_of(node), call.settings,
					 call.wait ? SessionAgent::Persistence::limited
						   : SessionAgent::Persistence::endless,
					 call.wait ? Sessions::OnLogin(done) : Sessions::OnLogin());
		auto begun = co_await std::move(beginning);
		if (!begun) {
			varlink::LoginResult result;
			result.node = node;
			result.failure = failure_of(begun.error());
			box->put(std::move(result));
			total++;
		} else if (call.wait) {
			total += *begun;
		} else {
			varlink::LoginResult result;
			result.node = node;
			box->put(std::move(result));
			total++;
		}
	}
	varlink::wipe(call.settings);
	co_await reporter.run(total);
}

asio::awaitable<void> Commands::logout(Exchange &exchange)
{
	if (auto bad = bad_selection(exchange.parameters())) {
		co_await refuse(exchange, failure_of(*bad));
		co_return;
	}
	const auto call = exchange.parameters().get<varlink::LogoutCall>();
	Reporter<varlink::LogoutResult> reporter(exchange, env_.io.get_executor());
	const auto box = reporter.box();
	std::uint32_t total = 0;

	const auto log_out = [&](SessionAgent &agent) {
		varlink::LogoutResult result;
		result.node = node_of(agent);
		if (agent.sid())
			result.sid = agent.sid()->value;
		total++;
		agent.log_out([box, result](Status status) mutable {
			if (!status)
				result.failure = failure_of(status.error());
			box->put(std::move(result));
		});
	};
	for (const std::uint32_t sid : call.sids) {
		if (auto agent = env_.sessions.find(Sid(sid))) {
			log_out(*agent);
			continue;
		}
		// Nobody looks after it, or it is none of ours: the module knows.
		varlink::LogoutResult result;
		result.sid = sid;
		if (auto begun = env_.control.delete_session(Sid(sid)); !begun)
			result.failure = failure_of(begun.error().error);
		box->put(std::move(result));
		total++;
	}
	for (const varlink::Node &node : call.nodes) {
		const auto agents = env_.sessions.find(id_of(node));
		for (const auto &agent : agents)
			log_out(*agent);
		if (!agents.empty())
			continue;
		varlink::LogoutResult result;
		result.node = node;
		result.failure =
		    failure_of(Error{Code::session_not_found, str("there is no session to ",
								  config::to_string(id_of(node)))});
		box->put(std::move(result));
		total++;
	}
	co_await reporter.run(total);
}

asio::awaitable<void> Commands::rescan(Exchange &exchange)
{
	if (auto bad = bad_selection(exchange.parameters())) {
		co_await refuse(exchange, failure_of(*bad));
		co_return;
	}
	const auto sids = exchange.parameters().at("sids").get<std::vector<std::uint32_t>>();
	Reporter<varlink::RescanResult> reporter(exchange, env_.io.get_executor());
	for (const std::uint32_t sid : sids)
		asio::co_spawn(env_.io, rescan_one(env_.sessions, sid, reporter.box()), escalate);
	co_await reporter.run(static_cast<std::uint32_t>(sids.size()));
}

asio::awaitable<void> Commands::ping(Exchange &exchange)
{
	if (auto bad = out_of_range(exchange.parameters(), {sid_range,
							    cid_range,
							    {"size", 0, HWS_PING_MAX},
							    {"count", 1, 1000000},
							    {"interval_ms", 1, 3600000}})) {
		co_await refuse(exchange, failure_of(*bad));
		co_return;
	}
	const auto call = exchange.parameters().get<varlink::PingCall>();
	// Without replies in between nobody notices that the client has gone.
	if (!exchange.more() && std::uint64_t{call.count} * call.interval_ms > longest_ping_ms) {
		co_await refuse(exchange,
				failure_of(Error{Code::invalid_argument,
						 str("count times interval_ms is more than ",
						     longest_ping_ms, ": ask with \"more\"")}));
		co_return;
	}
	const std::optional<Cid> cid = call.cid ? std::optional<Cid>(Cid(*call.cid)) : std::nullopt;
	Signal timer(env_.io.get_executor());
	varlink::Progress<varlink::PingResult> progress;
	progress.total = call.count;
	auto start = Clock::now();
	for (std::uint32_t sequence = 1; sequence <= call.count; sequence++) {
		varlink::PingResult result;
		result.sequence = sequence;
		result.size = call.size;
		auto ended = co_await env_.sessions.ping(Sid(call.sid), cid, call.size);
		if (ended)
			result.round_trip_ns = ended->round_trip_ns;
		else
			result.failure = failure_of(ended.error());
		const bool last = sequence == call.count ||
				  (!ended && ended.error().code == Code::session_not_found);
		progress.results.push_back(std::move(result));
		progress.done = sequence;
		if (last)
			break;
		if (exchange.more()) {
			Json reply = progress;
			if (auto sent = co_await exchange.reply_and_continue(std::move(reply));
			    !sent)
				co_return;
			progress.results.clear();
		}
		start += std::chrono::milliseconds(call.interval_ms);
		co_await timer.wait_until(start);
	}
	Json reply = progress;
	co_await exchange.reply(std::move(reply));
}

asio::awaitable<void> Commands::task_management(Exchange &exchange)
{
	if (auto bad = out_of_range(exchange.parameters(),
				    {sid_range, cid_range, {"lun", 0, INT64_MAX}})) {
		co_await refuse(exchange, failure_of(*bad));
		co_return;
	}
	const auto call = exchange.parameters().get<varlink::TaskManagementCall>();
	const std::optional<Cid> cid = call.cid ? std::optional<Cid>(Cid(*call.cid)) : std::nullopt;
	const std::optional<Lun> lun = call.lun ? std::optional<Lun>(Lun(*call.lun)) : std::nullopt;
	const auto function = parse_task_management_function(call.function);
	const Status fits =
	    function ? check_lun(**function, lun) : tl::unexpected(function.error());
	if (!fits) {
		co_await refuse(exchange, failure_of(fits.error()));
		co_return;
	}
	varlink::TaskManagementReply answer;
	auto ended = co_await env_.sessions.manage_tasks(Sid(call.sid), cid, **function, lun);
	if (ended) {
		answer.response = ended->response;
		answer.text = response_text(**function, ended->response);
		if (const Code code = response_code(ended->response); code != Code::success)
			answer.failure = failure_of(Error{code, *answer.text});
	} else {
		answer.failure = failure_of(ended.error());
	}
	env_.log(Level::notice, "session ", call.sid, ": ", (*function)->words,
		 lun ? str(" of LUN ", lun->value) : "",
		 " by hand: ", answer.text ? *answer.text : answer.failure->text);
	Json reply = answer;
	co_await exchange.reply(std::move(reply));
}

asio::awaitable<void> Commands::discover(Exchange &exchange)
{
	if (auto bad = out_of_range(exchange.parameters(), {port_range})) {
		co_await refuse(exchange, failure_of(*bad));
		co_return;
	}
	auto call = exchange.parameters().get<varlink::DiscoverCall>();
	exchange.forget_parameters();
	const std::string title = str("discovery at ", call.address, " port ", call.port, ": ");
	DiscoveryOutcome found;
	if (call.type == "isns")
		found = co_await env_.isns.discover(std::move(call));
	else
		found = co_await env_.discoveries.send_targets(std::move(call));
	if (!found) {
		env_.log(Level::error, title, found.error().error.text);
		co_await refuse(exchange, failure_of(found.error()));
		co_return;
	}
	for (const auto *lines : {&(*found)->warnings, &(*found)->reply.skipped}) {
		for (const std::string &line : *lines)
			env_.log(Level::warning, title, line);
	}
	Json reply = (*found)->reply;
	co_await exchange.reply(std::move(reply));
}

asio::awaitable<void> Commands::send_targets(Exchange &exchange)
{
	if (auto bad = out_of_range(exchange.parameters(), {sid_range, cid_range})) {
		co_await refuse(exchange, failure_of(*bad));
		co_return;
	}
	const auto call = exchange.parameters().get<varlink::SendTargetsCall>();
	const std::optional<Cid> cid = call.cid ? std::optional<Cid>(Cid(*call.cid)) : std::nullopt;
	auto found = co_await daemon::send_targets(Sid(call.sid), cid, env_.sessions, env_.control);
	if (!found) {
		co_await refuse(exchange, failure_of(found.error()));
		co_return;
	}
	Json reply = *found;
	co_await exchange.reply(std::move(reply));
}

} // namespace hawser::daemon
