/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/strands.h"

#include "agent_world.h"
#include "daemon/connection_commands.h"

using namespace hawser;
using namespace hawser::daemon;

namespace
{

struct World : AgentWorld {
	std::optional<Joined> joined;

	/* A session of that many connections, all of them up. */
	std::shared_ptr<SessionAgent> with_connections(int count)
	{
		set("node.session.nr_connections", std::to_string(count).c_str());
		auto agent = started();
		REQUIRE(until([&] { return kernel.live.contains(Sid(1)) && up() == count; }));
		REQUIRE(until([&] { return outcome.has_value(); }));
		return agent;
	}

	int up() { return kernel.count_up(Sid(1)); }

	/* One connection is lost, and others are up. */
	void lose_one(SessionAgent &agent, Cid cid)
	{
		kernel.connection_of(Sid(1), cid).state = kernel::ConnectionState::free;
		agent.on_event({1, Sid(1), kernel::ConnectionLost{cid, kernel::Loss::closed, 0}});
	}

	void add(SessionAgent &agent, const char *host)
	{
		config::Iface iface{"default", config::Settings(config::RecordKind::iface)};
		joined.reset();
		agent.strands().add({{host, 3260}, iface},
				    [this](const Joined &how) { joined = how; });
	}

	SavedSession kept()
	{
		auto loaded =
		    saved.load(std::string(as_text(kernel.live.at(Sid(1)).identity.owner_key)));
		REQUIRE(loaded);
		REQUIRE(*loaded);
		return **loaded;
	}

	std::vector<Cid> kept_cids()
	{
		std::vector<Cid> cids;
		for (const auto &connection : kept().connections)
			cids.push_back(connection.cid);
		return cids;
	}

	Strand::State state_of(SessionAgent &agent, Cid cid)
	{
		return agent.strands().all().at(cid)->state();
	}
};

} // namespace

TEST_CASE_METHOD(World, "Further connections join the session that the leading login has made")
{
	set("node.conn[1].address", "192.0.2.2");
	set("node.conn[1].role", "standby");
	set("node.conn[2].weight", "5");
	auto agent = with_connections(3);

	CHECK(target.asked[Cid(0)] == std::vector{Tsih(0)});
	CHECK(target.asked[Cid(1)] == std::vector{Tsih(1)});
	CHECK(target.asked[Cid(2)] == std::vector{Tsih(1)});
	CHECK(target.last_login.cmd_sn == CmdSn(70));
	CHECK(kernel.live.at(Sid(1)).parameters.max_connections == 3);
	CHECK(kernel.connection_of(Sid(1), Cid(1)).role == kernel::Role::standby);
	CHECK(kernel.connection_of(Sid(1), Cid(2)).weight == 5);
	// All bear the record's portal, which names the disks.
	for (const auto &connection : kernel.handed_over)
		CHECK(connection.persistent_address == "192.0.2.1");
	CHECK(kernel.reservations == 0);
	// What the last login was told of the command window is told on.
	CHECK(kernel.window == std::pair(CmdSn(70), CmdSn(102)));
}

TEST_CASE_METHOD(World, "A target without MC/S is told of once, and nothing is tried")
{
	target.max_connections = 1;
	set("node.session.nr_connections", "4");
	auto agent = started();
	REQUIRE(until([&] { return outcome.has_value(); }));
	lose(*agent);
	REQUIRE(until([&] { return kernel.adoptions == 1; }));
	idle();
	CHECK(kernel.joins == 0);
	CHECK(lines_with("the target iqn.2026-11.example:t allows 1 connection in a session "
			 "(MaxConnections), not 4") == 1);
	CHECK(state_of(*agent, Cid(0)) == Strand::State::up);
	CHECK(state_of(*agent, Cid(3)) == Strand::State::off);
}

