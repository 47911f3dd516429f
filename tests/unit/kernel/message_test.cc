/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/message.h"

#include <catch2/catch.hpp>
#include <functional>
#include <netlink/attr.h>
#include <netlink/genl/genl.h>
#include <set>

using namespace hawser;
using namespace hawser::kernel;

namespace
{

constexpr int family = 42;

NewSession a_session()
{
	NewSession s;
	s.identity.initiator_name = "iqn.2026-11.io.hawser:host";
	s.identity.target_name = "iqn.2026-11.example:t";
	s.identity.target_alias = "the target";
	s.identity.isid = Isid::from_random(0x123456, 7);
	s.identity.tpgt = Tpgt(3);
	s.identity.iface = "default";
	s.identity.owner_key = {1, 2, 3};
	s.parameters.tsih = Tsih(9);
	s.parameters.first_burst_length = 4096;
	s.parameters.task_reporting = TaskReporting::response_fence;
	s.parameters.protocol_level = 2;
	s.parameters.cmd_sn = CmdSn(0xfffffffe);
	s.settings.recovery_tmo = -1;
	return s;
}

NewConnection a_connection()
{
	NewConnection c;
	c.cid = Cid(0);
	c.fd = 5;
	c.persistent_address = "192.0.2.1";
	return c;
}

/* The attribute types of a message or of a nest in it, in order. */
std::vector<int> types_in(nlattr *first, int length)
{
	std::vector<int> types;
	for (nlattr *at = first; nla_ok(at, length); at = nla_next(at, &length))
		types.push_back(nla_type(at));
	return types;
}

nlattr *top_attribute(nl_msg *message, int type)
{
	return nlmsg_find_attr(nlmsg_hdr(message), GENL_HDRLEN, type);
}

/*
 * A session as the module sends it: the attributes of a new one, and those that
 * only replies have.
 */
Message a_reply(const std::function<void(nl_msg *)> &in_session,
		const std::function<void(nl_msg *)> &in_connection, int connections = 1)
{
	Message made = make_request(family, HWS_CMD_SESSION_NEW, 0);
	put_session(made.get(), a_session());
	put_connection(made.get(), a_connection());

	Message reply = make_request(family, HWS_CMD_SESSION_GET, 0);
	nla_put_u32(reply.get(), HWS_A_SID, 4);
	nla_put_u32(reply.get(), HWS_A_HOST, 8);
	nla_put_u64(reply.get(), HWS_A_GENERATION, 77);
	const auto copy_nest = [&](int type, const std::function<void(nl_msg *)> &more) {
		nlattr *from = top_attribute(made.get(), type);
		nlattr *nest = nla_nest_start(reply.get(), type);
		int rest = nla_len(from);
		for (auto *at = static_cast<nlattr *>(nla_data(from)); nla_ok(at, rest);
		     at = nla_next(at, &rest))
			nla_put(reply.get(), nla_type(at), nla_len(at), nla_data(at));
		more(reply.get());
		nla_nest_end(reply.get(), nest);
	};
	copy_nest(HWS_A_SESSION, in_session);
	for (int i = 0; i < connections; i++)
		copy_nest(HWS_A_CONNECTION, in_connection);
	return reply;
}

void with_state(nl_msg *message)
{
	nla_put_u8(message, HWS_SESSION_A_STATE, HWS_SESSION_FAILED);
	nla_put_u8(message, HWS_SESSION_A_LAST_LOSS, HWS_LOSS_PING);
}

void with_connection_state(nl_msg *message)
{
	nla_put_u8(message, HWS_CONN_A_STATE, HWS_CONN_LOGGED_IN);
}

Message an_event(int kind, std::size_t more = 0)
{
	Message event = make_request(family, HWS_CMD_EVENT, 0, more);
	nla_put_u64(event.get(), HWS_A_GENERATION, 5);
	nla_put_u8(event.get(), HWS_A_EVENT, static_cast<std::uint8_t>(kind));
	nla_put_u32(event.get(), HWS_A_SID, 4);
	return event;
}

} // namespace

TEST_CASE("What an older module does not know is sent only when it is not the default")
{
	Message message = make_request(family, HWS_CMD_SESSION_NEW, 0);
	NewSession session = a_session();
	session.parameters.task_reporting = TaskReporting::rfc3720;
	session.parameters.protocol_level = 1;
	put_session(message.get(), session);

	nlattr *nest = top_attribute(message.get(), HWS_A_SESSION);
	REQUIRE(nest);
	for (int type : types_in(static_cast<nlattr *>(nla_data(nest)), nla_len(nest)))
		CHECK(type < HWS_SESSION_A_TASK_REPORTING);
}

