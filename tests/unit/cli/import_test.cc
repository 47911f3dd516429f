/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bench.h"
#include "config/identity.h"

#include "base/coding.h"

using namespace hawser;
using namespace hawser::cli;

namespace
{

struct OpenIscsi : Bench {
	std::string folder = scratch.path / "iscsi";

	OpenIscsi()
	{
		scratch.put(folder + "/initiatorname.iscsi",
			    "## made once\nInitiatorName=iqn.1993-08.org.debian:01:eed21ff1531a\n");
		scratch.put(folder + "/iscsid.conf",
			    "iscsid.startup = /bin/systemctl start iscsid.socket\n"
			    "node.startup = automatic\n"
			    "node.session.queue_depth = 32\n"
			    "node.session.cmds_max = 1\n");
		scratch.put(folder + "/ifaces/nic0",
			    "# BEGIN RECORD 2.1.8\niface.iscsi_ifacename = nic0\n"
			    "iface.net_ifacename = eth0\niface.transport_name = tcp\n");
		scratch.put(folder + "/ifaces/hba",
			    "iface.iscsi_ifacename = hba\niface.transport_name = qla4xxx\n");
		node(t1, "192.0.2.1,3260,1/default", "192.0.2.1", "default",
		     "node.session.auth.authmethod = CHAP\nnode.session.auth.username = me\n"
		     "node.session.auth.password = geheimgeheim\nnode.session.queue_depth = 64\n"
		     "node.session.iscsi.DefaultTime2Retain = 0\nnode.session.iscsi.ERL = 0\n");
		node(t1, "192.0.2.1,3260,1/nic0", "192.0.2.1", "nic0", "");
		node(t2, "2001:db8::1,3260,1/default", "2001:db8::1", "default",
		     "node.conn[0].iscsi.IFMarker = Yes\n");
		scratch.put(
		    folder + "/send_targets/192.0.2.9,3260/st_config",
		    "discovery.type = sendtargets\ndiscovery.sendtargets.address = 192.0.2.9\n"
		    "discovery.sendtargets.port = 3260\ndiscovery.sendtargets.reopen_max = 2\n");
	}
	void node(const std::string &target, const std::string &path, const std::string &host,
		  const std::string &iface, const std::string &more)
	{
		scratch.put(
		    folder + "/nodes/" + target + "/" + path,
		    "# BEGIN RECORD 2.1.8\nnode.name = " + target + "\nnode.tpgt = 1\n" +
			"iface.iscsi_ifacename = " + iface + "\niface.transport_name = tcp\n" +
			"node.discovery_address = 192.0.2.9\nnode.discovery_port = 3260\n" +
			"node.discovery_type = send_targets\nnode.conn[0].address = " + host +
			"\nnode.conn[0].port = 3260\n" + more + "# END RECORD\n");
	}
	std::string import() { return run("--import=" + folder); }
};

} // namespace

