/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/pacer.h"

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <catch2/catch.hpp>

using namespace hawser;
using namespace hawser::daemon;
using namespace std::chrono_literals;

namespace
{

/* Logins that end when the test says so, in the order in which they came. */
class HeldTarget : public Connector
{
public:
	struct Login {
		std::string target;
		bool may_end = false;
		Signal signal;
	};

	explicit HeldTarget(asio::io_context &io) : io_(io) {}

	std::vector<std::shared_ptr<Login>> logins;

	asio::awaitable<Outcome> log_in(const Plan &plan, const std::vector<Way> &) override
	{
		auto login = std::make_shared<Login>(plan.login.target_name, false,
						     Signal(io_.get_executor()));
		logins.push_back(login);
		while (!login->may_end)
			co_await login->signal.wait_until();
		co_return tl::unexpected(
		    LoginFailure{{Code::login_failed, "the test ends it"}, std::nullopt, false});
	}

	void end(std::size_t which)
	{
		logins.at(which)->may_end = true;
		logins.at(which)->signal.notify();
	}

	std::vector<std::string> begun() const
	{
		std::vector<std::string> names;
		for (const auto &login : logins)
			names.push_back(login->target);
		return names;
	}

private:
	asio::io_context &io_;
};

struct Crowd {
	asio::io_context io{1};
	HeldTarget target{io};
	Pacer pacer;
	std::list<Plan> plans;
	std::list<asio::cancellation_signal> cancels;
	int ended = 0;

	explicit Crowd(unsigned places, std::chrono::milliseconds patience = 1h)
	    : pacer(target, places, patience)
	{
	}

	/* Whoever still waits does so on what is destroyed before the event loop. */
	~Crowd()
	{
		for (auto &cancel : cancels)
			cancel.emit(asio::cancellation_type::terminal);
		settle();
	}

	void log_in(const std::string &name, const std::string &host = "192.0.2.1")
	{
		Plan &plan = plans.emplace_back();
		plan.login.target_name = name;
		plan.links.front().portal.host = host;
		asio::co_spawn(io, attempt(plan),
			       asio::bind_cancellation_slot(cancels.emplace_back().slot(),
							    [](std::exception_ptr) {}));
		settle();
	}

	asio::awaitable<void> attempt(const Plan &plan)
	{
		const std::vector<Way> ways{plan.way(plan.links.front())};
		co_await pacer.log_in(plan, ways);
		ended++;
	}

	void settle()
	{
		io.restart();
		io.poll();
	}
	void wait_for_logins(std::size_t count)
	{
		const auto deadline = Clock::now() + 10s;
		while (target.logins.size() < count && Clock::now() < deadline) {
			io.restart();
			io.run_for(5ms);
		}
	}
	void end(std::size_t which)
	{
		target.end(which);
		settle();
	}
	/* Of the login that was asked for at this place. */
	void cancel(std::size_t which)
	{
		std::next(cancels.begin(), static_cast<std::ptrdiff_t>(which))
		    ->emit(asio::cancellation_type::terminal);
		settle();
	}
};

using Names = std::vector<std::string>;

} // namespace

TEST_CASE("Logins to one portal beyond its places wait in line and begin in their order")
{
	Crowd crowd(2);
	for (const char *name : {"a", "b", "c", "d"})
		crowd.log_in(name);
	CHECK(crowd.target.begun() == Names{"a", "b"});
	crowd.end(1);
	CHECK(crowd.target.begun() == Names{"a", "b", "c"});
	crowd.end(0);
	CHECK(crowd.target.begun() == Names{"a", "b", "c", "d"});
	crowd.end(2);
	crowd.end(3);
	CHECK(crowd.ended == 4);
}

TEST_CASE("Logins to another portal do not wait in this portal's line")
{
	Crowd crowd(1);
	crowd.log_in("a");
	crowd.log_in("b");
	crowd.log_in("c", "192.0.2.2");
	CHECK(crowd.target.begun() == Names{"a", "c"});
}

TEST_CASE("A login that takes longer than the patience gives its place away and goes on")
{
	Crowd crowd(1, 20ms);
	crowd.log_in("slow");
	crowd.log_in("next");
	crowd.log_in("last");
	CHECK(crowd.target.begun() == Names{"slow"});
	crowd.wait_for_logins(3);
	CHECK(crowd.target.begun() == Names{"slow", "next", "last"});
	CHECK(crowd.ended == 0);
	crowd.end(0);
	CHECK(crowd.ended == 1);
}

TEST_CASE("A login that is given up while it waits in line, or under way, leaves no gap")
{
	Crowd crowd(1);
	for (const char *name : {"a", "b", "c", "d"})
		crowd.log_in(name);
	crowd.cancel(1);
	CHECK(crowd.target.begun() == Names{"a"});
	crowd.cancel(0);
	CHECK(crowd.target.begun() == Names{"a", "c"});
	crowd.end(1);
	CHECK(crowd.target.begun() == Names{"a", "c", "d"});
}
