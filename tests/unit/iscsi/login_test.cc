/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The phases of a login: its PDUs, its stages and how it ends. */
#include "login_run.h"

using namespace hawser;
using namespace hawser::test;

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
	CHECK(fails_with(config, other, {"TSIH 9", "joins the session of TSIH 4660"}));

	FakeTarget offers;
	offers.proposals = {{"MaxBurstLength", "512"}};
	success(config, offers);
	CHECK(value_of(offers.received, "MaxBurstLength") == "512");
}

TEST_CASE("a later connection sends the names and none of the keys of the first login alone")
{
	auto config = config_for();
	config.tsih = Tsih{0x1234};
	config.cid = Cid{3};
	config.offer.max_connections = 4;
	config.offer.task_reporting = {TaskReporting::response_fence, TaskReporting::rfc3720};
	config.offer.iscsi_protocol_level = 2;
	FakeTarget target;
	success(config, target);
	CHECK(has(target.received, "InitiatorName"));
	CHECK(has(target.received, "TargetName"));
	for (const auto &key : all_keys()) {
		INFO(key.name);
		if (key.use == KeyUse::leading_only)
			CHECK_FALSE(has(target.received, key.name));
	}
}

TEST_CASE("why a connection may not join its session is told in words")
{
	struct Case {
		std::uint8_t detail;
		const char *words;
	};
	for (const auto &[detail, words] :
	     {Case{6, "too many connections"},
	      Case{8, "target cannot include the connection in the session"},
	      Case{10, "session does not exist"}}) {
		auto config = config_for();
		config.tsih = Tsih{0x1234};
		FakeTarget target;
		target.tamper = [detail = detail](Response &r) {
			r.status_class = 2;
			r.status_detail = detail;
		};
		CHECK(fails_with(config, target, {words, "class 2"}));
	}
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
	target.in_operational = {{"IFMarker", "Yes"}};
	CHECK(fails_with(config_for(), target, {"IFMarker", "open"}));
	/* Before Linux 4.2 LIO ends a login so: No has one outcome, and no answer is due. */
	FakeTarget settled;
	settled.in_operational = {{"IFMarker", "No"}, {"OFMarker", "No"}};
	success(config_for(), settled);
	CHECK(!has(settled.received, "IFMarker"));
	FakeTarget declares;
	declares.in_security.push_back({"X-com.example.model", "1"});
	declares.in_operational = {{"X-com.example.version", "1"}};
	CHECK_NOTHROW(success(config_for(), declares));
}

TEST_CASE("the window of a new session begins at its own first command")
{
	const auto window = [](std::uint32_t exp_cmd_sn, std::uint32_t max_cmd_sn) {
		FakeTarget target;
		target.tamper = [&](Response &r) {
			r.exp_cmd_sn = CmdSn{exp_cmd_sn};
			r.max_cmd_sn = CmdSn{max_cmd_sn};
		};
		const auto result = success(config_for(), target);
		CHECK(result.exp_cmd_sn == CmdSn{100});
		return result.max_cmd_sn;
	};
	CHECK(window(100, 99) == CmdSn{99});
	CHECK(window(101, 132) == CmdSn{132}); // it counts the immediate request too
	CHECK(window(100, 98) == CmdSn{99});   // contradicts itself
	CHECK(window(100, 0x80000070) == CmdSn{99});
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
