/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/isns_leases.h"
#include "daemon/isns_server.h"

#include "fake_isns.h"
#include "fakes.h"
#include "folder.h"

#include <fstream>

using namespace hawser;
using namespace hawser::daemon;
using Function = isns::Function;

namespace
{

const std::string t1 = "iqn.2026-11.example:t1";
const std::string t2 = "iqn.2026-11.example:t2";

/* A server with its agent; what is kept is noted. */
struct Follow {
	asio::io_context io;
	SilentSink *sink = new SilentSink;
	Log log{std::unique_ptr<LogSink>(sink), Level::debug};
	FakeIsns server{io};
	Folder folder;
	config::SecretBox secrets{folder.path(), "key"};
	config::Settings settings{config::RecordKind::isns};
	IsnsServer::Timings timings;
	std::vector<std::vector<std::string>> kept; // names
	std::vector<std::string> gone;		    // of t1 and t2, at the last time
	std::shared_ptr<IsnsServer> agent;

	Follow()
	{
		timings.answer = Seconds(5);
		timings.between_queries = std::chrono::milliseconds(5);
		timings.inquiry_slack = std::chrono::milliseconds(50);
		server.targets[t1] = "192.0.2.1";
	}

	void start(const config::PortalId &where)
	{
		agent = std::make_shared<IsnsServer>(
		    IsnsServer::Surroundings{
			io, log, [this] { return identity(); },
			[this](const config::PortalId &, const DiscoveryReply &reply,
			       const IsnsServer::Gone &is_gone) { return keep(reply, is_gone); },
			timings},
		    where, settings);
		agent->start();
	}
	config::Identity me = an_identity();
	asio::awaitable<Result<config::Identity>> identity() { co_return me; }
	asio::awaitable<Status> keep(DiscoveryReply reply, IsnsServer::Gone is_gone)
	{
		std::vector<std::string> names;
		for (const auto &target : reply.targets)
			names.push_back(target.name);
		gone.clear();
		for (const auto &name : {t1, t2})
			if (is_gone(name))
				gone.push_back(name);
		kept.push_back(names);
		co_return Status();
	}
	template <class Condition> void until(const Condition &holds)
	{
		const auto end = Clock::now() + std::chrono::seconds(30);
		while (!holds() && Clock::now() < end)
			io.run_for(std::chrono::milliseconds(5));
		INFO(log_text());
		REQUIRE(holds());
	}
	template <class T> T run(asio::awaitable<T> work)
	{
		std::optional<T> result;
		auto to_its_end = [&]() -> asio::awaitable<void> {
			result.emplace(co_await std::move(work));
		};
		asio::co_spawn(io, to_its_end(), escalate);
		until([&] { return result.has_value(); });
		return std::move(*result);
	}
	std::string log_text() const
	{
		std::string text;
		for (const auto &line : sink->lines)
			text += line + "\n";
		return text;
	}
	bool logged(std::string_view text) const
	{
		return log_text().find(text) != std::string::npos;
	}
	void up()
	{
		start({"127.0.0.1", server.port()});
		until([&] { return !kept.empty(); });
	}
};

} // namespace

TEST_CASE_METHOD(Follow, "a server is registered with, subscribed to and asked")
{
	up();
	REQUIRE(server.registered);
	CHECK(server.registered->name == an_identity().name);
	CHECK(server.registered->esi == 60);
	CHECK(server.subscribed);
	CHECK(agent->registered());
	CHECK(kept.back() == std::vector{t1});
}

TEST_CASE_METHOD(Follow, "a state change on the port of ours has the server asked again")
{
	up();
	server.targets[t2] = "192.0.2.2";
	CHECK(run(server.tell(server.state_change())) == 0);
	until([&] { return kept.size() == 2; });
	CHECK(kept.back() == std::vector{t1, t2});
	CHECK_FALSE(logged("no notification"));
}

TEST_CASE_METHOD(Follow, "state changes that change nothing are not stored")
{
	up();
	const auto before = server.count(Function::dev_attr_qry);
	CHECK(run(server.tell(server.state_change())) == 0);
	until([&] { return server.count(Function::dev_attr_qry) > before; });
	CHECK(kept.size() == 1);
}

