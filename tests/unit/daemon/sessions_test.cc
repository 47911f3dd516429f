/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/discovery.h"
#include "world.h"

#include <filesystem>
#include <fstream>
#include <set>

using namespace hawser;
using namespace hawser::daemon;
using namespace std::chrono_literals;

TEST_CASE_METHOD(World, "A second login to a node is refused while its session is there")
{
	const auto node = stored(a_node());
	log_in(node);
	auto again = begin(sessions, node);
	REQUIRE_FALSE(again);
	CHECK(again.error().code == Code::session_exists);
	CHECK(target.logins == 1);
}

TEST_CASE_METHOD(World, "One login makes as many sessions as the record says, each with its ISID")
{
	auto node = a_node();
	REQUIRE(node.settings.set("node.session.nr_sessions", "3", store.secrets()));
	node = stored(node);
	CHECK(log_in(node) == 3);
	std::set<Isid> isids;
	for (const auto &[sid, info] : kernel.live)
		isids.insert(info.identity.isid);
	CHECK(isids.size() == 3);
}

TEST_CASE_METHOD(World, "Over several portals and interfaces one target has several sessions")
{
	interface("nic0", "iface.net_ifacename", "eth0");
	interface("other", "iface.initiatorname", "iqn.2001-04.com.example:other");
	auto second = a_node(), third = a_node(), fourth = a_node();
	second.id.portal.host = "192.0.2.2";
	third.id.iface = "nic0";
	fourth.id.iface = "other";
	std::set<Isid> isids;
	std::set<std::string> names;
	for (const auto &node : {a_node(), second, third, fourth})
		log_in(stored(node));
	for (const auto &[sid, info] : kernel.live) {
		isids.insert(info.identity.isid);
		names.insert(info.identity.initiator_name);
	}
	CHECK(kernel.live.size() == 4);
	CHECK(isids.size() == 4);
	CHECK(names.size() == 2);
}

TEST_CASE_METHOD(World, "Without node.session.multiple a second session is refused by the first")
{
	auto first = a_node(), second = a_node();
	second.id.portal.host = "192.0.2.2";
	std::string whose = "this record";
	SECTION("of the second's record")
	{
		REQUIRE(second.settings.set("node.session.multiple", "No", store.secrets()));
	}
	SECTION("of the first's record")
	{
		REQUIRE(first.settings.set("node.session.multiple", "No", store.secrets()));
		whose = "its record";
	}
	first = stored(first);
	second = stored(second);
	target.silent = true;
	REQUIRE(begin(sessions, first));
	CHECK_THAT(refused(second).text, Catch::Contains("a login under way"));
	sessions.all().front()->log_out([](Status) {});
	REQUIRE(until([&] { return sessions.all().empty(); }));
	target.silent = false;

	log_in(first);
	const Error error = refused(second);
	CHECK(error.code == Code::session_exists);
	CHECK_THAT(error.text, Catch::Contains("session 1 (") &&
				   Catch::Contains(config::to_string(first.id)) &&
				   Catch::Contains("node.session.multiple of " + whose));

	kernel.live.clear();
	sessions.on_module_gone();
	REQUIRE(until([&] { return sessions.all().empty(); }));
	CHECK(log_in(second) == 1);
}

TEST_CASE_METHOD(World, "Without node.session.multiple several sessions to one portal are refused")
{
	auto node = a_node();
	REQUIRE(node.settings.set("node.session.multiple", "No", store.secrets()));
	REQUIRE(node.settings.set("node.session.nr_sessions", "2", store.secrets()));
	CHECK_THAT(refused(stored(node)).text, Catch::Contains("node.session.nr_sessions is 2"));
}

