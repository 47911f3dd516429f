/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/identity.h"

#include "iscsi/names.h"
#include "scratch.h"

#include <catch2/catch.hpp>

using namespace hawser;
using namespace hawser::config;

namespace
{

Identity load(const Scratch &scratch, const std::string &host = "web1")
{
	auto identity = load_identity(scratch.paths, host);
	INFO((identity ? "" : identity.error().text));
	REQUIRE(identity);
	return *identity;
}

} // namespace

TEST_CASE("an initiator name is made from the host's name and kept")
{
	Scratch scratch;
	const auto identity = load(scratch);
	CHECK(identity.name.starts_with("iqn.2026-11.io.hawser:web1-"));
	CHECK(identity.name.size() == std::string("iqn.2026-11.io.hawser:web1-").size() + 12);
	CHECK(load(scratch).name == identity.name);
	CHECK(scratch.get(scratch.paths.initiator_name())
		  .find("InitiatorName=" + identity.name + "\n") != std::string::npos);
}

TEST_CASE("two machines of one host name have different initiator names and ISIDs")
{
	Scratch one, two;
	CHECK(load(one).name != load(two).name);
	CHECK(load(one).isid_random != load(two).isid_random);
}

TEST_CASE("characters that a name must not have become hyphens and the name is legal")
{
	CHECK(name_from_host("Web_1 x", "0a") == "iqn.2026-11.io.hawser:web-1-x-0a");
	CHECK(name_from_host("b\xc3\xbc"
			     "ro",
			     "0a") == "iqn.2026-11.io.hawser:b--ro-0a");
	for (const std::string host : {"a", "A_B", "x.example.com", "\xff\xfe", ""})
		CHECK(check_name(name_from_host(host, "0a1b2c3d4e5f")));
	CHECK(name_from_host(std::string(300, 'h'), "0a1b2c3d4e5f").size() == max_name_length);
}

TEST_CASE("a name that was made follows the host's name")
{
	Scratch scratch;
	const auto before = load(scratch, "old").name;
	const auto after = load(scratch, "new").name;
	CHECK(after.starts_with("iqn.2026-11.io.hawser:new-"));
	CHECK(before.substr(before.rfind('-')) == after.substr(after.rfind('-')));
	CHECK(scratch.get(scratch.paths.initiator_name()).find(after) != std::string::npos);
}

TEST_CASE("a name that the administrator set stays, comments and alias too")
{
	Scratch scratch;
	load(scratch);
	const std::string text =
	    "# ours\nInitiatorName = iqn.1993-08.org.debian:01:abc\nInitiatorAlias=db\n";
	scratch.put(scratch.paths.initiator_name(), text);
	const auto identity = load(scratch, "other");
	CHECK(identity.name == "iqn.1993-08.org.debian:01:abc");
	CHECK(identity.alias == "db");
	CHECK(scratch.get(scratch.paths.initiator_name()) == text);
}

TEST_CASE("an asterisk brings the name made from the host's back")
{
	Scratch scratch;
	const auto made = load(scratch).name;
	REQUIRE(change_identity(scratch.paths, {"iqn.2001-04.com.example:mine", {}}));
	CHECK(load(scratch).name == "iqn.2001-04.com.example:mine");
	REQUIRE(change_identity(scratch.paths, {"*", {}}));
	CHECK(load(scratch).name == made);
	CHECK(scratch.get(scratch.paths.initiator_name()).find("InitiatorName=" + made) !=
	      std::string::npos);
}

TEST_CASE("a bad name in the file or from the administrator is refused")
{
	Scratch scratch;
	CHECK(change_identity(scratch.paths, {"bad_name", {}}).error().code ==
	      Code::invalid_argument);
	scratch.put(scratch.paths.initiator_name(), "InitiatorName=bad_name\n");
	auto identity = load_identity(scratch.paths, "web1");
	REQUIRE_FALSE(identity);
	CHECK(identity.error().code == Code::invalid_argument);
	CHECK(identity.error().text.find(scratch.paths.initiator_name()) != std::string::npos);
}

TEST_CASE("damaged state is refused rather than drawn anew")
{
	Scratch scratch;
	load(scratch);
	scratch.put(scratch.paths.initiator_state(), "{}");
	auto identity = load_identity(scratch.paths, "web1");
	REQUIRE_FALSE(identity);
	CHECK(identity.error().code == Code::record_failed);
	CHECK(scratch.get(scratch.paths.initiator_state()) == "{}");
}

TEST_CASE("ISIDs have the random format, which open-iscsi's have not")
{
	Scratch scratch;
	const auto identity = load(scratch);
	const Isid open_iscsi = Isid::parse("0x00023d000000").value();
	CHECK(identity.isid(0).format() == Isid::Format::random);
	CHECK(open_iscsi.format() == Isid::Format::oui);
	CHECK(identity.isid(0).format() != open_iscsi.format());
	CHECK(load(scratch).isid(7) == identity.isid(7));
}

TEST_CASE("a discovery session's ISIDs are apart from those of normal sessions")
{
	Scratch scratch;
	const auto identity = load(scratch);
	CHECK(identity.discovery_isid(3) == identity.isid(0xff03));
	CHECK(discovery_qualifier <= 0xff03);
}

TEST_CASE("a damaged line is never replaced by a name that was made")
{
	Scratch scratch;
	const std::string damaged = "InitiatorName=iqn.2001-04.com.example:db\xa0\n";
	scratch.put(scratch.paths.initiator_name(), damaged);
	auto identity = load_identity(scratch.paths, "web1");
	REQUIRE_FALSE(identity);
	CHECK(identity.error().text.find("line 1 is damaged") != std::string::npos);
	CHECK(scratch.get(scratch.paths.initiator_name()) == damaged);

	scratch.put(scratch.paths.initiator_name(),
		    damaged + "InitiatorName=iqn.2001-04.com.example:a\n");
	CHECK(load(scratch).name == "iqn.2001-04.com.example:a");
}
