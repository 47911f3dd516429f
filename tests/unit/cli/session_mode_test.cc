/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bench.h"
#include "iscsi/keys.h"
#include "iscsi/offer.h"

#include <nlohmann/json.hpp>

using namespace hawser;
using namespace hawser::cli;

namespace
{

struct Sessions : Bench {
	Sessions()
	{
		add_session(1, t1, "192.0.2.1");
		add_session(4, t2, "2001:db8::1").connections[0].local_address = "2001:db8::100";
	}
};

const std::string interface_block = "\t\t**********\n"
				    "\t\tInterface:\n"
				    "\t\t**********\n"
				    "\t\tIface Name: default\n"
				    "\t\tIface Transport: tcp\n"
				    "\t\tIface Initiatorname: iqn.2026-11.io.hawser:me\n"
				    "\t\tIface IPaddress: 192.0.2.100\n"
				    "\t\tIface HWaddress: default\n"
				    "\t\tIface Netdev: default\n";

} // namespace

TEST_CASE_METHOD(Bench, "no session is exit status 21")
{
	CHECK(bad(Code::nothing_found, "-m session") == "hawseradm: No active sessions.\n");
	bad(Code::nothing_found, "-m session -P 1");
	bad(Code::nothing_found, "-m session -R");
	CHECK(bad(Code::nothing_found, "-m session -u") ==
	      "hawseradm: No matching sessions found\n");
	bad(Code::sysfs_lookup, "-m session -r 9");
}

TEST_CASE_METHOD(Sessions, "sessions are listed one a line, without the service too")
{
	service.running = false;
	const std::string listing = "tcp: [1] 192.0.2.1:3260,1 " + t1 + " (non-flash)\n" +
				    "tcp: [4] [2001:db8::1]:3260,1 " + t2 + " (non-flash)\n";
	CHECK(good("-m session") == listing);
	CHECK(good("-m session -P 0") == listing);
}

TEST_CASE_METHOD(Sessions, "print level 1 is the session and its interface")
{
	varlink::SessionStatus status;
	status.sid = 1;
	status.state = "logged_in";
	service.status = {status};
	CHECK(good("-m session -r 1 -P 1") == "Target: " + t1 +
						  " (non-flash)\n"
						  "\tCurrent Portal: 192.0.2.1:3260,1\n"
						  "\tPersistent Portal: 192.0.2.1:3260,1\n" +
						  interface_block +
						  "\t\tSID: 1\n"
						  "\t\tiSCSI Connection State: LOGGED IN\n"
						  "\t\tiSCSI Session State: LOGGED_IN\n"
						  "\t\tInternal iscsid Session State: NO CHANGE\n");
}

TEST_CASE_METHOD(Sessions, "print level 3 has versions, timeouts, negotiated values and devices")
{
	kernel.disks = {{2, 0, 0, 1, "running", {"sda"}}, {2, 0, 0, 12, "offline", {}}};
	const auto text = good("-m session -r 1 -P 3");
	CHECK(text.starts_with(std::string("iSCSI Transport Class version 2.0-870\nversion ") +
			       HAWSER_VERSION + "\nTarget: "));
	CHECK(text.find("\t\tInternal iscsid Session State: Unknown\n"
			"\t\t*********\n"
			"\t\tTimeouts:\n"
			"\t\t*********\n"
			"\t\tRecovery Timeout: 120\n"
			"\t\tTarget Reset Timeout: 30\n"
			"\t\tLUN Reset Timeout: 30\n"
			"\t\tAbort Timeout: 15\n"
			"\t\t*****\n"
			"\t\tCHAP:\n"
			"\t\t*****\n"
			"\t\tusername: <empty>\n"
			"\t\tpassword: ********\n"
			"\t\tusername_in: <empty>\n"
			"\t\tpassword_in: ********\n"
			"\t\t************************\n"
			"\t\tNegotiated iSCSI params:\n"
			"\t\t************************\n"
			"\t\tHeaderDigest: None\n"
			"\t\tDataDigest: None\n"
			"\t\tMaxRecvDataSegmentLength: 262144\n"
			"\t\tMaxXmitDataSegmentLength: 8192\n"
			"\t\tFirstBurstLength: 65536\n"
			"\t\tMaxBurstLength: 262144\n"
			"\t\tImmediateData: Yes\n"
			"\t\tInitialR2T: Yes\n"
			"\t\tMaxOutstandingR2T: 1\n"
			"\t\t************************\n"
			"\t\tAttached SCSI devices:\n"
			"\t\t************************\n"
			"\t\tHost Number: 2\tState: running\n"
			"\t\tscsi2 Channel 00 Id 0 Lun: 1\n"
			"\t\t\tAttached scsi disk sda\t\tState: running\n"
			"\t\tscsi2 Channel 00 Id 0 Lun: 12\n") != std::string::npos);
	bad(Code::invalid_argument, "-m session -P 4");
}

