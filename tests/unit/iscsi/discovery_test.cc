/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iscsi/discovery.h"

#include "fake_target.h"

#include <catch2/catch.hpp>

using namespace hawser;
using namespace hawser::test;

namespace
{

DiscoveryReply read(const Pairs &pairs)
{
	SendTargetsReader reader;
	for (const auto &pair : pairs)
		reader.take(pair);
	return reader.finish();
}

/* A Text Response with the fields that discovery looks at. */
Pdu text_response(StatSn stat_sn, bool final, const Bytes &text, std::uint32_t ttt = 0xffffffff,
		  bool more = false)
{
	Pdu pdu;
	pdu.bhs[0] = 0x24;
	pdu.bhs[1] = static_cast<std::uint8_t>((final ? 0x80 : 0) | (more ? 0x40 : 0));
	put_be(pdu.bhs, 4, 4, static_cast<std::uint32_t>(text.size()));
	put_be(pdu.bhs, 12, 4, 0x77); // LUN, to be given back
	put_be(pdu.bhs, 16, 4, 1);
	put_be(pdu.bhs, 20, 4, ttt);
	put_be(pdu.bhs, 24, 4, stat_sn.value);
	pdu.data = text;
	return pdu;
}

Bytes target_text(int count)
{
	Pairs pairs;
	for (int i = 0; i < count; i++) {
		pairs.push_back({"TargetName", str("iqn.2026-01.com.example:disk", i)});
		pairs.push_back({"TargetAddress", str("192.0.2.", i % 250 + 1, ":3260,1")});
	}
	return encode_text(pairs);
}

std::string error_of(const SendTargets::Step &step)
{
	return std::holds_alternative<Error>(step) ? std::get<Error>(step).text : std::string();
}

bool contains(std::string_view text, std::string_view part)
{
	return text.find(part) != std::string_view::npos;
}

} // namespace

TEST_CASE("targets come with their portals and portal group tags in order")
{
	const auto reply = read({{"TargetName", "iqn.1993-11.com.example:diskarray.sn.8675309"},
				 {"TargetAddress", "10.1.0.45:3000,1"},
				 {"TargetAddress", "[2001:db8::1],2"},
				 {"TargetName", "iqn.1993-11.com.example:diskarray.sn.1234567"},
				 {"TargetAddress", "disks.example.com:3000,1"},
				 {"TargetName", "eui.02004567A425678D"}});
	REQUIRE(reply.targets.size() == 3);
	CHECK(reply.skipped.empty());
	CHECK(reply.targets[0].name == "iqn.1993-11.com.example:diskarray.sn.8675309");
	REQUIRE(reply.targets[0].portals.size() == 2);
	CHECK(to_string(reply.targets[0].portals[0]) == "10.1.0.45:3000,1");
	CHECK(to_string(reply.targets[0].portals[1]) == "[2001:db8::1]:3260,2");
	CHECK(to_string(reply.targets[1].portals[0]) == "disks.example.com:3000,1");
	CHECK(reply.targets[2].name == "eui.02004567A425678D");
	CHECK(reply.targets[2].portals.empty());
}

TEST_CASE("a target with a bad name is skipped with its addresses and reported")
{
	const auto reply = read({{"TargetName", "not an iscsi name"},
				 {"TargetAddress", "10.1.0.1,1"},
				 {"TargetName", "iqn.1993-11.com.example:good"},
				 {"TargetAddress", "10.1.0.2,1"}});
	REQUIRE(reply.targets.size() == 1);
	CHECK(reply.targets[0].portals.size() == 1);
	REQUIRE(reply.skipped.size() == 1);
	CHECK(contains(reply.skipped[0], "not an iscsi name"));
}

TEST_CASE("bad addresses, foreign keys and addresses without a target are reported")
{
	const auto reply = read({{"TargetAddress", "10.1.0.1,1"},
				 {"TargetName", "iqn.1993-11.com.example:good"},
				 {"TargetAddress", "10.1.0.999,1"},
				 {"X-com.example.a", "b"},
				 {"TargetAddress", "10.1.0.2,1"}});
	REQUIRE(reply.targets.size() == 1);
	CHECK(reply.targets[0].portals.size() == 1);
	REQUIRE(reply.skipped.size() == 3);
	CHECK(contains(reply.skipped[0], "before any TargetName"));
	CHECK(contains(reply.skipped[1], "10.1.0.999"));
	CHECK(contains(reply.skipped[2], "X-com.example.a"));
}

TEST_CASE("a target or portal that is named twice is held once")
{
	const auto reply = read({{"TargetName", "iqn.1993-11.com.example:a"},
				 {"TargetAddress", "10.1.0.1,1"},
				 {"TargetName", "iqn.1993-11.com.example:b"},
				 {"TargetName", "iqn.1993-11.com.example:a"},
				 {"TargetAddress", "10.1.0.1,1"},
				 {"TargetAddress", "10.1.0.2,1"}});
	REQUIRE(reply.targets.size() == 2);
	CHECK(reply.targets[0].portals.size() == 2);
	CHECK(reply.targets[1].portals.empty());
}

