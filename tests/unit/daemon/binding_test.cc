/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sockets as interface records bind them, on wires of the test's own:
 *
 *	here                         there, another network namespace
 *	a0 10.1.0.1, fd01::1  ------ b0 10.1.0.2, fd01::2
 *	a1 10.1.1.1, fe80::a  ------ b1 10.1.1.2, fe80::b
 *	   10.1.1.3
 *	                             lo 10.9.9.9, where the target listens
 *
 * Of the two routes to 10.9.9.9 the one over a0 is preferred. Needs root and ip(8); skipped
 * without.
 */
#include "daemon/plan.h"

#include "base/fd.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <catch2/catch.hpp>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>

using namespace hawser;
using namespace hawser::daemon;

namespace
{

constexpr const char *mac = "02:00:00:00:01:0a";
constexpr const char *address = "10.9.9.9";

bool sh(const std::string &command)
{
	const int status = std::system((command + " 2>/dev/null").c_str());
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Whether this process may have a namespace of its own, and ip(8). */
bool can_have_wires()
{
	return ::geteuid() == 0 && sh("unshare -n -m ip link add x type veth peer name y");
}

/* With HAWSER_NEED_WIRES, where the kernel is known to have it, nothing is skipped. */
bool have(const std::string &what, bool there)
{
	if (!there && std::getenv("HAWSER_NEED_WIRES"))
		FAIL("there are no " << what);
	if (!there)
		WARN("skipped: there are no " << what);
	return there;
}

/* Puts this process into new namespaces, and back at the end. */
struct Wires {
	Fd network{::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC)};
	Fd mounts{::open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC)};
	Fd there;
	Fd listener;