TEST_CASE_METHOD(World, "Of more connections than the target allows the first ones are made")
{
	target.max_connections = 2;
	set("node.session.nr_connections", "4");
	auto agent = started();
	REQUIRE(until([&] { return outcome.has_value() && up() == 2; }));
	idle();
	CHECK(kernel.is_up(Sid(1), Cid(1)));
	CHECK(kernel.joins == 1);
}

TEST_CASE_METHOD(World, "A connection that is lost while another is up joins again by itself")
{
	auto agent = with_connections(3);
	for (const Cid cid : {Cid(1), Cid(0)}) {
		lose_one(*agent, cid);
		CHECK(agent->state() == SessionAgent::State::logged_in);
		REQUIRE(until([&] { return up() == 3; }));
		CHECK(target.asked[cid].back() == Tsih(1));
	}
	CHECK(kernel.reservations == 0);
	CHECK(kernel.adoptions == 0);
}

TEST_CASE_METHOD(World, "A session that lost all its connections is reinstated, then joined again")
{
	auto agent = with_connections(3);
	lose(*agent);
	REQUIRE(until([&] { return kernel.adoptions == 1 && up() == 3; }));
	CHECK(kernel.reservations == 1);
	CHECK(target.asked[Cid(0)].back() == Tsih(0));
	const Tsih tsih = kernel.live.at(Sid(1)).parameters.tsih;
	CHECK(target.asked[Cid(1)] == std::vector{Tsih(1), tsih});
	CHECK(target.asked[Cid(2)] == std::vector{Tsih(1), tsih});
}

TEST_CASE_METHOD(World, "While the module deals with what was lost, a connection waits")
{
	auto agent = with_connections(2);
	kernel.refuse_join = {EBUSY, EBUSY};
	lose_one(*agent, Cid(1));
	REQUIRE(until([&] { return up() == 2; }));
	CHECK(lines_with("cannot join") == 0);
}

TEST_CASE_METHOD(World, "A session that is found without a connection is reinstated")
{
	auto agent = with_connections(2);
	// All were lost, and the event of one loss is all that came.
	auto &session = kernel.live.at(Sid(1));
	session.state = kernel::SessionState::failed;
	for (auto &connection : session.connections)
		connection.state = kernel::ConnectionState::free;
	agent->on_event({1, Sid(1), kernel::ConnectionLost{Cid(1), kernel::Loss::closed, 0}});
	CHECK(until([&] { return kernel.adoptions == 1 && up() == 2; }));
}

TEST_CASE_METHOD(World, "A login that fails is tried again, and told of once")
{
	set("node.session.nr_connections", "2");
	auto agent = started();
	REQUIRE(until([&] { return outcome.has_value(); }));
	REQUIRE(until([&] { return up() == 2; }));
	for (int i = 0; i < 2; i++)
		target.failures.push_back(FakeTarget::failure("no route", true));
	lose_one(*agent, Cid(1));
	REQUIRE(until([&] { return agent->strands().all().at(Cid(1))->attempts() == 1; }));
	CHECK(state_of(*agent, Cid(1)) == Strand::State::joining);
	CHECK(agent->state() == SessionAgent::State::logged_in);
	REQUIRE(until([&] { return up() == 2; }, 10s));
	CHECK(lines_with("cannot join: no route") == 1);
	CHECK(lines_with("failed logins: 2") == 1);
}

TEST_CASE_METHOD(World, "A target that denies the session twice is left with all connections")
{
	auto agent = with_connections(3);
	auto denial = FakeTarget::failure("session does not exist", false);
	denial.status = {0x02, 0x0a};
	const auto attempts = [&] { return agent->strands().all().at(Cid(1))->attempts(); };

	// Once, it may only be about to close the others as well.
	target.failures = {denial, FakeTarget::failure("no route", true), denial};
	lose_one(*agent, Cid(1));
	REQUIRE(until([&] { return attempts() == 3; }, 20s));
	CHECK(kernel.dropped.empty());
	REQUIRE(until([&] { return up() == 3; }, 20s));

	target.failures = {denial, denial};
	lose_one(*agent, Cid(1));
	REQUIRE(until([&] { return !kernel.dropped.empty(); }, 20s));
	CHECK(kernel.dropped == std::vector{Cid(0), Cid(2)});
	CHECK(lines_with("says that the session does not exist") == 1);
}

