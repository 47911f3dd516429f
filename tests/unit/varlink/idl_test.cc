/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "varlink/api.h"
#include "varlink/idl.h"

#include <catch2/catch.hpp>

using namespace hawser;
using namespace hawser::varlink;

namespace
{

Interface io_hawser()
{
	auto interface = Interface::parse(io_hawser_description());
	REQUIRE(interface);
	return std::move(*interface);
}

Failure a_failure()
{
	Failure failure;
	failure.code = Code::authentication_failed;
	failure.text = "no";
	failure.status_class = 2;
	failure.status_detail = 1;
	failure.status_text = "authentication failure";
	return failure;
}

Node a_node()
{
	return {"iqn.2026-11.example:t", "192.0.2.1", 3260, 1, "default"};
}

} // namespace

TEST_CASE("The description of io.hawser has the methods that the daemon serves")
{
	const Interface interface = io_hawser();
	CHECK(interface.name() == "io.hawser");
	for (const char *method :
	     {"GetInfo", "ListSessions", "Login", "Logout", "Rescan", "Ping", "TaskManagement",
	      "AddConnection", "RemoveConnection", "ChangeSession", "Discover", "SendTargets"})
		CHECK(interface.method(method));
	CHECK(interface.error("Failed"));
	CHECK_FALSE(interface.method("login"));
}

TEST_CASE("What the types of io.hawser write fits the description")
{
	const Interface interface = io_hawser();
	const auto fits = [&](const char *method, const Json &in, const Json &out) {
		INFO(method);
		CHECK(interface.mismatch(interface.method(method)->in, in) == std::nullopt);
		CHECK(interface.mismatch(interface.method(method)->out, out) == std::nullopt);
	};

	InfoReply info;
	info.module_failure = a_failure();
	info.module_abi = 1;
	info.module_version = "1";
	fits("GetInfo", Json::object(), info);

	Connection up{0, "192.0.2.1", 3260, "default", "active", 0, "up", 0, {}, {}};
	Connection joining{1, "192.0.2.2", 3261, "eth1", "standby",
			   7, "joining",   3,	 2000,	 a_failure()};
	SessionStatus status{4,	   a_node(),	"reconnecting", 3,
			     2000, a_failure(), "round-robin",	{up, joining}};
	fits("ListSessions", Json::object(), {{"sessions", std::vector<SessionStatus>{status}}});

	LoginCall login{{a_node()}, {{"node.session.cmds_max", "64"}}, true};
	fits("Login", login,
	     Progress<LoginResult>{{{a_node(), 3, {}}, {a_node(), {}, a_failure()}}, 2, 2});
	LogoutCall logout{{1, 2}, {a_node()}};
	fits("Logout", logout, Progress<LogoutResult>{{{a_node(), 3, {}}}, 1, 1});
	fits("Rescan", {{"sids", {1, 2}}}, Progress<RescanResult>{{{1, 2, 3, a_failure()}}, 1, 1});
	PingCall ping{4, 0, 64, 1, 1000};
	fits("Ping", ping, Progress<PingResult>{{{1, 64, 123456, {}}}, 1, 1});
	fits("TaskManagement", TaskManagementCall{4, 0, "lu_reset", INT64_MAX},
	     TaskManagementReply{0, "function complete", {}});
	fits("TaskManagement", TaskManagementCall{4, {}, "it_nexus_reset", {}},
	     TaskManagementReply{{}, {}, a_failure()});
	fits("AddConnection", AddConnectionCall{4, "192.0.2.1", 3260, {}}, {{"cid", 2}});
	fits("AddConnection",
	     AddConnectionCall{4, "192.0.2.1", 3260, "eth0", "standby", 7, "CRC32C", "None"},
	     {{"cid", 2}});
	fits("RemoveConnection", RemoveConnectionCall{4, 1}, Json::object());
	fits("ChangeSession", ChangeSessionCall{4, "cpu", {}, {}, {}}, Json::object());
	fits("ChangeSession", ChangeSessionCall{4, {}, 1, "standby", 7}, Json::object());
	DiscoverCall discover{
	    "sendtargets", "192.0.2.1", 3260, {"default"}, {}, {"new", "update", "delete"}, true};
	DiscoverReply found{{{"iqn.2026-11.example:t", {{"192.0.2.1", 3260, 1}}}}, {"a bad name"}};
	fits("Discover", discover, found);
	fits("SendTargets", SendTargetsCall{1, 0}, found);
	fits("SendTargets", SendTargetsCall{1, {}}, found);

	const Json failed = {{"failure", a_failure()}};
	CHECK(interface.mismatch(interface.error("Failed")->parameters, failed) == std::nullopt);
}

