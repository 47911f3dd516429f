/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bench.h"

#include <nlohmann/json.hpp>

using namespace hawser;
using namespace hawser::cli;

namespace
{

struct Discovery : Bench {
	Discovery()
	{
		service.found.targets = {{t1, {{"192.0.2.1", 3260, 1}, {"2001:db8::1", 3260, 1}}},
					 {t2, {{"192.0.2.1", 3260, 2}}}};
	}
};

} // namespace

TEST_CASE_METHOD(Discovery, "what a portal names is printed one portal a line")
{
	CHECK(good("-m discovery -t st -p 192.0.2.9") == "192.0.2.1:3260,1 " + t1 +
							     "\n[2001:db8::1]:3260,1 " + t1 +
							     "\n192.0.2.1:3260,2 " + t2 + "\n");
	REQUIRE(service.discoveries.size() == 1);
	const auto &call = service.discoveries[0];
	CHECK(call.address == "192.0.2.9");
	CHECK(call.port == 3260);
	CHECK(call.ifaces.empty());
	CHECK(call.changes == std::vector<std::string>{"new", "update", "delete"});
	CHECK(call.keep_portal);
}

TEST_CASE_METHOD(Discovery, "operations and interfaces are passed on")
{
	good("-m iface -I nic0 -o new");
	good("-m discoverydb -t sendtargets -p 192.0.2.9:3261 -D -o new -o delete -I default -I "
	     "nic0");
	CHECK(service.discoveries.back().port == 3261);
	CHECK(service.discoveries.back().changes == std::vector<std::string>{"new", "delete"});
	CHECK(service.discoveries.back().ifaces == std::vector<std::string>{"default", "nic0"});
	good("-m discovery -t st -p 192.0.2.9 -o nonpersistent");
	CHECK(service.discoveries.back().changes.empty());
	CHECK_FALSE(service.discoveries.back().keep_portal);
	bad(Code::nothing_found, "-m discovery -t st -p 192.0.2.9 -I nic9");
	bad(Code::invalid_argument, "-m discovery -t st -p 192.0.2.9 -o nonpersistent -l");
}

TEST_CASE_METHOD(Discovery, "asking a portal that is not listed lists it when told to")
{
	good("-m discoverydb -t st -p 192.0.2.9 -D");
	CHECK_FALSE(service.discoveries.back().keep_portal);
	CHECK(service.discoveries.back().changes.size() == 3);
	good("-m discoverydb -t st -p 192.0.2.9 -D -o new");
	CHECK(service.discoveries.back().keep_portal);
	good("-m discoverydb -t st -p 192.0.2.9 -o new");
	good("-m discoverydb -t st -p 192.0.2.9 -D");
	CHECK(service.discoveries.back().keep_portal);
}

TEST_CASE_METHOD(Discovery, "a portal has its own interface, digests and times")
{
	good("-m iface -I nic0 -o new");
	good("-m discoverydb -t st -p 192.0.2.9 -I nic0 -o new "
	     "-n discovery.sendtargets.iscsi.HeaderDigest -v CRC32C "
	     "-n discovery.sendtargets.iscsi.DefaultTime2Retain -v 60");
	const auto record = good("-m discoverydb -t st -p 192.0.2.9");
	CHECK(record.find("discovery.sendtargets.iface = nic0\n") != std::string::npos);
	CHECK(record.find("discovery.sendtargets.iscsi.HeaderDigest = CRC32C\n") !=
	      std::string::npos);
	CHECK(record.find("discovery.sendtargets.iscsi.DefaultTime2Retain = 60\n") !=
	      std::string::npos);
	CHECK(good("-m discovery -t st -p 192.0.2.9 -P 1").find("Iface Name: nic0") !=
	      std::string::npos);
}

TEST_CASE_METHOD(Discovery, "the tree has an entry for every interface")
{
	good("-m iface -I nic0 -o new");
	CHECK(good("-m discovery -t st -p 192.0.2.9 -P 1 -I default -I nic0")
		  .starts_with("Target: " + t1 +
			       "\n\tPortal: 192.0.2.1:3260,1\n\t\tIface Name: default\n\t\tIface "
			       "Name: nic0\n"));
	CHECK(nlohmann::json::parse(good("-m discovery -t st -p 192.0.2.9 --json")).size() == 3);
}

