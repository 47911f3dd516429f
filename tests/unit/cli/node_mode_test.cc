/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bench.h"

#include <nlohmann/json.hpp>

using namespace hawser;
using namespace hawser::cli;

namespace
{

struct Nodes : Bench {
	Nodes()
	{
		good("-m node -o new -T " + t1 + " -p 192.0.2.1:3260,1");
		good("-m node -o new -T " + t1 + " -p [2001:db8::1]:3261,2");
		good("-m node -o new -T " + t2 + " -p host.example.com");
	}
	std::string value(const std::string &target, const std::string &key)
	{
		const auto text = good("-m node -o show -T " + target);
		const auto at = text.find("\n" + key + " = ");
		REQUIRE(at != std::string::npos);
		const auto from = at + key.size() + 4;
		return text.substr(from, text.find('\n', from) - from);
	}
};

} // namespace

TEST_CASE_METHOD(Bench, "no records is exit status 21")
{
	CHECK(bad(Code::nothing_found, "-m node") == "hawseradm: No records found\n");
	CHECK(bad(Code::nothing_found, "-m node -T " + t1) ==
	      "hawseradm: No records found for target " + t1 + "\n");
}

TEST_CASE_METHOD(Bench, "a new record is announced in iscsiadm's words")
{
	CHECK(good("-m node -o new -T " + t1 + " -p 192.0.2.1") ==
	      "New iSCSI node [tcp:[hw=,ip=,net_if=,iscsi_if=default] 192.0.2.1,3260,-1 " + t1 +
		  "] added\n");
	good("-m iface -I nic0 -o new -n iface.net_ifacename -v eth0");
	CHECK(good("-m node -o new -T " + t1 + " -p 192.0.2.1 -I nic0") ==
	      "New iSCSI node [tcp:[hw=,ip=,net_if=eth0,iscsi_if=nic0] 192.0.2.1,3260,-1 " + t1 +
		  "] added\n");
}

TEST_CASE_METHOD(Bench, "a new record needs a good name, a portal and an interface that is there")
{
	CHECK(bad(Code::invalid_argument, "-m node -o new -T bad_name -p 192.0.2.1")
		  .find("bad_name") != std::string::npos);
	bad(Code::invalid_argument, "-m node -o new -T " + t1);
	bad(Code::invalid_argument, "-m node -o new -p 192.0.2.1");
	bad(Code::nothing_found, "-m node -o new -T " + t1 + " -p 192.0.2.1 -I nic9");
	bad(Code::nothing_found, "-m node");
}

TEST_CASE_METHOD(Nodes, "records are listed one portal a line")
{
	const std::string listing = "192.0.2.1:3260,1 " + t1 + "\n[2001:db8::1]:3261,2 " + t1 +
				    "\nhost.example.com:3260,4294967295 " + t2 + "\n";
	CHECK(good("-m node") == listing);
	CHECK(good("-m node -P 0") == listing);
}

TEST_CASE_METHOD(Nodes, "records are listed as a tree")
{
	CHECK(good("-m node -P 1") == "Target: " + t1 +
					  "\n"
					  "\tPortal: 192.0.2.1:3260,1\n"
					  "\t\tIface Name: default\n"
					  "\tPortal: [2001:db8::1]:3261,2\n"
					  "\t\tIface Name: default\n"
					  "Target: " +
					  t2 +
					  "\n"
					  "\tPortal: host.example.com:3260,-1\n"
					  "\t\tIface Name: default\n");
	CHECK(bad(Code::invalid_argument, "-m node -P 2") ==
	      "hawseradm: Invalid info level 2. Try 0 or 1.\n");
}