TEST_CASE_METHOD(World, "An interface gives its session an ISID, and no two sessions share it")
{
	interface("fixed", "iface.isid", "0x4000000a0001");
	auto first = a_node(), second = a_node(), elsewhere = a_node("iqn.2026-11.example:u");
	first.id.iface = second.id.iface = elsewhere.id.iface = "fixed";
	second.id.portal.host = "192.0.2.2";
	const Isid isid = Isid::parse("0x4000000a0001").value();
	log_in(stored(first));
	CHECK(kernel.live.at(Sid(1)).identity.isid == isid);

	const Error error = refused(stored(second));
	CHECK(error.code == Code::session_exists);
	CHECK_THAT(error.text, Catch::Contains("session 1 (") && Catch::Contains("iface.isid"));
	log_in(stored(elsewhere));
	CHECK(kernel.live.at(Sid(2)).identity.isid == isid);

	SECTION("but sessions to two portal groups may (RFC 7143, 4.4.3)")
	{
		second.tpgt = 2;
		log_in(stored(second));
		CHECK(kernel.live.at(Sid(3)).identity.isid == isid);
	}
	SECTION("and a daemon that takes over knows of it")
	{
		Sessions later(around());
		later.take_over();
		auto begun = begin(later, stored(second));
		REQUIRE_FALSE(begun);
		CHECK(begun.error().code == Code::session_exists);
	}
}

TEST_CASE_METHOD(World, "An interface with an ISID is for one session of a record")
{
	interface("fixed", "iface.isid", "0x4000000a0001");
	auto node = a_node();
	node.id.iface = "fixed";
	REQUIRE(node.settings.set("node.session.nr_sessions", "2", store.secrets()));
	CHECK_THAT(refused(stored(node)).text, Catch::Contains("iface.isid"));
}

TEST_CASE_METHOD(World,
		 "Roles that the policy cannot work with are refused before a login is begun")
{
	auto node = a_node();
	REQUIRE(node.settings.set("node.conn[0].role", "standby", store.secrets()));
	CHECK_THAT(refused(stored(node)).text,
		   Catch::Contains("node.session.policy: failover needs an active connection"));
}

TEST_CASE_METHOD(World, "A setting that is none is refused before a login is begun")
{
	const auto node = stored(a_node());
	auto begun = begin(sessions, node, {{"node.session.colour", "red"}});
	REQUIRE_FALSE(begun);
	CHECK_THAT(begun.error().text, Catch::Contains("node.session.colour"));
	CHECK(sessions.all().empty());
}

TEST_CASE_METHOD(World, "What was set for one login outlives the daemon and not the record")
{
	const auto node = stored(a_node());
	auto begun = begin(sessions, node, {{"node.session.cmds_max", "64"}});
	REQUIRE(begun);
	REQUIRE(until([&] { return kernel.live.size() == 1; }));
	CHECK(store.node(node.id)->settings.number("node.session.cmds_max") == 128);

	Sessions later(around());
	later.take_over();
	REQUIRE(later.all().size() == 1);
	CHECK(later.all().front()->plan().node.settings.number("node.session.cmds_max") == 64);
}

TEST_CASE_METHOD(World, "A change of hawserd.conf is for the next login and not for a session")
{
	const auto first = stored(a_node("iqn.2026-11.example:first"));
	const auto second = stored(a_node("iqn.2026-11.example:second"));
	log_in(first);
	std::filesystem::create_directories(store.paths().config_dir);
	std::ofstream(store.paths().conf()) << "node.session.cmds_max = 64\n";
	log_in(*store.node(second.id));
	CHECK(sessions.find(first.id).front()->plan().settings.cmds_max == 128);
	CHECK(sessions.find(second.id).front()->plan().settings.cmds_max == 64);

	Sessions later(around());
	later.take_over();
	CHECK(later.find(first.id).front()->plan().settings.cmds_max == 128);
}

TEST_CASE_METHOD(World, "The configuration may ask for more sessions than the record was made for")
{
	const auto node = stored(a_node());
	std::filesystem::create_directories(store.paths().config_dir);
	std::ofstream(store.paths().conf()) << "node.session.nr_sessions = 2\n";
	CHECK(log_in(*store.node(node.id)) == 2);
	CHECK(store.node(node.id)->isids.size() == 2);
}