TEST_CASE_METHOD(Follow, "status inquiries are answered, those after others with a refusal")
{
	up();
	CHECK(run(server.tell(server.inquiry())) == 0);
	server.registered->entity = "another";
	CHECK(run(server.tell(server.inquiry())) == isns::status::no_such_entry);
}

TEST_CASE_METHOD(Follow, "a connection of the server's stays while there are messages on it")
{
	timings.incoming_idle = std::chrono::milliseconds(1000);
	up();
	asio::ip::tcp::socket socket(io);
	socket.connect({asio::ip::address_v4::loopback(),
			static_cast<std::uint16_t>(server.registered->port)});
	isns::Connection connection(StreamSocket(std::move(socket)),
				    [](const auto &) { return std::nullopt; });
	const auto begun = Clock::now();
	while (Clock::now() < begun + 2 * timings.incoming_idle) {
		auto answer = run(connection.call(server.inquiry(), Seconds(5)));
		REQUIRE(answer);
		CHECK(answer->status() == 0);
		io.run_for(std::chrono::milliseconds(50));
	}
	// And ends when there are none.
	CHECK_FALSE(run(connection.attend(Clock::now() + std::chrono::seconds(20))));
}

TEST_CASE_METHOD(Follow, "a registration that a restart has cost is made again")
{
	up();
	server.registered.reset();
	server.drop_connections();
	until([&] { return server.registered.has_value(); });
	CHECK(logged("it has forgotten the registration"));
	CHECK(server.count(Function::dev_attr_reg) == 2);
}

TEST_CASE_METHOD(Follow, "a registration that is there still is left alone")
{
	up();
	server.drop_connections();
	const auto before = server.count(Function::dev_attr_qry);
	until([&] { return server.count(Function::dev_attr_qry) >= before + 2; });
	CHECK(server.count(Function::dev_attr_reg) == 1);
}

TEST_CASE_METHOD(Follow, "a server that has lost all it knew does not take targets away at once")
{
	timings.restart_grace = std::chrono::milliseconds(2500);
	up();
	CHECK(gone == std::vector{t1}); // was named: if it goes now, it is gone
	until([&] { return kept.size() == 2; });
	CHECK(gone == std::vector{t1, t2});
	server.registered.reset();
	server.targets.clear();
	server.drop_connections();
	until([&] { return kept.size() == 3; });
	CHECK(kept.back().empty());
	CHECK(gone.empty());
	const auto asked = run(agent->refresh());
	REQUIRE(asked);
	CHECK(asked->incomplete); // who asks takes none away, either
	// Long enough for targets to come back: now it is believed.
	until([&] { return kept.size() == 4; });
	CHECK(kept.back().empty());
	CHECK(gone == std::vector{t1, t2});
	CHECK_FALSE(logged("no notification")); // it could not tell
	const auto later = run(agent->refresh());
	REQUIRE(later);
	CHECK_FALSE(later->incomplete);
}

TEST_CASE_METHOD(Follow, "what a server that has forgotten us names is no news of targets")
{
	timings.restart_grace = std::chrono::milliseconds(100);
	server.tells_strangers = false;
	up();
	until([&] { return kept.size() == 2; }); // trusted
	SECTION("when a state change has it asked")
	{
		const auto change = server.state_change();
		const auto at = *server.registered;
		server.registered.reset();
		CHECK(run(server.tell(change, at)) == 0);
	}
	SECTION("when somebody asks now")
	{
		server.registered.reset();
		const auto reply = run(agent->refresh());
		REQUIRE(reply);
		CHECK(reply->targets.size() == 1);
	}
	until([&] { return server.registered.has_value(); });
	CHECK(logged("it has forgotten the registration"));
	io.run_for(std::chrono::milliseconds(100));
	for (const auto &names : kept)
		CHECK(names == std::vector{t1});
}

TEST_CASE_METHOD(Follow, "a server that never shows what is registered is believed all the same")
{
	server.shows_registration = false;
	timings.restart_grace = std::chrono::milliseconds(20);
	up();
	CHECK(kept.back() == std::vector{t1});
	CHECK(run(agent->refresh()));
	CHECK(server.count(Function::dev_attr_reg) < 20);
}