TEST_CASE_METHOD(Nodes, "a record is shown with every key in open-iscsi's order")
{
	std::istringstream text(good("-m node -T " + t2));
	std::string line;
	std::getline(text, line);
	CHECK(line == std::string("# BEGIN RECORD ") + HAWSER_VERSION);
	std::vector<std::string> keys;
	while (std::getline(text, line) && line != "# END RECORD") {
		REQUIRE(line.find(" = ") != std::string::npos);
		keys.push_back(line.substr(0, line.find(" = ")));
	}
	CHECK(line == "# END RECORD");

	/* What open-iscsi 2.1.8 shows of a node. */
	std::istringstream expected(scratch.get(HAWSER_SOURCE_DIR "/tests/unit/cli/node_keys.txt"));
	auto next = keys.begin();
	int count = 0;
	for (std::string key; std::getline(expected, key); count++) {
		INFO(key);
		next = std::find(next, keys.end(), key);
		REQUIRE(next != keys.end());
	}
	CHECK(count == 107);
}

TEST_CASE_METHOD(Nodes, "a value is updated in every record that matches")
{
	good("-m node -T " + t1 +
	     " -o update -n node.startup -v automatic -n node.session.queue_depth -v 64");
	CHECK(good("-m node -T " + t1).find("node.startup = manual") == std::string::npos);
	CHECK(value(t2, "node.startup") == "manual");
	good("-m node -T " + t1 + " -p 192.0.2.1 -o update -n node.startup -v manual");
	CHECK(value(t1, "node.startup") == "manual");
	CHECK(value(t1, "node.session.queue_depth") == "64");
}

TEST_CASE_METHOD(Nodes, "JSON says from which level each value comes and who named the record")
{
	scratch.put(scratch.paths.conf(), "node.session.cmds_max = 64\n");
	good("-m node -T " + t1 + " -o update -n node.startup -v automatic");
	good("-m node -T " + t1 + " -p 192.0.2.1 -o update -n node.session.queue_depth -v 32");
	const auto list = nlohmann::json::parse(good("-m node -T " + t1 + " -o show --json"));
	REQUIRE(list.size() == 2);
	const auto &levels = list[0]["levels"];
	CHECK(levels["node.session.cmds_max"] == "global");
	CHECK(levels["node.startup"] == "target");
	CHECK(levels["node.session.queue_depth"] == "address");
	CHECK(levels["node.session.reopen_max"] == "default");
	CHECK(list[1]["levels"]["node.session.queue_depth"] == "default");
	CHECK(list[0]["values"]["node.session.cmds_max"] == "64");
	CHECK(list[0]["instances"][0]["type"] == "static");
	CHECK(list[0]["vanished"] == false);
}

TEST_CASE_METHOD(Nodes, "a record that is made again is merged into the one that is there")
{
	good("-m node -T " + t2 + " -o update -n node.startup -v automatic");
	good("-m node -o new -T " + t2 + " -p host.example.com,3 -n node.session.queue_depth -v 8");
	CHECK(value(t2, "node.startup") == "automatic");
	CHECK(value(t2, "node.session.queue_depth") == "8");
	CHECK(value(t2, "node.tpgt") == "3");
}

TEST_CASE_METHOD(Nodes, "a hidden target is reached by its name alone, or when asked for")
{
	good("-m node -o new -T " + t3 + " -p 192.0.2.7,1 --hidden -n node.startup -v automatic");
	CHECK(good("-m node").find(t3) == std::string::npos);
	CHECK(good("-m node -P 1").find(t3) == std::string::npos);
	CHECK(good("-m node --json").find(t3) == std::string::npos);
	CHECK(good("-m node --hidden").find(t3) != std::string::npos);
	bad(Code::nothing_found, "-m node -L automatic");
	good("-m node -T " + t3 + " -l");
	CHECK(service.logins.back().nodes.size() == 1);
	good("-m node --hidden -L automatic");
	CHECK(service.logins.back().nodes.size() == 1);
	good("-m node -o new -T " + t3 + " -p 192.0.2.7 --hidden=no");
	CHECK(good("-m node").find(t3) != std::string::npos);
}

TEST_CASE_METHOD(Nodes, "options of static targets that make no sense are refused")
{
	bad(Code::invalid_argument, "-m node --persistent=no");
	bad(Code::invalid_argument, "-m node --hidden=no");
	bad(Code::invalid_argument, "-m node -T " + t1 + " --hidden");
	bad(Code::invalid_argument, "-m node --hidden=maybe");
	bad(Code::invalid_argument, "-m session --hidden");
	bad(Code::invalid_argument, "-m discovery --persistent");
}

