/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "varlink/client.h"
#include "varlink/server.h"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/local/connect_pair.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace hawser;
using namespace hawser::varlink;
using namespace std::string_literals;

namespace
{

constexpr std::string_view description = R"(interface io.hawser
type Failure (code: int, text: string, retryable: bool)
method Echo(text: string) -> (text: string)
method Count(to: int) -> (number: int)
method Silent() -> ()
method Refuse() -> ()
method Narrow(number: int) -> (number: int)
error Failed (failure: Failure)
)";

class NoLog : public LogSink
{
	void write(Level, std::string_view, std::span<const LogField>) override {}
};

asio::awaitable<void> echo(Exchange &exchange)
{
	Json parameters = exchange.parameters();
	co_await exchange.reply(std::move(parameters));
}

asio::awaitable<void> count(Exchange &exchange)
{
	const int to = exchange.parameters().at("to").get<int>();
	for (int number = 1; number < to; number++) {
		Json parameters = {{"number", number}};
		co_await exchange.reply_and_continue(std::move(parameters));
	}
	Json parameters = {{"number", to}};
	co_await exchange.reply(std::move(parameters));
}

asio::awaitable<void> silent(Exchange &)
{
	co_return;
}

asio::awaitable<void> refuse(Exchange &exchange)
{
	Json failure = {{"code", 24}, {"text", "wrong secret"}, {"retryable", false}};
	Json parameters = {{"failure", std::move(failure)}};
	co_await exchange.error("io.hawser.Failed", std::move(parameters));
}

asio::awaitable<void> narrow(Exchange &exchange)
{
	std::uint16_t number;
	get_member(exchange.parameters(), "number", number);
	Json parameters = {{"number", number}};
	co_await exchange.reply(std::move(parameters));
}

struct Fixture {
	asio::io_context io{1};
	Log log{std::make_unique<NoLog>()};
	Server server{io, log, {"vendor", "product", "1", "url"}};

	Fixture()
	{
		auto interface = Interface::parse(description);
		REQUIRE(interface);
		Handlers handlers = {{"Echo", echo},
				     {"Count", count},
				     {"Silent", silent},
				     {"Refuse", refuse},
				     {"Narrow", narrow}};
		REQUIRE(server.serve(std::move(*interface), std::move(handlers)));
	}

	/* All that the server answers to @bytes until it has no more to do. */
	std::vector<Json> answers(const std::string &bytes, bool *hung_up = nullptr)
	{
		Socket ours(io), theirs(io);
		asio::local::connect_pair(ours, theirs);
		asio::co_spawn(io, server.serve_client(std::move(theirs)), asio::detached);
		std::string received;
		bool closed = false;
		std::array<char, 4096> chunk;
		std::function<void()> read = [&] {
			ours.async_read_some(asio::buffer(chunk),
					     [&](asio::error_code ec, std::size_t size) {
						     received.append(chunk.data(), size);
						     closed = bool(ec);
						     if (!ec)
							     read();
					     });
		};
		read();
		asio::async_write(ours, asio::buffer(bytes), [](asio::error_code, std::size_t) {});
		// Everything is in this process: when nothing is ready, nothing will be.
		while (io.poll() > 0)
			;
		if (hung_up)
			*hung_up = closed;

		std::vector<Json> messages;
		Framer framer(max_reply_bytes);
		framer.feed(received);
		for (auto next = framer.next(); next && *next; next = framer.next())
			messages.push_back(Json::parse(**next));
		ours.close();
		while (io.poll() > 0)
			;
		return messages;
	}
};

std::string call_text(const std::string &method, const Json &parameters, const Json &more = {})
{
	Json call = {{"method", method}, {"parameters", parameters}};
	call.update(more.is_null() ? Json::object() : more);
	return call.dump() + '\0';
}

} // namespace

TEST_CASE_METHOD(Fixture, "A call is answered")
{
	const auto got = answers(call_text("io.hawser.Echo", {{"text", "x"}}));
	REQUIRE(got.size() == 1);
	CHECK(got[0] == Json{{"parameters", {{"text", "x"}}}});
}

