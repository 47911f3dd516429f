/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/settings.h"

#include "base/coding.h"
#include "scratch.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <stdexcept>

using namespace hawser;
using namespace hawser::config;

namespace
{

struct Fixture {
	Scratch scratch;
	SecretBox box{scratch.paths.config_dir, "secret.key"};
	Settings node{RecordKind::node};
};

struct Levels : Fixture {
	std::shared_ptr<Settings> below =
	    std::make_shared<Settings>(RecordKind::node, Level::global);
	std::shared_ptr<Settings> target =
	    std::make_shared<Settings>(RecordKind::node, Level::target);
	std::shared_ptr<Settings> address = std::make_shared<Settings>(RecordKind::node);

	Levels()
	{
		target->set_base(below);
		address->set_base(target);
	}
	void global(const char *key, const char *value) { REQUIRE(below->set(key, value, box)); }
};

} // namespace

TEST_CASE_METHOD(Fixture, "a key that nobody set has the table's value, in its type")
{
	CHECK(node.get("node.startup") == "manual");
	CHECK(node.number("node.session.cmds_max") == 128);
	CHECK(node.number("node.session.xmit_thread_priority") == -20);
	CHECK(node.yes("node.session.iscsi.ImmediateData"));
	CHECK(node.list("node.session.auth.chap_algs") == std::vector<std::string>{"MD5"});
	CHECK(node.secret("node.session.auth.password", box)->empty());
	CHECK_FALSE(node.is_set("node.startup"));
}

TEST_CASE_METHOD(Fixture, "a value that was set is read back, and stays set at the initial one")
{
	REQUIRE(node.set("node.startup", "automatic", box));
	CHECK(node.get("node.startup") == "automatic");
	REQUIRE(node.set("node.startup", "manual", box));
	CHECK(node.is_set("node.startup"));
	CHECK(node.level_of("node.startup") == Level::address);
	node.unset("node.startup");
	CHECK(node.level_of("node.startup") == Level::initial);
}

TEST_CASE_METHOD(Levels, "each key comes from the most specific level that sets it")
{
	global("node.session.queue_depth", "64");
	global("node.startup", "automatic");
	CHECK(address->number("node.session.queue_depth") == 64);
	REQUIRE(target->set("node.session.queue_depth", "16", box));
	REQUIRE(address->set("node.startup", "manual", box));
	CHECK(address->number("node.session.queue_depth") == 16);
	CHECK(address->level_of("node.session.queue_depth") == Level::target);
	CHECK(address->get("node.startup") == "manual");
	CHECK(address->level_of("node.startup") == Level::address);
	CHECK(address->level_of("node.session.cmds_max") == Level::initial);
	CHECK(target->get("node.startup") == "automatic");

	/* What is read through changes with the level below. */
	global("node.session.cmds_max", "256");
	CHECK(address->number("node.session.cmds_max") == 256);
	CHECK(address->to_json() == nlohmann::json{{"node.startup", "manual"}});
}

TEST_CASE_METHOD(Levels, "authentication is one unit of the most specific level with a method")
{
	global("node.session.auth.authmethod", "CHAP");
	global("node.session.auth.username", "everybody");
	global("node.session.auth.password", "of everybody");
	global("node.session.auth.username_in", "storage");
	const auto read = Settings::from_json(
	    RecordKind::node,
	    {{"node.session.auth.authmethod", "CHAP"}, {"node.session.auth.username", "t1"}},
	    Level::target);
	REQUIRE(read);
	*target = *read;
	target->set_base(below);
	CHECK(address->get("node.session.auth.username") == "t1");
	CHECK(address->get("node.session.auth.username_in") == "");
	CHECK_FALSE(address->has_secret("node.session.auth.password"));
	CHECK(address->secret("node.session.auth.password", box)->empty());
	CHECK(address->level_of("node.session.auth.password") == Level::target);

	/* Algorithms are no part of it. */
	global("node.session.auth.chap_algs", "SHA256");
	CHECK(address->get("node.session.auth.chap_algs") == "SHA256");
}

TEST_CASE_METHOD(Levels, "without a method anywhere each key of the unit is read by itself")
{
	global("node.session.auth.username", "everybody");
	CHECK(address->get("node.session.auth.username") == "everybody");
	CHECK(address->get("node.session.auth.authmethod") == "None");
}