TEST_CASE_METHOD(Nodes, "a record that nobody names any more says so while it is used")
{
	const config::Source source{config::SourceType::send_targets, {"192.0.2.9", 3260}};
	store.set_in_use([](const config::NodeId &) { return true; });
	REQUIRE(store.store_discovery({.source = source, .found = {{t3, {"192.0.2.7", 3260}, 1}}}));
	REQUIRE(store.store_discovery({.source = source, .found = {}}));
	CHECK(good("-m node").find("192.0.2.7:3260,1 " + t3 + "\n") != std::string::npos);
	CHECK(good("-m node -P 1").find("Iface Name: default (vanished)\n") != std::string::npos);
	const auto list = nlohmann::json::parse(good("-m node -T " + t3 + " -o show --json"));
	CHECK(list[0]["vanished"] == true);
	CHECK(list[0]["values"]["node.discovery_type"] == "send_targets");
}

TEST_CASE_METHOD(Nodes, "a bad key or value is refused with key and rule and nothing changes")
{
	const auto before = good("-m node -o show");
	auto refused = [&](Code code, const std::string &key, const std::string &text) {
		return bad(code, "-m node -T " + t1 + " -o update -n " + key + " -v " + text);
	};
	CHECK(refused(Code::invalid_argument, "node.bogus", "1") ==
	      "hawseradm: cannot set \"node.bogus\": node records have no such key\n");
	CHECK(refused(Code::invalid_argument, "node.startup", "sometimes") ==
	      "hawseradm: node.startup: \"sometimes\" is none of manual, automatic, onboot\n");
	refused(Code::invalid_argument, "node.name", "iqn.2003-01.org.example:x");
	refused(Code::invalid_argument, "iface.mtu", "9000");
	refused(Code::invalid_argument, "node.session.iscsi.MaxBurstLength", "10");
	refused(Code::not_supported, "node.session.iscsi.iSCSIProtocolLevel", "3");
	bad(Code::invalid_argument, "-m node -T " + t1 + " -o update");
	bad(Code::nothing_found,
	    "-m node -T iqn.2003-01.org.example:none -o update -n node.startup -v manual");
	CHECK(good("-m node -o show") == before);
}

TEST_CASE_METHOD(Nodes, "a secret is shown only as set, on the screen and in JSON")
{
	good("-m node -T " + t2 + " -o update -n node.session.auth.password -v geheimgeheim");
	CHECK(value(t2, "node.session.auth.password") == "********");
	CHECK(value(t2, "node.session.auth.password_in") == "<empty>");
	CHECK(good("-m node -o show --json").find("geheim") == std::string::npos);
	CHECK(scratch.get(scratch.paths.nodes() + "/" + t2 + ".json").find("geheim") ==
	      std::string::npos);
}

TEST_CASE_METHOD(Nodes, "a short secret is stored with a warning")
{
	run("-m node -T " + t2 + " -o update -n node.session.auth.password -v short");
	CHECK(status == 0);
	CHECK(err.find("warning: node.session.auth.password") != std::string::npos);
	CHECK(err.find("short") == std::string::npos);
}

TEST_CASE_METHOD(Nodes, "records are deleted, those in use are not")
{
	add_session(5, t1, "192.0.2.1");
	const auto text = bad(Code::session_exists, "-m node -T " + t1 + " -o delete");
	CHECK(text.find("This command will remove the record [iface: default, target: " + t1 +
			", portal: 192.0.2.1,3260], but session 5 is using it.") !=
	      std::string::npos);
	CHECK(good("-m node -T " + t1 + " -P 1").find("2001:db8::1") == std::string::npos);
	kernel.live.clear();
	good("-m node -T " + t1 + " -o delete");
	bad(Code::nothing_found, "-m node -T " + t1 + " -o delete");
	CHECK(good("-m node") == "host.example.com:3260,4294967295 " + t2 + "\n");
}

