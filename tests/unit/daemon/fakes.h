/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A kernel and a target that do what a test says. The fake kernel keeps sessions as
 * the module does, and its events are given to the listener by the test.
 */
#pragma once

#include "daemon/connector.h"
#include "daemon/signal.h"
#include "kernel/control.h"

#include <algorithm>
#include <asio/io_context.hpp>
#include <cerrno>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <sys/socket.h>
#include <utility>

class SilentSink : public hawser::LogSink
{
public:
	void write(hawser::Level, std::string_view text, std::span<const hawser::LogField>) override
	{
		lines.emplace_back(text);
	}
	/* Lines with these words in them. */
	auto count(std::string_view words) const
	{
		return std::count_if(lines.begin(), lines.end(), [&](const std::string &line) {
			return line.find(words) != std::string::npos;
		});
	}

	std::vector<std::string> lines;
};

class FakeKernel : public hawser::kernel::Control
{
public:
	using AdoptKind = hawser::kernel::AdoptKind;
	using Sid = hawser::Sid;
	using Cid = hawser::Cid;
	template <class T> using Answer = hawser::kernel::Answer<T>;

	std::map<Sid, hawser::kernel::SessionInfo> live;
	std::uint32_t next_sid = 1;
	std::uint64_t cookie = 0;
	int reservations = 0;
	int joins = 0;				// reservations of that kind
	int adoptions = 0;			// session reinstatements
	int reinstatements = 0;			// of connections
	std::set<Cid> retained;			// connections whose tasks are kept
	std::map<std::uint64_t, Cid> reserved;	// by cookie
	int refuse_new = 0;			// errno of the next new_session()
	int refuse_dump = 0;			// errno of the next one
	std::deque<int> refuse_join;		// errnos of the next reservations of a join
	int refuse_adopt = 0;			// errno of the next adopt()
	std::function<void()> on_adopt = [] {}; // before it is done
	std::vector<Cid> dropped;		// connections, in order
	bool module_there = true;
	std::optional<hawser::kernel::SessionParameters> adopted;
	std::map<std::uint64_t, AdoptKind> kinds;	// of the reservations, by cookie
	std::pair<hawser::CmdSn, hawser::CmdSn> window; // of the last that was handed over
	std::vector<hawser::kernel::NewConnection> handed_over;

	static tl::unexpected<hawser::kernel::Refusal> refuse(int number)
	{
		return tl::unexpected<hawser::kernel::Refusal>(
		    {number, {hawser::Code::failed, "refused by the test"}});
	}

