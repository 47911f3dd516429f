/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iscsi/login.h"

#include "base/str.h"
#include "fake_target.h"
#include "iscsi/keys.h"
#include "iscsi/offer.h"

#include <catch2/catch.hpp>

using namespace hawser;
using namespace hawser::test;

namespace
{

LoginConfig config_for(std::string target = "iqn.2026-01.com.example:disk")
{
	LoginConfig config;
	config.initiator_name = "iqn.2026-01.com.example:host";
	config.target_name = std::move(target);
	config.isid = Isid::from_random(0x123456, 1);
	config.cmd_sn = CmdSn{100};
	return config;
}

LoginConfig chap_config(bool mutual = false)
{
	LoginConfig config = config_for();
	config.auth_methods = {AuthMethod::chap};
	config.chap.secret = Secret("initiator-secret");
	if (mutual)
		config.chap.target_secret = Secret("target-secret-16");
	return config;
}

/* Runs machine against target to the machine's end. */
Login::Step run(const LoginConfig &config, FakeTarget &target, ChallengeBook &book)
{
	REQUIRE(check(config));
	Login login(config, book);
	auto step = login.start();
	while (auto *request = std::get_if<Pdu>(&step))
		step = login.receive(target.respond(*request));
	return step;
}

Login::Step run(const LoginConfig &config, FakeTarget &target)
{
	ChallengeBook book;
	return run(config, target, book);
}

LoginResult success(const LoginConfig &config, FakeTarget &target)
{
	auto end = run(config, target);
	if (auto *failure = std::get_if<LoginFailure>(&end))
		FAIL(failure->error.text);
	REQUIRE(std::holds_alternative<LoginResult>(end));
	return std::get<LoginResult>(std::move(end));
}

LoginFailure failure(const LoginConfig &config, FakeTarget &target)
{
	auto end = run(config, target);
	REQUIRE(std::holds_alternative<LoginFailure>(end));
	return std::get<LoginFailure>(std::move(end));
}

/* The login ends in a text that holds each of @parts. */
bool fails_with(const LoginConfig &config, FakeTarget &target, std::vector<std::string_view> parts)
{
	const auto text = failure(config, target).error.text;
	UNSCOPED_INFO(text);
	return std::all_of(parts.begin(), parts.end(),
			   [&](auto part) { return text.find(part) != std::string::npos; });
}

} // namespace

TEST_CASE("a login without authentication goes through both stages and opens the session")
{
	FakeTarget target;
	const auto config = config_for();
	const auto result = success(config, target);

	REQUIRE(target.requests.size() == 2);
	const auto &first = target.requests[0];
	CHECK(first.csg == Stage::security);
	CHECK(first.nsg == Stage::operational);
	CHECK(first.transit);
	CHECK(first.isid == config.isid);
	CHECK(first.tsih == Tsih{0});
	CHECK(first.cmd_sn == CmdSn{100});
	CHECK(first.keys == Pairs{{"InitiatorName", "iqn.2026-01.com.example:host"},
				  {"TargetName", "iqn.2026-01.com.example:disk"},
				  {"SessionType", "Normal"},
				  {"AuthMethod", "None"}});
	const auto &second = target.requests[1];
	CHECK(second.csg == Stage::operational);
	CHECK(second.nsg == Stage::full_feature);
	CHECK(second.transit);
	CHECK(second.itt == first.itt);
	CHECK(second.cmd_sn == first.cmd_sn);
	CHECK(second.exp_stat_sn == StatSn{0xffffffff});

	CHECK(result.target.tsih == Tsih{0x1234});
	CHECK(result.target.tpgt == Tpgt{1});
	CHECK(result.target.alias == "a disk");
	CHECK(result.cmd_sn == CmdSn{100});
	CHECK(result.exp_cmd_sn == CmdSn{100});
	CHECK(result.max_cmd_sn == CmdSn{132});
	CHECK(result.exp_stat_sn == StatSn{0});
	CHECK(result.auth_method == AuthMethod::none);
	CHECK(!result.target_authenticated);
}

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
			    {"OFMarkInt", "1~65535"},
			    {"X-com.example.colour", "blue"},
			    {"FutureKey", "1"},
			    {"X#NodeArchitecture", "ExampleOS/1"}};
	const auto p = success(config, target).parameters;
	CHECK(value_of(target.received, "TaskReporting") == "RFC3720");
	CHECK(value_of(target.received, "iSCSIProtocolLevel") == "1");
	CHECK(value_of(target.received, "IFMarker") == "Reject");
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

