/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "messages.h"

using namespace hawser;
using namespace hawser::isns;
using namespace hawser::isns::test;

namespace
{

const std::string name = "iqn.2026-11.com.example:host";

/* A PDU by hand: version, function, length, flags, transaction, sequence, payload. */
Bytes pdu(std::uint16_t function, std::uint16_t flags, std::uint16_t transaction,
	  std::uint16_t sequence, const Bytes &payload, std::uint16_t version = 1)
{
	Bytes out;
	for (unsigned field : {+version, +function, static_cast<int>(payload.size()), +flags,
			       +transaction, +sequence}) {
		out.push_back(static_cast<std::uint8_t>(field >> 8));
		out.push_back(static_cast<std::uint8_t>(field));
	}
	out.insert(out.end(), payload.begin(), payload.end());
	return out;
}

Bytes attribute(std::uint32_t tag, std::uint32_t length, const Bytes &value)
{
	Bytes out = number_bytes(tag);
	const Bytes encoded = number_bytes(length);
	out.insert(out.end(), encoded.begin(), encoded.end());
	out.insert(out.end(), value.begin(), value.end());
	return out;
}

/* What next() says about @bytes. */
std::string refusal(const Bytes &bytes)
{
	Assembler assembler(4096);

	assembler.feed(bytes);
	for (;;) {
		auto message = assembler.next();
		if (!message)
			return message.error().text;
		if (!*message)
			return "nothing";
	}
}

constexpr std::uint16_t whole = flag::client | flag::first_pdu | flag::last_pdu;

} // namespace

TEST_CASE("a message is one PDU of version 1 with both ends marked")
{
	Builder builder(Function::scn_dereg);
	builder.text(tag::iscsi_name, "iqn.a");
	CHECK(hex_encode(builder.wire(0x1234)) == "000100060010"
						  "8c0012340000"
						  "0000002000000008"
						  "69716e2e61000000");
}

TEST_CASE("texts end with a NUL and are padded to four bytes")
{
	for (std::size_t length : {0, 1, 2, 3, 4, 5}) {
		const std::string text(length, 'x');
		const auto message = received(Builder(Function::dev_attr_reg).text(34, text));
		REQUIRE(message.attributes().size() == 1);
		CHECK(message.attributes()[0].value.size() == (length / 4 + 1) * 4);
		CHECK(message.attributes()[0].text() == text);
	}
}

TEST_CASE("values that have not the form of their type are none")
{
	Builder builder(Function::dev_attr_reg);
	builder.number(1, 5).address(2, ipv4(192, 0, 2, 1)).empty(3).text(4, std::string(300, 'x'));
	const auto message = received(builder);
	const auto a = message.attributes();
	CHECK(a[0].number() == 5u);
	CHECK_FALSE(a[0].address());
	CHECK(a[1].address() == ipv4(192, 0, 2, 1));
	CHECK_FALSE(a[1].number());
	CHECK_FALSE(a[2].number());
	CHECK(a[2].text() == "");
	CHECK_FALSE(a[3].text());
}

TEST_CASE("a long message goes out and comes back in several PDUs")
{
	Builder builder(Function::dev_attr_reg);
	for (std::uint32_t i = 0; i < 40000; i++)
		builder.number(1000 + i, i);
	const Bytes wire = builder.wire(7);
	CHECK(wire.size() == 40000 * 12 + 8 * header_length);
	const auto message = received(wire);
	REQUIRE(message.attributes().size() == 40000);
	CHECK(message.transaction() == 7);
	CHECK(message.attributes()[39999].tag == 40999);
	CHECK(message.attributes()[39999].number() == 39999u);
}

TEST_CASE("a message is whole only with its last byte")
{
	const Bytes wire = Builder(Function::scn).text(tag::iscsi_name, name).wire(3);
	Assembler assembler;
	for (std::size_t i = 0; i + 1 < wire.size(); i++) {
		assembler.feed(std::span(wire).subspan(i, 1));
		auto message = assembler.next();
		REQUIRE(message);
		REQUIRE_FALSE(*message);
	}
	assembler.feed(std::span(wire).last(1));
	auto message = assembler.next();
	REQUIRE(message);
	REQUIRE(*message);
	CHECK((*message)->find(tag::iscsi_name)->text() == name);
}

TEST_CASE("messages that are under way together are told apart")
{
	const Bytes half1 = attribute(1, 4, number_bytes(11));
	const Bytes half2 = attribute(2, 4, number_bytes(22));
	Assembler assembler;
	assembler.feed(pdu(0x8002, flag::server | flag::first_pdu, 1, 0, number_bytes(0)));
	assembler.feed(pdu(0x000d, whole, 9, 0, half1));
	assembler.feed(pdu(0x8002, flag::server | flag::last_pdu, 1, 1, half2));
	auto inquiry = assembler.next();
	REQUIRE(inquiry);
	REQUIRE(*inquiry);
	CHECK((*inquiry)->is(Function::esi));
	auto answer = assembler.next();
	REQUIRE(answer);
	REQUIRE(*answer);
	CHECK((*answer)->function() == 0x8002);
	CHECK((*answer)->find(2)->number() == 22u);
	CHECK_FALSE(*assembler.next());
}

