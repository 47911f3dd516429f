/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The numbers of ABI 1, written down a second time. A change here is a change of
 * the ABI: HWS_ABI moves when a program built for the old numbers would misread
 * the new ones.
 */
#include <hawser/hawser.h>

#include <linux/genetlink.h>

#include <catch2/catch.hpp>

#include <set>
#include <string>
#include <vector>

namespace
{

struct Number {
	const char *name;
	unsigned int value;
	unsigned int expected;
};

#define IS(name, expected)                                                                         \
	Number                                                                                     \
	{                                                                                          \
#name, name, expected                                                              \
	}

struct Counter {
	unsigned int number;
	unsigned int constant;
	std::string name;
	std::string text;
};

#define CONN_ROW(number, id, name, text) {number, HWS_CONN_STAT_##id, name, text},
#define SESSION_ROW(number, id, name, text) {number, HWS_SESSION_STAT_##id, name, text},

const std::vector<Counter> conn_counters = {HWS_CONN_STATS(CONN_ROW)};
const std::vector<Counter> session_counters = {HWS_SESSION_STATS(SESSION_ROW)};

void numbered_from_one(const std::vector<Counter> &counters, unsigned int max)
{
	unsigned int next = 1;

	for (const Counter &c : counters) {
		INFO(c.name);
		CHECK(c.number == next++);
		CHECK(c.constant == c.number);
	}
	CHECK(max == counters.size());
}

} // namespace

