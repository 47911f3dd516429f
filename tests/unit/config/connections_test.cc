/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/connections.h"

#include "config/store.h"
#include "scratch.h"

#include <catch2/catch.hpp>

using namespace hawser;
using namespace hawser::config;

namespace
{

struct Fixture {
	Scratch scratch;
	Store store{scratch.paths};
	Node node;

	Fixture()
	{
		node.id = {"iqn.2003-01.org.example:t1", {"192.0.2.1", 3261}, "eth0"};
		set("node.session.nr_connections", "3");
	}
	void set(const std::string &key, const std::string &value)
	{
		REQUIRE(node.settings.set(key, value, store.secrets()));
	}
};

} // namespace

TEST_CASE_METHOD(Fixture, "a further connection is as the first one where nothing else was set")
{
	set("node.conn[1].address", "192.0.2.2");
	set("node.conn[1].role", "standby");
	set("node.conn[2].iface", "eth1");
	set("node.conn[2].port", "3260");
	set("node.conn[2].weight", "7");
	CHECK(connections_of(node) == std::vector<ConnectionRecord>{
					  {Cid(0), {"192.0.2.1", 3261}, "eth0", "active", 0, true},
					  {Cid(1), {"192.0.2.2", 3261}, "eth0", "standby", 0},
					  {Cid(2), {"192.0.2.1", 3260}, "eth1", "active", 7},
				      });
}

TEST_CASE_METHOD(Fixture, "a policy of active connections needs one")
{
	for (const char *cid : {"0", "1", "2"}) {
		CHECK(check_policy(node));
		set(std::string("node.conn[") + cid + "].role", "standby");
	}
	for (const char *policy : {"failover", "round-robin-subset"}) {
		set("node.session.policy", policy);
		auto refused = check_policy(node);
		REQUIRE_FALSE(refused);
		CHECK(refused.error().code == Code::invalid_argument);
		CHECK(refused.error().text ==
		      std::string("node.session.policy: ") + policy +
			  " needs an active connection, and node.conn[0].role, node.conn[1].role, "
			  "node.conn[2].role are standby");
	}
	for (const char *policy : {"round-robin", "weighted", "least-queue", "cpu"}) {
		set("node.session.policy", policy);
		CHECK(check_policy(node));
	}
}

TEST_CASE_METHOD(Fixture, "the roles of connections that the record does not have do not count")
{
	set("node.session.nr_connections", "1");
	set("node.conn[0].role", "standby");
	CHECK_FALSE(check_policy(node));
	set("node.session.nr_connections", "2");
	CHECK(check_policy(node));
}

TEST_CASE_METHOD(Fixture, "a record shows its connections and what was set of others")
{
	const auto shown = [&](const char *name) {
		return is_shown(node.settings, *find_key(RecordKind::node, name));
	};
	CHECK(shown("node.conn[0].weight"));
	CHECK(shown("node.conn[2].address"));
	CHECK_FALSE(shown("node.conn[3].address"));
	set("node.conn[3].role", "standby");
	CHECK(shown("node.conn[3].role"));
	CHECK_FALSE(shown("node.conn[3].address"));
	CHECK(shown("node.session.policy"));
}

TEST_CASE_METHOD(Fixture, "roles that no policy can work with are not stored")
{
	std::vector<std::string> warnings;
	StaticNode given{.id = node.id};
	REQUIRE(store.add_static(given, warnings));
	for (const bool address : {true, false}) {
		NodeFilter filter{.target = node.id.target};
		if (address)
			filter.host = node.id.portal.host;
		auto refused =
		    store.set_values(filter, {{"node.conn[0].role", "standby"}}, warnings);
		REQUIRE_FALSE(refused);
		CHECK(refused.error().text.starts_with("node.session.policy: failover needs"));
		CHECK(store.node(node.id)->settings.get("node.conn[0].role") == "active");
	}
	REQUIRE(store.set_values(
	    {.target = node.id.target},
	    {{"node.conn[0].role", "standby"}, {"node.session.policy", "weighted"}}, warnings));
	CHECK(store.node(node.id)->settings.get("node.conn[0].role") == "standby");
}