TEST_CASE_METHOD(World,
		 "A portal that never had the session does not cost it, however it is denied there")
{
	auto denial = FakeTarget::failure("session does not exist", false);
	denial.status = {0x02, 0x0a};
	target.never[Cid(1)] = denial;
	set("node.session.nr_connections", "2");
	auto agent = started();
	const auto attempts = [&] {
		return outcome ? agent->strands().all().at(Cid(1))->attempts() : 0;
	};
	REQUIRE(until([&] { return attempts() == Strand::denials_max + 1; }, 20s));
	CHECK(kernel.dropped.empty());
	CHECK(up() == 1);

	// Nor after the session was lost for another reason.
	lose(*agent);
	REQUIRE(until([&] { return kernel.adoptions == 1; }));
	const auto before = target.asked[Cid(1)].size();
	REQUIRE(
	    until([&] { return target.asked[Cid(1)].size() > before + Strand::denials_max; }, 40s));
	CHECK(kernel.dropped.empty());
}

TEST_CASE_METHOD(World, "A lost session is led back by whichever connection reaches the target")
{
	set("node.conn[1].address", "192.0.2.2");
	set("node.conn[2].address", "192.0.2.3");
	auto agent = with_connections(3);
	target.never[Cid(0)] = FakeTarget::failure("no route", true); // its cable was pulled
	target.never[Cid(1)] = FakeTarget::failure("no route", true);
	lose(*agent);
	REQUIRE(until([&] { return kernel.adoptions == 1; }, 900ms)); // no pause
	CHECK(kernel.handed_over.back().cid == Cid(2));
	CHECK(agent->attempts() == 0);
	CHECK(target.asked[Cid(0)].size() == 2);

	target.never.clear();
	CHECK(until([&] { return up() == 3; }, 20s));
}

TEST_CASE_METHOD(World,
		 "A session that is lost again and again without having been of use is paced")
{
	auto agent = started();
	REQUIRE(until([&] { return outcome.has_value(); }));
	const int free = SessionAgent::fruitless_free;
	const auto began = Clock::now();
	/* 100, 200, 400 and 800 ms */
	for (int i = 1; i <= free + 4; i++) {
		lose(*agent);
		REQUIRE(until([&] { return kernel.adoptions == i; }, 10s));
	}
	CHECK(Clock::now() - began >= 15 * SessionAgent::fruitless_pause);
	kernel.completions++;
	const auto before = Clock::now();
	lose(*agent);
	REQUIRE(until([&] { return kernel.adoptions == free + 5; }));
	CHECK(Clock::now() - before < 8 * SessionAgent::fruitless_pause);
}

TEST_CASE_METHOD(World, "A target that drops each connection that joins is not asked at full speed")
{
	auto agent = with_connections(2);
	const auto began = Clock::now();
	/* 100, 200, 400 and 800 ms */
	for (unsigned n = 0; n < Strand::short_lives_free + 4; n++) {
		lose_one(*agent, Cid(1));
		REQUIRE(until([&] { return up() == 2; }, 10s));
	}
	CHECK(Clock::now() - began >= 15 * Strand::short_life_pause);
}

TEST_CASE_METHOD(World, "A long life ends the pause of a connection, whoever brought it back")
{
	set("node.conn[1].address", "192.0.2.2");
	auto agent = with_connections(2);
	for (unsigned n = 0; n < Strand::short_lives_free + 4; n++) {
		lose_one(*agent, Cid(1));
		REQUIRE(until([&] { return up() == 2; }, 10s));
	}
	lose_one(*agent, Cid(1)); // 1.6 s
	target.never[Cid(0)] = FakeTarget::failure("no route", true);
	kernel.completions++;
	lose(*agent); // it leads the session back
	REQUIRE(until([&] { return kernel.adoptions == 1; }));
	target.never.clear();
	REQUIRE(until([&] { return up() == 2; }, 10s));
	until([] { return false; }, 1100ms); // a long life
	const auto before = Clock::now();
	lose_one(*agent, Cid(1));
	REQUIRE(until([&] { return up() == 2; }, 10s));
	CHECK(Clock::now() - before < 300ms);
}

