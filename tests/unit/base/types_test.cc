/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/types.h"

#include <catch2/catch.hpp>

using namespace hawser;

TEST_CASE("numbers of different kinds do not mix")
{
	STATIC_REQUIRE(!std::is_convertible_v<Cid, Tpgt>);
	STATIC_REQUIRE(!std::is_convertible_v<int, Cid>);
	STATIC_REQUIRE(!std::is_constructible_v<Cid, Tsih>);
	CHECK(Cid{1} < Cid{2});
	CHECK(Cid{1} == Cid{1});
}

TEST_CASE("sequence numbers wrap")
{
	CHECK(next(CmdSn{0xffffffff}) == CmdSn{0});
	CHECK(before(CmdSn{0xffffffff}, CmdSn{0}));
	CHECK(!before(CmdSn{0}, CmdSn{0xffffffff}));
	CHECK(!before(CmdSn{5}, CmdSn{5}));
}

TEST_CASE("an ISID is printed and read as twelve hexadecimal digits")
{
	const Isid isid{{0x00, 0x02, 0x3d, 0x00, 0x00, 0x0a}};

	CHECK(to_string(isid) == "0x00023d00000a");
	CHECK(Isid::parse("0x00023d00000a") == isid);
	CHECK(Isid::parse("0X00023D00000A") == isid);
	CHECK(Isid::parse("00023d00000a") == isid);
	for (auto text :
	     {"", "0x", "00023d00000", "00023d00000aa", "00023d00000g", "0x0x023d00000a"}) {
		auto refused = Isid::parse(text);
		REQUIRE(!refused);
		CHECK(refused.error().code == Code::invalid_argument);
		CHECK(refused.error().text.find(text) != std::string::npos);
	}
}

TEST_CASE("each form of an ISID packs its parts as RFC 7143 11.12.5 draws them")
{
	CHECK(to_string(Isid::from_oui(0x00023d, 0x123456)) == "0x00023d123456");
	CHECK(Isid::from_oui(0x00023d, 0).format() == Isid::Format::oui);
	CHECK(to_string(Isid::from_enterprise(0xabcdef, 0x1234)) == "0x40abcdef1234");
	CHECK(Isid::from_enterprise(9, 1).format() == Isid::Format::enterprise);
	CHECK(to_string(Isid::from_random(0xabcdef, 0x1234)) == "0x80abcdef1234");
	CHECK(Isid::from_random(9, 1).format() == Isid::Format::random);
}

TEST_CASE("a LUN goes on the wire as Linux numbers it, two bytes a level")
{
	using Wire = std::array<std::uint8_t, 8>;

	CHECK(to_wire(Lun{0}) == Wire{});
	CHECK(to_wire(Lun{1}) == Wire{0, 1});
	CHECK(to_wire(Lun{0x4123}) == Wire{0x41, 0x23}); // flat space addressing
	CHECK(to_wire(Lun{0x0002'0001}) == Wire{0, 1, 0, 2});
	CHECK(to_wire(Lun{0x0708'0506'0304'0102}) == Wire{1, 2, 3, 4, 5, 6, 7, 8});
}
