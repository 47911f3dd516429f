/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/keys.h"

#include "base/str.h"
#include "iscsi/keys.h"

#include <catch2/catch.hpp>
#include <set>

using namespace hawser;
using namespace hawser::config;

namespace
{

const RecordKey &key(std::string_view name, RecordKind kind = RecordKind::node)
{
	const auto *found = find_key(kind, name);
	REQUIRE(found);
	return *found;
}

std::string good(std::string_view name, std::string_view value)
{
	auto checked = check_value(key(name), value);
	INFO(name << " = " << value << ": " << (checked ? "" : checked.error().text));
	REQUIRE(checked);
	return checked->value;
}

Error bad(std::string_view name, std::string_view value)
{
	auto checked = check_value(key(name), value);
	INFO(name << " = " << value);
	REQUIRE_FALSE(checked);
	return checked.error();
}

} // namespace

TEST_CASE("no key stands twice in one kind of record")
{
	std::set<std::pair<RecordKind, std::string_view>> seen;
	for (const auto &row : record_keys())
		CHECK(seen.insert({row.kind, row.name}).second);
}

TEST_CASE("every initial value passes its own check")
{
	for (const auto &row : record_keys()) {
		auto checked = check_value(row, row.initial);
		INFO(row.name << ": " << (checked ? "" : checked.error().text));
		REQUIRE(checked);
		CHECK(checked->value == row.initial);
		CHECK(checked->warning.empty());
	}
}

TEST_CASE("initial values are those that iscsid.conf documents")
{
	const std::pair<const char *, const char *> documented[] = {
	    {"node.startup", "manual"},
	    {"node.leading_login", "No"},
	    {"node.session.timeo.replacement_timeout", "120"},
	    {"node.conn[0].timeo.login_timeout", "15"},
	    {"node.conn[0].timeo.logout_timeout", "15"},
	    {"node.conn[0].timeo.noop_out_interval", "5"},
	    {"node.conn[0].timeo.noop_out_timeout", "5"},
	    {"node.session.err_timeo.abort_timeout", "15"},
	    {"node.session.err_timeo.lu_reset_timeout", "30"},
	    {"node.session.err_timeo.tgt_reset_timeout", "30"},
	    {"node.session.err_timeo.host_reset_timeout", "60"},
	    {"node.session.initial_login_retry_max", "8"},
	    {"node.session.cmds_max", "128"},
	    {"node.session.queue_depth", "32"},
	    {"node.session.xmit_thread_priority", "-20"},
	    {"node.session.iscsi.InitialR2T", "No"},
	    {"node.session.iscsi.ImmediateData", "Yes"},
	    {"node.session.iscsi.FirstBurstLength", "262144"},
	    {"node.session.iscsi.MaxBurstLength", "16776192"},
	    {"node.conn[0].iscsi.MaxRecvDataSegmentLength", "262144"},
	    {"node.conn[0].iscsi.MaxXmitDataSegmentLength", "0"},
	    {"node.conn[0].iscsi.HeaderDigest", "None"},
	    {"node.conn[0].iscsi.DataDigest", "None"},
	    {"node.session.nr_sessions", "1"},
	    {"node.session.reopen_max", "0"},
	    {"node.session.iscsi.FastAbort", "Yes"},
	    {"node.session.scan", "auto"},
	    {"node.session.auth.authmethod", "None"},
	    {"node.session.auth.chap_algs", "MD5"},
	};
	for (const auto &[name, value] : documented) {
		INFO(name);
		CHECK(key(name).initial == value);
	}
	CHECK(key("discovery.sendtargets.iscsi.MaxRecvDataSegmentLength", RecordKind::send_targets)
		  .initial == "32768");
}

TEST_CASE("numbers are taken in decimal and hexadecimal and kept in decimal")
{
	CHECK(good("node.session.iscsi.MaxBurstLength", "0x200") == "512");
	CHECK(good("node.session.iscsi.MaxBurstLength", "16777215") == "16777215");
	CHECK(good("node.session.xmit_thread_priority", "-7") == "-7");
	CHECK(good("node.conn[0].iscsi.MaxXmitDataSegmentLength", "0") == "0");
	CHECK(good("node.session.timeo.replacement_timeout", "-1") == "-1");
	CHECK(good("node.session.timeo.replacement_timeout", "-77") == "-1");
}