TEST_CASE_METHOD(Nodes, "login tells what it begins and what came of it")
{
	CHECK(good("-m node -T " + t1 + " -l") ==
	      "Logging in to [iface: default, target: " + t1 + ", portal: 192.0.2.1,3260]\n" +
		  "Logging in to [iface: default, target: " + t1 + ", portal: 2001:db8::1,3261]\n" +
		  "Login to [iface: default, target: " + t1 +
		  ", portal: 192.0.2.1,3260] successful.\n" + "Login to [iface: default, target: " +
		  t1 + ", portal: 2001:db8::1,3261] successful.\n");
	REQUIRE(service.logins.size() == 1);
	CHECK(service.logins[0].wait);
	CHECK(service.logins[0].nodes.size() == 2);
	CHECK(service.logins[0].nodes[0].tpgt == 1);
}

TEST_CASE_METHOD(Nodes,
		 "a login whose portal is named stays there, unless the record says that it hops")
{
	const std::string hopping = "node.session.portal_hopping", named = " -p 192.0.2.1";
	good("-m node -T " + t1 + " -l");
	CHECK(service.logins.back().settings.empty());
	good("-m node -T " + t1 + named + " -l");
	CHECK(service.logins.back().settings ==
	      std::map<std::string, std::string>{{hopping, "No"}});
	good("-m node -T " + t1 + named + " -o update -n " + hopping + " -v Yes");
	good("-m node -T " + t1 + named + " -l");
	CHECK(service.logins.back().settings.empty());
}

TEST_CASE_METHOD(Nodes, "login without waiting says only what was begun")
{
	CHECK(good("-m node -T " + t2 + " -l -W") == "Logging in to [iface: default, target: " +
							 t2 + ", portal: host.example.com,3260]\n");
	CHECK_FALSE(service.logins[0].wait);
}

TEST_CASE_METHOD(Nodes, "a refused login says why, with the target's own words")
{
	service.failure = varlink::Failure{Code::authentication_failed,
					   "the target refused the login for good: "
					   "authentication failure (status class 2, detail 1)",
					   2,
					   1,
					   "Authentication Failure",
					   false};
	CHECK(bad(Code::authentication_failed, "-m node -T " + t2 + " -l") ==
	      "hawseradm: Could not login to [iface: default, target: " + t2 +
		  ", portal: host.example.com,3260]: the target refused the login for good: "
		  "authentication failure (status class 2, detail 1)\n");
}

TEST_CASE_METHOD(Nodes, "a login that is there already is not asked for again")
{
	add_session(5, t1, "192.0.2.1");
	bad(Code::session_exists, "-m node -T " + t1 + " -l");
	CHECK(err.find("default: 1 session requested, but 1 already present") != std::string::npos);
	REQUIRE(service.logins.size() == 1);
	CHECK(service.logins[0].nodes.size() == 1);
}

TEST_CASE_METHOD(Nodes, "login and logout of all follow node.startup")
{
	good("-m node -T " + t1 + " -o update -n node.startup -v automatic");
	good("-m node -T " + t2 + " -o update -n node.startup -v onboot");
	good("-m node -L automatic");
	CHECK(service.logins.back().nodes.size() == 2);
	good("-m node -L all");
	CHECK(service.logins.back().nodes.size() == 2);
	bad(Code::nothing_found, "-m node -L manual");
	add_session(5, t1, "192.0.2.1");
	add_session(6, t2, "host.example.com");
	good("-m node -U all");
	CHECK(service.logouts.back().sids == std::vector<std::uint32_t>{5});
	good("-m node -U onboot");
	CHECK(service.logouts.back().sids == std::vector<std::uint32_t>{6});
	bad(Code::nothing_found, "-m node -U manual");
}

