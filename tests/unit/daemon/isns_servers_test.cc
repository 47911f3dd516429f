/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/isns_servers.h"

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
std::string isns_example; // what the name isns.example is looked up as; empty: no answer

Result<std::vector<asio::ip::tcp::endpoint>> look_up_here(const std::string &host,
							  std::uint16_t port)
{
	if (host != "isns.example" || isns_example.empty())
		return fail(Code::host_not_found, host);
	return std::vector{asio::ip::tcp::endpoint(asio::ip::make_address(isns_example), port)};
}

struct Configured {
	asio::io_context io;
	Log log{std::make_unique<SilentSink>()};
	FakeIsns server{io};
	Folder folder;
	config::Store store{folder.paths()};
	config::PortalId where{"127.0.0.1", server.port()};
	bool in_use = false;
	std::vector<std::string> ifaces;
	std::vector<std::string> logged_in; // targets
	std::vector<config::NodeId> vanished;
	IsnsServers servers{{
	    .io = io,
	    .log = log,
	    .worker = worker,
	    .paths = folder.paths(),
	    .in_use = [this] { return [used = in_use](const config::NodeId &) { return used; }; },
	    .note_vanished =
		[this](const std::vector<config::NodeId> &ids) {
			vanished.insert(vanished.end(), ids.begin(), ids.end());
		},
	    .log_in =
		[this](const std::vector<config::Node> &automatic) {
			for (const auto &node : automatic)
				logged_in.push_back(node.id.target);
		},
	    .leases = {folder.path() + "/dhcp", folder.path() + "/net"},
	    .look_up = look_up_here,
	}};
	asio::thread_pool worker{1};

	Configured() { server.targets[t1] = "192.0.2.1"; }

	void add(const std::string &follow = "Yes")
	{
		config::DiscoveryRecord record{where, config::Settings(config::RecordKind::isns)};
		REQUIRE(
		    record.settings.set("discovery.isns.use_discoveryd", follow, store.secrets()));
		REQUIRE(store.put_discovery_record(record));
	}
	std::vector<config::Node> nodes()
	{
		auto listing = store.nodes();
		REQUIRE(listing);
		return std::move(listing->items);
	}
	template <class Condition> void until(const Condition &holds)
	{
		const auto end = Clock::now() + std::chrono::seconds(30);
		while (!holds() && Clock::now() < end)
			io.run_for(std::chrono::milliseconds(5));
		REQUIRE(holds());
	}
	DiscoveryOutcome discover(const std::vector<std::string> &changes, bool keep)
	{
		varlink::DiscoverCall call;
		call.type = "isns";
		call.address = where.host;
		call.port = where.port;
		call.changes = changes;
		call.keep_portal = keep;
		call.ifaces = ifaces;
		std::optional<DiscoveryOutcome> result;
		auto to_its_end = [&]() -> asio::awaitable<void> {
			result.emplace(co_await servers.discover(call));
		};
		asio::co_spawn(io, to_its_end(), escalate);
		until([&] { return result.has_value(); });
		return std::move(*result);
	}
	void reload()
	{
		bool ended = false;
		asio::co_spawn(io, servers.reload(), [&](std::exception_ptr) { ended = true; });
		until([&] { return ended; });
	}
};

} // namespace

TEST_CASE_METHOD(Configured, "a server with a record is followed, its targets get records")
{
	add();
	servers.start();
	until([&] { return !nodes().empty(); });
	const auto node = nodes().front();
	CHECK(node.id.target == t1);
	CHECK(node.source() == config::Source{config::SourceType::isns, where});
	CHECK(server.registered);
}