TEST_CASE_METHOD(World, "A command gives authentication as a whole or not at all")
{
	auto node = a_node();
	REQUIRE(node.settings.set("node.session.auth.authmethod", "CHAP", store.secrets()));
	REQUIRE(node.settings.set("node.session.auth.username", "u", store.secrets()));
	REQUIRE(node.settings.set("node.session.auth.password", "twelve bytes", store.secrets()));
	node = stored(node);
	auto begun = begin(sessions, node, {{"node.session.auth.username", "v"}});
	REQUIRE_FALSE(begun);
	CHECK(begun.error().code == Code::invalid_argument);
	CHECK_THAT(begun.error().text, Catch::Contains("node.session.auth.authmethod"));

	/* Nothing of the record's credentials is mixed into the command's. */
	REQUIRE(begin(sessions, node, {{"node.session.auth.authmethod", "None"}}));
	const auto &plan = sessions.all().front()->plan();
	CHECK(plan.login.auth_methods == std::vector{AuthMethod::none});
	CHECK(plan.login.chap.username.empty());
	CHECK(plan.login.chap.secret.empty());
}

TEST_CASE_METHOD(World, "A record that nobody names goes when its session has ended")
{
	const config::Source source{config::SourceType::send_targets, {"192.0.2.9", 3260}};
	const auto id = a_node().id;
	REQUIRE(store.store_discovery({.source = source, .found = {{id.target, id.portal, 1}}}));
	auto node = *store.node(id);
	REQUIRE(node.settings.set("node.session.scan", "manual", store.secrets()));
	log_in(node);
	store.set_in_use(sessions.in_use());
	REQUIRE(store.store_discovery({.source = source, .found = {}}));
	REQUIRE(store.node(id));
	CHECK(store.node(id)->vanished);

	// Another process writes records meanwhile: the session's end waits for nobody.
	auto held =
	    std::optional(config::WriteLock::take(store.paths().state_dir, store.paths().lock()));
	const auto begun = Clock::now();
	sessions.on_module_gone();
	REQUIRE(until([&] { return sessions.all().empty(); }));
	CHECK(Clock::now() - begun < 5s);
	CHECK(store.node(id));
	held.reset();
	CHECK(until([&] { return !store.node(id); }));
}

TEST_CASE_METHOD(World, "A record that nobody names goes, though a login to it goes on")
{
	const config::Source source{config::SourceType::send_targets, {"192.0.2.9", 3260}};
	const auto id = a_node().id;
	REQUIRE(store.store_discovery({.source = source, .found = {{id.target, id.portal, 1}}}));
	const auto node = *store.node(id);
	std::optional<SessionAgent::FirstLogin> ended;
	const auto log_in = [&] {
		asio::co_spawn(io,
			       sessions.log_in(node, no_overrides,
					       SessionAgent::Persistence::endless,
					       [&](const auto &outcome) { ended = outcome; }),
			       [](std::exception_ptr, const Result<unsigned> &) {});
	};
	const auto vanish = [&] {
		store.set_in_use(sessions.in_use());
		REQUIRE(store.store_discovery({.source = source, .found = {}}));
		REQUIRE(store.node(id));
		sessions.note_vanished({id});
	};
	SECTION("which no target answers")
	{
		target.failures = {FakeTarget::failure("no route", true),
				   FakeTarget::failure("no route", true)};
		log_in();
		REQUIRE(until([&] { return target.logins == 1; }));
		CHECK_FALSE(ended);
		vanish();
		REQUIRE(until([&] { return ended.has_value(); }));
		REQUIRE_FALSE(*ended);
		CHECK(ended->error().error.text.find("nobody names it any more") !=
		      std::string::npos);
	}
	SECTION("which is about to begin")
	{
		auto held = std::optional(
		    config::WriteLock::take(store.paths().state_dir, store.paths().lock()));
		log_in();
		io.poll();
		held.reset();
		vanish();
	}
	CHECK(until([&] { return !store.node(id); }));
	CHECK(sessions.all().empty());
	CHECK(kernel.live.empty());
}

