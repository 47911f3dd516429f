/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/firmware.h"

#include "base/coding.h"
#include "base/str.h"
#include "firmware_table.h"

#include <catch2/catch.hpp>

using namespace hawser;
using namespace hawser::config;

namespace
{

struct Table {
	Scratch scratch;
	FirmwareTable table{scratch};

	Firmware read() const
	{
		auto firmware = read_firmware(scratch.paths.firmware_dir);
		INFO((firmware ? "" : firmware.error().text));
		REQUIRE(firmware);
		return std::move(*firmware);
	}
	/* The one target is passed over, and the one line about it has these words in it. */
	void costs_the_target(std::initializer_list<std::string> words) const
	{
		const auto firmware = read();
		CHECK(firmware.targets.empty());
		REQUIRE(firmware.problems.size() == 1);
		INFO(firmware.problems[0].text);
		for (const auto &word : words)
			CHECK(firmware.problems[0].text.find(word) != std::string::npos);
		CHECK(firmware.problems[0].text.find('\n') == std::string::npos);
	}
};

} // namespace

TEST_CASE_METHOD(Table, "a table without CHAP is read whole")
{
	const auto firmware = read();
	CHECK(firmware.problems.empty());
	CHECK(firmware.initiator == "iqn.2003-01.org.example:me");
	REQUIRE(firmware.targets.size() == 1);
	const auto &target = firmware.targets[0];
	CHECK(target.name == "iqn.2003-01.org.example:t1");
	CHECK(to_string(target.portal) == "192.0.2.1:3260");
	CHECK(target.lun == "00000000");
	CHECK(target.boot);
	CHECK_FALSE(target.chap);
	REQUIRE(target.nic);
	CHECK(target.nic->device == "eth7");
	CHECK(target.nic->hwaddress == "52:54:00:12:34:56");
	CHECK(target.nic->address == "192.0.2.10");
	CHECK(target.nic->subnet_mask == "255.255.255.0");
	CHECK(target.nic->gateway == "192.0.2.1");
	CHECK(target.nic->primary_dns == "192.0.2.2");
	CHECK(target.nic->dhcp);
}

TEST_CASE_METHOD(Table, "CHAP both ways and an IPv6 address are read, secrets byte for byte")
{
	table.add_mutual();
	const auto firmware = read();
	REQUIRE(firmware.targets.size() == 2);
	const auto &target = firmware.targets[1];
	CHECK(to_string(target.portal) == "[2001:db8::1]:3261");
	CHECK_FALSE(target.boot);
	REQUIRE(target.chap);
	CHECK(target.chap->username == "me");
	CHECK(as_text(target.chap->secret.bytes()) == "0x my secret");
	REQUIRE(target.target_chap);
	CHECK(target.target_chap->username == "it");
	CHECK(as_text(target.target_chap->secret.bytes()) == "target's secret");
}

TEST_CASE_METHOD(Table, "the target that was booted from comes first, then those of a lower number")
{
	table.put("target0", {{"flags", "1"}});
	for (const char *number : {"10", "9"})
		table.put(str("target", number),
			  {{"flags", "1"},
			   {"target-name", str("iqn.2003-01.org.example:", number)},
			   {"ip-addr", "192.0.2.1"}});
	table.put("target10", {{"flags", "3"}});
	const auto firmware = read();
	REQUIRE(firmware.targets.size() == 3);
	CHECK(firmware.targets[0].name == "iqn.2003-01.org.example:10");
	CHECK(firmware.targets[1].name == "iqn.2003-01.org.example:t1");
	CHECK(firmware.targets[2].name == "iqn.2003-01.org.example:9");
	CHECK(firmware.targets[2].portal.port == 3260);
}

TEST_CASE_METHOD(Table, "without a table, nothing is found, and the module is named")
{
	std::filesystem::remove_all(scratch.paths.firmware_dir);
	const auto firmware = read_firmware(scratch.paths.firmware_dir);
	REQUIRE_FALSE(firmware);
	CHECK(firmware.error().code == Code::nothing_found);
	CHECK(firmware.error().text.find("iscsi_ibft") != std::string::npos);
}

TEST_CASE_METHOD(Table, "blocks that are not valid are not looked at")
{
	table.put("target0", {{"flags", "2"}, {"target-name", "nonsense"}});
	const auto firmware = read_firmware(scratch.paths.firmware_dir);
	REQUIRE_FALSE(firmware);
	CHECK(firmware.error().code == Code::nothing_found);
}