TEST_CASE("the portal group tag is checked when one is expected")
{
	auto config = config_for();
	config.expected_tpgt = Tpgt{1};
	FakeTarget right;
	CHECK(success(config, right).target.tpgt == Tpgt{1});
	config.expected_tpgt = Tpgt{7};
	FakeTarget wrong;
	CHECK(fails_with(config, wrong, {"TargetPortalGroupTag", "\"1\"", "7"}));
	FakeTarget silent;
	silent.in_security.clear();
	CHECK(fails_with(config, silent, {"TargetPortalGroupTag", "7", "expected"}));
	config.expected_tpgt.reset();
	CHECK(!success(config, silent).target.tpgt);
}

TEST_CASE("text that the target cuts into PDUs at any byte is put together")
{
	for (std::size_t split : {1, 2, 3, 7, 64, 100}) {
		FakeTarget target;
		target.split = split;
		auto config = config_for();
		config.max_exchanges = 1000;
		CHECK(success(config, target).target.alias == "a disk");
		for (std::size_t i = 1; i + 1 < target.requests.size(); i++)
			if (target.requests[i].keys.empty())
				CHECK(!target.requests[i].more);
	}
}

TEST_CASE("a request longer than 8192 bytes is cut with the C bit")
{
	FakeTarget target;
	for (int i = 0; i < 200; i++)
		target.proposals.push_back({str("X-com.example.a-key-of-some-length.", i), "1"});
	success(config_for(), target);
	CHECK(value_of(target.received, "X-com.example.a-key-of-some-length.199") ==
	      "NotUnderstood");
	CHECK(std::any_of(target.requests.begin(), target.requests.end(),
			  [](auto &r) { return r.more; }));

	FakeTarget talkative;
	talkative.proposals = target.proposals;
	talkative.tamper = [&](Response &r) {
		if (talkative.requests.back().more)
			r.text = encode_text(Pairs{{"TargetAlias", "x"}});
	};
	CHECK(fails_with(config_for(), talkative, {"answered C with text"}));
}

TEST_CASE("one-way CHAP logs in with each digest")
{
	for (unsigned algorithm : {5, 6, 7, 8}) {
		FakeTarget target;
		target.auth_method = "CHAP";
		target.chap_algorithm = algorithm;
		const auto result = success(chap_config(), target);
		CHECK(result.auth_method == AuthMethod::chap);
		CHECK(!result.target_authenticated);
		CHECK(value_of(target.received, "CHAP_A") == "8,6,5,7");
		CHECK(value_of(target.received, "CHAP_N") == "iqn.2026-01.com.example:host");
		CHECK(!has(target.received, "CHAP_C"));
		CHECK(!target.requests[0].transit);
		CHECK(!target.requests[1].transit);
		CHECK(target.requests[2].transit);
	}
}

TEST_CASE("mutual CHAP authenticates the target")
{
	for (unsigned algorithm : {5, 6, 7, 8}) {
		FakeTarget target;
		target.auth_method = "CHAP";
		target.chap_algorithm = algorithm;
		CHECK(success(chap_config(true), target).target_authenticated);
	}
	FakeTarget impostor;
	impostor.auth_method = "CHAP";
	impostor.own_secret = "a wrong secret";
	auto end = failure(chap_config(true), impostor);
	CHECK(end.error.code == Code::authentication_failed);
	CHECK(!end.retryable);
}

