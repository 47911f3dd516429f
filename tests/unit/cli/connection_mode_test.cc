/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bench.h"

#include <nlohmann/json.hpp>

using namespace hawser;
using namespace hawser::cli;

namespace
{

/* Session 1 with connections 0 and 1 up, and 2 that is still to join. */
struct Connections : Bench {
	Connections()
	{
		auto &session = add_session(1, t1, "192.0.2.1");
		session.connections[0].carries = true;
		session.connections[0].outstanding = 4;
		auto second = session.connections[0];
		second.cid = Cid{1};
		second.role = kernel::Role::standby;
		second.weight = 7;
		second.carries = false;
		second.outstanding = 0;
		second.peer_address = "192.0.2.2";
		second.data_digest = true;
		session.connections.push_back(second);
		add_session(4, t2, "2001:db8::1");

		varlink::SessionStatus status;
		status.sid = 1;
		status.state = "logged_in";
		status.connections = {
		    {0, "192.0.2.1", 3260, "default", "active", 0, "up", 0, {}, {}},
		    {1, "192.0.2.2", 3260, "eth1", "standby", 7, "up", 0, {}, {}},
		    {2, "192.0.2.3", 3260, "eth2", "active", 0, "joining", 3, {}, {}}};
		service.status = {status};
	}
};

const std::string first =
    "[1:0] 192.0.2.1:3260 through default: LOGGED IN, active, weight 0, carries commands, 4 "
    "outstanding\n";
const std::string second =
    "[1:1] 192.0.2.2:3260 through eth1: LOGGED IN, standby, weight 7, waits, 0 outstanding\n";
const std::string third = "[1:2] 192.0.2.3:3260 through eth2: TRANSPORT WAIT (joining), active, "
			  "weight 0, waits, 0 outstanding\n";

} // namespace

TEST_CASE_METHOD(Connections, "connections are listed one a line, those that are to join too")
{
	CHECK(good("-m connection -r 1") == first + second + third);
	CHECK(good("-m connection -r 1 --cid 1 -o show") == second);
	CHECK(good("-m connection")
		  .ends_with("[4:0] [2001:db8::1]:3260 through default: LOGGED IN, active, weight "
			     "0, waits, 0 "
			     "outstanding\n"));
	bad(Code::sysfs_lookup, "-m connection -r 9");
	bad(Code::nothing_found, "-m connection -r 1 --cid 9");
}

TEST_CASE_METHOD(Connections, "what would change a connection is refused where nothing is changed")
{
	for (const char *change :
	     {"--cid 1 -n role -v standby", "-n node.session.policy -v cpu", "--cid 1 -n role",
	      "-p 192.0.2.9", "-I eth3", "-o show --cid 1 -n weight -v 5", "-o show -p 192.0.2.9"})
		bad(Code::invalid_argument, str("-m connection -r 1 ", change));
	bad(Code::invalid_argument, "-m connection -r 1 -o delete --cid 1 -n role");
	CHECK(service.changes.empty());
	CHECK(service.removals.empty());
}

TEST_CASE_METHOD(Connections, "connections are listed without the service as the module has them")
{
	service.running = false;
	CHECK(good("-m connection -r 1 --cid 1") ==
	      "[1:1] 192.0.2.2:3260 through default: LOGGED IN, standby, weight 7, waits, 0 "
	      "outstanding\n");
}

TEST_CASE_METHOD(Connections, "a connection is shown at the portal that it is at, while it is up")
{
	auto &peer = kernel.live[0].connections[1];
	peer.peer_address = "192.0.2.7";
	CHECK(good("-m connection -r 1 --cid 1").starts_with("[1:1] 192.0.2.7:3260 through eth1"));
	CHECK(good("-m session -r 1 -P 3").find("[1:1] 192.0.2.7:3260") != std::string::npos);
	peer.state = kernel::ConnectionState::free;
	peer.peer_address.clear();
	peer.peer_port = 0;
	CHECK(good("-m connection -r 1 --cid 1").starts_with("[1:1] 192.0.2.2:3260 through eth1"));
}

