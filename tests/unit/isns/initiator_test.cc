/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "isns/initiator.h"

#include "messages.h"

using namespace hawser;
using namespace hawser::isns;
using namespace hawser::isns::test;

namespace
{

const std::string me = "iqn.2026-11.com.example:host";
const std::string t1 = "iqn.2026-11.com.example:t1";
const std::string t2 = "iqn.2026-11.com.example:t2";

Registration self()
{
	return {me, "the host", ipv4(192, 0, 2, 9), 4711, 60};
}

std::vector<std::uint32_t> tags(std::span<const Attribute> attributes)
{
	std::vector<std::uint32_t> out;
	for (const auto &attribute : attributes)
		out.push_back(attribute.tag);
	return out;
}

void node(Builder &b, const std::string &name, std::uint32_t type = 1)
{
	b.text(tag::iscsi_name, name).number(tag::iscsi_node_type, type);
}

void portal(Builder &b, const IpAddress &address, std::uint32_t port = 3260)
{
	b.address(tag::portal_address, address).number(tag::portal_port, port);
}

void group(Builder &b, const std::string &name, const IpAddress &address,
	   std::optional<std::uint32_t> pgt, std::uint32_t port = 3260)
{
	b.text(tag::pg_iscsi_name, name).address(tag::pg_portal_address, address);
	b.number(tag::pg_portal_port, port);
	if (pgt)
		b.number(tag::pg_tag, *pgt);
	else
		b.empty(tag::pg_tag);
}

template <class Fill> Message query_answer(const Fill &fill, std::uint32_t status = 0)
{
	return response_to(received(target_query(me)), status, [&](Builder &b) {
		b.number(tag::iscsi_node_type, 1).delimiter();
		fill(b);
	});
}

template <class Fill> DiscoveryReply read(const Fill &fill)
{
	TargetReader reader;
	REQUIRE(reader.take(query_answer(fill)));
	return reader.finish();
}

std::string where(const DiscoveredTarget &target)
{
	std::string out;
	for (const auto &one : target.portals)
		out += (out.empty() ? "" : " ") + to_string(one);
	return out;
}

} // namespace

TEST_CASE("a registration names entity, portal and node, each key before what it keys")
{
	const Bytes wire = registration(self()).wire(1);
	CHECK((wire[6] & 0x10) != 0); // replace
	const auto message = received(wire);
	CHECK(message.is(Function::dev_attr_reg));
	CHECK(tags(message.attributes()) ==
	      std::vector<std::uint32_t>{32, 1, 0, 1, 2, 16, 17, 19, 20, 23, 32, 33, 34});
	const auto operating = message.operating();
	CHECK(operating[0].text() == me);
	CHECK(operating[1].number() == 2u);
	CHECK(operating[2].address() == ipv4(192, 0, 2, 9));
	CHECK(operating[3].number() == 4711u);
	CHECK(operating[4].number() == 60u);
	CHECK(operating[5].number() == 4711u);
	CHECK(operating[6].number() == 4711u);
	CHECK(operating[8].number() == 2u);
	CHECK(operating[9].text() == "the host");
}

TEST_CASE("without status inquiries their interval and port are not registered")
{
	Registration without = self();
	without.esi_interval = 0;
	without.alias.clear();
	CHECK(tags(received(registration(without)).operating()) ==
	      std::vector<std::uint32_t>{1, 2, 16, 17, 23, 32, 33});
}

TEST_CASE("what the server changed in a registration is what holds")
{
	const auto request = received(registration(self()));
	auto granted = read_registration(
	    response_to(request, 0,
			[](Builder &b) {
				b.text(1, "isns:0001").delimiter().text(1, "isns:0001");
				b.number(6, 3600).number(19, 120);
			}),
	    self());
	REQUIRE(granted);
	CHECK(granted->entity == "isns:0001");
	CHECK(granted->period == 3600);
	CHECK(granted->esi_interval == 120);

	granted = read_registration(response_to(request, 0, [](Builder &) {}), self());
	REQUIRE(granted);
	CHECK(granted->entity == me);
	CHECK(granted->period == 0);
	CHECK(granted->esi_interval == 60);

	granted = read_registration(response_to(request, 3, [](Builder &) {}), self());
	REQUIRE_FALSE(granted);
	CHECK(granted.error().code == Code::isns_registration);
	CHECK(granted.error().text ==
	      "the iSNS server refused the registration: Invalid Registration (3)");
}

TEST_CASE("changes of targets are subscribed to, not management's")
{
	const auto message = received(scn_registration(me));
	CHECK(message.is(Function::scn_reg));
	CHECK(tags(message.attributes()) == std::vector<std::uint32_t>{32, 32, 0, 35});
	CHECK(message.operating()[0].number() == 0x5cu);
}

