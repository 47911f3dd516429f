/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/store.h"

#include "records_of_test.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <set>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace hawser;
using namespace hawser::config;

TEST_CASE_METHOD(Fixture, "an empty folder has no records and the built-in interface")
{
	CHECK(all().empty());
	auto ifaces = store.ifaces();
	REQUIRE(ifaces);
	REQUIRE(ifaces->items.size() == 1);
	CHECK(ifaces->items[0].name == "default");
	CHECK(store.discovery_records()->items.empty());
}

TEST_CASE_METHOD(Fixture,
		 "records are kept by another process and found by each part of their name")
{
	add({make_node(t1, "192.0.2.1"), make_node(t1, "192.0.2.2", 2),
	     make_node(t2, "192.0.2.1", 1, "nic0")});
	Store other(scratch.paths);
	CHECK(other.nodes()->items.size() == 3);
	CHECK(other.nodes({t1, {}, {}, {}, {}})->items.size() == 2);
	CHECK(other.nodes({{}, "192.0.2.1", {}, {}, {}})->items.size() == 2);
	CHECK(other.nodes({{}, {}, 3261, {}, {}})->items.empty());
	CHECK(other.nodes({{}, {}, {}, 2, {}})->items.size() == 1);
	CHECK(other.nodes({{}, {}, {}, {}, "nic0"})->items.size() == 1);
	CHECK(other.nodes({"IQN.2003-01.org.Example:T1", {}, {}, {}, {}})->items.size() == 2);
	CHECK(other.node({t1, {"192.0.2.2", 3260}, "default"})->tpgt == 2);
	CHECK(other.node({t1, {"192.0.2.3", 3260}, "default"}).error().code == Code::nothing_found);
	CHECK(std::filesystem::exists(file_of(t1)));
}

TEST_CASE_METHOD(Fixture, "a name that is not one never becomes a file")
{
	for (const char *name :
	     {"../../etc/passwd", "bad_name", "", "iqn.2003-01.org.example:a/b"}) {
		auto added = store.add_nodes({make_node(name, "192.0.2.1")});
		REQUIRE_FALSE(added);
		CHECK(added.error().code == Code::invalid_argument);
	}
	CHECK(all().empty());
}

TEST_CASE_METHOD(Fixture, "an update is stored for all that match or for none")
{
	add({make_node(t1, "192.0.2.1"), make_node(t2, "192.0.2.1")});
	auto updated = store.update_nodes({}, [&](Node &node) -> Status {
		return node.settings.set("node.startup", "automatic", store.secrets())
		    .map([](auto &&) {});
	});
	REQUIRE(updated);
	CHECK(updated->items.size() == 2);
	for (const auto &node : all())
		CHECK(node.settings.get("node.startup") == "automatic");

	int calls = 0;
	auto failed = store.update_nodes({}, [&](Node &node) -> Status {
		if (++calls == 2)
			return fail(Code::invalid_argument, "no");
		return node.settings.set("node.startup", "manual", store.secrets())
		    .map([](auto &&) {});
	});
	REQUIRE_FALSE(failed);
	for (const auto &node : all())
		CHECK(node.settings.get("node.startup") == "automatic");
}

TEST_CASE_METHOD(Fixture, "the last record of a target takes its file along")
{
	add({make_node(t1, "192.0.2.1"), make_node(t1, "192.0.2.2")});
	CHECK(store.remove_nodes({t1, "192.0.2.1", {}, {}, {}})->items.size() == 1);
	CHECK(std::filesystem::exists(file_of(t1)));
	CHECK(store.remove_nodes({t1, {}, {}, {}, {}})->items.size() == 1);
	CHECK_FALSE(std::filesystem::exists(file_of(t1)));
	CHECK(store.remove_nodes({})->items.empty());
}

