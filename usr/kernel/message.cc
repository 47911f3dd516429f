/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/message.h"

#include "base/str.h"

#include <cstring>
#include <netlink/attr.h>
#include <netlink/genl/genl.h>
#include <new>
#include <stdexcept>

namespace hawser::kernel
{

namespace
{

constexpr std::size_t usual_bytes = 4096; // more than any command without text has

void check(int error)
{
	if (error < 0)
		throw std::length_error("netlink message is full");
}

void put(nl_msg *message, int type, std::uint8_t value)
{
	check(nla_put_u8(message, type, value));
}

void put(nl_msg *message, int type, std::uint16_t value)
{
	check(nla_put_u16(message, type, value));
}

void put(nl_msg *message, int type, std::uint32_t value)
{
	check(nla_put_u32(message, type, value));
}

void put(nl_msg *message, int type, bool value)
{
	put(message, type, static_cast<std::uint8_t>(value));
}

void put(nl_msg *message, int type, const std::string &value)
{
	check(nla_put_string(message, type, value.c_str()));
}

void put_bytes(nl_msg *message, int type, std::span<const std::uint8_t> bytes)
{
	check(nla_put(message, type, static_cast<int>(bytes.size()), bytes.data()));
}

/* A nest is closed when its scope ends. */
class Nest
{
public:
	Nest(nl_msg *message, int type)
	    : message_(message), start_(nla_nest_start(message, type | NLA_F_NESTED))
	{
		if (!start_)
			throw std::length_error("netlink message is full");
	}
	Nest(const Nest &) = delete;
	Nest &operator=(const Nest &) = delete;
	~Nest() { nla_nest_end(message_, start_); }

private:
	nl_msg *message_;
	nlattr *start_;
};

void put_parameters_in_nest(nl_msg *message, const SessionParameters &p)
{
	put(message, HWS_SESSION_A_TSIH, p.tsih.value);
	put(message, HWS_SESSION_A_INITIAL_R2T, p.initial_r2t);
	put(message, HWS_SESSION_A_IMMEDIATE_DATA, p.immediate_data);
	put(message, HWS_SESSION_A_FIRST_BURST_LENGTH, p.first_burst_length);
	put(message, HWS_SESSION_A_MAX_BURST_LENGTH, p.max_burst_length);
	put(message, HWS_SESSION_A_MAX_OUTSTANDING_R2T, p.max_outstanding_r2t);
	put(message, HWS_SESSION_A_DATA_PDU_IN_ORDER, p.data_pdu_in_order);
	put(message, HWS_SESSION_A_DATA_SEQUENCE_IN_ORDER, p.data_sequence_in_order);
	put(message, HWS_SESSION_A_ERL, p.error_recovery_level);
	// An older module does not know them, and its sessions have the defaults.
	if (p.task_reporting != TaskReporting::rfc3720)
		put(message, HWS_SESSION_A_TASK_REPORTING,
		    static_cast<std::uint8_t>(p.task_reporting));
	if (p.protocol_level != 1)
		put(message, HWS_SESSION_A_PROTOCOL_LEVEL, p.protocol_level);
	put(message, HWS_SESSION_A_MAX_CONNECTIONS, p.max_connections);
	put(message, HWS_SESSION_A_TIME2WAIT, p.time2wait);
	put(message, HWS_SESSION_A_TIME2RETAIN, p.time2retain);
	put(message, HWS_SESSION_A_CMD_SN, p.cmd_sn.value);
	put(message, HWS_SESSION_A_EXP_CMD_SN, p.exp_cmd_sn.value);
	put(message, HWS_SESSION_A_MAX_CMD_SN, p.max_cmd_sn.value);
}

/*
 * The attributes of one message or nest, by type. What the module did not send or
 * sent too short is remembered as an error rather than reported at each get().
 */
class Attributes
{
public:
	Attributes(nlattr *first, int length, int max) : found_(max + 1)
	{
		int rest = length;
		for (nlattr *at = first; nla_ok(at, rest); at = nla_next(at, &rest)) {
			if (nla_type(at) <= max)
				found_[nla_type(at)] = at;
		}
	}