TEST_CASE("a number outside its RFC range is refused with key, value and range")
{
	const auto error = bad("node.session.iscsi.MaxBurstLength", "511");
	CHECK(error.code == Code::invalid_argument);
	CHECK(error.text ==
	      "node.session.iscsi.MaxBurstLength: \"511\" is not in the range of 512 to 16777215");
	bad("node.session.iscsi.MaxBurstLength", "16777216");
	bad("node.conn[0].iscsi.MaxXmitDataSegmentLength", "100");
	bad("node.session.iscsi.MaxOutstandingR2T", "0");
	bad("node.session.iscsi.DefaultTime2Wait", "3601");
	bad("node.session.iscsi.ERL", "3");
	bad("node.session.cmds_max", "1");
	bad("node.session.queue_depth", "0");
	bad("node.session.queue_depth", "18446744073709551616");
	bad("node.session.queue_depth", "-1");
}

TEST_CASE("what is not a number is refused")
{
	for (const char *value : {"abc", "1x", "", " 5", "0x", "-", "+5", "5.0"})
		bad("node.session.queue_depth", value);
}

TEST_CASE("what the RFC allows and this version does not is refused as not supported")
{
	CHECK(bad("node.session.iscsi.iSCSIProtocolLevel", "3").code == Code::not_supported);
	CHECK(bad("node.session.nr_connections", "65").code == Code::invalid_argument);
}

TEST_CASE("each connection of a session has rows of its own, as far as the module has room")
{
	CHECK(good("node.conn[0].role", "Standby") == "standby");
	CHECK_FALSE(find_key(RecordKind::node, "node.conn[0].iface"));
	CHECK(key("node.conn[0].address").fixed);
	CHECK(good("node.conn[63].address", "storage.example") == "storage.example");
	CHECK(good("node.conn[63].port", "0xcbd") == "3261");
	CHECK(good("node.conn[63].port", "") == "");
	CHECK(good("node.conn[1].weight", "4294967295") == "4294967295");
	CHECK_FALSE(find_key(RecordKind::node, "node.conn[64].address"));
	CHECK(bad("node.conn[1].address", "a b").text.starts_with("node.conn[1].address: "));
	CHECK(good("node.conn[63].iscsi.DataDigest", "crc32c") == "CRC32C");
	CHECK(good("node.conn[1].iscsi.HeaderDigest", "") == "");
	CHECK(bad("node.conn[1].iscsi.HeaderDigest", "MD5").code == Code::invalid_argument);
	CHECK(bad("node.conn[1].iface", "../x").text.starts_with("node.conn[1].iface: "));
	CHECK(bad("node.session.policy", "sometimes").text.find("round-robin-subset") !=
	      std::string::npos);
}

TEST_CASE("words are taken in any case and kept in the table's")
{
	CHECK(good("node.session.iscsi.InitialR2T", "yes") == "Yes");
	CHECK(good("node.startup", "AUTOMATIC") == "automatic");
	CHECK(good("node.conn[0].iscsi.HeaderDigest", "crc32c,none") == "CRC32C,None");
	CHECK(bad("node.startup", "sometimes").text ==
	      "node.startup: \"sometimes\" is none of manual, automatic, onboot");
	bad("node.session.iscsi.InitialR2T", "maybe");
}

TEST_CASE("lists keep their order of preference and name nothing twice")
{
	CHECK(good("node.session.auth.authmethod", "CHAP,None") == "CHAP,None");
	CHECK(good("node.session.auth.authmethod", "None,CHAP") == "None,CHAP");
	CHECK(good("node.session.auth.chap_algs", "SHA3-256,SHA256,SHA1,MD5") ==
	      "SHA3-256,SHA256,SHA1,MD5");
	bad("node.session.auth.chap_algs", "SHA256,SHA256");
	bad("node.session.auth.chap_algs", "SHA512");
	bad("node.session.auth.chap_algs", "MD5,");
	CHECK(split_list("CRC32C,None") == std::vector<std::string>{"CRC32C", "None"});
	CHECK(split_list("").empty());
}

TEST_CASE("a user name is at most 223 bytes of printable text")
{
	CHECK(good("node.session.auth.username", std::string(223, 'u')).size() == 223);
	bad("node.session.auth.username", std::string(224, 'u'));
	bad("node.session.auth.username", "a\nb");
	CHECK(good("node.session.auth.username", "") == "");
}

