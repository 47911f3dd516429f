/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/agent.h"

#include "agent_world.h"
#include "base/coding.h"

using namespace hawser;
using namespace hawser::daemon;
using namespace std::chrono_literals;
using World = AgentWorld;

TEST_CASE_METHOD(World, "A login makes a session whose settings are saved under its key")
{
	auto agent = started();
	REQUIRE(until([&] { return outcome.has_value(); }));

	REQUIRE(outcome->has_value());
	CHECK(**outcome == Sid(1));
	CHECK(agent->state() == SessionAgent::State::logged_in);
	const std::string key(as_text(kernel.live.at(Sid(1)).identity.owner_key));
	auto kept = saved.load(key);
	REQUIRE(kept);
	REQUIRE(*kept);
	CHECK((*kept)->node.id == node.id);
}

TEST_CASE_METHOD(World, "A final refusal ends the login at once and leaves nothing")
{
	target.failures.push_back(FakeTarget::failure("wrong secret", false));
	auto agent = started();
	REQUIRE(until([&] { return ended == 1; }));

	REQUIRE(outcome);
	REQUIRE_FALSE(outcome->has_value());
	CHECK(outcome->error().error.text == "wrong secret");
	CHECK(target.logins == 1);
	CHECK(saved_files() == 0);
}

TEST_CASE_METHOD(World, "A login that may succeed later is tried as often as the record says")
{
	set("node.session.initial_login_retry_max", "1");
	for (int i = 0; i < 5; i++)
		target.failures.push_back(FakeTarget::failure("busy", true));
	auto agent = started();
	REQUIRE(until([&] { return ended == 1; }));

	CHECK(target.logins == 2);
	CHECK_FALSE(outcome->has_value());
	CHECK(lines_with("busy") == 1); // the same failure is not told twice
}

TEST_CASE_METHOD(World,
		 "An automatic login goes on whatever happens, unless its session is there already")
{
	auto refusal = FakeTarget::failure("target not found", false);
	refusal.status = LoginStatus{2, 3};
	target.failures.push_back(refusal);
	auto agent = started(SessionAgent::Persistence::endless);
	REQUIRE(until([&] { return agent->next_attempt().has_value(); }));
	CHECK(*agent->next_attempt() - Clock::now() > 25s);
	CHECK_FALSE(outcome);
	CHECK(ended == 0);

	target.failures.push_back(FakeTarget::failure("CHAP was not asked for", false));
	auto later = started(SessionAgent::Persistence::endless);
	REQUIRE(until([&] { return later->next_attempt().has_value(); }));
	CHECK(ended == 0);

	kernel.refuse_new = EEXIST;
	auto there = started(SessionAgent::Persistence::endless);
	REQUIRE(until([&] { return ended == 1; }));
	CHECK_FALSE(outcome->has_value());
}

TEST_CASE_METHOD(World, "A session that the module refuses is reported and leaves no file")
{
	kernel.refuse_new = EEXIST;
	auto agent = started();
	REQUIRE(until([&] { return ended == 1; }));

	CHECK_FALSE(outcome->has_value());
	CHECK(saved_files() == 0);
}

TEST_CASE_METHOD(World, "A connection that is gone before the module has it costs a login more")
{
	kernel.refuse_new = ENOTCONN;
	auto agent = started();
	REQUIRE(until([&] { return outcome.has_value(); }));
	CHECK(outcome->has_value());
	CHECK(target.logins == 2);
	CHECK(saved_files() == 1);
}

TEST_CASE_METHOD(World,
		 "The loss of a session that somebody else ends is waited out, not worked on")
{
	auto agent = started();
	REQUIRE(until([&] { return outcome.has_value(); }));
	lose(*agent);
	kernel.live.at(Sid(1)).state = kernel::SessionState::closing;
	REQUIRE(until([&] { return kernel.reservations == 1; }));
	idle(); // which would not end
	CHECK(kernel.reservations == 1);
	kernel.live.erase(Sid(1));
	agent->on_event({2, Sid(1), kernel::SessionRemoved{}});
	CHECK(until([&] { return ended == 1; }));
}