TEST_CASE_METHOD(Fixture, "no two records of a target share an ISID and targets share them")
{
	add({make_node(t1, "192.0.2.1"), make_node(t1, "192.0.2.2"),
	     make_node(t1, "192.0.2.1", 1, "nic0")});
	add({make_node(t2, "192.0.2.1")});
	std::set<Isid> isids;
	for (const auto &node : all({t1, {}, {}, {}, {}})) {
		REQUIRE(node.isids.size() == 1);
		CHECK(node.isids[0].format() == Isid::Format::random);
		isids.insert(node.isids[0]);
	}
	CHECK(isids.size() == 3);
	CHECK(isids.contains(all({t2, {}, {}, {}, {}})[0].isids[0]));
}

TEST_CASE_METHOD(Fixture, "a new record has the lowest ISID that no other of its target has")
{
	add({make_node(t1, "192.0.2.1"), make_node(t1, "192.0.2.2"), make_node(t1, "192.0.2.3")});
	const auto identity = *store.identity();
	REQUIRE(store.remove_nodes({t1, "192.0.2.2", {}, {}, {}}));
	add({make_node(t1, "192.0.2.9")});
	CHECK(all({t1, "192.0.2.9", {}, {}, {}})[0].isids == std::vector{identity.isid(1)});
	add({make_node(t1, "192.0.2.10")});
	CHECK(all({t1, "192.0.2.10", {}, {}, {}})[0].isids == std::vector{identity.isid(3)});
}

TEST_CASE_METHOD(Fixture, "an ISID stays with its record when others come, go and are replaced")
{
	add({make_node(t1, "192.0.2.5")});
	const auto first = all()[0].isids[0];
	add({make_node(t1, "192.0.2.1"), make_node(t1, "192.0.2.5", 7)});
	auto by_host = [&](const char *host) { return all({t1, host, {}, {}, {}})[0].isids; };
	CHECK(by_host("192.0.2.5")[0] == first);
	CHECK(by_host("192.0.2.1")[0] != first);
	REQUIRE(store.remove_nodes({t1, "192.0.2.1", {}, {}, {}}));
	CHECK(by_host("192.0.2.5")[0] == first);

	REQUIRE(store.update_nodes({}, [&](Node &node) -> Status {
		return node.settings.set("node.session.nr_sessions", "3", store.secrets())
		    .map([](auto &&) {});
	}));
	CHECK(by_host("192.0.2.5").size() == 3);
	CHECK(by_host("192.0.2.5")[0] == first);
}

TEST_CASE_METHOD(Fixture, "a discovery's answer becomes records in one go")
{
	scratch.put(scratch.paths.conf(), "node.startup = automatic\n");
	const PortalId portal{"192.0.2.9", 3260};
	auto outcome = store.store_discovery(
	    {.source = asked(portal),
	     .found = {found(t1, "192.0.2.1"), found(t1, "192.0.2.2"), found(t2, "192.0.2.1")},
	     .ifaces = {"default", "nic0"},
	     .record = DiscoveryRecord{portal}});
	REQUIRE(outcome);
	CHECK(outcome->added.size() == 6);
	CHECK(all().size() == 6);
	CHECK(all()[0].source() == asked(portal));
	CHECK(all()[0].settings.get("node.startup") == "automatic");
	CHECK(store.discovery_record(RecordKind::send_targets, portal)->found.size() == 3);
}