TEST_CASE_METHOD(Discovery, "login after discovery goes to the records that were stored")
{
	good("-m node -o new -T " + t1 + " -p 192.0.2.1,1");
	good("-m node -o new -T " + t1 + " -p [2001:db8::1],1");
	good("-m node -o new -T " + t2 + " -p 192.0.2.1,2");
	good("-m discovery -t st -p 192.0.2.9 -l");
	REQUIRE(service.logins.size() == 1);
	CHECK(service.logins[0].nodes.size() == 3);
}

TEST_CASE_METHOD(Discovery, "a failed discovery and an empty answer say so")
{
	service.found.targets.clear();
	CHECK(bad(Code::nothing_found, "-m discovery -t st -p 192.0.2.9") ==
	      "hawseradm: No portals found: 192.0.2.9:3260 named no target\n");
	service.refusal = Error{Code::connect_failed, "192.0.2.9:3260: connection refused"};
	CHECK(bad(Code::connect_failed, "-m discovery -t st -p 192.0.2.9") ==
	      "hawseradm: Could not perform SendTargets discovery: 192.0.2.9:3260: connection "
	      "refused\n");
}

TEST_CASE_METHOD(Discovery, "what was not taken of an answer is warned about")
{
	service.found.skipped = {"\"bad_name\" is no iSCSI name"};
	run("-m discovery -t st -p 192.0.2.9");
	CHECK(status == 0);
	CHECK(err == "hawseradm: warning: not taken: \"bad_name\" is no iSCSI name\n");
}

TEST_CASE_METHOD(Discovery,
		 "types and portals that are missing, unknown or not supported are told apart")
{
	bad(Code::invalid_argument, "-m discoverydb -p 192.0.2.9");
	CHECK(bad(Code::invalid_argument, "-m discovery -t st") ==
	      "hawseradm: Please specify portal as <ipaddr>[:<ipport>]\n");
	bad(Code::invalid_argument, "-m discovery -t bogus -p 192.0.2.9");
	bad(Code::not_supported, "-m discovery -t slp -p 192.0.2.9");
	bad(Code::invalid_argument, "-m discoverydb -D");
}

TEST_CASE_METHOD(Discovery, "without a type mode discovery is about the records of SendTargets")
{
	bad(Code::nothing_found, "-m discovery -p 192.0.2.9");
	good("-m discoverydb -t st -p 192.0.2.9 -o new");
	CHECK(good("-m discovery -p 192.0.2.9").find("discovery.sendtargets.address = 192.0.2.9") !=
	      std::string::npos);
	CHECK(service.discoveries.empty());
	good("-m discovery -p 192.0.2.9 -o delete");
	bad(Code::nothing_found, "-m discovery -p 192.0.2.9");
	good("-m discovery -p 192.0.2.9 -D");
	CHECK(service.discoveries.size() == 1);
}

TEST_CASE_METHOD(Discovery, "records are made through each interface that has a record itself")
{
	good("-m discovery -t st -p 192.0.2.9 -P 1");
	CHECK(out.find("Iface Name: default") != std::string::npos);
	good("-m iface -I p1 -o new");
	good("-m iface -I p2 -o new");
	good("-m discovery -t st -p 192.0.2.9 -P 1");
	CHECK(out.find("Iface Name: default") == std::string::npos);
	CHECK(out.find("Iface Name: p1") != std::string::npos);
	CHECK(out.find("Iface Name: p2") != std::string::npos);
	good("-m discovery -t st -p 192.0.2.9 -I default -P 1");
	CHECK(out.find("Iface Name: default") != std::string::npos);
}