TEST_CASE_METHOD(World, "The answer to a login waits until its devices were looked for")
{
	set("node.session.scan", "auto");
	auto agent = started();
	REQUIRE(until([&] { return agent->sid().has_value(); }));
	idle();
	CHECK_FALSE(outcome);

	agent->on_event({1, Sid(1), kernel::ScanEnded{0, 2, 0}});
	CHECK(until([&] { return outcome.has_value(); }));
}

TEST_CASE_METHOD(World, "A lost connection is brought back with the same ISID and the live CmdSN")
{
	auto agent = started();
	REQUIRE(until([&] { return outcome.has_value(); }));
	const Isid isid = target.last_login.isid;

	lose(*agent);
	REQUIRE(until([&] { return kernel.adoptions == 1; }));
	CHECK(target.logins == 2);
	CHECK(target.last_login.isid == isid);
	CHECK(target.last_login.tsih == Tsih(0));
	CHECK(target.last_login.cmd_sn == CmdSn(70));
	REQUIRE(kernel.adopted);
	CHECK(kernel.adopted->tsih == Tsih(2));
	CHECK(until([&] { return agent->state() == SessionAgent::State::logged_in; }));
}

TEST_CASE_METHOD(World, "No login is tried before Time2Wait has passed")
{
	auto agent = started();
	REQUIRE(until([&] { return outcome.has_value(); }));
	lose(*agent, 1);
	const auto lost = Clock::now();
	REQUIRE(until([&] { return kernel.reservations > 0; }));
	CHECK(Clock::now() - lost >= 1s);
}

TEST_CASE_METHOD(World, "Time2Wait is kept when the session's failure is told before its losses")
{
	auto agent = started();
	REQUIRE(until([&] { return outcome.has_value(); }));
	kernel.live.at(Sid(1)).state = kernel::SessionState::failed;
	agent->on_event({1, Sid(1), kernel::SessionStateChanged{kernel::SessionState::failed}});
	idle();
	lose(*agent, 1);
	const auto lost = Clock::now();
	REQUIRE(until([&] { return kernel.reservations > 0; }));
	CHECK(Clock::now() - lost >= 1s);
}

TEST_CASE_METHOD(World, "A reconnect goes on after failures, final ones too")
{
	auto agent = started();
	REQUIRE(until([&] { return outcome.has_value(); }));
	target.failures.push_back(FakeTarget::failure("connection refused", true));
	lose(*agent);
	REQUIRE(until([&] { return kernel.adoptions == 1; }));
	CHECK(agent->attempts() == 0);

	target.failures.push_back(FakeTarget::failure("target not found", false));
	lose(*agent);
	REQUIRE(until([&] { return agent->attempts() == 1; }));
	CHECK(agent->state() == SessionAgent::State::reconnecting);
	CHECK(until([&] { return agent->next_attempt().has_value(); }));
	CHECK(*agent->next_attempt() - Clock::now() > 25s);
	CHECK(ended == 0);
}

TEST_CASE_METHOD(World, "A hand-over that the module refuses is tried again")
{
	auto agent = started();
	REQUIRE(until([&] { return outcome.has_value(); }));
	kernel.refuse_adopt = ESTALE;
	lose(*agent);
	CHECK(until([&] { return kernel.adoptions == 1; }));
	CHECK(target.logins == 3);
}

TEST_CASE_METHOD(World, "A reconnect that ends in another portal group is no reconnect")
{
	auto agent = started();
	REQUIRE(until([&] { return outcome.has_value(); }));
	target.tpgt = Tpgt(2);
	lose(*agent);
	REQUIRE(until([&] { return agent->attempts() == 1; }));
	CHECK(kernel.adoptions == 0);
	REQUIRE(agent->last_failure());
	CHECK_FALSE(agent->last_failure()->retryable);
	CHECK_THAT(agent->last_failure()->error.text, Catch::Contains("another portal group"));
}

TEST_CASE_METHOD(World, "A CHAP algorithm that is missing here is told at each login")
{
	target.unavailable = {ChapAlgorithm::md5};
	auto agent = started();
	REQUIRE(until([&] { return outcome.has_value(); }));
	CHECK(lines_with("(FIPS mode?) were not offered: MD5") == 1);
	lose(*agent);
	REQUIRE(until([&] { return kernel.adoptions == 1; }));
	CHECK(lines_with("were not offered: MD5") == 2);
}

