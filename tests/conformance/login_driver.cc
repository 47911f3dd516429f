/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hawser's login and discovery for tests that speak for the target: one process
 * for any number of logins, many at a time.
 *
 * Each line of standard input is a request, each line of standard output an outcome, both
 * JSON objects. The outcome of a request has its "id" and comes when it is known, so
 * outcomes may overtake one another. The process ends with its input.
 *
 * A request, all members but the first three optional:
 *
 *   id          any value
 *   operation   "login" or "discover"
 *   address     as an administrator writes it: "127.0.0.1:3260"
 *   initiator, alias, target      names; isid in hexadecimal
 *   tsih, cid, cmd_sn, exp_stat_sn, tpgt     numbers
 *   auth        methods in order: ["CHAP", "None"]
 *   chap        user, secret, target_user, target_secret (all as hexadecimal digits, so
 *               that they may be any bytes), algorithms by name, ipsec
 *   offer       text keys and their values, all as strings
 *   max_exchanges, max_text_length
 *   response_timeout, total_timeout   seconds
 *   what        SendTargets' value
 *   left        true: read what the target sent after its final Login Response, to the
 *               end of the connection
 *   summary     true: the number of targets and portals instead of their names
 *
 * An outcome has either "error" (code, text, retryable and, when the target refused,
 * class and detail) or "result" (for a login) or "targets" and "skipped"; and "usage": CPU
 * time of the whole process so far in microseconds and its peak memory in KiB.
 */
#include "base/coding.h"
#include "base/str.h"
#include "iscsi/discovery_io.h"
#include "iscsi/keys.h"
#include "iscsi/login_io.h"
#include "iscsi/offer.h"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/read.hpp>
#include <asio/read_until.hpp>
#include <asio/redirect_error.hpp>
#include <asio/streambuf.hpp>
#include <asio/use_awaitable.hpp>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <sys/resource.h>
#include <unistd.h>

using namespace hawser;
using nlohmann::json;