	static Attributes nested(nlattr *nest, int max)
	{
		return {static_cast<nlattr *>(nla_data(nest)), nla_len(nest), max};
	}

	bool has(int type) const { return found_[type] != nullptr; }
	nlattr *at(int type) const { return found_[type]; }

	template <class T> T get(int type)
	{
		T value{};
		if (!has(type) || nla_len(found_[type]) < static_cast<int>(sizeof value))
			bad(type);
		else
			std::memcpy(&value, nla_data(found_[type]), sizeof value);
		return value;
	}

	template <class T> T get_or(int type, T otherwise)
	{
		return has(type) ? get<T>(type) : otherwise;
	}

	bool flag(int type) { return get<std::uint8_t>(type) != 0; }

	std::string text(int type)
	{
		if (!has(type)) {
			bad(type);
			return {};
		}
		return text_or_empty(type);
	}

	std::string text_or_empty(int type) const
	{
		if (!has(type))
			return {};
		const auto *data = static_cast<const char *>(nla_data(found_[type]));
		return std::string(data, strnlen(data, nla_len(found_[type])));
	}

	Bytes bytes(int type) const
	{
		if (!has(type))
			return {};
		const auto *data = static_cast<const std::uint8_t *>(nla_data(found_[type]));
		return Bytes(data, data + nla_len(found_[type]));
	}

	template <std::size_t n> std::array<std::uint8_t, n> array(int type)
	{
		return get<std::array<std::uint8_t, n>>(type);
	}

	/* The first attribute that was asked for in vain. */
	std::optional<int> missing() const { return missing_; }

private:
	void bad(int type)
	{
		if (!missing_)
			missing_ = type;
	}