TEST_CASE("A new session's message has every attribute marked \"new\" once")
{
	Message message = make_request(family, HWS_CMD_SESSION_NEW, 0);
	NewSession session = a_session();
	session.identity.initiator_alias = "host";
	session.settings.policy = Policy::weighted;
	session.identity.username = "ours";
	session.identity.username_in = "theirs";
	put_session(message.get(), session);

	nlattr *nest = top_attribute(message.get(), HWS_A_SESSION);
	REQUIRE(nest);
	const auto types = types_in(static_cast<nlattr *>(nla_data(nest)), nla_len(nest));
	std::multiset<int> expected;
	for (int type = HWS_SESSION_A_INITIATOR_NAME; type <= HWS_SESSION_A_STABLE_WRITES; type++)
		expected.insert(type);
	expected.insert({HWS_SESSION_A_TASK_REPORTING, HWS_SESSION_A_PROTOCOL_LEVEL,
			 HWS_SESSION_A_POLICY, HWS_SESSION_A_USERNAME, HWS_SESSION_A_USERNAME_IN});
	CHECK(std::multiset<int>(types.begin(), types.end()) == expected);
}

TEST_CASE("An empty alias and an empty owner key are left out")
{
	Message message = make_request(family, HWS_CMD_SESSION_NEW, 0);
	NewSession session = a_session();
	session.identity.target_alias.clear();
	session.identity.owner_key.clear();
	put_session(message.get(), session);

	nlattr *nest = top_attribute(message.get(), HWS_A_SESSION);
	for (int type : types_in(static_cast<nlattr *>(nla_data(nest)), nla_len(nest))) {
		CHECK(type != HWS_SESSION_A_INITIATOR_ALIAS);
		CHECK(type != HWS_SESSION_A_TARGET_ALIAS);
		CHECK(type != HWS_SESSION_A_OWNER_KEY);
	}
}

TEST_CASE("A session reads back as it was written, every connection of it")
{
	Message reply = a_reply(with_state, with_connection_state, 2);
	auto session = parse_session(nlmsg_hdr(reply.get()));

	REQUIRE(session);
	CHECK(session->sid == Sid(4));
	CHECK(session->host == 8);
	CHECK(session->state == SessionState::failed);
	CHECK(session->last_loss == Loss::ping);
	CHECK(session->identity == a_session().identity);
	CHECK(session->parameters == a_session().parameters);
	CHECK(session->settings == a_session().settings);
	REQUIRE(session->connections.size() == 2);
	CHECK(session->connections[1].state == ConnectionState::logged_in);
	CHECK(session->connections[1].persistent_address == "192.0.2.1");
	CHECK(session->connections[1].peer_address.empty());
}

TEST_CASE("A connection's role and weight are said when they are not the defaults")
{
	Message message = make_request(family, HWS_CMD_CONN_ADOPT, 0);
	put_connection(message.get(), a_connection());
	nlattr *nest = top_attribute(message.get(), HWS_A_CONNECTION);
	CHECK_FALSE(
	    nla_find(static_cast<nlattr *>(nla_data(nest)), nla_len(nest), HWS_CONN_A_ROLE));

	NewConnection connection = a_connection();
	connection.role = Role::standby;
	connection.weight = 7;
	message = make_request(family, HWS_CMD_CONN_ADOPT, 0);
	put_connection(message.get(), connection);
	nest = top_attribute(message.get(), HWS_A_CONNECTION);
	auto *first = static_cast<nlattr *>(nla_data(nest));
	nlattr *role = nla_find(first, nla_len(nest), HWS_CONN_A_ROLE);
	REQUIRE(role);
	CHECK(nla_get_u8(role) == HWS_ROLE_STANDBY);
	nlattr *weight = nla_find(first, nla_len(nest), HWS_CONN_A_WEIGHT);
	REQUIRE(weight);
	CHECK(nla_get_u32(weight) == 7);
}