TEST_CASE_METHOD(World, "The pause of a connection does not begin anew with its session")
{
	auto agent = with_connections(2);
	for (unsigned n = 0; n < Strand::short_lives_free + 3; n++) {
		lose_one(*agent, Cid(1));
		REQUIRE(until([&] { return up() == 2; }, 10s));
	}
	lose_one(*agent, Cid(1)); // 800 ms
	const auto began = Clock::now();
	for (int adoptions = 1; Clock::now() - began < 8 * Strand::short_life_pause; adoptions++) {
		kernel.completions++;
		lose(*agent);
		REQUIRE(until([&] { return kernel.adoptions == adoptions; }));
		CHECK(up() == 1);
		until([] { return false; }, 100ms);
	}
	CHECK(until([&] { return up() == 2; }, 1s));
}

TEST_CASE_METHOD(World, "What a login throws is a failure that passes")
{
	auto agent = with_connections(2);
	target.throws = true;
	lose_one(*agent, Cid(1));
	REQUIRE(until([&] { return up() == 2; }, 10s));
	CHECK(lines_with("thrown in a login") == 1);
	target.throws = true;
	lose(*agent);
	REQUIRE(until([&] { return kernel.adoptions == 1; }, 10s));
	CHECK(lines_with("thrown in a login") == 2);
}

TEST_CASE_METHOD(World, "What has no room in the session is told once and not tried")
{
	auto agent = with_connections(2);
	kernel.refuse_join = {ENOSPC};
	const int before = kernel.joins;
	lose_one(*agent, Cid(1));
	REQUIRE(until([&] { return state_of(*agent, Cid(1)) == Strand::State::off; }));
	idle();
	CHECK(kernel.joins == before + 1);
	CHECK(lines_with("cannot join") == 1);
}

TEST_CASE_METHOD(World, "A connection to another portal group is not handed over")
{
	set("node.session.nr_connections", "2");
	target.elsewhere[Cid(1)] = Tpgt(2);
	auto agent = started();
	REQUIRE(until([&] { return outcome.has_value(); }));
	REQUIRE(until([&] { return agent->strands().all().at(Cid(1))->attempts() > 0; }));
	CHECK(up() == 1);
	CHECK(kernel.reserved.empty());
	CHECK(lines_with("portal group 2") == 1);
}

TEST_CASE_METHOD(World, "A connection is added with its role, weight and digests, and keeps them")
{
	set("node.session.iscsi.MaxConnections", "4");
	auto agent = with_connections(1);
	Addition standby{{"192.0.2.3", 3260},
			 {"default", config::Settings(config::RecordKind::iface)},
			 kernel::Role::standby,
			 7,
			 "CRC32C",
			 ""};
	agent->strands().add(standby, [this](const Joined &how) { joined = how; });
	REQUIRE(until([&] { return joined.has_value(); }));
	REQUIRE(*joined);
	const auto &added = kernel.connection_of(Sid(1), Cid(1));
	CHECK(added.role == kernel::Role::standby);
	CHECK(added.weight == 7);
	const auto connections = kept().connections;
	REQUIRE(connections.size() == 2);
	CHECK(connections[1].role == "standby");
	CHECK(connections[1].weight == 7);
	CHECK(connections[1].header_digest == "CRC32C");
	CHECK(connections[1].data_digest.empty());
	const auto &offer = target.last_login.offer;
	CHECK(offer.header_digest == std::vector{Digest::crc32c});
	CHECK(offer.data_digest == agent->plan().login.offer.data_digest);
}