TEST_CASE_METHOD(Sessions, "JSON has every negotiated key, numbers as numbers")
{
	kernel.live[0].parameters.task_reporting = kernel::TaskReporting::response_fence;
	kernel.live[0].parameters.protocol_level = 2;
	kernel.live[0].parameters.data_sequence_in_order = false;
	const auto json = nlohmann::json::parse(good("-m session -r 1 --json"));
	const auto session = json.at(0).at("negotiated");
	const auto connection = json.at(0).at("connections").at(0);
	for (const auto &key : all_keys()) {
		if (!find_binding(key.name))
			continue;
		INFO(key.name);
		const auto &where = key.scope == KeyScope::session ? session : connection;
		REQUIRE(where.contains(std::string(key.name)));
		CHECK(where[std::string(key.name)].is_number() == (key.type == KeyType::number));
	}
	CHECK(session.at("TaskReporting") == "ResponseFence");
	CHECK(session.at("iSCSIProtocolLevel") == 2);
	CHECK(session.at("DataSequenceInOrder") == "No");
	CHECK(session.at("MaxBurstLength") == 262144);
	CHECK(connection.at("MaxXmitDataSegmentLength") == 8192);
	CHECK(connection.at("MaxRecvDataSegmentLength") == 262144);
}

TEST_CASE_METHOD(Sessions, "a lost session is shown so, with the portal of its record")
{
	auto &session = kernel.live[0];
	session.state = kernel::SessionState::failed;
	session.connections[0].state = kernel::ConnectionState::free;
	session.connections[0].peer_address.clear();
	session.connections[0].local_address.clear();
	varlink::SessionStatus status;
	status.sid = 1;
	status.state = "reconnecting";
	service.status = {status};
	const auto text = good("-m session -r 1 -P 1");
	CHECK(text.find("\tCurrent Portal: 192.0.2.1:3260,1\n") != std::string::npos);
	CHECK(text.find("Iface IPaddress: <empty>\n") != std::string::npos);
	CHECK(text.find("iSCSI Connection State: TRANSPORT WAIT\n") != std::string::npos);
	CHECK(text.find("iSCSI Session State: FAILED\n") != std::string::npos);
	CHECK(text.find("Internal iscsid Session State: REOPEN\n") != std::string::npos);
}

TEST_CASE_METHOD(Sessions,
		 "a session named alone shows its record, and its values are updated through it")
{
	good("-m node -o new -T " + t1 + " -p 192.0.2.1");
	CHECK(good("-m session -r 1").find("node.name = " + t1) != std::string::npos);
	good("-m session -r 1 -o update -n node.startup -v automatic");
	CHECK(good("-m node -T " + t1).find("node.startup = automatic") != std::string::npos);
	bad(Code::session_exists, "-m session -r 1 -o delete");
	bad(Code::nothing_found, "-m session -r 4");
	bad(Code::not_supported, "-m session -r 1 -o new");
}

TEST_CASE_METHOD(Sessions, "rescan and logout name each session")
{
	CHECK(good("-m session -r 1 -R") ==
	      "Rescanning session [sid: 1, target: " + t1 + ", portal: 192.0.2.1,3260]\n");
	good("-m session -R");
	CHECK(service.rescans.back() == std::vector<std::uint32_t>{1, 4});
	good("-m session -u");
	CHECK(service.logouts.back().sids == std::vector<std::uint32_t>{1, 4});
	service.failure = varlink::Failure{Code::busy, "sda is mounted on /srv", {}, {}, {}, false};
	CHECK(bad(Code::busy, "-m session -r 1 -u") ==
	      "hawseradm: Could not logout of [sid: 1, target: " + t1 +
		  ", portal: 192.0.2.1,3260]: sda is mounted on /srv\n");
	bad(Code::busy, "-m session -r 1 -R");
}

