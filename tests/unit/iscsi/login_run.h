/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The login machine run against the fake target to its end. */
#pragma once

#include "iscsi/login.h"

#include "base/str.h"
#include "fake_target.h"

#include <algorithm>
#include <catch2/catch.hpp>

namespace hawser::test
{

inline LoginConfig config_for(std::string target = "iqn.2026-01.com.example:disk")
{
	LoginConfig config;
	config.initiator_name = "iqn.2026-01.com.example:host";
	config.target_name = std::move(target);
	config.isid = Isid::from_random(0x123456, 1);
	config.cmd_sn = CmdSn{100};
	return config;
}

inline LoginConfig chap_config(bool mutual = false)
{
	LoginConfig config = config_for();
	config.auth_methods = {AuthMethod::chap};
	config.chap.secret = Secret("initiator-secret");
	if (mutual)
		config.chap.target_secret = Secret("target-secret-16");
	return config;
}

/* Runs machine against target to the machine's end. */
inline Login::Step run(const LoginConfig &config, FakeTarget &target, ChallengeBook &book)
{
	REQUIRE(check(config));
	Login login(config, book);
	auto step = login.start();
	while (auto *request = std::get_if<Pdu>(&step))
		step = login.receive(target.respond(*request));
	return step;
}

inline Login::Step run(const LoginConfig &config, FakeTarget &target)
{
	ChallengeBook book;
	return run(config, target, book);
}

inline LoginResult success(const LoginConfig &config, FakeTarget &target)
{
	auto end = run(config, target);
	if (auto *failure = std::get_if<LoginFailure>(&end))
		FAIL(failure->error.text);
	REQUIRE(std::holds_alternative<LoginResult>(end));
	return std::get<LoginResult>(std::move(end));
}

inline LoginFailure failure(const LoginConfig &config, FakeTarget &target)
{
	auto end = run(config, target);
	REQUIRE(std::holds_alternative<LoginFailure>(end));
	return std::get<LoginFailure>(std::move(end));
}

/* The login ends in a text that holds each of @parts. */
inline bool fails_with(const LoginConfig &config, FakeTarget &target,
		       std::vector<std::string_view> parts)
{
	const auto text = failure(config, target).error.text;
	UNSCOPED_INFO(text);
	return std::all_of(parts.begin(), parts.end(),
			   [&](auto part) { return text.find(part) != std::string::npos; });
}

} // namespace hawser::test