TEST_CASE_METHOD(World, "A connection that was added has the lowest CID that is free, and is kept")
{
	set("node.session.iscsi.MaxConnections", "4");
	auto agent = with_connections(2);
	add(*agent, "192.0.2.9");
	REQUIRE(until([&] { return joined.has_value(); }));
	REQUIRE(*joined);
	CHECK(**joined == Cid(2));
	CHECK(target.last_portal.host == "192.0.2.9");
	CHECK(kept_cids() == std::vector{Cid(0), Cid(1), Cid(2)});
	CHECK(kept().connections.back().portal.host == "192.0.2.9");

	// It is lost: it joins again where it was.
	lose_one(*agent, Cid(2));
	REQUIRE(until([&] { return up() == 3; }));
	CHECK(target.last_portal.host == "192.0.2.9");
}

TEST_CASE_METHOD(World, "A connection that cannot be added is refused by name and given up")
{
	auto agent = with_connections(1);
	add(*agent, "192.0.2.9");
	REQUIRE(joined);
	REQUIRE_FALSE(*joined);
	CHECK(joined->error().error.code == Code::not_supported);
	CHECK_THAT(joined->error().error.text,
		   Catch::Contains("it may have 1 connection (MaxConnections): no more were asked "
				   "for at its login (node.session.iscsi.MaxConnections)"));
	CHECK(target.logins == 1);
}

TEST_CASE_METHOD(World, "A connection whose first login fails is given up")
{
	set("node.session.iscsi.MaxConnections", "4");
	auto agent = with_connections(1);
	target.failures.push_back(FakeTarget::failure("no route", true));
	add(*agent, "192.0.2.9");
	REQUIRE(until([&] { return joined.has_value(); }));
	REQUIRE_FALSE(*joined);
	CHECK(joined->error().error.text == "no route");
	idle();
	CHECK(agent->plan().links.size() == 1);
	CHECK(kept_cids() == std::vector{Cid(0)});
	CHECK(kernel.reserved.empty());
}

TEST_CASE_METHOD(World, "A connection that was taken out stays out, the first one too")
{
	auto agent = with_connections(3);
	auto begun = agent->strands().remove(Cid(0));
	REQUIRE(begun);
	CHECK(*begun);
	CHECK(kept_cids() == std::vector{Cid(1), Cid(2)});
	CHECK(state_of(*agent, Cid(0)) == Strand::State::leaving);
	agent->on_event({1, Sid(1), kernel::ConnectionRemoved{Cid(0)}});
	idle();
	CHECK(up() == 2);

	// One that the session had reinstates it.
	lose(*agent);
	REQUIRE(until([&] { return kernel.adoptions == 1 && up() == 2; }));
	CHECK(target.asked[Cid(0)].size() == 1);
	CHECK(target.asked[Cid(1)].back() == Tsih(0));

	add(*agent, "192.0.2.9");
	REQUIRE(until([&] { return joined.has_value(); }));
	REQUIRE(*joined);
	CHECK(**joined == Cid(0));
	// It does not become the record's by its CID, for a later daemon either.
	CHECK_FALSE(kept().connections[0].of_record);
	CHECK(kept().connections[1].of_record);
}

TEST_CASE_METHOD(World, "A daemon that was started again has policy, role and weight of the module")
{
	auto first = with_connections(2);
	const auto last = kept(); // and then it was killed, with these changes made
	REQUIRE(kernel.change(
	    Sid(1), {kernel::Policy::weighted,
		     kernel::SessionChange::Connection{Cid(1), kernel::Role::standby, 7}}));

	auto second = make_agent();
	second->take_over(kernel.live.at(Sid(1)), last.key);
	CHECK(second->plan().settings.policy == kernel::Policy::weighted);
	CHECK(second->plan().links[1].role == kernel::Role::standby);
	CHECK(second->plan().links[1].weight == 7);
	REQUIRE(second->strands().change({{}, kernel::SessionChange::Connection{Cid(0), {}, 3}}));
	CHECK(kept().node.settings.get("node.session.policy") == "weighted");
	CHECK(kept().connections[1].role == "standby");
	lose_one(*second, Cid(1));
	REQUIRE(until([&] { return up() == 2; }));
	CHECK(kernel.handed_over.back().weight == 7);
}

