/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iscsi/pdu.h"

#include <algorithm>
#include <catch2/catch.hpp>

using namespace hawser;

namespace
{

std::string hex(const Bhs &bhs)
{
	return hex_encode(bhs);
}

Pdu response(std::string_view header, Bytes data = {})
{
	Pdu pdu;
	auto bytes = hex_decode(header);
	REQUIRE(bytes);
	REQUIRE(bytes->size() == bhs_length);
	std::copy(bytes->begin(), bytes->end(), pdu.bhs.begin());
	pdu.data = std::move(data);
	return pdu;
}

template <class T> T take(const Pdu &pdu)
{
	auto decoded = decode(pdu);
	REQUIRE(decoded);
	REQUIRE(std::holds_alternative<T>(*decoded));
	return std::get<T>(*decoded);
}

bool refused(const Pdu &pdu, std::string_view why)
{
	auto decoded = decode(pdu);
	return !decoded && decoded.error().text.find(why) != std::string::npos;
}

/* A Login Response, success, T set, CSG 1, NSG 3. */
constexpr auto login_response = "2387000000000004"
				"00023d0000010007"
				"0000000500000000"
				"0000000a0000000b"
				"0000000c00000000"
				"0000000000000000";

} // namespace

TEST_CASE("a Login Request is laid out as RFC 7143 11.12 draws it")
{
	LoginRequest request;
	request.transit = true;
	request.csg = Stage::security;
	request.nsg = Stage::operational;
	request.isid = Isid{{0x00, 0x02, 0x3d, 0x00, 0x00, 0x01}};
	request.tsih = Tsih{0x0607};
	request.itt = Itt{0x01020304};
	request.cid = Cid{0x1112};
	request.cmd_sn = CmdSn{0x21222324};
	request.exp_stat_sn = StatSn{0x31323334};
	request.text = {'A', '=', '1', 0, 'B', '=', 0};

	const Pdu pdu = encode(request);
	CHECK(hex(pdu.bhs) == "4381000000000007"
			      "00023d0000010607"
			      "0102030411120000"
			      "2122232431323334"
			      "0000000000000000"
			      "0000000000000000");
	CHECK(serialize(pdu).size() == bhs_length + 8);
	CHECK(serialize(pdu).back() == 0);

	request.transit = false;
	request.more = true;
	request.csg = Stage::operational;
	CHECK(encode(request).bhs[1] == 0x44);
}

TEST_CASE("a Text Request is laid out as RFC 7143 11.10 draws it")
{
	TextRequest request;
	request.lun = 0x0102030405060708;
	request.itt = Itt{1};
	request.ttt = Ttt{0xa1a2a3a4};
	request.cmd_sn = CmdSn{2};
	request.exp_stat_sn = StatSn{3};

	CHECK(hex(encode(request).bhs) == "0480000000000000"
					  "0102030405060708"
					  "00000001a1a2a3a4"
					  "0000000200000003"
					  "0000000000000000"
					  "0000000000000000");
	request.final = false;
	request.more = true;
	request.immediate = true;
	CHECK(encode(request).bhs[0] == 0x44);
	CHECK(encode(request).bhs[1] == 0x40);
}

TEST_CASE("a Logout Request carries a CID only when a connection is meant")
{
	LogoutRequest request;
	request.itt = Itt{1};
	request.cid = Cid{9};

	CHECK(hex(encode(request).bhs) == "4680000000000000"
					  "0000000000000000"
					  "0000000100000000"
					  "0000000000000000"
					  "0000000000000000"
					  "0000000000000000");
	request.reason = LogoutReason::recovery;
	CHECK(encode(request).bhs[1] == 0x82);
	CHECK(encode(request).bhs[21] == 9);
}

TEST_CASE("a NOP-Out answers a ping with its tag, LUN and data")
{
	NopOut request;
	request.ttt = Ttt{5};
	request.lun = 1;
	request.data = {1, 2, 3};

	const Pdu pdu = encode(request);
	CHECK(hex(pdu.bhs) == "4080000000000003"
			      "0000000000000001"
			      "ffffffff00000005"
			      "0000000000000000"
			      "0000000000000000"
			      "0000000000000000");
	CHECK(serialize(pdu).size() == bhs_length + 4);
}

TEST_CASE("a Login Response is taken apart")
{
	const auto r = take<LoginResponse>(response(login_response, {'A', '=', '1', 0}));

	CHECK(r.transit);
	CHECK(!r.more);
	CHECK(r.csg == Stage::operational);
	CHECK(r.nsg == Stage::full_feature);
	CHECK(to_string(r.isid) == "0x00023d000001");
	CHECK(r.tsih == Tsih{7});
	CHECK(r.itt == Itt{5});
	CHECK(r.stat_sn == StatSn{10});
	CHECK(r.exp_cmd_sn == CmdSn{11});
	CHECK(r.max_cmd_sn == CmdSn{12});
	CHECK(r.status_class == 0);
	CHECK(r.text == Bytes{'A', '=', '1', 0});
}