TEST_CASE("a reply of ten thousand targets over many PDUs is put together")
{
	const Bytes text = target_text(10000);
	for (std::size_t size : {8192, 262144}) {
		SendTargets exchange("All", CmdSn{5}, StatSn{10});
		const Pdu request = std::get<Pdu>(exchange.start());
		CHECK(as_text(request.data) == std::string_view("SendTargets=All\0", 16));
		CHECK(request.bhs[1] == 0x80);
		CHECK(get_be(request.bhs, 20, 4) == 0xffffffff);

		StatSn stat_sn{10};
		SendTargets::Step step = SendTargets::Wait{};
		for (std::size_t at = 0; at < text.size(); at += size) {
			const bool last = at + size >= text.size();
			const Bytes part(text.begin() + static_cast<std::ptrdiff_t>(at),
					 text.begin() + static_cast<std::ptrdiff_t>(
							    std::min(at + size, text.size())));
			step = exchange.receive(text_response(stat_sn, last, part,
							      last ? 0xffffffff : 0x4242,
							      !last && size == 8192));
			stat_sn = next(stat_sn);
			if (last)
				break;
			REQUIRE(std::holds_alternative<Pdu>(step));
			const auto &more = std::get<Pdu>(step);
			CHECK(more.data.empty());
			CHECK(get_be(more.bhs, 20, 4) == 0x4242);
			CHECK(get_be(more.bhs, 12, 4) == 0x77);
			CHECK(get_be(more.bhs, 28, 4) == stat_sn.value);
		}
		REQUIRE(std::holds_alternative<DiscoveryReply>(step));
		const auto &reply = std::get<DiscoveryReply>(step);
		REQUIRE(reply.targets.size() == 10000);
		CHECK(reply.targets[9999].name == "iqn.2026-01.com.example:disk9999");
		CHECK(reply.skipped.empty());
		CHECK(exchange.exp_stat_sn() == stat_sn);
	}
}

TEST_CASE("no targets is a reply too")
{
	SendTargets exchange("All", CmdSn{1}, StatSn{1});
	exchange.start();
	auto step = exchange.receive(text_response(StatSn{1}, true, {}));
	REQUIRE(std::holds_alternative<DiscoveryReply>(step));
	CHECK(std::get<DiscoveryReply>(step).targets.empty());
}

TEST_CASE("a ping of the target is answered in the midst of discovery")
{
	SendTargets exchange("All", CmdSn{1}, StatSn{1});
	exchange.start();
	Pdu ping;
	ping.bhs[0] = 0x20;
	ping.bhs[1] = 0x80;
	put_be(ping.bhs, 16, 4, 0xffffffff);
	put_be(ping.bhs, 20, 4, 0x99);
	put_be(ping.bhs, 24, 4, 1);
	auto step = exchange.receive(ping);
	REQUIRE(std::holds_alternative<Pdu>(step));
	CHECK(std::get<Pdu>(step).bhs[0] == 0x40);
	CHECK(get_be(std::get<Pdu>(step).bhs, 20, 4) == 0x99);
	put_be(ping.bhs, 20, 4, 0xffffffff);
	CHECK(std::holds_alternative<SendTargets::Wait>(exchange.receive(ping)));
	CHECK(std::holds_alternative<DiscoveryReply>(
	    exchange.receive(text_response(StatSn{1}, true, target_text(1)))));
}

TEST_CASE("what does not belong into a discovery ends it with the reason")
{
	auto after = [](const Pdu &pdu) {
		SendTargets exchange("All", CmdSn{1}, StatSn{1}, 1000);
		exchange.start();
		return error_of(exchange.receive(pdu));
	};

	CHECK(contains(after(text_response(StatSn{2}, true, {})), "StatSN 2"));
	Pdu other = text_response(StatSn{1}, true, {});
	other.bhs[19] = 9;
	CHECK(contains(after(other), "task tag 9"));
	CHECK(contains(after(text_response(StatSn{1}, true, Bytes{'A', '='})), "without its NUL"));
	CHECK(contains(after(text_response(StatSn{1}, true, Bytes{'A', 0})), "without \"=\""));
	CHECK(contains(after(text_response(StatSn{1}, true, Bytes(1001, 'A'))), "1000 bytes"));
	Pdu reject;
	reject.bhs[0] = 0x3f;
	reject.bhs[2] = 0x0a;
	CHECK(contains(after(reject), "out of resources"));
	Pdu async;
	async.bhs[0] = 0x32;
	async.bhs[36] = 1;
	CHECK(contains(after(async), "asynchronous event 1"));
	Pdu login;
	login.bhs[0] = 0x23;
	CHECK(contains(after(login), "opcode 35"));
}

TEST_CASE("a target that keeps sending nothing is given up on")
{
	SendTargets exchange("All", CmdSn{1}, StatSn{1});
	exchange.start();
	StatSn stat_sn{1};
	SendTargets::Step step = SendTargets::Wait{};
	for (int i = 0; i < 100 && !std::holds_alternative<Error>(step); i++) {
		step = exchange.receive(text_response(stat_sn, false, {}, 7));
		stat_sn = next(stat_sn);
	}
	CHECK(contains(error_of(step), "empty responses"));
}

