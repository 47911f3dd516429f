/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How one coroutine waits for what another or an event handler brings, in one
 * thread. A Signal says "look again": whoever waits holds a condition, checks it
 * before and after each wait, and so misses nothing. A Mailbox carries values.
 */
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace hawser::daemon
{

using Clock = std::chrono::steady_clock;

/*
 * The end of a coroutine that nobody waits for. An exception in it is a bug or the
 * end of memory: it leaves the event loop and ends the process, which is started
 * again and takes its sessions over.
 */
inline constexpr auto escalate = [](std::exception_ptr exception) {
	if (exception)
		std::rethrow_exception(exception);
};

class Signal
{
public:
	explicit Signal(asio::any_io_executor executor) : timer_(std::move(executor)) {}

	void notify() { timer_.cancel(); }

	/* Until notify(), or @deadline; one coroutine at a time. */
	asio::awaitable<void> wait_until(Clock::time_point deadline = Clock::time_point::max())
	{
		asio::error_code ec;
		timer_.expires_at(deadline);
		co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ec));
	}

private:
	asio::steady_timer timer_;
};

/* Many writers, one reader. Writers may outlive the reader: hold it by shared_ptr. */
template <class T> class Mailbox
{
public:
	explicit Mailbox(asio::any_io_executor executor) : signal_(std::move(executor)) {}

	void put(T value)
	{
		values_.push_back(std::move(value));
		signal_.notify();
	}

	/* What has come since the last call, at least one, or none by @deadline. */
	asio::awaitable<std::vector<T>> take(Clock::time_point deadline = Clock::time_point::max())
	{
		while (values_.empty() && Clock::now() < deadline)
			co_await signal_.wait_until(deadline);
		co_return std::exchange(values_, {});
	}

private:
	Signal signal_;
	std::vector<T> values_;
};

} // namespace hawser::daemon
