/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/retention.h"

#include "agent_world.h"

using namespace hawser;
using namespace hawser::daemon;
using namespace std::chrono_literals;

namespace
{

/* What a target says when it refuses a login. */
LoginFailure status(std::uint8_t status_class, std::uint8_t detail)
{
	const LoginStatus status{status_class, detail};
	LoginFailure failure;
	failure.error = {describe(status).code, to_string(status)};
	failure.status = status;
	failure.retryable = describe(status).retryable;
	return failure;
}

LoginFailure unreachable()
{
	return FakeTarget::failure("connection refused", true);
}

/* A session of error recovery level 2 that loses all it has. */
struct Retained : AgentWorld {
	Retained() { target.error_recovery_level = 2; }

	std::shared_ptr<SessionAgent> logged_in()
	{
		auto agent = started();
		REQUIRE(until([&] { return outcome.has_value(); }));
		REQUIRE(outcome->has_value());
		return agent;
	}

	/* The module keeps the tasks of @kept. */
	void lose_all(SessionAgent &agent, std::set<Cid> kept = {Cid(0)})
	{
		kernel.retained = std::move(kept);
		lose(agent);
	}

	/* The TSIHs that CID 0 asked for after its first login. */
	std::vector<Tsih> asked_since() const
	{
		const auto &all = target.asked.at(Cid(0));
		return {all.begin() + 1, all.end()};
	}
};

} // namespace

TEST_CASE("a connection is reinstated while its target has its tasks, and not at any other time")
{
	struct Case {
		std::uint8_t level;
		std::chrono::seconds wait, retain;
		bool over;
		std::chrono::milliseconds since;
		Recovery expected;
	};
	const auto c = GENERATE(Case{2, 2s, 20s, false, 2s, Recovery::connection},
				Case{2, 2s, 20s, false, 21999ms, Recovery::connection},
				Case{2, 2s, 20s, false, 22s, Recovery::session},
				Case{2, 0s, 1s, false, 0s, Recovery::connection},
				Case{2, 2s, 0s, false, 0s, Recovery::session},
				Case{2, 2s, 20s, true, 2s, Recovery::session},
				Case{1, 2s, 20s, false, 2s, Recovery::session},
				Case{0, 2s, 20s, false, 2s, Recovery::session},
				Case{2, 3600s, 3600s, false, 7199s, Recovery::connection});
	CAPTURE(unsigned{c.level}, c.wait.count(), c.retain.count(), c.over, c.since.count());
	CHECK(next_recovery({c.level, c.wait, c.retain, c.over, 0}, c.since) == c.expected);
}

TEST_CASE("a connection that is lost again each time is not reinstated for ever")
{
	CHECK(next_recovery({2, 2s, 20s, false, max_short_lived - 1}, 2s) == Recovery::connection);
	CHECK(next_recovery({2, 2s, 20s, false, max_short_lived}, 2s) == Recovery::session);
}

TEST_CASE("only a target that was not reached is asked again to take a connection back")
{
	for (const auto &info : all_login_statuses())
		if (info.status.status_class > 1)
			CHECK(ends_retention(
			    status(info.status.status_class, info.status.status_detail)));
	CHECK(ends_retention(FakeTarget::failure("the target broke the protocol", false)));
	CHECK_FALSE(ends_retention(unreachable()));
}

TEST_CASE_METHOD(Retained, "A lost session of error recovery level 2 gets its connection back")
{
	auto agent = logged_in();
	const Tsih tsih = kernel.live.at(Sid(1)).parameters.tsih;
	const Isid isid = target.last_login.isid;
	lose_all(*agent);
	REQUIRE(until([&] { return kernel.reinstatements == 1; }));

	CHECK(target.last_login.isid == isid);
	CHECK(target.last_login.tsih == tsih);
	CHECK(target.last_login.cid == Cid(0));
	CHECK(target.last_login.cmd_sn == CmdSn(70));
	CHECK(target.last_login.exp_stat_sn == StatSn(33));
	CHECK(kernel.window == std::pair(CmdSn(70), CmdSn(102)));
	CHECK(kernel.adoptions == 0);
	CHECK(agent->state() == SessionAgent::State::logged_in);
	CHECK(lines_with("connection 0 reinstated") == 1);
	CHECK(lines_with("logged in anew") == 0);
}

