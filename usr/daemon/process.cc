/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/process.h"

#include "base/fd.h"
#include "base/str.h"
#include "daemon/signal.h"

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#ifndef PR_SET_IO_FLUSHER
#define PR_SET_IO_FLUSHER 57
#endif

namespace hawser::daemon
{

namespace
{

/* Stack of a thread: Asio's for host names, the worker's, the log's. It is locked too. */
constexpr std::size_t thread_stack_bytes = 256 << 10;

/* Sockets under way: a login each, and a thousand of them at once. */
constexpr rlim_t wanted_descriptors = 65536;

void limit_thread_memory()
{
	mallopt(M_ARENA_MAX, 1);
	pthread_attr_t attributes;
	if (pthread_attr_init(&attributes) != 0)
		return;
	pthread_attr_setstacksize(&attributes, thread_stack_bytes);
	pthread_setattr_default_np(&attributes);
	pthread_attr_destroy(&attributes);
}

void raise_descriptor_limit()
{
	rlimit limit{};
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= wanted_descriptors)
		return;
	limit.rlim_cur = wanted_descriptors;
	limit.rlim_max = std::max(limit.rlim_max, wanted_descriptors);
	setrlimit(RLIMIT_NOFILE, &limit);
}

bool spare_from_oom_killer()
{
	const Fd file(open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
	constexpr std::string_view never = "-1000";
	return file &&
	       write(file.get(), never.data(), never.size()) == static_cast<ssize_t>(never.size());
}

/*
 * sd_notify(3) waits for systemd to read, and systemd may wait for a disk of ours. What has no
 * room is no loss: those before it are there to be read.
 */
void ping_watchdog()
{
	constexpr std::string_view state = "WATCHDOG=1";
	const char *given = std::getenv("NOTIFY_SOCKET");
	const std::string_view path = given ? given : "";
	sockaddr_un address{};
	if (path.empty() || path.size() >= sizeof address.sun_path)
		return;
	address.sun_family = AF_UNIX;
	path.copy(address.sun_path, path.size());
	if (path.front() == '@')
		address.sun_path[0] = '\0'; // abstract
	const Fd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
	if (fd)
		sendto(fd.get(), state.data(), state.size(), MSG_NOSIGNAL,
		       reinterpret_cast<const sockaddr *>(&address),
		       static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size()));
}

} // namespace

void prepare_process(const Log &log)
{
	const auto failed = [&](std::string_view what) {
		log(Level::warning, what, ": ", std::strerror(errno),
		    "; under memory pressure a session may not come back");
	};

	limit_thread_memory();
	raise_descriptor_limit();
	if (mlockall(MCL_CURRENT | MCL_FUTURE) < 0)
		failed("locking the memory");
	if (prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0) < 0)
		failed("PR_SET_IO_FLUSHER");
	if (!spare_from_oom_killer())
		failed("/proc/self/oom_score_adj");
}

void notify_ready(std::string_view status)
{
	sd_notify(0, str("READY=1\nSTATUS=", status).c_str());
}

void notify_stopping()
{
	sd_notify(0, "STOPPING=1");
}

asio::awaitable<void> feed_watchdog(asio::io_context &io)
{
	std::uint64_t interval_us = 0;
	if (sd_watchdog_enabled(0, &interval_us) <= 0)
		co_return;
	Signal timer(io.get_executor());
	for (;;) {
		ping_watchdog();
		co_await timer.wait_until(Clock::now() +
					  std::chrono::microseconds(interval_us / 2));
	}
}

} // namespace hawser::daemon
