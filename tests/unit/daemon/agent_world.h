/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One session's agent between a kernel and a target that do what a test says. */
#pragma once

#include "base/coding.h"
#include "daemon/agent.h"
#include "fakes.h"
#include "folder.h"

#include <filesystem>
#include <functional>
#include <optional>
#include <string_view>

namespace hawser::daemon
{

using namespace std::chrono_literals;

struct AgentWorld {
	Folder folder;
	asio::io_context io{1};
	SilentSink *sink = new SilentSink;
	Log log{std::unique_ptr<LogSink>(sink), Level::debug};
	FakeKernel kernel;
	FakeTarget target{io};
	config::Store store{folder.paths()};
	SavedSessions saved{folder.path() + "/sessions", store.secrets()};
	config::Node node = a_node();
	std::vector<config::PortalId> portals; // that the session may hop to
	std::vector<config::Iface> ifaces;     // that connections may go through
	int ended = 0;
	std::optional<SessionAgent::FirstLogin> outcome;
	std::optional<Status> logged_out;

	AgentWorld() { set("node.session.scan", "manual"); }

	void set(const char *key, const char *value)
	{
		REQUIRE(node.settings.set(key, value, store.secrets()));
	}

	std::shared_ptr<SessionAgent> make_agent()
	{
		SessionAgent::Surroundings around{io,
						  log,
						  kernel,
						  target,
						  saved,
						  [this](SessionAgent &) { ended++; },
						  [](SessionAgent &) {},
						  [](SessionAgent &, config::PortalId, Tpgt) {},
						  [](const config::NodeId &, Tpgt) {}};
		auto plan = make_plan(
		    node, {"default", config::Settings(config::RecordKind::iface)}, an_identity(),
		    Isid::from_random(0x123456, 0), store.secrets(), {{}, ifaces, portals});
		REQUIRE(plan);
		return std::make_shared<SessionAgent>(around, std::move(*plan));
	}

	std::shared_ptr<SessionAgent>
	started(SessionAgent::Persistence persistence = SessionAgent::Persistence::limited)
	{
		auto agent = make_agent();
		agent->start(persistence,
			     [this](const SessionAgent::FirstLogin &o) { outcome = o; });
		return agent;
	}

	/* Lets the event loop work until @condition holds, for @limit at most. */
	bool until(const std::function<bool()> &condition, std::chrono::milliseconds limit = 5s)
	{
		const auto deadline = Clock::now() + limit;
		while (!condition() && Clock::now() < deadline) {
			io.restart();
			io.run_one_for(10ms);
		}
		return condition();
	}

	void idle()
	{
		io.restart();
		while (io.poll() > 0)
			;
	}

	/* All connections of session 1 are lost, and the module says so. */
	void lose(SessionAgent &agent, std::uint16_t time2wait = 0)
	{
		auto &session = kernel.live.at(Sid(1));
		session.state = kernel::SessionState::failed;
		for (auto &connection : session.connections)
			connection.state = kernel::ConnectionState::free;
		for (const auto &connection : session.connections)
			agent.on_event({1, Sid(1),
					kernel::ConnectionLost{connection.cid, kernel::Loss::closed,
							       time2wait}});
		agent.on_event(
		    {1, Sid(1), kernel::SessionStateChanged{kernel::SessionState::failed}});
	}

	std::size_t saved_files() const
	{
		if (!std::filesystem::exists(folder.path() + "/sessions"))
			return 0;
		std::size_t count = 0;
		for (const auto &entry :
		     std::filesystem::directory_iterator(folder.path() + "/sessions"))
			count += entry.path().extension() == ".json";
		return count;
	}

	std::size_t lines_with(std::string_view text) const
	{
		return static_cast<std::size_t>(
		    std::count_if(sink->lines.begin(), sink->lines.end(), [&](const auto &line) {
			    return line.find(text) != std::string::npos;
		    }));
	}
};

} // namespace hawser::daemon