TEST_CASE("The types of io.hawser read back what they wrote")
{
	const Json json = LoginResult{a_node(), {}, a_failure()};
	const auto result = json.get<LoginResult>();
	CHECK(result.node == a_node());
	CHECK_FALSE(result.sid);
	REQUIRE(result.failure);
	CHECK(result.failure->code == Code::authentication_failed);
	CHECK(result.failure->status_detail == 1);
	CHECK(result.failure->status_text == "authentication failure");

	const Json asked = TaskManagementCall{4, 1, "lu_reset", 1ull << 40};
	const auto call = asked.get<TaskManagementCall>();
	CHECK(call.sid == 4);
	CHECK(call.cid == 1);
	CHECK(call.function == "lu_reset");
	CHECK(call.lun == 1ull << 40);
	const Json answered = TaskManagementReply{255, "function rejected", a_failure()};
	const auto reply = answered.get<TaskManagementReply>();
	CHECK(reply.response == 255);
	CHECK(reply.text == "function rejected");
	REQUIRE(reply.failure);
	CHECK(reply.failure->code == Code::authentication_failed);
}

TEST_CASE("Parameters that do not fit are found by their path")
{
	const Interface interface = io_hawser();
	const Type &in = interface.method("Login")->in;
	const Json good = LoginCall{{a_node(), a_node()}, {{"k", "v"}}, true};
	REQUIRE(interface.mismatch(in, good) == std::nullopt);
	const auto path_of = [&](const char *pointer, const Json &value) {
		Json bad = good;
		bad[Json::json_pointer(pointer)] = value;
		return interface.mismatch(in, bad).value_or("fits");
	};

	CHECK(path_of("/wait", 1) == "wait");
	CHECK(path_of("/wait", nullptr) == "wait");
	CHECK(path_of("/nodes", Json::object()) == "nodes");
	CHECK(path_of("/nodes/1/port", "3260") == "nodes[1].port");
	CHECK(path_of("/nodes/1/port", 3260.5) == "nodes[1].port");
	CHECK(path_of("/nodes/1/port", 18446744073709551615u) == "nodes[1].port");
	CHECK(path_of("/nodes/0/target", Json::array()) == "nodes[0].target");
	CHECK(path_of("/nodes/0/tpgt", nullptr) == "fits");
	CHECK(path_of("/nodes/0/colour", "red") == "nodes[0].colour");
	CHECK(path_of("/settings/k", 1) == "settings.k");
	CHECK(path_of("/extra", 1) == "extra");

	Json without = good;
	without.erase("settings");
	CHECK(interface.mismatch(in, without) == "settings");
}

TEST_CASE("A word that is not in an enumeration does not fit")
{
	const Interface interface = io_hawser();
	Json call = DiscoverCall{"isns", "h", 3260, {}, {}, {"new"}, true};
	CHECK(interface.mismatch(interface.method("Discover")->in, call) == std::nullopt);
	call["changes"] = {"new", "destroy"};
	CHECK(interface.mismatch(interface.method("Discover")->in, call) == "changes[1]");
}

TEST_CASE("A description that is none is refused with its line")
{
	const auto line_of = [](const char *text) {
		auto interface = Interface::parse(text);
		REQUIRE_FALSE(interface);
		return interface.error().text;
	};
	CHECK_THAT(line_of("method A() -> ()"), Catch::Contains("line 1"));
	CHECK_THAT(line_of("interface a.b\n\nmethod A(x: int) ()"), Catch::Contains("line 3"));
	CHECK_THAT(line_of("interface a.b\ntype T (x: int, y)"), Catch::Contains("line 2"));
	CHECK_THAT(line_of("interface a.b\ntype T (x: ??int)"), Catch::Contains("line 2"));
	CHECK_THAT(line_of("interface a.b\nkind T (x: int)"), Catch::Contains("kind"));
}
