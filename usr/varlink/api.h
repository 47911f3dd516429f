/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The types of io.hawser (io.hawser.varlink says what each field means) for
 * both ends, and their way to and from JSON. Reading throws Json::exception:
 * a server reads only what the description was held against, so that what is
 * left to find is a number beyond its type, and the client turns them into errors.
 */
#pragma once

#include "base/error.h"
#include "varlink/idl.h"
#include "varlink/read.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hawser::varlink
{

inline constexpr const char *default_socket = "/run/hawser/io.hawser";

/* The text of io.hawser.varlink. */
std::string_view io_hawser_description();

struct Failure {
	Code code = Code::failed;
	std::string text;
	std::optional<int> status_class;
	std::optional<int> status_detail;
	std::optional<std::string> status_text;
	bool retryable = false;

	Error error() const { return {code, text}; }
};

struct Node {
	std::string target;
	std::string address;
	std::uint16_t port = 3260;
	std::optional<int> tpgt; // -1 when unknown
	std::string iface = "default";

	friend bool operator==(const Node &, const Node &) = default;
};

struct LoginResult {
	Node node;
	std::optional<std::uint32_t> sid;
	std::optional<Failure> failure;
};

struct LogoutResult {
	Node node;
	std::optional<std::uint32_t> sid;
	std::optional<Failure> failure;
};

struct RescanResult {
	std::uint32_t sid = 0;
	std::uint32_t added = 0;
	std::uint32_t removed = 0;
	std::optional<Failure> failure;
};

struct PingResult {
	std::uint32_t sequence = 0;
	std::uint32_t size = 0;
	std::optional<std::uint64_t> round_trip_ns;
	std::optional<Failure> failure;
};

struct Portal {
	std::string address;
	std::uint16_t port = 3260;
	int tpgt = -1;
};

struct DiscoveredTarget {
	std::string target;
	std::vector<Portal> portals;
};

struct Connection {
	std::uint16_t cid = 0;
	std::string address;
	std::uint16_t port = 3260;
	std::string iface;
	std::string role; // active or standby
	std::uint32_t weight = 0;
	std::string state; // waiting, joining, up, leaving or off
	std::uint32_t attempts = 0;
	std::optional<std::uint64_t> retry_in_ms;
	std::optional<Failure> last_failure;
};

struct SessionStatus {
	std::optional<std::uint32_t> sid;
	Node node;
	std::string state; // connecting, logged_in, reconnecting or logging_out
	std::uint32_t attempts = 0;
	std::optional<std::uint64_t> retry_in_ms;
	std::optional<Failure> last_failure;
	std::string policy;
	std::vector<Connection> connections;
};

/* The parameters and replies of the methods. */
struct InfoReply {
	std::string version;
	int pid = 0;
	std::string initiator_name;
	int abi = 0;
	std::optional<int> module_abi;
	std::optional<std::string> module_version;
	std::optional<Failure> module_failure;
	int sessions = 0;
};

struct LoginCall {
	std::vector<Node> nodes;
	std::map<std::string, std::string> settings;
	bool wait = true;
};

struct LogoutCall {
	std::vector<std::uint32_t> sids;
	std::vector<Node> nodes;
};

struct PingCall {
	std::uint32_t sid = 0;
	std::optional<std::uint16_t> cid;
	std::uint32_t size = 64;
	std::uint32_t count = 1;
	std::uint32_t interval_ms = 1000;
};

struct TaskManagementCall {
	std::uint32_t sid = 0;
	std::optional<std::uint16_t> cid;
	std::string function;
	std::optional<std::uint64_t> lun; // a number of io.hawser has 63 bits
};

struct TaskManagementReply {
	std::optional<std::uint8_t> response;
	std::optional<std::string> text;
	std::optional<Failure> failure;
};

struct AddConnectionCall {
	std::uint32_t sid = 0;
	std::string address;
	std::uint16_t port = 3260;
	std::optional<std::string> iface = {};
	std::optional<std::string> role = {};
	std::optional<std::uint32_t> weight = {};
	std::optional<std::string> header_digest = {}; // lists, as in a record
	std::optional<std::string> data_digest = {};
};

struct RemoveConnectionCall {
	std::uint32_t sid = 0;
	std::uint16_t cid = 0;
};

struct ChangeSessionCall {
	std::uint32_t sid = 0;
	std::optional<std::string> policy;
	std::optional<std::uint16_t> cid;
	std::optional<std::string> role;
	std::optional<std::uint32_t> weight;
};

struct DiscoverCall {
	std::string type = "sendtargets"; // or isns
	std::string address;
	std::uint16_t port = 3260;
	std::vector<std::string> ifaces;
	std::map<std::string, std::string> settings;
	std::vector<std::string> changes; // new, update, delete
	bool keep_portal = true;

	friend bool operator==(const DiscoverCall &, const DiscoverCall &) = default;
};

struct SendTargetsCall {
	std::uint32_t sid = 0;
	std::optional<std::uint16_t> cid;
};

/* Of Discover and of SendTargets. */
struct DiscoverReply {
	std::vector<DiscoveredTarget> targets;
	std::vector<std::string> skipped;
};

/* A reply of Login, Logout, Rescan and Ping. */
template <class T> struct Progress {
	std::vector<T> results; // what has ended since the reply before
	std::uint32_t done = 0;
	std::uint32_t total = 0;
};

void to_json(Json &json, const Failure &value);
void from_json(const Json &json, Failure &value);
void to_json(Json &json, const Node &value);
void from_json(const Json &json, Node &value);
void to_json(Json &json, const LoginResult &value);
void from_json(const Json &json, LoginResult &value);
void to_json(Json &json, const LogoutResult &value);
void from_json(const Json &json, LogoutResult &value);
void to_json(Json &json, const RescanResult &value);
void from_json(const Json &json, RescanResult &value);
void to_json(Json &json, const PingResult &value);
void from_json(const Json &json, PingResult &value);
void to_json(Json &json, const Portal &value);
void from_json(const Json &json, Portal &value);
void to_json(Json &json, const DiscoveredTarget &value);
void from_json(const Json &json, DiscoveredTarget &value);
void to_json(Json &json, const Connection &value);
void from_json(const Json &json, Connection &value);
void to_json(Json &json, const SessionStatus &value);
void from_json(const Json &json, SessionStatus &value);
void to_json(Json &json, const InfoReply &value);
void from_json(const Json &json, InfoReply &value);
void to_json(Json &json, const LoginCall &value);
void from_json(const Json &json, LoginCall &value);
void to_json(Json &json, const LogoutCall &value);
void from_json(const Json &json, LogoutCall &value);
void to_json(Json &json, const PingCall &value);
void from_json(const Json &json, PingCall &value);
void to_json(Json &json, const TaskManagementCall &value);
void from_json(const Json &json, TaskManagementCall &value);
void to_json(Json &json, const TaskManagementReply &value);
void from_json(const Json &json, TaskManagementReply &value);
void to_json(Json &json, const AddConnectionCall &value);
void from_json(const Json &json, AddConnectionCall &value);
void to_json(Json &json, const RemoveConnectionCall &value);
void from_json(const Json &json, RemoveConnectionCall &value);
void to_json(Json &json, const ChangeSessionCall &value);
void from_json(const Json &json, ChangeSessionCall &value);
void to_json(Json &json, const DiscoverCall &value);
void from_json(const Json &json, DiscoverCall &value);
void to_json(Json &json, const SendTargetsCall &value);
void from_json(const Json &json, SendTargetsCall &value);
void to_json(Json &json, const DiscoverReply &value);
void from_json(const Json &json, DiscoverReply &value);

template <class T> void to_json(Json &json, const Progress<T> &value)
{
	json = {{"results", value.results}, {"done", value.done}, {"total", value.total}};
}

template <class T> void from_json(const Json &json, Progress<T> &value)
{
	get_member(json, "results", value.results);
	get_member(json, "done", value.done);
	get_member(json, "total", value.total);
}

/* The settings of a call that have been taken over: there may be a secret among them. */
void wipe(std::map<std::string, std::string> &settings);

} // namespace hawser::varlink
