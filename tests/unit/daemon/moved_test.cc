/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "world.h"

using namespace hawser;
using namespace hawser::daemon;
using namespace std::chrono_literals;

namespace
{

/* A target that has moved for good from the record's portal to here. */
const Address new_address{Address::Kind::ipv4, "192.0.2.9", 3261};
const config::PortalId new_portal{"192.0.2.9", 3261};

struct Moving : World {
	/* The connection of session 1 is lost, and the module says so. */
	void lose()
	{
		kernel.live.at(Sid(1)).state = kernel::SessionState::failed;
		sessions.on_event(
		    {1, Sid(1), kernel::ConnectionLost{Cid(0), kernel::Loss::closed, 0}});
	}
	std::string saved_portal()
	{
		auto read =
		    saved.load(std::string(as_text(kernel.live.at(Sid(1)).identity.owner_key)));
		REQUIRE(read);
		REQUIRE(*read);
		return config::to_string((*read)->node.id.portal);
	}
	bool told(std::string_view text)
	{
		return std::any_of(sink->lines.begin(), sink->lines.end(), [&](const auto &line) {
			return line.find(text) != std::string::npos;
		});
	}
};

} // namespace

TEST_CASE_METHOD(Moving, "A target that has moved for good has its record and its session there")
{
	auto node = a_node();
	REQUIRE(node.settings.set("node.session.cmds_max", "64", store.secrets()));
	node = stored(node);
	target.moved_to = new_address;
	target.tpgt = Tpgt(7);
	log_in(node);

	REQUIRE_FALSE(store.node(node.id));
	auto moved = store.node({node.id.target, new_portal, node.id.iface});
	REQUIRE(moved);
	CHECK(moved->isids == node.isids);
	CHECK(moved->settings.get("node.session.cmds_max") == "64");
	CHECK(moved->tpgt == 7);
	// A reboot finds the same names: they are those of the record as it is now.
	CHECK(kernel.handed_over[0].persistent_address == new_portal.host);
	CHECK(kernel.handed_over[0].persistent_port == new_portal.port);
	CHECK(saved_portal() == "192.0.2.9:3261");
	CHECK(sessions.find(moved->id).size() == 1);

	target.moved_to.reset();
	lose();
	REQUIRE(until([&] { return kernel.adoptions == 1; }));
	CHECK(target.last_portal == new_address);
}

TEST_CASE_METHOD(Moving, "A session that moves keeps its disks' names, and its record follows")
{
	auto node = a_node();
	REQUIRE(node.settings.set("node.session.nr_sessions", "2", store.secrets()));
	node = stored(node);
	REQUIRE(log_in(node) == 2);
	target.moved_to = new_address;
	lose();
	const config::NodeId there{node.id.target, new_portal, node.id.iface};
	REQUIRE(until([&] { return sessions.find(there).size() == 2; }));

	CHECK(store.node(there));
	CHECK_FALSE(store.node(node.id));
	CHECK(kernel.handed_over.back().persistent_address == node.id.portal.host);
	CHECK(saved_portal() == "192.0.2.9:3261");
	CHECK(told("by-path has it with the next session"));

	// The next daemon goes on there, and the names still stay.
	target.moved_to.reset();
	Sessions next{around()};
	next.take_over();
	auto agent = next.find(Sid(1));
	REQUIRE(agent);
	CHECK(agent->plan().links.front().portal == new_address);
	CHECK(agent->plan().persistent_portal == node.id.portal);
}

TEST_CASE_METHOD(Moving, "A record that is at the new address already takes the session over")
{
	const auto node = stored(a_node());
	auto other = a_node();
	other.id.portal = new_portal;
	other = stored(other);
	target.moved_to = new_address;
	log_in(node);

	CHECK_FALSE(store.node(node.id));
	CHECK(store.node(other.id)->isids == std::vector<Isid>{other.isids[0], node.isids[0]});
	CHECK(sessions.find(other.id).size() == 1);
	CHECK(kernel.handed_over[0].persistent_address == new_portal.host);
}

TEST_CASE_METHOD(Moving, "A record that cannot be moved costs the session nothing")
{
	const auto node = stored(a_node());
	REQUIRE(store.remove_nodes({}));
	target.moved_to = new_address;
	log_in(node);

	CHECK(told("the record keeps its address: there is no record"));
	CHECK(kernel.handed_over[0].persistent_address == node.id.portal.host);
	CHECK(sessions.find(node.id).size() == 1);
	CHECK(target.last_portal.host == node.id.portal.host);
	lose();
	REQUIRE(until([&] { return target.logins == 2; }));
	CHECK(target.last_portal == new_address);
}