TEST_CASE("a deregistration has no message key")
{
	const auto message = received(deregistration(me, "isns:7"));
	CHECK(message.is(Function::dev_dereg));
	CHECK(tags(message.attributes()) == std::vector<std::uint32_t>{32, 0, 1});
	CHECK(message.operating()[0].text() == "isns:7");
}

TEST_CASE("a registration is there only with this very portal and node")
{
	const auto request = received(presence_query(me, me));
	const auto answer = [&](std::uint32_t status, const std::string &name, std::uint16_t port) {
		return response_to(request, status, [&](Builder &b) {
			b.text(1, me).delimiter().text(1, me);
			b.text(32, name);
			portal(b, ipv4(192, 0, 2, 9), port);
		});
	};
	CHECK(is_present(answer(0, me, 4711), self()));
	CHECK_FALSE(is_present(answer(0, me, 4712), self()));
	CHECK_FALSE(is_present(answer(0, t1, 4711), self()));
	CHECK_FALSE(is_present(answer(6, me, 4711), self()));
	CHECK_FALSE(is_present(
	    response_to(request, 0, [](Builder &b) { b.text(1, me).delimiter(); }), self()));
}

TEST_CASE("targets are read with the portals and tags of their portal groups")
{
	const auto reply = read([](Builder &b) {
		node(b, t1);
		portal(b, ipv4(192, 0, 2, 1));
		group(b, t1, ipv4(192, 0, 2, 1), 1);
		portal(b, ipv4(192, 0, 2, 2), 3261);
		group(b, t1, ipv4(192, 0, 2, 2), 2, 3261);
		node(b, t2, 3); // target and initiator
		portal(b, ipv4(192, 0, 2, 1));
		group(b, t2, ipv4(192, 0, 2, 1), 7);
		node(b, me, 2);
		portal(b, ipv4(192, 0, 2, 9));
		group(b, me, ipv4(192, 0, 2, 9), 1);
	});
	REQUIRE(reply.targets.size() == 2);
	CHECK(reply.targets[0].name == t1);
	CHECK(where(reply.targets[0]) == "192.0.2.1:3260,1 192.0.2.2:3261,2");
	CHECK(where(reply.targets[1]) == "192.0.2.1:3260,7");
	CHECK(reply.skipped.empty());
}

TEST_CASE("a portal whose group has a NULL tag does not lead to the target")
{
	const auto reply = read([](Builder &b) {
		node(b, t1);
		portal(b, ipv4(192, 0, 2, 1));
		portal(b, ipv4(192, 0, 2, 2));
		group(b, t1, ipv4(192, 0, 2, 1), 5);
		group(b, t1, ipv4(192, 0, 2, 2), std::nullopt);
	});
	REQUIRE(reply.targets.size() == 1);
	CHECK(where(reply.targets[0]) == "192.0.2.1:3260,5");
}

TEST_CASE("a server without portal groups gives portals without a tag")
{
	const auto reply = read([](Builder &b) {
		node(b, t1);
		portal(b, ipv4(192, 0, 2, 1), 0);
		portal(b, IpAddress{0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});
	});
	REQUIRE(reply.targets.size() == 1);
	CHECK(where(reply.targets[0]) == "192.0.2.1:3260 [2001:db8::1]:3260");
}