TEST_CASE_METHOD(Nodes, "logout names each session, and ends logins that have none yet")
{
	add_session(5, t1, "192.0.2.1");
	CHECK(good("-m node -T " + t1 + " -u") ==
	      "Logging out of session [sid: 5, target: " + t1 + ", portal: 192.0.2.1,3260]\n" +
		  "Logout of [sid: 5, target: " + t1 + ", portal: 192.0.2.1,3260] successful.\n");
	bad(Code::nothing_found, "-m node -T " + t2 + " -u");
	varlink::SessionStatus connecting;
	connecting.node = {t2, "host.example.com", 3260, {}, "default"};
	connecting.state = "connecting";
	service.status = {connecting};
	good("-m node -T " + t2 + " -u");
	CHECK(service.logouts.back().nodes.size() == 1);
}

TEST_CASE_METHOD(Nodes, "without the service records are edited and the rest is refused with 20")
{
	service.running = false;
	good("-m node");
	good("-m node -T " + t1 + " -o update -n node.startup -v automatic");
	CHECK(bad(Code::no_daemon, "-m node -T " + t1 + " -l") ==
	      "hawseradm: hawserd does not run\n");
	bad(Code::no_daemon, "-m node -u");
	bad(Code::no_daemon, "-m discovery -t st -p 192.0.2.1");
}

TEST_CASE_METHOD(Nodes,
		 "the portal that a listing prints is taken, and a tag finds a record without")
{
	good("-m node -T " + t3 + " -p 192.0.2.8 -o new");
	const std::string line = "192.0.2.8:3260,4294967295 " + t3 + "\n";
	CHECK(good("-m node").find(line) != std::string::npos);
	good("-m node -T " + t3 + " -p 192.0.2.8:3260,4294967295");
	good("-m node -T " + t3 + " -p 192.0.2.8:3260,1");
}

TEST_CASE_METHOD(Nodes, "a damaged record is exit status 6 and the others are listed")
{
	const auto file = scratch.paths.nodes() + "/" + t1 + ".json";
	scratch.put(file, "garbage");
	const auto text = bad(Code::record_failed, "-m node");
	CHECK(text.find(file + ".damaged") != std::string::npos);
	CHECK(out == "host.example.com:3260,4294967295 " + t2 + "\n");
	good("-m node");
}

TEST_CASE_METHOD(Nodes, "records in JSON have identity, ISIDs and every value")
{
	const auto json = nlohmann::json::parse(good("-m node --json"));
	REQUIRE(json.size() == 3);
	CHECK(json[0]["target"] == t1);
	CHECK(json[0]["tpgt"] == 1);
	CHECK(json[0]["transport"] == "hawser");
	CHECK(json[0]["values"]["iface.transport_name"] == "tcp");
	CHECK(json[0]["isids"][0].get<std::string>().starts_with("0x80"));
	CHECK(json[0]["values"]["node.startup"] == "manual");
}

TEST_CASE_METHOD(Bench, "new records start from hawserd.conf, whose bad lines are warned about")
{
	scratch.put(scratch.paths.conf(), "node.startup = automatic\nnonsense\n");
	run("-m node -o new -T " + t1 + " -p 192.0.2.1");
	CHECK(status == 0);
	CHECK(err ==
	      "hawseradm: warning: " + scratch.paths.conf() + " line 2: \"nonsense\" has no '='\n");
	CHECK(good("-m node -o show").find("node.startup = automatic") != std::string::npos);
}

TEST_CASE_METHOD(Nodes, "of a target with node.leading_login one session is enough")
{
	good("-m node -o new -T " + t3 + " -p 192.0.2.3");
	good("-m node -o new -T " + t3 + " -p 192.0.2.4");
	for (const auto &key : {"node.leading_login -v Yes", "node.startup -v automatic"})
		good("-m node -T " + t3 + " -o update -n " + key);
	good("-m node -L automatic");
	REQUIRE(service.logins.size() == 1);
	REQUIRE(service.logins[0].nodes.size() == 1);
	CHECK(service.logins[0].wait);

	service.failure = varlink::Failure{};
	run("-m node -L automatic"); // each way's failure is a warning
	CHECK(status == static_cast<int>(Code::login_final));
	CHECK(service.logins.size() == 3);
	service.failure.reset();

	add_session(9, t3, "192.0.2.4");
	good("-m node -L automatic");
	CHECK(service.logins.size() == 3);
}
