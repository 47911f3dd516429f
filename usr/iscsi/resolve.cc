/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iscsi/resolve.h"

#include "base/fd.h"
#include "base/str.h"

#include <asio/buffer.hpp>
#include <asio/error.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <atomic>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <netdb.h>
#include <pthread.h>
#include <unistd.h>
#include <utility>

namespace hawser
{

namespace
{

using asio::ip::tcp;
using Endpoints = std::vector<tcp::endpoint>;
using Clock = std::chrono::steady_clock;

/* The daemon's memory is locked, and a thread's stack is with it: enough for what NSS loads. */
constexpr std::size_t stack_size = 512 << 10;
constexpr std::chrono::milliseconds look_again{50};

std::atomic<unsigned> lookups{0}; // threads that there are

/* Shared by the thread, which alone has it until it closes its end of the pipe, and who waits. */
struct Lookup {
	std::string host;
	std::uint16_t port = 0;
	LookUp look_up = nullptr;
	Fd done;
	Result<Endpoints> found = Endpoints();
};

void *run(void *argument)
{
	const std::unique_ptr<std::shared_ptr<Lookup>> held(
	    static_cast<std::shared_ptr<Lookup> *>(argument));
	Lookup &lookup = **held;

	lookup.found = lookup.look_up(lookup.host, lookup.port);
	lookups--;
	lookup.done.reset();
	return nullptr;
}

/* Signals are the main thread's. */
int start_thread(const std::shared_ptr<Lookup> &lookup)
{
	auto held = std::make_unique<std::shared_ptr<Lookup>>(lookup);
	pthread_attr_t attributes;
	pthread_t thread;
	sigset_t all, before;

	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, stack_size);
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	const int error = pthread_create(&thread, &attributes, run, held.get());
	pthread_sigmask(SIG_SETMASK, &before, nullptr);
	pthread_attr_destroy(&attributes);
	if (error == 0)
		held.release(); // the thread's
	return error;
}

/* A descriptor that is at its end when the lookup is done. */
Result<Fd> start(const std::shared_ptr<Lookup> &lookup)
{
	int ends[2];
	if (::pipe2(ends, O_CLOEXEC) != 0)
		return fail(Code::host_not_found,
			    str("host name ", quoted(lookup->host), ": ", std::strerror(errno)));
	Fd waiting(ends[0]);
	lookup->done.reset(ends[1]);
	lookups++;
	if (const int error = start_thread(lookup); error != 0) {
		lookups--;
		return fail(Code::host_not_found,
			    str("host name ", quoted(lookup->host), ": ", std::strerror(error)));
	}
	return waiting;
}

} // namespace

Result<Endpoints> look_up(const std::string &host, std::uint16_t port)
{
	addrinfo hints{};
	addrinfo *list = nullptr;

	hints.ai_flags = AI_NUMERICSERV;
	hints.ai_socktype = SOCK_STREAM;
	const int error = ::getaddrinfo(host.c_str(), str(port).c_str(), &hints, &list);
	if (error != 0)
		return fail(Code::host_not_found, str("host name ", quoted(host), ": ",
						      error == EAI_SYSTEM ? std::strerror(errno)
									  : ::gai_strerror(error)));
	const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> freed(list, ::freeaddrinfo);
	Endpoints endpoints;
	for (const addrinfo *entry = list; entry; entry = entry->ai_next) {
		tcp::endpoint endpoint;
		if (entry->ai_addrlen > endpoint.capacity())
			continue;
		std::memcpy(endpoint.data(), entry->ai_addr, entry->ai_addrlen);
		endpoint.resize(entry->ai_addrlen);
		endpoints.push_back(endpoint);
	}
	if (endpoints.empty())
		return fail(Code::host_not_found,
			    str("host name ", quoted(host), " has no address"));
	return endpoints;
}

asio::awaitable<Result<Endpoints>> resolve(Address address, std::chrono::seconds limit,
					   LookUp look_up)
{
	asio::error_code ec;
	if (address.kind != Address::Kind::name) {
		const auto ip = asio::ip::make_address(address.host, ec);
		if (ec)
			co_return fail(Code::host_not_found,
				       str("address ", quoted(address.host), ": ", ec.message()));
		co_return Endpoints{tcp::endpoint(ip, address.port)};
	}

	const auto deadline = Clock::now() + limit;
	const auto late = [&] {
		return fail(Code::host_not_found,
			    str("host name ", quoted(address.host), " was not resolved in ",
				limit.count(), " seconds"));
	};
	const auto executor = co_await asio::this_coro::executor;
	auto timer = std::make_shared<asio::steady_timer>(executor);
	while (lookups >= max_lookups) {
		if (Clock::now() >= deadline)
			co_return late();
		timer->expires_after(look_again);
		co_await timer->async_wait(asio::redirect_error(asio::use_awaitable, ec));
		if (ec)
			co_return fail(Code::failed, "cancelled");
	}

	auto lookup = std::make_shared<Lookup>();
	lookup->host = address.host;
	lookup->port = address.port;
	lookup->look_up = look_up;
	auto waiting = start(lookup);
	if (!waiting)
		co_return tl::unexpected(waiting.error());
	asio::posix::stream_descriptor end(executor, waiting->release());
	/*
	 * The end of the file is what the thread leaves, and nothing else gives that: Asio may say
	 * that a descriptor is readable when it was another one, closed in the same round.
	 */
	struct End {
		bool reached = false;
		char unused = 0;
	};
	auto seen = std::make_shared<End>();
	timer->expires_at(deadline);
	end.async_read_some(asio::buffer(&seen->unused, 1),
			    [timer, seen](const asio::error_code &error, std::size_t) {
				    seen->reached = error == asio::error::eof;
				    timer->cancel();
			    });
	co_await timer->async_wait(asio::redirect_error(asio::use_awaitable, ec));
	if (seen->reached)
		co_return std::move(lookup->found);
	if (ec == asio::error::operation_aborted)
		co_return fail(Code::failed, "cancelled");
	co_return late();
}

} // namespace hawser
