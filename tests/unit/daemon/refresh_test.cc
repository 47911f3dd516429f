/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/refresh.h"

#include "daemon/worker.h"
#include "fakes.h"
#include "folder.h"

#include <asio/co_spawn.hpp>
#include <thread>

using namespace hawser;
using namespace hawser::daemon;
using namespace std::chrono_literals;

namespace
{

struct World {
	Folder folder;
	SilentSink *sink = new SilentSink;
	Log log{std::unique_ptr<LogSink>(sink), Level::debug};
	config::Store store{folder.paths()};
	asio::io_context io{1};
	std::vector<varlink::DiscoverCall> calls;
	std::vector<config::Node> logged_in;
	DiscoveryOutcome answer = std::make_shared<Discovered>();
	bool silent = false;
	std::unique_ptr<Refresher> refresher;
	asio::thread_pool worker{1};

	asio::awaitable<DiscoveryOutcome> ask(varlink::DiscoverCall call)
	{
		calls.push_back(std::move(call));
		Signal pause(io.get_executor());
		do // no answer comes at once
			co_await pause.wait_until(Clock::now() + 10ms);
		while (silent);
		co_return answer;
	}

	void start()
	{
		refresher = std::make_unique<Refresher>(Refresher::Surroundings{
		    .io = io,
		    .log = log,
		    .worker = worker,
		    .paths = folder.paths(),
		    .ask = [this](varlink::DiscoverCall call) { return ask(std::move(call)); },
		    .log_in =
			[this](std::vector<config::Node> nodes) {
				for (auto &node : nodes)
					logged_in.push_back(std::move(node));
			}});
		asio::co_spawn(io, refresher->run(), escalate);
	}

	void record(const std::string &host, std::map<std::string, std::string> values)
	{
		config::DiscoveryRecord record;
		record.portal = {host, 3260};
		for (const auto &[key, value] : values)
			REQUIRE(record.settings.set(key, value, store.secrets()));
		REQUIRE(store.put_discovery_record(record));
	}

	bool until(const std::function<bool()> &condition, std::chrono::milliseconds limit = 30s)
	{
		const auto deadline = Clock::now() + limit;
		while (!condition() && Clock::now() < deadline) {
			io.restart();
			io.run_one_for(10ms);
		}
		return condition();
	}
};

const std::string use = "discovery.sendtargets.use_discoveryd";
const std::string interval = "discovery.sendtargets.discoveryd_poll_inval";

} // namespace

TEST_CASE_METHOD(World, "At the start the portals that ask for it are asked, and no other")
{
	record("192.0.2.1", {});
	record("192.0.2.2", {{use, "Yes"}, {interval, "0"}});
	record("192.0.2.3", {{"discovery.startup", "automatic"}});
	start();
	REQUIRE(until([&] { return calls.size() >= 2; }));
	CHECK_FALSE(until([&] { return calls.size() > 2; }, 1500ms));
	std::sort(calls.begin(), calls.end(),
		  [](const auto &a, const auto &b) { return a.address < b.address; });
	CHECK(calls[0].address == "192.0.2.2");
	CHECK(calls[1].address == "192.0.2.3");
	for (const auto &call : calls) {
		CHECK(call.changes == std::vector<std::string>{"new", "delete"});
		CHECK(call.settings.empty());
		CHECK(call.ifaces.empty()); // as the portal's record says
		CHECK(call.keep_portal);
	}
}

TEST_CASE_METHOD(World, "A portal that is to be asked at the start is until it has answered")
{
	record("192.0.2.3", {{"discovery.startup", "automatic"}});
	answer = tl::unexpected(FakeTarget::failure("no route to it", true));
	start();
	REQUIRE(until([&] { return calls.size() == 2; }));
	answer = std::make_shared<Discovered>();
	REQUIRE(until([&] { return sink->count("answers again") == 1; }));
	const auto asked = calls.size();
	CHECK_FALSE(until([&] { return calls.size() > asked; }, 2500ms));
	CHECK(sink->count("no route to it") == 1);
}