TEST_CASE_METHOD(Table, "a target with a fault is passed over and told, and the others stay")
{
	table.add_mutual();
	table.put("target0", {{"target-name", "no name"}});
	const auto firmware = read();
	REQUIRE(firmware.targets.size() == 1);
	CHECK(firmware.targets[0].name == "iqn.2003-01.org.example:t2");
	REQUIRE(firmware.problems.size() == 1);
	CHECK(firmware.problems[0].text.find("target0/target-name") != std::string::npos);
}

TEST_CASE_METHOD(Table, "names, addresses and ports must be ones")
{
	SECTION("a name with a control character")
	{
		table.put("target0", {{"target-name", "iqn.2003-01.org.example:\x1b[2J"}});
		costs_the_target({"target0/target-name", "\\x1b"});
	}
	SECTION("a host name in the place of an address")
	{
		table.put("target0", {{"ip-addr", "storage.example.org"}});
		costs_the_target({"target0/ip-addr", "no IP address"});
	}
	SECTION("no address")
	{
		table.put("target0", {{"ip-addr", ""}});
		costs_the_target({"target0/ip-addr", "no address"});
	}
	SECTION("a port out of range")
	{
		table.put("target0", {{"port", "65536"}});
		costs_the_target({"target0/port", "65536"});
	}
	SECTION("a port of words")
	{
		table.put("target0", {{"port", "iscsi"}});
		costs_the_target({"target0/port", "no number"});
	}
	SECTION("flags of words")
	{
		table.put("target0", {{"flags", "-1"}});
		costs_the_target({"target0/flags", "no number"});
	}
	SECTION("a value without end")
	{
		table.put("target0", {{"target-name", std::string(5000, 'x')}});
		costs_the_target({"target0/target-name", "4096"});
	}
}

TEST_CASE_METHOD(Table, "CHAP that is not complete is never taken for none")
{
	table.put("target0", {{"chap-type", "1"}, {"chap-name", "me"}});
	SECTION("no secret")
	{
		costs_the_target({"target0/chap-type", "chap-secret"});
	}
	SECTION("an empty secret")
	{
		table.put("target0", {{"chap-secret", ""}});
		costs_the_target({"target0/chap-type", "chap-secret"});
	}
	SECTION("no name")
	{
		table.put("target0", {{"chap-name", ""}, {"chap-secret", "a secret of mine"}});
		costs_the_target({"target0/chap-type", "chap-name"});
	}
	SECTION("mutual, with one half")
	{
		table.put("target0", {{"chap-type", "2"}, {"chap-secret", "a secret of mine"}});
		costs_the_target({"target0/chap-type", "rev-chap-name"});
	}
	SECTION("a type that is none")
	{
		table.put("target0", {{"chap-type", "3"}});
		costs_the_target({"target0/chap-type", "3"});
	}
}

TEST_CASE_METHOD(Table, "a bad initiator name costs no target")
{
	table.put("initiator", {{"initiator-name", "me"}});
	const auto firmware = read();
	CHECK(firmware.initiator.empty());
	CHECK(firmware.targets.size() == 1);
	REQUIRE(firmware.problems.size() == 1);
	CHECK(firmware.problems[0].text.find("initiator/initiator-name") != std::string::npos);
}

TEST_CASE_METHOD(Table, "a bad network interface costs no target either")
{
	table.put("ethernet0", {{"gateway", "nowhere"}});
	const auto firmware = read();
	REQUIRE(firmware.targets.size() == 1);
	CHECK_FALSE(firmware.targets[0].nic);
	REQUIRE(firmware.problems.size() == 1);
	CHECK(firmware.problems[0].text.find("ethernet0/gateway") != std::string::npos);
}

TEST_CASE_METHOD(Table, "a target that is there twice counts once")
{
	table.put("target5", {{"flags", "1"},
			      {"target-name", "iqn.2003-01.org.example:T1"},
			      {"ip-addr", "192.0.2.1"}});
	const auto firmware = read();
	CHECK(firmware.targets.size() == 1);
	REQUIRE(firmware.problems.size() == 1);
	CHECK(firmware.problems[0].text.find("more than once") != std::string::npos);
}
