/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "varlink/api.h"

#include "base/secret.h"

namespace hawser::varlink
{

namespace
{

/* An absent member and a null one both read as nothing. */
template <class T> void get_optional(const Json &json, const char *name, std::optional<T> &value)
{
	auto it = json.find(name);
	if (it == json.end() || it->is_null())
		value.reset();
	else
		get_member(json, name, value.emplace());
}

/* Nothing is left out rather than written as null. */
template <class T> void put_optional(Json &json, const char *name, const std::optional<T> &value)
{
	if (value)
		json[name] = *value;
}

template <class Result> void result_to_json(Json &json, const Result &value)
{
	json = {{"node", value.node}};
	put_optional(json, "sid", value.sid);
	put_optional(json, "failure", value.failure);
}

template <class Result> void result_from_json(const Json &json, Result &value)
{
	get_member(json, "node", value.node);
	get_optional(json, "sid", value.sid);
	get_optional(json, "failure", value.failure);
}

} // namespace

void to_json(Json &json, const Failure &value)
{
	json = {{"code", static_cast<int>(value.code)},
		{"text", value.text},
		{"retryable", value.retryable}};
	put_optional(json, "status_class", value.status_class);
	put_optional(json, "status_detail", value.status_detail);
	put_optional(json, "status_text", value.status_text);
}

void from_json(const Json &json, Failure &value)
{
	int code = 0;
	get_member(json, "code", code);
	value.code = static_cast<Code>(code);
	get_member(json, "text", value.text);
	get_member(json, "retryable", value.retryable);
	get_optional(json, "status_class", value.status_class);
	get_optional(json, "status_detail", value.status_detail);
	get_optional(json, "status_text", value.status_text);
}

void to_json(Json &json, const Node &value)
{
	json = {{"target", value.target},
		{"address", value.address},
		{"port", value.port},
		{"iface", value.iface}};
	put_optional(json, "tpgt", value.tpgt);
}

void from_json(const Json &json, Node &value)
{
	get_member(json, "target", value.target);
	get_member(json, "address", value.address);
	get_member(json, "port", value.port);
	get_member(json, "iface", value.iface);
	get_optional(json, "tpgt", value.tpgt);
}

void to_json(Json &json, const LoginResult &value)
{
	result_to_json(json, value);
}

void from_json(const Json &json, LoginResult &value)
{
	result_from_json(json, value);
}

void to_json(Json &json, const LogoutResult &value)
{
	result_to_json(json, value);
}

void from_json(const Json &json, LogoutResult &value)
{
	result_from_json(json, value);
}

void to_json(Json &json, const RescanResult &value)
{
	json = {{"sid", value.sid}, {"added", value.added}, {"removed", value.removed}};
	put_optional(json, "failure", value.failure);
}

void from_json(const Json &json, RescanResult &value)
{
	get_member(json, "sid", value.sid);
	get_member(json, "added", value.added);
	get_member(json, "removed", value.removed);
	get_optional(json, "failure", value.failure);
}

void to_json(Json &json, const PingResult &value)
{
	json = {{"sequence", value.sequence}, {"size", value.size}};
	put_optional(json, "round_trip_ns", value.round_trip_ns);
	put_optional(json, "failure", value.failure);
}

void from_json(const Json &json, PingResult &value)
{
	get_member(json, "sequence", value.sequence);
	get_member(json, "size", value.size);
	get_optional(json, "round_trip_ns", value.round_trip_ns);
	get_optional(json, "failure", value.failure);
}

void to_json(Json &json, const Portal &value)
{
	json = {{"address", value.address}, {"port", value.port}, {"tpgt", value.tpgt}};
}

void from_json(const Json &json, Portal &value)
{
	get_member(json, "address", value.address);
	get_member(json, "port", value.port);
	get_member(json, "tpgt", value.tpgt);
}

void to_json(Json &json, const DiscoveredTarget &value)
{
	json = {{"target", value.target}, {"portals", value.portals}};
}

void from_json(const Json &json, DiscoveredTarget &value)
{
	get_member(json, "target", value.target);
	get_member(json, "portals", value.portals);
}

void to_json(Json &json, const Connection &value)
{
	json = {{"cid", value.cid},	{"address", value.address},  {"port", value.port},
		{"iface", value.iface}, {"role", value.role},	     {"weight", value.weight},
		{"state", value.state}, {"attempts", value.attempts}};
	put_optional(json, "retry_in_ms", value.retry_in_ms);
	put_optional(json, "last_failure", value.last_failure);
}

void from_json(const Json &json, Connection &value)
{
	get_member(json, "cid", value.cid);
	get_member(json, "address", value.address);
	get_member(json, "port", value.port);
	get_member(json, "iface", value.iface);
	get_member(json, "role", value.role);
	get_member(json, "weight", value.weight);
	get_member(json, "state", value.state);
	get_member(json, "attempts", value.attempts);
	get_optional(json, "retry_in_ms", value.retry_in_ms);
	get_optional(json, "last_failure", value.last_failure);
}

void to_json(Json &json, const SessionStatus &value)
{
	json = {{"node", value.node},
		{"state", value.state},
		{"attempts", value.attempts},
		{"policy", value.policy},
		{"connections", value.connections}};
	put_optional(json, "sid", value.sid);
	put_optional(json, "retry_in_ms", value.retry_in_ms);
	put_optional(json, "last_failure", value.last_failure);
}

void from_json(const Json &json, SessionStatus &value)
{
	get_member(json, "node", value.node);
	get_member(json, "state", value.state);
	get_member(json, "attempts", value.attempts);
	get_member(json, "policy", value.policy);
	get_member(json, "connections", value.connections);
	get_optional(json, "sid", value.sid);
	get_optional(json, "retry_in_ms", value.retry_in_ms);
	get_optional(json, "last_failure", value.last_failure);
}

void to_json(Json &json, const InfoReply &value)
{
	json = {{"version", value.version},
		{"pid", value.pid},
		{"initiator_name", value.initiator_name},
		{"abi", value.abi},
		{"sessions", value.sessions}};
	put_optional(json, "module_abi", value.module_abi);
	put_optional(json, "module_version", value.module_version);
	put_optional(json, "module_failure", value.module_failure);
}

void from_json(const Json &json, InfoReply &value)
{
	get_member(json, "version", value.version);
	get_member(json, "pid", value.pid);
	get_member(json, "initiator_name", value.initiator_name);
	get_member(json, "abi", value.abi);
	get_member(json, "sessions", value.sessions);
	get_optional(json, "module_abi", value.module_abi);
	get_optional(json, "module_version", value.module_version);
	get_optional(json, "module_failure", value.module_failure);
}

void to_json(Json &json, const LoginCall &value)
{
	json = {{"nodes", value.nodes}, {"settings", value.settings}, {"wait", value.wait}};
}

void from_json(const Json &json, LoginCall &value)
{
	get_member(json, "nodes", value.nodes);
	get_member(json, "settings", value.settings);
	get_member(json, "wait", value.wait);
}

void to_json(Json &json, const LogoutCall &value)
{
	json = {{"sids", value.sids}, {"nodes", value.nodes}};
}

void from_json(const Json &json, LogoutCall &value)
{
	get_member(json, "sids", value.sids);
	get_member(json, "nodes", value.nodes);
}

void to_json(Json &json, const PingCall &value)
{
	json = {{"sid", value.sid},
		{"size", value.size},
		{"count", value.count},
		{"interval_ms", value.interval_ms}};
	put_optional(json, "cid", value.cid);
}

void from_json(const Json &json, PingCall &value)
{
	get_member(json, "sid", value.sid);
	get_member(json, "size", value.size);
	get_member(json, "count", value.count);
	get_member(json, "interval_ms", value.interval_ms);
	get_optional(json, "cid", value.cid);
}

void to_json(Json &json, const TaskManagementCall &value)
{
	json = {{"sid", value.sid}, {"function", value.function}};
	put_optional(json, "cid", value.cid);
	put_optional(json, "lun", value.lun);
}

void from_json(const Json &json, TaskManagementCall &value)
{
	get_member(json, "sid", value.sid);
	get_optional(json, "cid", value.cid);
	get_member(json, "function", value.function);
	get_optional(json, "lun", value.lun);
}

void to_json(Json &json, const TaskManagementReply &value)
{
	json = Json::object();
	put_optional(json, "response", value.response);
	put_optional(json, "text", value.text);
	put_optional(json, "failure", value.failure);
}

void from_json(const Json &json, TaskManagementReply &value)
{
	get_optional(json, "response", value.response);
	get_optional(json, "text", value.text);
	get_optional(json, "failure", value.failure);
}

void to_json(Json &json, const AddConnectionCall &value)
{
	json = {{"sid", value.sid}, {"address", value.address}, {"port", value.port}};
	put_optional(json, "iface", value.iface);
	put_optional(json, "role", value.role);
	put_optional(json, "weight", value.weight);
	put_optional(json, "header_digest", value.header_digest);
	put_optional(json, "data_digest", value.data_digest);
}

void from_json(const Json &json, AddConnectionCall &value)
{
	get_member(json, "sid", value.sid);
	get_member(json, "address", value.address);
	get_member(json, "port", value.port);
	get_optional(json, "iface", value.iface);
	get_optional(json, "role", value.role);
	get_optional(json, "weight", value.weight);
	get_optional(json, "header_digest", value.header_digest);
	get_optional(json, "data_digest", value.data_digest);
}

void to_json(Json &json, const RemoveConnectionCall &value)
{
	json = {{"sid", value.sid}, {"cid", value.cid}};
}

void from_json(const Json &json, RemoveConnectionCall &value)
{
	get_member(json, "sid", value.sid);
	get_member(json, "cid", value.cid);
}

void to_json(Json &json, const ChangeSessionCall &value)
{
	json = {{"sid", value.sid}};
	put_optional(json, "policy", value.policy);
	put_optional(json, "cid", value.cid);
	put_optional(json, "role", value.role);
	put_optional(json, "weight", value.weight);
}

void from_json(const Json &json, ChangeSessionCall &value)
{
	get_member(json, "sid", value.sid);
	get_optional(json, "policy", value.policy);
	get_optional(json, "cid", value.cid);
	get_optional(json, "role", value.role);
	get_optional(json, "weight", value.weight);
}

void to_json(Json &json, const DiscoverCall &value)
{
	json = {{"type", value.type},
		{"address", value.address},
		{"port", value.port},
		{"ifaces", value.ifaces},
		{"settings", value.settings},
		{"changes", value.changes},
		{"keep_portal", value.keep_portal}};
}

void from_json(const Json &json, DiscoverCall &value)
{
	if (const auto type = json.find("type"); type != json.end() && !type->is_null())
		type->get_to(value.type);
	get_member(json, "address", value.address);
	get_member(json, "port", value.port);
	get_member(json, "ifaces", value.ifaces);
	get_member(json, "settings", value.settings);
	get_member(json, "changes", value.changes);
	get_member(json, "keep_portal", value.keep_portal);
}

void to_json(Json &json, const SendTargetsCall &value)
{
	json = {{"sid", value.sid}};
	put_optional(json, "cid", value.cid);
}

void from_json(const Json &json, SendTargetsCall &value)
{
	get_member(json, "sid", value.sid);
	get_optional(json, "cid", value.cid);
}

void to_json(Json &json, const DiscoverReply &value)
{
	json = {{"targets", value.targets}, {"skipped", value.skipped}};
}

void from_json(const Json &json, DiscoverReply &value)
{
	get_member(json, "targets", value.targets);
	get_member(json, "skipped", value.skipped);
}

void wipe(std::map<std::string, std::string> &settings)
{
	for (auto &[key, value] : settings)
		hawser::wipe(value);
	settings.clear();
}

} // namespace hawser::varlink