TEST_CASE_METHOD(Retained, "Nothing is reinstated before Time2Wait has passed")
{
	auto agent = logged_in();
	kernel.retained = {Cid(0)};
	lose(*agent, 1);
	const auto lost = Clock::now();
	REQUIRE(until([&] { return kernel.reinstatements == 1; }));
	CHECK(Clock::now() - lost >= 1s);
}

TEST_CASE_METHOD(Retained, "A target that does not take the connection back is logged in to anew")
{
	const auto [status_class, detail] =
	    GENERATE(table<int, int>({{2, 10}, {2, 9}, {2, 6}, {2, 0}, {3, 1}}));
	auto agent = logged_in();
	target.failures.push_back(
	    status(static_cast<std::uint8_t>(status_class), static_cast<std::uint8_t>(detail)));
	const auto lost = Clock::now();
	lose_all(*agent);
	REQUIRE(until([&] { return kernel.adoptions == 1; }));

	CHECK(Clock::now() - lost < 900ms); // no pause in between
	CHECK(asked_since() == std::vector<Tsih>{Tsih(1), Tsih(0)});
	CHECK(kernel.reinstatements == 0);
	CHECK(kernel.reserved.empty());
	CHECK(agent->state() == SessionAgent::State::logged_in);
	CHECK(lines_with("connection 0 is not reinstated, logging in anew: ") == 1);
	CHECK(lines_with("logged in anew") == 1);
}

TEST_CASE_METHOD(Retained, "A refused reinstatement is no failed login of node.session.reopen_max")
{
	set("node.session.reopen_max", "1");
	auto agent = logged_in();
	target.failures.push_back(status(2, 10));
	lose_all(*agent);
	CHECK(until([&] { return kernel.adoptions == 1; }));
	CHECK(lines_with("given up") == 0);
}

TEST_CASE_METHOD(Retained, "A target that is out of reach is asked again for the connection")
{
	auto agent = logged_in();
	target.failures.push_back(unreachable());
	lose_all(*agent);
	REQUIRE(until([&] { return kernel.reinstatements == 1; }));
	CHECK(asked_since() == std::vector<Tsih>{Tsih(1), Tsih(1)});
}

TEST_CASE_METHOD(Retained, "A target that was out of reach for Time2Retain is logged in to anew")
{
	set("node.session.iscsi.DefaultTime2Retain", "1");
	auto agent = logged_in();
	target.failures.push_back(unreachable());
	lose_all(*agent);
	REQUIRE(until([&] { return kernel.adoptions == 1; }));
	CHECK(asked_since() == std::vector<Tsih>{Tsih(1), Tsih(0)});
}

TEST_CASE_METHOD(Retained, "A connection of which the module has kept nothing is not reinstated")
{
	auto agent = logged_in();
	lose_all(*agent, {});
	REQUIRE(until([&] { return kernel.adoptions == 1; }));
	CHECK(asked_since() == std::vector<Tsih>{Tsih(0)});
	CHECK(lines_with("is not reinstated") == 0);
}

TEST_CASE_METHOD(Retained, "Below error recovery level 2 no connection is reinstated")
{
	target.error_recovery_level = 1;
	auto agent = logged_in();
	CHECK(kernel.live.at(Sid(1)).parameters.error_recovery_level == 1);
	lose_all(*agent);
	REQUIRE(until([&] { return kernel.adoptions == 1; }));
	CHECK(asked_since() == std::vector<Tsih>{Tsih(0)});
}

TEST_CASE_METHOD(Retained, "A target that keeps nothing at error recovery level 2 is told of")
{
	set("node.session.iscsi.DefaultTime2Retain", "0");
	auto agent = logged_in();
	CHECK(lines_with("ErrorRecoveryLevel=2 with DefaultTime2Retain=0") == 1);
	lose_all(*agent);
	REQUIRE(until([&] { return kernel.adoptions == 1; }));
	CHECK(asked_since() == std::vector<Tsih>{Tsih(0)});
}