TEST_CASE("a target that skips its proof in mutual CHAP is refused")
{
	FakeTarget target;
	target.auth_method = "CHAP";
	target.tamper = [&](Response &r) {
		if (has(target.requests.back().keys, "CHAP_R"))
			r.text.clear();
	};
	CHECK(fails_with(chap_config(true), target, {"before CHAP was done"}));

	FakeTarget stalls;
	stalls.auth_method = "CHAP";
	stalls.tamper = [&](Response &r) {
		if (has(stalls.requests.back().keys, "CHAP_R")) {
			r.text.clear();
			r.transit = false;
		}
	};
	CHECK(fails_with(chap_config(true), stalls, {"left CHAP without an answer"}));
}

TEST_CASE("a target that does not do the CHAP that is required is refused")
{
	FakeTarget none;
	CHECK(fails_with(chap_config(), none, {"AuthMethod=\"None\"", "CHAP"}));
	FakeTarget rejects;
	rejects.auth_method = "Reject";
	CHECK(
	    fails_with(chap_config(), rejects, {"does not offer", "CHAP with AuthMethod=Reject"}));
	FakeTarget silent;
	silent.tamper = [](Response &r) {
		if (r.csg == Stage::security)
			r.text = encode_text(Pairs{{"TargetPortalGroupTag", "1"}});
	};
	auto end = failure(chap_config(), silent);
	CHECK(end.error.code == Code::authentication_failed);
	CHECK(end.error.text.find("CHAP is required") != std::string::npos);
}

TEST_CASE("AuthMethod is offered in the administrator's order and either may be chosen")
{
	auto config = chap_config();
	config.auth_methods = {AuthMethod::none, AuthMethod::chap};
	FakeTarget none;
	CHECK(success(config, none).auth_method == AuthMethod::none);
	CHECK(value_of(none.received, "AuthMethod") == "None,CHAP");

	config.auth_methods = {AuthMethod::chap, AuthMethod::none};
	FakeTarget chap;
	chap.auth_method = "CHAP";
	CHECK(success(config, chap).auth_method == AuthMethod::chap);
	CHECK(value_of(chap.received, "AuthMethod") == "CHAP,None");

	FakeTarget other;
	other.auth_method = "KRB5";
	CHECK(fails_with(config, other, {"KRB5", "not offered"}));
}

TEST_CASE("CHAP keys without CHAP chosen end the login")
{
	FakeTarget target;
	target.in_security = {{"CHAP_A", "5"}, {"CHAP_I", "1"}, {"CHAP_C", "0x00"}};
	CHECK(fails_with(config_for(), target, {"CHAP_A", "not chosen"}));
}

TEST_CASE("a discovery login offers only what a discovery session has")
{
	FakeTarget target;
	auto config = config_for("");
	config.discovery = true;
	config.offer.error_recovery_level = 2;
	target.answers = {{"DefaultTime2Retain", "Irrelevant"}};
	success(config, target);
	CHECK(value_of(target.received, "SessionType") == "Discovery");
	CHECK(!has(target.received, "TargetName"));
	CHECK(value_of(target.received, "ErrorRecoveryLevel") == "0");
	CHECK(has(target.received, "MaxRecvDataSegmentLength"));
	for (auto key : {"MaxConnections", "InitialR2T", "MaxBurstLength", "DataPDUInOrder"})
		CHECK(!has(target.received, key));

	FakeTarget curious;
	curious.proposals = {{"MaxConnections", "1"}};
	success(config, curious);
	CHECK(value_of(curious.received, "MaxConnections") == "Irrelevant");
}