TEST_CASE_METHOD(World, "A connection that is added is saved before the module has it")
{
	set("node.session.iscsi.MaxConnections", "4");
	auto agent = with_connections(1);
	std::vector<Cid> before;
	kernel.on_adopt = [&] { before = kept_cids(); };
	kernel.refuse_adopt = ENOMEM;
	add(*agent, "192.0.2.9");
	REQUIRE(until([&] { return joined.has_value(); }));
	CHECK_FALSE(*joined);
	CHECK(before == std::vector{Cid(0), Cid(1)});
	CHECK(kept_cids() == std::vector{Cid(0)});
}

TEST_CASE_METHOD(World, "A connection that is still being added is not saved with another change")
{
	set("node.session.iscsi.MaxConnections", "4");
	auto agent = with_connections(1);
	target.silent = true;
	add(*agent, "192.0.2.9");
	REQUIRE(until([&] { return target.last_portal.host == "192.0.2.9"; }));
	REQUIRE(agent->change({kernel::Policy::weighted, {}}));
	// A daemon that is killed now leaves nothing behind that is tried for ever.
	CHECK(kept_cids() == std::vector{Cid(0)});
	CHECK(kept().node.settings.get("node.session.policy") == "weighted");
}

TEST_CASE_METHOD(World, "What a killed daemon was taking out stays out, and has its CID until then")
{
	set("node.session.iscsi.MaxConnections", "4");
	auto first = with_connections(2);
	REQUIRE(first->strands().remove(Cid(1)));
	auto &info = kernel.live.at(Sid(1));
	kernel.connection_of(Sid(1), Cid(1)).state = kernel::ConnectionState::in_logout;
	const auto last = kept();

	set("node.session.nr_connections", "1"); // as it was saved
	auto second = make_agent();
	second->take_over(info, last.key);
	idle();
	CHECK(state_of(*second, Cid(1)) == Strand::State::leaving);
	CHECK(kept_cids() == std::vector{Cid(0)});
	add(*second, "192.0.2.9");
	REQUIRE(until([&] { return joined.has_value(); }));
	REQUIRE(*joined);
	CHECK(**joined == Cid(2));

	// Its end is told, or is not.
	std::erase_if(info.connections, [](const auto &one) { return one.cid == Cid(1); });
	SECTION("by an event")
	second->on_event({1, Sid(1), kernel::ConnectionRemoved{Cid(1)}});
	SECTION("by a dump")
	second->on_dump(&info);
	idle();
	CHECK_FALSE(second->strands().all().contains(Cid(1)));
	CHECK(target.asked[Cid(1)].size() == 1);
}

TEST_CASE_METHOD(World, "The end of a connection is not that of a younger one with its CID")
{
	set("node.session.iscsi.MaxConnections", "4");
	auto agent = with_connections(2);
	target.silent = true;
	add(*agent, "192.0.2.8");
	const auto old_strand = agent->strands().all().at(Cid(2));
	REQUIRE(until([&] { return target.last_portal.host == "192.0.2.8"; }));
	auto removed = agent->strands().remove(Cid(2));
	REQUIRE(removed);
	CHECK_FALSE(*removed); // the module has none
	agent->on_event({1, Sid(1), kernel::ConnectionRemoved{Cid(2)}});
	target.silent = false;
	std::optional<Joined> younger;
	agent->strands().add(
	    {{"192.0.2.9", 3260}, {"default", config::Settings(config::RecordKind::iface)}},
	    [&](const Joined &how) { younger = how; });
	REQUIRE(until([&] { return joined && younger; })); // the older one has ended, too
	REQUIRE_FALSE(*joined);
	CHECK_THAT(joined->error().error.text, Catch::Contains("taken out"));
	REQUIRE(*younger);
	CHECK(agent->strands().all().at(Cid(2)) != old_strand);
	CHECK(agent->plan().links.back().portal.host == "192.0.2.9");

	// News of the older one that come late.
	agent->on_event({1, Sid(1), kernel::ConnectionRemoved{Cid(2)}});
	idle();
	CHECK(agent->strands().all().contains(Cid(2)));
}