TEST_CASE("the numbers of the ABI are those that were given out")
{
	const Number numbers[] = {
	    /* hws_cmd */
	    IS(HWS_CMD_UNSPEC, 0),
	    IS(HWS_CMD_GET_INFO, 1),
	    IS(HWS_CMD_SOCKET_PREPARE, 2),
	    IS(HWS_CMD_SESSION_NEW, 3),
	    IS(HWS_CMD_SESSION_GET, 4),
	    IS(HWS_CMD_SESSION_SET, 5),
	    IS(HWS_CMD_SESSION_DEL, 6),
	    IS(HWS_CMD_CONN_RESERVE, 7),
	    IS(HWS_CMD_CONN_RELEASE, 8),
	    IS(HWS_CMD_CONN_ADOPT, 9),
	    IS(HWS_CMD_CONN_DROP, 10),
	    IS(HWS_CMD_PING, 11),
	    IS(HWS_CMD_TMF, 12),
	    IS(HWS_CMD_SCAN, 13),
	    IS(HWS_CMD_STATS_GET, 14),
	    IS(HWS_CMD_EVENT, 15),
	    IS(HWS_CMD_TEXT, 16),
	    IS(HWS_CMD_CONN_REMOVE, 17),
	    /* hws_attr */
	    IS(HWS_A_UNSPEC, 0),
	    IS(HWS_A_ABI, 1),
	    IS(HWS_A_MODULE_VERSION, 2),
	    IS(HWS_A_GENERATION, 3),
	    IS(HWS_A_SID, 4),
	    IS(HWS_A_HOST, 5),
	    IS(HWS_A_FD, 6),
	    IS(HWS_A_COOKIE, 7),
	    IS(HWS_A_ADOPT_KIND, 8),
	    IS(HWS_A_SESSION, 9),
	    IS(HWS_A_CONNECTION, 10),
	    IS(HWS_A_PING, 11),
	    IS(HWS_A_TMF, 12),
	    IS(HWS_A_STATS, 13),
	    IS(HWS_A_EVENT, 14),
	    IS(HWS_A_ASYNC, 15),
	    IS(HWS_A_SCAN, 16),
	    IS(HWS_A_PAD, 17),
	    IS(HWS_A_TEXT, 18),
	    /* hws_session_attr */
	    IS(HWS_SESSION_A_UNSPEC, 0),
	    IS(HWS_SESSION_A_STATE, 1),
	    IS(HWS_SESSION_A_INITIATOR_NAME, 2),
	    IS(HWS_SESSION_A_INITIATOR_ALIAS, 3),
	    IS(HWS_SESSION_A_TARGET_NAME, 4),
	    IS(HWS_SESSION_A_TARGET_ALIAS, 5),
	    IS(HWS_SESSION_A_ISID, 6),
	    IS(HWS_SESSION_A_TSIH, 7),
	    IS(HWS_SESSION_A_TPGT, 8),
	    IS(HWS_SESSION_A_IFACE, 9),
	    IS(HWS_SESSION_A_OWNER_KEY, 10),
	    IS(HWS_SESSION_A_INITIAL_R2T, 11),
	    IS(HWS_SESSION_A_IMMEDIATE_DATA, 12),
	    IS(HWS_SESSION_A_FIRST_BURST_LENGTH, 13),
	    IS(HWS_SESSION_A_MAX_BURST_LENGTH, 14),
	    IS(HWS_SESSION_A_MAX_OUTSTANDING_R2T, 15),
	    IS(HWS_SESSION_A_DATA_PDU_IN_ORDER, 16),
	    IS(HWS_SESSION_A_DATA_SEQUENCE_IN_ORDER, 17),
	    IS(HWS_SESSION_A_ERL, 18),
	    IS(HWS_SESSION_A_MAX_CONNECTIONS, 19),
	    IS(HWS_SESSION_A_TIME2WAIT, 20),
	    IS(HWS_SESSION_A_TIME2RETAIN, 21),
	    IS(HWS_SESSION_A_CMD_SN, 22),
	    IS(HWS_SESSION_A_EXP_CMD_SN, 23),
	    IS(HWS_SESSION_A_MAX_CMD_SN, 24),
	    IS(HWS_SESSION_A_CMDS_MAX, 25),
	    IS(HWS_SESSION_A_QUEUE_DEPTH, 26),
	    IS(HWS_SESSION_A_RECOVERY_TMO, 27),
	    IS(HWS_SESSION_A_ABORT_TMO, 28),
	    IS(HWS_SESSION_A_LU_RESET_TMO, 29),
	    IS(HWS_SESSION_A_TGT_RESET_TMO, 30),
	    IS(HWS_SESSION_A_SCAN, 31),
	    IS(HWS_SESSION_A_STABLE_WRITES, 32),
	    IS(HWS_SESSION_A_LAST_LOSS, 33),
	    IS(HWS_SESSION_A_DEVICES, 34),
	    IS(HWS_SESSION_A_TASK_REPORTING, 35),
	    IS(HWS_SESSION_A_PROTOCOL_LEVEL, 36),
	    IS(HWS_SESSION_A_POLICY, 37),
	    IS(HWS_SESSION_A_USERNAME, 38),
	    IS(HWS_SESSION_A_USERNAME_IN, 39),
	    /* hws_conn_attr */
	    IS(HWS_CONN_A_UNSPEC, 0),
	    IS(HWS_CONN_A_CID, 1),
	    IS(HWS_CONN_A_STATE, 2),
	    IS(HWS_CONN_A_FD, 3),
	    IS(HWS_CONN_A_HEADER_DIGEST, 4),
	    IS(HWS_CONN_A_DATA_DIGEST, 5),
	    IS(HWS_CONN_A_MAX_RECV_DATA_SEGMENT_LENGTH, 6),
	    IS(HWS_CONN_A_MAX_XMIT_DATA_SEGMENT_LENGTH, 7),
	    IS(HWS_CONN_A_EXP_STAT_SN, 8),
	    IS(HWS_CONN_A_PERSISTENT_ADDRESS, 9),
	    IS(HWS_CONN_A_PERSISTENT_PORT, 10),
	    IS(HWS_CONN_A_PING_INTERVAL, 11),
	    IS(HWS_CONN_A_PING_TIMEOUT, 12),
	    IS(HWS_CONN_A_LOCAL_ADDRESS, 13),
	    IS(HWS_CONN_A_LOCAL_PORT, 14),
	    IS(HWS_CONN_A_PEER_ADDRESS, 15),
	    IS(HWS_CONN_A_PEER_PORT, 16),
	    IS(HWS_CONN_A_LOSS, 17),
	    IS(HWS_CONN_A_STATS, 18),
	    IS(HWS_CONN_A_PAD, 19),
	    IS(HWS_CONN_A_ROLE, 20),
	    IS(HWS_CONN_A_WEIGHT, 21),
	    IS(HWS_CONN_A_CARRIES, 22),
	    IS(HWS_CONN_A_OUTSTANDING, 23),
	    /* hws_adopt_kind */
	    IS(HWS_ADOPT_SESSION, 1),
	    IS(HWS_ADOPT_JOIN, 2),
	    IS(HWS_ADOPT_REINSTATE, 3),
	    /* hws_policy */
	    IS(HWS_POLICY_FAILOVER, 1),
	    IS(HWS_POLICY_ROUND_ROBIN, 2),
	    IS(HWS_POLICY_ROUND_ROBIN_SUBSET, 3),
	    IS(HWS_POLICY_WEIGHTED, 4),
	    IS(HWS_POLICY_LEAST_QUEUE, 5),
	    IS(HWS_POLICY_CPU, 6),
	    /* hws_role */
	    IS(HWS_ROLE_ACTIVE, 1),
	    IS(HWS_ROLE_STANDBY, 2),
	    /* hws_session_state */
	    IS(HWS_SESSION_ACTIVE, 1),
	    IS(HWS_SESSION_FAILED, 2),
	    IS(HWS_SESSION_EXPIRED, 3),
	    IS(HWS_SESSION_CLOSING, 4),
	    /* hws_conn_state */
	    IS(HWS_CONN_FREE, 1),
	    IS(HWS_CONN_IN_LOGIN, 2),
	    IS(HWS_CONN_LOGGED_IN, 3),
	    IS(HWS_CONN_IN_LOGOUT, 4),
	    IS(HWS_CONN_CLEANUP, 5),
	    /* hws_loss */
	    IS(HWS_LOSS_CLOSED, 1),
	    IS(HWS_LOSS_RESET, 2),
	    IS(HWS_LOSS_PING, 3),
	    IS(HWS_LOSS_PROTOCOL, 4),
	    IS(HWS_LOSS_HEADER_DIGEST, 5),
	    IS(HWS_LOSS_DATA_DIGEST, 6),
	    IS(HWS_LOSS_REJECT, 7),
	    IS(HWS_LOSS_ASYNC_LOGOUT, 8),
	    IS(HWS_LOSS_ASYNC_DROP, 9),
	    IS(HWS_LOSS_TASK_MANAGEMENT, 10),
	    IS(HWS_LOSS_ADMIN, 11),
	    IS(HWS_LOSS_MEMORY, 12),
	    IS(HWS_LOSS_SESSION, 13),
	    IS(HWS_LOSS_UNREPAIRED, 14),
	    /* hws_scan_mode */
	    IS(HWS_SCAN_AUTO, 1),
	    IS(HWS_SCAN_MANUAL, 2),
	    /* hws_task_reporting */
	    IS(HWS_TASK_REPORTING_RFC3720, 0),
	    IS(HWS_TASK_REPORTING_RESPONSE_FENCE, 1),
	    IS(HWS_TASK_REPORTING_FAST_ABORT, 2),
	    /* hws_ping_attr */
	    IS(HWS_PING_A_UNSPEC, 0),
	    IS(HWS_PING_A_ID, 1),
	    IS(HWS_PING_A_SIZE, 2),
	    IS(HWS_PING_A_STATUS, 3),
	    IS(HWS_PING_A_RTT_NS, 4),
	    IS(HWS_PING_A_PAD, 5),
	    /* hws_tmf_attr */
	    IS(HWS_TMF_A_UNSPEC, 0),
	    IS(HWS_TMF_A_ID, 1),
	    IS(HWS_TMF_A_FUNCTION, 2),
	    IS(HWS_TMF_A_LUN, 3),
	    IS(HWS_TMF_A_STATUS, 4),
	    IS(HWS_TMF_A_RESPONSE, 5),
	    /* hws_scan_attr */
	    IS(HWS_SCAN_A_UNSPEC, 0),
	    IS(HWS_SCAN_A_STATUS, 1),
	    IS(HWS_SCAN_A_ADDED, 2),
	    IS(HWS_SCAN_A_REMOVED, 3),
	    /* hws_text_attr */
	    IS(HWS_TEXT_A_UNSPEC, 0),
	    IS(HWS_TEXT_A_ID, 1),
	    IS(HWS_TEXT_A_TEXT, 2),
	    IS(HWS_TEXT_A_STATUS, 3),
	    /* hws_async_attr */
	    IS(HWS_ASYNC_A_UNSPEC, 0),
	    IS(HWS_ASYNC_A_EVENT, 1),
	    IS(HWS_ASYNC_A_VCODE, 2),
	    IS(HWS_ASYNC_A_PARAMETER1, 3),
	    IS(HWS_ASYNC_A_PARAMETER2, 4),
	    IS(HWS_ASYNC_A_PARAMETER3, 5),
	    IS(HWS_ASYNC_A_LUN, 6),
	    IS(HWS_ASYNC_A_DATA, 7),
	    /* hws_event */
	    IS(HWS_EVENT_SESSION_NEW, 1),
	    IS(HWS_EVENT_SESSION_REMOVED, 2),
	    IS(HWS_EVENT_SESSION_STATE, 3),
	    IS(HWS_EVENT_CONNECTION_UP, 4),
	    IS(HWS_EVENT_CONNECTION_LOST, 5),
	    IS(HWS_EVENT_ASYNC, 6),
	    IS(HWS_EVENT_SCAN, 7),
	    IS(HWS_EVENT_PING, 8),
	    IS(HWS_EVENT_TMF, 9),
	    IS(HWS_EVENT_UNIT_ATTENTION, 10),
	    IS(HWS_EVENT_TEXT, 11),
	    IS(HWS_EVENT_CONNECTION_REMOVED, 12),
	};

	CHECK(HWS_ABI == 1);
	for (const Number &n : numbers) {
		INFO(n.name);
		CHECK(n.value == n.expected);
	}
}

