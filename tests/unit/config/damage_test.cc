/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records that are damaged, or cannot be read: what it costs, and what it must not. */
#include "records_of_test.h"

#include <filesystem>
#include <fstream>
#include <sys/stat.h>

using namespace hawser;
using namespace hawser::config;

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

TEST_CASE_METHOD(Fixture, "what is no file costs only itself and is set aside")
{
	add({make_node(t1, "192.0.2.1")});
	std::filesystem::create_directories(file_of(t2));
	auto listing = store.nodes();
	REQUIRE(listing);
	CHECK(listing->items.size() == 1);
	CHECK(listing->problems.size() == 1);
	CHECK(std::filesystem::is_directory(file_of(t2) + ".damaged"));
	auto outcome = store.store_discovery(
	    {.source = asked({"192.0.2.9", 3260}), .found = {found(t1, "192.0.2.2")}});
	REQUIRE(outcome);
	CHECK(outcome->problems.empty());
	CHECK(all({.target = t1}).size() == 2);
	CHECK(store.add_nodes({make_node(t2, "192.0.2.1")}));

	/* Nobody writes to a pipe, and nobody is waited for. */
	std::filesystem::remove(file_of(t1));
	REQUIRE(::mkfifo(file_of(t1).c_str(), 0600) == 0);
	listing = store.nodes();
	REQUIRE(listing);
	CHECK(listing->items.size() == 1);
	CHECK(listing->problems.size() == 1);
	CHECK(std::filesystem::is_fifo(file_of(t1) + ".damaged"));
}

TEST_CASE_METHOD(Fixture, "a file that holds another target's records is set aside")
{
	add({make_node(t1, "192.0.2.1")});
	std::filesystem::copy_file(file_of(t1), file_of(t2));
	auto listing = store.nodes();
	REQUIRE(listing);
	CHECK(listing->items.size() == 1);
	REQUIRE(listing->problems.size() == 1);
	CHECK_THAT(listing->problems[0].text, Catch::Contains("of another file"));
	CHECK(std::filesystem::exists(file_of(t2) + ".damaged"));
	CHECK(all().size() == 1);
}

TEST_CASE_METHOD(Fixture, "a discovery record that is damaged is not written over")
{
	const PortalId portal{"192.0.2.9", 3260};
	const auto record = store.new_discovery_record(RecordKind::send_targets, portal);
	REQUIRE(record);
	REQUIRE(store.put_discovery_record(*record));
	const std::string file = store.paths().discovery() + "/192.0.2.9,3260.json";
	std::ofstream(file) << "x";
	auto put = store.put_discovery_record(*record);
	REQUIRE_FALSE(put);
	CHECK(put.error().code == Code::record_failed);
	CHECK(std::filesystem::exists(file + ".damaged"));
	CHECK(store.put_discovery_record(*record));
}

TEST_CASE_METHOD(Fixture, "interfaces that are damaged are not passed over by discovery")
{
	std::filesystem::create_directories(store.paths().ifaces());
	std::ofstream(store.paths().ifaces() + "/eth0.json") << "x";
	auto names = store.ifaces_of_discovery();
	REQUIRE_FALSE(names);
	CHECK(names.error().code == Code::record_failed);
}

TEST_CASE_METHOD(Fixture, "a record that cannot be read for now is no damaged one and stays")
{
	add({make_node(t1, "192.0.2.1")});
	std::filesystem::create_symlink(file_of(t2), file_of(t2)); // a loop: open() fails
	auto listing = store.nodes();
	REQUIRE(listing);
	CHECK(listing->items.size() == 1);
	CHECK(listing->problems.size() == 1);
	CHECK_FALSE(store.add_nodes({make_node(t2, "192.0.2.1")}));
	CHECK(std::filesystem::is_symlink(file_of(t2)));
	CHECK_FALSE(std::filesystem::exists(file_of(t2) + ".damaged"));
}