TEST_CASE_METHOD(Discovery, "an iSNS server is asked on its own port, unless another is typed")
{
	good("-m discovery -t isns -p 192.0.2.9");
	CHECK(service.discoveries.back().type == "isns");
	CHECK(service.discoveries.back().port == 3205);
	CHECK(service.discoveries.back().keep_portal);
	good("-m discovery -p [2001:db8::9]:3260 -t isns");
	CHECK(service.discoveries.back().address == "2001:db8::9");
	CHECK(service.discoveries.back().port == 3260);
	good("-m discovery -p 192.0.2.9 -t st");
	CHECK(service.discoveries.back().type == "sendtargets");
	CHECK(service.discoveries.back().port == 3260);
	service.refusal = Error{Code::connect_failed, "refused"};
	CHECK(bad(Code::connect_failed, "-m discovery -t isns -p 192.0.2.9") ==
	      "hawseradm: Could not perform iSNS discovery: refused\n");
}

TEST_CASE_METHOD(Discovery, "a refresh adds no iSNS server, and keeps one that is there")
{
	good("-m discoverydb -t isns -p 192.0.2.9 -D");
	CHECK_FALSE(service.discoveries.back().keep_portal);
	good("-m discoverydb -t isns -p 192.0.2.9 -o new");
	good("-m discoverydb -t isns -p 192.0.2.9 -D");
	CHECK(service.discoveries.back().keep_portal);
}

TEST_CASE_METHOD(Bench, "iSNS servers have records of their own")
{
	CHECK(good("-m discoverydb -t isns -p 192.0.2.9 -o new") ==
	      "New discovery record for [192.0.2.9,3205] added.\n");
	good("-m discoverydb -t st -p 192.0.2.9:3205 -o new");
	CHECK(good("-m discovery") == "192.0.2.9:3205 via sendtargets\n192.0.2.9:3205 via isns\n");
	good("-m discoverydb -t isns -p 192.0.2.9 -o update -n discovery.isns.esi_interval -v 0");
	CHECK(good("-m discoverydb -t isns -p 192.0.2.9") == std::string("# BEGIN RECORD ") +
								 HAWSER_VERSION +
								 "\n"
								 "discovery.startup = manual\n"
								 "discovery.type = isns\n"
								 "discovery.isns.address = "
								 "192.0.2.9\n"
								 "discovery.isns.port = 3205\n"
								 "discovery.isns.iface = <empty>\n"
								 "discovery.isns.use_discoveryd = "
								 "Yes\n"
								 "discovery.isns.discoveryd_poll_"
								 "inval = -1\n"
								 "discovery.isns.esi_interval = "
								 "0\n"
								 "discovery.isns.listen_port = 0\n"
								 "discovery.isns.dhcp = No\n"
								 "# END RECORD\n");
	bad(Code::invalid_argument,
	    "-m discoverydb -t isns -p 192.0.2.9 -o update -n discovery.isns.esi_interval -v x");
	good("-m discoverydb -t isns -p 192.0.2.9 -o delete");
	good("-m iface -I nic0 -o new");
	good("-m discoverydb -t isns -p 192.0.2.9 -I nic0 -o new");
	CHECK(good("-m discoverydb -t isns -p 192.0.2.9").find("discovery.isns.iface = nic0\n") !=
	      std::string::npos);
	good("-m discoverydb -t isns -p 192.0.2.9 -o delete");
	bad(Code::nothing_found, "-m discoverydb -t isns -p 192.0.2.9 -o delete");
	CHECK(good("-m discovery") == "192.0.2.9:3205 via sendtargets\n");
}

