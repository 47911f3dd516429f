/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/plan.h"

#include "base/fd.h"
#include "folder.h"
#include "iscsi/offer.h"

#include <sys/socket.h>

using namespace hawser;
using namespace hawser::daemon;

namespace
{

struct Records {
	Folder folder;
	config::Store store{folder.paths()};
	config::Node node = a_node();
	config::Iface iface{"default", config::Settings(config::RecordKind::iface)};
	Isid isid = Isid::from_random(0x123456, 3);

	void set(const char *key, const char *value)
	{
		REQUIRE(node.settings.set(key, value, store.secrets()));
	}
	Result<Plan> plan() { return make_plan(node, iface, an_identity(), isid, store.secrets()); }
};

} // namespace

TEST_CASE_METHOD(Records, "A plan has what the record says")
{
	set("node.session.iscsi.ImmediateData", "No");
	set("node.session.iscsi.FirstBurstLength", "4096");
	set("node.conn[0].iscsi.HeaderDigest", "CRC32C,None");
	set("node.session.timeo.replacement_timeout", "-1");
	set("node.session.scan", "manual");
	set("node.conn[0].timeo.noop_out_interval", "7");
	auto made = plan();
	REQUIRE(made);

	CHECK(made->links.front().portal.host == "192.0.2.1");
	CHECK(made->login.initiator_name == an_identity().name);
	CHECK(made->login.target_name == node.id.target);
	CHECK(made->login.isid == isid);
	CHECK(made->login.expected_tpgt == Tpgt(1));
	CHECK_FALSE(made->login.offer.immediate_data);
	CHECK(made->login.offer.first_burst_length == 4096);
	CHECK(made->login.offer.header_digest == std::vector{Digest::crc32c, Digest::none});
	CHECK(made->settings.recovery_tmo == -1);
	CHECK(made->settings.scan == kernel::ScanMode::manual);
	CHECK(made->ping_interval == 7);
}

TEST_CASE_METHOD(
    Records,
    "A socket has the record's receive buffer before it is connected, and TCP's own with 0")
{
	const auto buffer_after = [this](const char *window_size) {
		set("node.conn[0].tcp.window_size", window_size);
		const Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
		REQUIRE(socket);
		const auto made = plan();
		REQUIRE(made);
		REQUIRE(made->prepare(made->links.front(), socket.get()));
		int bytes = 0;
		socklen_t size = sizeof bytes;
		REQUIRE(getsockopt(socket.get(), SOL_SOCKET, SO_RCVBUF, &bytes, &size) == 0);
		return bytes;
	};
	const int own = buffer_after("0");
	/* The kernel doubles what it is told, for its own needs (socket(7)). */
	CHECK(buffer_after("40000") == 80000);
	CHECK(own != 80000);
}

TEST_CASE_METHOD(Records, "An unknown portal group tag is not expected of the target")
{
	node.tpgt = -1;
	auto made = plan();
	REQUIRE(made);
	CHECK_FALSE(made->login.expected_tpgt);
}

TEST_CASE_METHOD(Records, "Pages are kept still as soon as the record permits a data digest")
{
	CHECK_FALSE(plan()->settings.stable_writes);
	set("node.conn[0].iscsi.DataDigest", "None,CRC32C");
	CHECK(plan()->settings.stable_writes);
}

TEST_CASE_METHOD(Records, "More outstanding R2Ts than the module takes are not offered")
{
	set("node.session.iscsi.MaxOutstandingR2T", "8");
	CHECK(plan()->login.offer.max_outstanding_r2t == 8);
	set("node.session.iscsi.MaxOutstandingR2T", "65535");
	CHECK(plan()->login.offer.max_outstanding_r2t == HWS_R2T_MAX);
}