TEST_CASE("each maximum is the last number, so that arrays and policies reach to it")
{
	CHECK(HWS_CMD_MAX == HWS_CMD_CONN_REMOVE);
	CHECK(HWS_A_MAX == HWS_A_TEXT);
	CHECK(HWS_SESSION_A_MAX == HWS_SESSION_A_USERNAME_IN);
	CHECK(HWS_CONN_A_MAX == HWS_CONN_A_OUTSTANDING);
	CHECK(HWS_PING_A_MAX == HWS_PING_A_PAD);
	CHECK(HWS_TMF_A_MAX == HWS_TMF_A_RESPONSE);
	CHECK(HWS_TEXT_A_MAX == HWS_TEXT_A_STATUS);
	CHECK(HWS_SCAN_A_MAX == HWS_SCAN_A_REMOVED);
	CHECK(HWS_ASYNC_A_MAX == HWS_ASYNC_A_DATA);
}

TEST_CASE("the family's names fit into generic netlink")
{
	CHECK(sizeof(HWS_GENL_NAME) <= GENL_NAMSIZ);
	CHECK(sizeof(HWS_GENL_MCGRP_EVENTS) <= GENL_NAMSIZ);
}

TEST_CASE("counters are numbered from one without a gap")
{
	numbered_from_one(conn_counters, HWS_CONN_STAT_MAX);
	numbered_from_one(session_counters, HWS_SESSION_STAT_MAX);
}

TEST_CASE("no two counters share a name, and a name is a key of JSON and Prometheus alike")
{
	std::set<std::string> names;

	for (const auto *counters : {&conn_counters, &session_counters}) {
		for (const Counter &c : *counters) {
			INFO(c.name);
			CHECK(names.insert(c.name).second);
			CHECK(c.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") ==
			      std::string::npos);
			CHECK_FALSE(c.text.empty());
		}
	}
}

TEST_CASE("the limits of the ABI hold together")
{
	CHECK(HWS_CMDS_MAX_MIN < HWS_CMDS_MAX_MAX);
	CHECK(HWS_QUEUE_DEPTH_MAX <= HWS_CMDS_MAX_MAX);
	CHECK(HWS_ISID_LEN == 6);
	CHECK(HWS_LUN_LEN == 8);
	/* RFC 7143 section 4.2.7.1 */
	CHECK(HWS_NAME_MAX == 223);
	/* An attribute, and the nest around it, has 16 bits for its length. */
	CHECK(HWS_TEXT_MAX + 4 * NLA_HDRLEN + 2 * sizeof(__u32) < 1 << 16);
}
