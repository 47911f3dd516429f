/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "isns/dhcp_option.h"

#include <catch2/catch.hpp>

using namespace hawser;
using namespace hawser::isns;

namespace
{

Result<std::vector<Address>> parse(std::string_view hex)
{
	return parse_dhcp_option(*hex_decode(hex));
}

/* 2026-11-25 20:00:00 UTC */
constexpr std::time_t now = 1795636800;

std::string lease(const std::string &option, const std::string &expire,
		  const std::string &interface = "eth0")
{
	return "lease {\n  interface \"" + interface + "\";\n  fixed-address 192.0.2.7;\n" +
	       option + "  renew 3 2026/11/25 10:00:00;\n  expire " + expire + ";\n}\n";
}

const std::string first = "  option unknown-83 0:0:0:0:0:0:0:0:0:0:c0:0:2:1;\n";
const std::string second = "  option isns 0:0:0:0:0:0:0:0:0:0:c0:0:2:2;\n";

std::string address_in(const std::vector<Bytes> &options)
{
	std::string text;
	for (const Bytes &option : options)
		text += (text.empty() ? "" : " ") + to_string(parse_dhcp_option(option)->front());
	return text.empty() ? "none" : text;
}

} // namespace

TEST_CASE("the option names the servers in their order, each once")
{
	auto servers = parse("00000000000000000000c0000201c0000202c0000201");
	REQUIRE(servers);
	REQUIRE(servers->size() == 2);
	CHECK(to_string((*servers)[0]) == "192.0.2.1:3205");
	CHECK(to_string((*servers)[1]) == "192.0.2.2:3205");
}

TEST_CASE("flags that ask for nothing special are no obstacle")
{
	CHECK(parse("0003001f0001000000010a000001")); // enabled, without heartbeat and IPsec
	CHECK(parse("0000000000020000000210000001")); // not enabled: without meaning
}

TEST_CASE("options that are broken or ask for what is not there are refused")
{
	CHECK(parse("").error().text == "DHCP option 83: its 0 bytes have no room for an address");
	CHECK(parse("00000000000000000000c00002").error().code == Code::invalid_argument);
	CHECK(parse("00000000000000000000c0000201c0").error().text ==
	      "DHCP option 83: its 15 bytes end within an address");
	CHECK(parse("00000000000000000000e0000001").error().text ==
	      "DHCP option 83: no connection can be made to address e0000001");
	CHECK(parse("00000000000300000000c0000201").error().code == Code::not_supported);
	CHECK(parse("00000000000000000003c0000201").error().code == Code::not_supported);
}

TEST_CASE("the option is read in hexadecimal with and without colons")
{
	CHECK(parse_option_hex(" 00:01:0a ") == Bytes{0, 1, 10});
	CHECK(parse_option_hex("0:1:a") == Bytes{0, 1, 10});
	CHECK(parse_option_hex("00010a") == Bytes{0, 1, 10});
	CHECK_FALSE(parse_option_hex("0:1:"));
	CHECK_FALSE(parse_option_hex("0:1:abc"));
	CHECK_FALSE(parse_option_hex("\"text\""));
}

TEST_CASE("dhclient's newest lease counts while it has not expired")
{
	CHECK(address_in(options_of_dhclient(lease(first, "4 2026/11/26 08:00:00") +
						 lease(second, "4 2026/11/26 09:00:00"),
					     now)) == "192.0.2.2:3205");
	CHECK(address_in(options_of_dhclient(lease(first, "never"), now)) == "192.0.2.1:3205");
	CHECK(address_in(options_of_dhclient(lease(first, "3 2026/11/25 19:59:59"), now)) ==
	      "none");
	CHECK(address_in(options_of_dhclient(lease(first, "3 2026/11/25 20:00:01"), now)) ==
	      "192.0.2.1:3205");
	CHECK(address_in(options_of_dhclient(lease(first, "soon"), now)) == "none");
	// The network took the option back.
	CHECK(address_in(options_of_dhclient(lease(first, "never") + lease("", "never"), now)) ==
	      "none");
	CHECK(address_in(options_of_dhclient("", now)) == "none");
}

TEST_CASE("each interface of a leases file has its newest lease")
{
	CHECK(address_in(options_of_dhclient(
		  lease(first, "never") + lease(second, "never", "eth1") + lease(first, "never"),
		  now)) == "192.0.2.1:3205 192.0.2.2:3205");
	CHECK(address_in(options_of_dhclient(lease(first, "never") + lease("", "never", "eth1"),
					     now)) == "192.0.2.1:3205");
	CHECK(address_in(options_of_dhclient(
		  lease(first, "3 2026/11/25 19:59:59") + lease(second, "never", "eth1"), now)) ==
	      "192.0.2.2:3205");
}

TEST_CASE("dhclient's times may be local ones, with the seconds before them")
{
	const auto until = [](const std::string &time) {
		return address_in(options_of_dhclient(lease(first, time), now));
	};
	CHECK(until("epoch 1795636801; # Wed Nov 25 20:00:01 2026") == "192.0.2.1:3205");
	CHECK(until("epoch 1795636800; # Wed Nov 25 20:00:00 2026") == "none");
}

TEST_CASE("networkd's lease has the option in one line")
{
	CHECK(address_in(options_of_networkd("ADDRESS=192.0.2.7\n"
					     "OPTION_83=00000000000000000000c0000203\n"
					     "CLIENTID=ff\n")) == "192.0.2.3:3205");
	CHECK(options_of_networkd("ADDRESS=192.0.2.7\n").empty());
}
