/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iscsi/address.h"

#include "base/str.h"

#include <catch2/catch.hpp>

using namespace hawser;

namespace
{

Portal portal(Address::Kind kind, std::string host, std::uint16_t port,
	      std::optional<Tpgt> tpgt = std::nullopt)
{
	return {{kind, std::move(host), port}, tpgt};
}

} // namespace

using Kind = Address::Kind;

TEST_CASE("the RFC's own examples of TargetAddress are taken")
{
	CHECK(parse_target_address("10.0.0.1:5003,1") ==
	      portal(Kind::ipv4, "10.0.0.1", 5003, Tpgt{1}));
	CHECK(parse_target_address("[1080:0:0:0:8:800:200C:417A],65") ==
	      portal(Kind::ipv6, "1080::8:800:200c:417a", 3260, Tpgt{65}));
	CHECK(parse_target_address("[1080::8:800:200C:417A]:5003,1") ==
	      portal(Kind::ipv6, "1080::8:800:200c:417a", 5003, Tpgt{1}));
	CHECK(parse_target_address("computingcenter.example.com,23") ==
	      portal(Kind::name, "computingcenter.example.com", 3260, Tpgt{23}));
}

TEST_CASE("port and tag may be left out and the port is then 3260")
{
	CHECK(parse_target_address("192.0.2.1") == portal(Kind::ipv4, "192.0.2.1", 3260));
	CHECK(parse_target_address("192.0.2.1,0") ==
	      portal(Kind::ipv4, "192.0.2.1", 3260, Tpgt{0}));
	CHECK(parse_target_address("192.0.2.1:860") == portal(Kind::ipv4, "192.0.2.1", 860));
	CHECK(parse_target_address("192.0.2.1:0x35b,0xffff") ==
	      portal(Kind::ipv4, "192.0.2.1", 859, Tpgt{65535}));
}

TEST_CASE("an administrator may leave the brackets of an IPv6 address out")
{
	CHECK(parse_portal("2001:DB8::1") == portal(Kind::ipv6, "2001:db8::1", 3260));
	CHECK(parse_portal("2001:db8::1,3") == portal(Kind::ipv6, "2001:db8::1", 3260, Tpgt{3}));
	CHECK(parse_portal("fe80::1%eth0") == portal(Kind::ipv6, "fe80::1%eth0", 3260));
	CHECK(parse_portal("[fe80::1%eth0]:3261") == portal(Kind::ipv6, "fe80::1%eth0", 3261));
	CHECK(!parse_target_address("2001:db8::1"));
}

TEST_CASE("a host name is folded to lower case and an IPv6 address to its canonical text")
{
	CHECK(parse_portal("Storage.Example.COM:3260")->address.host == "storage.example.com");
	CHECK(parse_portal("storage.example.com.")->address.host == "storage.example.com.");
	CHECK(parse_portal("my_host")->address.kind == Kind::name);
	CHECK(parse_portal("[0:0:0:0:0:0:0:1]")->address.host == "::1");
	CHECK(parse_portal("[::ffff:192.0.2.1]")->address.host == "::ffff:192.0.2.1");
}

TEST_CASE("an address is printed in the form in which it is read")
{
	for (auto text : {"192.0.2.1:3260", "[2001:db8::1]:3260", "storage.example.com:3261",
			  "192.0.2.1:3260,1", "[2001:db8::1]:3260,65535"})
		CHECK(to_string(*parse_portal(text)) == text);
}

TEST_CASE("a host alone is read with the port that is given beside it")
{
	CHECK(parse_host("192.0.2.1", 860) == Address{Kind::ipv4, "192.0.2.1", 860});
	CHECK(parse_host("[::1]") == Address{Kind::ipv6, "::1", 3260});
	CHECK(parse_host("::1") == Address{Kind::ipv6, "::1", 3260});
	CHECK(!parse_host("192.0.2.1:3260"));
	CHECK(parse_host("192.0.2.1:3260").error().text ==
	      "address \"192.0.2.1:3260\" is neither an IP address nor a host name");
	CHECK(!parse_host("[192.0.2.1]"));
	CHECK(!parse_host("[]"));
	CHECK(!parse_host("["));
}

TEST_CASE("hostile and mistyped addresses are refused with the text quoted")
{
	const std::string long_name = std::string(64, 'a') + ".example.com";
	std::string endless;
	for (int i = 0; i < 64; i++)
		endless += "abc.";
	endless += "com";
	for (std::string text : {"",
				 ",1",
				 ":3260",
				 "192.0.2.1:",
				 "192.0.2.1:0",
				 "192.0.2.1:65536",
				 "192.0.2.1:-1",
				 "192.0.2.1: 1",
				 "192.0.2.1,",
				 "192.0.2.1,65536",
				 "192.0.2.1,1,2",
				 "192.0.2.1,a",
				 "192.0.2",
				 "192.0.2.256",
				 "1.2.3.4.5",
				 "[192.0.2.1]:3260",
				 "[::1",
				 "[::1]3260",
				 "[::1]:",
				 "[]:3260",
				 "[::1%]:3260",
				 "[::1%a b]",
				 "::1]",
				 "a:b:c",
				 "host name",
				 "-host",
				 "host-",
				 "a..b",
				 ".",
				 "..",
				 "host/path",
				 "host\n",
				 "$(reboot)",
				 "h\xc3\xb6st"}) {
		INFO(quoted(text));
		auto refused = parse_portal(text);
		REQUIRE(!refused);
		CHECK(refused.error().code == Code::invalid_argument);
		CHECK(refused.error().text.find(quoted(text)) != std::string::npos);
		CHECK(!parse_target_address(text));
	}
	CHECK(!parse_portal(long_name));
	CHECK(!parse_portal(endless));
	CHECK(!parse_portal(std::string_view("host\0name", 9)));
	CHECK(!parse_portal(std::string_view("192.0.2.1\0", 10)));
	CHECK(!parse_portal(std::string_view("[::1\0]", 6)));
}