TEST_CASE("reserved stages and T together with C are refused in a Login Response")
{
	Pdu pdu = response(login_response, {0, 0, 0, 0});
	pdu.bhs[1] = 0xc7;
	CHECK(refused(pdu, "both T and C"));
	pdu.bhs[1] = 0x8b;
	CHECK(refused(pdu, "CSG 2"));
	pdu.bhs[1] = 0x0c;
	CHECK(refused(pdu, "CSG 3"));
	pdu.bhs[1] = 0x86;
	CHECK(refused(pdu, "NSG 2"));
	pdu.bhs[1] = 0x06; // NSG is reserved without T
	CHECK(decode(pdu));
}

TEST_CASE("flags and stages of a rejection are reserved and not looked at")
{
	Pdu pdu = response(login_response, {0, 0, 0, 0});
	pdu.bhs[1] = 0xff;
	pdu.bhs[36] = 2;
	pdu.bhs[37] = 1;
	const auto r = take<LoginResponse>(pdu);
	CHECK(r.status_class == 2);
	CHECK(r.status_detail == 1);
	CHECK(!r.transit);
	CHECK(!r.more);
}

TEST_CASE("a Text Response has a transfer tag exactly when F is clear")
{
	Pdu pdu = response("2480000000000000"
			   "0000000000000000"
			   "00000001ffffffff"
			   "0000000100000002"
			   "0000000300000000"
			   "0000000000000000");
	auto r = take<TextResponse>(pdu);
	CHECK(r.final);
	CHECK(r.ttt == reserved_ttt);
	pdu.bhs[1] = 0xc0;
	CHECK(refused(pdu, "both F and C"));
	pdu.bhs[1] = 0;
	CHECK(refused(pdu, "no target transfer tag"));
	pdu.bhs[20] = 0;
	CHECK(!take<TextResponse>(pdu).final);
	pdu.bhs[1] = 0x80;
	CHECK(take<TextResponse>(pdu).final);
}

TEST_CASE("Logout Response, NOP-In, Async Message and Reject are taken apart")
{
	const auto logout = take<LogoutResponse>(response("2680020000000000"
							  "0000000000000000"
							  "0000000900000000"
							  "0000000100000002"
							  "0000000300000000"
							  "0002001400000000"));
	CHECK(logout.response == 2);
	CHECK(logout.itt == Itt{9});
	CHECK(logout.time2wait == 2);
	CHECK(logout.time2retain == 20);

	const auto nop = take<NopIn>(response("2080000000000001"
					      "0000000000000007"
					      "ffffffff00000044"
					      "0000000100000002"
					      "0000000300000000"
					      "0000000000000000",
					      {0x55}));
	CHECK(nop.itt == reserved_itt);
	CHECK(nop.ttt == Ttt{0x44});
	CHECK(nop.lun == 7);
	CHECK(nop.data == Bytes{0x55});

	const auto async = take<AsyncMessage>(response("3280000000000000"
						       "0000000000000000"
						       "ffffffff00000000"
						       "0000000100000002"
						       "0000000301020003"
						       "0004000500000000"));
	CHECK(async.event == 1);
	CHECK(async.vcode == 2);
	CHECK(async.parameter1 == 3);
	CHECK(async.parameter3 == 5);

	const auto rejected = take<RejectPdu>(response("3f80040000000002"
						       "0000000000000000"
						       "ffffffff00000000"
						       "0000000100000002"
						       "0000000300000000"
						       "0000000000000000",
						       {1, 2}));
	CHECK(rejected.reason == 4);
	CHECK(rejected.header == Bytes{1, 2});
}

TEST_CASE("foreign opcodes, an AHS and wrong lengths are refused")
{
	Pdu pdu = response(login_response, {0, 0, 0, 0});
	pdu.bhs[4] = 1;
	CHECK(refused(pdu, "additional header segment of 4 bytes"));
	pdu.bhs[4] = 0;
	pdu.data.pop_back();
	CHECK(refused(pdu, "3 bytes, not 4"));
	pdu.data.push_back(0);
	for (int opcode : {0x01, 0x03, 0x21, 0x25, 0x31, 0x3e}) {
		pdu.bhs[0] = static_cast<std::uint8_t>(opcode);
		CHECK(refused(pdu, "opcode"));
	}
	Pdu logout = response("2680000000000001"
			      "0000000000000000"
			      "0000000900000000"
			      "0000000100000002"
			      "0000000300000000"
			      "0002001400000000",
			      {1});
	CHECK(refused(logout, "a data segment"));
}

TEST_CASE("lengths are read out of a BHS with padding to four bytes")
{
	Bhs bhs{};
	bhs[4] = 2;
	bhs[7] = 5;
	auto lengths = lengths_of(bhs);
	CHECK(lengths.ahs == 8);
	CHECK(lengths.data == 5);
	CHECK(lengths.padding == 3);
	bhs[7] = 8;
	CHECK(lengths_of(bhs).padding == 0);
}
