/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Portal hopping: which portals a lost session may come back over, and how it does. */
#include "agent_world.h"
#include "base/str.h"
#include "daemon/prepared.h"

using namespace hawser;
using namespace hawser::daemon;

namespace
{

using Portals = std::vector<config::PortalId>;

config::Node way(const std::string &host, int tpgt, const std::string &iface = "default")
{
	config::Node node = a_node();
	node.id.portal.host = host;
	node.id.iface = iface;
	node.tpgt = tpgt;
	return node;
}

std::string host_of(const config::PortalId &portal)
{
	return portal.host;
}

struct Ways {
	Folder folder;
	config::Store store{folder.paths()};
	config::Node node = a_node();

	std::vector<std::string> hosts()
	{
		auto source = links_of(node, store);
		REQUIRE(source);
		std::vector<std::string> found;
		std::transform(source->portals.begin(), source->portals.end(),
			       std::back_inserter(found), host_of);
		return found;
	}
};

struct Hopping : AgentWorld {
	const Portals others = {{"192.0.2.2", 3260}, {"2001:db8::1", 3261}};

	std::shared_ptr<SessionAgent> logged_in()
	{
		portals = others;
		auto agent = started();
		REQUIRE(until([&] { return outcome.has_value(); }));
		REQUIRE(*outcome);
		return agent;
	}

	/* Of the last login: as which connection, over what portal and interface. */
	std::vector<std::string> ways() const
	{
		std::vector<std::string> all;
		for (const Way &way : target.last_ways)
			all.push_back(str(way.login.cid.value, ' ', to_string(way.link.portal), ' ',
					  way.link.iface));
		return all;
	}
};

} // namespace

TEST_CASE_METHOD(Ways, "A session may hop to the records' portals of its group and interface")
{
	auto other_target = way("192.0.2.9", 1);
	other_target.id.target = "iqn.2026-11.example:other";
	REQUIRE(store.add_nodes({node, way("192.0.2.2", 1), way("192.0.2.3", 2),
				 way("192.0.2.4", -1), way("192.0.2.5", 1, "nic1"), other_target}));
	CHECK(hosts() == std::vector<std::string>{"192.0.2.2", "192.0.2.4"});
	node.tpgt = -1; // the login finds out
	CHECK(hosts() == std::vector<std::string>{"192.0.2.2", "192.0.2.3", "192.0.2.4"});
	REQUIRE(node.settings.set("node.session.portal_hopping", "No", store.secrets()));
	CHECK(hosts().empty());
}

TEST_CASE_METHOD(Ways, "An interface that has no record is named with the key that names it")
{
	REQUIRE(store.add_nodes({node}));
	REQUIRE(node.settings.set("node.session.nr_connections", "3", store.secrets()));
	REQUIRE(node.settings.set("node.conn[2].iface", "nic9", store.secrets()));
	const auto source = links_of(node, store);
	REQUIRE_FALSE(source);
	CHECK(source.error().code == Code::nothing_found);
	CHECK(source.error().text == "node.conn[2].iface: there is no interface record \"nic9\"");
}

TEST_CASE_METHOD(Ways, "Of many portals no more than can be tried in good time are taken")
{
	std::vector<config::Node> many;
	for (unsigned n = 2; n < 40; n++)
		many.push_back(way("192.0.2." + std::to_string(n), 1));
	REQUIRE(store.add_nodes(many));
	CHECK(hosts().size() == max_hops);
}

TEST_CASE_METHOD(Hopping,
		 "A lost session is looked for at its own portal first, then at the others")
{
	auto agent = logged_in();
	CHECK(target.last_ways.size() == 1); // of the first login the portal was asked for

	target.serves = *parse_host("192.0.2.2", 3260);
	for (int loss = 1; loss <= 2; loss++) {
		lose(*agent);
		REQUIRE(until([&] { return kernel.adoptions == loss; }));
		CHECK(ways() == std::vector<std::string>{"0 192.0.2.1:3260 default",
							 "0 192.0.2.2:3260 default",
							 "0 [2001:db8::1]:3261 default"});
		CHECK_FALSE(target.last_ways[0].hop);
		CHECK(target.last_ways[1].hop);
		// It is the record's session all the same, and its disks keep their names.
		CHECK(kernel.handed_over.back().persistent_address == "192.0.2.1");
		CHECK(agent->plan().node.id.portal.host == "192.0.2.1");
	}
	REQUIRE(until([&] { return lines_with("over portal 192.0.2.2:3260") == 2; }));

	target.serves.reset();
	lose(*agent);
	REQUIRE(until([&] { return kernel.adoptions == 3; }));
	idle();
	CHECK(lines_with("over portal") == 2);
}

