/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All connections of a session have one authentication method (RFC 7143, 9.2). */
#include "agent_world.h"
#include "world.h"

using namespace hawser;
using namespace hawser::daemon;

namespace
{

using Methods = std::vector<AuthMethod>;
const Methods none{AuthMethod::none};
const Methods chap{AuthMethod::chap};
const Methods both{AuthMethod::none, AuthMethod::chap};

void offer_both(config::Node &node, config::SecretBox &secrets)
{
	for (const auto &[key, value] :
	     {std::pair{"node.session.auth.authmethod", "None,CHAP"},
	      std::pair{"node.session.auth.password", "a very good secret"}})
		REQUIRE(node.settings.set(key, value, secrets));
}

struct Method : AgentWorld {
	Method()
	{
		offer_both(node, store.secrets());
		set("node.session.nr_connections", "2");
	}

	std::shared_ptr<SessionAgent> logged_in()
	{
		auto agent = started();
		REQUIRE(until([&] { return kernel.live.contains(Sid(1)) && up() == 2; }));
		REQUIRE(until([&] { return outcome.has_value(); }));
		return agent;
	}

	int up() { return kernel.count_up(Sid(1)); }

	void lose_one(SessionAgent &agent, Cid cid)
	{
		kernel.connection_of(Sid(1), cid).state = kernel::ConnectionState::free;
		agent.on_event({1, Sid(1), kernel::ConnectionLost{cid, kernel::Loss::closed, 0}});
	}

	std::optional<AuthMethod> kept()
	{
		auto loaded =
		    saved.load(std::string(as_text(kernel.live.at(Sid(1)).identity.owner_key)));
		REQUIRE(loaded);
		REQUIRE(*loaded);
		return (*loaded)->auth_method;
	}
};

} // namespace

TEST_CASE_METHOD(Method, "What joins a session is offered the method of its leading login alone")
{
	const auto [takes, agreed] = GENERATE(std::pair{both, none}, std::pair{chap, chap});
	target.takes = takes;
	auto agent = logged_in();
	CHECK(target.last_login.cid == Cid(1));
	CHECK(target.last_login.auth_methods == agreed);
	CHECK(kept() == agreed.front());

	// Which has changed its mind meanwhile.
	target.takes = agreed == none ? chap : none;
	lose_one(*agent, Cid(0));
	REQUIRE(until([&] { return target.logins >= 3; }));
	idle();
	CHECK(target.last_login.cid == Cid(0));
	CHECK(target.last_login.auth_methods == agreed);
	CHECK(up() == 1);
}

TEST_CASE_METHOD(Method, "A connection that is reinstated is offered the session's method alone")
{
	target.error_recovery_level = 2;
	target.takes = chap;
	auto agent = logged_in();
	target.takes = both;
	kernel.retained = {Cid(0), Cid(1)};
	lose(*agent);
	REQUIRE(until([&] { return kernel.reinstatements == 1 && up() == 2; }));
	for (const Way &way : target.last_ways)
		CHECK(way.login.auth_methods == chap);
	CHECK(kept() == AuthMethod::chap);
}

TEST_CASE_METHOD(Method, "A session in place of the old one negotiates its method anew")
{
	target.takes = chap;
	auto agent = logged_in();
	target.takes = none;
	Methods offered;
	kernel.on_adopt = [&] {
		if (offered.empty())
			offered = target.last_login.auth_methods;
	};
	lose(*agent);
	REQUIRE(until([&] { return kernel.adoptions == 1 && up() == 2; }));
	CHECK(offered == both);
	CHECK(target.last_login.auth_methods == none);
	CHECK(kept() == AuthMethod::none);
}

TEST_CASE_METHOD(World, "A daemon that takes a session over offers its method alone")
{
	auto node = a_node();
	offer_both(node, store.secrets());
	REQUIRE(node.settings.set("node.session.nr_connections", "2", store.secrets()));
	target.takes = chap;
	log_in(stored(node));
	REQUIRE(until([&] { return kernel.count_up(Sid(1)) == 2; }));
	target.takes = both;

	Sessions later(around());
	kernel.connection_of(Sid(1), Cid(1)).state = kernel::ConnectionState::free;
	const int before = target.logins;
	Methods offered = chap;
	SECTION("as it was saved") {}
	SECTION("and both where an older daemon has saved nothing of it")
	{
		const std::string key(as_text(kernel.live.at(Sid(1)).identity.owner_key));
		auto session = saved.load(key);
		REQUIRE(session);
		REQUIRE(*session);
		(*session)->auth_method.reset();
		REQUIRE(saved.save(**session));
		offered = both;
	}
	later.take_over();
	REQUIRE(until([&] { return target.logins > before; }));
	CHECK(target.last_login.auth_methods == offered);
}

TEST_CASE_METHOD(Method, "A saved method that the session's login cannot have agreed on is damage")
{
	target.takes = chap;
	auto agent = logged_in();
	auto session = saved.load(std::string(as_text(kernel.live.at(Sid(1)).identity.owner_key)));
	REQUIRE(session);
	REQUIRE(*session);
	const std::string text = saved_to_text(**session);
	const std::string good = "\"auth_method\":\"CHAP\"";
	for (const char *bad : {"\"auth_method\":\"KRB5\"", "\"auth_method\":1"}) {
		auto damaged = text;
		REQUIRE(damaged.find(good) != std::string::npos);
		damaged.replace(damaged.find(good), good.size(), bad);
		CHECK_FALSE(saved_from_text("k", damaged));
	}
	// Nor one that its record did not offer.
	auto other = **session;
	REQUIRE(other.node.settings.set("node.session.auth.authmethod", "None", store.secrets()));
	CHECK_FALSE(saved_from_text("k", saved_to_text(other)));

	other = **session;
	other.auth_method.reset();
	REQUIRE(saved_from_text("k", saved_to_text(other)));
	CHECK_FALSE(saved_from_text("k", saved_to_text(other))->auth_method);
}