TEST_CASE_METHOD(Follow, "a server that takes no registration and names nothing removes nothing")
{
	server.tells_strangers = false;
	timings.restart_grace = std::chrono::milliseconds(20);
	timings.look_again = std::chrono::milliseconds(30);
	server.refuse_registration = 3;
	up();
	const auto asked = server.count(Function::dev_attr_qry);
	until([&] { return server.count(Function::dev_attr_qry) > asked + 6; });
	CHECK(gone.empty());
	CHECK(kept.size() == 1);
}

TEST_CASE_METHOD(Follow, "a target that goes while the server knows us is gone")
{
	server.targets[t2] = "192.0.2.2";
	up();
	server.targets.erase(t1);
	run(server.tell(server.state_change()));
	until([&] { return kept.size() == 2; });
	CHECK(kept.back() == std::vector{t2});
	CHECK(gone == std::vector{t1, t2}); // both were named
}

TEST_CASE_METHOD(Follow, "inquiries that do not come are warned about")
{
	REQUIRE(settings.set("discovery.isns.esi_interval", "1", secrets));
	up();
	until([&] { return logged("a firewall may block them"); });
	CHECK(logged("no status inquiry has come to TCP port"));
	CHECK(server.count(Function::dev_attr_reg) == 1);
}

TEST_CASE_METHOD(Follow, "inquiries that have cost the registration twice are done without")
{
	REQUIRE(settings.set("discovery.isns.esi_interval", "1", secrets));
	up();
	server.registered.reset();
	until([&] { return server.registered.has_value(); });
	CHECK(server.registered->esi == 1); // an administrator may have removed it
	CHECK_FALSE(logged("a firewall may block them"));
	SECTION("in a row")
	{
		server.registered.reset();
		until([&] { return server.registered.has_value(); });
		CHECK(server.registered->esi == 0);
		CHECK(logged("made again without them"));
	}
	SECTION("and not when one has come in between")
	{
		until([&] { return agent->registered(); });
		CHECK(run(server.tell(server.inquiry())) == 0);
		server.registered.reset();
		until([&] { return server.registered.has_value(); });
		CHECK(server.registered->esi == 1);
	}
}

TEST_CASE_METHOD(Follow, "a change without a notification is warned about when it is found")
{
	REQUIRE(settings.set("discovery.isns.discoveryd_poll_inval", "1", secrets));
	up();
	server.targets[t2] = "192.0.2.2";
	until([&] { return kept.size() == 2; });
	CHECK(logged("targets have changed and no notification came"));
}

TEST_CASE_METHOD(Follow, "what nobody tells of is found, though inquiries come")
{
	timings.look_again = std::chrono::milliseconds(100);
	server.targets[t2] = "192.0.2.2";
	up();
	server.targets.erase(t2); // as isnsd does when it leaves the discovery domain
	const auto end = Clock::now() + std::chrono::seconds(20);
	while (kept.back().size() == 2 && Clock::now() < end) {
		CHECK(run(server.tell(server.inquiry())) == 0);
		io.run_for(std::chrono::milliseconds(10));
	}
	CHECK(kept.back() == std::vector{t1});
	CHECK_FALSE(logged("no notification"));
}

TEST_CASE_METHOD(Follow, "a lost registration is found, though queries are answered")
{
	timings.look_again = std::chrono::milliseconds(1500);
	REQUIRE(settings.set("discovery.isns.esi_interval", "0", secrets));
	REQUIRE(settings.set("discovery.isns.discoveryd_poll_inval", "1", secrets));
	up();
	server.registered.reset();
	until([&] { return server.registered.has_value(); });
	CHECK(logged("it has forgotten the registration"));
}

TEST_CASE_METHOD(Follow, "a registration is kept by a message within its period")
{
	REQUIRE(settings.set("discovery.isns.esi_interval", "0", secrets));
	server.period = 1;
	up();
	const auto before = server.count(Function::dev_attr_qry);
	until([&] { return server.count(Function::dev_attr_qry) >= before + 2; });
	CHECK(server.count(Function::dev_attr_reg) == 1);
	CHECK(kept.size() == 1);
}