TEST_CASE_METHOD(Hopping,
		 "The portals and interfaces of all connections are ways to come back over")
{
	set("node.session.nr_connections", "4");
	set("node.conn[1].address", "192.0.2.2");
	set("node.conn[2].address", "192.0.2.2"); // no way of its own
	set("node.conn[3].iface", "nic1");
	config::Iface nic1{"nic1", config::Settings(config::RecordKind::iface)};
	REQUIRE(nic1.settings.set("iface.net_ifacename", "eth1", store.secrets()));
	ifaces = {nic1};
	auto agent = logged_in();
	REQUIRE(until([&] { return kernel.count_up(Sid(1)) == 4; }));

	target.never[Cid(0)] = target.never[Cid(1)] = FakeTarget::failure("no route", true);
	lose(*agent);
	REQUIRE(until([&] { return kernel.adoptions == 1; }, 900ms)); // without a pause
	const auto lost = kernel.handed_over.size();
	CHECK(kernel.handed_over[lost - 1].cid == Cid(3));
	CHECK(kernel.reserved.empty());
	target.never.clear();
	REQUIRE(until([&] { return kernel.count_up(Sid(1)) == 4; }, 10s));

	// The record's own portal first; portals that records have last, as connection 0.
	target.failures.push_back(FakeTarget::failure("no route", true));
	lose(*agent);
	REQUIRE(until([&] { return agent->attempts() == 1; }));
	CHECK(ways() ==
	      std::vector<std::string>{"0 192.0.2.1:3260 default", "1 192.0.2.2:3260 default",
				       "3 192.0.2.1:3260 nic1", "0 [2001:db8::1]:3261 default"});
	CHECK(target.last_ways[0].link.binding.device.empty());
	CHECK(target.last_ways[2].link.binding.device == "eth1");
	CHECK(kernel.reserved.empty());
}

TEST_CASE_METHOD(Hopping, "Without hopping a session comes back over its connections' own portals")
{
	set("node.session.nr_connections", "2");
	set("node.conn[1].address", "192.0.2.2");
	auto agent = started();
	REQUIRE(until([&] { return outcome && kernel.count_up(Sid(1)) == 2; }));
	lose(*agent);
	REQUIRE(until([&] { return kernel.adoptions == 1; }));
	CHECK(kernel.handed_over.back().cid == Cid(0));
	target.failures.push_back(FakeTarget::failure("no route", true));
	lose(*agent);
	REQUIRE(until([&] { return agent->attempts() == 1; }));
	CHECK(ways() ==
	      std::vector<std::string>{"0 192.0.2.1:3260 default", "1 192.0.2.2:3260 default"});
}

TEST_CASE_METHOD(Hopping, "A target that has moved is followed by the connection that led there")
{
	set("node.session.nr_connections", "2");
	set("node.conn[1].address", "192.0.2.2");
	auto agent = started();
	REQUIRE(until([&] { return outcome && kernel.count_up(Sid(1)) == 2; }));
	target.never[Cid(0)] = FakeTarget::failure("no route", true);
	target.moved_to = *parse_host("192.0.2.9", 3260);
	lose(*agent);
	REQUIRE(until([&] { return kernel.adoptions == 1; }));
	CHECK(agent->plan().links[0].portal.host == "192.0.2.1");
	CHECK(agent->plan().links[1].portal.host == "192.0.2.9");
	CHECK(agent->plan().node.id.portal.host == "192.0.2.1");
	CHECK(lines_with("over portal 192.0.2.9:3260") == 1);
}

TEST_CASE_METHOD(Hopping, "A portal of another group does not bring the session back")
{
	auto agent = logged_in();
	target.serves = *parse_host("192.0.2.2", 3260);
	target.tpgt = Tpgt(2);
	lose(*agent);
	REQUIRE(until([&] { return target.logins >= 2; }));
	idle();
	CHECK(kernel.adoptions == 0);
	CHECK(lines_with("another portal group") >= 1);
}

TEST_CASE_METHOD(Hopping, "The portals are saved with the session, and damage to them is told")
{
	auto agent = logged_in();
	auto session = saved.load(std::string(as_text(kernel.live.at(Sid(1)).identity.owner_key)));
	REQUIRE(session);
	REQUIRE(*session);
	CHECK((*session)->portals == others);

	const auto text = saved_to_text(**session);
	for (const auto &[good, bad] : {std::pair{"192.0.2.2", "a b"}, std::pair{"3261}", "70000}"},
					std::pair{"\"portals\":[", "\"portals\":[1,"},
					std::pair{"\"portals\":[", "\"portals\":1,\"x\":["}}) {
		auto damaged = text;
		INFO(bad);
		REQUIRE(damaged.find(good) != std::string::npos);
		damaged.replace(damaged.find(good), std::string_view(good).size(), bad);
		CHECK_FALSE(saved_from_text("k", damaged));
	}
	// An older daemon's file has none.
	auto old = text;
	old.replace(old.find("\"portals\""), 9, "\"further\"");
	REQUIRE(saved_from_text("k", old));
	CHECK(saved_from_text("k", old)->portals.empty());
}