TEST_CASE("What the module says of a connection's part in the policy is read")
{
	Message reply = a_reply(
	    [](nl_msg *m) {
		    with_state(m);
		    nla_put_u8(m, HWS_SESSION_A_POLICY, HWS_POLICY_LEAST_QUEUE);
	    },
	    [](nl_msg *m) {
		    with_connection_state(m);
		    nla_put_u8(m, HWS_CONN_A_ROLE, HWS_ROLE_STANDBY);
		    nla_put_u32(m, HWS_CONN_A_WEIGHT, 5);
		    nla_put_u8(m, HWS_CONN_A_CARRIES, 0);
		    nla_put_u32(m, HWS_CONN_A_OUTSTANDING, 9);
	    });
	auto session = parse_session(nlmsg_hdr(reply.get()));
	REQUIRE(session);
	CHECK(session->settings.policy == Policy::least_queue);
	REQUIRE(session->connections.size() == 1);
	CHECK(session->connections[0].role == Role::standby);
	CHECK(session->connections[0].weight == 5);
	CHECK_FALSE(session->connections[0].carries);
	CHECK(session->connections[0].outstanding == 9);
}

TEST_CASE("Of a module without policies, the one connection carries while it is up")
{
	Message reply = a_reply(with_state, with_connection_state);
	auto session = parse_session(nlmsg_hdr(reply.get()));
	REQUIRE(session);
	CHECK(session->settings.policy == Policy::failover);
	CHECK(session->connections[0].role == Role::active);
	CHECK(session->connections[0].carries);
}

TEST_CASE("A change has what is to be changed and nothing else")
{
	Message message = make_request(family, HWS_CMD_SESSION_SET, 0);
	put_change(message.get(), {Policy::cpu, {}});
	nlattr *nest = top_attribute(message.get(), HWS_A_SESSION);
	REQUIRE(nest);
	CHECK(types_in(static_cast<nlattr *>(nla_data(nest)), nla_len(nest)) ==
	      std::vector<int>{HWS_SESSION_A_POLICY});
	CHECK_FALSE(top_attribute(message.get(), HWS_A_CONNECTION));

	message = make_request(family, HWS_CMD_SESSION_SET, 0);
	put_change(message.get(), {{}, SessionChange::Connection{Cid(3), {}, 4}});
	nest = top_attribute(message.get(), HWS_A_CONNECTION);
	REQUIRE(nest);
	CHECK(types_in(static_cast<nlattr *>(nla_data(nest)), nla_len(nest)) ==
	      std::vector<int>{HWS_CONN_A_CID, HWS_CONN_A_WEIGHT});
	CHECK_FALSE(top_attribute(message.get(), HWS_A_SESSION));
}

TEST_CASE("Policies and roles have a word each, and no word is another's")
{
	for (int i = HWS_POLICY_FAILOVER; i <= HWS_POLICY_CPU; i++) {
		const auto policy = static_cast<Policy>(i);
		CHECK(parse_policy(to_string(policy)) == policy);
	}
	for (const Role role : {Role::active, Role::standby})
		CHECK(parse_role(to_string(role)) == role);
	CHECK_FALSE(parse_policy("unknown"));
	CHECK_FALSE(parse_role("failover"));
}

TEST_CASE("A session without its state is refused as another ABI's")
{
	Message reply = a_reply([](nl_msg *) {}, with_connection_state);
	auto session = parse_session(nlmsg_hdr(reply.get()));

	REQUIRE_FALSE(session);
	CHECK(session.error().code == Code::no_module);
}

TEST_CASE("A number in fewer bytes than it has is refused")
{
	Message event = an_event(HWS_EVENT_SESSION_NEW);
	Message shorter = make_request(family, HWS_CMD_EVENT, 0);
	nla_put_u8(shorter.get(), HWS_A_EVENT, HWS_EVENT_SESSION_NEW);
	nla_put_u16(shorter.get(), HWS_A_SID, 4);

	CHECK(parse_event(nlmsg_hdr(event.get())));
	CHECK_FALSE(parse_event(nlmsg_hdr(shorter.get())));
}

TEST_CASE("A text without its final NUL ends with its attribute")
{
	Message reply = make_request(family, HWS_CMD_GET_INFO, 0);
	nla_put_u32(reply.get(), HWS_A_ABI, 1);
	nla_put(reply.get(), HWS_A_MODULE_VERSION, 3, "1.2");
	auto info = parse_info(nlmsg_hdr(reply.get()));

	REQUIRE(info);
	CHECK(info->version == "1.2");
}

