/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/coding.h"
#include "bench.h"
#include "firmware_table.h"

#include <nlohmann/json.hpp>

using namespace hawser;
using namespace hawser::cli;

namespace
{

struct Fw : Bench {
	config::FirmwareTable table{scratch};

	config::Node record(const std::string &target, const config::PortalId &portal)
	{
		auto node = store.node({target, portal, "ibft"});
		REQUIRE(node);
		return std::move(*node);
	}
};

const config::PortalId v4{"192.0.2.1", 3260};
const config::PortalId v6{"2001:db8::1", 3261};

} // namespace

TEST_CASE_METHOD(Fw, "fw mode shows an entry as iscsiadm does")
{
	CHECK(good("-m fw") == "# BEGIN RECORD " HAWSER_VERSION "\n"
			       "iface.initiatorname = iqn.2003-01.org.example:me\n"
			       "iface.transport_name = tcp\n"
			       "iface.hwaddress = 52:54:00:12:34:56\n"
			       "iface.bootproto = DHCP\n"
			       "iface.ipaddress = 192.0.2.10\n"
			       "iface.subnet_mask = 255.255.255.0\n"
			       "iface.gateway = 192.0.2.1\n"
			       "iface.primary_dns = 192.0.2.2\n"
			       "iface.vlan_id = 0\n"
			       "iface.net_ifacename = eth7\n"
			       "node.name = iqn.2003-01.org.example:t1\n"
			       "node.conn[0].address = 192.0.2.1\n"
			       "node.conn[0].port = 3260\n"
			       "node.boot_lun = 00000000\n"
			       "# END RECORD\n");
	/* Looking changes nothing. */
	CHECK(store.nodes()->items.empty());
}

TEST_CASE_METHOD(Fw, "fw mode shows no secret, in no form")
{
	table.add_mutual();
	for (const char *line : {"-m fw", "-m fw --json"}) {
		const auto text = good(line);
		CHECK(text.find("secret") == std::string::npos);
		CHECK(text.find("********") != std::string::npos);
	}
	const auto json = nlohmann::json::parse(good("-m fw --json"));
	REQUIRE(json.size() == 2);
	CHECK(json[0]["boot"] == true);
	CHECK(json[1]["target"] == t2);
	CHECK(json[1]["values"]["node.session.auth.username_in"] == "it");
}

TEST_CASE_METHOD(Fw, "without a table every fw command ends with 21")
{
	std::filesystem::remove_all(scratch.paths.firmware_dir);
	for (const char *line : {"-m fw", "-m fw -l", "-m discovery -t fw"})
		CHECK(bad(Code::nothing_found, line).find("iscsi_ibft") != std::string::npos);
}

TEST_CASE_METHOD(Fw,
		 "a login stores the firmware's targets with their CHAP values and logs in to each")
{
	table.add_mutual();
	good("-m fw -l");
	REQUIRE(service.logins.size() == 1);
	REQUIRE(service.logins[0].nodes.size() == 2);
	CHECK(service.logins[0].wait);

	const auto plain = record(t1, v4);
	CHECK(plain.source().type == config::SourceType::fw);
	CHECK(plain.settings.get("node.startup") == "onboot");
	CHECK(plain.settings.get("node.session.auth.authmethod") == "None");

	const auto locked = record(t2, v6);
	CHECK(locked.settings.get("node.session.auth.authmethod") == "CHAP");
	CHECK(locked.settings.get("node.session.auth.username") == "me");
	CHECK(locked.settings.get("node.session.auth.username_in") == "it");
	auto secret = [&](const char *key) {
		auto value = locked.settings.secret(key, store.secrets());
		REQUIRE(value);
		return std::string(as_text(value->bytes()));
	};
	CHECK(secret("node.session.auth.password") == "0x my secret");
	CHECK(secret("node.session.auth.password_in") == "target's secret");
}

TEST_CASE_METHOD(Fw, "an initiator name of the firmware's own goes into an interface record")
{
	good("-m discovery -t fw");
	const auto iface = store.iface("ibft");
	REQUIRE(iface);
	CHECK(iface->settings.get("iface.initiatorname") == "iqn.2003-01.org.example:me");
	CHECK(record(t1, v4).id.iface == "ibft");
}

