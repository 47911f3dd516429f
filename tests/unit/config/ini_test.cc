/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/ini.h"

#include <catch2/catch.hpp>

using namespace hawser::config;

TEST_CASE("a setting is what stands before and after the first equals sign")
{
	const auto file = parse_ini("a = b\n  c=d = e \t\nf =\n");
	REQUIRE(file.entries.size() == 3);
	CHECK(file.entries[0].key == "a");
	CHECK(file.entries[0].value == "b");
	CHECK(file.entries[1].key == "c");
	CHECK(file.entries[1].value == "d = e");
	CHECK(file.entries[2].value == "");
	CHECK(file.entries[2].line == 3);
	CHECK(file.problems.empty());
}

TEST_CASE("comments and empty lines are passed over, a # inside a value is not a comment")
{
	const auto file = parse_ini("# a = b\n\n   # c = d\nsecret = x#y\r\n");
	REQUIRE(file.entries.size() == 1);
	CHECK(file.entries[0].value == "x#y");
	CHECK(file.entries[0].line == 4);
}

TEST_CASE("of two lines with one key the later holds")
{
	const auto file = parse_ini("a = 1\na = 2\n");
	REQUIRE(file.find("a"));
	CHECK(*file.find("a") == "2");
	CHECK(file.find("b") == nullptr);
}

TEST_CASE("a line that is no setting is named and costs only itself")
{
	const auto file = parse_ini("nonsense\n= value\nk = \x01\nlast = good");
	REQUIRE(file.problems.size() == 3);
	CHECK(file.problems[0].line == 1);
	CHECK(file.problems[0].text.find("nonsense") != std::string::npos);
	CHECK(file.problems[1].line == 2);
	CHECK(file.problems[2].line == 3);
	REQUIRE(file.find("last"));
	CHECK(*file.find("last") == "good");
}

TEST_CASE("of a line that is no setting only the first word is shown")
{
	const auto file = parse_ini("node.session.auth.password hunter2hunter2\n");
	REQUIRE(file.problems.size() == 1);
	CHECK(file.problems[0].text == "\"node.session.auth.password\" has no '='");
}
