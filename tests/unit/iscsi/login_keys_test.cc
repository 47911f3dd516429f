/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The operational keys of a login: what is offered, answered and agreed on. */
#include "login_run.h"

#include "iscsi/keys.h"
#include "iscsi/offer.h"

using namespace hawser;
using namespace hawser::test;

TEST_CASE("each key's result is what the target selected")
{
	FakeTarget target;
	auto config = config_for();
	config.initiator_alias = "my host";
	config.offer.header_digest = {Digest::crc32c, Digest::none};
	config.offer.data_digest = {Digest::none, Digest::crc32c};
	config.offer.max_connections = 8;
	config.offer.error_recovery_level = 2;
	config.offer.max_recv_data_segment_length = 65536;
	config.offer.max_outstanding_r2t = 4;
	config.offer.data_sequence_in_order = false;
	config.offer.data_pdu_in_order = false;
	config.offer.task_reporting = {TaskReporting::fast_abort, TaskReporting::response_fence,
				       TaskReporting::rfc3720};
	config.offer.iscsi_protocol_level = 2;
	target.answers = {{"MaxConnections", "4"},	{"ErrorRecoveryLevel", "1"},
			  {"InitialR2T", "Yes"},	{"ImmediateData", "No"},
			  {"MaxBurstLength", "131072"}, {"FirstBurstLength", "0x2000"},
			  {"DefaultTime2Wait", "5"},	{"DefaultTime2Retain", "0"},
			  {"MaxOutstandingR2T", "2"},	{"DataSequenceInOrder", "No"},
			  {"DataPDUInOrder", "Yes"},	{"HeaderDigest", "CRC32C"},
			  {"DataDigest", "None"},	{"TaskReporting", "ResponseFence"},
			  {"iSCSIProtocolLevel", "1"}};
	const auto p = success(config, target).parameters;

	CHECK(value_of(target.received, "InitiatorAlias") == "my host");
	CHECK(value_of(target.received, "HeaderDigest") == "CRC32C,None");
	CHECK(value_of(target.received, "DataDigest") == "None,CRC32C");
	CHECK(value_of(target.received, "MaxRecvDataSegmentLength") == "65536");
	CHECK(value_of(target.received, "TaskReporting") == "FastAbort,ResponseFence,RFC3720");
	CHECK(p.header_digest == Digest::crc32c);
	CHECK(p.data_digest == Digest::none);
	CHECK(p.max_recv_data_segment_length == 65536);
	CHECK(p.max_xmit_data_segment_length == 131072);
	CHECK(p.max_connections == 4);
	CHECK(p.error_recovery_level == 1);
	CHECK(p.initial_r2t);
	CHECK(!p.immediate_data);
	CHECK(p.max_burst_length == 131072);
	CHECK(p.first_burst_length == 8192);
	CHECK(p.default_time2wait == 5);
	CHECK(p.default_time2retain == 0);
	CHECK(p.max_outstanding_r2t == 2);
	CHECK(p.data_pdu_in_order);
	CHECK(!p.data_sequence_in_order);
	CHECK(p.task_reporting == TaskReporting::response_fence);
	CHECK(p.iscsi_protocol_level == 1);
}

TEST_CASE("a target that declares nothing is sent 8192 bytes at most")
{
	FakeTarget target;
	target.in_operational.clear();
	const auto result = success(config_for(), target);
	CHECK(result.parameters.max_xmit_data_segment_length == 8192);
	CHECK(result.target.alias.empty());
}