TEST_CASE_METHOD(
    Records,
    "Level 2 is offered where nobody set one, and yields to several R2Ts that somebody set")
{
	CHECK(plan()->login.offer.error_recovery_level == 2);
	CHECK(plan()->login.offer.default_time2wait == 2);
	CHECK(plan()->login.offer.default_time2retain == 20);
	set("node.session.iscsi.MaxOutstandingR2T", "4");
	CHECK(plan()->login.offer.error_recovery_level == 0);
	set("node.session.iscsi.DataSequenceInOrder", "No");
	CHECK(plan()->login.offer.error_recovery_level == 2);
	set("node.session.iscsi.DataSequenceInOrder", "Yes");
	set("node.session.iscsi.ERL", "1");
	const auto refused = plan();
	REQUIRE_FALSE(refused);
	CHECK(refused.error().text.find("13.19") != std::string::npos);
}

TEST_CASE_METHOD(Records, "Every record key of a text key reaches the offer")
{
	const std::pair<const char *, const char *> values[] = {
	    {"node.session.iscsi.InitialR2T", "Yes"},
	    {"node.session.iscsi.ImmediateData", "No"},
	    {"node.session.iscsi.FirstBurstLength", "1024"},
	    {"node.session.iscsi.MaxBurstLength", "4096"},
	    {"node.session.iscsi.DefaultTime2Retain", "7"},
	    {"node.session.iscsi.DefaultTime2Wait", "9"},
	    {"node.session.iscsi.MaxConnections", "5"},
	    {"node.session.iscsi.MaxOutstandingR2T", "3"},
	    {"node.session.iscsi.DataPDUInOrder", "No"},
	    {"node.session.iscsi.DataSequenceInOrder", "No"},
	    {"node.session.iscsi.ERL", "1"},
	    {"node.session.iscsi.TaskReporting", "ResponseFence,RFC3720"},
	    {"node.session.iscsi.iSCSIProtocolLevel", "2"},
	    {"node.conn[0].iscsi.MaxRecvDataSegmentLength", "65536"},
	    {"node.conn[0].iscsi.HeaderDigest", "CRC32C,None"},
	    {"node.conn[0].iscsi.DataDigest", "None,CRC32C"},
	};
	const auto at_first = plan()->login.offer;
	CHECK_FALSE(at_first.iscsi_protocol_level);
	CHECK(at_first.task_reporting.empty());
	for (const auto &[key, value] : values)
		set(key, value);
	set("node.conn[0].iscsi.MaxXmitDataSegmentLength", "512");
	const auto offer = plan()->login.offer;
	for (const auto &[key, value] : values) {
		INFO(key);
		const auto *row = config::find_key(config::RecordKind::node, key);
		const auto *binding = find_binding(row->text_key);
		REQUIRE(binding);
		CHECK(binding->offered(offer) == value);
		CHECK(binding->offered(at_first) != value);
	}
}

TEST_CASE_METHOD(Records, "The administrator's bound on sent segments holds against the target's")
{
	LoginResult result;
	result.parameters.max_xmit_data_segment_length = 65536;
	const auto bound = [&] {
		const auto made = plan();
		REQUIRE(made);
		return connection_of(*made, made->links.front(), result, 3)
		    .max_xmit_data_segment_length;
	};
	CHECK(bound() == 65536);
	set("node.conn[0].iscsi.MaxXmitDataSegmentLength", "8192");
	CHECK(bound() == 8192);
}

TEST_CASE_METHOD(Records, "The connection keeps the record's portal, whatever name it has")
{
	node.id.portal = {"storage.example", 3261};
	auto made = plan();
	REQUIRE(made);
	const auto connection = connection_of(*made, made->links.front(), LoginResult(), 3);
	CHECK(connection.persistent_address == "storage.example");
	CHECK(connection.persistent_port == 3261);
}