TEST_CASE_METHOD(Connections, "connections in JSON")
{
	const auto json = nlohmann::json::parse(good("-m connection -r 1 --json"));
	REQUIRE(json.size() == 3);
	CHECK(json[0]["carries"] == true);
	CHECK(json[0]["outstanding"] == 4);
	CHECK(json[1]["iface"] == "eth1");
	CHECK(json[1]["role"] == "standby");
	CHECK(json[1]["weight"] == 7);
	CHECK(json[1]["HeaderDigest"] == "None");
	CHECK(json[1]["DataDigest"] == "CRC32C");
	CHECK(json[2]["state"] == "free");
	CHECK(json[2]["service_state"] == "joining");
	const auto session = nlohmann::json::parse(good("-m session -r 1 --json"))[0];
	CHECK(session["policy"] == "failover");
	CHECK(session["connections"][1]["role"] == "standby");
	CHECK(session["connections"][0]["outstanding"] == 4);
}

TEST_CASE_METHOD(Connections, "print level 3 of a session has all of its connections")
{
	const auto text = good("-m session -r 1 -P 3");
	CHECK(
	    text.find("\t\tConnections:\n\t\t************************\n\t\tPolicy: failover\n\t\t" +
		      first + "\t\t" + second + "\t\t" + third) != std::string::npos);
	CHECK(good("-m session -r 1 -P 2").find("Connections:") == std::string::npos);
	// As iscsiadm has it, where there is nothing to add.
	CHECK(good("-m session -r 4 -P 3").find("Connections:") == std::string::npos);
}

TEST_CASE_METHOD(Connections, "a connection is added at a portal and through an interface")
{
	CHECK(good("-m connection -r 1 -o new -p 192.0.2.9:3261 -I eth3") ==
	      "Connection 2 added to session 1 at 192.0.2.9:3261.\n");
	REQUIRE(service.additions.size() == 1);
	CHECK(service.additions[0].sid == 1);
	CHECK(service.additions[0].address == "192.0.2.9");
	CHECK(service.additions[0].port == 3261);
	CHECK(service.additions[0].iface == "eth3");
	good("-m connection -r 1 -o new -p 192.0.2.9");
	CHECK_FALSE(service.additions[1].iface);
	CHECK_FALSE(service.additions[1].role);
	CHECK_FALSE(service.additions[1].weight);
	good("-m connection -r 1 -o new -p 192.0.2.9:3260,1");
	CHECK(bad(Code::invalid_argument, "-m connection -r 1 -o new -p 192.0.2.9:3260,7")
		  .find("portal group 7 is another than that of session 1, 1") !=
	      std::string::npos);
	CHECK(service.additions.size() == 3);
	good("-m connection -r 1 -o new -p 192.0.2.9 -n role -v Standby -n weight -v 0x10");
	CHECK(service.additions[3].role == "standby");
	CHECK(service.additions[3].weight == 16);
	CHECK_FALSE(service.additions[3].header_digest);
	good("-m connection -r 1 -o new -p 192.0.2.9 -n iscsi.HeaderDigest -v crc32c,none "
	     "-n iscsi.DataDigest -v None");
	CHECK(service.additions[4].header_digest == "CRC32C,None");
	CHECK(service.additions[4].data_digest == "None");

	CHECK(bad(Code::invalid_argument,
		  "-m connection -r 1 -o new -p 192.0.2.9 -n node.session.policy -v cpu")
		  .find("role, weight, iscsi.HeaderDigest and iscsi.DataDigest can") !=
	      std::string::npos);
	bad(Code::invalid_argument, "-m connection -r 1 -o new -p 192.0.2.9 -n role -v main");
	bad(Code::invalid_argument,
	    "-m connection -r 1 -o new -p 192.0.2.9 -n iscsi.DataDigest -v CRC64");
	bad(Code::invalid_argument,
	    "-m connection -r 1 -o update --cid 1 -n iscsi.DataDigest -v None");
	bad(Code::invalid_argument, "-m connection -r 1 -o delete --cid 1 -n weight -v 1");
	bad(Code::invalid_argument, "-m connection -o new -p 192.0.2.9");
	bad(Code::invalid_argument, "-m connection -r 1 -o new");
	bad(Code::invalid_argument, "-m connection -r 1 -o new -p 192.0.2.9 --cid 5");
	service.refusal = Error{Code::not_supported, "it may have 1 connection"};
	CHECK(bad(Code::not_supported, "-m connection -r 1 -o new -p 192.0.2.9") ==
	      "hawseradm: Could not add a connection to session 1 at 192.0.2.9:3260: it may have 1 "
	      "connection\n");
	service.running = false;
	bad(Code::no_daemon, "-m connection -r 1 -o new -p 192.0.2.9");
}