	Answer<hawser::kernel::ModuleInfo> info() override
	{
		if (!module_there)
			return tl::unexpected<hawser::kernel::Refusal>(
			    {ENODEV, {hawser::Code::no_module, "not loaded"}});
		return hawser::kernel::ModuleInfo{HWS_ABI, "test", 1};
	}
	Answer<void> prepare_socket(int) override { return {}; }
	Answer<hawser::kernel::SessionHandle>
	new_session(const hawser::kernel::NewSession &session,
		    const hawser::kernel::NewConnection &connection) override
	{
		if (int number = std::exchange(refuse_new, 0)) {
			auto refusal = refuse(number);
			if (number == ENOTCONN)
				refusal.value().error.code = hawser::Code::session_not_connected;
			return refusal;
		}
		handed_over.push_back(connection);
		hawser::kernel::SessionInfo info;
		info.sid = Sid(next_sid++);
		info.state = hawser::kernel::SessionState::active;
		info.identity = session.identity;
		info.parameters = session.parameters;
		info.settings = session.settings;
		live[info.sid] = info;
		bring_up(info.sid, connection);
		return hawser::kernel::SessionHandle{info.sid, 0};
	}
	Answer<hawser::kernel::SessionInfo> session(Sid sid) override
	{
		auto it = live.find(sid);
		if (it == live.end())
			return refuse(ENOENT);
		return it->second;
	}
	Answer<std::vector<hawser::kernel::SessionInfo>> sessions() override
	{
		if (refuse_dump)
			return refuse(std::exchange(refuse_dump, 0));
		std::vector<hawser::kernel::SessionInfo> all;
		for (const auto &[sid, info] : live)
			all.push_back(info);
		return all;
	}
	Answer<void> delete_session(Sid sid) override
	{
		if (!live.contains(sid))
			return refuse(ENOENT);
		live[sid].state = hawser::kernel::SessionState::closing;
		return {};
	}
	/* The connection is there, and up. */
	void bring_up(Sid sid, const hawser::kernel::NewConnection &connection)
	{
		hawser::kernel::ConnectionInfo &info = connection_of(sid, connection.cid);
		info.state = hawser::kernel::ConnectionState::logged_in;
		info.persistent_address = connection.persistent_address;
		info.persistent_port = connection.persistent_port;
		info.role = connection.role;
		info.weight = connection.weight;
	}
	hawser::kernel::ConnectionInfo &connection_of(Sid sid, Cid cid)
	{
		auto &connections = live.at(sid).connections;
		for (auto &info : connections)
			if (info.cid == cid)
				return info;
		connections.emplace_back().cid = cid;
		return connections.back();
	}
	bool is_up(Sid sid, Cid cid) const
	{
		const auto &all = live.at(sid).connections;
		return std::any_of(all.begin(), all.end(), [cid](const auto &one) {
			return one.cid == cid &&
			       one.state == hawser::kernel::ConnectionState::logged_in;
		});
	}
	int count_up(Sid sid) const
	{
		const auto &all = live.at(sid).connections;
		return static_cast<int>(std::count_if(all.begin(), all.end(), [&](const auto &one) {
			return one.state == hawser::kernel::ConnectionState::logged_in;
		}));
	}
	int join_refusal(Sid sid, Cid cid)
	{
		if (!refuse_join.empty()) {
			const int number = refuse_join.front();
			refuse_join.pop_front();
			return number;
		}
		const auto &session = live.at(sid);
		if (session.state != hawser::kernel::SessionState::active)
			return ENOTCONN;
		if (is_up(sid, cid))
			return EISCONN;
		return count_up(sid) >= session.parameters.max_connections ? ENOSPC : 0;
	}
	Answer<hawser::kernel::Reservation> reserve(Sid sid, hawser::kernel::AdoptKind kind,
						    Cid cid) override
	{
		if (kind == hawser::kernel::AdoptKind::join)
			joins++;
		else
			reservations++;
		auto it = live.find(sid);
		if (it == live.end())
			return refuse(ENOENT);
		if (it->second.state == hawser::kernel::SessionState::closing)
			return refuse(ESHUTDOWN);
		if (kind == hawser::kernel::AdoptKind::join) {
			if (const int number = join_refusal(sid, cid))
				return refuse(number);
		} else if (it->second.state == hawser::kernel::SessionState::active) {
			return refuse(EISCONN);
		} else if (kind == hawser::kernel::AdoptKind::reinstate &&
			   !retained.contains(cid)) {
			return refuse(ENOENT);
		} else if (std::none_of(it->second.connections.begin(),
					it->second.connections.end(),
					[cid](const auto &one) { return one.cid == cid; })) {
			return refuse(ENOENT);
		}
		std::erase_if(reserved, [cid](const auto &one) { return one.second == cid; });
		reserved[++cookie] = cid;
		kinds[cookie] = kind;
		return hawser::kernel::Reservation{cookie, hawser::CmdSn(70),
						   it->second.parameters.tsih, hawser::StatSn(33)};
	}
	Answer<void> release(Sid, std::uint64_t quoted) override
	{
		reserved.erase(quoted);
		return {};
	}
	Answer<void> adopt(Sid sid, std::uint64_t quoted,
			   const hawser::kernel::NewConnection &connection,
			   const hawser::kernel::SessionParameters &parameters) override
	{
		on_adopt();
		if (int number = std::exchange(refuse_adopt, 0))
			return refuse(number);
		if (reserved.erase(quoted) == 0)
			return refuse(ESTALE);
		handed_over.push_back(connection);
		window = {parameters.exp_cmd_sn, parameters.max_cmd_sn};
		if (kinds.at(quoted) == AdoptKind::session) {
			adoptions++;
			adopted = parameters;
			live.at(sid).parameters = parameters;
			for (auto &info : live.at(sid).connections)
				info.state = hawser::kernel::ConnectionState::free;
		} else if (live.at(sid).state != hawser::kernel::SessionState::active) {
			reinstatements++;
		}
		live.at(sid).state = hawser::kernel::SessionState::active;
		bring_up(sid, connection);
		return {};
	}
	Answer<void> drop(Sid, Cid cid) override
	{
		dropped.push_back(cid);
		return {};
	}
	Answer<void> remove_connection(Sid sid, Cid cid) override
	{
		auto it = live.find(sid);
		if (it == live.end())
			return refuse(ENOENT);
		auto &connections = it->second.connections;
		const auto gone = [cid](const auto &one) { return one.cid == cid; };
		const auto others_up = [cid](const auto &one) {
			return one.cid != cid &&
			       one.state == hawser::kernel::ConnectionState::logged_in;
		};
		if (std::none_of(connections.begin(), connections.end(), gone))
			return refuse(ENOENT);
		if (std::none_of(connections.begin(), connections.end(), others_up))
			return refuse(EBUSY);
		std::erase_if(connections, gone);
		return {};
	}
	Answer<void> change(Sid sid, const hawser::kernel::SessionChange &change) override
	{
		if (!live.contains(sid))
			return refuse(ENOENT);
		auto &session = live.at(sid);
		if (const auto &wanted = change.connection) {
			auto &all = session.connections;
			const auto found = std::find_if(all.begin(), all.end(), [&](auto &one) {
				return one.cid == wanted->cid;
			});
			if (found == all.end())
				return refuse(ENOENT);
			found->role = wanted->role.value_or(found->role);
			found->weight = wanted->weight.value_or(found->weight);
		}
		session.settings.policy = change.policy.value_or(session.settings.policy);
		changes.push_back(change);
		return {};
	}
	Answer<void> ping(Sid sid, std::optional<Cid>, std::uint32_t id, std::uint32_t) override
	{
		if (!live.contains(sid))
			return refuse(ENOENT);
		last_ping = id;
		return {};
	}
	Answer<void> task_management(Sid sid, std::optional<Cid>, std::uint32_t id,
				     std::uint8_t function, std::optional<hawser::Lun> lun) override
	{
		if (!live.contains(sid))
			return refuse(ENOENT);
		if (refuse_function)
			return refuse(refuse_function);
		last_function_id = id;
		last_function = function;
		last_lun = lun;
		return {};
	}
	Answer<void> text(Sid sid, std::optional<Cid>, std::uint32_t id,
			  std::span<const std::uint8_t> text) override
	{
		if (!live.contains(sid))
			return refuse(ENOENT);
		last_text_id = id;
		last_text.assign(text.begin(), text.end());
		return {};
	}
	Answer<void> scan(Sid sid) override
	{
		if (!live.contains(sid))
			return refuse(ENOENT);
		return {};
	}
	Answer<hawser::kernel::SessionStats> stats(Sid sid) override
	{
		if (!live.contains(sid))
			return refuse(ENOENT);
		return hawser::kernel::SessionStats{
		    sid, {{HWS_SESSION_STAT_COMPLETIONS, completions}}, {}};
	}
	Answer<std::vector<hawser::kernel::SessionStats>> stats() override
	{
		return refuse(ENOENT);
	}