TEST_CASE("a secret is text or an even number of hexadecimal digits and is never in an error")
{
	CHECK(good("node.session.auth.password", "twelve bytes") == "twelve bytes");
	CHECK(good("node.session.auth.password", "0x00112233445566778899aabb") ==
	      "0x00112233445566778899aabb");
	bad("node.session.auth.password", "0x");
	for (const char *value : {"0xabc", "0xgeheim0geheim", "geheim\tgeheim"}) {
		const auto error = bad("node.session.auth.password", value);
		CHECK(error.text.find(value) == std::string::npos);
		CHECK(error.text.find("geheim") == std::string::npos);
	}
	bad("node.session.auth.password", std::string(256, 's'));
}

TEST_CASE("a secret under 96 bits is taken with a warning")
{
	CHECK_FALSE(check_value(key("node.session.auth.password"), "11 bytes...")->warning.empty());
	CHECK(check_value(key("node.session.auth.password"), "12 bytes....")->warning.empty());
	CHECK_FALSE(
	    check_value(key("node.session.auth.password"), "0x0011223344556677")->warning.empty());
}

TEST_CASE("a secret of more than 16 bytes is taken with a warning that some targets refuse it")
{
	auto warning = [](std::string secret) {
		return check_value(key("node.session.auth.password"), secret)->warning;
	};
	CHECK(warning(std::string(16, 's')).empty());
	CHECK(warning(std::string(17, 's')).find("some targets refuse") != std::string::npos);
	CHECK(warning("0x" + std::string(32, 'a')).empty());
	CHECK(warning("0x" + std::string(34, 'a')).find("some targets refuse") !=
	      std::string::npos);
	CHECK_FALSE(warning(std::string(255, 's')).empty());
}

TEST_CASE("a record key that stands for a text key takes what the text key may be offered with")
{
	for (const auto &row : record_keys()) {
		INFO(row.name);
		// FastAbort is open-iscsi's own and no text key.
		if (row.name.find(".iscsi.") != std::string_view::npos &&
		    !row.name.ends_with(".FastAbort"))
			CHECK_FALSE(row.text_key.empty());
		if (row.text_key.empty())
			continue;
		const auto *spec = hawser::find_key(row.text_key);
		REQUIRE(spec);
		CHECK_FALSE(row.text.empty());
		if (row.type == ValueType::number) {
			CHECK(row.min == static_cast<std::int64_t>(spec->min));
			CHECK(row.max == static_cast<std::int64_t>(spec->max));
		}
		if (!row.initial.empty() && spec->rule != KeyRule::obsolete && !row.zero_allowed)
			CHECK(hawser::check_offer(*spec, row.initial));
	}
}

TEST_CASE("keys that may stay unsent are empty at first and take what this version can do")
{
	CHECK(key("node.session.iscsi.iSCSIProtocolLevel").initial.empty());
	CHECK(good("node.session.iscsi.iSCSIProtocolLevel", "2") == "2");
	CHECK(good("node.session.iscsi.iSCSIProtocolLevel", "0") == "0");
	CHECK(good("node.session.iscsi.iSCSIProtocolLevel", "") == "");
	CHECK(bad("node.session.iscsi.iSCSIProtocolLevel", "3").code == Code::not_supported);
	CHECK(bad("node.session.iscsi.iSCSIProtocolLevel", "32").code == Code::invalid_argument);

	CHECK(key("node.session.iscsi.TaskReporting").initial.empty());
	CHECK(good("node.session.iscsi.TaskReporting", "responsefence,RFC3720") ==
	      "ResponseFence,RFC3720");
	CHECK(good("node.session.iscsi.TaskReporting", "") == "");
	const auto lacking = bad("node.session.iscsi.TaskReporting", "ResponseFence");
	CHECK(lacking.code == Code::invalid_argument);
	CHECK(lacking.text.find("lacks RFC3720") != std::string::npos);
	CHECK(bad("node.session.iscsi.TaskReporting", "FastAbort,ResponseFence,RFC3720").code ==
	      Code::not_supported);
}

TEST_CASE("an initiator name is checked and prepared")
{
	auto checked =
	    check_value(key("iface.initiatorname", RecordKind::iface), "IQN.2001-04.com.Example:x");
	REQUIRE(checked);
	CHECK(checked->value == "iqn.2001-04.com.example:x");
	CHECK_FALSE(check_value(key("iface.initiatorname", RecordKind::iface), "bad_name"));
}

TEST_CASE("a node's record also shows the keys of its interface")
{
	CHECK(find_key(RecordKind::node, "iface.net_ifacename"));
	CHECK_FALSE(find_key(RecordKind::iface, "node.startup"));
	CHECK_FALSE(find_key(RecordKind::node, "discovery.type"));
	CHECK(find_key(RecordKind::send_targets, "node.session.auth.chap_algs"));
}
