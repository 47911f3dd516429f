/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iscsi/names.h"

#include <array>
#include <catch2/catch.hpp>
#include <stringprep.h>

using namespace hawser;

namespace
{

/* The refusal's text, which must hold @rule; empty when the name was taken. */
bool refused(std::string_view name, std::string_view rule)
{
	auto prepared = prepare_name(name);
	return !prepared && prepared.error().code == Code::invalid_argument &&
	       prepared.error().text.find(rule) != std::string::npos;
}

} // namespace

TEST_CASE("the RFC's own examples of names are taken")
{
	for (auto name :
	     {"iqn.2001-04.com.example:storage:diskarrays-sn-a8675309", "iqn.2001-04.com.example",
	      "iqn.2001-04.com.example:storage.tape1.sys1.xyz",
	      "iqn.1992-04.com.os-vendor.plan9:cdrom.12345"})
		CHECK(prepare_name(name) == name);
	CHECK(check_name("eui.02004567A425678D"));
	CHECK(check_name("naa.52004567BA64678D"));
	CHECK(check_name("naa.62004567BA64678D0123456789ABCDEF"));
}

TEST_CASE("a name is prepared to lower case and to normal form KC")
{
	CHECK(prepare_name("IQN.2001-04.com.EXAMPLE:Disk1") == "iqn.2001-04.com.example:disk1");
	CHECK(prepare_name("eui.02004567A425678D") == "eui.02004567a425678d");
	CHECK(prepare_name("iqn.2001-04.com.example:\xc3\x89t\x65\xcc\x81") ==
	      "iqn.2001-04.com.example:\xc3\xa9t\xc3\xa9");
	CHECK(prepare_name("iqn.2001-04.com.example:a\xc2\xad"
			   "b") == "iqn.2001-04.com.example:ab");
}

TEST_CASE("every character of ASCII is prepared as the profile prepares it")
{
	for (int c = 1; c < 0x80; c++) {
		const std::string name = std::string("iqn.2001-04.com.example:a") + char(c) + "b";
		std::array<char, 64> whole{};
		name.copy(whole.data(), whole.size());
		const int rc = stringprep(whole.data(), whole.size(), STRINGPREP_NO_UNASSIGNED,
					  stringprep_iscsi);
		INFO("character " << c);
		const auto prepared = prepare_name(name);
		REQUIRE(prepared.has_value() == (rc == STRINGPREP_OK));
		if (prepared)
			CHECK(*prepared == whole.data());
	}
}

TEST_CASE("names that are equal once prepared are the same name")
{
	CHECK(same_name("iqn.2001-04.com.example:DISK", "iqn.2001-04.com.example:disk"));
	CHECK(same_name("eui.02004567A425678D", "eui.02004567a425678d"));
	CHECK(!same_name("iqn.2001-04.com.example:disk", "iqn.2001-04.com.example:disk2"));
	CHECK(!same_name("not a name", "NOT A NAME"));
	CHECK(same_name("not a name", "not a name"));
}

TEST_CASE("a name without a known type is refused")
{
	CHECK(refused("", "empty"));
	CHECK(refused("disk1", "begins with none"));
	CHECK(refused("iqn", "begins with none"));
	CHECK(refused("wwn.52004567ba64678d", "begins with none"));
}

TEST_CASE("an iqn name needs a calendar month and a domain name without empty labels")
{
	CHECK(refused("iqn.2001-13.com.example", "date"));
	CHECK(refused("iqn.2001-00.com.example", "date"));
	CHECK(refused("iqn.01-04.com.example", "date"));
	CHECK(refused("iqn.2001-4.com.example", "date"));
	CHECK(refused("iqn.com.example", "date"));
	CHECK(refused("iqn.2001-04", "date"));
	CHECK(refused("iqn.2001-04.", "empty label"));
	CHECK(refused("iqn.2001-04.com..example", "empty label"));
	CHECK(refused("iqn.2001-04.com.example.:disk", "empty label"));
	CHECK(refused("iqn.2001-04.:disk", "empty label"));
	CHECK(prepare_name("iqn.2001-04.com.example:"));
	CHECK(prepare_name("iqn.2001-04.com.example:a..b::"));
}

TEST_CASE("an eui name is 16 hexadecimal digits and a naa name 16 or 32")
{
	CHECK(refused("eui.02004567a425678", "16 hexadecimal"));
	CHECK(refused("eui.02004567a425678d0", "16 hexadecimal"));
	CHECK(refused("eui.02004567a425678g", "16 hexadecimal"));
	CHECK(refused("naa.52004567ba64678", "16 or 32"));
	CHECK(refused("naa.52004567ba64678d01", "16 or 32"));
	CHECK(refused("naa.52004567ba64678d0123456789abcdex", "16 or 32"));
}

TEST_CASE("a character that RFC 3722 prohibits is refused")
{
	for (auto name : {"iqn.2001-04.com.example:a b", "iqn.2001-04.com.example:a_b",
			  "iqn.2001-04.com.example:a/b", "iqn.2001-04.com.example:a,b",
			  "iqn.2001-04.com.example:a\nb",
			  "iqn.2001-04.com.example:a\x7f"
			  "b",
			  "iqn.2001-04.com.example:a\xe3\x80\x82"
			  "b"})
		CHECK(refused(name, "prohibits"));
}

TEST_CASE("a name that is no UTF-8, has a NUL or mixes writing directions is refused")
{
	CHECK(refused("iqn.2001-04.com.example:\xff", "UTF-8"));
	CHECK(refused("iqn.2001-04.com.example:\xc3", "UTF-8"));
	CHECK(refused(std::string_view("iqn.2001-04.com.example\0", 24), "NUL"));
	CHECK(refused("iqn.2001-04.com.example:\xd7\x90", "directions"));
	CHECK(refused("iqn.2001-04.com.example:\xc8\xa1", "does not assign"));
}

TEST_CASE("a name of 223 bytes is taken and one of 224 is refused")
{
	std::string name = "iqn.2001-04.com.example:";
	name.resize(max_name_length, 'a');
	CHECK(prepare_name(name) == name);
	name += 'a';
	CHECK(refused(name, "223"));
}

TEST_CASE("a name that preparing lengthens beyond 223 bytes is refused")
{
	std::string name = "iqn.2001-04.com.example:";
	// One ligature of three bytes becomes 33 in form KC.
	for (int i = 0; i < 20; i++)
		name += "\xef\xb7\xba";
	CHECK(refused(name, ""));
}