TEST_CASE_METHOD(World, "A login that waits for the records holds up no other session")
{
	const auto first = stored(a_node("iqn.2026-11.example:first"));
	const auto second = stored(a_node("iqn.2026-11.example:second"));
	log_in(first);
	auto held =
	    std::optional(config::WriteLock::take(store.paths().state_dir, store.paths().lock()));
	std::optional<Result<unsigned>> begun;
	asio::co_spawn(
	    io,
	    sessions.log_in(second.id, no_overrides, SessionAgent::Persistence::limited, nullptr),
	    [&](std::exception_ptr, Result<unsigned> result) { begun = result; });
	const auto before = Clock::now();
	kernel.live.at(Sid(1)).state = kernel::SessionState::failed;
	sessions.on_event({1, Sid(1), kernel::ConnectionLost{Cid(0), kernel::Loss::closed, 0}});
	REQUIRE(until([&] { return kernel.adoptions == 1; }));
	CHECK(Clock::now() - before < 5s);
	CHECK_FALSE(begun);
	CHECK(sessions.in_use()(second.id));

	held.reset();
	REQUIRE(until([&] { return begun.has_value(); }));
	CHECK(*begun);
	CHECK(until([&] { return kernel.live.size() == 2; }));
}

TEST_CASE_METHOD(World, "The portal group that a first login learns is written to the record")
{
	auto unknown = a_node("iqn.2026-11.example:u"), known = a_node();
	unknown.tpgt = -1;
	unknown = stored(unknown);
	known = stored(known);
	REQUIRE(unknown.tpgt == -1);
	target.tpgt = Tpgt(7);
	log_in(unknown);
	log_in(known);
	REQUIRE(until([&] { return store.node(unknown.id)->tpgt == 7; }));
	CHECK(sessions.find(unknown.id).front()->plan().node.tpgt == 7);
	CHECK(store.node(unknown.id)->isids == unknown.isids);
	CHECK(store.node(known.id)->tpgt == 1);

	// What another portal says is of another portal.
	auto elsewhere = a_node("iqn.2026-11.example:e");
	elsewhere.tpgt = -1;
	elsewhere = stored(elsewhere);
	REQUIRE(store.remove_nodes({.target = elsewhere.id.target})); // it cannot be moved
	target.moved_to = Address{Address::Kind::ipv4, "192.0.2.9", 3261};
	log_in(elsewhere);
	CHECK(sessions.find(elsewhere.id).front()->plan().node.tpgt == -1);
}

TEST_CASE_METHOD(World, "Sessions are taken over once, by what was saved or by their record")
{
	const auto node = stored(a_node());
	log_in(node);
	auto &info = kernel.live.at(Sid(1));
	SECTION("by what was saved") {}
	SECTION("by the record, when nothing was saved")
	{
		std::filesystem::remove_all(folder.path() + "/sessions");
		kernel::ConnectionInfo connection;
		connection.persistent_address = "192.0.2.1";
		connection.persistent_port = 3260;
		info.connections = {connection};
	}

	Sessions later(around());
	later.take_over();
	later.take_over();
	CHECK(later.in_use()(node.id));
	CHECK_FALSE(begin(later, node));
	REQUIRE(until([&] { return later.all().size() == 1; }));
	CHECK(later.find(Sid(1)));
	CHECK(later.find(node.id).size() == 1);
	CHECK_FALSE(begin(later, node));
}

TEST_CASE_METHOD(World, "A session that nothing is known of is told about and its ISID not used")
{
	const auto node = stored(a_node());
	kernel::SessionInfo stranger;
	stranger.sid = Sid(9);
	stranger.state = kernel::SessionState::active;
	stranger.identity.target_name = node.id.target;
	stranger.identity.isid = node.isids.front();
	kernel.live[Sid(9)] = stranger;

	sessions.take_over();
	sessions.take_over();
	CHECK(std::count_if(sink->lines.begin(), sink->lines.end(), [](const auto &line) {
		      return line.find("will not be connected again") != std::string::npos;
	      }) == 1);
	CHECK_FALSE(begin(sessions, node));
	CHECK(target.logins == 0);
}

