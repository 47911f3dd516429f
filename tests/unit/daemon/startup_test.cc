/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/startup.h"

#include "world.h"

#include <catch2/catch.hpp>

using namespace hawser;
using namespace hawser::daemon;

namespace
{

struct Start : World {
	/* Records of the same target at several portals, of which one session is enough. */
	config::Node leading(const std::string &address)
	{
		auto node = a_node();
		node.id.portal.host = address;
		REQUIRE(node.settings.set("node.leading_login", "Yes", store.secrets()));
		REQUIRE(node.settings.set("node.startup", "automatic", store.secrets()));
		REQUIRE(node.settings.set("node.session.initial_login_retry_max", "1",
					  store.secrets()));
		return stored(node);
	}
	void start(std::vector<config::Node> nodes)
	{
		log_in_nodes(io, log, sessions, std::move(nodes));
	}
	std::size_t live() { return kernel.live.size(); }
};

const LoginFailure refusal = FakeTarget::failure("not found", false);

} // namespace

TEST_CASE_METHOD(Start,
		 "With node.leading_login the ways to a target are tried until one gives a session")
{
	const auto one = leading("192.0.2.1"), two = leading("192.0.2.2");
	// All of the first round.
	target.failures = {refusal, refusal};
	start({one, two});
	REQUIRE(until([&] { return live() == 1; }, std::chrono::seconds(20)));
	CHECK(target.logins == 3);
	CHECK_FALSE(until([&] { return target.logins > 3; }, std::chrono::milliseconds(200)));
}

TEST_CASE_METHOD(Start, "With node.leading_login a way that is found later gives no second session")
{
	log_in(leading("192.0.2.1"));
	start({leading("192.0.2.2")});
	CHECK_FALSE(until([&] { return target.logins > 1; }, std::chrono::milliseconds(300)));
	CHECK(live() == 1);
}

TEST_CASE_METHOD(Start, "A way that is tried again is so by its record as it is then")
{
	const auto one = leading("192.0.2.1"), two = leading("192.0.2.2");
	target.failures = {refusal, refusal};
	start({one, two});
	REQUIRE(until([&] { return target.logins == 2; }));
	config::NodeFilter first, second;
	first.host = one.id.portal.host;
	second.host = two.id.portal.host;
	std::vector<std::string> warnings;
	REQUIRE(store.set_values(first, {{"node.startup", "manual"}}, warnings));
	REQUIRE(store.remove_nodes(second));
	CHECK_FALSE(until([&] { return target.logins > 2; }, std::chrono::seconds(7)));
	CHECK(live() == 0);
}

TEST_CASE_METHOD(Start, "Automatic logins wait for the module, and for no restart of the service")
{
	auto node = a_node();
	REQUIRE(node.settings.set("node.startup", "automatic", store.secrets()));
	stored(node);
	kernel.module_there = false;
	ModuleLoader loader(io, kernel);
	asio::co_spawn(io, log_in_once_loaded(io, log, sessions, worker, store.paths(), loader, ""),
		       escalate);
	CHECK_FALSE(until([&] { return target.logins > 0; }, std::chrono::milliseconds(5500)));
	CHECK(live() == 0);
	kernel.module_there = true;
	CHECK(until([&] { return live() == 1; }, std::chrono::seconds(15)));
}

TEST_CASE_METHOD(Start, "A vanished record that no session uses goes when the service starts")
{
	auto gone = a_node("iqn.2026-11.example:gone"), used = a_node("iqn.2026-11.example:used");
	gone.vanished = used.vanished = true;
	log_in(stored(used));
	REQUIRE(gone.settings.set("node.startup", "automatic", store.secrets()));
	gone = stored(gone);
	asio::co_spawn(io, log_in_automatic(io, log, sessions, worker, store.paths()), escalate);
	CHECK(until([&] { return !store.node(gone.id); }));
	CHECK_FALSE(until([&] { return target.logins > 1; }, std::chrono::milliseconds(200)));
	CHECK(store.node(used.id));
}