TEST_CASE_METHOD(Configured, "new targets are logged in to when node.startup says so, once")
{
	add();
	servers.start();
	until([&] { return nodes().size() == 1; });
	CHECK(logged_in.empty());
	std::filesystem::create_directories(store.paths().config_dir);
	std::ofstream(store.paths().conf()) << "node.startup = automatic\n";
	const std::string t2 = "iqn.2026-11.example:t2";
	server.targets[t2] = "192.0.2.2";
	REQUIRE(discover({}, false));
	CHECK(nodes().size() == 2);
	CHECK(logged_in == std::vector<std::string>{t2});
	REQUIRE(discover({}, false));
	CHECK(logged_in.size() == 1);
}

TEST_CASE_METHOD(Configured, "records are followed while they come, change and go")
{
	servers.start();
	CHECK_FALSE(servers.find(where));
	add();
	until([&] { return server.registered.has_value() && !nodes().empty(); });
	add("No");
	until([&] { return !server.registered; });
	add();
	until([&] { return server.registered.has_value(); });
	REQUIRE(store.remove_discovery_record(config::RecordKind::isns, where));
	until([&] { return !server.registered; });
	CHECK(nodes().size() == 1); // what was found stays
}

TEST_CASE_METHOD(Configured, "a change of the initiator's name is seen, and registered")
{
	add();
	servers.start();
	until([&] { return server.registered.has_value(); });
	const std::string name = "iqn.2026-11.io.hawser:another";
	REQUIRE(config::change_identity(store.paths(), {.name = name}));
	reload();
	until([&] { return server.registered && server.registered->name == name; });
	CHECK(server.count(Function::dev_dereg) == 1);
}

TEST_CASE_METHOD(Configured, "a record's settings are left alone by what comes by itself")
{
	add();
	servers.start();
	until([&] { return !nodes().empty(); });
	REQUIRE(store.update_nodes({}, [&](config::Node &node) {
		return node.settings.set("node.startup", "automatic", store.secrets())
		    .map([](const auto &) {});
	}));
	server.targets["iqn.2026-11.example:t2"] = "192.0.2.2";
	REQUIRE(discover({}, false));
	until([&] { return nodes().size() == 2; });
	CHECK(nodes().front().settings.get("node.startup") == "automatic");
}

TEST_CASE_METHOD(Configured,
		 "new targets are reached through the interface of those that are there")
{
	REQUIRE(store.put_iface(config::Iface{"nic0"}));
	ifaces = {"nic0"};
	REQUIRE(discover({"new"}, true));
	servers.start();
	server.targets["iqn.2026-11.example:t2"] = "192.0.2.2";
	until([&] { return nodes().size() == 2; });
	CHECK(nodes()[0].id.iface == "nic0");
	CHECK(nodes()[1].id.iface == "nic0");
}

TEST_CASE_METHOD(Configured, "a server keeps the interfaces that it was asked for with")
{
	for (const char *name : {"nic0", "nic1"})
		REQUIRE(store.put_iface(config::Iface{name}));
	ifaces = {"nic0"};
	REQUIRE(discover({"new"}, true));
	ifaces.clear();
	const std::string t2 = "iqn.2026-11.example:t2";
	server.targets[t2] = "192.0.2.2";
	REQUIRE(discover({"new", "update", "delete"}, true));
	REQUIRE(nodes().size() == 2);
	CHECK(nodes()[1].id.iface == "nic0");
	servers.start();
	until([&] { return server.registered.has_value(); });
	// Another one is for those that are known, too.
	REQUIRE(store.change_discovery_record(
	    config::RecordKind::isns, where, false, [&](config::DiscoveryRecord &record) {
		    return record.settings.set("discovery.isns.iface", "nic1", store.secrets())
			.map([](const auto &) {});
	    }));
	until([&] { return nodes().size() == 4; });
	CHECK(nodes()[1].id.iface == "nic1");
	REQUIRE(store.remove_iface("nic1"));
	const auto refused = discover({"new"}, true);
	REQUIRE_FALSE(refused);
	CHECK(refused.error().error.text.find("discovery.isns.iface") != std::string::npos);
}

