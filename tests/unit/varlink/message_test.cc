/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "varlink/message.h"

#include <catch2/catch.hpp>

using namespace hawser;
using namespace hawser::varlink;
using namespace std::string_literals;

TEST_CASE("A call is read with its interface, method and parameters")
{
	auto call = parse_call(R"({"method":"io.hawser.Ping","parameters":{"sid":1},"more":true})");
	REQUIRE(call);
	CHECK(call->interface == "io.hawser");
	CHECK(call->method == "Ping");
	CHECK(call->parameters == Json{{"sid", 1}});
	CHECK(call->more);
	CHECK_FALSE(call->oneway);
}

TEST_CASE("A call without parameters has none")
{
	auto call = parse_call(R"({"method":"io.hawser.GetInfo"})");
	REQUIRE(call);
	CHECK(call->parameters == Json::object());
}

TEST_CASE("What is not a call is refused")
{
	const std::string text = GENERATE(
	    as<std::string>{}, "", "{", "[]", "null", "7", "\"io.hawser.Ping\"", "{}",
	    R"({"method":7})", R"({"method":"Ping"})", R"({"method":".Ping"})",
	    R"({"method":"io.hawser."})", R"({"method":"a.B","parameters":[]})",
	    R"({"method":"a.B","parameters":"x"})", R"({"method":"a.B","more":1})",
	    R"({"method":"a.B","oneway":"yes"})", R"({"method":"a.B","more":true,"oneway":true})",
	    R"({"method":"a.B","upgrade":true})", R"({"method":"a.B","extra":1})",
	    "{\"method\":\"a.B\"} {}", "{\"method\":\"a.B\xff\"}", "{\"method\":\"a.B\xc0\xaf\"}");
	CAPTURE(text);
	auto call = parse_call(text);
	REQUIRE_FALSE(call);
	CHECK(call.error().code == Code::invalid_request);
}

TEST_CASE("A message that nests too deep is refused before it is parsed")
{
	const auto nested = [](std::size_t depth) {
		// The call and its parameters are two levels.
		return R"({"method":"a.B","parameters":{"x":)"s + std::string(depth - 2, '[') +
		       std::string(depth - 2, ']') + "}}";
	};
	CHECK(parse_call(nested(max_depth)));
	CHECK_FALSE(parse_call(nested(max_depth + 1)));
	CHECK_FALSE(parse_call(std::string(max_call_bytes, '[')));
}

TEST_CASE("Brackets in a string do not count as nesting")
{
	const auto text =
	    R"({"method":"a.B","parameters":{"x":"\")"s + std::string(100, '[') + R"("}})";
	auto call = parse_call(text);
	REQUIRE(call);
	CHECK(call->parameters["x"] == "\"" + std::string(100, '['));
}

TEST_CASE("A reply reads back as it was written")
{
	Reply reply;
	reply.error = "io.hawser.Failed";
	reply.parameters = {{"a", 1}};
	reply.continues = true;
	const std::string bytes = encode(reply);
	REQUIRE(bytes.back() == '\0');
	auto read = parse_reply(std::string_view(bytes).substr(0, bytes.size() - 1));
	REQUIRE(read);
	CHECK(read->error == reply.error);
	CHECK(read->parameters == reply.parameters);
	CHECK(read->continues);
}

TEST_CASE("Bytes that are not UTF-8 go out as the replacement character")
{
	Reply reply;
	reply.parameters = {{"name", "a\xff"
				     "b"}};
	const std::string bytes = encode(reply);
	auto read = parse_reply(std::string_view(bytes).substr(0, bytes.size() - 1));
	REQUIRE(read);
	CHECK(read->parameters["name"] == "a\xef\xbf\xbd"
					  "b");
}

TEST_CASE("Messages are found wherever the stream is cut")
{
	const std::string stream = "first\0\0third\0rest"s;
	for (std::size_t cut = 0; cut <= stream.size(); cut++) {
		Framer framer(100);
		std::vector<std::string> found;
		for (auto part : {stream.substr(0, cut), stream.substr(cut)}) {
			framer.feed(part);
			for (auto next = framer.next(); next && *next; next = framer.next())
				found.emplace_back(**next);
		}
		CHECK(found == std::vector<std::string>{"first", "", "third"});
		CHECK(framer.partial());
	}
}

TEST_CASE("A message may have as many bytes as the limit and not one more")
{
	Framer exact(5);
	exact.feed("12345\0"s);
	CHECK(exact.next().has_value());

	Framer ended(5);
	ended.feed("123456\0"s);
	CHECK_FALSE(ended.next().has_value());

	Framer endless(5);
	endless.feed("123456");
	CHECK_FALSE(endless.next().has_value());
}
