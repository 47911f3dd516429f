/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iscsi/text.h"

#include <catch2/catch.hpp>

using namespace hawser;

namespace
{

using Pairs = std::vector<KeyValue>;

std::span<const std::uint8_t> raw(std::string_view text)
{
	return as_bytes(text);
}

template <std::size_t N> std::string_view lit(const char (&text)[N])
{
	return {text, N - 1}; // keeps the NULs in it
}

/* All of @text in one PDU, and the end of the segment. */
Result<Pairs> read(std::string_view text)
{
	TextReader reader(1024);
	auto pairs = reader.feed(raw(text));
	if (pairs)
		if (auto ok = reader.finish(); !ok)
			return tl::unexpected(ok.error());
	return pairs;
}

} // namespace

TEST_CASE("pairs are read in order and a value may hold an equals sign or nothing")
{
	CHECK(read(lit("A=1\0B=x=y\0C=\0")) == Pairs{{"A", "1"}, {"B", "x=y"}, {"C", ""}});
	CHECK(read("") == Pairs{});
}

TEST_CASE("text may be cut between PDUs at any byte")
{
	const auto text = lit("HeaderDigest=CRC32C,None\0X-com.example.k=\xc3\xa9\0I=\0");
	const Pairs whole{
	    {"HeaderDigest", "CRC32C,None"}, {"X-com.example.k", "\xc3\xa9"}, {"I", ""}};

	for (std::size_t a = 0; a <= text.size(); a++) {
		for (std::size_t b = a; b <= text.size(); b++) {
			TextReader reader(1024);
			Pairs pairs;
			for (auto part :
			     {text.substr(0, a), text.substr(a, b - a), text.substr(b)}) {
				auto got = reader.feed(raw(part));
				REQUIRE(got);
				pairs.insert(pairs.end(), got->begin(), got->end());
			}
			REQUIRE(reader.finish());
			REQUIRE(pairs == whole);
		}
	}
}

TEST_CASE("a pair without its NUL or without an equals sign is refused")
{
	CHECK(!read("A=1"));
	CHECK(!read(lit("A=1\0B")));
	CHECK(!read(lit("A\0")));
}

TEST_CASE("NULs that pad a PDU's text are ignored and an empty pair inside it is refused")
{
	CHECK(read(lit("A=1\0\0\0\0")) == Pairs{{"A", "1"}});
	CHECK(!read(lit("A=1\0\0B=2\0")));
	CHECK(!read(lit("\0A=1\0")));
	CHECK(!read(lit("\0A")));

	TextReader reader(1024);
	CHECK(reader.feed(raw(lit("A=1\0\0"))));
	CHECK(reader.feed(raw(lit("B=2\0"))) == Pairs{{"B", "2"}});
}

TEST_CASE("a key must be a label of at most 63 characters")
{
	const std::string longest(63, 'K');

	CHECK(read(longest + "=1" + '\0') == Pairs{{longest, "1"}});
	CHECK(!read("K" + longest + "=1" + '\0'));
	CHECK(read(lit("X#NodeArchitecture=a\0iSCSIProtocolLevel=1\0")));
	for (auto text :
	     {lit("=1\0"), lit("1A=1\0"), lit("A B=1\0"), lit("A,B=1\0"), lit("\xc3\xa9=1\0")})
		CHECK(!read(text));
}

TEST_CASE("a value must be UTF-8")
{
	CHECK(read(lit("A=\xf0\x9f\x98\x80\0")));
	CHECK(!read(lit("A=\xff\0")));
	CHECK(!read(lit("A=\xc3\0")));
}

TEST_CASE("UTF-8 is checked for overlong forms, surrogates and what is beyond Unicode")
{
	CHECK(is_utf8(
	    "\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"));
	for (auto text :
	     {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
	      "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe2\x82", "\xe2\x82z", "\xc3z"})
		CHECK(!is_utf8(text));
}

TEST_CASE("text over the limit is refused whichever PDU brings it")
{
	TextReader reader(8);
	CHECK(reader.feed(raw(lit("A=1\0"))));
	CHECK(reader.feed(raw(lit("B=2\0"))));
	CHECK(reader.taken() == 8);
	auto refused = reader.feed(raw("C"));
	REQUIRE(!refused);
	CHECK(refused.error().text.find("8 bytes") != std::string::npos);
}

TEST_CASE("text is written as pairs that end in NUL")
{
	const Pairs pairs{{"A", "1"}, {"B", ""}};
	CHECK(as_text(encode_text(pairs)) == lit("A=1\0B=\0"));
}

TEST_CASE("a binary value is hexadecimal or base64 and of the length asked for")
{
	CHECK(decode_binary("0x00ff", 1, 1024) == Bytes{0x00, 0xff});
	CHECK(decode_binary("0Xabc", 1, 1024) == Bytes{0x0a, 0xbc});
	CHECK(decode_binary("0bAP8=", 1, 1024) == Bytes{0x00, 0xff});
	CHECK(decode_binary("0BAP8", 1, 1024) == Bytes{0x00, 0xff});
	CHECK(decode_binary(encode_binary_hex(Bytes(1024, 7)), 1, 1024) == Bytes(1024, 7));
	CHECK(decode_binary(encode_binary_base64(Bytes(1024, 7)), 1, 1024) == Bytes(1024, 7));
	CHECK(!decode_binary(encode_binary_hex(Bytes(1025, 7)), 1, 1024));
	for (auto value : {"", "0", "0x", "0b", "00ff", "0xg0", "0b*", "0x 0", "12", "AP8="})
		CHECK(!decode_binary(value, 1, 1024));
	CHECK(!decode_binary("0xff", 16, 16));
}
