/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Work that takes long and waits for no socket (a thousand records read and written),
 * in a thread of its own, so that logins and the watchdog go on meanwhile. What it
 * works with is its own: nothing of the event loop is touched there.
 */
#pragma once

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/thread_pool.hpp>
#include <asio/use_awaitable.hpp>
#include <type_traits>
#include <utility>

namespace hawser::daemon
{

/*
 * What @work returns, which has a default constructor. Exceptions come out here. @work
 * is an object of the caller's, moved in: of one that is made within the co_await g++ 12
 * destroys the captures twice.
 */
template <class Work>
asio::awaitable<std::invoke_result_t<Work>> on_worker(asio::thread_pool &worker, Work work)
{
	using Value = std::invoke_result_t<Work>;
	const auto run = [](Work own) -> asio::awaitable<Value> { co_return own(); };
	auto running = run(std::move(work));
	co_return co_await asio::co_spawn(worker, std::move(running), asio::use_awaitable);
}

} // namespace hawser::daemon
