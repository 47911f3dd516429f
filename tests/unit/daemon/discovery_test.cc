/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a portal's answer does to the records. */
#include "daemon/discovery.h"

#include "base/coding.h"
#include "folder.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

using namespace hawser;
using namespace hawser::daemon;

namespace
{

const std::string t1 = "iqn.2026-11.example:t1", t2 = "iqn.2026-11.example:t2";
constexpr auto kind = config::RecordKind::send_targets;

struct Answers {
	Folder folder;
	config::Store store{folder.paths()};
	config::DiscoveryRecord record{{"192.0.2.9", 3260}};
	varlink::DiscoverCall call;
	Discovered result;
	Tpgt tpgt{1};

	Answers()
	{
		call.changes = {"new", "update", "delete"};
		call.keep_portal = true;
	}

	Status keep(const std::vector<std::string> &targets, bool incomplete = false,
		    bool only_known = false,
		    const std::set<std::string, std::less<>> &uncertain = {})
	{
		DiscoveryReply reply;
		reply.uncertain = uncertain;
		for (const auto &target : targets)
			reply.targets.push_back(
			    {target, {Portal{*parse_host("192.0.2.1", 3260), tpgt}}});
		reply.incomplete = incomplete;
		return keep_discovery(call, record, record.settings, only_known, reply, store,
				      result);
	}
	std::size_t nodes() { return store.nodes()->items.size(); }
};

} // namespace

TEST_CASE_METHOD(Answers, "what a portal does not name any more goes")
{
	REQUIRE(keep({t1, t2}));
	REQUIRE(keep({t1}));
	CHECK(nodes() == 1);
}

TEST_CASE_METHOD(
    Answers, "a portal that names nothing at all, or cannot be read whole, takes no record away")
{
	REQUIRE(keep({t1, t2}));
	REQUIRE(keep({}));
	CHECK(nodes() == 2);
	REQUIRE(keep({t1}, true));
	CHECK(nodes() == 2);
}

TEST_CASE_METHOD(Answers, "a target whose addresses cannot all be used keeps its records, alone")
{
	const std::string t3 = "iqn.2026-11.example:t3";
	REQUIRE(keep({t1, t2, t3}));
	REQUIRE(keep({t1}, false, false, {t2}));
	REQUIRE(nodes() == 2);
	CHECK(store.nodes()->items[1].id.target == t2);
}

TEST_CASE_METHOD(Answers, "a refresh takes over another portal group tag")
{
	REQUIRE(keep({t1}));
	tpgt = Tpgt{2};
	call.changes = {"new"};
	REQUIRE(keep({t1}));
	CHECK(store.nodes()->items[0].tpgt == 1);
	call.changes = {"new", "delete"};
	REQUIRE(keep({t1}));
	CHECK(store.nodes()->items[0].tpgt == 2);
}

TEST_CASE_METHOD(Answers, "a secret needs its method, in the call or in the portal's record")
{
	const std::string method = "discovery.sendtargets.auth.authmethod",
			  secret = "discovery.sendtargets.auth.password";
	const auto refused = check_units({{secret, "correct horse battery"}}, record.settings);
	REQUIRE_FALSE(refused);
	CHECK(refused.error().code == Code::invalid_argument);
	CHECK_THAT(refused.error().text, Catch::Contains(secret) && Catch::Contains(method));
	CHECK(check_units({{secret, "correct horse battery"}, {method, "CHAP"}}, record.settings));
	CHECK(check_units({{"discovery.sendtargets.iscsi.HeaderDigest", "None"}}, record.settings));
	REQUIRE(record.settings.set(method, "CHAP", store.secrets()));
	CHECK(check_units({{secret, "correct horse battery"}}, record.settings));
}

TEST_CASE_METHOD(Answers, "only what is new and automatic is to be logged in to")
{
	REQUIRE(store.put_discovery_record(record));
	REQUIRE(keep({t1}));
	CHECK(result.automatic.empty());
	std::filesystem::create_directories(store.paths().config_dir);
	std::ofstream(store.paths().conf()) << "node.startup = automatic\n";
	REQUIRE(keep({t1, t2}));
	REQUIRE(result.automatic.size() == 1);
	CHECK(result.automatic[0].id.target == t2);
	CHECK_FALSE(result.automatic[0].isids.empty());
}

TEST_CASE_METHOD(Answers, "the record of a portal that was deleted meanwhile is not brought back")
{
	REQUIRE_FALSE(keep({t1}, false, true));
	CHECK_FALSE(store.discovery_record(kind, record.portal));
}