TEST_CASE_METHOD(Bench, "discovery records are made, shown, updated and deleted")
{
	bad(Code::nothing_found, "-m discovery");
	CHECK(good("-m discoverydb -t st -p 192.0.2.9 -o new") ==
	      "New discovery record for [192.0.2.9,3260] added.\n");
	good("-m discoverydb -t st -p [2001:db8::9] -o new");
	CHECK(good("-m discovery") ==
	      "192.0.2.9:3260 via sendtargets\n2001:db8::9:3260 via sendtargets\n");
	good("-m discoverydb -t st -p 192.0.2.9 -o update -n discovery.sendtargets.auth.authmethod "
	     "-v CHAP");
	good("-m discoverydb -t st -p 192.0.2.9 -o update -n discovery.sendtargets.auth.password "
	     "-v geheimgeheim");
	CHECK(good("-m discoverydb -t st -p 192.0.2.9") ==
	      std::string("# BEGIN RECORD ") + HAWSER_VERSION +
		  "\n"
		  "discovery.startup = manual\n"
		  "discovery.type = sendtargets\n"
		  "discovery.sendtargets.address = 192.0.2.9\n"
		  "discovery.sendtargets.port = 3260\n"
		  "discovery.sendtargets.iface = <empty>\n"
		  "discovery.sendtargets.auth.authmethod = CHAP\n"
		  "discovery.sendtargets.auth.username = <empty>\n"
		  "discovery.sendtargets.auth.password = ********\n"
		  "discovery.sendtargets.auth.username_in = <empty>\n"
		  "discovery.sendtargets.auth.password_in = <empty>\n"
		  "node.session.auth.chap_algs = MD5\n"
		  "discovery.sendtargets.timeo.login_timeout = 15\n"
		  "discovery.sendtargets.use_discoveryd = No\n"
		  "discovery.sendtargets.discoveryd_poll_inval = 30\n"
		  "discovery.sendtargets.reopen_max = 5\n"
		  "discovery.sendtargets.timeo.auth_timeout = 45\n"
		  "discovery.sendtargets.timeo.active_timeout = 30\n"
		  "discovery.sendtargets.iscsi.MaxRecvDataSegmentLength = 32768\n"
		  "discovery.sendtargets.iscsi.HeaderDigest = None\n"
		  "discovery.sendtargets.iscsi.DataDigest = None\n"
		  "discovery.sendtargets.iscsi.DefaultTime2Wait = 2\n"
		  "discovery.sendtargets.iscsi.DefaultTime2Retain = 20\n"
		  "# END RECORD\n");
	bad(Code::invalid_argument,
	    "-m discoverydb -t st -p 192.0.2.9 -o update -n discovery.sendtargets.bogus -v 1");
	bad(Code::nothing_found, "-m discoverydb -t st -p 192.0.2.8 -o show");
	good("-m discoverydb -t st -p 192.0.2.9 -o delete");
	bad(Code::nothing_found, "-m discoverydb -t st -p 192.0.2.9 -o delete");
	CHECK(nlohmann::json::parse(good("-m discoverydb --json")).size() == 1);
}

TEST_CASE_METHOD(Bench, "a tree of discovery without an entry ends like any listing of nothing")
{
	bad(Code::nothing_found, "-m discoverydb -P 1");
	CHECK(out.starts_with("SENDTARGETS:\nNo targets found.\n"));
	bad(Code::nothing_found, "-m discovery -P 1");
	bad(Code::nothing_found, "-m node -P 1");
	good("-m discoverydb -t st -p 192.0.2.9 -o new");
	good("-m discoverydb -P 1");
	good("-m discoverydb -t st -p 192.0.2.9 -o delete");
	good("-m node -o new -T " + t2 + " -p 192.0.2.7,1");
	good("-m discoverydb -P 1");
}

TEST_CASE_METHOD(Bench, "the tree of discovery has a section for each way that targets are found")
{
	good("-m node -o new -T " + t2 + " -p 192.0.2.7,1");
	const config::DiscoveryRecord record{{"192.0.2.9", 3260}};
	REQUIRE(store.store_discovery({.source = record.source(),
				       .found = {{t1, {"192.0.2.1", 3260}, 1}},
				       .record = record}));
	CHECK(good("-m discoverydb -P 1") == "SENDTARGETS:\n"
					     "DiscoveryAddress: 192.0.2.9,3260\n"
					     "Target: " +
						 t1 +
						 "\n"
						 "\tPortal: 192.0.2.1:3260,1\n"
						 "\t\tIface Name: default\n"
						 "iSNS:\n"
						 "No targets found.\n"
						 "STATIC:\n"
						 "Target: " +
						 t2 +
						 "\n"
						 "\tPortal: 192.0.2.7:3260,1\n"
						 "\t\tIface Name: default\n"
						 "FIRMWARE:\n"
						 "No targets found.\n");
}