TEST_CASE("A lost connection's event says which, why and how long to wait")
{
	Message event = an_event(HWS_EVENT_CONNECTION_LOST);
	nlattr *nest = nla_nest_start(event.get(), HWS_A_CONNECTION);
	nla_put_u16(event.get(), HWS_CONN_A_CID, 6);
	nla_put_u8(event.get(), HWS_CONN_A_LOSS, HWS_LOSS_HEADER_DIGEST);
	nla_nest_end(event.get(), nest);
	nest = nla_nest_start(event.get(), HWS_A_SESSION);
	nla_put_u16(event.get(), HWS_SESSION_A_TIME2WAIT, 11);
	nla_nest_end(event.get(), nest);

	auto parsed = parse_event(nlmsg_hdr(event.get()));
	REQUIRE(parsed);
	REQUIRE(*parsed);
	CHECK((*parsed)->generation == 5);
	const auto &lost = std::get<ConnectionLost>((*parsed)->body);
	CHECK(lost.cid == Cid(6));
	CHECK(lost.loss == Loss::header_digest);
	CHECK(lost.time2wait == 11);
}

TEST_CASE("The event of a removed connection says which")
{
	Message event = an_event(HWS_EVENT_CONNECTION_REMOVED);
	nlattr *nest = nla_nest_start(event.get(), HWS_A_CONNECTION);
	nla_put_u16(event.get(), HWS_CONN_A_CID, 6);
	nla_nest_end(event.get(), nest);

	auto parsed = parse_event(nlmsg_hdr(event.get()));
	REQUIRE(parsed);
	REQUIRE(*parsed);
	CHECK(std::get<ConnectionRemoved>((*parsed)->body).cid == Cid(6));
}

