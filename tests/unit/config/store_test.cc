/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/store.h"

#include "scratch.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>
#include <sys/wait.h>
#include <unistd.h>

using namespace hawser;
using namespace hawser::config;

namespace
{

const std::string t1 = "iqn.2003-01.org.example:t1";
const std::string t2 = "iqn.2003-01.org.example:t2";

Node make_node(const std::string &target, const std::string &host, int tpgt = 1,
	       const std::string &iface = "default")
{
	Node node;
	node.id = {target, {host, 3260}, iface};
	node.tpgt = tpgt;
	return node;
}

struct Fixture {
	Scratch scratch;
	Store store{scratch.paths};

	void add(std::vector<Node> nodes)
	{
		auto added = store.add_nodes(std::move(nodes));
		INFO((added ? "" : added.error().text));
		REQUIRE(added);
		REQUIRE(added->empty());
	}
	std::vector<Node> all(const NodeFilter &filter = {})
	{
		auto listing = store.nodes(filter);
		INFO((listing ? "" : listing.error().text));
		REQUIRE(listing);
		return std::move(listing->items);
	}
	std::string file_of(const std::string &target)
	{
		return scratch.paths.nodes() + "/" + target + ".json";
	}
};

FoundPortal found(const std::string &target, const std::string &host)
{
	return {target, {host, 3260}, 1};
}

} // namespace

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

TEST_CASE_METHOD(Fixture, "a damaged file is set aside and told about once, the others are listed")
{
	add({make_node(t1, "192.0.2.1"), make_node(t2, "192.0.2.1")});
	const auto whole = scratch.get(file_of(t1));
	scratch.put(file_of(t1), whole.substr(0, whole.size() / 2));

	auto listing = store.nodes();
	REQUIRE(listing);
	REQUIRE(listing->items.size() == 1);
	CHECK(listing->items[0].id.target == t2);
	REQUIRE(listing->problems.size() == 1);
	CHECK(listing->problems[0].code == Code::record_failed);
	CHECK(listing->problems[0].text.find(file_of(t1) + ".damaged") != std::string::npos);
	CHECK(scratch.get(file_of(t1) + ".damaged") == whole.substr(0, whole.size() / 2));
	CHECK(store.nodes()->problems.empty());

	scratch.put(file_of(t1), "again");
	CHECK(store.nodes()->problems.size() == 1);
	CHECK(scratch.get(file_of(t1) + ".damaged.1") == "again");
}

TEST_CASE_METHOD(Fixture, "a damaged file does not stop an update of the others")
{
	add({make_node(t1, "192.0.2.1"), make_node(t2, "192.0.2.1")});
	scratch.put(file_of(t1), "{");
	auto updated = store.update_nodes({}, [&](Node &node) -> Status {
		return node.settings.set("node.startup", "automatic", store.secrets())
		    .map([](auto &&) {});
	});
	REQUIRE(updated);
	CHECK(updated->items.size() == 1);
	CHECK(updated->problems.size() == 1);
}

TEST_CASE_METHOD(Fixture,
		 "interfaces are stored, default is built in, and their nodes go with them")
{
	Iface iface{"nic0"};
	REQUIRE(iface.settings.set("iface.net_ifacename", "eth0", store.secrets()));
	REQUIRE(store.put_iface(iface));
	CHECK(store.iface("nic0")->settings.get("iface.net_ifacename") == "eth0");
	CHECK(store.ifaces()->items.size() == 2);
	CHECK(store.iface("nic1").error().code == Code::nothing_found);
	CHECK_FALSE(store.put_iface(Iface{"default"}));
	CHECK_FALSE(store.put_iface(Iface{"../x"}));
	CHECK_FALSE(store.remove_iface("default"));

	add({make_node(t1, "192.0.2.1"), make_node(t1, "192.0.2.1", 1, "nic0")});
	CHECK(store.remove_iface("nic0")->items.size() == 1);
	CHECK(all().size() == 1);
	CHECK(store.remove_iface("nic0").error().code == Code::nothing_found);
}

