/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/coding.h"

#include <catch2/catch.hpp>

using namespace hawser;

namespace
{

Bytes bytes_of(std::string_view text)
{
	auto bytes = as_bytes(text);
	return {bytes.begin(), bytes.end()};
}

} // namespace

TEST_CASE("hexadecimal is written in lower case and read in either")
{
	CHECK(hex_encode(Bytes{0x00, 0x9f, 0xff}) == "009fff");
	CHECK(hex_decode("009FfF") == Bytes{0x00, 0x9f, 0xff});
	CHECK(hex_decode("") == Bytes{});
}

TEST_CASE("hexadecimal with an odd number of digits or a foreign character is refused")
{
	CHECK(!hex_decode("0"));
	CHECK(!hex_decode("0g"));
	CHECK(!hex_decode("0x00"));
	CHECK(!hex_decode(std::string_view("0\0", 2)));
	Bytes place(2);
	CHECK(hex_decode("009F", place));
	CHECK(place == Bytes{0x00, 0x9f});
	for (const char *digits : {"", "00", "009", "009g", "009f00"})
		CHECK_FALSE(hex_decode(digits, place));
}

TEST_CASE("base64 agrees with the vectors of RFC 4648")
{
	const std::pair<const char *, const char *> vectors[] = {
	    {"", ""},
	    {"f", "Zg=="},
	    {"fo", "Zm8="},
	    {"foo", "Zm9v"},
	    {"foob", "Zm9vYg=="},
	    {"fooba", "Zm9vYmE="},
	    {"foobar", "Zm9vYmFy"},
	};

	for (const auto &[plain, coded] : vectors) {
		CHECK(base64_encode(as_bytes(plain)) == coded);
		CHECK(base64_decode(coded) == bytes_of(plain));
	}
}

TEST_CASE("base64 may leave its padding out")
{
	CHECK(base64_decode("Zg") == bytes_of("f"));
	CHECK(base64_decode("Zm8") == bytes_of("fo"));
}

TEST_CASE("base64 with an impossible length or a foreign character is refused")
{
	CHECK(!base64_decode("Z"));
	CHECK(!base64_decode("Zm9vZ"));
	CHECK(!base64_decode("Zg="));
	CHECK(!base64_decode("Z==="));
	CHECK(!base64_decode("===="));
	CHECK(!base64_decode("Zm=v"));
	CHECK(!base64_decode("Zm9 "));
	CHECK(!base64_decode("Zm9-"));
}

TEST_CASE("base64 whose unused bits are set is refused")
{
	CHECK(!base64_decode("Zh=="));
	CHECK(!base64_decode("Zm9"));
}