TEST_CASE_METHOD(Records, "The portal group is the one that the target declared")
{
	auto made = plan();
	REQUIRE(made);
	LoginResult result;
	result.target.tpgt = Tpgt(5);
	CHECK(identity_of(*made, result, "k")->tpgt == Tpgt(5));
	result.target.tpgt.reset();
	auto unknown = identity_of(*made, result, "k");
	REQUIRE_FALSE(unknown);
	CHECK(unknown.error().code == Code::login_failed);
}

TEST_CASE_METHOD(Records, "A device that is not there yet keeps no session from being planned")
{
	REQUIRE(iface.settings.set("iface.hwaddress", "02:00:00:00:00:99", store.secrets()));
	auto made = plan();
	REQUIRE(made);
	const Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	const auto prepared = made->prepare(made->links.front(), fd.get());
	REQUIRE_FALSE(prepared);
	CHECK(prepared.error().code == Code::connect_failed);
	CHECK_THAT(prepared.error().text, Catch::Contains("02:00:00:00:00:99"));
}

TEST_CASE_METHOD(Records, "A plan has a link for each connection that the record has")
{
	set("node.session.nr_connections", "3");
	set("node.session.policy", "least-queue");
	set("node.conn[1].address", "192.0.2.2");
	set("node.conn[1].iface", "nic1");
	set("node.conn[1].role", "standby");
	set("node.conn[2].weight", "7");
	config::Iface other{"nic1", config::Settings(config::RecordKind::iface)};
	REQUIRE(other.settings.set("iface.net_ifacename", "eth1", store.secrets()));
	auto made = make_plan(node, iface, an_identity(), isid, store.secrets(), {{}, {other}});
	REQUIRE(made);

	CHECK(made->settings.policy == kernel::Policy::least_queue);
	REQUIRE(made->links.size() == 3);
	CHECK(made->links[0].of_record);
	CHECK(made->links[1].portal.host == "192.0.2.2");
	CHECK(made->links[1].binding.device == "eth1");
	CHECK(made->links[1].role == kernel::Role::standby);
	CHECK_FALSE(made->links[1].of_record);
	CHECK(made->links[2].portal.host == "192.0.2.1");
	CHECK(made->links[2].binding.device.empty());
	CHECK(made->links[2].weight == 7);
	CHECK(made->links[2].of_record);
	CHECK(made->connections() == config::connections_of(node));
	CHECK_FALSE(made->settings.stable_writes);

	// As many as there are to be must be allowed, and more may be.
	CHECK(made->login.offer.max_connections == 3);
	set("node.session.iscsi.MaxConnections", "8");
	set("node.conn[1].iface", "");
	CHECK(plan()->login.offer.max_connections == 8);
}

TEST_CASE_METHOD(Records, "A connection has digests of its own, or connection 0's")
{
	using List = std::vector<Digest>;
	set("node.session.nr_connections", "3");
	set("node.conn[0].iscsi.HeaderDigest", "CRC32C,None");
	set("node.conn[1].iscsi.HeaderDigest", "None");
	set("node.conn[1].iscsi.DataDigest", "CRC32C");
	auto made = plan();
	REQUIRE(made);
	const auto offer = [&](std::size_t link) {
		return made->way(made->links[link]).login.offer;
	};
	CHECK(offer(0).header_digest == List{Digest::crc32c, Digest::none});
	CHECK(offer(0).data_digest == List{Digest::none});
	CHECK(offer(1).header_digest == List{Digest::none});
	CHECK(offer(1).data_digest == List{Digest::crc32c});
	CHECK(offer(2).header_digest == offer(0).header_digest);
	CHECK(offer(2).data_digest == offer(0).data_digest);
	CHECK(made->settings.stable_writes);
	CHECK(made->connections() == config::connections_of(node));
}

TEST_CASE_METHOD(Records,
		 "A connection through an interface that is not there is refused by its key")
{
	set("node.session.nr_connections", "2");
	set("node.conn[1].iface", "nic1");
	auto made = plan();
	REQUIRE_FALSE(made);
	CHECK(made.error().text == "node.conn[1].iface: there is no interface nic1");
}