TEST_CASE_METHOD(Sessions, "counters have iscsiadm's names, and ours after them")
{
	kernel.counters.connections[Cid{0}] = {{HWS_CONN_STAT_TX_OCTETS, 4336},
					       {HWS_CONN_STAT_TX_SCSI_COMMAND, 76},
					       {HWS_CONN_STAT_SEND_WAITS, 3}};
	kernel.counters.connections[Cid{1}] = {{HWS_CONN_STAT_TX_SCSI_COMMAND, 4}};
	kernel.counters.session = {{HWS_SESSION_STAT_TIMEOUTS, 2}, {HWS_SESSION_STAT_COMMANDS, 80}};
	const auto text = good("-m session -r 1 -s");
	CHECK(text.starts_with("Stats for session [sid: 1, target: " + t1 +
			       ", portal: 192.0.2.1,3260]\n"
			       "iSCSI SNMP:\n"
			       "\ttxdata_octets: 4336\n"
			       "\trxdata_octets: 0\n"
			       "\tnoptx_pdus: 0\n"
			       "\tscsicmd_pdus: 80\n"
			       "\ttmfcmd_pdus: 0\n"
			       "\tlogin_pdus: 0\n"
			       "\ttext_pdus: 0\n"
			       "\tdataout_pdus: 0\n"
			       "\tlogout_pdus: 0\n"
			       "\tsnack_pdus: 0\n"
			       "\tnoprx_pdus: 0\n"
			       "\tscsirsp_pdus: 0\n"
			       "\ttmfrsp_pdus: 0\n"
			       "\ttextrsp_pdus: 0\n"
			       "\tdatain_pdus: 0\n"
			       "\tlogoutrsp_pdus: 0\n"
			       "\tr2t_pdus: 0\n"
			       "\tasync_pdus: 0\n"
			       "\trjt_pdus: 0\n"
			       "\tdigest_err: 0\n"
			       "\ttimeout_err: 2\n"
			       "iSCSI Extended:\n"));
	CHECK(text.find("\tsend_waits: 3\n") != std::string::npos);
	CHECK(text.find("\tcommands: 80\n") != std::string::npos);
	const auto json = nlohmann::json::parse(good("-m session -s --json"));
	REQUIRE(json.size() == 2);
	CHECK(json[0]["connections"][0]["counters"]["scsicmd_pdus"] == 76);
	CHECK(json[0]["counters"]["commands"] == 80);
}

TEST_CASE_METHOD(Sessions, "ping goes to the session and connection that were named")
{
	CHECK(good("-m session -r 1 -C ping -b 128 -c 2 -i 0 --cid 0") ==
	      "Ping 1 completed: 128 bytes in 1.235 ms\nPing 2 completed: 128 bytes in 1.235 ms\n");
	REQUIRE(service.pings.size() == 1);
	CHECK(service.pings[0].cid == 0);
	CHECK(service.pings[0].interval_ms == 1);
	good("-m session -r 1 -C ping");
	CHECK(service.pings[1].size == 64);
	CHECK(service.pings[1].interval_ms == 1000);
	bad(Code::invalid_argument, "-m session -C ping");
	bad(Code::sysfs_lookup, "-m session -r 9 -C ping");
	service.failure = varlink::Failure{Code::pdu_timed_out, "no answer", {}, {}, {}, true};
	CHECK(bad(Code::pdu_timed_out, "-m session -r 1 -C ping") ==
	      "hawseradm: Ping 1 failed: no answer\n");
}

TEST_CASE_METHOD(Sessions, "tmf says in words what the target made of the function")
{
	const std::string session = "[sid: 1, target: " + t1 + ", portal: 192.0.2.1,3260]: ";
	service.answer = {7, "function succeeded: commands are there", {}};
	CHECK(good("-m session -r 1 -C tmf --function query_task_set --lun 1 --cid 3") ==
	      "LUN 1 of " + session + "QUERY TASK SET: function succeeded: commands are there\n");
	REQUIRE(service.functions.size() == 1);
	CHECK(service.functions[0].sid == 1);
	CHECK(service.functions[0].cid == 3);
	CHECK(service.functions[0].function == "query_task_set");
	CHECK(service.functions[0].lun == 1);
	auto json = nlohmann::json::parse(
	    good("-m session -r 1 -C tmf --function query_task_set --lun 1 --json"));
	CHECK(json["function"] == "query_task_set");
	CHECK(json["lun"] == 1);
	CHECK(json["response"] == 7);
	CHECK(json["failure"].is_null());

	const std::string reset = "-m session -r 1 -C tmf --function target_warm_reset";
	service.answer = {0, "function complete", {}};
	CHECK(good(reset) == session + "TARGET WARM RESET: function complete\n");
	CHECK_FALSE(service.functions.back().lun);
	CHECK_FALSE(service.functions.back().cid);

	const varlink::Failure rejected{Code::failed, "function rejected", {}, {}, {}, false};
	service.answer = {255, "function rejected", rejected};
	CHECK(bad(Code::failed, reset) ==
	      "hawseradm: " + session + "TARGET WARM RESET: function rejected\n");
	CHECK(out == "");
	bad(Code::failed, reset + " --json");
	json = nlohmann::json::parse(out);
	CHECK(json["response"] == 255);
	CHECK(json["failure"] == "function rejected");
	const varlink::Failure silent{Code::pdu_timed_out, "no answer", {}, {}, {}, false};
	service.answer = {{}, {}, silent};
	CHECK(bad(Code::pdu_timed_out, reset) ==
	      "hawseradm: " + session + "TARGET WARM RESET: no answer\n");

	bad(Code::invalid_argument, "-m session -C tmf --function target_warm_reset");
	bad(Code::sysfs_lookup, "-m session -r 9 -C tmf --function target_warm_reset");
	service.refusal = Error{Code::no_permission, "root only"};
	CHECK(bad(Code::no_permission, reset) ==
	      "hawseradm: " + session + "TARGET WARM RESET: root only\n");
}