TEST_CASE_METHOD(Retained, "The connection that has kept tasks is reinstated, and the others join")
{
	set("node.session.nr_connections", "2");
	auto agent = logged_in();
	REQUIRE(until([&] { return kernel.count_up(Sid(1)) == 2; }));
	const int joins = kernel.joins;
	lose_all(*agent, {Cid(1)});
	REQUIRE(until([&] { return kernel.reinstatements == 1; }));
	CHECK(kernel.handed_over.back().cid == Cid(1));
	CHECK(target.asked.at(Cid(1)).back() == Tsih(1));
	REQUIRE(until([&] { return kernel.count_up(Sid(1)) == 2; }));
	CHECK(kernel.joins > joins);
	CHECK(kernel.handed_over.back().cid == Cid(0));
	CHECK(target.asked.at(Cid(0)).back() == Tsih(1));
	CHECK(kernel.adoptions == 0);
}

TEST_CASE_METHOD(Retained, "A reinstatement that ends in another portal group is none")
{
	auto agent = logged_in();
	target.elsewhere[Cid(0)] = Tpgt(2);
	lose_all(*agent);
	REQUIRE(until([&] { return agent->attempts() == 1; })); // the session's own, as well
	CHECK(kernel.reinstatements == 0);
	CHECK(asked_since() == std::vector<Tsih>{Tsih(1), Tsih(0)});
	CHECK(kernel.reserved.empty());
}

TEST_CASE_METHOD(Retained, "A target that drops what it has taken back is logged in to anew")
{
	auto agent = logged_in();
	const int most = max_short_lived;
	const auto pause = 60s; // more than it grows to
	for (int i = 1; i <= most; i++) {
		lose_all(*agent);
		REQUIRE(until([&] { return kernel.reinstatements == i; }, pause));
	}
	lose_all(*agent);
	REQUIRE(until([&] { return kernel.adoptions == 1; }, pause));
	CHECK(kernel.reinstatements == most);
	CHECK(lines_with(str("reinstated ", most, " times and lost again each time")) == 1);

	kernel.completions++; // the pause, which has grown, would outlast the target's patience
	lose_all(*agent);     // of the new session
	CHECK(until([&] { return kernel.reinstatements == most + 1; }));
}

TEST_CASE_METHOD(Retained, "A connection that ends commands is reinstated however often it is lost")
{
	auto agent = logged_in();
	for (int i = 1; i <= 10; i++) {
		lose_all(*agent);
		REQUIRE(until([&] { return kernel.reinstatements == i; }));
		kernel.completions++;
	}
	CHECK(kernel.adoptions == 0);
	CHECK(lines_with("and lost again each time") == 0);
}

TEST_CASE_METHOD(Retained, "A reinstatement that the module does not take is tried again")
{
	auto agent = logged_in();
	kernel.refuse_adopt = ENOTCONN;
	lose_all(*agent);
	REQUIRE(until([&] { return kernel.reinstatements == 1; }));
	CHECK(asked_since() == std::vector<Tsih>{Tsih(1), Tsih(1)});
}

TEST_CASE_METHOD(Retained, "A daemon that was started anew reinstates what an earlier one has lost")
{
	auto first = logged_in();
	auto failed = kernel.live.at(Sid(1));
	failed.state = kernel::SessionState::failed;
	failed.parameters.time2wait = 0;
	kernel.live.at(Sid(1)) = failed;
	kernel.retained = {Cid(0)};

	auto second = make_agent();
	second->take_over(failed, std::string(as_text(failed.identity.owner_key)));
	REQUIRE(until([&] { return kernel.reinstatements == 1; }));
	CHECK(target.last_login.tsih == Tsih(1));
}

TEST_CASE_METHOD(Retained, "A level that the module cannot act on is refused by its name")
{
	kernel.refuse_new = EOPNOTSUPP;
	auto agent = started();
	REQUIRE(until([&] { return outcome.has_value(); }));
	REQUIRE_FALSE(outcome->has_value());
	CHECK_THAT(outcome->error().error.text,
		   Catch::Contains("agreed to ErrorRecoveryLevel=2 (node.session.iscsi.ERL)"));
	CHECK(target.logins == 1);
	CHECK(saved_files() == 0);
}