TEST_CASE_METHOD(Configured, "a record that a session uses stays when its target goes")
{
	const std::string t2 = "iqn.2026-11.example:t2";
	server.targets[t2] = "192.0.2.2";
	add();
	servers.start();
	until([&] { return nodes().size() == 2; });
	in_use = true;
	server.targets.erase(t1);
	REQUIRE(discover({}, false));
	REQUIRE(nodes().size() == 2);
	CHECK(nodes()[0].vanished);
	CHECK_FALSE(nodes()[1].vanished);
	CHECK(vanished == std::vector{nodes()[0].id});
	in_use = false;
	server.targets.clear();
	REQUIRE(discover({}, false));
	CHECK(nodes().empty()); // no session keeps the other one any more, either
}

TEST_CASE_METHOD(Configured, "to ask a server that is not listed neither adds it nor registers")
{
	servers.start();
	auto reply = discover({"new"}, false);
	REQUIRE(reply);
	REQUIRE((*reply)->reply.targets.size() == 1);
	CHECK((*reply)->reply.targets[0].target == t1);
	CHECK(nodes().size() == 1);
	CHECK(server.count(Function::dev_attr_reg) == 0);
	CHECK(store.discovery_records()->items.empty());
	CHECK_FALSE(servers.find(where));
}

TEST_CASE_METHOD(Configured, "a server that tells strangers nothing is registered with for once")
{
	server.tells_strangers = false;
	auto reply = discover({}, false);
	REQUIRE(reply);
	CHECK((*reply)->reply.targets.size() == 1);
	CHECK(server.count(Function::dev_attr_reg) == 1);
	CHECK(server.count(Function::dev_dereg) == 1);
	CHECK_FALSE(server.registered);
	CHECK(nodes().empty()); // no changes were asked for
}

TEST_CASE_METHOD(Configured, "a server that is asked for good is followed from then on")
{
	servers.start();
	REQUIRE(discover({"new", "update", "delete"}, true));
	until([&] { return server.registered.has_value(); });
	CHECK(servers.find(where));
	auto record = store.discovery_record(config::RecordKind::isns, where);
	REQUIRE(record);
	CHECK(record->found.size() == 1);
}

TEST_CASE_METHOD(Configured, "a server that cannot be reached is no reason to lose records")
{
	add();
	servers.start();
	until([&] { return !nodes().empty(); });
	where.port = 1;
	auto reply = discover({"new", "update", "delete"}, false);
	REQUIRE_FALSE(reply);
	CHECK(reply.error().error.code == Code::connect_failed);
	CHECK(nodes().size() == 1);
}

TEST_CASE_METHOD(Configured, "the event loop goes on while another process writes records")
{
	add();
	const auto hold = [&] {
		return config::WriteLock::take(store.paths().state_dir, store.paths().lock());
	};
	const auto goes_on = [&] {
		const auto begun = Clock::now();
		io.run_for(std::chrono::milliseconds(200));
		return Clock::now() - begun < std::chrono::seconds(5);
	};
	auto held = std::optional(hold());
	servers.start();
	CHECK(goes_on());
	CHECK_FALSE(server.registered); // nobody knows as what
	held.reset();
	until([&] { return nodes().size() == 1; });

	held.emplace(hold());
	server.targets["iqn.2026-11.example:t2"] = "192.0.2.2";
	std::optional<DiscoveryOutcome> asked;
	varlink::DiscoverCall call;
	call.type = "isns";
	call.address = where.host;
	call.port = where.port;
	call.changes = {"new", "update"};
	asio::co_spawn(
	    io, servers.discover(call),
	    [&](std::exception_ptr, DiscoveryOutcome outcome) { asked = std::move(outcome); });
	CHECK(goes_on());
	CHECK_FALSE(asked);
	held.reset();
	until([&] { return asked.has_value(); });
	CHECK(*asked);
	CHECK(nodes().size() == 2);
}