TEST_CASE_METHOD(Fixture, "a discovery's answer becomes records in one go")
{
	Settings defaults(RecordKind::node);
	REQUIRE(defaults.set("node.startup", "automatic", store.secrets()));
	const PortalId portal{"192.0.2.9", 3260};
	auto outcome = store.store_discovery(
	    portal, {found(t1, "192.0.2.1"), found(t1, "192.0.2.2"), found(t2, "192.0.2.1")},
	    {"default", "nic0"}, {}, defaults, DiscoveryRecord{portal});
	REQUIRE(outcome);
	CHECK(outcome->added.size() == 6);
	CHECK(all().size() == 6);
	CHECK(all()[0].source == Source{"send_targets", portal});
	CHECK(all()[0].settings.get("node.startup") == "automatic");
	CHECK(store.discovery_record(portal)->found.size() == 3);
}

TEST_CASE_METHOD(Fixture, "a repeated discovery adds, updates and removes only what was asked for")
{
	const PortalId portal{"192.0.2.9", 3260}, other{"192.0.2.10", 3260};
	Settings none(RecordKind::node), conf(RecordKind::node);
	REQUIRE(conf.set("node.session.queue_depth", "64", store.secrets()));
	auto discover = [&](const PortalId &from, std::vector<FoundPortal> answer,
			    DiscoveryChanges changes, const Settings &defaults) {
		auto outcome =
		    store.store_discovery(from, answer, {"default"}, changes, defaults, {});
		REQUIRE(outcome);
		return *outcome;
	};
	add({make_node("iqn.2003-01.org.example:static", "192.0.2.1")});
	discover(portal, {found(t1, "192.0.2.1")}, {}, none);
	discover(other, {found(t1, "192.0.2.3")}, {}, none);
	REQUIRE(store.update_nodes({t1, {}, {}, {}, {}}, [&](Node &node) -> Status {
		return node.settings.set("node.startup", "automatic", store.secrets())
		    .map([](auto &&) {});
	}));

	/* Only new: the known record keeps everything, nothing goes. */
	auto outcome = discover(portal, {found(t1, "192.0.2.1"), found(t2, "192.0.2.1")},
				{true, false, false}, conf);
	CHECK(outcome.added.size() == 1);
	CHECK(outcome.updated.empty());
	CHECK(all({t1, "192.0.2.1", {}, {}, {}})[0].settings.number("node.session.queue_depth") ==
	      32);

	/* Updated: what the configuration sets is taken over, the rest stays. */
	discover(portal, {found(t1, "192.0.2.1")}, {false, true, false}, conf);
	CHECK(all({t1, "192.0.2.1", {}, {}, {}})[0].settings.number("node.session.queue_depth") ==
	      64);
	CHECK(all({t1, "192.0.2.1", {}, {}, {}})[0].settings.get("node.startup") == "automatic");

	/* Removed: only what this portal had named. */
	outcome = discover(portal, {found(t1, "192.0.2.1")}, {false, false, true}, none);
	REQUIRE(outcome.removed.size() == 1);
	CHECK(outcome.removed[0].target == t2);
	CHECK(all().size() == 3);
}

TEST_CASE_METHOD(Fixture, "removing a discovery portal keeps what it found")
{
	const PortalId portal{"2001:db8::9", 3260};
	REQUIRE(store.store_discovery(portal, {found(t1, "192.0.2.1")}, {"default"}, {},
				      Settings(RecordKind::node), DiscoveryRecord{portal}));
	REQUIRE(store.remove_discovery_record(portal));
	CHECK(store.discovery_record(portal).error().code == Code::nothing_found);
	CHECK(store.remove_discovery_record(portal).error().code == Code::nothing_found);
	CHECK(all().size() == 1);
}

TEST_CASE_METHOD(Fixture, "a long host name still has a discovery record")
{
	const PortalId portal{std::string(60, 'a') + "." + std::string(60, 'b') + "." +
				  std::string(60, 'c') + "." + std::string(60, 'd'),
			      65535};
	REQUIRE(store.put_discovery_record(DiscoveryRecord{portal}));
	CHECK(store.discovery_record(portal)->portal == portal);
	CHECK(store.discovery_records()->items.size() == 1);
}

TEST_CASE_METHOD(Fixture, "ten thousand targets are stored and listed")
{
	std::vector<FoundPortal> answer;
	for (int i = 0; i < 10000; i++)
		answer.push_back(
		    found("iqn.2003-01.org.example:many." + std::to_string(i), "192.0.2.1"));
	auto outcome = store.store_discovery({"192.0.2.9", 3260}, answer, {"default"}, {},
					     Settings(RecordKind::node), {});
	REQUIRE(outcome);
	CHECK(outcome->added.size() == 10000);
	CHECK(all().size() == 10000);
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
