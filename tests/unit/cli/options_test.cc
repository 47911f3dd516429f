/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/options.h"

#include "base/str.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>

using namespace hawser;
using namespace hawser::cli;

namespace
{

std::vector<std::string> words_of(const std::string &line)
{
	std::vector<std::string> words;
	for (auto word : split(line, ' '))
		words.emplace_back(word);
	return words;
}

Options good(const std::string &line)
{
	auto options = parse_options(words_of(line));
	INFO(line << ": " << (options ? "" : options.error().text));
	REQUIRE(options);
	return *options;
}

Error bad(const std::string &line)
{
	auto options = parse_options(words_of(line));
	INFO(line);
	REQUIRE_FALSE(options);
	return options.error();
}

} // namespace

TEST_CASE("short, joined, long and abbreviated options are the same")
{
	for (const char *line :
	     {"-m node -T iqn.2003-01.org.example:t1 -p 192.0.2.1:3261 -l",
	      "-mnode -Tiqn.2003-01.org.example:t1 -p192.0.2.1:3261 -l",
	      "--mode node --targetname iqn.2003-01.org.example:t1 --portal 192.0.2.1:3261 --login",
	      "--mode=node --target=iqn.2003-01.org.example:t1 --portal=192.0.2.1:3261 --login"}) {
		const auto options = good(line);
		CHECK(options.mode == Mode::node);
		CHECK(options.target == "iqn.2003-01.org.example:t1");
		CHECK(options.portal->id == config::PortalId{"192.0.2.1", 3261});
		CHECK(options.login);
	}
}

TEST_CASE("a portal is host, port and tag, IPv6 in brackets or bare")
{
	CHECK(good("-m node -p 192.0.2.1").portal->id == config::PortalId{"192.0.2.1", 3260});
	CHECK(good("-m node -p 192.0.2.1:3261,7").portal->tpgt == 7);
	/* As a tag that is not known is printed. */
	CHECK_FALSE(good("-m node -p 192.0.2.1:3261,4294967295").portal->tpgt);
	CHECK_FALSE(good("-m node -p 192.0.2.1:3261,-1").portal->tpgt);
	CHECK(good("-m node -p [2001:db8::1]:3261,2").portal->id ==
	      config::PortalId{"2001:db8::1", 3261});
	CHECK(good("-m node -p [2001:DB8::1]").portal->id.host == "2001:db8::1");
	CHECK(good("-m node -p 2001:db8::1").portal->id.host == "2001:db8::1");
	CHECK(good("-m node -p Storage.Example.com").portal->id.host == "storage.example.com");
	for (const char *portal :
	     {"192.0.2.1:0", "192.0.2.1:99999", "192.0.2.1:", "[2001:db8::1", "-", "a_b..c"})
		CHECK(bad(std::string("-m node -p ") + portal).code == Code::invalid_argument);
}

TEST_CASE("names and values come in pairs, in either order, values as they are")
{
	auto options = parse_options({"-m", "node", "-o", "update", "-n", "a", "-v", "-1", "-v",
				      "[x,y]", "-n", "b", "-n", "c", "-v", ""});
	REQUIRE(options);
	REQUIRE(options->settings.size() == 3);
	CHECK(options->settings[0] == std::pair<std::string, std::string>{"a", "-1"});
	CHECK(options->settings[1] == std::pair<std::string, std::string>{"b", "[x,y]"});
	CHECK(options->settings[2] == std::pair<std::string, std::string>{"c", ""});
	CHECK(bad("-m node -o update -n a").text.find("\"a\" has no value") != std::string::npos);
	CHECK(good("-m node -o show -n node.startup").has(cli::Op::show));
	CHECK(bad("-m node -l -n a").code == Code::invalid_argument);
	CHECK(bad("-m node -o update -n a -n b -v 1").code == Code::invalid_argument);
	CHECK(bad("-m node -o update -v a").code == Code::invalid_argument);
}

TEST_CASE("a session is named by number or by a path of sysfs")
{
	CHECK(good("-m session -r 12").sid == 12u);
	CHECK(good("-m session -r /sys/devices/platform/host3/session7/target3:0:0/3:0:0:1").sid ==
	      7u);
	CHECK(good("-m session -r /sys/class/iscsi_session/session4").sid == 4u);
	CHECK(bad("-m session -r bogus").text == "\"bogus\" is an invalid session ID or path");
	bad("-m session -r session4");
	bad("-m session -r /sys/sessions");
	bad("-m session -r 99999999999");
}

TEST_CASE("an unknown mode, option, operation or extra word is refused by name")
{
	CHECK(bad("-m bogus").text.find("\"bogus\"") != std::string::npos);
	CHECK(bad("-m node --bogus").text.find("--bogus") != std::string::npos);
	CHECK(bad("-m node --login=now").text.find("--login=now") != std::string::npos);
	CHECK(bad("-mnode -l -zQ").text == "unknown or ambiguous option \"-z\"");
	CHECK(bad("-mnode --json -lQ").text == "unknown or ambiguous option \"-Q\"");
	CHECK(bad("-m node -o bogus").text == "can not recognize operation: \"bogus\"");
	CHECK(bad("-m node extra").text.find("\"extra\"") != std::string::npos);
	CHECK(bad("-m").text.find("-m") != std::string::npos);
	CHECK(bad("-m node -P x").text.find("-P") != std::string::npos);
	CHECK(bad("-l").text.find("no mode") != std::string::npos);
	CHECK(bad("-m node -I a/b").code == Code::invalid_argument);
}

