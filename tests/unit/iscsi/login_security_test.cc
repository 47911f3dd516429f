/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The security stage of a login: which method, and CHAP. */
#include "login_run.h"

using namespace hawser;
using namespace hawser::test;

TEST_CASE("one-way CHAP logs in with each digest")
{
	for (unsigned algorithm : {5, 6, 7, 8}) {
		FakeTarget target;
		target.auth_method = "CHAP";
		target.chap_algorithm = algorithm;
		const auto result = success(chap_config(), target);
		CHECK(result.auth_method == AuthMethod::chap);
		CHECK(!result.target_authenticated);
		CHECK(value_of(target.received, "CHAP_A") == "8,6,5,7");
		CHECK(value_of(target.received, "CHAP_N") == "iqn.2026-01.com.example:host");
		CHECK(!has(target.received, "CHAP_C"));
		CHECK(!target.requests[0].transit);
		CHECK(!target.requests[1].transit);
		CHECK(target.requests[2].transit);
	}
}

TEST_CASE("mutual CHAP authenticates the target")
{
	for (unsigned algorithm : {5, 6, 7, 8}) {
		FakeTarget target;
		target.auth_method = "CHAP";
		target.chap_algorithm = algorithm;
		CHECK(success(chap_config(true), target).target_authenticated);
	}
	FakeTarget impostor;
	impostor.auth_method = "CHAP";
	impostor.own_secret = "a wrong secret";
	auto end = failure(chap_config(true), impostor);
	CHECK(end.error.code == Code::authentication_failed);
	CHECK(!end.retryable);
}

TEST_CASE("a target that skips its proof in mutual CHAP is refused")
{
	FakeTarget target;
	target.auth_method = "CHAP";
	target.tamper = [&](Response &r) {
		if (has(target.requests.back().keys, "CHAP_R"))
			r.text.clear();
	};
	CHECK(fails_with(chap_config(true), target, {"before CHAP was done"}));

	FakeTarget stalls;
	stalls.auth_method = "CHAP";
	stalls.tamper = [&](Response &r) {
		if (has(stalls.requests.back().keys, "CHAP_R")) {
			r.text.clear();
			r.transit = false;
		}
	};
	CHECK(fails_with(chap_config(true), stalls, {"left CHAP without an answer"}));
}

TEST_CASE("a target that does not do the CHAP that is required is refused")
{
	FakeTarget none;
	CHECK(fails_with(chap_config(), none, {"AuthMethod=\"None\"", "CHAP"}));
	FakeTarget rejects;
	rejects.auth_method = "Reject";
	CHECK(
	    fails_with(chap_config(), rejects, {"does not offer", "CHAP with AuthMethod=Reject"}));
	FakeTarget silent;
	silent.tamper = [](Response &r) {
		if (r.csg == Stage::security)
			r.text = encode_text(Pairs{{"TargetPortalGroupTag", "1"}});
	};
	auto end = failure(chap_config(), silent);
	CHECK(end.error.code == Code::authentication_failed);
	CHECK(end.error.text.find("CHAP is required") != std::string::npos);
}

TEST_CASE("AuthMethod is offered in the administrator's order and either may be chosen")
{
	auto config = chap_config();
	config.auth_methods = {AuthMethod::none, AuthMethod::chap};
	FakeTarget none;
	CHECK(success(config, none).auth_method == AuthMethod::none);
	CHECK(value_of(none.received, "AuthMethod") == "None,CHAP");

	config.auth_methods = {AuthMethod::chap, AuthMethod::none};
	FakeTarget chap;
	chap.auth_method = "CHAP";
	CHECK(success(config, chap).auth_method == AuthMethod::chap);
	CHECK(value_of(chap.received, "AuthMethod") == "CHAP,None");

	/* Whoever chooses None has the stage behind it with its first answer. */
	for (const auto &methods : {std::vector{AuthMethod::chap, AuthMethod::none},
				    std::vector{AuthMethod::none, AuthMethod::chap}}) {
		config.auth_methods = methods;
		FakeTarget without;
		success(config, without);
		CHECK(without.requests.size() == 2);
	}

	FakeTarget other;
	other.auth_method = "KRB5";
	CHECK(fails_with(config, other, {"KRB5", "not offered"}));
}

TEST_CASE("CHAP keys without CHAP chosen end the login")
{
	FakeTarget target;
	target.in_security = {{"CHAP_A", "5"}, {"CHAP_I", "1"}, {"CHAP_C", "0x00"}};
	CHECK(fails_with(config_for(), target, {"CHAP_A", "not chosen"}));
}