TEST_CASE_METHOD(Fixture, "Calls that come at once are answered in their order")
{
	const auto got = answers(call_text("io.hawser.Echo", {{"text", "1"}}) +
				 call_text("io.hawser.Count", {{"to", 2}}, {{"more", true}}) +
				 call_text("io.hawser.Echo", {{"text", "2"}}));
	REQUIRE(got.size() == 4);
	CHECK(got[0]["parameters"]["text"] == "1");
	CHECK(got[1] == Json{{"parameters", {{"number", 1}}}, {"continues", true}});
	CHECK(got[2] == Json{{"parameters", {{"number", 2}}}});
	CHECK(got[3]["parameters"]["text"] == "2");
}

TEST_CASE_METHOD(Fixture, "A call that wants no answer gets none")
{
	const auto got = answers(call_text("io.hawser.Echo", {{"text", "1"}}, {{"oneway", true}}) +
				 call_text("io.hawser.Echo", {{"text", "2"}}));
	REQUIRE(got.size() == 1);
	CHECK(got[0]["parameters"]["text"] == "2");
}

TEST_CASE_METHOD(Fixture, "The interfaces and their descriptions are served")
{
	const auto got = answers(
	    call_text("org.varlink.service.GetInfo", Json::object()) +
	    call_text("org.varlink.service.GetInterfaceDescription", {{"interface", "io.hawser"}}) +
	    call_text("org.varlink.service.GetInterfaceDescription", {{"interface", "a.b"}}));
	REQUIRE(got.size() == 3);
	CHECK(got[0]["parameters"]["interfaces"] ==
	      Json::array({"org.varlink.service", "io.hawser"}));
	CHECK(got[1]["parameters"]["description"] == description);
	CHECK(got[2]["error"] == "org.varlink.service.InterfaceNotFound");
}

TEST_CASE_METHOD(Fixture, "What does not exist or does not fit is refused by name")
{
	const auto got = answers(call_text("io.hawser.Sing", Json::object()) +
				 call_text("io.sing.Echo", Json::object()) +
				 call_text("io.hawser.Echo", {{"text", 1}}) +
				 call_text("io.hawser.Echo", {{"text", "1"}, {"loud", true}}));
	REQUIRE(got.size() == 4);
	CHECK(got[0]["error"] == "org.varlink.service.MethodNotFound");
	CHECK(got[0]["parameters"]["method"] == "io.hawser.Sing");
	CHECK(got[1]["error"] == "org.varlink.service.InterfaceNotFound");
	CHECK(got[2]["error"] == "org.varlink.service.InvalidParameter");
	CHECK(got[2]["parameters"]["parameter"] == "text");
	CHECK(got[3]["parameters"]["parameter"] == "loud");
}

TEST_CASE_METHOD(Fixture, "A number beyond what a method reads it as is refused by name")
{
	const auto got = answers(call_text("io.hawser.Narrow", {{"number", 65535}}) +
				 call_text("io.hawser.Narrow", {{"number", 65536}}) +
				 call_text("io.hawser.Narrow", {{"number", 1}}));
	REQUIRE(got.size() == 3);
	CHECK(got[0]["parameters"]["number"] == 65535);
	CHECK(got[1]["error"] == "org.varlink.service.InvalidParameter");
	CHECK(got[1]["parameters"]["parameter"] == "number 65536 is not between 0 and 65535");
	CHECK(got[2]["parameters"]["number"] == 1);
}

TEST_CASE_METHOD(Fixture, "A client that talks nonsense is hung up on")
{
	bool hung_up = false;
	SECTION("no JSON")
	{
		CHECK(answers("GET / HTTP/1.0\r\n\r\n\0"s, &hung_up).empty());
	}
	SECTION("an endless message")
	{
		CHECK(answers(std::string(max_call_bytes + 1, ' '), &hung_up).empty());
	}
	SECTION("an endless nesting")
	{
		CHECK(answers(std::string(100000, '[') + '\0', &hung_up).empty());
	}
	CHECK(hung_up);
}