	std::vector<hawser::kernel::SessionChange> changes;
	std::uint32_t last_ping = 0;
	std::uint64_t completions = 0; // commands that the target has ended
	int refuse_function = 0;       // errno of task_management()
	std::uint32_t last_function_id = 0;
	std::uint8_t last_function = 0;
	std::optional<hawser::Lun> last_lun;
	std::uint32_t last_text_id = 0;
	std::string last_text;
};

class FakeTarget : public hawser::daemon::Connector
{
public:
	explicit FakeTarget(asio::io_context &io) : io_(io) {}

	/* How the next logins end, in order; success when there is none left. */
	std::deque<hawser::LoginFailure> failures;
	/* How all logins of these connections end. */
	std::map<hawser::Cid, hawser::LoginFailure> never;
	bool throws = false; // the next one does
	/* While it is set, logins do not end. */
	bool silent = false;
	int logins = 0;
	hawser::LoginConfig last_login;
	hawser::Address last_portal;
	std::vector<hawser::daemon::Way> last_ways;
	/* The TSIHs of the logins of each CID. */
	std::map<hawser::Cid, std::vector<hawser::Tsih>> asked;
	std::uint16_t max_connections = 64;
	std::uint8_t error_recovery_level = 0; // as most targets have it
	/* What the next logins find. */
	std::optional<hawser::Address> serves; // the portal where they end; none: the first
	std::optional<hawser::Address> moved_to;
	hawser::Tpgt tpgt{1};
	std::map<hawser::Cid, hawser::Tpgt> elsewhere; // of these connections
	std::vector<hawser::ChapAlgorithm> unavailable;
	/* The first of them that is offered is agreed on. */
	std::vector<hawser::AuthMethod> takes{hawser::AuthMethod::none, hawser::AuthMethod::chap};