TEST_CASE("a target with nothing but bad addresses is passed over, and said to be uncertain")
{
	const std::string name = "iqn.2026-01.com.example:disk";
	auto reply = read({{"TargetName", name}, {"TargetAddress", "no:such:address:,1"}});
	CHECK(reply.targets.empty());
	CHECK_FALSE(reply.incomplete); // the others' names are all there
	CHECK(reply.uncertain.contains(name));
	CHECK(reply.skipped.size() == 2);

	reply = read({{"TargetName", name},
		      {"TargetAddress", "no:such:address:,1"},
		      {"TargetAddress", "192.0.2.1:3260,1"}});
	REQUIRE(reply.targets.size() == 1);
	CHECK(reply.targets[0].portals.size() == 1);
	CHECK(reply.uncertain.contains(name));

	reply = read({{"TargetName", name}});
	CHECK(reply.targets.size() == 1); // at the portal that was asked
	CHECK(reply.uncertain.empty());

	reply = read(
	    {{"TargetName", "a_b"}, {"TargetAddress", "no:such:address:,1"}, {"TargetName", name}});
	CHECK(reply.targets.size() == 1);
	CHECK_FALSE(reply.incomplete); // no record can be of it
	CHECK(reply.uncertain.empty());
	CHECK(read({{"TargetAddress", "192.0.2.1:3260,1"}}).incomplete);
}

TEST_CASE("what a reply makes us keep has bounds")
{
	SendTargetsReader reader;
	for (int i = 0; i < 100'000; i++)
		reader.take({"a", ""});
	reader.take({"TargetName", "iqn.2026-01.com.example:disk"});
	for (int i = 0; i < 100'000; i++)
		reader.take({"TargetAddress",
			     str("192.0.", i / 250 % 250, ".", i % 250, ":", 1 + i / 62500, ",1")});
	auto reply = reader.finish();
	REQUIRE(reply.targets.size() == 1);
	CHECK(reply.targets[0].portals.size() == SendTargetsReader::max_portals);
	CHECK(reply.skipped.size() == SendTargetsReader::max_skipped + 1);
	CHECK(contains(reply.skipped.back(), "more"));
	CHECK(reply.uncertain.contains("iqn.2026-01.com.example:disk"));
}

TEST_CASE("what all targets of a reply have together has a bound")
{
	SendTargetsReader reader;
	for (int target = 0; target < 500; target++) {
		reader.take({"TargetName", str("iqn.2026-01.com.example:disk", target)});
		for (int i = 0; i < 250; i++)
			reader.take({"TargetAddress", str("192.0.2.", i, ":3260,1")});
	}
	const auto reply = reader.finish();
	std::size_t portals = 0;
	for (const auto &target : reply.targets)
		portals += target.portals.size();
	CHECK(portals == SendTargetsReader::max_portals_in_all);
	CHECK(reply.uncertain.size() == 100);
}

TEST_CASE("a reply of bad names alone is given up after so many of them")
{
	std::size_t checked = 0;
	SendTargetsReader reader([&](std::string_view name) {
		checked++;
		return check_name(name);
	});
	reader.take({"TargetName", "iqn.2026-01.com.example:good"});
	reader.take({"TargetAddress", "192.0.2.1:3260,1"});
	// Each of these characters becomes 18 in form KC.
	std::string name = "iqn.2026-01.com.example:";
	for (int i = 0; i < 66; i++)
		name += "\xef\xb7\xba";
	for (int i = 0; i < 70'000; i++) {
		reader.take({"TargetName", name + std::to_string(i % 10)});
		reader.take({"TargetAddress", "192.0.2.2:3260,1"});
	}
	reader.take({"TargetName", "iqn.2026-01.com.example:too.late"});
	CHECK(checked == 2 + SendTargetsReader::max_bad_names);

	const auto reply = reader.finish();
	REQUIRE(reply.targets.size() == 1);
	CHECK(reply.targets[0].portals.size() == 1);
	CHECK(reply.incomplete); // what was not read is no reason to take a record away
	CHECK(reply.skipped.size() == SendTargetsReader::max_skipped + 2);
	CHECK(contains(reply.skipped.back(), "more than 1000"));
}

TEST_CASE("no name is checked that there is no room for, and none a second time")
{
	std::size_t checked = 0;
	SendTargetsReader reader([&](std::string_view) {
		checked++;
		return Status();
	});
	for (int time = 0; time < 2; time++)
		for (std::size_t i = 0; i < SendTargetsReader::max_targets + 100; i++)
			reader.take({"TargetName", str("iqn.2026-01.com.example:", i)});
	CHECK(checked == SendTargetsReader::max_targets);
	const auto reply = reader.finish();
	CHECK(reply.targets.size() == SendTargetsReader::max_targets);
	CHECK(reply.incomplete);
}
