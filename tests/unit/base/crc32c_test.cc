/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/crc32c.h"

#include "base/coding.h"

#include <catch2/catch.hpp>
#include <numeric>

using namespace hawser;

TEST_CASE("CRC32C agrees with the examples of RFC 3720 B.4")
{
	Bytes rising(32), falling(32);
	std::iota(rising.begin(), rising.end(), 0);
	std::iota(falling.rbegin(), falling.rend(), 0);

	CHECK(hex_encode(crc32c_wire(Bytes(32, 0))) == "aa36918a");
	CHECK(hex_encode(crc32c_wire(Bytes(32, 0xff))) == "43aba862");
	CHECK(hex_encode(crc32c_wire(rising)) == "4e79dd46");
	CHECK(hex_encode(crc32c_wire(falling)) == "5cdb3f11");
	CHECK(crc32c(as_bytes("123456789")) == 0xe3069283);
}
