/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/connection_commands.h"

#include "base/str.h"
#include "config/keys.h"
#include "daemon/refusal.h"
#include "daemon/worker.h"

#include <algorithm>

namespace hawser::daemon
{

namespace
{

using varlink::Exchange;
using varlink::Json;

/* The session that a call is about, or why it cannot be worked on. */
Result<std::shared_ptr<SessionAgent>> session_of(Sessions &sessions, std::uint32_t sid)
{
	auto agent = sessions.find(Sid(sid));
	if (!agent)
		return fail(Code::session_not_found,
			    str("session ", sid, " is none that hawserd looks after"));
	if (agent->logging_out())
		return fail(Code::session_not_found, str("session ", sid, " is being ended"));
	return agent;
}

std::string_view state_of(const Strand *strand)
{
	if (!strand)
		return "waiting"; // for the leading login
	switch (strand->state()) {
	case Strand::State::waiting:
		break;
	case Strand::State::joining:
		return "joining";
	case Strand::State::up:
		return "up";
	case Strand::State::leaving:
		return "leaving";
	case Strand::State::off:
		return "off";
	}
	return "waiting";
}

/* The session's own interface, or another, whose record is read in the worker. */
asio::awaitable<Result<config::Iface>>
iface_of(const Plan &plan, const std::optional<std::string> &name, const RecordReader &records)
{
	if (!name || *name == plan.node.id.iface) {
		config::Iface own = plan.iface;
		own.name = plan.node.id.iface;
		co_return own;
	}
	auto read = [name = *name, paths = records.paths] {
		return config::Store(paths).iface(name);
	};
	co_return co_await on_worker(records.worker, std::move(read));
}

/* What a role is called, if it is one. */
Result<kernel::Role> role_of(const std::string &word)
{
	if (const auto role = kernel::parse_role(word))
		return *role;
	return fail(Code::invalid_argument, str("role: ", hawser::quoted(word), " is no role"));
}

/* A list of digests as a connection beside the first may have it; empty for none. */
Result<std::string> digests_of(std::string_view key, const std::optional<std::string> &list)
{
	const auto *row =
	    config::find_key(config::RecordKind::node, config::connection_key(Cid(1), key));
	auto checked = config::check_value(*row, list.value_or(""));
	if (!checked)
		return tl::unexpected(checked.error());
	return checked->value;
}

Result<Addition> addition_of(const varlink::AddConnectionCall &call, const config::Iface &iface)
{
	Addition addition{{call.address, call.port}, iface};
	if (call.role) {
		const auto role = role_of(*call.role);
		if (!role)
			return tl::unexpected(role.error());
		addition.role = *role;
	}
	addition.weight = call.weight.value_or(0);
	auto header = digests_of("iscsi.HeaderDigest", call.header_digest);
	if (!header)
		return tl::unexpected(header.error());
	auto data = digests_of("iscsi.DataDigest", call.data_digest);
	if (!data)
		return tl::unexpected(data.error());
	addition.header_digest = std::move(*header);
	addition.data_digest = std::move(*data);
	return addition;
}

} // namespace

/* One change of a session: of its policy, or of one of its connections, or of both. */
Result<kernel::SessionChange> change_of(const varlink::ChangeSessionCall &call)
{
	const auto refuse = [](std::string why) {
		return fail(Code::invalid_argument, std::move(why));
	};
	kernel::SessionChange change;
	if (call.policy) {
		change.policy = kernel::parse_policy(*call.policy);
		if (!change.policy)
			return refuse(str("node.session.policy: ", hawser::quoted(*call.policy),
					  " is no policy"));
	}
	if (!call.cid && (call.role || call.weight))
		return refuse(
		    str(call.role ? "role" : "weight", " is a connection's: cid says which"));
	if (call.cid && !call.role && !call.weight)
		return refuse(str("cid ", *call.cid, ": neither role nor weight is given"));
	if (call.cid) {
		change.connection = {Cid(*call.cid), {}, call.weight};
		if (call.role) {
			auto role = role_of(*call.role);
			if (!role)
				return tl::unexpected(role.error());
			change.connection->role = *role;
		}
	}
	return change;
}

std::optional<std::uint64_t> milliseconds_until(const std::optional<Clock::time_point> &time)
{
	if (!time)
		return std::nullopt;
	const auto left =
	    std::chrono::duration_cast<std::chrono::milliseconds>(*time - Clock::now());
	return static_cast<std::uint64_t>(
	    std::max<std::chrono::milliseconds::rep>(left.count(), 0));
}

std::vector<varlink::Connection> connections_of(const SessionAgent &agent)
{
	std::vector<varlink::Connection> connections;
	const auto &strands = agent.strands().all();
	for (const Link &link : agent.plan().links) {
		const auto found = strands.find(link.cid);
		const Strand *strand = found == strands.end() ? nullptr : found->second.get();
		varlink::Connection connection;
		connection.cid = link.cid.value;
		connection.address = link.portal.host;
		connection.port = link.portal.port;
		connection.iface = link.iface;
		connection.role = to_string(link.role);
		connection.weight = link.weight;
		connection.state = state_of(strand);
		if (strand) {
			connection.attempts = strand->attempts();
			connection.retry_in_ms = milliseconds_until(strand->next_attempt());
			if (strand->last_failure())
				connection.last_failure = failure_of(*strand->last_failure());
		}
		connections.push_back(std::move(connection));
	}
	return connections;
}

asio::awaitable<void> add_connection(Exchange &exchange, Sessions &sessions,
				     const RecordReader &records, asio::io_context &io)
{
	if (auto bad = out_of_range(exchange.parameters(), {sid_range, port_range, weight_range})) {
		co_await refuse(exchange, failure_of(*bad));
		co_return;
	}
	const auto call = exchange.parameters().get<varlink::AddConnectionCall>();
	auto agent = session_of(sessions, call.sid);
	if (!agent) {
		co_await refuse(exchange, failure_of(agent.error()));
		co_return;
	}
	const auto iface = co_await iface_of((*agent)->plan(), call.iface, records);
	if (!iface) {
		co_await refuse(exchange, failure_of(iface.error()));
		co_return;
	}
	if (auto still = session_of(sessions, call.sid); !still) {
		co_await refuse(exchange, failure_of(still.error()));
		co_return;
	}
	const auto addition = addition_of(call, *iface);
	if (!addition) {
		co_await refuse(exchange, failure_of(addition.error()));
		co_return;
	}
	const auto box = std::make_shared<Mailbox<Joined>>(io.get_executor());
	(*agent)->strands().add(*addition, [box](const Joined &joined) { box->put(joined); });
	const auto joined = co_await box->take();
	if (!joined.front()) {
		co_await refuse(exchange, failure_of(joined.front().error()));
		co_return;
	}
	Json reply = {{"cid", joined.front()->value}};
	co_await exchange.reply(std::move(reply));
}

asio::awaitable<void> remove_connection(Exchange &exchange, Sessions &sessions)
{
	if (auto bad = out_of_range(exchange.parameters(), {sid_range, cid_range})) {
		co_await refuse(exchange, failure_of(*bad));
		co_return;
	}
	const auto call = exchange.parameters().get<varlink::RemoveConnectionCall>();
	if (auto agent = session_of(sessions, call.sid); !agent) {
		co_await refuse(exchange, failure_of(agent.error()));
		co_return;
	}
	auto removed = co_await sessions.remove_connection(Sid(call.sid), Cid(call.cid));
	if (!removed) {
		co_await refuse(exchange, failure_of(removed.error()));
		co_return;
	}
	Json reply = Json::object();
	co_await exchange.reply(std::move(reply));
}

asio::awaitable<void> change_session(Exchange &exchange, Sessions &sessions)
{
	const auto bad = out_of_range(exchange.parameters(), {sid_range, cid_range, weight_range});
	if (bad) {
		co_await refuse(exchange, failure_of(*bad));
		co_return;
	}
	const auto call = exchange.parameters().get<varlink::ChangeSessionCall>();
	auto agent = session_of(sessions, call.sid);
	if (!agent) {
		co_await refuse(exchange, failure_of(agent.error()));
		co_return;
	}
	const auto change = change_of(call);
	if (!change) {
		co_await refuse(exchange, failure_of(change.error()));
		co_return;
	}
	if (auto changed = (*agent)->change(*change); !changed) {
		co_await refuse(exchange, failure_of(changed.error()));
		co_return;
	}
	Json reply = Json::object();
	co_await exchange.reply(std::move(reply));
}

} // namespace hawser::daemon