TEST_CASE_METHOD(Follow, "a server that takes no registration is asked all the same")
{
	server.refuse_registration = 3;
	timings.look_again = std::chrono::milliseconds(20);
	up();
	CHECK_FALSE(agent->registered());
	CHECK(logged("refused the registration: Invalid Registration (3)"));
	server.targets[t2] = "192.0.2.2";
	until([&] { return kept.size() == 2; });
	CHECK_FALSE(logged("no notification"));
}

TEST_CASE_METHOD(Follow, "a server that is removed is deregistered with")
{
	up();
	bool ended = false;
	agent->stop([&] { ended = true; });
	until([&] { return ended; });
	CHECK_FALSE(server.registered);
	CHECK(server.count(Function::dev_dereg) == 1);
	CHECK(logged("removed and deregistered"));
	auto refused = run(agent->refresh());
	CHECK_FALSE(refused);
}

TEST_CASE_METHOD(Follow, "a refresh asks now and fails as the connection does")
{
	up();
	server.targets[t2] = "192.0.2.2";
	auto reply = run(agent->refresh());
	REQUIRE(reply);
	CHECK(reply->targets.size() == 2);

	start({"127.0.0.1", 1}); // where nobody is
	reply = run(agent->refresh());
	REQUIRE_FALSE(reply);
	CHECK(reply.error().code == Code::connect_failed);
}

TEST_CASE_METHOD(Follow, "another name of the initiator's takes the old one's registration's place")
{
	up();
	const auto old = server.inquiry();
	agent->take_identity(me);
	me.name = "iqn.2026-11.io.hawser:another";
	SECTION("over the connection that is there")
	{
		agent->take_identity(me);
	}
	SECTION("over the next connection")
	{
		server.drop_connections();
	}
	until([&] { return server.registered && server.registered->name == me.name; });
	CHECK(server.registered->entity == me.name);
	REQUIRE(server.deregistered.size() == 1);
	CHECK(server.deregistered[0] == std::pair(an_identity().name, an_identity().name));
	CHECK(server.count(Function::dev_attr_reg) == 2);
	until([&] { return agent->registered(); });
	CHECK(run(server.tell(old)) == isns::status::no_such_entry);
	CHECK(run(server.tell(server.inquiry())) == 0);
}

TEST_CASE_METHOD(Follow, "another alias is registered")
{
	up();
	me.alias = "another";
	agent->take_identity(me);
	until([&] { return server.count(Function::dev_attr_reg) == 2; });
	CHECK(server.deregistered.empty());
}

TEST_CASE_METHOD(Follow, "new settings are registered")
{
	up();
	REQUIRE(settings.set("discovery.isns.esi_interval", "30", secrets));
	agent->apply(settings);
	until([&] { return server.registered->esi == 30; });
	CHECK(server.count(Function::dev_attr_reg) == 2);
}

TEST_CASE("the leases of all DHCP clients are read, each server once")
{
	Folder folder;
	std::filesystem::create_directories(folder.path() + "/dhclient");
	std::filesystem::create_directories(folder.path() + "/networkd");
	const auto write = [&](const std::string &name, const std::string &text) {
		std::ofstream(folder.path() + "/" + name) << text;
	};
	write("dhclient/dhclient.eth0.leases",
	      "lease {\n option unknown-83 0:0:0:0:0:0:0:0:0:0:c0:0:2:1:c0:0:2:2;\n}\n");
	write("dhclient/dhclient.eth1.leases", "lease {\n option isns 0:1;\n}\n");
	write("dhclient/other", "lease {\n option isns 0:0:0:0:0:0:0:0:0:0:c0:0:2:9;\n}\n");
	write("networkd/2", "OPTION_83=00000000000000000000c0000202\n");
	const auto found =
	    isns_servers_of_leases({folder.path() + "/dhclient", folder.path() + "/networkd"}, 0);
	REQUIRE(found.servers.size() == 2);
	CHECK(to_string(found.servers[0]) == "192.0.2.1:3205");
	CHECK(to_string(found.servers[1]) == "192.0.2.2:3205");
	REQUIRE(found.problems.size() == 1);
	CHECK(found.problems[0] == folder.path() + "/dhclient/dhclient.eth1.leases: DHCP option "
						   "83: its 2 bytes have no room for an address");
	CHECK(isns_servers_of_leases({"/nonexistent", "/nonexistent"}, 0).servers.empty());
}
