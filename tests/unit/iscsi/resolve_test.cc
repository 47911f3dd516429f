/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iscsi/resolve.h"

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/use_awaitable.hpp>
#include <catch2/catch.hpp>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <set>
#include <unistd.h>

using namespace hawser;
using namespace std::chrono_literals;
using Endpoints = std::vector<asio::ip::tcp::endpoint>;

namespace
{

/* Names that begin with "slow" are answered when the test says so. */
std::mutex lock;
std::condition_variable changed;
bool answered;
unsigned waiting;

Result<Endpoints> fake(const std::string &host, std::uint16_t port)
{
	if (host.starts_with("slow")) {
		std::unique_lock held(lock);
		waiting++;
		changed.notify_all();
		changed.wait(held, [] { return answered; });
		waiting--;
		changed.notify_all();
	}
	return Endpoints{{asio::ip::make_address("192.0.2.1"), port}};
}

struct Names {
	asio::io_context io{1};
	std::vector<Result<Endpoints>> results;

	Names() { answered = false; }
	~Names()
	{
		answer();
		std::unique_lock held(lock);
		changed.wait(held, [] { return waiting == 0; });
	}
	void answer()
	{
		const std::lock_guard held(lock);
		answered = true;
		changed.notify_all();
	}
	void ask(const std::string &host, std::chrono::seconds limit = 10s)
	{
		asio::co_spawn(io, resolve({Address::Kind::name, host, 3260}, limit, fake),
			       [this](std::exception_ptr, Result<Endpoints> result) {
				       results.push_back(std::move(result));
			       });
	}
	void run_until(std::size_t count)
	{
		const auto deadline = std::chrono::steady_clock::now() + 20s;
		while (results.size() < count && std::chrono::steady_clock::now() < deadline) {
			io.restart();
			io.run_one_for(10ms);
		}
		REQUIRE(results.size() == count);
	}
};

} // namespace

TEST_CASE_METHOD(Names, "a name that is not answered is not in the way of another")
{
	ask("slow.example");
	ask("quick.example");
	run_until(1);
	REQUIRE(results[0]);
	CHECK(results[0]->front().port() == 3260);
	answer();
	run_until(2);
	CHECK(results[1]);
}

TEST_CASE_METHOD(Names, "a name that is not answered in time is given up, and said so")
{
	ask("slow.example", 1s);
	run_until(1);
	REQUIRE_FALSE(results[0]);
	CHECK(results[0].error().code == Code::host_not_found);
	CHECK_THAT(results[0].error().text, Catch::Contains("slow.example"));
	CHECK_THAT(results[0].error().text, Catch::Contains("1 seconds"));
}

TEST_CASE_METHOD(Names, "as many lookups as there may be make the next one wait for its turn")
{
	for (unsigned i = 0; i < max_lookups; i++)
		ask("slow" + std::to_string(i), 1s);
	ask("quick.example", 1s);
	run_until(max_lookups + 1);
	for (const auto &result : results)
		CHECK_FALSE(result);
	ask("quick.example");
	answer();
	run_until(max_lookups + 2);
	CHECK(results.back());
}

/*
 * Asio keeps what it knows of a descriptor in an object that the next descriptor gets, with an
 * event that has been seen and not been told: the one that is closed here has one.
 */
TEST_CASE_METHOD(Names, "another descriptor's event is not taken for the end of a lookup")
{
	using Descriptor = asio::posix::stream_descriptor;
	auto ready = [&] {
		int ends[2];
		REQUIRE(::pipe(ends) == 0);
		REQUIRE(::write(ends[1], "x", 1) == 1);
		::close(ends[1]);
		return Descriptor(io, ends[0]);
	};
	Descriptor first = ready(), second = ready();
	const Address slow{Address::Kind::name, "slow.example", 3260};
	auto closes_the_other = [&]() -> asio::awaitable<Result<Endpoints>> {
		second.async_wait(Descriptor::wait_read, [](asio::error_code) {});
		co_await first.async_wait(Descriptor::wait_read, asio::use_awaitable);
		second.close();
		co_return co_await resolve(slow, 1s, fake);
	};
	asio::co_spawn(io, closes_the_other(),
		       [this](std::exception_ptr, Result<Endpoints> result) {
			       results.push_back(std::move(result));
		       });
	run_until(1);
	REQUIRE_FALSE(results[0]);
	CHECK_THAT(results[0].error().text, Catch::Contains("1 seconds"));
}

TEST_CASE("the system's own names are looked up, and one that is none is refused")
{
	const auto found = look_up("localhost", 3260);
	REQUIRE(found);
	CHECK(found->front().address().is_loopback());
	const auto none = look_up("no such name", 3260);
	REQUIRE_FALSE(none);
	CHECK(none.error().code == Code::host_not_found);
}

TEST_CASE("a waiter that goes leaves its lookup behind")
{
	{
		Names names;
		names.ask("slow.example");
		for (int i = 0; i < 20; i++) {
			names.io.restart();
			names.io.run_one_for(5ms);
		}
		CHECK(names.results.empty());
	}
	CHECK(waiting == 0);
}