TEST_CASE("a later connection brings its CID and TSIH and negotiates for itself alone")
{
	FakeTarget target;
	auto config = config_for();
	config.tsih = Tsih{0x1234};
	config.cid = Cid{3};
	config.cmd_sn = CmdSn{5000};
	config.exp_stat_sn = StatSn{77};
	const auto result = success(config, target);

	const auto &first = target.requests[0];
	CHECK(first.tsih == Tsih{0x1234});
	CHECK(first.cid == Cid{3});
	CHECK(first.cmd_sn == CmdSn{5000});
	CHECK(first.exp_stat_sn == StatSn{77});
	CHECK(!has(target.received, "SessionType"));
	CHECK(target.requests[1].keys == Pairs{{"HeaderDigest", "None"},
					       {"DataDigest", "None"},
					       {"MaxRecvDataSegmentLength", "262144"}});
	CHECK(result.parameters.max_xmit_data_segment_length == 131072);

	FakeTarget other;
	other.tsih = Tsih{9};
	CHECK(fails_with(config, other, {"TSIH 9"}));

	FakeTarget offers;
	offers.proposals = {{"MaxBurstLength", "512"}};
	success(config, offers);
	CHECK(value_of(offers.received, "MaxBurstLength") == "Irrelevant");
}

TEST_CASE("wrong fields in a Login Response end the login with the field named")
{
	struct Case {
		void (*change)(Response &);
		const char *why;
	};
	for (auto [change, why] : {
		 Case{[](Response &r) { r.itt = Itt{5}; }, "task tag 5"},
		 Case{[](Response &r) { r.version_active = 1; }, "version 1"},
		 Case{[](Response &r) { r.status_detail = 1; }, "detail 1"},
		 Case{[](Response &r) { r.stat_sn = StatSn{9}; }, "StatSN 9"},
		 Case{[](Response &r) { r.nsg = Stage::operational; }, "next stage 1"},
		 Case{[](Response &r) { r.csg = Stage::security; }, "stage 0"},
		 Case{[](Response &r) { r.tsih = Tsih{0}; }, "TSIH 0"},
	     }) {
		INFO(why);
		FakeTarget target;
		target.tamper = [&, change = change](Response &r) {
			if (target.requests.size() == 2)
				change(r);
		};
		CHECK(fails_with(config_for(), target, {why}));
	}
	FakeTarget hasty;
	hasty.auth_method = "CHAP";
	hasty.tamper = [](Response &r) {
		r.transit = true;
		r.nsg = Stage::operational;
	};
	CHECK(fails_with(chap_config(), hasty, {"set T though the request did not"}));
}

TEST_CASE("a target may not end a stage with a proposal open")
{
	FakeTarget target;
	target.in_operational = {{"IFMarker", "No"}};
	CHECK(fails_with(config_for(), target, {"IFMarker", "open"}));
	FakeTarget declares;
	declares.in_security.push_back({"X-com.example.model", "1"});
	declares.in_operational = {{"X-com.example.version", "1"}};
	CHECK_NOTHROW(success(config_for(), declares));
}

