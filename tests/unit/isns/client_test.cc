/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The client over a socketpair, with a server that speaks from a script. */
#include "isns/client.h"

#include "messages.h"

#include <array>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>
#include <deque>
#include <sys/socket.h>

using namespace hawser;
using namespace hawser::isns;
using namespace hawser::isns::test;

namespace
{

const std::string me = "iqn.2026-11.com.example:host";
constexpr Seconds soon{5};

/* Answers each request with what the next step of the script makes of it. */
struct Script {
	using Step = std::function<Bytes(const Message &request)>;

	std::deque<Step> steps;
	std::vector<std::uint16_t> functions; // what came, answers of the client included
	std::vector<std::uint32_t> statuses;  // of its answers
};

struct Wired {
	asio::io_context io;
	StreamSocket theirs{io};
	Script script;
	std::vector<std::uint16_t> served;
	std::optional<Connection> connection;

	Wired()
	{
		std::array<int, 2> fds{};
		REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()) == 0);
		const asio::generic::stream_protocol local(AF_UNIX, 0);
		StreamSocket ours(io);
		ours.assign(local, fds[0]);
		theirs.assign(local, fds[1]);
		connection.emplace(std::move(ours), [this](const Message &request) {
			served.push_back(request.function());
			return serve(request, me).answer;
		});
	}

	asio::awaitable<void> run_script()
	{
		Assembler assembler;
		std::array<std::uint8_t, 4096> bytes;
		asio::error_code ec;
		auto token = asio::redirect_error(asio::use_awaitable, ec);
		while (!ec) {
			auto message = assembler.next();
			REQUIRE(message);
			if (!*message) {
				auto n =
				    co_await theirs.async_read_some(asio::buffer(bytes), token);
				assembler.feed(std::span(bytes).first(n));
				continue;
			}
			script.functions.push_back((*message)->function());
			if ((*message)->is_response()) {
				script.statuses.push_back((*message)->status());
				continue;
			}
			if (script.steps.empty())
				break;
			auto step = std::move(script.steps.front());
			script.steps.pop_front();
			const Bytes answer = step(**message);
			if (answer.empty())
				continue; // silence
			co_await asio::async_write(theirs, asio::buffer(answer), token);
		}
		theirs.close(ec);
	}

	template <class T> T run(asio::awaitable<T> work)
	{
		std::optional<T> result;
		auto to_its_end = [&]() -> asio::awaitable<void> {
			result.emplace(co_await std::move(work));
			io.stop();
		};
		asio::co_spawn(io, run_script(), asio::detached);
		asio::co_spawn(io, to_its_end(), asio::detached);
		io.run_for(std::chrono::seconds(10));
		REQUIRE(result);
		return std::move(*result);
	}

	void then(Script::Step step) { script.steps.push_back(std::move(step)); }
	/* An answer with @status and what @fill puts in. */
	template <class Fill> void then(std::uint32_t status, const Fill &fill)
	{
		then([status, fill](const Message &request) {
			Builder builder(request, status);
			fill(builder);
			return builder.wire(0);
		});
	}
	void then(std::uint32_t status)
	{
		then(status, [](Builder &) {});
	}
};

Bytes joined(Bytes a, const Bytes &b)
{
	a.insert(a.end(), b.begin(), b.end());
	return a;
}

Bytes inquiry()
{
	Builder esi(Function::esi);
	esi.number(4, 1).text(1, me);
	return esi.wire(77);
}

std::string target(int i)
{
	return "iqn.2026-11.com.example:t" + std::to_string(i);
}

} // namespace

TEST_CASE_METHOD(Wired, "what the server asks during a call is answered on the way")
{
	then([](const Message &request) { return joined(inquiry(), Builder(request, 0).wire(0)); });
	auto answer = run(connection->call(scn_registration(me), soon));
	REQUIRE(answer);
	CHECK(answer->status() == 0);
	CHECK(served == std::vector<std::uint16_t>{0x000d});
}

TEST_CASE_METHOD(Wired, "an answer to a call that was given up is not taken for the next one's")
{
	then([](const Message &) { return Bytes(); });
	auto first = run(connection->call(scn_registration(me), Seconds(1)));
	REQUIRE_FALSE(first);
	CHECK(first.error().code == Code::pdu_timed_out);
	CHECK(first.error().text == "the iSNS server did not answer SCNReg in 1 seconds");
}

TEST_CASE_METHOD(Wired, "a late answer is passed over")
{
	then([](const Message &request) {
		Builder late(Function::scn_reg);
		Bytes bytes = Builder(received(late, request.transaction() - 1), 17).wire(0);
		return joined(bytes, Builder(request, 0).wire(0));
	});
	auto answer = run(connection->call(scn_registration(me), soon));
	REQUIRE(answer);
	CHECK(answer->status() == 0);
}