TEST_CASE_METHOD(Connections, "a connection is logged out by its CID")
{
	CHECK(good("-m connection -r 1 -o delete --cid 1") ==
	      "Logout of connection 1 of session 1 successful.\n");
	REQUIRE(service.removals.size() == 1);
	CHECK(service.removals[0].sid == 1);
	CHECK(service.removals[0].cid == 1);
	bad(Code::invalid_argument, "-m connection -r 1 -o delete");
	bad(Code::invalid_argument, "-m connection -o delete --cid 1");
	service.refusal = Error{Code::busy, "it is the last one"};
	CHECK(bad(Code::busy, "-m connection -r 1 -o delete --cid 0") ==
	      "hawseradm: Could not log out connection 0 of session 1: it is the last one\n");
}

TEST_CASE_METHOD(Connections, "role and weight are a connection's, the policy is the session's")
{
	good("-m connection -r 1 -o update --cid 1 -n role -v Active -n weight -v 0x10");
	REQUIRE(service.changes.size() == 1);
	CHECK(service.changes[0].cid == 1);
	CHECK(service.changes[0].role == "active");
	CHECK(service.changes[0].weight == 16);
	CHECK_FALSE(service.changes[0].policy);
	good("-m connection -r 1 -o update -n node.session.policy -v cpu");
	CHECK(service.changes[1].policy == "cpu");
	CHECK_FALSE(service.changes[1].cid);

	CHECK(bad(Code::invalid_argument, "-m connection -r 1 -o update -n role -v standby")
		  .find("--cid says which") != std::string::npos);
	CHECK(bad(Code::invalid_argument, "-m connection -r 1 -o update --cid 1 -n role -v x")
		  .find("node.conn[1].role") != std::string::npos);
	bad(Code::invalid_argument,
	    "-m connection -r 1 -o update --cid 1 -n node.startup -v manual");
	bad(Code::invalid_argument, "-m connection -r 1 -o update -n node.startup -v manual");
	bad(Code::invalid_argument, "-m connection -r 1 -o update -n node.session.policy -v x");
	bad(Code::invalid_argument, "-m connection -r 1 -o update --cid 1");
	bad(Code::nothing_found, "-m connection -r 1 -o update --cid 64 -n weight -v 1");
	CHECK(service.changes.size() == 2);
}

TEST_CASE_METHOD(Connections, "the policy of a session's record is for the live session at once")
{
	good("-m node -o new -T " + t1 + " -p 192.0.2.1");
	good("-m session -r 1 -o update -n node.session.policy -v round-robin");
	CHECK(good("-m node -T " + t1).find("node.session.policy = round-robin\n") !=
	      std::string::npos);
	REQUIRE(service.changes.size() == 1);
	CHECK(service.changes[0].sid == 1);
	CHECK(service.changes[0].policy == "round-robin");
	good("-m session -r 1 -o update -n node.startup -v automatic");
	CHECK(service.changes.size() == 1);
	bad(Code::invalid_argument, "-m session -r 1 -o update -n node.session.policy -v x");
	CHECK(service.changes.size() == 1);
	service.running = false;
	CHECK(bad(Code::no_daemon, "-m session -r 1 -o update -n node.session.policy -v cpu")
		  .starts_with("hawseradm: The record is changed, but not session 1: "));
	CHECK(good("-m node -T " + t1).find("node.session.policy = cpu\n") != std::string::npos);
}
