/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/records.h"

#include "scratch.h"

#include <catch2/catch.hpp>

using namespace hawser;
using namespace hawser::config;

namespace
{

constexpr const char *good_target = R"({
 "format": 1,
 "target": "iqn.2003-01.org.example:t1",
 "nodes": [
  {"host": "192.0.2.1", "port": 3260, "tpgt": 1, "iface": "default",
   "discovery": {"type": "send_targets", "host": "192.0.2.9", "port": 3260},
   "isids": ["0x800000010000"], "values": {"node.startup": "automatic"}},
  {"host": "2001:db8::1", "port": 3261, "tpgt": -1, "iface": "nic0",
   "discovery": {"type": "static", "host": "", "port": 0},
   "isids": ["0x800000010001"], "values": {}}
 ]
})";

std::string replaced(std::string text, const std::string &what, const std::string &with)
{
	const auto at = text.find(what);
	REQUIRE(at != std::string::npos);
	return text.replace(at, what.size(), with);
}

std::string problem(const std::string &text)
{
	auto nodes = target_from_text(text);
	REQUIRE_FALSE(nodes);
	CHECK(nodes.error().code == Code::record_failed);
	return nodes.error().text;
}

} // namespace

TEST_CASE("a target's file is read and written without loss")
{
	auto target = target_from_text(good_target);
	REQUIRE(target);
	REQUIRE(target->nodes.size() == 2);
	const auto &first = target->nodes.front();
	CHECK(first.id.target == "iqn.2003-01.org.example:t1");
	CHECK(first.id.portal == PortalId{"192.0.2.1", 3260});
	CHECK(first.tpgt == 1);
	CHECK(first.source() == Source{SourceType::send_targets, {"192.0.2.9", 3260}});
	CHECK(first.instances.front().tpgt == 1);
	CHECK(first.settings.get("node.startup") == "automatic");
	CHECK(first.isids.size() == 1);
	CHECK(target->nodes.back().id.iface == "nic0");
	CHECK(target->nodes.back().tpgt == -1);

	const auto text = target_to_text(*target);
	auto again = target_from_text(text);
	REQUIRE(again);
	CHECK(target_to_text(*again) == text);
}

TEST_CASE("a file that is cut short anywhere is damaged")
{
	const std::string text = good_target;
	for (std::size_t length = 0; length < text.size() - 1; length++)
		CHECK_FALSE(target_from_text(text.substr(0, length)));
	CHECK(target_from_text(text));
}

TEST_CASE("a damaged file is described by the first thing that is wrong")
{
	CHECK(problem("not json") == "it is not JSON");
	CHECK(problem("[]") == "it is not an object");
	CHECK(problem("{}") == "it has no number \"format\"");
	CHECK(problem(replaced(good_target, "\"format\": 1", "\"format\": 3")) ==
	      "\"format\" is not in the range of 1 to 2");
	CHECK(problem(replaced(good_target, "3261", "70000")) ==
	      "record 2: \"port\" is not in the range of 1 to 65535");
	CHECK(problem(replaced(good_target, "3261", "18446744073709551615")) ==
	      "record 2: \"port\" is not in the range of 1 to 65535");
	CHECK(problem(replaced(good_target, "0x800000010001", "0x80")).find("ISID") !=
	      std::string::npos);
	CHECK(problem(replaced(good_target, "\"192.0.2.1\"", "7")) ==
	      "record 1: it has no text \"host\"");
	CHECK(problem(replaced(good_target, "automatic", "sometimes")).find("node.startup") !=
	      std::string::npos);
	CHECK(problem(replaced(good_target, "iqn.2003-01.org.example:t1", "bad name"))
		  .find("bad name") != std::string::npos);
	CHECK(problem(replaced(good_target, "nic0", "../x")).find("../x") != std::string::npos);
}

TEST_CASE("two records of one way and two uses of one ISID are damage")
{
	CHECK(problem(replaced(good_target, "0x800000010001", "0x800000010000")).find("twice") !=
	      std::string::npos);
	auto text =
	    replaced(good_target, "2001:db8::1\", \"port\": 3261", "192.0.2.1\", \"port\": 3260");
	CHECK(problem(replaced(text, "nic0", "default")).find("two records") != std::string::npos);
}

TEST_CASE("deep nesting is damage and nothing worse")
{
	CHECK_FALSE(target_from_text(std::string(100000, '[')));
	CHECK_FALSE(target_from_text(std::string(100000, '[') + std::string(100000, ']')));
}

TEST_CASE("interface and discovery files are read and written without loss")
{
	Scratch scratch;
	SecretBox box(scratch.paths.config_dir, "secret.key");
	Iface iface{"nic0"};
	REQUIRE(iface.settings.set("iface.net_ifacename", "eth0", box));
	auto same = iface_from_text(iface_to_text(iface));
	REQUIRE(same);
	CHECK(same->name == "nic0");
	CHECK(same->settings.get("iface.net_ifacename") == "eth0");

	DiscoveryRecord record{{"2001:db8::9", 3260}};
	REQUIRE(record.settings.set("discovery.sendtargets.auth.authmethod", "CHAP", box));
	record.found.push_back({"iqn.2003-01.org.example:t1", {"192.0.2.1", 3260}, 1});
	auto again = discovery_from_text(discovery_to_text(record));
	REQUIRE(again);
	CHECK(again->portal == record.portal);
	CHECK(again->found == record.found);
	CHECK(again->settings.get("discovery.sendtargets.auth.authmethod") == "CHAP");
}

TEST_CASE("a record shows its identity, its interface's values and that a secret is set")
{
	Scratch scratch;
	SecretBox box(scratch.paths.config_dir, "secret.key");
	auto target = target_from_text(good_target);
	REQUIRE(target);
	Node &node = target->nodes.front();
	Iface iface{"default"};
	REQUIRE(node.settings.set("node.session.auth.password", "twelve bytes", box));
	auto shown = [&](std::string_view name) {
		return shown_value(node, iface, *find_key(RecordKind::node, name));
	};
	CHECK(shown("node.name") == node.id.target);
	CHECK(shown("node.tpgt") == "1");
	CHECK(shown("node.conn[0].address") == "192.0.2.1");
	CHECK(shown("node.discovery_address") == "192.0.2.9");
	CHECK(shown("node.discovery_type") == "send_targets");
	CHECK(shown("iface.iscsi_ifacename") == "default");
	CHECK(shown("iface.transport_name") == "tcp");
	CHECK(shown("node.session.auth.password") == "********");
	CHECK(shown("node.session.auth.password_in") == "");
}

TEST_CASE("IPv6 portals are written in brackets")
{
	CHECK(to_string(PortalId{"2001:db8::1", 3260}) == "[2001:db8::1]:3260");
	CHECK(to_string(PortalId{"192.0.2.1", 3261}) == "192.0.2.1:3261");
}

TEST_CASE("interface names are safe file names")
{
	CHECK(check_iface_name("eth0.100"));
	for (const char *name : {"", ".", "..", "a/b", "a b", "a\n"})
		CHECK_FALSE(check_iface_name(name));
	CHECK_FALSE(check_iface_name(std::string(65, 'i')));
}

TEST_CASE("a portal group that a login has told holds where no source says one")
{
	const Source source{SourceType::send_targets, {"192.0.2.9", 3260}};
	Node node;
	node.learn_tpgt(3);
	CHECK(node.tpgt == 3);
	node.sight(source, 5);
	CHECK(node.tpgt == 5);
	node.learn_tpgt(4);
	CHECK(node.tpgt == 5);
	CHECK(node.lose(source));
	CHECK(node.tpgt == 3);
}
