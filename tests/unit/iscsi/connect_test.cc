/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iscsi/connect.h"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <catch2/catch.hpp>
#include <fcntl.h>
#include <optional>
#include <set>
#include <sys/socket.h>
#include <vector>

using namespace hawser;
using namespace asio::experimental::awaitable_operators;
using asio::ip::tcp;
using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

namespace
{

/* A port of this machine that takes connections, or refuses them, or says nothing. */
class Port
{
public:
	enum Kind { takes, refuses, silent };

	Port(asio::io_context &io, Kind kind) : acceptor_(io)
	{
		acceptor_.open(tcp::v4());
		acceptor_.bind(tcp::endpoint(asio::ip::make_address("127.0.0.1"), 0));
		address_ = *parse_host("127.0.0.1", acceptor_.local_endpoint().port());
		if (kind != refuses)
			acceptor_.listen(kind == silent ? 0 : 16);
		// With its queue full, the kernel answers no further SYN.
		for (int n = 0; kind == silent && n < 2; n++) {
			const auto endpoint = acceptor_.local_endpoint();
			fill_.emplace_back(io).open(tcp::v4());
			fill_.back().native_non_blocking(true);
			// Asio's own would wait for the connection.
			::connect(fill_.back().native_handle(), endpoint.data(),
				  static_cast<socklen_t>(endpoint.size()));
		}
	}

	const Address &address() const { return address_; }

private:
	tcp::acceptor acceptor_;
	std::vector<tcp::socket> fill_;
	Address address_;
};

struct World {
	asio::io_context io{1};
	ConnectOptions options;
	std::set<int> opened; // descriptors

	World()
	{
		options.before_connect = [this](int fd) -> Status {
			opened.insert(fd);
			return {};
		};
	}

	template <class T>
	std::optional<T> run(asio::awaitable<T> work, Clock::duration limit = 10s)
	{
		std::optional<T> result;
		auto to_its_end = [&]() -> asio::awaitable<void> {
			result.emplace(co_await std::move(work));
			io.stop();
		};
		asio::co_spawn(io, to_its_end(), asio::detached);
		io.restart();
		io.run_for(limit);
		return result;
	}

	/* Which of @ports it was; -1: none. */
	int reached(const std::vector<const Port *> &ports)
	{
		std::vector<Address> addresses;
		for (const Port *port : ports)
			addresses.push_back(port->address());
		auto result = run(connect_to_any(addresses, options));
		REQUIRE(result);
		if (!*result) {
			error = result->error();
			return -1;
		}
		last.emplace(std::move((*result)->socket));
		CHECK(last->remote_endpoint().protocol().family() == AF_INET);
		return static_cast<int>((*result)->which);
	}

	/* Nothing but what was asked for is left of a race. */
	void settles(std::size_t left)
	{
		io.restart();
		io.run_for(100ms);
		std::size_t open = 0;
		for (const int fd : opened)
			open += ::fcntl(fd, F_GETFD) >= 0;
		CHECK(open == left);
	}

	Error error;
	std::optional<StreamSocket> last;
};

} // namespace

TEST_CASE_METHOD(World, "the first address that can be connected is taken, in their order")
{
	Port good(io, Port::takes), second(io, Port::takes), bad(io, Port::refuses);
	const auto began = Clock::now();
	CHECK(reached({&good, &second}) == 0);
	CHECK(reached({&bad, &second, &good}) == 1);
	CHECK(reached({&bad, &bad, &good}) == 2);
	// A refusal needs no head start.
	CHECK(Clock::now() - began < connect_head_start);
	settles(1);
}

TEST_CASE_METHOD(World,
		 "an address that does not answer delays the next one by its head start alone")
{
	Port silent(io, Port::silent), mute(io, Port::silent), good(io, Port::takes);
	auto began = Clock::now();
	CHECK(reached({&silent, &good}) == 1);
	CHECK(Clock::now() - began >= connect_head_start);
	CHECK(Clock::now() - began < 2 * connect_head_start);
	settles(1);

	began = Clock::now();
	CHECK(reached({&silent, &mute, &good}) == 2);
	CHECK(Clock::now() - began < 3 * connect_head_start);
	settles(1);
}

TEST_CASE_METHOD(World, "when none can be connected the error is the first one's")
{
	Port bad(io, Port::refuses), silent(io, Port::silent);
	CHECK(reached({&bad}) == -1);
	CHECK(error.code == Code::connect_failed);
	CHECK(error.text.find("other portals") == std::string::npos);

	options.timeout = Seconds(2);
	CHECK(reached({&silent, &bad}) == -1);
	CHECK(error.code == Code::connect_timed_out);
	CHECK(error.text.find("(nor to 1 other portals)") != std::string::npos);
	settles(0);
}

TEST_CASE_METHOD(World, "attempts end with who wants their result")
{
	Port silent(io, Port::silent), mute(io, Port::silent);
	std::vector<Address> addresses{silent.address(), mute.address()};
	auto cut_short = [&]() -> asio::awaitable<bool> {
		asio::steady_timer timer(io, 1500ms);
		auto first = co_await (connect_to_any(addresses, options) ||
				       timer.async_wait(asio::use_awaitable));
		co_return first.index() == 1;
	};
	CHECK(run(cut_short()) == true);
	CHECK(opened.size() == 2);
	settles(0);
}
