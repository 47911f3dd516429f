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

TEST_CASE_METHOD(Fixture, "a value that was set is read back, and the initial one unsets it")
{
	REQUIRE(node.set("node.startup", "automatic", box));
	CHECK(node.get("node.startup") == "automatic");
	REQUIRE(node.set("node.startup", "manual", box));
	CHECK_FALSE(node.is_set("node.startup"));
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
	CHECK_FALSE(node.is_set("node.session.auth.password"));
}

TEST_CASE_METHOD(Fixture, "settings go to JSON and back")
{
	REQUIRE(node.set("node.startup", "automatic", box));
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

TEST_CASE_METHOD(Fixture, "merging takes over what the other has set and leaves the rest")
{
	Settings over{RecordKind::node};
	REQUIRE(node.set("node.startup", "automatic", box));
	REQUIRE(node.set("node.session.queue_depth", "64", box));
	REQUIRE(over.set("node.session.queue_depth", "16", box));
	node.merge(over);
	CHECK(node.get("node.startup") == "automatic");
	CHECK(node.number("node.session.queue_depth") == 16);
}
