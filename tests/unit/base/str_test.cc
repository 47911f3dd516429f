/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/str.h"

#include <catch2/catch.hpp>

using namespace hawser;

TEST_CASE("str joins text, characters and integers")
{
	CHECK(str("a", std::string("b"), 'c', 0, -7, std::uint64_t{18446744073709551615u}) ==
	      "abc0-718446744073709551615");
}

TEST_CASE("quoted text is one printable line")
{
	CHECK(quoted("plain text") == "\"plain text\"");
	CHECK(quoted("a\n\x1b[\"\\\xff") == "\"a\\x0a\\x1b[\\x22\\x5c\\xff\"");
	CHECK(quoted("abcdef", 3) == "\"abc\"...");
}

TEST_CASE("text is trimmed of spaces and tabs only at its ends")
{
	CHECK(trim(" \ta b\t ") == "a b");
	CHECK(trim(" \t ") == "");
	CHECK(trim("") == "");
}

TEST_CASE("case is ignored in ASCII letters alone")
{
	CHECK(equals_nocase("CHAP", "chap"));
	CHECK(!equals_nocase("CHAP", "chaps"));
	CHECK(!equals_nocase("@", "`"));
	CHECK(starts_with_nocase("0Xff", "0x"));
	CHECK(!starts_with_nocase("0", "0x"));
	CHECK(to_lower("IQN.\xc3\x89") == "iqn.\xc3\x89");
}

TEST_CASE("splitting keeps empty parts and joining puts them back")
{
	using Parts = std::vector<std::string_view>;

	CHECK(split("a,,b", ',') == Parts{"a", "", "b"});
	CHECK(split("", ',') == Parts{""});
	CHECK(join({"a", "", "b"}, ",") == "a,,b");
	CHECK(join({}, ",") == "");
}

TEST_CASE("a number is decimal or 0x hexadecimal and nothing around it")
{
	CHECK(parse_number("0") == 0);
	CHECK(parse_number("16777215") == 16777215);
	CHECK(parse_number("0xFFffff") == 16777215);
	CHECK(parse_number("18446744073709551615") == 18446744073709551615u);
	for (auto text :
	     {"", " 1", "1 ", "+1", "-1", "0x", "0x-1", "1a", "18446744073709551616", "1.0"})
		CHECK(!parse_number(text));
}