namespace
{

/* A request that says something this program does not know: the test is wrong. */
struct BadRequest : std::runtime_error {
	using std::runtime_error::runtime_error;
};

/* As it stands there, also what is not admissible; but it must be of the key's type. */
void set_offer(OperationalOffer &offer, const std::string &key, const std::string &value)
{
	const auto *binding = find_binding(key);

	if (!binding)
		throw BadRequest("no such key to offer: " + key);
	const auto type = find_key(key)->type;
	if ((type == KeyType::number && !parse_numerical(value)) ||
	    (type == KeyType::boolean && !parse_boolean(value)))
		throw BadRequest(str("no value to offer: ", key, '=', value));
	binding->offer(offer, value);
}

Secret secret(const json &chap, const char *member)
{
	const auto bytes = hex_decode(chap.value(member, ""));

	if (!bytes)
		throw BadRequest(str(member, " is not hexadecimal"));
	return Secret(std::span<const std::uint8_t>(*bytes));
}

void set_chap(ChapConfig &config, const json &chap)
{
	config.username = chap.value("user", "");
	config.secret = secret(chap, "secret");
	config.target_username = chap.value("target_user", "");
	config.target_secret = secret(chap, "target_secret");
	config.protected_by_ipsec = chap.value("ipsec", false);
	if (!chap.contains("algorithms"))
		return;
	config.algorithms.clear();
	for (const auto &name : chap["algorithms"]) {
		const auto algorithm = parse_chap_algorithm(name.get<std::string>());
		if (!algorithm)
			throw BadRequest(str("no CHAP algorithm: ", name.get<std::string>()));
		config.algorithms.push_back(*algorithm);
	}
}

LoginConfig config_of(const json &request)
{
	LoginConfig config;

	config.initiator_name = request.value("initiator", "iqn.2026-11.io.hawser.test:initiator");
	config.initiator_alias = request.value("alias", "");
	config.target_name = request.value("target", "iqn.2026-11.io.hawser.test:target");
	const auto isid = Isid::parse(request.value("isid", "800011220001"));
	if (!isid)
		throw BadRequest(isid.error().text);
	config.isid = *isid;
	config.tsih = Tsih{request.value("tsih", std::uint16_t{0})};
	config.cid = Cid{request.value("cid", std::uint16_t{0})};
	config.cmd_sn = CmdSn{request.value("cmd_sn", std::uint32_t{1})};
	config.exp_stat_sn = StatSn{request.value("exp_stat_sn", std::uint32_t{0})};
	if (request.contains("tpgt"))
		config.expected_tpgt = Tpgt{request["tpgt"].get<std::uint16_t>()};
	if (request.contains("auth")) {
		config.auth_methods.clear();
		for (const auto &method : request["auth"])
			config.auth_methods.push_back(method == "CHAP" ? AuthMethod::chap
								       : AuthMethod::none);
	}
	if (request.contains("chap"))
		set_chap(config.chap, request["chap"]);
	const json offer = request.value("offer", json::object());
	for (const auto &[key, value] : offer.items())
		set_offer(config.offer, key, value.get<std::string>());
	config.max_exchanges = request.value("max_exchanges", config.max_exchanges);
	config.max_text_length = request.value("max_text_length", config.max_text_length);
	return config;
}

LoginTimeouts timeouts_of(const json &request)
{
	return {Seconds(request.value("response_timeout", 15)),
		Seconds(request.value("total_timeout", 60))};
}

json to_json(const LoginFailure &failure)
{
	json error = {{"code", static_cast<int>(failure.error.code)},
		      {"text", failure.error.text},
		      {"retryable", failure.retryable}};

	if (failure.status) {
		error["class"] = failure.status->status_class;
		error["detail"] = failure.status->status_detail;
	}
	return {{"error", error}};
}

json to_json(const LoginResult &result)
{
	const auto &p = result.parameters;
	json keys = {{"AuthMethod", std::string(to_string(result.auth_method))},
		     {"MaxXmitDataSegmentLength", str(p.max_xmit_data_segment_length)}};

	for (const auto &binding : all_bindings())
		keys[std::string(binding.key)] = binding.result(p);
	json about = {{"keys", keys},
		      {"tsih", result.target.tsih.value},
		      {"alias", result.target.alias},
		      {"target_authenticated", result.target_authenticated},
		      {"cmd_sn", result.cmd_sn.value},
		      {"exp_cmd_sn", result.exp_cmd_sn.value},
		      {"max_cmd_sn", result.max_cmd_sn.value},
		      {"exp_stat_sn", result.exp_stat_sn.value}};
	if (result.target.tpgt)
		about["tpgt"] = result.target.tpgt->value;
	return about;
}

json usage()
{
	rusage used{};
	auto microseconds = [](const timeval &time) {
		return std::int64_t{time.tv_sec} * 1'000'000 + time.tv_usec;
	};

	getrusage(RUSAGE_SELF, &used);
	return {{"cpu_us", microseconds(used.ru_utime) + microseconds(used.ru_stime)},
		{"peak_kib", used.ru_maxrss}};
}

asio::awaitable<std::string> read_to_end(StreamSocket &socket)
{
	Bytes bytes(65536);
	asio::error_code ec;
	const auto count = co_await asio::async_read(socket, asio::buffer(bytes),
						     asio::redirect_error(asio::use_awaitable, ec));

	co_return hex_encode(std::span(bytes).first(count));
}

asio::awaitable<json> log_in(const json &request, Address address, ChallengeBook &book)
{
	const LoginConfig config = config_of(request);
	auto session = co_await connect_and_login(address, config, book, {}, timeouts_of(request));

	if (!session)
		co_return to_json(session.error());
	json result = to_json(session->result);
	result["address"] = to_string(session->address);
	if (session->moved_to)
		result["moved_to"] = to_string(*session->moved_to);
	if (request.value("left", false))
		result["left"] = co_await read_to_end(session->socket);
	co_return json{{"result", result}};
}

asio::awaitable<json> run_discovery(const json &request, Address address, ChallengeBook &book)
{
	const DiscoveryTimeouts timeouts{timeouts_of(request),
					 Seconds(request.value("response_timeout", 30))};
	auto found = co_await discover(address, config_of(request), book,
				       request.value("what", "All"), {}, timeouts);

	if (!found)
		co_return to_json(found.error());
	json answer = {{"usage", usage()},
		       {"result", to_json(found->login)},
		       {"skipped", found->reply.skipped}};
	if (request.value("summary", false)) {
		std::size_t portals = 0;
		for (const auto &target : found->reply.targets)
			portals += target.portals.size();
		answer["targets"] = found->reply.targets.size();
		answer["portals"] = portals;
		co_return answer;
	}
	answer["targets"] = json::array();
	for (const auto &target : found->reply.targets) {
		json portals = json::array();
		for (const auto &portal : target.portals)
			portals.push_back(to_string(portal));
		answer["targets"].push_back({{"name", target.name}, {"portals", portals}});
	}
	co_return answer;
}

asio::awaitable<void> answer(json request, ChallengeBook &book)
{
	json outcome;

	try {
		const auto portal = parse_portal(request.at("address").get<std::string>());
		if (!portal)
			throw BadRequest(portal.error().text);
		if (request.at("operation") == "discover")
			outcome = co_await run_discovery(request, portal->address, book);
		else
			outcome = co_await log_in(request, portal->address, book);
	} catch (const std::exception &error) {
		outcome = {{"bad_request", error.what()}};
	}
	outcome["id"] = request["id"];
	if (!outcome.contains("usage"))
		outcome["usage"] = usage();
	// What a target sent may be no UTF-8; the text quotes it, and here nothing is lost by it.
	std::cout << outcome.dump(-1, ' ', true, json::error_handler_t::replace) << std::endl;
}

asio::awaitable<void> take_requests(asio::io_context &io, ChallengeBook &book)
{
	asio::posix::stream_descriptor input(io, ::dup(STDIN_FILENO));
	asio::streambuf buffer;
	asio::error_code ec;

	for (;;) {
		co_await asio::async_read_until(input, buffer, '\n',
						asio::redirect_error(asio::use_awaitable, ec));
		if (ec)
			co_return;
		std::istream lines(&buffer);
		std::string line;
		std::getline(lines, line);
		asio::co_spawn(io, answer(json::parse(line), book), asio::detached);
	}
}

} // namespace

int main()
{
	asio::io_context io;
	ChallengeBook book;

	asio::co_spawn(io, take_requests(io, book), asio::detached);
	io.run();
	return 0;
}
