/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sessions of a daemon, with a kernel, a target and records that do what a test says. */
#pragma once

#include "daemon/sessions.h"

#include "fakes.h"
#include "folder.h"

#include <asio/co_spawn.hpp>
#include <optional>

struct World {
	Folder folder;
	SilentSink *sink = new SilentSink;
	hawser::Log log{std::unique_ptr<hawser::LogSink>(sink), hawser::Level::debug};
	FakeKernel kernel;
	hawser::config::Store store{folder.paths()};
	hawser::daemon::SavedSessions saved{folder.path() + "/sessions", store.secrets()};
	asio::io_context io{1};
	FakeTarget target{io};
	hawser::daemon::Sessions sessions{around()};
	asio::thread_pool worker{1};

	hawser::daemon::Sessions::Surroundings around()
	{
		return {io, log, kernel, target, saved, store.secrets(), worker, store.paths()};
	}

	/* A record of its own, with the ISIDs that storing gives it. */
	hawser::config::Node stored(hawser::config::Node node)
	{
		REQUIRE(node.settings.set("node.session.scan", "manual", store.secrets()));
		REQUIRE(store.add_nodes({node}));
		auto read = store.node(node.id);
		REQUIRE(read);
		return *read;
	}

	/* How many logins were begun. */
	hawser::Result<unsigned>
	begin(hawser::daemon::Sessions &whose, const hawser::config::Node &node,
	      const hawser::daemon::Overrides &overrides = hawser::daemon::no_overrides,
	      const hawser::daemon::Sessions::OnLogin &done = nullptr)
	{
		std::optional<hawser::Result<unsigned>> begun;
		asio::co_spawn(
		    io,
		    whose.log_in(node, overrides,
				 hawser::daemon::SessionAgent::Persistence::limited, done),
		    [&](std::exception_ptr, hawser::Result<unsigned> result) { begun = result; });
		REQUIRE(until([&] { return begun.has_value(); }));
		return *begun;
	}

	unsigned log_in(const hawser::config::Node &node)
	{
		unsigned made = 0;
		auto begun = begin(sessions, node, hawser::daemon::no_overrides,
				   [&](const hawser::daemon::SessionAgent::FirstLogin &outcome) {
					   made += outcome.has_value();
				   });
		REQUIRE(begun);
		REQUIRE(until([&] { return made == *begun; }));
		return made;
	}

	hawser::Error refused(const hawser::config::Node &node)
	{
		const int before = target.logins;
		auto begun = begin(sessions, node);
		REQUIRE_FALSE(begun);
		CHECK(target.logins == before);
		return begun.error();
	}

	void interface(const std::string &name, const char *key, const char *value)
	{
		hawser::config::Iface iface{name};
		REQUIRE(iface.settings.set(key, value, store.secrets()));
		REQUIRE(store.put_iface(iface));
	}

	bool until(const std::function<bool()> &condition,
		   std::chrono::milliseconds limit = std::chrono::seconds(5))
	{
		const auto deadline = hawser::daemon::Clock::now() + limit;
		while (!condition() && hawser::daemon::Clock::now() < deadline) {
			io.restart();
			io.run_one_for(std::chrono::milliseconds(10));
		}
		return condition();
	}
};