TEST_CASE_METHOD(World, "A dump that fails is asked for again until it succeeds")
{
	log_in(stored(a_node()));
	kernel.live.clear();
	kernel.refuse_dump = ENOMEM;
	sessions.on_resync();
	CHECK(sessions.find(Sid(1)));
	CHECK(until([&] { return sessions.all().empty(); }));
}

TEST_CASE_METHOD(World, "A session that is missing in a dump has ended")
{
	log_in(stored(a_node()));
	kernel.live.clear();
	sessions.on_resync();
	CHECK(until([&] { return sessions.all().empty(); }));
	CHECK_FALSE(sessions.find(Sid(1)));
}

TEST_CASE_METHOD(World, "With the module all its sessions are gone")
{
	log_in(stored(a_node()));
	kernel.live.clear();
	sessions.on_module_gone();
	CHECK(until([&] { return sessions.all().empty(); }));
}

TEST_CASE_METHOD(World, "A ping ends with its own echo and not with another's")
{
	log_in(stored(a_node()));
	std::optional<Result<kernel::PingEnded>> ended;
	asio::co_spawn(io, sessions.ping(Sid(1), std::nullopt, 64),
		       [&](std::exception_ptr, Result<kernel::PingEnded> result) {
			       ended = std::move(result);
		       });
	REQUIRE(until([&] { return kernel.last_ping != 0; }));
	sessions.on_event({1, Sid(1), kernel::PingEnded{kernel.last_ping + 1, 64, 0, 1}});
	sessions.on_event({1, Sid(2), kernel::PingEnded{kernel.last_ping, 64, 0, 2}});
	io.restart();
	io.poll();
	CHECK_FALSE(ended);

	sessions.on_event({1, Sid(1), kernel::PingEnded{kernel.last_ping, 64, 0, 3}});
	REQUIRE(until([&] { return ended.has_value(); }));
	REQUIRE(*ended);
	CHECK((*ended)->round_trip_ns == 3);
}

TEST_CASE_METHOD(World, "A ping that a connection cannot carry says so")
{
	log_in(stored(a_node()));
	for (const int status : {ENOTCONN, ECONNRESET}) {
		std::optional<Result<kernel::PingEnded>> ended;
		kernel.last_ping = 0;
		asio::co_spawn(io, sessions.ping(Sid(1), Cid(0), 64),
			       [&](std::exception_ptr, Result<kernel::PingEnded> result) {
				       ended = std::move(result);
			       });
		REQUIRE(until([&] { return kernel.last_ping != 0; }));
		sessions.on_event({1, Sid(1), kernel::PingEnded{kernel.last_ping, 64, status, 0}});
		REQUIRE(until([&] { return ended.has_value(); }));
		REQUIRE_FALSE(*ended);
		CHECK(ended->error().code == Code::session_not_connected);
	}
}

TEST_CASE_METHOD(World, "A task management function gives the response, or says why there is none")
{
	log_in(stored(a_node()));
	using Ended = Result<kernel::TaskManagementEnded>;
	const TaskManagementFunction &query = **parse_task_management_function("query_task_set");
	std::optional<Ended> ended;
	const auto ask = [&](std::uint32_t sid) {
		ended.reset();
		kernel.last_function_id = 0;
		asio::co_spawn(
		    io, sessions.manage_tasks(Sid(sid), std::nullopt, query, Lun(1)),
		    [&](std::exception_ptr, Ended result) { ended = std::move(result); });
	};
	const auto end_with = [&](int status, std::uint8_t response) {
		ask(1);
		REQUIRE(until([&] { return kernel.last_function_id != 0; }));
		const auto id = kernel.last_function_id;
		// A ping that bears the same number is another matter.
		sessions.on_event({1, Sid(1), kernel::PingEnded{id, 0, 0, 1}});
		sessions.on_event({1, Sid(1), kernel::TaskManagementEnded{id + 1, 0, 0}});
		CHECK_FALSE(until([&] { return ended.has_value(); }, 20ms));
		sessions.on_event({1, Sid(1), kernel::TaskManagementEnded{id, status, response}});
		REQUIRE(until([&] { return ended.has_value(); }));
		return *ended;
	};

	const auto answer = end_with(0, 7);
	REQUIRE(answer);
	CHECK(answer->response == 7);
	CHECK(kernel.last_function == 10);
	CHECK(kernel.last_lun == Lun(1));
	CHECK(end_with(ETIMEDOUT, 0).error().code == Code::pdu_timed_out);
	CHECK(end_with(EBUSY, 0).error().code == Code::busy);
	CHECK(end_with(ECONNRESET, 0).error().code == Code::session_not_connected);
	CHECK(end_with(EPROTO, 0).error().text == "the target rejected the request");
	CHECK(end_with(ENOMEM, 0).error().code == Code::failed);

	ask(9);
	REQUIRE(until([&] { return ended.has_value(); }));
	REQUIRE_FALSE(*ended);
	CHECK(ended->error().code != Code::nothing_found);
	CHECK(kernel.last_function_id == 0);
	kernel.refuse_function = EOPNOTSUPP; // iSCSIProtocolLevel
	ask(1);
	REQUIRE(until([&] { return ended.has_value(); }));
	CHECK(ended->error().code == Code::not_supported);
	kernel.refuse_function = ENOENT; // the CID
	ask(1);
	REQUIRE(until([&] { return ended.has_value(); }));
	CHECK(ended->error().code == Code::nothing_found);
}