TEST_CASE_METHOD(Fw, "with our own initiator name the default interface serves")
{
	table.put("initiator", {{"initiator-name", store.identity()->name}});
	good("-m discovery -t fw");
	CHECK_FALSE(store.iface("ibft"));
	CHECK(store.node({t1, v4, "default"}));
}

TEST_CASE_METHOD(Fw, "discovery of type fw prints portals, and stores what -o says")
{
	CHECK(good("-m discovery -t fw -o nonpersistent") ==
	      "192.0.2.1:3260,4294967295 " + t1 + "\n");
	CHECK(store.nodes()->items.empty());
	CHECK_FALSE(store.iface("ibft"));
	good("-m discovery -t fw -o new");
	CHECK(store.nodes()->items.size() == 1);
	CHECK(service.logins.empty());
	good("-m discovery -t fw -l -W");
	REQUIRE(service.logins.size() == 1);
	CHECK_FALSE(service.logins[0].wait);
	CHECK(good("-m discovery -P 1").find("FIRMWARE:\nTarget: " + t1) != std::string::npos);
}

TEST_CASE_METHOD(Fw, "a target that the firmware names no more goes, unless it is in use")
{
	table.add_mutual();
	good("-m discovery -t fw");
	table.put("target1", {{"flags", "0"}});
	auto &session = add_session(1, t2, "2001:db8::1");
	session.identity.iface = "ibft";
	session.connections[0].persistent_port = 3261;
	good("-m discovery -t fw");
	CHECK(record(t2, v6).vanished);
	kernel.live.clear();
	table.add_mutual();
	good("-m discovery -t fw");
	CHECK_FALSE(record(t2, v6).vanished);
	table.put("target1", {{"flags", "0"}});
	good("-m discovery -t fw");
	CHECK_FALSE(store.node({t2, v6, "ibft"}));
	record(t1, v4);
}

TEST_CASE_METHOD(Fw, "a record that spells the target's name in another case is the same record")
{
	good("-m iface -I ibft -o new");
	good("-m node -o new -T iqn.2003-01.org.example:T1 -p 192.0.2.1 -I ibft");
	good("-m fw -l");
	CHECK(store.nodes()->items.size() == 1);
	CHECK(record(t1, v4).settings.get("node.startup") == "onboot");
}

TEST_CASE_METHOD(Fw, "name and value go into the records of a login")
{
	good("-m fw -l -n node.session.timeo.replacement_timeout -v 0");
	CHECK(record(t1, v4).settings.number("node.session.timeo.replacement_timeout") == 0);
	bad(Code::invalid_argument, "-m fw -n node.session.timeo.replacement_timeout -v 0");
	bad(Code::invalid_argument, "-m fw -l -n node.bogus -v 0");
	CHECK(record(t1, v4).settings.number("node.session.timeo.replacement_timeout") == 0);
}

TEST_CASE_METHOD(Fw, "an entry with a fault is a warning, and the others are used")
{
	table.add_mutual();
	table.put("target0", {{"port", "0"}});
	run("-m fw -l");
	CHECK(status == 0);
	CHECK(err.find("target0/port") != std::string::npos);
	REQUIRE(service.logins.size() == 1);
	CHECK(service.logins[0].nodes.size() == 1);
	table.put("target1", {{"port", "0"}});
	run("-m fw -l");
	CHECK(status == static_cast<int>(Code::nothing_found));
}

TEST_CASE_METHOD(Fw, "a secret that is too short to be used is warned about, and is not told")
{
	table.add_mutual();
	table.put("target1", {{"chap-secret", "short"}});
	run("-m fw -l");
	CHECK(status == 0);
	CHECK(err.find("node.session.auth.password") != std::string::npos);
	CHECK(err.find("short") == std::string::npos);
}

TEST_CASE_METHOD(Fw, "what does not go with the firmware is refused")
{
	bad(Code::invalid_argument, "-m discovery -t fw -p 192.0.2.1");
	bad(Code::invalid_argument, "-m discovery -t fw -o nonpersistent -l");
	bad(Code::invalid_argument, "-m fw -o delete");
	bad(Code::invalid_argument, "-m fw -u");
	bad(Code::nothing_found, "-m fw -l -I nic9");
}