TEST_CASE_METHOD(Wired, "an answer of another function and a closed connection end the call")
{
	then([](const Message &request) {
		Builder other(Function::dev_dereg);
		return Builder(received(other, request.transaction()), 0).wire(0);
	});
	auto answer = run(connection->call(scn_registration(me), soon));
	REQUIRE_FALSE(answer);
	CHECK(answer.error().code == Code::isns_query);
	CHECK(answer.error().text == "the iSNS server answered SCNReg with DevDeregRsp");
	io.restart();
	answer = run(connection->call(scn_registration(me), soon));
	REQUIRE_FALSE(answer);
	CHECK(answer.error().code == Code::isns_unavailable);
}

TEST_CASE_METHOD(Wired, "attending answers what comes and ends when it is interrupted")
{
	const Bytes asked = joined(inquiry(), inquiry());
	asio::co_spawn(
	    io,
	    [&]() -> asio::awaitable<void> {
		    asio::error_code ec;
		    auto token = asio::redirect_error(asio::use_awaitable, ec);
		    co_await asio::async_write(theirs, asio::buffer(asked), token);
		    asio::steady_timer timer(io, std::chrono::milliseconds(20));
		    co_await timer.async_wait(token);
		    connection->interrupt();
	    },
	    asio::detached);
	CHECK(run(connection->attend(isns::Clock::now() + Seconds(8))));
	CHECK(served.size() == 2);
	CHECK(script.statuses.size() == 2);
}

TEST_CASE_METHOD(Wired, "an interruption before attending is not lost, and is over after it")
{
	connection->interrupt();
	CHECK(run(connection->attend(isns::Clock::now() + Seconds(8))));
	io.restart();
	const auto start = isns::Clock::now();
	CHECK(run(connection->attend(start + std::chrono::milliseconds(50))));
	CHECK(isns::Clock::now() - start >= std::chrono::milliseconds(50));
}

TEST_CASE_METHOD(Wired, "a server without status inquiries is registered with without them")
{
	then(status::esi_not_available);
	then([](const Message &request) {
		CHECK_FALSE(request.find(tag::esi_port));
		return Builder(request, 0).text(1, me).delimiter().number(6, 600).wire(0);
	});
	auto granted =
	    run(register_with(*connection, {me, "", ipv4(192, 0, 2, 9), 4711, 60}, soon));
	REQUIRE(granted);
	CHECK(granted->esi_interval == 0);
	CHECK(granted->period == 600);
}

TEST_CASE_METHOD(Wired, "targets are asked for in one query")
{
	then(0, [](Builder &b) {
		b.number(33, 1).delimiter().text(32, target(1)).number(33, 1);
		b.address(16, ipv4(192, 0, 2, 1)).number(17, 3260);
	});
	auto reply = run(find_targets(*connection, me, soon));
	REQUIRE(reply);
	REQUIRE(reply->targets.size() == 1);
	CHECK(script.functions == std::vector<std::uint16_t>{2});
}

TEST_CASE_METHOD(Wired,
		 "a server that cannot say all at once is asked for one node after the other")
{
	then(11);
	for (int i = 1; i <= 3; i++) {
		then(0, [i](Builder &b) {
			b.text(32, target(i)).delimiter().number(33, i == 2 ? 2 : 1);
		});
		if (i == 2)
			continue;
		then(0, [i](Builder &b) {
			b.text(32, target(i)).delimiter().text(32, target(i)).number(33, 1);
			b.address(16, ipv4(192, 0, 2, 1)).number(17, 3260);
		});
	}
	then(status::no_such_entry);
	auto reply = run(find_targets(*connection, me, soon));
	REQUIRE(reply);
	REQUIRE(reply->targets.size() == 2);
	CHECK(reply->targets[1].name == target(3));
	CHECK(script.functions == std::vector<std::uint16_t>{2, 3, 2, 3, 3, 2, 3});
}

TEST_CASE_METHOD(Wired, "a walk that goes in circles ends")
{
	then(11);
	for (int i = 0; i < 2; i++)
		then(0, [](Builder &b) { b.text(32, target(1)).delimiter().number(33, 2); });
	auto reply = run(find_targets(*connection, me, soon));
	REQUIRE_FALSE(reply);
	CHECK(reply.error().text == "the iSNS server named \"" + target(1) + "\" twice");
}

TEST_CASE_METHOD(Wired, "a refusal that is about the source is not asked around")
{
	then(status::source_unauthorized);
	auto reply = run(find_targets(*connection, me, soon));
	REQUIRE_FALSE(reply);
	CHECK(reply.error().code == Code::isns_query);
	CHECK(script.functions == std::vector<std::uint16_t>{2});
}