TEST_CASE_METHOD(World, "A Text exchange gives the whole answer, or says what was wrong with it")
{
	log_in(stored(a_node()));
	const auto ask = [&](int status) {
		std::optional<Result<Bytes>> ended;
		kernel.last_text_id = 0;
		asio::co_spawn(
		    io, sessions.text(Sid(1), std::nullopt, Bytes{'a', '=', 0}),
		    [&](std::exception_ptr, Result<Bytes> result) { ended = std::move(result); });
		REQUIRE(until([&] { return kernel.last_text_id != 0; }));
		CHECK(kernel.last_text == std::string("a=\0", 3));
		// A ping that bears the same number is another matter.
		sessions.on_event({1, Sid(1), kernel::PingEnded{kernel.last_text_id, 0, 0, 1}});
		sessions.on_event({1, Sid(1), kernel::TextEnded{kernel.last_text_id + 1, 0, {}}});
		CHECK_FALSE(until([&] { return ended.has_value(); }, 20ms));
		sessions.on_event(
		    {1, Sid(1), kernel::TextEnded{kernel.last_text_id, status, Bytes{'b'}}});
		REQUIRE(until([&] { return ended.has_value(); }));
		return std::move(*ended);
	};

	auto answer = ask(0);
	REQUIRE(answer);
	CHECK(*answer == Bytes{'b'});
	CHECK(ask(ETIMEDOUT).error().code == Code::pdu_timed_out);
	CHECK(ask(EBUSY).error().code == Code::busy);
	CHECK(ask(ECONNRESET).error().code == Code::session_not_connected);
	CHECK(ask(EMSGSIZE).error().text == "the target's answer is over 65024 bytes of text");
	CHECK(ask(EPROTO).error().code == Code::failed);
	CHECK(ask(ENOMEM).error().code == Code::failed);
}