TEST_CASE_METHOD(Fixture, "A method that ends without an answer does not leave the client waiting")
{
	bool hung_up = false;
	CHECK(answers(call_text("io.hawser.Silent", Json::object()), &hung_up).empty());
	CHECK(hung_up);
}

TEST_CASE_METHOD(Fixture, "A method of the description without a handler is refused at start")
{
	auto interface = Interface::parse("interface a.b\nmethod C() -> ()");
	REQUIRE(interface);
	CHECK_FALSE(server.serve(std::move(*interface), {}));
}

TEST_CASE_METHOD(Fixture, "A program that waits gets replies, progress and errors as ours")
{
	char folder[] = "/tmp/hawser-varlink-XXXXXX";
	REQUIRE(mkdtemp(folder));
	const std::string path = folder + "/socket"s;
	REQUIRE(server.listen(path));
	server.accept();

	struct stat status {
	};
	REQUIRE(stat(path.c_str(), &status) == 0);
	CHECK((status.st_mode & 0777) == 0600);
	Server second(io, log, {});
	auto refused = second.listen(path);
	REQUIRE_FALSE(refused);
	CHECK(refused.error().code == Code::busy);

	std::thread loop([&] { io.run(); });
	{
		auto client = Client::connect(path);
		REQUIRE(client);
		std::vector<int> numbers;
		auto done = client->call("Count", {{"to", 3}}, true, [&](const Json &reply) {
			numbers.push_back(reply.at("number").get<int>());
		});
		CHECK(done);
		CHECK(numbers == std::vector<int>{1, 2, 3});

		auto failed =
		    client->call("Refuse", Json::object(), false, [](const Json &) { FAIL(); });
		REQUIRE_FALSE(failed);
		CHECK(failed.error().code == Code::authentication_failed);
		CHECK(failed.error().text == "wrong secret");

		auto unknown = client->list_sessions();
		REQUIRE_FALSE(unknown);
		CHECK(unknown.error().code == Code::invalid_request);

		auto hung_up =
		    client->call("Silent", Json::object(), false, [](const Json &) { FAIL(); });
		REQUIRE_FALSE(hung_up);
		CHECK(hung_up.error().code == Code::daemon_failed);
	}
	asio::post(io, [&] {
		server.close();
		io.stop();
	});
	loop.join();

	CHECK_FALSE(std::filesystem::exists(path));
	auto nobody = Client::connect(path);
	REQUIRE_FALSE(nobody);
	CHECK(nobody.error().code == Code::no_daemon);
	std::filesystem::remove_all(folder);
}

TEST_CASE_METHOD(Fixture,
		 "Another user than root reaches nothing, by the socket's mode and its own")
{
	if (geteuid() != 0) {
		WARN("only root can be another user");
		return;
	}
	char folder[] = "/tmp/hawser-varlink-XXXXXX";
	REQUIRE(mkdtemp(folder));
	REQUIRE(chmod(folder, 0755) == 0);
	const std::string path = folder + "/socket"s;
	REQUIRE(server.listen(path));
	server.accept();
	const bool opened = GENERATE(false, true);
	/* As if somebody had opened it: who calls is looked at besides. */
	if (opened)
		REQUIRE(chmod(path.c_str(), 0666) == 0);

	const pid_t child = fork();
	if (child == 0) {
		if (setgid(65534) != 0 || setuid(65534) != 0)
			_exit(99);
		auto client = Client::connect(path);
		if (!client)
			_exit(static_cast<int>(client.error().code));
		auto done =
		    client->call("Echo", {{"text", "x"}}, false, [](const Json &) { _exit(98); });
		const bool told = !done && done.error().text.find("root only") != std::string::npos;
		_exit(told ? static_cast<int>(done.error().code) : 97);
	}
	REQUIRE(child > 0);
	int status = 0;
	for (int round = 0; waitpid(child, &status, WNOHANG) == 0 && round < 1000; round++)
		io.run_one_for(std::chrono::milliseconds(20));
	REQUIRE(WIFEXITED(status));
	CHECK(WEXITSTATUS(status) == static_cast<int>(Code::no_permission));
	server.close();
	std::filesystem::remove_all(folder);
}
