/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bench.h"

#include <nlohmann/json.hpp>

using namespace hawser;
using namespace hawser::cli;

TEST_CASE_METHOD(Bench, "the built-in interface is listed, shown and cannot be changed")
{
	CHECK(good("-m iface") == "default tcp,<empty>,<empty>,<empty>,<empty>\n");
	const auto text = good("-m iface -I default");
	CHECK(text.find("\niface.iscsi_ifacename = default\niface.net_ifacename = <empty>\n") !=
	      std::string::npos);
	CHECK(text.find("\niface.transport_name = tcp\n") != std::string::npos);
	CHECK(std::count(text.begin(), text.end(), '\n') == 56 + 2);
	bad(Code::invalid_argument, "-m iface -I default -o delete");
	bad(Code::invalid_argument, "-m iface -I default -o update -n iface.mtu -v 9000");
	bad(Code::invalid_argument, "-m iface -o new");
}

TEST_CASE_METHOD(Bench, "an interface is made, changed, listed and removed with its nodes")
{
	CHECK(good("-m iface -I nic0 -o new") == "nic0 updated.\nNew interface nic0 added\n");
	CHECK(good("-m iface -I nic0 -o update -n iface.net_ifacename -v eth0") ==
	      "nic0 updated.\n");
	CHECK(good("-m iface -I nic0 -o update -n iface.hwaddress -v 00:11:22:33:44:55") ==
	      "nic0 updated.\n");
	CHECK(good("-m iface") == "nic0 tcp,00:11:22:33:44:55,<empty>,eth0,<empty>\n"
				  "default tcp,<empty>,<empty>,<empty>,<empty>\n");
	good("-m node -o new -T " + t1 + " -p 192.0.2.1,1 -I nic0");
	CHECK(good("-m iface -P 1") ==
	      "Iface: nic0\n\tTarget: " + t1 + "\n\t\tPortal: 192.0.2.1:3260,1\nIface: default\n");
	CHECK(good("-m node -T " + t1).find("iface.net_ifacename = eth0") != std::string::npos);
	CHECK(nlohmann::json::parse(good("-m iface --json")).size() == 2);

	auto &session = add_session(3, t1, "192.0.2.1");
	session.identity.iface = "nic0";
	bad(Code::session_exists, "-m iface -I nic0 -o delete");
	kernel.live.clear();
	CHECK(good("-m iface -I nic0 -o delete") == "nic0 unbound and deleted.\n");
	bad(Code::nothing_found, "-m iface -I nic0 -o delete");
	bad(Code::nothing_found, "-m node");
}

TEST_CASE_METHOD(Bench, "a bad key or value of an interface is refused")
{
	good("-m iface -I nic0 -o new");
	bad(Code::invalid_argument, "-m iface -I nic0 -o update -n iface.bogus -v 1");
	bad(Code::invalid_argument, "-m iface -I nic0 -o update -n iface.mtu -v abc");
	bad(Code::invalid_argument, "-m iface -I nic0 -o update -n iface.transport_name -v iser");
	bad(Code::invalid_argument,
	    "-m iface -I nic0 -o update -n iface.initiatorname -v bad_name");
	for (const std::string address :
	     {"192.0.2", "host.example", "192.0.2.1/24", "fe80::1%eth0"})
		bad(Code::invalid_argument,
		    "-m iface -I nic0 -o update -n iface.ipaddress -v " + address);
	for (const std::string mac : {"00:11:22:33:44", "0:11:22:33:44:55", "00-11-22-33-44-55"})
		bad(Code::invalid_argument,
		    "-m iface -I nic0 -o update -n iface.hwaddress -v " + mac);
	for (const std::string isid : {"1", "0x00023d00000g", "0xc00000000000"})
		bad(Code::invalid_argument, "-m iface -I nic0 -o update -n iface.isid -v " + isid);
	bad(Code::invalid_argument, "-m iface -I nic0 -o update -n node.startup -v manual");
	bad(Code::invalid_argument, "-m iface -I nic0 -o update");
	bad(Code::nothing_found, "-m iface -I nic1");
	bad(Code::invalid_argument, "-m iface -P 2");
	bad(Code::not_supported, "-m iface -I nic0 -C ping");
}

TEST_CASE_METHOD(Bench, "addresses and ISIDs are kept in one spelling")
{
	run("-m iface -I nic0 -o new -n iface.ipaddress -v 2001:DB8::0:1 -n iface.isid -v "
	    "80123456000A -n iface.hwaddress -v 00:AA:BB:CC:DD:EE");
	CHECK(status == 0);
	const auto text = good("-m iface -I nic0");
	CHECK_THAT(text, Catch::Contains("iface.ipaddress = 2001:db8::1\n"));
	CHECK_THAT(text, Catch::Contains("iface.isid = 0x80123456000a\n"));
	CHECK_THAT(text, Catch::Contains("iface.hwaddress = 00:aa:bb:cc:dd:ee\n"));
}