TEST_CASE("an answer has the request's function and transaction, and a status")
{
	const auto request = received(Builder(Function::esi).number(4, 1), 0x4321);
	const auto answer =
	    response_to(request, status::no_such_entry, [](Builder &b) { b.number(4, 1); });
	CHECK(answer.function() == 0x800d);
	CHECK(answer.is_response());
	CHECK(answer.transaction() == 0x4321);
	CHECK(answer.status() == 9);
	CHECK(answer.attributes().size() == 1);
}

TEST_CASE("operating attributes are those behind the delimiter")
{
	Builder builder(Function::dev_attr_qry);
	builder.number(1, 1).delimiter().number(2, 2).delimiter().number(3, 3);
	const auto message = received(builder);
	REQUIRE(message.operating().size() == 3);
	CHECK(message.operating()[0].tag == 2);
	CHECK(received(Builder(Function::dev_attr_qry).number(1, 1)).operating().empty());
}

TEST_CASE("what no peer may send is refused, each with its reason")
{
	const Bytes good = attribute(1, 4, number_bytes(1));
	CHECK(refusal(pdu(1, whole, 1, 0, good)) == "nothing");
	CHECK(refusal(pdu(1, whole, 1, 0, good, 2)) ==
	      "the iSNS peer sent a PDU of version 2, not 1");
	CHECK(refusal(pdu(1, whole, 1, 0, {1, 2, 3})) ==
	      "the iSNS peer sent a PDU of 3 bytes, no multiple of four");
	CHECK(refusal(pdu(1, whole | flag::authentication, 1, 0, good)) ==
	      "the iSNS peer sent a PDU with an authentication block");
	CHECK(refusal(pdu(1, whole, 1, 0, attribute(1, 8, number_bytes(1)))) ==
	      "the iSNS peer sent attribute 1 with a length of 8 where 4 bytes are left");
	CHECK(refusal(pdu(1, whole, 1, 0, attribute(1, 0xfffffffc, {}))) ==
	      "the iSNS peer sent attribute 1 with a length of 4294967292 where 0 bytes are left");
	CHECK(refusal(pdu(1, whole, 1, 0, attribute(1, 3, number_bytes(1)))) ==
	      "the iSNS peer sent attribute 1 with a length of 3, no multiple of four");
	CHECK(refusal(pdu(1, whole, 1, 0, number_bytes(1))) ==
	      "the iSNS peer sent a DevAttrReg that ends within the head of an attribute");
	CHECK(refusal(pdu(0x8001, whole, 1, 0, {})) ==
	      "the iSNS peer sent a DevAttrRegRsp without a status");
	CHECK(refusal(pdu(1, flag::last_pdu, 1, 0, good)) ==
	      "the iSNS peer sent a PDU of a DevAttrReg that has not begun");
	CHECK(refusal(pdu(1, flag::first_pdu | flag::last_pdu, 1, 1, good)) ==
	      "the iSNS peer sent PDU 1 of a DevAttrReg where 0 was due");

	Bytes twice = pdu(1, flag::first_pdu, 1, 0, good);
	const Bytes again = twice;
	twice.insert(twice.end(), again.begin(), again.end());
	CHECK(refusal(twice) == "the iSNS peer sent a second first PDU of one DevAttrReg");

	Bytes many;
	for (std::uint16_t i = 0; i < 5; i++) {
		const Bytes one = pdu(1, flag::first_pdu, i, 0, good);
		many.insert(many.end(), one.begin(), one.end());
	}
	CHECK(refusal(many) == "the iSNS peer sent more than 4 messages at a time");

	Bytes large;
	for (std::uint16_t i = 0; i < 3; i++) {
		const Bytes one = pdu(1, i ? 0 : flag::first_pdu, 1, i, Bytes(2000));
		large.insert(large.end(), one.begin(), one.end());
	}
	CHECK(refusal(large) == "the iSNS peer sent a DevAttrReg of more than 4096 bytes");
}

TEST_CASE("statuses and functions have the RFC's names")
{
	CHECK(status_text(0) == "Successful (0)");
	CHECK(status_text(6) == "Source Unknown (6)");
	CHECK(status_text(23) == "Registration Feature Not Supported (23)");
	CHECK(status_text(24) == "Reserved (24)");
	CHECK(function_name(0x0008) == "SCN");
	CHECK(function_name(0x800d) == "ESIRsp");
	CHECK(function_name(0x0123) == "function 0x0123");
}