TEST_CASE_METHOD(World, "SendTargets in a session tells of its own target alone")
{
	log_in(stored(a_node()));
	const std::string own = kernel.live.at(Sid(1)).identity.target_name;
	kernel::ConnectionInfo connection;
	connection.peer_address = "192.0.2.9";
	connection.peer_port = 3261;
	kernel.live.at(Sid(1)).connections = {connection};
	const auto ask = [&](const std::vector<KeyValue> &pairs) {
		std::optional<Result<varlink::DiscoverReply>> found;
		kernel.last_text_id = 0;
		asio::co_spawn(io, send_targets(Sid(1), std::nullopt, sessions, kernel),
			       [&](std::exception_ptr, Result<varlink::DiscoverReply> result) {
				       found = std::move(result);
			       });
		REQUIRE(until([&] { return kernel.last_text_id != 0; }));
		CHECK(kernel.last_text ==
		      "SendTargets=iqn.2026-11.example:t" + std::string(1, '\0'));
		sessions.on_event(
		    {1, Sid(1), kernel::TextEnded{kernel.last_text_id, 0, encode_text(pairs)}});
		REQUIRE(until([&] { return found.has_value(); }));
		return std::move(*found);
	};

	auto found = ask({{"TargetName", "iqn.2003-01.org.example:other"},
			  {"TargetAddress", "192.0.2.1:3260,1"},
			  {"TargetName", own},
			  {"TargetAddress", "192.0.2.2:3260,7"},
			  {"TargetAddress", "[2001:db8::1]:3260,7"}});
	REQUIRE(found);
	REQUIRE(found->targets.size() == 1);
	CHECK(found->targets[0].target == own);
	REQUIRE(found->targets[0].portals.size() == 2);
	CHECK(found->targets[0].portals[1].address == "2001:db8::1");
	CHECK(found->targets[0].portals[1].tpgt == 7);
	REQUIRE(found->skipped.size() == 1);

	// Without an address it is at the portal that was asked.
	found = ask({{"TargetName", own}});
	REQUIRE(found);
	REQUIRE(found->targets[0].portals.size() == 1);
	CHECK(found->targets[0].portals[0].address == "192.0.2.9");
	CHECK(found->targets[0].portals[0].port == 3261);

	found = ask({});
	REQUIRE(found);
	CHECK(found->targets.empty());
}

TEST_CASE_METHOD(World, "A connection is taken out when the module says so, or does not have it")
{
	auto node = a_node();
	REQUIRE(node.settings.set("node.session.nr_connections", "2", store.secrets()));
	log_in(stored(node));
	REQUIRE(until([&] { return kernel.count_up(Sid(1)) == 2; }));
	std::optional<Status> ended;
	const auto remove = [&](std::uint16_t cid) {
		ended.reset();
		asio::co_spawn(io, sessions.remove_connection(Sid(1), Cid(cid)),
			       [&](std::exception_ptr, Status status) { ended = status; });
	};
	const auto is_out = [&] { return sessions.find(Sid(1))->plan().links.size() == 1; };

	SECTION("when the logout has ended")
	{
		remove(1);
		CHECK_FALSE(until([&] { return ended.has_value(); }, 20ms));
		sessions.on_event({1, Sid(1), kernel::ConnectionRemoved{Cid(0x101)}});
		CHECK_FALSE(until([&] { return ended.has_value(); }, 20ms));
		sessions.on_event({1, Sid(1), kernel::ConnectionRemoved{Cid(1)}});
	}
	SECTION("at once when there is none")
	{
		kernel.refuse_join = {ENOSPC};
		auto &connections = kernel.live.at(Sid(1)).connections;
		std::erase_if(connections, [](const auto &one) { return one.cid == Cid(1); });
		sessions.on_event(
		    {1, Sid(1), kernel::ConnectionLost{Cid(1), kernel::Loss::closed, 0}});
		REQUIRE(until([&] { return kernel.refuse_join.empty(); }));
		remove(1);
	}
	REQUIRE(until([&] { return ended.has_value(); }));
	CHECK(*ended);
	CHECK(is_out());

	remove(0);
	REQUIRE(until([&] { return ended.has_value(); }));
	REQUIRE_FALSE(*ended);
	CHECK(ended->error().code == Code::busy);
	CHECK(kernel.is_up(Sid(1), Cid(0)));
}

TEST_CASE_METHOD(World, "A rescan of a session that ends meanwhile says so")
{
	log_in(stored(a_node()));
	std::optional<Result<kernel::ScanEnded>> ended;
	asio::co_spawn(io, sessions.rescan(Sid(1)),
		       [&](std::exception_ptr, Result<kernel::ScanEnded> result) {
			       ended = std::move(result);
		       });
	REQUIRE_FALSE(until([&] { return ended.has_value(); }, 50ms));
	kernel.live.clear();
	sessions.on_event({1, Sid(1), kernel::SessionRemoved{}});
	REQUIRE(until([&] { return ended.has_value(); }));
	REQUIRE_FALSE(*ended);
	CHECK((*ended).error().code == Code::session_not_found);
}