TEST_CASE_METHOD(Sessions, "sendtargets shows what a session's target says of its portals")
{
	service.found = {{{t1, {{"192.0.2.1", 3260, 1}, {"2001:db8::1", 3261, 2}}}}, {}};
	CHECK(good("-m session -r 1 -C sendtargets") ==
	      "192.0.2.1:3260,1 " + t1 + "\n[2001:db8::1]:3261,2 " + t1 + "\n");
	const auto json =
	    nlohmann::json::parse(good("-m session -r 1 -C sendtargets --cid 3 --json"));
	REQUIRE(json.size() == 2);
	CHECK(json[1]["address"] == "2001:db8::1");
	CHECK(json[1]["tpgt"] == 2);
	REQUIRE(service.questions.size() == 2);
	CHECK(service.questions[0].sid == 1);
	CHECK_FALSE(service.questions[0].cid);
	CHECK(service.questions[1].cid == 3);

	bad(Code::invalid_argument, "-m session -C sendtargets");
	bad(Code::sysfs_lookup, "-m session -r 9 -C sendtargets");
	service.found = {};
	bad(Code::nothing_found, "-m session -r 1 -C sendtargets");
	service.refusal = Error{Code::pdu_timed_out, "no answer"};
	CHECK(bad(Code::pdu_timed_out, "-m session -r 1 -C sendtargets") ==
	      "hawseradm: Could not perform SendTargets in session 1: no answer\n");
}

TEST_CASE_METHOD(Sessions, "sessions in JSON have both transport names, connections and devices")
{
	kernel.disks = {{2, 0, 0, 1, "running", {"sda"}}};
	const auto json = nlohmann::json::parse(good("-m session --json"));
	REQUIRE(json.size() == 2);
	CHECK(json[0]["transport"] == "hawser");
	CHECK(json[0]["transport_name"] == "tcp");
	CHECK(json[0]["state"] == "active");
	CHECK(json[0]["connections"][0]["state"] == "logged_in");
	CHECK(json[0]["devices"][0]["disks"][0] == "sda");
	CHECK(json[1]["address"] == "2001:db8::1");
}

TEST_CASE_METHOD(Sessions, "hosts are listed and shown with their sessions")
{
	CHECK(good("-m host") ==
	      "tcp: [2] 192.0.2.100,[<empty>],<empty> iqn.2026-11.io.hawser:me\n"
	      "tcp: [5] 2001:db8::100,[<empty>],<empty> iqn.2026-11.io.hawser:me\n");
	CHECK(good("-m host -H 2 -P 1") == "Host Number: 2\n"
					   "\tState: running\n"
					   "\tTransport: tcp\n"
					   "\tInitiatorname: iqn.2026-11.io.hawser:me\n"
					   "\tIPaddress: 192.0.2.100\n"
					   "\tHWaddress: <empty>\n"
					   "\tNetdev: <empty>\n");
	const auto text = good("-m host -H 2 -P 4");
	CHECK(text.find("\t*********\n\tSessions:\n\t*********\n\tTarget: " + t1 +
			" (non-flash)\n"
			"\t\tCurrent Portal: 192.0.2.1:3260,1\n") != std::string::npos);
	CHECK(text.find("\t\t\tNegotiated iSCSI params:\n") != std::string::npos);
	CHECK(text.find("Timeouts") == std::string::npos);
	CHECK(nlohmann::json::parse(good("-m host --json"))[0]["host"] == 2);
	bad(Code::nothing_found, "-m host -H 99");
	kernel.live.clear();
	CHECK(bad(Code::nothing_found, "-m host") == "hawseradm: No iSCSI hosts.\n");
}