TEST_CASE_METHOD(OpenIscsi, "open-iscsi's records are taken over and told one by one")
{
	import();
	REQUIRE(status == 0);
	CHECK(out.find("taken: initiator name iqn.1993-08.org.debian:01:eed21ff1531a\n") !=
	      std::string::npos);
	CHECK(out.find("taken: setting node.startup = automatic\n") != std::string::npos);
	CHECK(out.find("taken: interface nic0\n") != std::string::npos);
	CHECK(out.find("taken: node " + t1 + " at 192.0.2.1:3260 through nic0\n") !=
	      std::string::npos);
	CHECK(out.find("taken: node " + t2 + " at [2001:db8::1]:3260 through default\n") !=
	      std::string::npos);
	CHECK(out.find("taken: discovery portal 192.0.2.9:3260\n") != std::string::npos);
	CHECK(out.find("geheim") == std::string::npos);

	CHECK(good("-m node") == "192.0.2.1:3260,1 " + t1 + "\n192.0.2.1:3260,1 " + t1 +
				     "\n[2001:db8::1]:3260,1 " + t2 + "\n");
	const auto record = good("-m node -T " + t1 + " -I default");
	CHECK(record.find("node.session.auth.username = me\n") != std::string::npos);
	CHECK(record.find("node.session.auth.password = ********\n") != std::string::npos);
	CHECK(record.find("node.session.queue_depth = 64\n") != std::string::npos);
	/* Theirs where nobody has set anything, since theirs has no other level. */
	CHECK(record.find("node.session.iscsi.ERL = 2\n") != std::string::npos);
	CHECK(record.find("node.session.iscsi.DefaultTime2Retain = 20\n") != std::string::npos);
	CHECK(record.find("node.discovery_address = 192.0.2.9\n") != std::string::npos);
	CHECK(good("-m iface").starts_with("nic0 tcp,<empty>,<empty>,eth0,<empty>\n"));
	CHECK(good("-m discoverydb -t st -p 192.0.2.9").find("reopen_max = 2") !=
	      std::string::npos);
	CHECK(store.discovery_record(config::RecordKind::send_targets, {"192.0.2.9", 3260})
		  ->found.size() == 3);
	CHECK(scratch.get(scratch.paths.conf()).find("node.startup = automatic\n") !=
	      std::string::npos);
}

TEST_CASE_METHOD(OpenIscsi, "iSNS servers are taken over with what they have named")
{
	/* As open-iscsi 2.1.8 writes it: the keys of the address are those of a portal. */
	const std::string record = "# BEGIN RECORD 2.1.8\ndiscovery.startup = manual\n"
				   "discovery.type = isns\n"
				   "discovery.sendtargets.address = 192.0.2.8\n"
				   "discovery.sendtargets.port = 3205\n";
	scratch.put(folder + "/isns/192.0.2.8,3205/isns_config",
		    record + "discovery.isns.use_discoveryd = No\n"
			     "discovery.isns.discoveryd_poll_inval = 60\n# END RECORD\n");
	scratch.put(folder + "/isns/192.0.2.7,0/isns_config",
		    "discovery.sendtargets.address = 192.0.2.7\n"
		    "discovery.sendtargets.port = 0\n");
	scratch.put(folder + "/nodes/" + t2 + "/192.0.2.5,3260,1/default",
		    "node.name = " + t2 + "\nnode.tpgt = 1\nnode.discovery_address = 192.0.2.8\n" +
			"node.discovery_port = 3205\nnode.discovery_type = isns\n" +
			"node.conn[0].address = 192.0.2.5\nnode.conn[0].port = 3260\n");
	import();
	REQUIRE(status == 0);
	CHECK(out.find("taken: iSNS server 192.0.2.8:3205\n") != std::string::npos);
	CHECK(out.find("skipped: " + folder +
		       "/isns/192.0.2.7,0/isns_config: it has no port of 1 to 65535") !=
	      std::string::npos);
	const auto server = store.discovery_record(config::RecordKind::isns, {"192.0.2.8", 3205});
	REQUIRE(server);
	CHECK_FALSE(server->settings.yes("discovery.isns.use_discoveryd"));
	CHECK(server->settings.number("discovery.isns.discoveryd_poll_inval") == 60);
	REQUIRE(server->found.size() == 1);
	CHECK(server->found.front().target == t2);
	import();
	CHECK(out.find("taken: iSNS server") == std::string::npos);
}

TEST_CASE_METHOD(OpenIscsi, "what cannot be taken is told with its reason")
{
	import();
	CHECK(out.find("skipped: " + folder + "/iscsid.conf line 1: iscsid.startup is a switch") !=
	      std::string::npos);
	CHECK(out.find("skipped: " + folder +
		       "/iscsid.conf line 4: node.session.cmds_max: \"1\"") != std::string::npos);
	CHECK(out.find("skipped: " + folder +
		       "/ifaces/hba: its transport \"qla4xxx\" is not tcp") != std::string::npos);
	CHECK(out.find("node.conn[0].iscsi.IFMarker: \"Yes\"") != std::string::npos);
}