TEST_CASE_METHOD(World, "The event of a loss that is over costs a question and no login")
{
	auto agent = started();
	REQUIRE(until([&] { return outcome.has_value(); }));
	agent->on_event({1, Sid(1), kernel::ConnectionLost{Cid(0), kernel::Loss::closed, 0}});
	REQUIRE(until([&] { return kernel.reservations == 1; }));
	idle();
	CHECK(target.logins == 1);
	CHECK(agent->state() == SessionAgent::State::logged_in);
}

TEST_CASE_METHOD(World, "A loss whose event was lost is found in the dump")
{
	auto agent = started();
	REQUIRE(until([&] { return outcome.has_value(); }));
	auto &session = kernel.live.at(Sid(1));
	session.state = kernel::SessionState::failed;
	session.parameters.time2wait = 0;
	agent->on_dump(&session);
	CHECK(until([&] { return kernel.adoptions == 1; }));
}

TEST_CASE_METHOD(World, "A logout ends when the module has removed the session")
{
	auto agent = started();
	REQUIRE(until([&] { return outcome.has_value(); }));
	agent->log_out([this](Status status) { logged_out = status; });
	idle();
	CHECK(kernel.live.at(Sid(1)).state == kernel::SessionState::closing);
	CHECK_FALSE(logged_out);

	kernel.live.clear();
	agent->on_event({2, Sid(1), kernel::SessionRemoved{}});
	REQUIRE(until([&] { return ended == 1; }));
	REQUIRE(logged_out);
	CHECK(logged_out->has_value());
	CHECK(saved_files() == 0);
}

TEST_CASE_METHOD(World, "A removal whose number was given anew does not end the new session")
{
	auto agent = started();
	REQUIRE(until([&] { return outcome.has_value(); }));
	agent->on_event({2, Sid(1), kernel::SessionRemoved{}}); // of an older session 1
	idle();
	CHECK(ended == 0);
	CHECK(saved_files() == 1);
}

TEST_CASE_METHOD(World, "A logout cuts a login short that does not end")
{
	target.silent = true;
	auto agent = started();
	REQUIRE(until([&] { return target.logins == 1; }));
	agent->log_out([this](Status status) { logged_out = status; });
	REQUIRE(until([&] { return ended == 1; }));
	CHECK(logged_out);
	CHECK_FALSE(outcome->has_value());
	CHECK(kernel.live.empty());
}

TEST_CASE_METHOD(World, "A logout during a reconnect ends the session and the tries")
{
	auto agent = started();
	REQUIRE(until([&] { return outcome.has_value(); }));
	target.silent = true;
	lose(*agent);
	REQUIRE(until([&] { return target.logins == 2; }));
	agent->log_out([this](Status status) { logged_out = status; });
	kernel.live.clear();
	agent->on_event({2, Sid(1), kernel::SessionRemoved{}});
	REQUIRE(until([&] { return ended == 1; }));
	CHECK(kernel.adoptions == 0);
}

TEST_CASE_METHOD(World, "A session is given up after node.session.reopen_max failed logins")
{
	set("node.session.reopen_max", "1");
	auto agent = started();
	REQUIRE(until([&] { return outcome.has_value(); }));
	target.failures.push_back(FakeTarget::failure("connection refused", true));
	lose(*agent);
	CHECK(until([&] { return kernel.live.at(Sid(1)).state == kernel::SessionState::closing; }));
	CHECK(lines_with("given up") == 1);
}

TEST_CASE_METHOD(World, "A session of an earlier daemon is taken over and brought back")
{
	auto first = started();
	REQUIRE(until([&] { return outcome.has_value(); }));
	const auto info = kernel.live.at(Sid(1));
	const std::string key(as_text(info.identity.owner_key));

	auto second = make_agent();
	auto failed = info;
	failed.state = kernel::SessionState::failed;
	failed.parameters.time2wait = 0;
	kernel.live.at(Sid(1)) = failed;
	second->take_over(failed, key);
	CHECK(until([&] { return kernel.adoptions == 1; }));
	CHECK(second->sid() == Sid(1));
	CHECK(until([&] { return second->state() == SessionAgent::State::logged_in; }));
}