TEST_CASE_METHOD(World, "A portal that refuses for good is asked once at the start")
{
	record("192.0.2.3", {{"discovery.startup", "automatic"}});
	answer = tl::unexpected(FakeTarget::failure("authentication failed", false));
	start();
	REQUIRE(until([&] { return calls.size() == 1; }));
	CHECK_FALSE(until([&] { return calls.size() > 1; }, 1500ms));
}

TEST_CASE_METHOD(World, "A portal is asked again after its interval, never while it is being asked")
{
	record("192.0.2.2", {{use, "Yes"}, {interval, "1"}});
	silent = true;
	start();
	REQUIRE(until([&] { return calls.size() == 1; }));
	CHECK_FALSE(until([&] { return calls.size() > 1; }, 1500ms));
	silent = false;
	REQUIRE(until([&] { return calls.size() == 2; }));
	CHECK(calls[1] == calls[0]);
}

TEST_CASE_METHOD(World, "A portal whose record cannot be read for now is not forgotten")
{
	record("192.0.2.2", {{use, "Yes"}, {interval, "1"}});
	record("192.0.2.3", {{"discovery.startup", "automatic"}});
	const auto file = [&](const std::string &host) {
		return store.paths().discovery() + "/" + host + ",3260.json";
	};
	const auto hide = [&](const std::string &host) {
		std::filesystem::rename(file(host), file(host) + ".away");
		std::filesystem::create_symlink(file(host), file(host)); // a loop: open() fails
	};
	const auto asked = [&](const std::string &host) {
		return std::count_if(calls.begin(), calls.end(),
				     [&](const auto &call) { return call.address == host; });
	};
	hide("192.0.2.3");
	start();
	REQUIRE(until([&] { return asked("192.0.2.2") == 1; }));
	hide("192.0.2.2");
	REQUIRE(until([&] { return sink->count("192.0.2.2,3260.json") == 1; }));
	const auto before = asked("192.0.2.2");
	REQUIRE(until([&] { return asked("192.0.2.2") >= before + 2; }));
	CHECK(sink->count("192.0.2.3,3260.json") == 1);
	// One that was to be asked at the start is when it can be read.
	std::filesystem::rename(file("192.0.2.3") + ".away", file("192.0.2.3"));
	CHECK(until([&] { return asked("192.0.2.3") == 1; }));
}

TEST_CASE_METHOD(World, "New nodes that are automatic are logged in to")
{
	record("192.0.2.2", {{use, "Yes"}, {interval, "0"}});
	auto found = std::make_shared<Discovered>();
	found->automatic = {a_node()};
	answer = found;
	start();
	REQUIRE(until([&] { return !logged_in.empty(); }));
	CHECK(logged_in[0].id == a_node().id);
}

TEST_CASE_METHOD(World, "A failure that goes on is logged once, and so is its end")
{
	record("192.0.2.2", {{use, "Yes"}, {interval, "1"}});
	answer = tl::unexpected(FakeTarget::failure("no route to it", true));
	start();
	REQUIRE(until([&] { return calls.size() == 2; }));
	answer = std::make_shared<Discovered>();
	REQUIRE(until([&] { return calls.size() == 4; }));
	CHECK(sink->count("no route to it") == 1);
	CHECK(sink->count("answers again") == 1);
}

TEST_CASE("Work in the other thread comes back with its value, while the event loop goes on")
{
	asio::io_context io{1};
	asio::thread_pool worker{1};
	std::optional<int> result;
	bool raised = false;
	std::thread::id there;
	asio::co_spawn(io,
		       on_worker(worker,
				 [&] {
					 there = std::this_thread::get_id();
					 return 7;
				 }),
		       [&](std::exception_ptr, int value) { result = value; });
	asio::co_spawn(io, on_worker(worker, []() -> int { throw std::bad_alloc(); }),
		       [&](std::exception_ptr exception, int) { raised = exception != nullptr; });
	const auto deadline = Clock::now() + 30s;
	while ((!result || !raised) && Clock::now() < deadline) {
		io.restart();
		io.run_one_for(10ms);
	}
	CHECK(result == 7);
	CHECK(raised);
	CHECK(there != std::this_thread::get_id());
}
