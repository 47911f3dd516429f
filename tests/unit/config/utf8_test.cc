/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/utf8.h"

#include <catch2/catch.hpp>
#include <string>

using namespace hawser::config;

TEST_CASE("text of one to four byte characters is plain")
{
	CHECK(is_plain_text(""));
	CHECK(is_plain_text("a b~"));
	CHECK(is_plain_text("\xc3\xa4"));	  // U+00E4
	CHECK(is_plain_text("\xe2\x82\xac"));	  // U+20AC
	CHECK(is_plain_text("\xf0\x9f\x98\x80")); // U+1F600
}

TEST_CASE("control characters are not plain")
{
	CHECK_FALSE(is_plain_text("a\nb"));
	CHECK_FALSE(is_plain_text("\x7f"));
	CHECK_FALSE(is_plain_text("\xc2\x85")); // U+0085
	CHECK_FALSE(is_plain_text(std::string("a\0b", 3)));
}

TEST_CASE("bytes that are not UTF-8 are not plain")
{
	CHECK_FALSE(is_plain_text("\x80"));		// a tail alone
	CHECK_FALSE(is_plain_text("\xc3"));		// cut short
	CHECK_FALSE(is_plain_text("\xe2\x82"));		// cut short
	CHECK_FALSE(is_plain_text("\xc0\xaf"));		// overlong
	CHECK_FALSE(is_plain_text("\xe0\x80\xaf"));	// overlong
	CHECK_FALSE(is_plain_text("\xed\xa0\x80"));	// a surrogate
	CHECK_FALSE(is_plain_text("\xf4\x90\x80\x80")); // above U+10FFFF
	CHECK_FALSE(is_plain_text("\xff"));
}