TEST_CASE_METHOD(World, "The last connection that is up is not taken out")
{
	auto agent = with_connections(2);
	kernel.refuse_join = {ENOSPC};
	lose_one(*agent, Cid(1));
	REQUIRE(until([&] { return state_of(*agent, Cid(1)) == Strand::State::off; }));
	auto refused = agent->strands().remove(Cid(0));
	REQUIRE_FALSE(refused);
	CHECK(refused.error().code == Code::busy);
	CHECK(agent->strands().remove(Cid(1)));
	auto unknown = agent->strands().remove(Cid(7));
	REQUIRE_FALSE(unknown);
	CHECK(unknown.error().code == Code::nothing_found);
}

TEST_CASE_METHOD(World, "None is taken out of a session without a connection, and it says so")
{
	auto agent = with_connections(2);
	target.silent = true;
	lose(*agent);
	auto refused = agent->strands().remove(Cid(1));
	REQUIRE_FALSE(refused);
	CHECK(refused.error().code == Code::session_not_connected);
	CHECK_THAT(refused.error().text, Catch::Contains("connection 1 is not up, nor is another"));
}

TEST_CASE_METHOD(World, "Role, weight and policy are changed in the session and kept with it")
{
	auto agent = with_connections(2);
	REQUIRE(agent->strands().change(
	    {{}, kernel::SessionChange::Connection{Cid(1), kernel::Role::standby, 7}}));
	REQUIRE(kernel.changes.size() == 1);
	CHECK(kernel.changes[0].connection->role == kernel::Role::standby);
	CHECK(kept().connections[1].role == "standby");
	CHECK(kept().connections[1].weight == 7);

	auto refused = agent->strands().change(
	    {{}, kernel::SessionChange::Connection{Cid(0), kernel::Role::standby, {}}});
	REQUIRE_FALSE(refused);
	CHECK_THAT(refused.error().text, Catch::Contains("failover needs an active connection"));
	REQUIRE(agent->change({kernel::Policy::weighted, {}}));
	CHECK(kernel.changes.back().policy == kernel::Policy::weighted);
	CHECK(kept().node.settings.get("node.session.policy") == "weighted");
	REQUIRE(agent->strands().change(
	    {{}, kernel::SessionChange::Connection{Cid(0), kernel::Role::standby, {}}}));
	CHECK_FALSE(agent->change({kernel::Policy::round_robin_subset, {}}));
	CHECK(kept().node.settings.get("node.session.policy") == "weighted");

	// What joins again has what it was changed to.
	lose_one(*agent, Cid(1));
	REQUIRE(until([&] { return up() == 2; }));
	CHECK(kernel.handed_over.back().role == kernel::Role::standby);
	CHECK(kernel.handed_over.back().weight == 7);
}

TEST_CASE_METHOD(World, "A weight is no matter of roles, though none is left that is active")
{
	set("node.conn[1].role", "standby");
	auto agent = with_connections(2);
	REQUIRE(agent->strands().remove(Cid(0)));
	std::erase_if(kernel.live.at(Sid(1)).connections,
		      [](const auto &one) { return one.cid == Cid(0); });
	agent->on_event({1, Sid(1), kernel::ConnectionRemoved{Cid(0)}});
	REQUIRE(agent->change({{}, kernel::SessionChange::Connection{Cid(1), {}, 5}}));
	CHECK(kept().connections[0].weight == 5);
	CHECK_FALSE(agent->change({kernel::Policy::round_robin_subset, {}}));
}