TEST_CASE_METHOD(Fixture, "a repeated discovery adds, updates and removes only what was asked for")
{
	const PortalId portal{"192.0.2.9", 3260}, other{"192.0.2.10", 3260};
	auto discover = [&](const PortalId &from, std::vector<FoundPortal> answer,
			    DiscoveryChanges changes) {
		auto outcome = store.store_discovery(
		    {.source = asked(from), .found = std::move(answer), .changes = changes});
		REQUIRE(outcome);
		return *outcome;
	};
	add({make_node("iqn.2003-01.org.example:static", "192.0.2.1")});
	discover(portal, {found(t1, "192.0.2.1")}, {});
	discover(other, {found(t1, "192.0.2.3")}, {});
	REQUIRE(store.update_nodes({t1, {}, {}, {}, {}}, [&](Node &node) -> Status {
		return node.settings.set("node.startup", "automatic", store.secrets())
		    .map([](auto &&) {});
	}));

	/* Only new: the known record keeps everything, nothing goes. */
	FoundPortal moved = found(t1, "192.0.2.1");
	moved.tpgt = 9;
	auto outcome = discover(portal, {moved, found(t2, "192.0.2.1")}, {true, false, false});
	CHECK(outcome.added.size() == 1);
	CHECK(outcome.updated.empty());
	CHECK(all({t1, "192.0.2.1", {}, {}, {}})[0].tpgt == 1);

	/* A refresh: its own other tag is taken, but none does not take away what is known. */
	discover(portal, {moved}, {true, false, false, true});
	CHECK(all({t1, "192.0.2.1", {}, {}, {}})[0].tpgt == 9);
	FoundPortal untold = moved;
	untold.tpgt = -1;
	discover(portal, {untold}, {true, false, false, true});
	CHECK(all({t1, "192.0.2.1", {}, {}, {}})[0].tpgt == 9);
	moved.tpgt = 10;

	/* Updated: what the portal says is taken over, what was set stays. */
	discover(portal, {moved}, {false, true, false});
	CHECK(all({t1, "192.0.2.1", {}, {}, {}})[0].tpgt == 10);
	CHECK(all({t1, "192.0.2.1", {}, {}, {}})[0].settings.get("node.startup") == "automatic");

	/* Removed: only what this portal had named. */
	outcome = discover(portal, {found(t1, "192.0.2.1")}, {false, false, true});
	REQUIRE(outcome.removed.size() == 1);
	CHECK(outcome.removed[0].target == t2);
	CHECK(all().size() == 3);
}

TEST_CASE_METHOD(Fixture, "removing a discovery portal keeps what it found")
{
	const PortalId portal{"2001:db8::9", 3260};
	REQUIRE(store.store_discovery({.source = asked(portal),
				       .found = {found(t1, "192.0.2.1")},
				       .record = DiscoveryRecord{portal}}));
	const auto kind = RecordKind::send_targets;
	REQUIRE(store.remove_discovery_record(kind, portal));
	CHECK(store.discovery_record(kind, portal).error().code == Code::nothing_found);
	CHECK(store.remove_discovery_record(kind, portal).error().code == Code::nothing_found);
	CHECK(all().size() == 1);
}

TEST_CASE_METHOD(Fixture, "a change of the configuration reaches records that set nothing else")
{
	add({make_node(t1, "192.0.2.1"), make_node(t1, "192.0.2.2")});
	std::vector<std::string> warnings;
	REQUIRE(store.set_values({t1, "192.0.2.1", {}, {}, {}},
				 {{"node.session.queue_depth", "32"}}, warnings));
	scratch.put(scratch.paths.conf(), "node.session.queue_depth = 64\n");
	CHECK(all()[0].settings.number("node.session.queue_depth") == 32);
	CHECK(all()[1].settings.number("node.session.queue_depth") == 64);
	CHECK(all()[1].settings.level_of("node.session.queue_depth") == Level::global);
	scratch.put(scratch.paths.conf(), "");
	CHECK(all()[1].settings.number("node.session.queue_depth") == 32);
}

TEST_CASE_METHOD(Fixture, "a value of the target is every record's, whatever each had before")
{
	add({make_node(t1, "192.0.2.1"), make_node(t1, "192.0.2.2"), make_node(t2, "192.0.2.1")});
	std::vector<std::string> warnings;
	auto set = [&](const NodeFilter &filter, const char *key, const char *value) {
		REQUIRE(store.set_values(filter, {{key, value}}, warnings));
	};
	set({t1, "192.0.2.1", {}, {}, {}}, "node.startup", "automatic");
	set({t1, {}, {}, {}, {}}, "node.startup", "onboot");
	for (const auto &node : all({t1, {}, {}, {}, {}})) {
		CHECK(node.settings.get("node.startup") == "onboot");
		CHECK(node.settings.level_of("node.startup") == Level::target);
	}
	CHECK(all({t2, {}, {}, {}, {}})[0].settings.get("node.startup") == "manual");

	/* And a portal that is found later has it, too. */
	REQUIRE(store.store_discovery(
	    {.source = asked({"192.0.2.9", 3260}), .found = {found(t1, "192.0.2.3")}}));
	CHECK(all({t1, "192.0.2.3", {}, {}, {}})[0].settings.get("node.startup") == "onboot");
}