	Wires()
	{
		REQUIRE(::unshare(CLONE_NEWNET | CLONE_NEWNS) == 0);
		REQUIRE(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0);
		/* /sys/class/net shows the devices of whoever mounted it. */
		REQUIRE(::mount("sysfs", "/sys", "sysfs", 0, nullptr) == 0);
		const Fd here(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
		REQUIRE(sh("ip link set lo up"));

		REQUIRE(::unshare(CLONE_NEWNET) == 0);
		there.reset(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
		REQUIRE(sh("ip link set lo up; ip addr add 10.9.9.9/32 dev lo"));
		for (const std::string n : {"0", "1"})
			REQUIRE(sh("ip link add b" + n + " type veth peer name a" + n));
		const std::string over = str("/proc/", ::getpid(), "/fd/", here.get());
		for (const std::string n : {"0", "1"})
			REQUIRE(sh("ip link set a" + n + " netns " + over));
		REQUIRE(
		    sh("ip addr add 10.1.0.2/24 dev b0; ip addr add 10.1.1.2/24 dev b1;"
		       "ip addr add fd01::2/64 dev b0 nodad; ip addr add fe80::b/64 dev b1 nodad;"
		       "ip link set b0 up; ip link set b1 up"));
		sh("sysctl -q -w net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.b0.rp_filter=0 "
		   "net.ipv4.conf.b1.rp_filter=0");
		listener.reset(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
		sockaddr_in6 any{};
		any.sin6_family = AF_INET6;
		any.sin6_port = htons(3260);
		REQUIRE(::bind(listener.get(), reinterpret_cast<sockaddr *>(&any), sizeof any) ==
			0);
		REQUIRE(::listen(listener.get(), 8) == 0);

		REQUIRE(::setns(here.get(), CLONE_NEWNET) == 0);
		REQUIRE(sh(str("ip link set a1 address ", mac)));
		REQUIRE(
		    sh("ip addr add 10.1.0.1/24 dev a0; ip addr add 10.1.1.1/24 dev a1;"
		       "ip addr add 10.1.1.3/24 dev a1;"
		       "ip addr add fd01::1/64 dev a0 nodad; ip addr add fe80::a/64 dev a1 nodad;"
		       "ip link set a0 up; ip link set a1 up"));
		REQUIRE(sh("ip route add 10.9.9.9 via 10.1.0.2 dev a0 metric 1;"
			   "ip route add 10.9.9.9 via 10.1.1.2 dev a1 metric 2"));
	}
	~Wires()
	{
		::setns(network.get(), CLONE_NEWNET);
		::setns(mounts.get(), CLONE_NEWNS);
	}

	/* The address that the target sees of a connection that is bound so. */
	std::string seen(const Binding &binding, const std::string &to = address)
	{
		sockaddr_in v4{};
		sockaddr_in6 v6{};
		v4.sin_family = AF_INET;
		v6.sin6_family = AF_INET6;
		v4.sin_port = v6.sin6_port = htons(3260);
		const bool is_v4 = ::inet_pton(AF_INET, to.c_str(), &v4.sin_addr) == 1;
		if (!is_v4)
			REQUIRE(::inet_pton(AF_INET6, to.c_str(), &v6.sin6_addr) == 1);
		Fd fd(::socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
		REQUIRE(fd);
		if (auto bound = binding.apply(fd.get()); !bound)
			return bound.error().text;
		const auto *peer =
		    is_v4 ? reinterpret_cast<sockaddr *>(&v4) : reinterpret_cast<sockaddr *>(&v6);
		if (::connect(fd.get(), peer, is_v4 ? sizeof v4 : sizeof v6) != 0)
			return std::strerror(errno);
		sockaddr_in6 from{};
		socklen_t size = sizeof from;
		Fd accepted(::accept(listener.get(), reinterpret_cast<sockaddr *>(&from), &size));
		REQUIRE(accepted);
		char text[INET6_ADDRSTRLEN];
		std::string name = ::inet_ntop(AF_INET6, &from.sin6_addr, text, sizeof text);
		return name.starts_with("::ffff:") ? name.substr(7) : name;
	}
};

} // namespace

TEST_CASE("A connection goes through the device, from the address, of its interface record")
{
	if (!have("network namespaces", can_have_wires()))
		return;
	Wires wires;
	CHECK(wires.seen({}) == "10.1.0.1");
	CHECK(wires.seen({.device = "a1"}) == "10.1.1.1");
	CHECK(wires.seen({.mac = mac}) == "10.1.1.1");
	CHECK(wires.seen({.source_address = "10.1.1.1"}) == "10.1.1.1");
	CHECK(wires.seen({.device = "a1", .source_address = "10.1.1.3"}) == "10.1.1.3");
	CHECK(wires.seen({}, "fd01::2") == "fd01::1");
	CHECK(wires.seen({.device = "a1", .source_address = "fe80::a"}, "fe80::b") == "fe80::a");
}

TEST_CASE("What an interface record names and is not there is told of, to be tried again")
{
	if (!have("network namespaces", can_have_wires()))
		return;
	Wires wires;
	CHECK_THAT(wires.seen({.device = "a7"}), Catch::Contains("network device a7"));
	CHECK_THAT(wires.seen({.mac = "02:00:00:00:00:77"}), Catch::Contains("02:00:00:00:00:77"));
	CHECK_THAT(wires.seen({.source_address = "10.7.7.7"}), Catch::Contains("10.7.7.7"));
	CHECK_THAT(wires.seen({.source_address = "fd01::1"}), Catch::Contains("IPv4"));
	REQUIRE(sh(str("ip link set a0 down; ip link set a0 address ", mac)));
	CHECK_THAT(wires.seen({.mac = mac}), Catch::Contains("a0, a1; iface.net_ifacename"));
}

TEST_CASE("A connection through a VRF uses its routes")
{
	if (!have("network namespaces", can_have_wires()))
		return;
	Wires wires;
	if (!have("VRFs", sh("ip link add red type vrf table 10")))
		return;
	REQUIRE(sh("ip link set red up; ip link set a1 master red;"
		   "ip route add 10.9.9.9 via 10.1.1.2 dev a1 table 10"));
	CHECK(wires.seen({}) == "10.1.0.1");
	CHECK(wires.seen({.device = "red"}) == "10.1.1.1");
	CHECK(wires.seen({.device = "red", .source_address = "10.1.1.1"}) == "10.1.1.1");
}
