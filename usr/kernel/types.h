/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the netlink family "hawser" carries, as values with types. The header
 * <hawser/hawser.h> says what each field means; lengths are in bytes, times in
 * seconds unless the name says otherwise.
 */
#pragma once

#include "base/coding.h"
#include "base/error.h"
#include "base/types.h"

#include <array>
#include <cstdint>
#include <hawser/hawser.h>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace hawser::kernel
{

enum class SessionState : std::uint8_t {
	active = HWS_SESSION_ACTIVE,
	failed = HWS_SESSION_FAILED,
	expired = HWS_SESSION_EXPIRED,
	closing = HWS_SESSION_CLOSING,
};

enum class ConnectionState : std::uint8_t {
	free = HWS_CONN_FREE,
	in_login = HWS_CONN_IN_LOGIN,
	logged_in = HWS_CONN_LOGGED_IN,
	in_logout = HWS_CONN_IN_LOGOUT,
	cleanup = HWS_CONN_CLEANUP,
};

enum class Loss : std::uint8_t {
	closed = HWS_LOSS_CLOSED,
	reset = HWS_LOSS_RESET,
	ping = HWS_LOSS_PING,
	protocol = HWS_LOSS_PROTOCOL,
	header_digest = HWS_LOSS_HEADER_DIGEST,
	data_digest = HWS_LOSS_DATA_DIGEST,
	reject = HWS_LOSS_REJECT,
	async_logout = HWS_LOSS_ASYNC_LOGOUT,
	async_drop = HWS_LOSS_ASYNC_DROP,
	task_management = HWS_LOSS_TASK_MANAGEMENT,
	admin = HWS_LOSS_ADMIN,
	memory = HWS_LOSS_MEMORY,
	session = HWS_LOSS_SESSION,
	unrepaired = HWS_LOSS_UNREPAIRED,
};

/* "the target closed the connection"; for a number of a newer module, the number. */
std::string to_string(Loss loss);

enum class ScanMode : std::uint8_t { automatic = HWS_SCAN_AUTO, manual = HWS_SCAN_MANUAL };

enum class TaskReporting : std::uint8_t {
	rfc3720 = HWS_TASK_REPORTING_RFC3720,
	response_fence = HWS_TASK_REPORTING_RESPONSE_FENCE,
	fast_abort = HWS_TASK_REPORTING_FAST_ABORT,
};

enum class AdoptKind : std::uint8_t {
	session = HWS_ADOPT_SESSION,
	join = HWS_ADOPT_JOIN,
	reinstate = HWS_ADOPT_REINSTATE,
};

/* Which connection of its session a command goes over. */
enum class Policy : std::uint8_t {
	failover = HWS_POLICY_FAILOVER,
	round_robin = HWS_POLICY_ROUND_ROBIN,
	round_robin_subset = HWS_POLICY_ROUND_ROBIN_SUBSET,
	weighted = HWS_POLICY_WEIGHTED,
	least_queue = HWS_POLICY_LEAST_QUEUE,
	cpu = HWS_POLICY_CPU,
};

/* A connection's part in the policy. */
enum class Role : std::uint8_t { active = HWS_ROLE_ACTIVE, standby = HWS_ROLE_STANDBY };

/* The words of node.session.policy and node.conn[i].role; of none of them, nothing. */
std::string_view to_string(Policy policy);
std::string_view to_string(Role role);
std::optional<Policy> parse_policy(std::string_view word);
std::optional<Role> parse_role(std::string_view word);

/* What makes a session the one that it is; fixed for its life. */
struct SessionIdentity {
	std::string initiator_name;
	std::string initiator_alias; // empty: none
	std::string target_name;
	std::string target_alias; // empty: none
	Isid isid;
	Tpgt tpgt;
	std::string iface;
	Bytes owner_key;	 // the daemon's own, opaque to the module
	std::string username;	 // CHAP_N of ours, for who reads sysfs; empty: none
	std::string username_in; // of the target

	friend bool operator==(const SessionIdentity &, const SessionIdentity &) = default;
};

/* What the leading login negotiated, anew at each reinstatement. */
struct SessionParameters {
	Tsih tsih;
	bool initial_r2t = true;
	bool immediate_data = true;
	std::uint32_t first_burst_length = 65536;
	std::uint32_t max_burst_length = 262144;
	std::uint16_t max_outstanding_r2t = 1;
	bool data_pdu_in_order = true;
	bool data_sequence_in_order = true;
	std::uint8_t error_recovery_level = 0;
	TaskReporting task_reporting = TaskReporting::rfc3720;
	std::uint8_t protocol_level = 1; // iSCSIProtocolLevel
	std::uint16_t max_connections = 1;
	std::uint16_t time2wait = 2;
	std::uint16_t time2retain = 20;
	CmdSn cmd_sn;
	CmdSn exp_cmd_sn;
	CmdSn max_cmd_sn;

	friend bool operator==(const SessionParameters &, const SessionParameters &) = default;
};

/* What the record asks of the initiator's own side. */
struct SessionSettings {
	std::uint32_t cmds_max = 128;
	std::uint32_t queue_depth = 32;
	std::int32_t recovery_tmo = 120; // negative: never
	std::uint32_t abort_tmo = 15;
	std::uint32_t lu_reset_tmo = 30;
	std::uint32_t tgt_reset_tmo = 30;
	ScanMode scan = ScanMode::automatic;
	bool stable_writes = false;
	Policy policy = Policy::failover;

	friend bool operator==(const SessionSettings &, const SessionSettings &) = default;
};

struct NewSession {
	SessionIdentity identity;
	SessionParameters parameters;
	SessionSettings settings;
};

/* A connection whose login has ended, as it is handed over. */
struct NewConnection {
	Cid cid;
	int fd = -1; // borrowed: the module takes a reference of its own
	bool header_digest = false;
	bool data_digest = false;
	std::uint32_t max_recv_data_segment_length = 262144;
	std::uint32_t max_xmit_data_segment_length = 8192;
	StatSn exp_stat_sn;
	std::string persistent_address;
	std::uint16_t persistent_port = 3260;
	std::uint32_t ping_interval = 5;
	std::uint32_t ping_timeout = 5;
	Role role = Role::active;
	std::uint32_t weight = 0; // the lower the better
};

struct ConnectionInfo {
	Cid cid;
	ConnectionState state = ConnectionState::free;
	bool header_digest = false;
	bool data_digest = false;
	std::uint32_t max_recv_data_segment_length = 0;
	std::uint32_t max_xmit_data_segment_length = 0;
	StatSn exp_stat_sn;
	std::string persistent_address;
	std::uint16_t persistent_port = 0;
	std::uint32_t ping_interval = 0;
	std::uint32_t ping_timeout = 0;
	Role role = Role::active;
	std::uint32_t weight = 0;
	bool carries = false;	       // new commands may go over it now
	std::uint32_t outstanding = 0; // commands that are its own now
	// Empty and 0 while the connection has no socket.
	std::string local_address;
	std::uint16_t local_port = 0;
	std::string peer_address;
	std::uint16_t peer_port = 0;
};

struct SessionInfo {
	Sid sid;
	std::uint32_t host = 0;
	SessionState state = SessionState::failed;
	SessionIdentity identity;
	SessionParameters parameters;
	SessionSettings settings;
	std::optional<Loss> last_loss;
	std::uint32_t devices = 0;
	std::vector<ConnectionInfo> connections;
};

/* What of a live session is to be changed: all of it or, when refused, nothing. */
struct SessionChange {
	struct Connection {
		Cid cid;
		std::optional<Role> role = {};
		std::optional<std::uint32_t> weight = {};
	};

	std::optional<Policy> policy = {};
	std::optional<Connection> connection = {};
};

struct ModuleInfo {
	std::uint32_t abi = 0;
	std::string version;
	std::uint64_t generation = 0;
};

struct SessionHandle {
	Sid sid;
	std::uint32_t host = 0;
};

/* A login that was announced, and the numbers that it needs. */
struct Reservation {
	std::uint64_t cookie = 0;
	CmdSn cmd_sn;
	Tsih tsih;
	StatSn exp_stat_sn;
};

/* Counters by number; the tables in <hawser/hawser.h> have names and texts. */
using Counters = std::map<std::uint16_t, std::uint64_t>;

struct SessionStats {
	Sid sid;
	Counters session;
	std::map<Cid, Counters> connections;
};

struct StatName {
	std::uint16_t number;
	std::string_view name;
	std::string_view text;
};

const std::vector<StatName> &session_stat_names();
const std::vector<StatName> &connection_stat_names();

/* Events: hints, which may be lost. */
struct SessionAppeared {
	std::uint32_t host = 0;
};
struct SessionRemoved {
};
struct SessionStateChanged {
	SessionState state;
};
struct ConnectionUp {
	Cid cid;
};
struct ConnectionLost {
	Cid cid;
	Loss loss;
	std::uint16_t time2wait = 0; // before the next login
};
/* What remove_connection() began has ended. */
struct ConnectionRemoved {
	Cid cid;
};
/* Asynchronous Message, RFC 7143 section 11.9. */
struct AsyncMessage {
	std::optional<Cid> cid;
	std::uint8_t event = 0;
	std::uint8_t vcode = 0;
	std::uint16_t parameter1 = 0;
	std::uint16_t parameter2 = 0;
	std::uint16_t parameter3 = 0;
	std::array<std::uint8_t, HWS_LUN_LEN> lun{};
	Bytes data;
};
struct UnitAttention {
	std::array<std::uint8_t, HWS_LUN_LEN> lun{};
	Bytes sense;
};
struct ScanEnded {
	int status = 0; // errno, 0 when it went well
	std::uint32_t added = 0;
	std::uint32_t removed = 0;
};
struct PingEnded {
	std::uint32_t id = 0;
	std::uint32_t size = 0;
	int status = 0; // errno, 0 when the echo came
	std::uint64_t round_trip_ns = 0;
};
struct TextEnded {
	std::uint32_t id = 0;
	int status = 0; // errno, 0 when the answer is whole
	Bytes answer;
};
struct TaskManagementEnded {
	std::uint32_t id = 0;
	int status = 0;		   // errno, 0 when the target answered
	std::uint8_t response = 0; // RFC 7143 section 11.6.1, RFC 7144 section 6.4.2
};

using EventBody = std::variant<SessionAppeared, SessionRemoved, SessionStateChanged, ConnectionUp,
			       ConnectionLost, ConnectionRemoved, AsyncMessage, UnitAttention,
			       ScanEnded, PingEnded, TextEnded, TaskManagementEnded>;

struct Event {
	std::uint64_t generation = 0;
	Sid sid;
	EventBody body;
};

} // namespace hawser::kernel