TEST_CASE_METHOD(Fixture, "an address with an authentication of its own keeps its secret")
{
	add({make_node(t1, "192.0.2.1"), make_node(t1, "192.0.2.2")});
	std::vector<std::string> warnings;
	REQUIRE(store.set_values({t1, "192.0.2.1", {}, {}, {}},
				 {{"node.session.auth.authmethod", "CHAP"},
				  {"node.session.auth.username", "one"},
				  {"node.session.auth.password", "secret of one"}},
				 warnings));
	REQUIRE(store.set_values({t1, {}, {}, {}, {}}, {{"node.session.auth.username", "all"}},
				 warnings));
	const auto nodes = all();
	CHECK(nodes[0].settings.get("node.session.auth.username") == "all");
	CHECK(nodes[0].settings.get("node.session.auth.authmethod") == "CHAP");
	CHECK(nodes[0].settings.has_secret("node.session.auth.password"));
	CHECK(nodes[1].settings.get("node.session.auth.username") == "all");
	CHECK_FALSE(nodes[1].settings.has_secret("node.session.auth.password"));
}

TEST_CASE_METHOD(Fixture, "a rediscovery leaves what was set by hand")
{
	const Discovery discovery{.source = asked({"192.0.2.9", 3260}),
				  .found = {found(t1, "192.0.2.1")}};
	REQUIRE(store.store_discovery(discovery));
	std::vector<std::string> warnings;
	REQUIRE(store.set_values({t1, "192.0.2.1", {}, {}, {}}, {{"node.startup", "automatic"}},
				 warnings));
	scratch.put(scratch.paths.conf(), "node.startup = onboot\n");
	REQUIRE(store.store_discovery(discovery));
	CHECK(all()[0].settings.get("node.startup") == "automatic");
}

TEST_CASE_METHOD(Fixture, "a static target is merged with what is there")
{
	std::vector<std::string> warnings;
	REQUIRE(store.store_discovery(
	    {.source = asked({"192.0.2.9", 3260}), .found = {found(t1, "192.0.2.1")}}));
	const auto isids = all()[0].isids;
	const NodeId known{t1, {"192.0.2.1", 3260}, "default"};
	REQUIRE(
	    store.add_static({.id = known, .values = {{"node.startup", "automatic"}}}, warnings));
	auto merged = store.add_static(
	    {.id = known, .values = {{"node.session.queue_depth", "64"}}}, warnings);
	REQUIRE(merged);
	CHECK(merged->isids == isids);
	CHECK(merged->instances.size() == 2);
	CHECK(merged->settings.get("node.startup") == "automatic");
	CHECK(merged->settings.get("node.session.queue_depth") == "64");

	REQUIRE(
	    store.add_static({.id = {t1, {"192.0.2.2", 3260}, "default"}, .tpgt = 2}, warnings));
	CHECK(all().size() == 2);
	CHECK(all()[1].tpgt == 2);

	REQUIRE(store.store_discovery({.source = asked({"192.0.2.9", 3260}), .found = {}}));
	CHECK(all().size() == 2);
}

TEST_CASE_METHOD(Fixture, "a hidden target is found by its name, or when another source names it")
{
	std::vector<std::string> warnings;
	const NodeId id{t1, {"192.0.2.1", 3260}, "default"};
	REQUIRE(store.add_static({.id = id, .hidden = true}, warnings));
	CHECK(all().empty());
	CHECK(all({t1, {}, {}, {}, {}}).size() == 1);
	CHECK(store.node(id));
	NodeFilter hidden;
	hidden.hidden = true;
	CHECK(all(hidden).size() == 1);

	/* Adding to it leaves it hidden. */
	REQUIRE(store.add_static({.id = id, .tpgt = 1}, warnings));
	CHECK(all().empty());
	REQUIRE(store.store_discovery(
	    {.source = asked({"192.0.2.9", 3260}), .found = {found(t1, "192.0.2.1")}}));
	CHECK(all().size() == 1);
	REQUIRE(store.store_discovery({.source = asked({"192.0.2.9", 3260}), .found = {}}));
	CHECK(all().empty());
	REQUIRE(store.add_static({.id = id, .hidden = false}, warnings));
	CHECK(all().size() == 1);
}