	std::vector<nlattr *> found_;
	std::optional<int> missing_;
};

Attributes top_level(nlmsghdr *header)
{
	auto *generic = static_cast<genlmsghdr *>(nlmsg_data(header));
	return {genlmsg_attrdata(generic, 0), genlmsg_attrlen(generic, 0), HWS_A_MAX};
}

/* nlmsg_data() of a message that has no room for the generic header. */
Status check_header(nlmsghdr *header)
{
	if (nlmsg_datalen(header) < static_cast<int>(GENL_HDRLEN))
		return fail(Code::no_module, "the hawser module sent a message without a header");
	return {};
}

tl::unexpected<Error> bad_attribute(std::string_view where, int type)
{
	return fail(Code::no_module,
		    str("the hawser module sent no or a short attribute ", type, " in ", where,
			": it is of another ABI than this program"));
}

template <class T> Result<T> checked(T value, const Attributes &attributes, std::string_view where)
{
	if (auto type = attributes.missing())
		return bad_attribute(where, *type);
	return value;
}

/* Calls @each with every attribute of @type in a message: some stand several times. */
template <class F> Status for_each(nlmsghdr *header, int type, F each)
{
	auto *generic = static_cast<genlmsghdr *>(nlmsg_data(header));
	int rest = genlmsg_attrlen(generic, 0);
	for (nlattr *at = genlmsg_attrdata(generic, 0); nla_ok(at, rest);
	     at = nla_next(at, &rest)) {
		if (nla_type(at) != type)
			continue;
		if (Status status = each(at); !status)
			return status;
	}
	return {};
}

SessionParameters read_parameters(Attributes &a)
{
	SessionParameters p;
	p.tsih = Tsih(a.get<std::uint16_t>(HWS_SESSION_A_TSIH));
	p.initial_r2t = a.flag(HWS_SESSION_A_INITIAL_R2T);
	p.immediate_data = a.flag(HWS_SESSION_A_IMMEDIATE_DATA);
	p.first_burst_length = a.get<std::uint32_t>(HWS_SESSION_A_FIRST_BURST_LENGTH);
	p.max_burst_length = a.get<std::uint32_t>(HWS_SESSION_A_MAX_BURST_LENGTH);
	p.max_outstanding_r2t = a.get<std::uint16_t>(HWS_SESSION_A_MAX_OUTSTANDING_R2T);
	p.data_pdu_in_order = a.flag(HWS_SESSION_A_DATA_PDU_IN_ORDER);
	p.data_sequence_in_order = a.flag(HWS_SESSION_A_DATA_SEQUENCE_IN_ORDER);
	p.error_recovery_level = a.get<std::uint8_t>(HWS_SESSION_A_ERL);
	p.task_reporting = static_cast<TaskReporting>(
	    a.get_or<std::uint8_t>(HWS_SESSION_A_TASK_REPORTING, HWS_TASK_REPORTING_RFC3720));
	p.protocol_level = a.get_or<std::uint8_t>(HWS_SESSION_A_PROTOCOL_LEVEL, 1);
	p.max_connections = a.get<std::uint16_t>(HWS_SESSION_A_MAX_CONNECTIONS);
	p.time2wait = a.get<std::uint16_t>(HWS_SESSION_A_TIME2WAIT);
	p.time2retain = a.get<std::uint16_t>(HWS_SESSION_A_TIME2RETAIN);
	p.cmd_sn = CmdSn(a.get<std::uint32_t>(HWS_SESSION_A_CMD_SN));
	p.exp_cmd_sn = CmdSn(a.get<std::uint32_t>(HWS_SESSION_A_EXP_CMD_SN));
	p.max_cmd_sn = CmdSn(a.get<std::uint32_t>(HWS_SESSION_A_MAX_CMD_SN));
	return p;
}

SessionIdentity read_identity(Attributes &a)
{
	SessionIdentity id;
	id.initiator_name = a.text(HWS_SESSION_A_INITIATOR_NAME);
	id.initiator_alias = a.text_or_empty(HWS_SESSION_A_INITIATOR_ALIAS);
	id.target_name = a.text(HWS_SESSION_A_TARGET_NAME);
	id.target_alias = a.text_or_empty(HWS_SESSION_A_TARGET_ALIAS);
	id.isid.bytes = a.array<HWS_ISID_LEN>(HWS_SESSION_A_ISID);
	id.tpgt = Tpgt(a.get<std::uint16_t>(HWS_SESSION_A_TPGT));
	id.iface = a.text(HWS_SESSION_A_IFACE);
	id.owner_key = a.bytes(HWS_SESSION_A_OWNER_KEY);
	id.username = a.text_or_empty(HWS_SESSION_A_USERNAME);
	id.username_in = a.text_or_empty(HWS_SESSION_A_USERNAME_IN);
	return id;
}

SessionSettings read_settings(Attributes &a)
{
	SessionSettings s;
	s.cmds_max = a.get<std::uint32_t>(HWS_SESSION_A_CMDS_MAX);
	s.queue_depth = a.get<std::uint32_t>(HWS_SESSION_A_QUEUE_DEPTH);
	s.recovery_tmo = a.get<std::int32_t>(HWS_SESSION_A_RECOVERY_TMO);
	s.abort_tmo = a.get<std::uint32_t>(HWS_SESSION_A_ABORT_TMO);
	s.lu_reset_tmo = a.get<std::uint32_t>(HWS_SESSION_A_LU_RESET_TMO);
	s.tgt_reset_tmo = a.get<std::uint32_t>(HWS_SESSION_A_TGT_RESET_TMO);
	s.scan = static_cast<ScanMode>(a.get<std::uint8_t>(HWS_SESSION_A_SCAN));
	s.stable_writes = a.flag(HWS_SESSION_A_STABLE_WRITES);
	s.policy =
	    static_cast<Policy>(a.get_or<std::uint8_t>(HWS_SESSION_A_POLICY, HWS_POLICY_FAILOVER));
	return s;
}

Result<ConnectionInfo> read_connection(nlattr *nest)
{
	auto a = Attributes::nested(nest, HWS_CONN_A_MAX);
	ConnectionInfo c;
	c.cid = Cid(a.get<std::uint16_t>(HWS_CONN_A_CID));
	c.state = static_cast<ConnectionState>(a.get<std::uint8_t>(HWS_CONN_A_STATE));
	c.header_digest = a.flag(HWS_CONN_A_HEADER_DIGEST);
	c.data_digest = a.flag(HWS_CONN_A_DATA_DIGEST);
	c.max_recv_data_segment_length =
	    a.get<std::uint32_t>(HWS_CONN_A_MAX_RECV_DATA_SEGMENT_LENGTH);
	c.max_xmit_data_segment_length =
	    a.get<std::uint32_t>(HWS_CONN_A_MAX_XMIT_DATA_SEGMENT_LENGTH);
	c.exp_stat_sn = StatSn(a.get<std::uint32_t>(HWS_CONN_A_EXP_STAT_SN));
	c.persistent_address = a.text(HWS_CONN_A_PERSISTENT_ADDRESS);
	c.persistent_port = a.get<std::uint16_t>(HWS_CONN_A_PERSISTENT_PORT);
	c.ping_interval = a.get<std::uint32_t>(HWS_CONN_A_PING_INTERVAL);
	c.ping_timeout = a.get<std::uint32_t>(HWS_CONN_A_PING_TIMEOUT);
	c.role = static_cast<Role>(a.get_or<std::uint8_t>(HWS_CONN_A_ROLE, HWS_ROLE_ACTIVE));
	c.weight = a.get_or<std::uint32_t>(HWS_CONN_A_WEIGHT, 0);
	// An older module does not say: its one connection carries commands while it is up.
	c.carries =
	    a.get_or<std::uint8_t>(HWS_CONN_A_CARRIES, c.state == ConnectionState::logged_in) != 0;
	c.outstanding = a.get_or<std::uint32_t>(HWS_CONN_A_OUTSTANDING, 0);
	c.local_address = a.text_or_empty(HWS_CONN_A_LOCAL_ADDRESS);
	c.local_port = a.get_or<std::uint16_t>(HWS_CONN_A_LOCAL_PORT, 0);
	c.peer_address = a.text_or_empty(HWS_CONN_A_PEER_ADDRESS);
	c.peer_port = a.get_or<std::uint16_t>(HWS_CONN_A_PEER_PORT, 0);
	return checked(std::move(c), a, "a connection");
}

Counters read_counters(nlattr *nest)
{
	Counters counters;
	int rest = nla_len(nest);
	for (auto *at = static_cast<nlattr *>(nla_data(nest)); nla_ok(at, rest);
	     at = nla_next(at, &rest)) {
		std::uint64_t value;
		if (nla_len(at) != sizeof value)
			continue; // padding in front of a 64-bit value
		std::memcpy(&value, nla_data(at), sizeof value);
		counters[static_cast<std::uint16_t>(nla_type(at))] = value;
	}
	return counters;
}

Result<EventBody> read_event(hws_event kind, Attributes &top)
{
	const auto nest = [&](int type, int max) {
		return top.has(type) ? Attributes::nested(top.at(type), max)
				     : Attributes(nullptr, 0, max);
	};
	auto session = nest(HWS_A_SESSION, HWS_SESSION_A_MAX);
	auto connection = nest(HWS_A_CONNECTION, HWS_CONN_A_MAX);

	switch (kind) {
	case HWS_EVENT_SESSION_NEW:
		return SessionAppeared{top.get_or<std::uint32_t>(HWS_A_HOST, 0)};
	case HWS_EVENT_SESSION_REMOVED:
		return SessionRemoved{};
	case HWS_EVENT_SESSION_STATE: {
		const auto state = session.get<std::uint8_t>(HWS_SESSION_A_STATE);
		return checked<EventBody>(SessionStateChanged{static_cast<SessionState>(state)},
					  session, "a state event");
	}
	case HWS_EVENT_CONNECTION_UP: {
		const Cid cid(connection.get<std::uint16_t>(HWS_CONN_A_CID));
		return checked<EventBody>(ConnectionUp{cid}, connection, "a connection event");
	}
	case HWS_EVENT_CONNECTION_REMOVED: {
		const Cid cid(connection.get<std::uint16_t>(HWS_CONN_A_CID));
		return checked<EventBody>(ConnectionRemoved{cid}, connection, "a connection event");
	}
	case HWS_EVENT_CONNECTION_LOST: {
		ConnectionLost lost{};
		lost.cid = Cid(connection.get<std::uint16_t>(HWS_CONN_A_CID));
		lost.loss = static_cast<Loss>(connection.get<std::uint8_t>(HWS_CONN_A_LOSS));
		lost.time2wait = session.get_or<std::uint16_t>(HWS_SESSION_A_TIME2WAIT, 0);
		return checked<EventBody>(lost, connection, "a connection event");
	}
	case HWS_EVENT_ASYNC: {
		auto async = nest(HWS_A_ASYNC, HWS_ASYNC_A_MAX);
		AsyncMessage m;
		if (connection.has(HWS_CONN_A_CID))
			m.cid = Cid(connection.get<std::uint16_t>(HWS_CONN_A_CID));
		m.event = async.get<std::uint8_t>(HWS_ASYNC_A_EVENT);
		m.vcode = async.get_or<std::uint8_t>(HWS_ASYNC_A_VCODE, 0);
		m.parameter1 = async.get_or<std::uint16_t>(HWS_ASYNC_A_PARAMETER1, 0);
		m.parameter2 = async.get_or<std::uint16_t>(HWS_ASYNC_A_PARAMETER2, 0);
		m.parameter3 = async.get_or<std::uint16_t>(HWS_ASYNC_A_PARAMETER3, 0);
		m.lun = async.get_or(HWS_ASYNC_A_LUN, m.lun);
		m.data = async.bytes(HWS_ASYNC_A_DATA);
		return checked<EventBody>(std::move(m), async, "an asynchronous message");
	}
	case HWS_EVENT_UNIT_ATTENTION: {
		auto async = nest(HWS_A_ASYNC, HWS_ASYNC_A_MAX);
		UnitAttention attention;
		attention.lun = async.get_or(HWS_ASYNC_A_LUN, attention.lun);
		attention.sense = async.bytes(HWS_ASYNC_A_DATA);
		return checked<EventBody>(std::move(attention), async, "a unit attention");
	}
	case HWS_EVENT_SCAN: {
		auto scan = nest(HWS_A_SCAN, HWS_SCAN_A_MAX);
		ScanEnded ended;
		ended.status = static_cast<int>(scan.get<std::uint32_t>(HWS_SCAN_A_STATUS));
		ended.added = scan.get_or<std::uint32_t>(HWS_SCAN_A_ADDED, 0);
		ended.removed = scan.get_or<std::uint32_t>(HWS_SCAN_A_REMOVED, 0);
		return checked<EventBody>(ended, scan, "a scan event");
	}
	case HWS_EVENT_PING: {
		auto ping = nest(HWS_A_PING, HWS_PING_A_MAX);
		PingEnded ended;
		ended.id = ping.get<std::uint32_t>(HWS_PING_A_ID);
		ended.size = ping.get_or<std::uint32_t>(HWS_PING_A_SIZE, 0);
		ended.status = static_cast<int>(ping.get<std::uint32_t>(HWS_PING_A_STATUS));
		ended.round_trip_ns = ping.get_or<std::uint64_t>(HWS_PING_A_RTT_NS, 0);
		return checked<EventBody>(ended, ping, "a ping event");
	}
	case HWS_EVENT_TEXT: {
		auto text = nest(HWS_A_TEXT, HWS_TEXT_A_MAX);
		TextEnded ended;
		ended.id = text.get<std::uint32_t>(HWS_TEXT_A_ID);
		ended.status = static_cast<int>(text.get<std::uint32_t>(HWS_TEXT_A_STATUS));
		ended.answer = text.bytes(HWS_TEXT_A_TEXT);
		return checked<EventBody>(std::move(ended), text, "a text event");
	}
	case HWS_EVENT_TMF: {
		auto tmf = nest(HWS_A_TMF, HWS_TMF_A_MAX);
		TaskManagementEnded ended;
		ended.id = tmf.get<std::uint32_t>(HWS_TMF_A_ID);
		ended.status = static_cast<int>(tmf.get<std::uint32_t>(HWS_TMF_A_STATUS));
		ended.response = tmf.get_or<std::uint8_t>(HWS_TMF_A_RESPONSE, 0);
		return checked<EventBody>(ended, tmf, "a task management event");
	}
	}
	return fail(Code::internal, str("event ", static_cast<int>(kind), " has no meaning"));
}

} // namespace

Message make_request(int family, hws_cmd command, int flags, std::size_t more)
{
	Message message(nlmsg_alloc_size(usual_bytes + more));
	if (!message || !genlmsg_put(message.get(), NL_AUTO_PORT, NL_AUTO_SEQ, family, 0,
				     flags | NLM_F_REQUEST, command, HWS_GENL_VERSION))
		throw std::bad_alloc();
	return message;
}

void put_sid(nl_msg *message, Sid sid)
{
	put(message, HWS_A_SID, sid.value);
}

void put_fd(nl_msg *message, int fd)
{
	put(message, HWS_A_FD, static_cast<std::uint32_t>(fd));
}

void put_cookie(nl_msg *message, std::uint64_t cookie)
{
	check(nla_put_u64(message, HWS_A_COOKIE, cookie));
}

void put_kind(nl_msg *message, AdoptKind kind)
{
	put(message, HWS_A_ADOPT_KIND, static_cast<std::uint8_t>(kind));
}

void put_cid(nl_msg *message, Cid cid)
{
	Nest nest(message, HWS_A_CONNECTION);
	put(message, HWS_CONN_A_CID, cid.value);
}

void put_session(nl_msg *message, const NewSession &session)
{
	Nest nest(message, HWS_A_SESSION);
	const SessionIdentity &id = session.identity;
	put(message, HWS_SESSION_A_INITIATOR_NAME, id.initiator_name);
	if (!id.initiator_alias.empty())
		put(message, HWS_SESSION_A_INITIATOR_ALIAS, id.initiator_alias);
	put(message, HWS_SESSION_A_TARGET_NAME, id.target_name);
	if (!id.target_alias.empty())
		put(message, HWS_SESSION_A_TARGET_ALIAS, id.target_alias);
	put_bytes(message, HWS_SESSION_A_ISID, id.isid.bytes);
	put(message, HWS_SESSION_A_TPGT, id.tpgt.value);
	put(message, HWS_SESSION_A_IFACE, id.iface);
	if (!id.owner_key.empty())
		put_bytes(message, HWS_SESSION_A_OWNER_KEY, id.owner_key);
	if (!id.username.empty())
		put(message, HWS_SESSION_A_USERNAME, id.username);
	if (!id.username_in.empty())
		put(message, HWS_SESSION_A_USERNAME_IN, id.username_in);

	put_parameters_in_nest(message, session.parameters);

	const SessionSettings &s = session.settings;
	put(message, HWS_SESSION_A_CMDS_MAX, s.cmds_max);
	put(message, HWS_SESSION_A_QUEUE_DEPTH, s.queue_depth);
	check(nla_put_s32(message, HWS_SESSION_A_RECOVERY_TMO, s.recovery_tmo));
	put(message, HWS_SESSION_A_ABORT_TMO, s.abort_tmo);
	put(message, HWS_SESSION_A_LU_RESET_TMO, s.lu_reset_tmo);
	put(message, HWS_SESSION_A_TGT_RESET_TMO, s.tgt_reset_tmo);
	put(message, HWS_SESSION_A_SCAN, static_cast<std::uint8_t>(s.scan));
	put(message, HWS_SESSION_A_STABLE_WRITES, s.stable_writes);
	if (s.policy != Policy::failover) // which a module without policies has, too
		put(message, HWS_SESSION_A_POLICY, static_cast<std::uint8_t>(s.policy));
}

void put_parameters(nl_msg *message, const SessionParameters &parameters)
{
	Nest nest(message, HWS_A_SESSION);
	put_parameters_in_nest(message, parameters);
}

void put_connection(nl_msg *message, const NewConnection &c)
{
	Nest nest(message, HWS_A_CONNECTION);
	put(message, HWS_CONN_A_CID, c.cid.value);
	put(message, HWS_CONN_A_FD, static_cast<std::uint32_t>(c.fd));
	put(message, HWS_CONN_A_HEADER_DIGEST, c.header_digest);
	put(message, HWS_CONN_A_DATA_DIGEST, c.data_digest);
	put(message, HWS_CONN_A_MAX_RECV_DATA_SEGMENT_LENGTH, c.max_recv_data_segment_length);
	put(message, HWS_CONN_A_MAX_XMIT_DATA_SEGMENT_LENGTH, c.max_xmit_data_segment_length);
	put(message, HWS_CONN_A_EXP_STAT_SN, c.exp_stat_sn.value);
	put(message, HWS_CONN_A_PERSISTENT_ADDRESS, c.persistent_address);
	put(message, HWS_CONN_A_PERSISTENT_PORT, c.persistent_port);
	put(message, HWS_CONN_A_PING_INTERVAL, c.ping_interval);
	put(message, HWS_CONN_A_PING_TIMEOUT, c.ping_timeout);
	if (c.role != Role::active)
		put(message, HWS_CONN_A_ROLE, static_cast<std::uint8_t>(c.role));
	if (c.weight != 0)
		put(message, HWS_CONN_A_WEIGHT, c.weight);
}

void put_change(nl_msg *message, const SessionChange &change)
{
	if (change.policy) {
		Nest nest(message, HWS_A_SESSION);
		put(message, HWS_SESSION_A_POLICY, static_cast<std::uint8_t>(*change.policy));
	}
	if (const auto &connection = change.connection) {
		Nest nest(message, HWS_A_CONNECTION);
		put(message, HWS_CONN_A_CID, connection->cid.value);
		if (connection->role)
			put(message, HWS_CONN_A_ROLE, static_cast<std::uint8_t>(*connection->role));
		if (connection->weight)
			put(message, HWS_CONN_A_WEIGHT, *connection->weight);
	}
}

void put_ping(nl_msg *message, std::uint32_t id, std::uint32_t size)
{
	Nest nest(message, HWS_A_PING);
	put(message, HWS_PING_A_ID, id);
	put(message, HWS_PING_A_SIZE, size);
}

void put_task_management(nl_msg *message, std::uint32_t id, std::uint8_t function,
			 std::optional<Lun> lun)
{
	Nest nest(message, HWS_A_TMF);
	put(message, HWS_TMF_A_ID, id);
	put(message, HWS_TMF_A_FUNCTION, function);
	if (lun)
		put_bytes(message, HWS_TMF_A_LUN, to_wire(*lun));
}

void put_text(nl_msg *message, std::uint32_t id, std::span<const std::uint8_t> text)
{
	Nest nest(message, HWS_A_TEXT);
	put(message, HWS_TEXT_A_ID, id);
	put_bytes(message, HWS_TEXT_A_TEXT, text);
}

Result<ModuleInfo> parse_info(nlmsghdr *header)
{
	if (auto ok = check_header(header); !ok)
		return tl::unexpected(ok.error());
	auto a = top_level(header);
	ModuleInfo info;
	info.abi = a.get<std::uint32_t>(HWS_A_ABI);
	info.version = a.text_or_empty(HWS_A_MODULE_VERSION);
	info.generation = a.get_or<std::uint64_t>(HWS_A_GENERATION, 0);
	return checked(std::move(info), a, "its description");
}

Result<SessionHandle> parse_handle(nlmsghdr *header)
{
	if (auto ok = check_header(header); !ok)
		return tl::unexpected(ok.error());
	auto a = top_level(header);
	SessionHandle handle;
	handle.sid = Sid(a.get<std::uint32_t>(HWS_A_SID));
	handle.host = a.get<std::uint32_t>(HWS_A_HOST);
	return checked(handle, a, "the answer to a new session");
}

Result<SessionInfo> parse_session(nlmsghdr *header)
{
	if (auto ok = check_header(header); !ok)
		return tl::unexpected(ok.error());
	auto top = top_level(header);
	SessionInfo info;
	info.sid = Sid(top.get<std::uint32_t>(HWS_A_SID));
	info.host = top.get<std::uint32_t>(HWS_A_HOST);
	if (!top.has(HWS_A_SESSION))
		return bad_attribute("a session", HWS_A_SESSION);
	if (auto type = top.missing())
		return bad_attribute("a session", *type);

	auto a = Attributes::nested(top.at(HWS_A_SESSION), HWS_SESSION_A_MAX);
	info.state = static_cast<SessionState>(a.get<std::uint8_t>(HWS_SESSION_A_STATE));
	info.identity = read_identity(a);
	info.parameters = read_parameters(a);
	info.settings = read_settings(a);
	if (a.has(HWS_SESSION_A_LAST_LOSS))
		info.last_loss = static_cast<Loss>(a.get<std::uint8_t>(HWS_SESSION_A_LAST_LOSS));
	info.devices = a.get_or<std::uint32_t>(HWS_SESSION_A_DEVICES, 0);

	const auto status = for_each(header, HWS_A_CONNECTION, [&](nlattr *nest) -> Status {
		auto connection = read_connection(nest);
		if (!connection)
			return tl::unexpected(connection.error());
		info.connections.push_back(std::move(*connection));
		return {};
	});
	if (!status)
		return tl::unexpected(status.error());
	return checked(std::move(info), a, "a session");
}

Result<Reservation> parse_reservation(nlmsghdr *header)
{
	if (auto ok = check_header(header); !ok)
		return tl::unexpected(ok.error());
	auto top = top_level(header);
	if (!top.has(HWS_A_SESSION) || !top.has(HWS_A_CONNECTION))
		return bad_attribute("a reservation",
				     top.has(HWS_A_SESSION) ? HWS_A_CONNECTION : HWS_A_SESSION);
	auto session = Attributes::nested(top.at(HWS_A_SESSION), HWS_SESSION_A_MAX);
	auto connection = Attributes::nested(top.at(HWS_A_CONNECTION), HWS_CONN_A_MAX);
	Reservation r;
	r.cookie = top.get<std::uint64_t>(HWS_A_COOKIE);
	r.cmd_sn = CmdSn(session.get<std::uint32_t>(HWS_SESSION_A_CMD_SN));
	r.tsih = Tsih(session.get<std::uint16_t>(HWS_SESSION_A_TSIH));
	r.exp_stat_sn = StatSn(connection.get<std::uint32_t>(HWS_CONN_A_EXP_STAT_SN));
	for (const Attributes *one : {&top, &session, &connection}) {
		if (auto type = one->missing())
			return bad_attribute("a reservation", *type);
	}
	return r;
}

Result<SessionStats> parse_stats(nlmsghdr *header)
{
	if (auto ok = check_header(header); !ok)
		return tl::unexpected(ok.error());
	auto top = top_level(header);
	SessionStats stats;
	stats.sid = Sid(top.get<std::uint32_t>(HWS_A_SID));
	if (!top.has(HWS_A_STATS))
		return bad_attribute("counters", HWS_A_STATS);
	stats.session = read_counters(top.at(HWS_A_STATS));
	const auto status = for_each(header, HWS_A_CONNECTION, [&](nlattr *nest) -> Status {
		auto a = Attributes::nested(nest, HWS_CONN_A_MAX);
		const Cid cid(a.get<std::uint16_t>(HWS_CONN_A_CID));
		if (auto type = a.missing())
			return bad_attribute("counters", *type);
		if (a.has(HWS_CONN_A_STATS))
			stats.connections[cid] = read_counters(a.at(HWS_CONN_A_STATS));
		return {};
	});
	if (!status)
		return tl::unexpected(status.error());
	return checked(std::move(stats), top, "counters");
}

Result<std::optional<Event>> parse_event(nlmsghdr *header)
{
	if (auto ok = check_header(header); !ok)
		return tl::unexpected(ok.error());
	auto top = top_level(header);
	const auto kind = top.get<std::uint8_t>(HWS_A_EVENT);
	Event event;
	event.sid = Sid(top.get<std::uint32_t>(HWS_A_SID));
	event.generation = top.get_or<std::uint64_t>(HWS_A_GENERATION, 0);
	if (auto type = top.missing())
		return bad_attribute("an event", *type);
	if (kind < HWS_EVENT_SESSION_NEW || kind > HWS_EVENT_CONNECTION_REMOVED)
		return std::nullopt;
	auto body = read_event(static_cast<hws_event>(kind), top);
	if (!body)
		return tl::unexpected(body.error());
	event.body = std::move(*body);
	return event;
}

} // namespace hawser::kernel