TEST_CASE_METHOD(Levels, "a record that changes one key of a unit keeps the others as they were")
{
	global("node.session.auth.authmethod", "CHAP");
	global("node.session.auth.username", "everybody");
	global("node.session.auth.password", "of everybody");
	REQUIRE(address->set("node.session.auth.username", "me", box));
	CHECK(address->get("node.session.auth.authmethod") == "CHAP");
	CHECK(address->get("node.session.auth.username") == "me");
	CHECK(as_text(address->secret("node.session.auth.password", box)->bytes()) ==
	      "of everybody");
	CHECK(address->level_of("node.session.auth.password") == Level::address);
	global("node.session.auth.password", "of somebody else");
	CHECK(as_text(address->secret("node.session.auth.password", box)->bytes()) ==
	      "of everybody");
}

TEST_CASE_METHOD(Levels, "settings are flattened into what is in force")
{
	global("node.startup", "automatic");
	global("node.session.auth.authmethod", "CHAP");
	global("node.session.auth.username", "everybody");
	REQUIRE(target->set("node.session.queue_depth", "16", box));
	Settings command(RecordKind::node, Level::command);
	command.set_base(address);
	REQUIRE(command.set("node.session.auth.authmethod", "None", box));
	const auto flat = command.flattened();
	CHECK_FALSE(flat.base());
	CHECK(flat.to_json() == nlohmann::json{{"node.session.auth.authmethod", "None"},
					       {"node.session.queue_depth", "16"},
					       {"node.startup", "automatic"}});
}

TEST_CASE_METHOD(Fixture, "credentials of an old file had the method None")
{
	const auto old =
	    Settings::from_json(RecordKind::node, {{"node.session.auth.username", "u"}});
	REQUIRE(old);
	CHECK(old->is_set("node.session.auth.authmethod"));
	CHECK(old->get("node.session.auth.authmethod") == "None");
}

TEST_CASE_METHOD(Fixture, "a key that the record does not have is refused by name")
{
	const auto unknown = node.set("node.bogus", "1", box);
	REQUIRE_FALSE(unknown);
	CHECK(unknown.error().code == Code::invalid_argument);
	CHECK(unknown.error().text == "cannot set \"node.bogus\": node records have no such key");
	CHECK_FALSE(node.set("discovery.startup", "manual", box));
	CHECK_THROWS_AS(node.get("node.bogus"), std::out_of_range);
}

TEST_CASE_METHOD(Fixture, "keys that identify the record and the interface's are not set here")
{
	CHECK(node.set("node.name", "iqn.2001-04.com.example:x", box).error().text ==
	      "cannot set node.name: it says which record this is");
	CHECK_FALSE(node.set("node.conn[0].port", "3261", box));
	CHECK(node.set("iface.mtu", "1500", box).error().text.find("-m iface") !=
	      std::string::npos);
}

TEST_CASE_METHOD(Fixture, "a secret is held encrypted and read back in octets")
{
	REQUIRE(node.set("node.session.auth.password", "twelve bytes", box));
	CHECK(node.to_json().dump().find("twelve") == std::string::npos);
	CHECK(as_text(node.secret("node.session.auth.password", box)->bytes()) == "twelve bytes");
	REQUIRE(node.set("node.session.auth.password_in", "0x6162636465666768696a6b6c", box));
	CHECK(as_text(node.secret("node.session.auth.password_in", box)->bytes()) ==
	      "abcdefghijkl");
	REQUIRE(node.set("node.session.auth.password", "", box));
	CHECK_FALSE(node.has_secret("node.session.auth.password"));
}

TEST_CASE_METHOD(Fixture, "settings go to JSON and back")
{
	REQUIRE(node.set("node.startup", "automatic", box));
	REQUIRE(node.set("node.session.auth.authmethod", "CHAP", box));
	REQUIRE(node.set("node.session.auth.password", "twelve bytes", box));
	auto again = Settings::from_json(RecordKind::node, node.to_json());
	REQUIRE(again);
	CHECK(again->to_json() == node.to_json());
	CHECK(as_text(again->secret("node.session.auth.password", box)->bytes()) == "twelve bytes");
}

TEST_CASE("stored values are checked when they are read")
{
	auto read = [](const char *text) {
		return Settings::from_json(RecordKind::node, nlohmann::json::parse(text));
	};
	CHECK_FALSE(read("[]"));
	CHECK_FALSE(read(R"({"node.startup": 1})"));
	CHECK_FALSE(read(R"({"node.startup": "sometimes"})"));
	CHECK_FALSE(read(R"({"node.name": "iqn.2001-04.com.example:x"})"));
	CHECK_FALSE(read(R"({"node.session.auth.password": "in the clear"})"));
	CHECK(read("{}"));
}

TEST_CASE("what a later version stored is kept")
{
	const auto json = nlohmann::json::parse(
	    R"({"node.session.iscsi.ERL": "2", "node.session.policy": "round-robin"})");
	auto settings = Settings::from_json(RecordKind::node, json);
	REQUIRE(settings);
	CHECK(settings->to_json() == json);
}