TEST_CASE_METHOD(Fixture, "a target that is not persistent goes with the boot or the service")
{
	scratch.paths.boot_id = scratch.paths.state_dir + "-boot";
	scratch.put(scratch.paths.boot_id, "first\n");
	std::vector<std::string> warnings;
	const NodeId id{t1, {"192.0.2.1", 3260}, "default"};
	{
		Store now(scratch.paths);
		REQUIRE(now.add_static({.id = id, .persistent = false}, warnings));
		REQUIRE(now.add_static({.id = {t2, id.portal, "default"}}, warnings));
		CHECK(now.nodes()->items.size() == 2);
	}
	{
		scratch.put(scratch.paths.boot_id, "second\n");
		Store later(scratch.paths);
		CHECK(later.nodes()->items.size() == 1);
		REQUIRE(later.add_static({.id = id, .persistent = false}, warnings));
		CHECK(later.nodes()->items.size() == 2);
		bool used = true;
		later.set_in_use([&](const NodeId &) { return used; });
		REQUIRE(later.drop_transient());
		CHECK(later.node(id)->vanished);
		REQUIRE(later.drop_vanished(id));
		CHECK(later.nodes()->items.size() == 1);
		REQUIRE(later.add_static({.id = id, .persistent = false}, warnings));
		used = false;
		REQUIRE(later.drop_transient());
		CHECK(later.nodes()->items.size() == 1);
	}
}

TEST_CASE_METHOD(Fixture, "a record gets the ISIDs that more sessions need")
{
	add({make_node(t1, "192.0.2.1"), make_node(t1, "192.0.2.2")});
	const auto before = all()[0];
	auto given = store.give_isids(before.id, 3);
	REQUIRE(given);
	REQUIRE(given->isids.size() == 3);
	CHECK(given->isids[0] == before.isids[0]);
	CHECK(std::find(given->isids.begin(), given->isids.end(), all()[1].isids[0]) ==
	      given->isids.end());
}

TEST_CASE_METHOD(Fixture, "a portal and a server of one address have a record each")
{
	const PortalId portal{"192.0.2.9", 3205};
	DiscoveryRecord server{portal, Settings(RecordKind::isns)};
	REQUIRE(server.settings.set("discovery.isns.discoveryd_poll_inval", "60", store.secrets()));
	REQUIRE(store.put_discovery_record(server));
	REQUIRE(store.put_discovery_record(DiscoveryRecord{portal}));
	CHECK(store.discovery_records()->items.size() == 2);
	auto stored = store.discovery_record(RecordKind::isns, portal);
	REQUIRE(stored);
	CHECK(stored->source() == Source{SourceType::isns, portal});
	CHECK(stored->settings.number("discovery.isns.discoveryd_poll_inval") == 60);
	REQUIRE(store.remove_discovery_record(RecordKind::isns, portal));
	CHECK(store.discovery_record(RecordKind::send_targets, portal));
}

TEST_CASE_METHOD(Fixture, "a record has an instance of each source that names it, by priority")
{
	const PortalId portal{"192.0.2.9", 3260}, server{"192.0.2.8", 3205};
	const Source firmware{SourceType::fw, {"", 0}}, isns{SourceType::isns, server};
	auto discover = [&](const Source &source, std::vector<FoundPortal> answer) {
		auto outcome =
		    store.store_discovery({.source = source, .found = std::move(answer)});
		REQUIRE(outcome);
		return *outcome;
	};
	discover(isns, {{t1, {"192.0.2.1", 3260}, -1}});
	CHECK(all()[0].source() == isns);
	discover(asked(portal), {{t1, {"192.0.2.1", 3260}, 5}});
	discover(firmware, {{t1, {"192.0.2.1", 3260}, -1}});
	REQUIRE(all().size() == 1);
	CHECK(all()[0].source() == firmware);
	CHECK(all()[0].instances.size() == 3);
	CHECK(all()[0].tpgt == 5);

	CHECK(discover(firmware, {}).removed.empty());
	CHECK(all()[0].source() == asked(portal));
	CHECK(discover(asked(portal), {}).removed.empty());
	CHECK(all()[0].tpgt == -1);
	CHECK(discover(isns, {}).removed.size() == 1);
	CHECK(all().empty());
}