TEST_CASE("an IPv4 address is one in either of the forms that servers give")
{
	IpAddress compatible = ipv4(192, 0, 2, 1);
	compatible[10] = compatible[11] = 0;
	CHECK(address_of(ipv4(192, 0, 2, 1), 3260)->host == "192.0.2.1");
	CHECK(address_of(compatible, 3260)->host == "192.0.2.1");
	CHECK(address_of(IpAddress{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 3260)->host ==
	      "::1");
}

TEST_CASE("a target that several answers name has the portals of all")
{
	TargetReader reader;
	REQUIRE(reader.take(query_answer([](Builder &b) {
		node(b, t1);
		group(b, t1, ipv4(192, 0, 2, 1), 1);
	})));
	REQUIRE(reader.take(query_answer([](Builder &b) {
		node(b, t1);
		group(b, t1, ipv4(192, 0, 2, 1), 1);
		group(b, t1, ipv4(192, 0, 2, 2), 1);
	})));
	const auto reply = reader.finish();
	REQUIRE(reply.targets.size() == 1);
	CHECK(where(reply.targets[0]) == "192.0.2.1:3260,1 192.0.2.2:3260,1");
	CHECK_FALSE(reply.incomplete);
}

TEST_CASE("bad names, addresses and ports are passed over, the rest is kept")
{
	const auto reply = read([](Builder &b) {
		node(b, "no name");
		portal(b, ipv4(192, 0, 2, 66));
		node(b, t1);
		portal(b, ipv4(0, 0, 0, 0));
		portal(b, ipv4(224, 0, 0, 1));
		portal(b, IpAddress{0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});
		portal(b, IpAddress{});
		portal(b, ipv4(192, 0, 2, 1), 0x10000 | 3260);
		portal(b, ipv4(192, 0, 2, 2));
		node(b, t2);
	});
	REQUIRE(reply.targets.size() == 1);
	CHECK(where(reply.targets[0]) == "192.0.2.2:3260");
	CHECK_FALSE(reply.incomplete); // no record can be of any of them
	CHECK(reply.uncertain.empty());
	REQUIRE(reply.skipped.size() == 7);
	CHECK(reply.skipped[5] == "a portal of " + t1 + ": its port is of UDP");
	CHECK(reply.skipped[6] == t2 + ": the iSNS server names no portal that leads to it");
}

TEST_CASE("a target may not have more portals than there is room for")
{
	const auto reply = read([](Builder &b) {
		node(b, t1);
		for (std::uint32_t port = 1; port <= 5000; port++)
			portal(b, ipv4(192, 0, 2, 1), port);
	});
	CHECK_FALSE(reply.incomplete);
	CHECK(reply.uncertain.contains(t1));
	CHECK(reply.targets[0].portals.size() == 64);
	CHECK(reply.skipped.size() == 100);
}

TEST_CASE("a refused query says so in the RFC's words")
{
	TargetReader reader;
	auto taken = reader.take(query_answer([](Builder &) {}, 8));
	REQUIRE_FALSE(taken);
	CHECK(taken.error().code == Code::isns_query);
	CHECK(taken.error().text ==
	      "the iSNS server refused to name its targets: Source Unauthorized (8)");
}

TEST_CASE("a walk over the nodes ends where the server has no further one")
{
	CHECK(tags(received(next_node(me, "")).attributes()) ==
	      std::vector<std::uint32_t>{32, 32, 0, 33});
	CHECK(received(next_node(me, "")).attributes()[1].value.empty());
	const auto request = received(next_node(me, t1));
	CHECK(request.attributes()[1].text() == t1);

	auto next = read_next_node(
	    response_to(request, 0, [](Builder &b) { b.text(32, t2).delimiter().number(33, 2); }));
	REQUIRE(next);
	REQUIRE(*next);
	CHECK((*next)->name == t2);
	CHECK_FALSE((*next)->is_target);

	next = read_next_node(response_to(request, status::no_such_entry, [](Builder &) {}));
	REQUIRE(next);
	CHECK_FALSE(*next);
	CHECK_FALSE(read_next_node(response_to(request, 5, [](Builder &) {})));
	CHECK_FALSE(read_next_node(response_to(request, 0, [](Builder &) {})));
}

TEST_CASE("a state change is confirmed with its destination")
{
	Builder scn(Function::scn);
	scn.text(32, me).number(4, 0).number(35, 0x48).text(32, t1).number(35, 0x50).text(32, t2);
	auto served = serve(received(scn, 5), me);
	CHECK(served.what == Served::What::state_change);
	CHECK(served.changed == std::vector<std::string>{t1, t2});
	REQUIRE(served.answer);
	const auto answer = received(*served.answer);
	CHECK(answer.function() == 0x8008);
	CHECK(answer.transaction() == 5);
	CHECK(answer.status() == 0);
	REQUIRE(answer.attributes().size() == 1);
	CHECK(answer.attributes()[0].text() == me);
}

TEST_CASE("a status inquiry is answered with what it carried")
{
	Builder esi(Function::esi);
	esi.number(4, 99).text(1, me).address(16, ipv4(192, 0, 2, 9)).number(17, 4711);
	const auto request = received(esi, 6);
	auto served = serve(request, me);
	CHECK(served.what == Served::What::inquiry);
	REQUIRE(served.answer);
	const auto answer = received(*served.answer);
	CHECK(answer.function() == 0x800d);
	CHECK(answer.status() == 0);
	CHECK(tags(answer.attributes()) == std::vector<std::uint32_t>{4, 1, 16, 17});
	CHECK(answer.attributes()[3].number() == 4711u);

	served = serve(request, "somebody else");
	CHECK(served.what == Served::What::other);
	CHECK(received(*served.answer).status() == status::no_such_entry);
	CHECK(received(*served.answer).attributes().empty());
}

TEST_CASE("requests that are broken, too large or none of ours are refused")
{
	const auto status_of = [](const Builder &request) {
		auto served = serve(received(request), me);
		CHECK(served.what == Served::What::other);
		return received(*served.answer).status();
	};
	CHECK(status_of(Builder(Function::scn)) == status::message_format_error);
	CHECK(status_of(Builder(Function::scn).number(4, 1)) == status::message_format_error);
	CHECK(status_of(Builder(Function::esi)) == status::message_format_error);
	Builder large(Function::esi);
	large.text(1, me);
	for (int i = 0; i < 200; i++)
		large.number(4, 1);
	CHECK(status_of(large) == status::message_format_error);
	CHECK(status_of(Builder(Function::dev_attr_qry)) == status::function_not_supported);
	CHECK_FALSE(serve(received(Builder(Function::heartbeat)), me).answer);
}