TEST_CASE("each mode takes its own options, in iscsiadm's words")
{
	CHECK(bad("-m node -t st").text == "node mode: option '-t' is not allowed/supported");
	CHECK(bad("-m session -T x").text == "session mode: option '-T' is not allowed/supported");
	CHECK(bad("-m iface -l").text == "iface mode: option '-l' is not allowed/supported");
	bad("-m discovery -u");
	bad("-m node --cid 1");
	good("-m discoverydb -t st -p 192.0.2.1 -D -l -W -I default -I nic0");
}

TEST_CASE("actions that exclude each other are refused")
{
	CHECK(bad("-m node -l -u").text == "Invalid parameters. Both login and logout passed in");
	bad("-m node -l -R");
	bad("-m node -l -o new");
	bad("-m node -o new -o delete");
	CHECK(good("-m node -I a -I b").ifaces == std::vector<std::string>{"a"});
	CHECK(good("-m discovery -t st -p 192.0.2.1 -I a -I b").ifaces.size() == 2);
	bad("-m session -r 1 --cid 0");
	CHECK(good("-m discovery -t st -p 192.0.2.1 -o new -o delete -o new").ops.size() == 2);
}

TEST_CASE("what iscsiadm has and Hawser has not is refused as not supported")
{
	for (const char *line : {"-m node -S", "-k 0", "-m iface -I x -o apply", "-m host -C chap",
				 "-m host -x 1", "-m iface -I x -C ping -a 192.0.2.1"})
		CHECK(bad(line).code == Code::not_supported);
}

TEST_CASE("ping has sizes, counts and intervals in range")
{
	const auto options = good("-m session -r 1 -C ping -b 4096 -c 3 -i 0 --cid 2");
	CHECK(options.ping);
	CHECK(options.ping_size == 4096);
	CHECK(options.ping_count == 3);
	CHECK(options.ping_interval == 0);
	CHECK(options.cid == 2);
	CHECK(good("-m session -r 1 -C ping").ping_size == 64);
	bad("-m session -r 1 -C ping -b 4097");
	bad("-m session -r 1 -C ping -c 0");
	CHECK(good("-m session -r 1 -C sendtargets --cid 2").send_targets);
	bad("-m session -r 1 -C sendtargets -u");
	bad("-m host -C sendtargets");
	bad("-m session -r 1 --cid 2");
}

TEST_CASE("a task management function has its LUN, or none")
{
	const auto options =
	    good("-m session -r 1 -C tmf --function lu_reset --lun 0x4001 --cid 2 --json");
	CHECK(options.task_management);
	CHECK(options.function->code == 5);
	CHECK(options.lun == Lun(0x4001));
	CHECK(options.cid == 2);
	CHECK_FALSE(good("-m session -r 1 -C tmf --function target_cold_reset").lun);

	CHECK(bad("-m session -r 1 -C tmf --lun 1").text ==
	      "-C tmf: needs a function (--function)");
	CHECK(bad("-m session -r 1 -C tmf --function lu_reset").text ==
	      "--lun: LOGICAL UNIT RESET needs a LUN");
	CHECK(bad("-m session -r 1 -C tmf --function target_warm_reset --lun 0").text ==
	      "--lun: TARGET WARM RESET takes no LUN");
	CHECK(bad("-m session -r 1 -C tmf --function abort_task --lun 0")
		  .text.find("--function: \"abort_task\" is none of abort_task_set, ") == 0);
	bad("-m session -r 1 -C tmf --function lu_reset --lun x");
	bad("-m session -r 1 -C tmf --function lu_reset --lun 9223372036854775808");
	bad("-m session -r 1 -C tmf --function lu_reset --lun 0 -u");
	bad("-m session -r 1 --function lu_reset --lun 0");
	bad("-m session -r 1 -C ping --lun 0");
	bad("-m host -C tmf --function lu_reset --lun 0");
	bad("-m host -C tmf");
}

TEST_CASE("every task management function is in the help and wherever else they are listed")
{
	const auto text_of = [](const std::string &path) {
		std::ifstream file(HAWSER_SOURCE_DIR "/" + path);
		return std::string(std::istreambuf_iterator<char>(file), {});
	};
	for (const std::string &text :
	     {help_text("hawseradm"), text_of("Documentation/man/hawseradm.8.rst"),
	      text_of("etc/bash-completion/hawseradm"), text_of("usr/varlink/io.hawser.varlink")}) {
		std::size_t at = 0;
		for (const auto &function : all_task_management_functions()) {
			INFO(function.name << " in\n" << text);
			at = text.find(function.name, at);
			REQUIRE(at != std::string::npos);
		}
	}
}

TEST_CASE("import stands alone and has a default folder")
{
	CHECK(good("--import").import_from == "/etc/iscsi");
	CHECK(good("--import=/srv/old").import_from == "/srv/old");
	bad("--import -m node");
	bad("--import /srv/old");
}

TEST_CASE("help and version need no mode, and help names no option that is refused")
{
	CHECK(good("-h").help);
	CHECK(good("--version").version);
	CHECK(good("-m node -h").help);
	const auto help = help_text("hawseradm");
	for (const char *option : {" -S", " -k", " -A", " -x"})
		CHECK(help.find(option) == std::string::npos);
}

TEST_CASE("parsing one line leaves nothing for the next")
{
	good("-m node -l");
	CHECK_FALSE(good("-m node").login);
	bad("-m node --bogus");
	good("-m node");
}
