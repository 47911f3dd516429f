/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bench.h"
#include "config/rekey.h"

#include <nlohmann/json.hpp>

using namespace hawser;
using namespace hawser::cli;

namespace
{

const std::string given = "iqn.2001-04.com.example:mine";

std::string value_of(const std::string &text, const std::string &key)
{
	const auto at = text.find("\n" + key + " = ");
	REQUIRE(at != std::string::npos);
	const auto begin = at + key.size() + 4;
	return text.substr(begin, text.find('\n', begin) - begin);
}

} // namespace

TEST_CASE_METHOD(Bench, "the initiator's name is made from the host's, and shown")
{
	const auto text = good("-m initiator");
	CHECK(value_of(text, "initiator.name").starts_with("iqn.2026-11.io.hawser:"));
	CHECK(value_of(text, "initiator.alias") == "<empty>");
	CHECK(value_of(text, "initiator.follows_host") == "Yes");
	CHECK(good("-m initiator -o show") == text);
	const auto json = nlohmann::json::parse(good("-m initiator --json"));
	CHECK(json["name"] == value_of(text, "initiator.name"));
	CHECK(json["alias"] == "");
	CHECK(json["follows_host"] == true);
}

TEST_CASE_METHOD(Bench, "name and alias are set, and an asterisk brings the made name back")
{
	const auto made = value_of(good("-m initiator"), "initiator.name");
	good("-m initiator -o update -n initiator.name -v " + given +
	     " -n initiator.alias -v Rack-7");
	auto text = good("-m initiator");
	CHECK(value_of(text, "initiator.name") == given);
	CHECK(value_of(text, "initiator.alias") == "Rack-7");
	CHECK(value_of(text, "initiator.follows_host") == "No");

	good("-m initiator -o update -n initiator.name -v *");
	text = good("-m initiator");
	CHECK(value_of(text, "initiator.name") == made);
	CHECK(value_of(text, "initiator.alias") == "Rack-7");
	CHECK(value_of(text, "initiator.follows_host") == "Yes");
	good("-m initiator -o update -n initiator.alias -v ''");
	CHECK(value_of(good("-m initiator"), "initiator.alias") == "<empty>");
}

TEST_CASE_METHOD(Bench, "a name or an alias that breaks a rule changes neither")
{
	good("-m initiator -o update -n initiator.name -v " + given);
	const auto before = good("-m initiator");
	for (const std::string name :
	     {"bad_name", "iqn.2001-04.com.example:under_score", "eui.123", "naa.zz", "''"})
		bad(Code::invalid_argument, "-m initiator -o update -n initiator.alias -v other "
					    "-n initiator.name -v " +
						name);
	const std::string longest(255, 'a');
	bad(Code::invalid_argument,
	    "-m initiator -o update -n initiator.alias -v " + longest + "a");
	bad(Code::invalid_argument, "-m initiator -o update -n initiator.alias -v a\x01");
	bad(Code::invalid_argument, "-m initiator -o update -n initiator.colour -v red");
	bad(Code::invalid_argument, "-m initiator -o update -n initiator.follows_host -v No");
	bad(Code::invalid_argument, "-m initiator -o update");
	bad(Code::invalid_argument, "-m initiator -o new");
	bad(Code::invalid_argument, "-m initiator -o delete");
	bad(Code::invalid_argument, "-m initiator -T " + t1);
	CHECK(good("-m initiator") == before);
	good("-m initiator -o update -n initiator.alias -v " + longest);
}

TEST_CASE_METHOD(Bench, "a change while sessions live says that they keep their name")
{
	add_session(3, t1, "192.0.2.1");
	run("-m initiator -o update -n initiator.name -v " + given);
	CHECK(status == 0);
	CHECK_THAT(err, Catch::Contains("1 live now"));
}

TEST_CASE_METHOD(Bench, "a new key is told of by its id, and nothing of a secret")
{
	run("-m node -o new -T " + t1 +
	    " -p 192.0.2.1 -n node.session.auth.password "
	    "-v twelve-bytes");
	const auto text = good("--new-key");
	CHECK_THAT(text, Catch::Contains("1 in 1 files"));
	CHECK_THAT(text, Catch::Contains(scratch.paths.secret_key()));
	const auto json = nlohmann::json::parse(good("--new-key --json"));
	CHECK(json["secrets"] == 1);
	CHECK(text.find(json["key"].get<std::string>()) == std::string::npos);
	bad(Code::invalid_argument, "--new-key -m node");
}