TEST_CASE("an illegal answer ends the login with key and value named")
{
	struct Case {
		const char *key, *value;
	};
	for (auto [key, value] : {Case{"HeaderDigest", "CRC32C"}, Case{"HeaderDigest", "SHA"},
				  Case{"DataDigest", "None,CRC32C"}, Case{"MaxConnections", "2"},
				  Case{"MaxConnections", "0"}, Case{"ErrorRecoveryLevel", "1"},
				  Case{"ErrorRecoveryLevel", "3"},
				  Case{"MaxBurstLength", "16777215"}, Case{"MaxBurstLength", "511"},
				  Case{"MaxBurstLength", "abc"}, Case{"FirstBurstLength", "262145"},
				  Case{"DefaultTime2Wait", "1"}, Case{"DefaultTime2Retain", "21"},
				  Case{"DataPDUInOrder", "No"}, Case{"DataSequenceInOrder", "No"},
				  Case{"InitialR2T", "yes"}, Case{"ImmediateData", "Maybe"},
				  Case{"MaxOutstandingR2T", "4"}, Case{"MaxOutstandingR2T", ""}}) {
		INFO(key << "=" << value);
		FakeTarget target;
		target.answers[key] = value;
		CHECK(fails_with(config_for(), target, {key, quoted(value), "RFC 7143, 13."}));
	}
}

TEST_CASE("a key that needs an answer and gets none ends the login")
{
	FakeTarget target;
	target.answers["MaxBurstLength"] = std::nullopt;
	CHECK(fails_with(config_for(), target, {"MaxBurstLength", "without an answer"}));
}

TEST_CASE("No to an AND and Yes to an OR may go unanswered")
{
	FakeTarget target;
	auto config = config_for();
	config.offer.immediate_data = false;
	config.offer.initial_r2t = true;
	for (auto key : {"ImmediateData", "InitialR2T", "DataPDUInOrder", "DataSequenceInOrder"})
		target.answers[key] = std::nullopt;
	const auto p = success(config, target).parameters;
	CHECK(!p.immediate_data);
	CHECK(p.initial_r2t);
	CHECK(p.data_pdu_in_order);
}

TEST_CASE("Reject leaves the default in force when the offer allows it")
{
	FakeTarget target;
	auto config = config_for();
	config.offer.max_connections = 8;
	config.offer.header_digest = {Digest::crc32c, Digest::none};
	target.answers = {{"MaxConnections", "Reject"}, {"HeaderDigest", "Reject"}};
	const auto p = success(config, target).parameters;
	CHECK(p.max_connections == 1);
	CHECK(p.header_digest == Digest::none);

	FakeTarget refuses;
	config.offer.header_digest = {Digest::crc32c};
	refuses.answers = {{"HeaderDigest", "Reject"}};
	CHECK(fails_with(config, refuses, {"HeaderDigest", "Reject", "None", "CRC32C"}));

	FakeTarget bursts;
	config = config_for();
	config.offer.max_burst_length = 4096;
	bursts.answers = {{"MaxBurstLength", "Reject"}};
	CHECK(fails_with(config, bursts, {"MaxBurstLength", "262144", "4096"}));
}

TEST_CASE("CRC32C alone means required and None is then no answer")
{
	FakeTarget target;
	auto config = config_for();
	config.offer.data_digest = {Digest::crc32c};
	target.answers["DataDigest"] = "None";
	CHECK(fails_with(config, target, {"DataDigest", "\"None\"", "CRC32C"}));
}

TEST_CASE("NotUnderstood is an answer to later keys alone")
{
	FakeTarget target;
	auto config = config_for();
	config.offer.task_reporting = {TaskReporting::response_fence, TaskReporting::rfc3720};
	config.offer.iscsi_protocol_level = 2;
	target.answers = {{"TaskReporting", "NotUnderstood"},
			  {"iSCSIProtocolLevel", "NotUnderstood"}};
	const auto p = success(config, target).parameters;
	CHECK(p.task_reporting == TaskReporting::rfc3720);
	CHECK(p.iscsi_protocol_level == 1);

	FakeTarget ignorant;
	ignorant.answers = {{"MaxBurstLength", "NotUnderstood"}};
	CHECK(fails_with(config_for(), ignorant, {"MaxBurstLength", "NotUnderstood"}));
}

TEST_CASE("FirstBurstLength is irrelevant only when nothing is sent unsolicited")
{
	auto config = config_for();
	config.offer.initial_r2t = true;
	config.offer.immediate_data = false;
	FakeTarget target;
	target.answers["FirstBurstLength"] = "Irrelevant";
	CHECK_NOTHROW(success(config, target));

	FakeTarget wrong;
	wrong.answers["FirstBurstLength"] = "Irrelevant";
	CHECK(fails_with(config_for(), wrong, {"FirstBurstLength", "Irrelevant", "13.14"}));
}