	static hawser::LoginFailure failure(const std::string &text, bool retryable)
	{
		hawser::LoginFailure f;
		f.error = {hawser::Code::login_failed, text};
		f.retryable = retryable;
		return f;
	}

	asio::awaitable<Outcome> log_in(const hawser::daemon::Plan &,
					const std::vector<hawser::daemon::Way> &ways) override
	{
		logins++;
		last_ways = std::vector(ways);
		std::size_t which = 0;
		while (which + 1 < ways.size() && (never.contains(ways[which].login.cid) ||
						   (serves && ways[which].link.portal != *serves)))
			which++;
		for (std::size_t tried = 0; tried <= which; tried++)
			if (!ways[tried].hop)
				asked[ways[tried].login.cid].push_back(ways[tried].login.tsih);
		const hawser::LoginConfig login = ways[which].login;
		const hawser::Address portal = ways[which].link.portal;
		last_login = hawser::LoginConfig(login);
		last_portal = portal;
		hawser::daemon::Signal silence(io_.get_executor());
		while (silent)
			co_await silence.wait_until();
		if (std::exchange(throws, false))
			throw std::runtime_error("thrown in a login");
		if (never.contains(login.cid))
			co_return tl::unexpected(never.at(login.cid));
		if (!failures.empty()) {
			auto next = std::move(failures.front());
			failures.pop_front();
			co_return tl::unexpected(std::move(next));
		}
		const auto method =
		    std::find_first_of(takes.begin(), takes.end(), login.auth_methods.begin(),
				       login.auth_methods.end());
		if (method == takes.end()) {
			auto refused = failure("AuthMethod: nothing in common", false);
			refused.status = hawser::LoginStatus{0x02, 0x01};
			co_return tl::unexpected(std::move(refused));
		}
		int ends[2];
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
			throw std::bad_alloc();
		::close(ends[1]);
		hawser::LoginResult result;
		result.target.tsih = login.tsih;
		if (login.tsih == hawser::Tsih{}) {
			result.target.tsih = hawser::Tsih(static_cast<std::uint16_t>(logins));
			auto &agreed = result.parameters;
			agreed.max_connections =
			    std::min(max_connections, login.offer.max_connections);
			agreed.error_recovery_level =
			    std::min(error_recovery_level, login.offer.error_recovery_level);
			agreed.default_time2retain = login.offer.default_time2retain;
		}
		result.target.tpgt = elsewhere.contains(login.cid) ? elsewhere[login.cid] : tpgt;
		result.unavailable_algorithms = unavailable;
		result.auth_method = *method;
		result.cmd_sn = login.cmd_sn;
		result.exp_cmd_sn = login.cmd_sn;
		result.max_cmd_sn = hawser::next(login.cmd_sn, 32);
		co_return hawser::LoggedIn{
		    hawser::StreamSocket(io_, asio::generic::stream_protocol(AF_UNIX, 0), ends[0]),
		    result, moved_to.value_or(portal), moved_to, which};
	}

private:
	asio::io_context &io_;
};
