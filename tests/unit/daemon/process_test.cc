/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/process.h"

#include "base/fd.h"
#include "daemon/signal.h"
#include "folder.h"

#include <array>
#include <asio/co_spawn.hpp>
#include <cstdlib>
#include <string_view>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

using namespace hawser;
using namespace hawser::daemon;

namespace
{

/* systemd's end of the notification socket, read when the test says so. */
struct Systemd {
	Folder folder;
	std::string path = folder.path() + "/notify";
	Fd fd{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
	sockaddr_un address{};

	Systemd()
	{
		address.sun_family = AF_UNIX;
		path.copy(address.sun_path, sizeof address.sun_path - 1);
		REQUIRE(::bind(fd.get(), name(), sizeof address) == 0);
		::setenv("NOTIFY_SOCKET", path.c_str(), 1);
		::setenv("WATCHDOG_USEC", "20000", 1);
	}
	~Systemd()
	{
		::unsetenv("NOTIFY_SOCKET");
		::unsetenv("WATCHDOG_USEC");
	}

	const sockaddr *name() const { return reinterpret_cast<const sockaddr *>(&address); }
	void fill()
	{
		const Fd other(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
		while (::sendto(other.get(), "x", 1, 0, name(), sizeof address) == 1)
			;
	}
	std::string read()
	{
		std::array<char, 64> bytes{};
		const ssize_t got = ::recv(fd.get(), bytes.data(), bytes.size(), 0);
		return got > 0 ? std::string(bytes.data(), static_cast<std::size_t>(got)) : "";
	}
};

} // namespace

TEST_CASE_METHOD(Systemd, "the watchdog is fed, and nobody waits for a systemd that does not read")
{
	asio::io_context io;
	fill();
	asio::co_spawn(io, feed_watchdog(io), escalate);
	io.run_for(std::chrono::milliseconds(50));
	while (read() == "x")
		;
	io.run_for(std::chrono::milliseconds(50));
	CHECK(read() == "WATCHDOG=1");
}
