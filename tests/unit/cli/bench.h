/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The whole CLI on a bench: records in a folder of the test's own, a service and
 * a kernel that do what the test says and note what they were asked.
 */
#pragma once

#include "base/str.h"
#include "cli/modes.h"
#include "scratch.h"

#include <catch2/catch.hpp>
#include <sstream>
#include <string>
#include <vector>

namespace hawser::cli
{

struct FakeKernel : SessionSource {
	std::vector<kernel::SessionInfo> live;
	std::vector<Device> disks;
	kernel::SessionStats counters;

	Result<std::vector<kernel::SessionInfo>> sessions() override { return live; }
	Result<kernel::SessionStats> stats(Sid sid) override
	{
		auto stats = counters;
		stats.sid = sid;
		return stats;
	}
	std::vector<Device> devices(std::uint32_t) override { return disks; }
	std::string host_state(std::uint32_t) override { return "running"; }
	std::string class_version() override { return "2.0-870"; }
};

/* What the service is asked goes to the record; what it answers comes from it. */
struct ServiceBook {
	bool running = true;
	std::vector<varlink::SessionStatus> status;
	varlink::DiscoverReply found;
	varlink::TaskManagementReply answer;
	std::optional<varlink::Failure> failure; // of every login, logout, rescan and ping
	std::optional<Error> refusal;		 // of every call

	std::vector<varlink::LoginCall> logins;
	std::vector<varlink::LogoutCall> logouts;
	std::vector<std::vector<std::uint32_t>> rescans;
	std::vector<varlink::PingCall> pings;
	std::vector<varlink::TaskManagementCall> functions;
	std::vector<varlink::DiscoverCall> discoveries;
	std::vector<varlink::SendTargetsCall> questions;
	std::vector<varlink::AddConnectionCall> additions;
	std::vector<varlink::RemoveConnectionCall> removals;
	std::vector<varlink::ChangeSessionCall> changes;
};

class FakeService : public Service
{
public:
	explicit FakeService(ServiceBook &book) : book_(book) {}

	Result<std::vector<varlink::SessionStatus>> list_sessions() override
	{
		return book_.status;
	}
	Status login(const varlink::LoginCall &call,
		     const Each<varlink::LoginResult> &each) override
	{
		book_.logins.push_back(call);
		for (const auto &node : call.nodes)
			each({node, 7, book_.failure});
		return end();
	}
	Status logout(const varlink::LogoutCall &call,
		      const Each<varlink::LogoutResult> &each) override
	{
		book_.logouts.push_back(call);
		for (auto sid : call.sids)
			each({{"iqn.2003-01.org.example:t1", "192.0.2.1", 3260, 1, "default"},
			      sid,
			      book_.failure});
		for (const auto &node : call.nodes)
			each({node, {}, book_.failure});
		return end();
	}
	Status rescan(const std::vector<std::uint32_t> &sids,
		      const Each<varlink::RescanResult> &each) override
	{
		book_.rescans.push_back(sids);
		for (auto sid : sids)
			each({sid, 0, 0, book_.failure});
		return end();
	}
	Status ping(const varlink::PingCall &call, const Each<varlink::PingResult> &each) override
	{
		book_.pings.push_back(call);
		for (std::uint32_t i = 1; i <= call.count; i++)
			each({i, call.size, 1234567, book_.failure});
		return end();
	}
	Result<varlink::TaskManagementReply>
	task_management(const varlink::TaskManagementCall &call) override
	{
		book_.functions.push_back(call);
		if (book_.refusal)
			return tl::unexpected(*book_.refusal);
		return book_.answer;
	}
	Result<std::uint16_t> add_connection(const varlink::AddConnectionCall &call) override
	{
		book_.additions.push_back(call);
		if (book_.refusal)
			return tl::unexpected(*book_.refusal);
		return std::uint16_t{2};
	}
	Status remove_connection(const varlink::RemoveConnectionCall &call) override
	{
		book_.removals.push_back(call);
		return end();
	}
	Status change_session(const varlink::ChangeSessionCall &call) override
	{
		book_.changes.push_back(call);
		return end();
	}
	Result<varlink::DiscoverReply> discover(const varlink::DiscoverCall &call) override
	{
		book_.discoveries.push_back(call);
		return found();
	}
	Result<varlink::DiscoverReply> send_targets(const varlink::SendTargetsCall &call) override
	{
		book_.questions.push_back(call);
		return found();
	}

private:
	Result<varlink::DiscoverReply> found() const
	{
		if (book_.refusal)
			return tl::unexpected(*book_.refusal);
		return book_.found;
	}
	Status end() const
	{
		if (book_.refusal)
			return tl::unexpected(*book_.refusal);
		return {};
	}

	ServiceBook &book_;
};

inline const std::string t1 = "iqn.2003-01.org.example:t1";
inline const std::string t2 = "iqn.2003-01.org.example:t2";
inline const std::string t3 = "iqn.2003-01.org.example:t3";

struct Bench {
	config::Scratch scratch;
	config::Store store{scratch.paths};
	FakeKernel kernel;
	ServiceBook service;
	std::string out, err;
	int status = -1;

	/* Runs one command line, split at blanks; gives standard output. */
	std::string run(const std::string &line)
	{
		std::vector<std::string> words;
		for (auto word : split(line, ' '))
			words.emplace_back(word == "''" ? "" : word);
		return run_words(words);
	}
	std::string run_words(const std::vector<std::string> &words)
	{
		std::ostringstream out_stream, err_stream;
		Context context("hawseradm", out_stream, err_stream, store, kernel,
				[this]() -> Result<std::unique_ptr<Service>> {
					if (!service.running)
						return fail(Code::no_daemon,
							    "hawserd does not run");
					return std::make_unique<FakeService>(service);
				});
		status = cli::run(context, words);
		out = out_stream.str();
		err = err_stream.str();
		return out;
	}
	/* The same, and it must end well. */
	std::string good(const std::string &line)
	{
		run(line);
		INFO(line << "\n" << err);
		REQUIRE(status == 0);
		CHECK(err == "");
		return out;
	}
	/* The same, and it must end with @code and one line on standard error. */
	std::string bad(Code code, const std::string &line)
	{
		run(line);
		INFO(line << "\n" << err);
		REQUIRE(status == static_cast<int>(code));
		CHECK(std::count(err.begin(), err.end(), '\n') == 1);
		CHECK(err.starts_with("hawseradm: "));
		return err;
	}
	kernel::SessionInfo &add_session(std::uint32_t sid, const std::string &target,
					 const std::string &host)
	{
		kernel::SessionInfo session;
		session.sid = Sid{sid};
		session.host = sid + 1;
		session.state = kernel::SessionState::active;
		session.identity.initiator_name = "iqn.2026-11.io.hawser:me";
		session.identity.target_name = target;
		session.identity.tpgt = Tpgt{1};
		session.identity.iface = "default";
		kernel::ConnectionInfo connection;
		connection.state = kernel::ConnectionState::logged_in;
		connection.persistent_address = host;
		connection.persistent_port = 3260;
		connection.local_address = "192.0.2.100";
		connection.peer_address = host;
		connection.peer_port = 3260;
		connection.max_recv_data_segment_length = 262144;
		connection.max_xmit_data_segment_length = 8192;
		session.connections = {connection};
		kernel.live.push_back(session);
		return kernel.live.back();
	}
};

} // namespace hawser::cli