TEST_CASE_METHOD(World, "Policy and connection are changed together or not at all")
{
	auto agent = with_connections(2);
	REQUIRE(agent->change({kernel::Policy::weighted, kernel::SessionChange::Connection{
							     Cid(0), kernel::Role::standby, 3}}));
	REQUIRE(kernel.changes.size() == 1);
	CHECK(kernel.changes[0].policy == kernel::Policy::weighted);
	CHECK(kernel.changes[0].connection->weight == 3);

	CHECK_FALSE(agent->change({kernel::Policy::cpu, kernel::SessionChange::Connection{
							    Cid(7), kernel::Role::standby, {}}}));
	CHECK(kernel.changes.size() == 1);
	CHECK(agent->plan().settings.policy == kernel::Policy::weighted);
	CHECK(kept().node.settings.get("node.session.policy") == "weighted");

	// One that the module does not have yet does not keep it from the policy.
	std::erase_if(kernel.live.at(Sid(1)).connections,
		      [](const auto &one) { return one.cid == Cid(1); });
	kernel.refuse_join = {ENOSPC};
	agent->on_event({1, Sid(1), kernel::ConnectionLost{Cid(1), kernel::Loss::closed, 0}});
	REQUIRE(until([&] { return state_of(*agent, Cid(1)) == Strand::State::off; }));
	REQUIRE(
	    agent->change({kernel::Policy::cpu, kernel::SessionChange::Connection{Cid(1), {}, 9}}));
	CHECK(kernel.live.at(Sid(1)).settings.policy == kernel::Policy::cpu);
	CHECK(kept().connections[1].weight == 9);
}

TEST_CASE("A change that would change nothing is refused with the rule")
{
	const auto why = [](varlink::ChangeSessionCall call) {
		const auto change = change_of(call);
		return change ? std::string() : change.error().text;
	};
	CHECK(why({1, {}, {}, "standby", {}}) == "role is a connection's: cid says which");
	CHECK(why({1, "cpu", {}, {}, 7}) == "weight is a connection's: cid says which");
	CHECK(why({1, "cpu", 2, {}, {}}) == "cid 2: neither role nor weight is given");
	CHECK_THAT(why({1, "random", {}, {}, {}}), Catch::Contains("is no policy"));
	CHECK_THAT(why({1, {}, 2, "lazy", {}}), Catch::Contains("is no role"));
	const auto change = change_of({1, "cpu", 2, "standby", 7});
	REQUIRE(change);
	CHECK(change->policy == kernel::Policy::cpu);
	CHECK(change->connection->cid == Cid(2));
	CHECK(change->connection->role == kernel::Role::standby);
	CHECK(change->connection->weight == 7);
}

TEST_CASE_METHOD(World, "A daemon that was started again cares for the connections of the dump")
{
	auto first = with_connections(2);
	auto info = kernel.live.at(Sid(1));
	auto &third = info.connections.emplace_back();
	third.cid = Cid(5);
	third.state = kernel::ConnectionState::logged_in;
	third.peer_address = "192.0.2.5";
	third.peer_port = 3261;
	third.role = kernel::Role::standby;
	info.connections[1].state = kernel::ConnectionState::free;
	info.parameters.max_connections = 3;
	kernel.live.at(Sid(1)) = info;

	auto second = make_agent();
	second->take_over(info, std::string(as_text(info.identity.owner_key)));
	REQUIRE(until([&] { return up() == 3; }));
	CHECK(target.asked[Cid(0)].size() == 1);
	CHECK(target.asked[Cid(1)].size() == 2);
	const auto &links = second->plan().links;
	REQUIRE(links.size() == 3);
	CHECK(links[2].cid == Cid(5));
	CHECK(links[2].portal.host == "192.0.2.5");
	CHECK(links[2].portal.port == 3261);
	CHECK(links[2].role == kernel::Role::standby);
}