TEST_CASE_METHOD(Fixture, "a record in use that is named no more vanishes, and comes back")
{
	const Source source = asked({"192.0.2.9", 3260});
	bool used = true;
	store.set_in_use([&](const NodeId &) { return used; });
	auto discover = [&](std::vector<FoundPortal> answer) {
		auto outcome =
		    store.store_discovery({.source = source, .found = std::move(answer)});
		REQUIRE(outcome);
		return *outcome;
	};
	discover({found(t1, "192.0.2.1")});
	const auto isids = all()[0].isids;
	CHECK(discover({}).vanished.size() == 1);
	REQUIRE(all().size() == 1);
	CHECK(all()[0].vanished);
	CHECK(all()[0].source() == source);
	CHECK(discover({}).vanished.empty());

	discover({found(t1, "192.0.2.1")});
	CHECK_FALSE(all()[0].vanished);
	CHECK(all()[0].isids == isids);

	discover({});
	REQUIRE(store.drop_vanished(all()[0].id));
	CHECK(all().empty());

	discover({found(t1, "192.0.2.1")});
	REQUIRE(store.drop_vanished(all()[0].id));
	CHECK(all().size() == 1);
	used = false;
	CHECK(discover({}).removed.size() == 1);
	CHECK(all().empty());
}

TEST_CASE_METHOD(Fixture, "what was set by hand does not vanish with what discovery named")
{
	add({make_node(t1, "192.0.2.1", 7)});
	const Source source = asked({"192.0.2.9", 3260});
	REQUIRE(store.store_discovery({.source = source, .found = {found(t1, "192.0.2.1")}}));
	CHECK(all()[0].source() == source);
	CHECK(all()[0].tpgt == 1);
	REQUIRE(store.store_discovery({.source = source, .found = {}}));
	REQUIRE(all().size() == 1);
	CHECK(all()[0].source() == Source{});
	CHECK(all()[0].tpgt == 7);
}

TEST_CASE_METHOD(Fixture, "a record moves to another portal with its settings and its ISIDs")
{
	add({make_node(t1, "192.0.2.1"), make_node(t1, "192.0.2.5")});
	const NodeId from{t1, {"192.0.2.1", 3260}, "default"};
	const PortalId to{"192.0.2.2", 3261};
	REQUIRE(store.update_nodes({t1, "192.0.2.1", {}, {}, {}}, [&](Node &node) -> Status {
		return node.settings.set("node.startup", "automatic", store.secrets())
		    .map([](auto &&) {});
	}));
	const auto before = *store.node(from);
	auto moved = store.move_node(from, to, 7);
	REQUIRE(moved);
	CHECK(moved->id.portal == to);
	CHECK(moved->tpgt == 7);
	CHECK(moved->isids == before.isids);
	CHECK(store.node(moved->id)->settings.get("node.startup") == "automatic");
	CHECK(store.node(from).error().code == Code::nothing_found);
	CHECK(store.move_node(from, to, 7).error().code == Code::nothing_found);
	CHECK(all().size() == 2);

	/* To where there is one: that one stays, and the session's ISID is its own now. */
	const NodeId other{t1, {"192.0.2.5", 3260}, "default"};
	const auto there = *store.node(other);
	moved = store.move_node(moved->id, other.portal, 7);
	REQUIRE(moved);
	CHECK(moved->settings.get("node.startup") == "manual");
	CHECK(moved->tpgt == there.tpgt);
	CHECK(moved->isids == std::vector<Isid>{there.isids[0], before.isids[0]});
	CHECK(all().size() == 1);
}