TEST_CASE_METHOD(OpenIscsi, "under open-iscsi's own initiator name no ISID is one of its")
{
	import();
	const auto identity = store.identity();
	REQUIRE(identity);
	CHECK(identity->name == "iqn.1993-08.org.debian:01:eed21ff1531a");
	/* Its ISIDs start with the OUI 00023d and have the format 00b. */
	const auto nodes = store.nodes();
	REQUIRE(nodes);
	CHECK(nodes->items.size() == 3);
	for (const auto &node : nodes->items)
		for (const auto &isid : node.isids)
			CHECK(isid.format() == Isid::Format::random);
	CHECK(identity->discovery_isid().format() == Isid::Format::random);
}

TEST_CASE_METHOD(OpenIscsi, "what is there already stays as it is")
{
	good("-m node -o new -T " + t1 + " -p 192.0.2.1,7 -n node.session.queue_depth -v 8");
	import();
	CHECK(out.find("there is a record of " + t1 +
		       " at 192.0.2.1:3260 through default already\n") != std::string::npos);
	CHECK(good("-m node -T " + t1 + " -I default").find("node.session.queue_depth = 8\n") !=
	      std::string::npos);
	import();
	CHECK(out.find("taken: node") == std::string::npos);
	CHECK(out.find("taken: interface") == std::string::npos);
	CHECK(out.find("taken: setting") == std::string::npos);
}

TEST_CASE_METHOD(OpenIscsi, "of several lines of a key the last one is taken")
{
	scratch.put(folder + "/iscsid.conf", "node.session.queue_depth = 35\n"
					     "node.startup = automatic\n"
					     "node.session.queue_depth = 34\n"
					     "node.startup = manual\n");
	import();
	CHECK(out.find("taken: setting node.session.queue_depth = 34\n") != std::string::npos);
	CHECK(out.find("queue_depth = 35") == std::string::npos);
	CHECK(out.find("node.startup") == std::string::npos);
	import();
	CHECK(out.find("taken: setting") == std::string::npos);
}

TEST_CASE_METHOD(OpenIscsi, "open-iscsi's files are not touched")
{
	auto state = [&] {
		std::string all;
		for (const auto &entry : std::filesystem::recursive_directory_iterator(folder))
			all += entry.path().string() +
			       (entry.is_regular_file() ? scratch.get(entry.path()) : "");
		return all;
	};
	const auto before = state();
	import();
	CHECK(state() == before);
}

TEST_CASE_METHOD(OpenIscsi, "a secret keeps the bytes that open-iscsi sent")
{
	node(t2, "192.0.2.5,3260,1/default", "192.0.2.5", "default",
	     "node.session.auth.password = 0x12345678901\n");
	import();
	auto node = store.node({t2, {"192.0.2.5", 3260}, "default"});
	REQUIRE(node);
	CHECK(as_text(
		  node->settings.secret("node.session.auth.password", store.secrets())->bytes()) ==
	      "0x12345678901");
}

TEST_CASE_METHOD(OpenIscsi, "damaged files cost only themselves")
{
	scratch.put(folder + "/nodes/" + t2 + "/192.0.2.6,3260,1/default",
		    std::string("\0\xff garbage", 10));
	scratch.put(
	    folder + "/nodes/bad_name/192.0.2.6,3260,1/default",
	    "node.name = bad_name\nnode.conn[0].address = 192.0.2.6\nnode.conn[0].port = 3260\n");
	import();
	CHECK(status == 0);
	CHECK(out.find("taken: node " + t1) != std::string::npos);
	CHECK(out.find("bad_name") != std::string::npos);
}

TEST_CASE_METHOD(Bench, "a folder that is not there or empty is exit status 21")
{
	bad(Code::nothing_found, "--import=" + (scratch.path / "none").string());
	std::filesystem::create_directory(scratch.path / "empty");
	bad(Code::nothing_found, "--import=" + (scratch.path / "empty").string());
}