TEST_CASE("a key that the target does without has the outcome that its default would have")
{
	auto config = config_for();
	config.offer.max_burst_length = 4096;
	config.offer.default_time2wait = 0;
	config.offer.default_time2retain = 0;
	config.offer.immediate_data = false;
	config.offer.iscsi_protocol_level = 0;
	FakeTarget target;
	for (auto key : {"MaxBurstLength", "DefaultTime2Wait", "DefaultTime2Retain",
			 "ImmediateData", "InitialR2T"})
		target.answers[key] = "Irrelevant";
	target.answers["iSCSIProtocolLevel"] = "NotUnderstood";
	auto p = success(config, target).parameters;
	CHECK(p.max_burst_length == 4096);
	CHECK(p.default_time2wait == 2);
	CHECK(p.default_time2retain == 0);
	CHECK_FALSE(p.immediate_data);
	CHECK(p.initial_r2t);
	CHECK(p.iscsi_protocol_level == 0);

	FakeTarget silent;
	silent.answers["iSCSIProtocolLevel"] = std::nullopt;
	CHECK(success(config, silent).parameters.iscsi_protocol_level == 0);
}

TEST_CASE("what the target says of its software makes no difference")
{
	FakeTarget target;
	target.in_operational.push_back({"X#NodeArchitecture", "Linux 5.10 (x86_64)"});
	CHECK_NOTHROW(success(config_for(), target));
}

TEST_CASE("FirstBurstLength never exceeds MaxBurstLength")
{
	FakeTarget target;
	auto config = config_for();
	config.offer.max_burst_length = 4096;
	CHECK(success(config, target).parameters.first_burst_length == 4096);
	CHECK(value_of(target.received, "FirstBurstLength") == "4096");

	FakeTarget sloppy;
	sloppy.answers = {{"MaxBurstLength", "8192"}, {"FirstBurstLength", "65536"}};
	const auto p = success(config_for(), sloppy).parameters;
	CHECK(p.max_burst_length == 8192);
	CHECK(p.first_burst_length == 8192);
}

TEST_CASE("several R2Ts with error recovery need DataSequenceInOrder=No")
{
	auto config = config_for();
	config.offer.error_recovery_level = 2;
	config.offer.max_outstanding_r2t = 4;
	CHECK(!check(config));
	config.offer.data_sequence_in_order = false;
	REQUIRE(check(config));
	FakeTarget target;
	target.answers = {{"DataSequenceInOrder", "Yes"}};
	CHECK(fails_with(config, target, {"MaxOutstandingR2T", "13.19"}));
}

TEST_CASE("the target's own proposals are answered by each key's rule")
{
	FakeTarget target;
	auto config = config_for();
	config.offer.max_connections = 4;
	target.proposals = {{"TaskReporting", "X-new,FastAbort,RFC3720"},
			    {"iSCSIProtocolLevel", "2"},
			    {"IFMarker", "No"},
			    {"OFMarker", "Yes"},
			    {"OFMarkInt", "1~65535"},
			    {"X-com.example.colour", "blue"},
			    {"FutureKey", "1"},
			    {"X#NodeArchitecture", "ExampleOS/1"}};
	const auto p = success(config, target).parameters;
	CHECK(value_of(target.received, "TaskReporting") == "RFC3720");
	CHECK(value_of(target.received, "iSCSIProtocolLevel") == "1");
	CHECK(value_of(target.received, "IFMarker") == "No");
	CHECK(value_of(target.received, "OFMarker") == "Reject");
	CHECK(value_of(target.received, "OFMarkInt") == "Reject");
	CHECK(value_of(target.received, "X-com.example.colour") == "NotUnderstood");
	CHECK(value_of(target.received, "FutureKey") == "NotUnderstood");
	CHECK(!has(target.received, "X#NodeArchitecture"));
	CHECK(p.task_reporting == TaskReporting::rfc3720);
	CHECK(target.requests.back().transit);
}

