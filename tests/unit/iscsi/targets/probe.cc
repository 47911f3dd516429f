/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Discovers or logs in without a kernel module and prints what came of it, one
 * fact a line, for the scripts that try real targets:
 *
 *   probe discover ADDRESS [KEY=VALUE...]
 *   probe login ADDRESS TARGET [KEY=VALUE...]
 *
 * KEY is one of auth (None, CHAP, ...), user, secret, target_user, target_secret,
 * algorithms, header, data (digests), erl, connections, tag. The exit status is
 * the error's code.
 */
#include "base/str.h"
#include "iscsi/discovery_io.h"
#include "iscsi/login_io.h"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <cstdio>

using namespace hawser;

namespace
{

void say(const std::string &line)
{
	std::puts(line.c_str());
}

std::vector<Digest> digests(std::string_view value)
{
	std::vector<Digest> list;
	for (auto word : split(value, ','))
		list.push_back(word == "CRC32C" ? Digest::crc32c : Digest::none);
	return list;
}

bool set(LoginConfig &config, std::string_view key, std::string_view value)
{
	const auto number = parse_number(value).value_or(0);

	if (key == "auth") {
		config.auth_methods.clear();
		for (auto word : split(value, ','))
			config.auth_methods.push_back(word == "CHAP" ? AuthMethod::chap
								     : AuthMethod::none);
	} else if (key == "user") {
		config.chap.username = value;
	} else if (key == "secret") {
		config.chap.secret = Secret(value);
	} else if (key == "target_user") {
		config.chap.target_username = value;
	} else if (key == "target_secret") {
		config.chap.target_secret = Secret(value);
	} else if (key == "algorithms") {
		config.chap.algorithms.clear();
		for (auto word : split(value, ',')) {
			const auto algorithm = parse_chap_algorithm(word);
			if (!algorithm)
				return false;
			config.chap.algorithms.push_back(*algorithm);
		}
	} else if (key == "header") {
		config.offer.header_digest = digests(value);
	} else if (key == "data") {
		config.offer.data_digest = digests(value);
	} else if (key == "erl") {
		config.offer.error_recovery_level = static_cast<std::uint8_t>(number);
	} else if (key == "connections") {
		config.offer.max_connections = static_cast<std::uint16_t>(number);
	} else if (key == "tag") {
		config.expected_tpgt = Tpgt{static_cast<std::uint16_t>(number)};
	} else {
		return false;
	}
	return true;
}

int report(const LoginFailure &failure)
{
	say(str("error ", static_cast<int>(failure.error.code), ' ', failure.error.text));
	return static_cast<int>(failure.error.code);
}

void report(const LoginResult &result)
{
	const auto &p = result.parameters;
	auto yes_no = [](bool value) { return value ? "Yes" : "No"; };

	say(str("TSIH ", result.target.tsih.value));
	if (result.target.tpgt)
		say(str("TargetPortalGroupTag ", result.target.tpgt->value));
	say(str("AuthMethod ", to_string(result.auth_method)));
	say(str("TargetAuthenticated ", yes_no(result.target_authenticated)));
	say(str("HeaderDigest ", to_string(p.header_digest)));
	say(str("DataDigest ", to_string(p.data_digest)));
	say(str("MaxRecvDataSegmentLength ", p.max_recv_data_segment_length));
	say(str("MaxXmitDataSegmentLength ", p.max_xmit_data_segment_length));
	say(str("MaxConnections ", p.max_connections));
	say(str("InitialR2T ", yes_no(p.initial_r2t)));
	say(str("ImmediateData ", yes_no(p.immediate_data)));
	say(str("MaxBurstLength ", p.max_burst_length));
	say(str("FirstBurstLength ", p.first_burst_length));
	say(str("DefaultTime2Wait ", p.default_time2wait));
	say(str("DefaultTime2Retain ", p.default_time2retain));
	say(str("MaxOutstandingR2T ", p.max_outstanding_r2t));
	say(str("ErrorRecoveryLevel ", unsigned{p.error_recovery_level}));
	say(str("CmdSN ", result.cmd_sn.value, " ExpCmdSN ", result.exp_cmd_sn.value, " MaxCmdSN ",
		result.max_cmd_sn.value));
}

asio::awaitable<int> probe(std::string verb, Address address, LoginConfig config)
{
	ChallengeBook book;

	if (verb == "login") {
		auto session = co_await connect_and_login(address, config, book);
		if (!session)
			co_return report(session.error());
		report(session->result);
		co_return 0;
	}
	auto found = co_await discover(address, std::move(config), book);
	if (!found)
		co_return report(found.error());
	for (const auto &target : found->reply.targets)
		for (const auto &portal : target.portals)
			say(str("target ", target.name, ' ', to_string(portal)));
	for (const auto &skipped : found->reply.skipped)
		say("skipped " + skipped);
	co_return 0;
}

int usage()
{
	std::fputs("probe discover ADDRESS [KEY=VALUE...]\n"
		   "probe login ADDRESS TARGET [KEY=VALUE...]\n",
		   stderr);
	return static_cast<int>(Code::invalid_argument);
}

} // namespace

int main(int argc, char **argv)
{
	const std::vector<std::string> arguments(argv + 1, argv + argc);
	if (arguments.size() < 2)
		return usage();
	const bool login = arguments[0] == "login";
	const auto portal = parse_portal(arguments[1]);
	if (!portal || (login && arguments.size() < 3))
		return usage();

	LoginConfig config;
	config.initiator_name = "iqn.2026-01.com.example:probe";
	config.isid = Isid::from_random(0x70726f, 1);
	if (login)
		config.target_name = arguments[2];
	for (std::size_t i = login ? 3 : 2; i < arguments.size(); i++) {
		const auto equals = arguments[i].find('=');
		if (equals == std::string::npos ||
		    !set(config, arguments[i].substr(0, equals), arguments[i].substr(equals + 1)))
			return usage();
	}

	asio::io_context io;
	int status = static_cast<int>(Code::internal);
	auto run = [&]() -> asio::awaitable<void> {
		status = co_await probe(arguments[0], portal->address, std::move(config));
	};
	asio::co_spawn(io, run(), asio::detached);
	io.run();
	return status;
}