TEST_CASE("every status class reaches the caller in words, final and retryable told apart")
{
	for (const auto &row : all_login_statuses()) {
		if (row.status.status_class < 2)
			continue;
		FakeTarget target;
		target.tamper = [&](Response &r) {
			r.status_class = row.status.status_class;
			r.status_detail = row.status.status_detail;
		};
		const auto end = failure(config_for(), target);
		CHECK(end.status == row.status);
		CHECK(end.retryable == row.retryable);
		CHECK(end.error.code == row.code);
		CHECK(end.error.text.find(row.text) != std::string::npos);
	}
	FakeTarget wants_chap;
	wants_chap.tamper = [](Response &r) {
		r.status_class = 2;
		r.status_detail = 1;
	};
	CHECK(fails_with(config_for(), wants_chap, {"for good", "may want CHAP"}));
	FakeTarget busy;
	busy.tamper = [](Response &r) {
		r.status_class = 3;
		r.status_detail = 1;
	};
	CHECK(fails_with(config_for(), busy, {"for now", "service unavailable", "class 3"}));
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

TEST_CASE("a redirect gives the addresses and whether it is permanent")
{
	for (std::uint8_t detail : {1, 2}) {
		FakeTarget target;
		target.tamper = [&](Response &r) {
			r.status_class = 1;
			r.status_detail = detail;
			r.text = encode_text(Pairs{{"TargetAddress", "192.0.2.7:3261"},
						   {"X-a", "b"},
						   {"TargetAddress", "[2001:db8::7]"}});
		};
		auto end = run(config_for(), target);
		REQUIRE(std::holds_alternative<LoginRedirect>(end));
		const auto &redirect = std::get<LoginRedirect>(end);
		CHECK(redirect.permanent == (detail == 2));
		REQUIRE(redirect.addresses.size() == 2);
		CHECK(to_string(redirect.addresses[0]) == "192.0.2.7:3261");
		CHECK(to_string(redirect.addresses[1]) == "[2001:db8::7]:3260");
	}
	FakeTarget nowhere;
	nowhere.tamper = [](Response &r) {
		r.status_class = 1;
		r.status_detail = 1;
		r.text.clear();
	};
	CHECK(fails_with(config_for(), nowhere, {"without a TargetAddress"}));
	FakeTarget bad;
	bad.tamper = [](Response &r) {
		r.status_class = 1;
		r.status_detail = 1;
		r.text = encode_text(Pairs{{"TargetAddress", "192.0.2.7:0"}});
	};
	CHECK(fails_with(config_for(), bad, {"192.0.2.7:0", "port"}));
}

TEST_CASE("a target that never ends the login is given up on")
{
	FakeTarget target;
	target.tamper = [](Response &r) { r.transit = false; };
	auto config = config_for();
	config.max_exchanges = 10;
	CHECK(fails_with(config, target, {"not over after 10 requests"}));
	CHECK(target.requests.size() == 10);

	FakeTarget endless;
	endless.in_operational.clear();
	endless.tamper = [](Response &r) {
		r.transit = false;
		r.more = true;
		r.text = Bytes(8192, 'A');
	};
	CHECK(fails_with(config_for(), endless, {"65536 bytes"}));
}

TEST_CASE("a Reject or a foreign PDU ends the login")
{
	ChallengeBook book;
	const auto config = config_for();
	Pdu pdu;
	pdu.bhs[0] = 0x3f;
	pdu.bhs[2] = 0x04;
	{
		Login login(config, book);
		login.start();
		const auto end = login.receive(pdu);
		CHECK(std::get<LoginFailure>(end).error.text.find("protocol error") !=
		      std::string::npos);
	}
	pdu.bhs[0] = 0x20;
	Login login(config, book);
	login.start();
	const auto end = login.receive(pdu);
	CHECK(std::get<LoginFailure>(end).error.text.find("opcode 32") != std::string::npos);
}

TEST_CASE("a configuration that cannot log in is refused before anything is sent")
{
	auto refused = [](auto change, std::string_view why) {
		auto config = config_for();
		change(config);
		auto ok = check(config);
		return !ok && ok.error().code == Code::invalid_argument &&
		       ok.error().text.find(why) != std::string::npos;
	};

	CHECK(check(config_for()));
	CHECK(refused([](auto &c) { c.initiator_name = "host"; }, "host"));
	CHECK(refused([](auto &c) { c.target_name = ""; }, "empty"));
	CHECK(refused([](auto &c) { c.isid.bytes[0] = 0xc0; }, "ISID"));
	CHECK(refused([](auto &c) { c.auth_methods = {}; }, "AuthMethod"));
	CHECK(refused([](auto &c) { c.auth_methods = {AuthMethod::chap}; }, "no secret"));
	CHECK(refused([](auto &c) { c.initiator_alias = "\xff"; }, "InitiatorAlias"));
	CHECK(refused([](auto &c) { c.offer.header_digest = {}; }, "HeaderDigest"));
	CHECK(refused([](auto &c) { c.offer.max_burst_length = 511; }, "MaxBurstLength"));
	CHECK(refused([](auto &c) { c.offer.first_burst_length = 1 << 24; }, "FirstBurstLength"));
	CHECK(refused([](auto &c) { c.offer.max_connections = 0; }, "MaxConnections"));
	CHECK(refused([](auto &c) { c.offer.error_recovery_level = 3; }, "ErrorRecoveryLevel"));
	CHECK(refused(
	    [](auto &c) {
		    c.discovery = true;
		    c.tsih = Tsih{1};
	    },
	    "one connection"));
}
