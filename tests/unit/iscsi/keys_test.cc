/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iscsi/keys.h"

#include "base/str.h"

#include <catch2/catch.hpp>
#include <set>

using namespace hawser;

namespace
{

bool legal(std::string_view key, std::string_view value)
{
	const auto *spec = find_key(key);
	REQUIRE(spec);
	auto ok = check_value(*spec, value);
	// Every refusal names the key, the value and where the rule stands.
	if (!ok) {
		CHECK(ok.error().text.find(key) != std::string::npos);
		CHECK(ok.error().text.find(quoted(value, 64)) != std::string::npos);
		CHECK(ok.error().text.find("RFC") != std::string::npos);
	}
	return ok.has_value();
}

bool admissible(std::string_view key, std::string_view offer, std::string_view answer)
{
	return check_answer(*find_key(key), offer, answer).has_value();
}

} // namespace

TEST_CASE("every default of the key table is a legal value of its key")
{
	for (const auto &key : all_keys()) {
		INFO(key.name);
		if (!key.default_value.empty())
			CHECK(check_value(key, key.default_value));
	}
}

TEST_CASE("every key stands in the table once, with its section and a sentence")
{
	std::set<std::string_view> names;
	for (const auto &key : all_keys()) {
		INFO(key.name);
		CHECK(names.insert(key.name).second);
		CHECK(find_key(key.name) == &key);
		CHECK(key.section.starts_with("RFC 714"));
		CHECK(!key.summary.empty());
		CHECK(!key.summary.ends_with('.'));
	}
	CHECK(!find_key("maxconnections"));
	CHECK(!find_key("X-com.example.key"));
}

TEST_CASE("the table agrees with RFC 7143 on what is negotiated how")
{
	auto rule = [](std::string_view key) { return find_key(key)->rule; };

	CHECK(rule("InitialR2T") == KeyRule::logical_or);
	CHECK(rule("ImmediateData") == KeyRule::logical_and);
	CHECK(rule("DataPDUInOrder") == KeyRule::logical_or);
	CHECK(rule("DataSequenceInOrder") == KeyRule::logical_or);
	CHECK(rule("DefaultTime2Wait") == KeyRule::maximum);
	for (auto key :
	     {"MaxConnections", "MaxBurstLength", "FirstBurstLength", "DefaultTime2Retain",
	      "MaxOutstandingR2T", "ErrorRecoveryLevel", "iSCSIProtocolLevel"})
		CHECK(rule(key) == KeyRule::minimum);
	for (auto key : {"AuthMethod", "HeaderDigest", "DataDigest", "TaskReporting"})
		CHECK(rule(key) == KeyRule::first_of);
	for (auto key :
	     {"MaxRecvDataSegmentLength", "TargetAlias", "TargetPortalGroupTag", "SessionType"})
		CHECK(rule(key) == KeyRule::declared);
	for (auto key : {"IFMarker", "OFMarker", "IFMarkInt", "OFMarkInt"})
		CHECK(rule(key) == KeyRule::obsolete);
	for (auto key : {"HeaderDigest", "DataDigest", "MaxRecvDataSegmentLength", "AuthMethod"})
		CHECK(find_key(key)->scope == KeyScope::connection);
}

TEST_CASE("numbers are held to the range of their key")
{
	struct Range {
		const char *key;
		std::uint64_t min, max;
	};
	for (auto [key, min, max] :
	     {Range{"MaxConnections", 1, 65535}, Range{"MaxRecvDataSegmentLength", 512, 16777215},
	      Range{"MaxBurstLength", 512, 16777215}, Range{"FirstBurstLength", 512, 16777215},
	      Range{"DefaultTime2Wait", 0, 3600}, Range{"DefaultTime2Retain", 0, 3600},
	      Range{"MaxOutstandingR2T", 1, 65535}, Range{"ErrorRecoveryLevel", 0, 2},
	      Range{"TargetPortalGroupTag", 0, 65535}, Range{"iSCSIProtocolLevel", 0, 31},
	      Range{"CHAP_I", 0, 255}}) {
		INFO(key);
		CHECK(legal(key, std::to_string(min)));
		CHECK(legal(key, std::to_string(max)));
		CHECK(!legal(key, std::to_string(max + 1)));
		if (min > 0)
			CHECK(!legal(key, std::to_string(min - 1)));
		CHECK(!legal(key, ""));
		CHECK(!legal(key, "-1"));
		CHECK(!legal(key, "many"));
	}
	CHECK(legal("MaxBurstLength", "0x40000"));
}