TEST_CASE_METHOD(Fixture, "a long host name still has a discovery record")
{
	const PortalId portal{std::string(60, 'a') + "." + std::string(60, 'b') + "." +
				  std::string(60, 'c') + "." + std::string(60, 'd'),
			      65535};
	REQUIRE(store.put_discovery_record(DiscoveryRecord{portal}));
	CHECK(store.discovery_record(RecordKind::send_targets, portal)->portal == portal);
	CHECK(store.discovery_records()->items.size() == 1);
}

TEST_CASE_METHOD(Fixture, "processes that write at the same time lose nothing of each other's")
{
	constexpr int processes = 4, rounds = 25;
	add({make_node(t1, "192.0.2.1")});
	for (int p = 0; p < processes; p++) {
		if (::fork() != 0)
			continue;
		Store mine(scratch.paths);
		bool good = true;
		for (int i = 0; i < rounds; i++) {
			const std::string host =
			    "198.51." + std::to_string(p) + "." + std::to_string(i + 1);
			good = good && mine.add_nodes({make_node(t1, host)}).has_value();
			const auto seen = mine.nodes();
			good = good && seen && seen->problems.empty();
		}
		::_exit(good ? 0 : 1);
	}
	for (int p = 0; p < processes; p++) {
		int status = -1;
		REQUIRE(::wait(&status) > 0);
		CHECK(WIFEXITED(status));
		CHECK(WEXITSTATUS(status) == 0);
	}
	const auto nodes = all();
	CHECK(nodes.size() == 1 + processes * rounds);
	std::set<Isid> isids;
	for (const auto &node : nodes)
		isids.insert(node.isids.begin(), node.isids.end());
	CHECK(isids.size() == nodes.size());
}

TEST_CASE_METHOD(Fixture, "an answer leaves alone what was set in its portal's record meanwhile")
{
	const PortalId portal{"192.0.2.9", 3260};
	const auto kind = RecordKind::send_targets;
	const auto change = [&](std::string_view value) {
		return store.change_discovery_record(
		    kind, portal, false, [&](DiscoveryRecord &record) -> Status {
			    auto set = record.settings.set("discovery.sendtargets.reopen_max",
							   value, store.secrets());
			    return set ? Status{} : tl::unexpected(set.error());
		    });
	};
	REQUIRE_FALSE(change("3"));
	REQUIRE(store.put_discovery_record(DiscoveryRecord{portal}));
	DiscoveryRecord given{portal};
	REQUIRE(given.settings.set("discovery.startup", "manual", store.secrets()));
	REQUIRE(change("3"));
	REQUIRE_FALSE(change("nonsense"));
	REQUIRE(store.store_discovery(
	    {.source = asked(portal), .found = {found(t1, "192.0.2.1")}, .record = given}));
	auto record = store.discovery_record(kind, portal);
	REQUIRE(record);
	CHECK(record->settings.get("discovery.sendtargets.reopen_max") == "3");
	CHECK(record->settings.get("discovery.startup") == "manual");
	CHECK(record->found.size() == 1);

	/* One that is deleted meanwhile is not brought back. */
	REQUIRE(store.remove_discovery_record(kind, portal));
	CHECK_FALSE(store.store_discovery(
	    {.source = asked(portal), .found = {}, .record = given, .only_known = true}));
	CHECK_FALSE(store.discovery_record(kind, portal));
}

TEST_CASE_METHOD(Fixture, "an interface's record is read and written under one lock")
{
	Iface iface{"nic0"};
	REQUIRE(iface.settings.set("iface.ipaddress", "192.0.2.10", store.secrets()));
	REQUIRE(store.put_iface(iface));
	REQUIRE(store.change_iface("nic0", [&](Iface &now) -> Status {
		return now.settings.set("iface.net_ifacename", "eth0", store.secrets())
		    .map([](auto &&) {});
	}));
	CHECK(store.iface("nic0")->settings.get("iface.ipaddress") == "192.0.2.10");
	CHECK(store.iface("nic0")->settings.get("iface.net_ifacename") == "eth0");
	const auto nothing = [](Iface &) -> Status { return {}; };
	CHECK(store.change_iface("nic1", nothing).error().code == Code::nothing_found);
	CHECK_FALSE(store.change_iface("default", nothing));
}