TEST_CASE("a key that comes a second time ends the login")
{
	FakeTarget target;
	target.in_operational = {{"TargetAlias", "a"}, {"TargetAlias", "a"}};
	CHECK(fails_with(config_for(), target, {"TargetAlias", "second time"}));

	FakeTarget renegotiates;
	renegotiates.in_operational = {{"MaxBurstLength", "512"}};
	CHECK(fails_with(config_for(), renegotiates, {"MaxBurstLength", "second time"}));

	FakeTarget unknown;
	unknown.in_operational = {{"X-a", "1"}, {"X-a", "2"}};
	CHECK(fails_with(config_for(), unknown, {"X-a", "second time"}));

	FakeTarget addresses;
	addresses.in_operational = {{"TargetAddress", "192.0.2.1"}, {"TargetAddress", "192.0.2.1"}};
	CHECK_NOTHROW(success(config_for(), addresses));
}

TEST_CASE("keys that are out of place end the login")
{
	struct Case {
		const char *key, *value, *why;
	};
	for (auto [key, value, why] :
	     {Case{"InitiatorName", "iqn.2026-01.com.example:evil", "initiator's to send"},
	      Case{"SessionType", "Discovery", "initiator's to send"},
	      Case{"AuthMethod", "CHAP", "second time"}, Case{"CHAP_A", "5", "wrong stage"},
	      Case{"SendTargets", "All", "wrong stage"},
	      Case{"TargetName", "iqn.2026-01.com.example:other", "not the target"},
	      Case{"TargetAlias", "Reject", "not sent"}, Case{"X-a", "NotUnderstood", "not sent"},
	      Case{"TaskReporting", "Irrelevant", "not sent"},
	      Case{"MaxRecvDataSegmentLength", "511", "512 to 16777215"},
	      Case{"MaxRecvDataSegmentLength", "Reject", "declaration"},
	      Case{"TargetPortalGroupTag", "2", "second time"}}) {
		INFO(key << "=" << value);
		FakeTarget target;
		target.in_operational = {{key, value}};
		CHECK(fails_with(config_for(), target, {key, value, why}));
	}
	FakeTarget early;
	early.in_security = {{"MaxBurstLength", "512"}};
	CHECK(fails_with(config_for(), early, {"MaxBurstLength", "wrong stage"}));
}

TEST_CASE("NotUnderstood for the alias or an ordinary session's type is let pass")
{
	FakeTarget target;
	auto config = config_for();
	config.initiator_alias = "host";
	target.in_security = {{"InitiatorAlias", "NotUnderstood"},
			      {"SessionType", "NotUnderstood"}};
	CHECK_NOTHROW(success(config, target));

	FakeTarget discovery;
	config = config_for("");
	config.discovery = true;
	discovery.in_security = {{"SessionType", "NotUnderstood"}};
	CHECK(fails_with(config, discovery, {"SessionType", "NotUnderstood"}));
}

TEST_CASE("what a key is offered with and what was agreed on go through one table")
{
	OperationalOffer offer;
	NegotiatedParameters agreed;
	for (const auto &binding : all_bindings()) {
		const auto &key = *find_key(binding.key);
		INFO(key.name);
		std::string value = key.default_value == "Yes" ? "No" : "Yes";
		if (key.type == KeyType::number)
			value = std::to_string(key.max);
		else if (key.type == KeyType::list)
			value = key.choices;
		binding.offer(offer, value);
		CHECK(binding.offered(offer) == value);

		const std::string result(key.type == KeyType::list ? split(value, ',').front()
								   : std::string_view(value));
		binding.apply(agreed, result);
		// What a side declares is its own.
		CHECK((binding.result(agreed) == result) == (key.rule != KeyRule::declared));
	}
	CHECK(agreed.max_xmit_data_segment_length == find_key("MaxRecvDataSegmentLength")->max);
	find_binding("iSCSIProtocolLevel")->offer(offer, "");
	CHECK(find_binding("iSCSIProtocolLevel")->offered(offer).empty());
	find_binding("TaskReporting")->offer(offer, "");
	CHECK(find_binding("TaskReporting")->offered(offer).empty());
}
