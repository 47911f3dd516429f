/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/conf.h"

#include "base/coding.h"
#include "scratch.h"

#include <catch2/catch.hpp>
#include <sstream>
#include <sys/stat.h>
#include <unistd.h>

using namespace hawser;
using namespace hawser::config;

namespace
{

struct Fixture {
	Scratch scratch;
	SecretBox box{scratch.paths.config_dir, "secret.key"};
};

} // namespace

TEST_CASE_METHOD(Fixture, "no configuration file means the table's values")
{
	auto conf = load_conf(scratch.paths, box);
	REQUIRE(conf);
	CHECK(conf->node.get("node.startup") == "manual");
	CHECK(conf->warnings.empty());
}

TEST_CASE_METHOD(Fixture, "the configuration sets what new records start from")
{
	scratch.put(scratch.paths.conf(), "node.startup = automatic\n"
					  "discovery.sendtargets.auth.authmethod = CHAP\n"
					  "node.session.auth.chap_algs = SHA256,MD5\n");
	auto conf = load_conf(scratch.paths, box);
	REQUIRE(conf);
	CHECK(conf->warnings.empty());
	CHECK(conf->node.get("node.startup") == "automatic");
	CHECK(conf->discovery.get("discovery.sendtargets.auth.authmethod") == "CHAP");
	CHECK(conf->node.get("node.session.auth.chap_algs") == "SHA256,MD5");
	CHECK(conf->discovery.get("node.session.auth.chap_algs") == "SHA256,MD5");
}

TEST_CASE_METHOD(
    Fixture, "a line that cannot be used is warned about by file and line and costs only itself")
{
	const auto conf = parse_conf("node.bogus = 1\n"
				     "nonsense\n"
				     "node.session.queue_depth = 0\n"
				     "iface.mtu = 9000\n"
				     "node.session.auth.chap_algs = SHA9\n"
				     "node.startup = automatic\n",
				     "x.conf", box);
	REQUIRE(conf.warnings.size() == 5);
	CHECK(conf.warnings[0] == "x.conf line 1: unknown key \"node.bogus\"");
	CHECK(conf.warnings[1].starts_with("x.conf line 2: "));
	CHECK(conf.warnings[2].find("queue_depth") != std::string::npos);
	CHECK(conf.warnings[3].find("iface.mtu") != std::string::npos);
	CHECK(conf.warnings[4].starts_with("x.conf line 5: node.session.auth.chap_algs"));
	CHECK(conf.node.get("node.startup") == "automatic");
	CHECK(conf.node.number("node.session.queue_depth") == 32);
}

TEST_CASE_METHOD(Fixture, "the shipped configuration is accepted and changes no value")
{
	const auto text = scratch.get(HAWSER_SOURCE_DIR "/etc/hawserd.conf");
	REQUIRE_FALSE(text.empty());
	const auto conf = parse_conf(text, "hawserd.conf", box);
	CHECK(conf.warnings == std::vector<std::string>{});
	for (const auto &key : record_keys()) {
		CHECK_FALSE(conf.node.is_set(key.name));
		CHECK_FALSE(conf.discovery.is_set(key.name));
	}
}

TEST_CASE_METHOD(Fixture, "every value that the shipped configuration shows is the table's")
{
	std::istringstream text(scratch.get(HAWSER_SOURCE_DIR "/etc/hawserd.conf"));
	int shown = 0;
	for (std::string line; std::getline(text, line);) {
		if (line.size() < 2 || line[0] != '#' || line[1] == ' ' || line[1] == '\t')
			continue;
		INFO(line);
		const auto sign = line.find(" =");
		REQUIRE(sign != std::string::npos);
		const auto name = line.substr(1, sign - 1);
		const auto *key = find_key(RecordKind::node, name);
		key = key ? key : find_key(RecordKind::send_targets, name);
		key = key ? key : find_key(RecordKind::isns, name);
		REQUIRE(key);
		const auto value = line.size() > sign + 2 ? line.substr(sign + 3) : "";
		CHECK(key->initial == value);
		shown++;
	}
	CHECK(shown > 30);
}

TEST_CASE_METHOD(Fixture, "open-iscsi's configuration is accepted, its service's own switches too")
{
	const auto conf = parse_conf("iscsid.startup = /bin/systemctl start iscsid.socket\n"
				     "iscsid.safe_logout = Yes\n"
				     "node.startup = manual\n"
				     "node.session.xmit_thread_priority = -20\n",
				     "iscsid.conf", box);
	CHECK(conf.warnings.empty());
}

TEST_CASE_METHOD(Fixture, "a configuration with a secret that others may read is warned about")
{
	scratch.put(scratch.paths.conf(), "node.session.auth.password = twelve bytes\n");
	const auto mode = GENERATE(0600, 0640, 0644);
	REQUIRE(::chmod(scratch.paths.conf().c_str(), mode) == 0);
	auto conf = load_conf(scratch.paths, box);
	REQUIRE(conf);
	const bool told =
	    std::any_of(conf->warnings.begin(), conf->warnings.end(), [&](const std::string &line) {
		    CHECK(line.find("twelve bytes") == std::string::npos);
		    return line.find("chmod 600") != std::string::npos;
	    });
	CHECK(told == (mode != 0600 || ::geteuid() != 0));
	CHECK(as_text(conf->node.secret("node.session.auth.password", box)->bytes()) ==
	      "twelve bytes");
}

TEST_CASE_METHOD(Fixture, "a configuration without a secret may be read by all")
{
	scratch.put(scratch.paths.conf(), "node.startup = automatic\n"
					  "node.session.auth.password =\n");
	REQUIRE(::chmod(scratch.paths.conf().c_str(), 0644) == 0);
	auto conf = load_conf(scratch.paths, box);
	REQUIRE(conf);
	CHECK(conf->warnings.empty());
}

TEST_CASE_METHOD(Fixture,
		 "an unknown key is shown to its first blank: what follows may be a secret")
{
	const auto conf = parse_conf("node.session.auth.password hunter2=hunter2\n", "x.conf", box);
	REQUIRE(conf.warnings.size() == 1);
	CHECK(conf.warnings[0] == "x.conf line 1: unknown key \"node.session.auth.password\"");
}
