/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Portal hopping: which portals a lost session may come back over, and how it does. */
#include "agent_world.h"
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
	CHECK(target.last_others.empty()); // of the first login the portal was asked for

	target.serves = *parse_host("192.0.2.2", 3260);
	for (int loss = 1; loss <= 2; loss++) {
		lose(*agent);
		REQUIRE(until([&] { return kernel.adoptions == loss; }));
		CHECK(to_string(target.last_portal) == "192.0.2.1:3260");
		REQUIRE(target.last_others.size() == 2);
		CHECK(to_string(target.last_others[0]) == "192.0.2.2:3260");
		CHECK(to_string(target.last_others[1]) == "[2001:db8::1]:3261");
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