TEST_CASE("A task management request has a LUN when the function has one")
{
	Message request = make_request(family, HWS_CMD_TMF, 0);
	put_sid(request.get(), Sid(4));
	put_task_management(request.get(), 9, 5, Lun(0x0002'0001));
	nlattr *nest = top_attribute(request.get(), HWS_A_TMF);
	REQUIRE(nest);
	auto *first = static_cast<nlattr *>(nla_data(nest));
	CHECK(types_in(first, nla_len(nest)) ==
	      std::vector<int>{HWS_TMF_A_ID, HWS_TMF_A_FUNCTION, HWS_TMF_A_LUN});
	CHECK(nla_get_u32(nla_find(first, nla_len(nest), HWS_TMF_A_ID)) == 9);
	CHECK(nla_get_u8(nla_find(first, nla_len(nest), HWS_TMF_A_FUNCTION)) == 5);
	nlattr *lun = nla_find(first, nla_len(nest), HWS_TMF_A_LUN);
	REQUIRE(nla_len(lun) == HWS_LUN_LEN);
	const auto *bytes = static_cast<const std::uint8_t *>(nla_data(lun));
	CHECK(Bytes(bytes, bytes + HWS_LUN_LEN) == Bytes{0, 1, 0, 2, 0, 0, 0, 0});

	request = make_request(family, HWS_CMD_TMF, 0);
	put_task_management(request.get(), 9, 6, std::nullopt);
	nest = top_attribute(request.get(), HWS_A_TMF);
	REQUIRE(nest);
	CHECK(types_in(static_cast<nlattr *>(nla_data(nest)), nla_len(nest)) ==
	      std::vector<int>{HWS_TMF_A_ID, HWS_TMF_A_FUNCTION});
}

TEST_CASE("A task management event brings the target's response, or why there is none")
{
	for (const std::uint32_t status : {0, ETIMEDOUT}) {
		Message event = an_event(HWS_EVENT_TMF);
		nlattr *nest = nla_nest_start(event.get(), HWS_A_TMF);
		nla_put_u32(event.get(), HWS_TMF_A_ID, 9);
		nla_put_u32(event.get(), HWS_TMF_A_STATUS, status);
		if (status == 0)
			nla_put_u8(event.get(), HWS_TMF_A_RESPONSE, 7);
		nla_nest_end(event.get(), nest);

		auto parsed = parse_event(nlmsg_hdr(event.get()));
		REQUIRE(parsed);
		REQUIRE(*parsed);
		const auto &ended = std::get<TaskManagementEnded>((*parsed)->body);
		CHECK(ended.id == 9);
		CHECK(ended.status == static_cast<int>(status));
		CHECK(ended.response == (status == 0 ? 7 : 0));
	}
}

TEST_CASE("A Text exchange's event brings the whole answer, or why there is none")
{
	const Bytes answer(HWS_TEXT_MAX, 'x');
	for (const std::uint32_t status : {0, EPROTO}) {
		Message event = an_event(HWS_EVENT_TEXT, HWS_TEXT_MAX);
		nlattr *nest = nla_nest_start(event.get(), HWS_A_TEXT);
		nla_put_u32(event.get(), HWS_TEXT_A_ID, 9);
		nla_put_u32(event.get(), HWS_TEXT_A_STATUS, status);
		if (status == 0)
			nla_put(event.get(), HWS_TEXT_A_TEXT, HWS_TEXT_MAX, answer.data());
		nla_nest_end(event.get(), nest);

		auto parsed = parse_event(nlmsg_hdr(event.get()));
		REQUIRE(parsed);
		REQUIRE(*parsed);
		const auto &ended = std::get<TextEnded>((*parsed)->body);
		CHECK(ended.id == 9);
		CHECK(ended.status == static_cast<int>(status));
		CHECK(ended.answer == (status == 0 ? answer : Bytes()));
	}
}

TEST_CASE("A request has room for as much text as the module takes")
{
	const Bytes text(HWS_TEXT_MAX, 'x');
	Message request = make_request(family, HWS_CMD_TEXT, 0, text.size());
	put_sid(request.get(), Sid(4));
	put_cid(request.get(), Cid(1));
	put_text(request.get(), 9, text);

	nlattr *nest = genlmsg_attrdata(
	    static_cast<const genlmsghdr *>(nlmsg_data(nlmsg_hdr(request.get()))), 0);
	int rest = genlmsg_attrlen(
	    static_cast<const genlmsghdr *>(nlmsg_data(nlmsg_hdr(request.get()))), 0);
	while (nla_ok(nest, rest) && nla_type(nest) != HWS_A_TEXT)
		nest = nla_next(nest, &rest);
	REQUIRE(nla_ok(nest, rest));
	nlattr *found =
	    nla_find(static_cast<nlattr *>(nla_data(nest)), nla_len(nest), HWS_TEXT_A_TEXT);
	REQUIRE(found);
	CHECK(nla_len(found) == HWS_TEXT_MAX);
}

TEST_CASE("An event of a newer module is passed over")
{
	Message event = an_event(HWS_EVENT_CONNECTION_REMOVED + 1);
	auto parsed = parse_event(nlmsg_hdr(event.get()));

	REQUIRE(parsed);
	CHECK_FALSE(*parsed);
}

TEST_CASE("An attribute of a newer module does no harm")
{
	Message event = an_event(HWS_EVENT_SESSION_REMOVED);
	nla_put_u32(event.get(), HWS_A_MAX + 5, 1);
	auto parsed = parse_event(nlmsg_hdr(event.get()));

	REQUIRE(parsed);
	CHECK(std::holds_alternative<SessionRemoved>((*parsed)->body));
}

TEST_CASE("Counters are read by number, for the session and for each connection")
{
	Message reply = make_request(family, HWS_CMD_STATS_GET, 0);
	nla_put_u32(reply.get(), HWS_A_SID, 4);
	nlattr *nest = nla_nest_start(reply.get(), HWS_A_STATS);
	nla_put_u64(reply.get(), HWS_SESSION_STAT_COMMANDS, 1ull << 40);
	nla_put(reply.get(), HWS_SESSION_STAT_PAD, 0, nullptr);
	nla_nest_end(reply.get(), nest);
	for (std::uint16_t cid : {0, 1}) {
		nest = nla_nest_start(reply.get(), HWS_A_CONNECTION);
		nla_put_u16(reply.get(), HWS_CONN_A_CID, cid);
		nlattr *counters = nla_nest_start(reply.get(), HWS_CONN_A_STATS);
		nla_put_u64(reply.get(), HWS_CONN_STAT_TX_OCTETS, 100u + cid);
		nla_nest_end(reply.get(), counters);
		nla_nest_end(reply.get(), nest);
	}

	auto stats = parse_stats(nlmsg_hdr(reply.get()));
	REQUIRE(stats);
	CHECK(stats->session == Counters{{HWS_SESSION_STAT_COMMANDS, 1ull << 40}});
	CHECK(stats->connections.at(Cid(1)) == Counters{{HWS_CONN_STAT_TX_OCTETS, 101}});
}

TEST_CASE("Every counter has a name of its own")
{
	for (const auto *table : {&session_stat_names(), &connection_stat_names()}) {
		std::set<std::string_view> names;
		std::set<std::uint16_t> numbers;
		for (const StatName &row : *table) {
			CHECK(names.insert(row.name).second);
			CHECK(numbers.insert(row.number).second);
			CHECK_FALSE(row.text.empty());
		}
		CHECK(*numbers.begin() == 1);
		CHECK(*numbers.rbegin() == numbers.size());
	}
}