TEST_CASE_METHOD(Configured, "a server whose record cannot be read for now is followed on")
{
	add();
	servers.start();
	until([&] { return server.registered.has_value(); });
	const auto file =
	    str(store.paths().discovery(), "/isns,", where.host, ",", where.port, ".json");
	std::filesystem::rename(file, file + ".away");
	std::filesystem::create_symlink(file, file); // a loop: open() fails
	reload();
	reload();
	CHECK(servers.find(where));
	std::filesystem::remove(file);
	reload();
	until([&] { return !server.registered; });
}

TEST_CASE_METHOD(Configured, "servers that DHCP names are followed when hawserd.conf says so")
{
	const config::PortalId leased{"127.0.0.1", 3205};
	std::filesystem::create_directories(folder.path() + "/dhcp");
	std::filesystem::create_directories(folder.paths().config_dir);
	std::ofstream(folder.path() + "/dhcp/dhclient.eth0.leases")
	    << "lease {\n option unknown-83 0:0:0:0:0:0:0:0:0:0:7f:0:0:1;\n}\n";
	reload();
	CHECK_FALSE(servers.find(leased));
	std::ofstream(folder.paths().conf()) << "discovery.isns.dhcp = Yes\n";
	reload();
	CHECK(servers.find(leased));
	const std::string file = folder.path() + "/dhcp/dhclient.eth0.leases";
	std::filesystem::remove(file);
	std::filesystem::create_symlink(file, file); // cannot be read
	reload();
	CHECK(servers.find(leased));
	std::filesystem::remove(file);
	reload();
	until([&] { return !servers.find(leased); });
}

namespace
{

/* DHCP names 127.0.0.1, and a record names a server, too. */
struct Leased : Configured {
	const config::PortalId leased{"127.0.0.1", 3205};

	Leased()
	{
		isns_example.clear();
		std::filesystem::create_directories(folder.path() + "/dhcp");
		std::filesystem::create_directories(folder.paths().config_dir);
		std::ofstream(folder.path() + "/dhcp/dhclient.eth0.leases")
		    << "lease {\n option unknown-83 0:0:0:0:0:0:0:0:0:0:7f:0:0:1;\n}\n";
		std::ofstream(folder.paths().conf()) << "discovery.isns.dhcp = Yes\n";
	}
	void record(const std::string &host, const std::string &follow = "Yes")
	{
		where = {host, leased.port};
		add(follow);
	}
};

} // namespace

TEST_CASE_METHOD(Leased, "a server that DHCP and a record name differently is used once")
{
	SECTION("by its name")
	{
		isns_example = "127.0.0.1";
		record("isns.example");
	}
	SECTION("as an IPv6 address")
	{
		record("::ffff:127.0.0.1");
	}
	reload();
	CHECK_FALSE(servers.find(leased));
	CHECK(servers.find(where));
}

TEST_CASE_METHOD(Leased, "a record that is not followed excepts the server by any name of it")
{
	isns_example = "127.0.0.1";
	record("isns.example", "No");
	reload();
	CHECK_FALSE(servers.find(leased));
	CHECK_FALSE(servers.find(where));
}

TEST_CASE_METHOD(Leased, "servers of other addresses are each used")
{
	isns_example = "192.0.2.99";
	record("isns.example");
	reload();
	CHECK(servers.find(leased));
	CHECK(servers.find(where));
}

TEST_CASE_METHOD(Leased, "a name that is not found now takes no server away")
{
	record("isns.example");
	reload();
	CHECK(servers.find(leased));
	CHECK(servers.find(where));
}

TEST_CASE_METHOD(Leased, "a record takes over from DHCP when the registration there is over")
{
	reload();
	REQUIRE(servers.find(leased));
	isns_example = "127.0.0.1";
	record("isns.example");
	reload();
	CHECK_FALSE(servers.find(leased));
	until([&] { return servers.find(where) != nullptr; });
	CHECK_FALSE(servers.find(leased));
	REQUIRE(store.remove_discovery_record(config::RecordKind::isns, where));
	reload();
	until([&] { return servers.find(leased) != nullptr; });
}