TEST_CASE("booleans are Yes or No in that very spelling")
{
	CHECK(legal("ImmediateData", "Yes"));
	CHECK(legal("ImmediateData", "No"));
	for (auto value : {"yes", "NO", "1", "", "Yes,No", "Reject"})
		CHECK(!legal("ImmediateData", value));
}

TEST_CASE("lists take the RFC's values, each once")
{
	CHECK(legal("HeaderDigest", "CRC32C,None"));
	CHECK(legal("HeaderDigest", "None,CRC32C"));
	CHECK(legal("AuthMethod", "CHAP"));
	for (auto value : {"", "crc32c", "CRC32C,", "CRC32C,CRC32C", "CRC32C, None", "SHA1"})
		CHECK(!legal("HeaderDigest", value));
	CHECK(!legal("AuthMethod", "KRB5"));
}

TEST_CASE("texts, names, addresses and binary values have their own rules")
{
	CHECK(legal("SessionType", "Discovery"));
	CHECK(!legal("SessionType", "discovery"));
	CHECK(legal("TargetAlias", "Bob's disk \xc3\xa9"));
	CHECK(!legal("TargetAlias", "\xff"));
	CHECK(!legal("TargetAlias", std::string(256, 'a')));
	CHECK(legal("InitiatorName", "iqn.1992-04.com.os-vendor.plan9:cdrom.12345"));
	CHECK(!legal("InitiatorName", "plan9"));
	CHECK(legal("TargetAddress", "10.0.0.1:5003,1"));
	CHECK(!legal("TargetAddress", "10.0.0.1:x"));
	CHECK(legal("CHAP_C", "0x00"));
	CHECK(!legal("CHAP_C", "0x"));
}

TEST_CASE("an offer of TaskReporting has the two values that every target knows")
{
	const auto &key = *find_key("TaskReporting");
	CHECK(check_offer(key, "RFC3720,ResponseFence"));
	CHECK(check_offer(key, "FastAbort,ResponseFence,RFC3720"));
	for (auto value : {"RFC3720", "ResponseFence", "FastAbort,RFC3720", "", "None"})
		CHECK(!check_offer(key, value));
	CHECK(check_offer(*find_key("HeaderDigest"), "None"));
}

TEST_CASE("an answer to a list is one of its values")
{
	CHECK(admissible("HeaderDigest", "CRC32C,None", "None"));
	CHECK(admissible("HeaderDigest", "CRC32C,None", "CRC32C"));
	CHECK(!admissible("HeaderDigest", "CRC32C", "None"));
	CHECK(!admissible("HeaderDigest", "CRC32C,None", "CRC32C,None"));
}

TEST_CASE("a minimum is not exceeded and a maximum not undercut")
{
	CHECK(admissible("MaxBurstLength", "4096", "4096"));
	CHECK(admissible("MaxBurstLength", "4096", "512"));
	CHECK(!admissible("MaxBurstLength", "4096", "4097"));
	CHECK(admissible("DefaultTime2Wait", "2", "2"));
	CHECK(admissible("DefaultTime2Wait", "2", "3600"));
	CHECK(!admissible("DefaultTime2Wait", "2", "1"));
}

TEST_CASE("No settles an AND and Yes settles an OR")
{
	CHECK(admissible("ImmediateData", "Yes", "Yes"));
	CHECK(admissible("ImmediateData", "Yes", "No"));
	CHECK(admissible("ImmediateData", "No", "No"));
	CHECK(!admissible("ImmediateData", "No", "Yes"));
	CHECK(admissible("InitialR2T", "No", "No"));
	CHECK(admissible("InitialR2T", "No", "Yes"));
	CHECK(admissible("InitialR2T", "Yes", "Yes"));
	CHECK(!admissible("InitialR2T", "Yes", "No"));
}

TEST_CASE("a declaration has no answer")
{
	CHECK(!admissible("MaxRecvDataSegmentLength", "8192", "8192"));
}
