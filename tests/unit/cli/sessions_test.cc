/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/sessions.h"

#include "scratch.h"

#include <catch2/catch.hpp>

using namespace hawser;
using namespace hawser::cli;

namespace
{

struct Sysfs {
	config::Scratch scratch;
	std::string root = scratch.path;
	KernelSessions kernel{root};

	void device(const std::string &name, const std::string &state, const std::string &disk = "")
	{
		const std::string folder = root + "/bus/scsi/devices/" + name;
		scratch.put(folder + "/state", state + "\n");
		if (!disk.empty())
			std::filesystem::create_directories(folder + "/block/" + disk);
	}
};

} // namespace

TEST_CASE_METHOD(Sysfs, "devices of a host are found in the order of their logical units")
{
	device("2:0:0:10", "running", "sdb");
	device("2:0:0:2", "running", "sda");
	device("2:0:0:0", "offline");
	device("12:0:0:1", "running", "sdz");
	std::filesystem::create_directories(root + "/bus/scsi/devices/host2");
	std::filesystem::create_directories(root + "/bus/scsi/devices/target2:0:0");
	const auto devices = kernel.devices(2);
	REQUIRE(devices.size() == 3);
	CHECK(devices[0].lun == 0);
	CHECK(devices[0].state == "offline");
	CHECK(devices[0].disks.empty());
	CHECK(devices[1].lun == 2);
	CHECK(devices[1].disks == std::vector<std::string>{"sda"});
	CHECK(devices[2].lun == 10);
	CHECK(kernel.devices(3).empty());
}

TEST_CASE_METHOD(Sysfs, "the state of a host and the version of the class come from sysfs")
{
	CHECK(kernel.host_state(2) == "Unknown");
	CHECK(kernel.class_version() == "");
	scratch.put(root + "/class/scsi_host/host2/state", "running\n");
	scratch.put(root + "/module/scsi_transport_iscsi/version", "2.0-870\n");
	CHECK(kernel.host_state(2) == "running");
	CHECK(kernel.class_version() == "2.0-870");
}

TEST_CASE("a session is matched by target, portal, portal group and interface")
{
	hawser::kernel::SessionInfo session;
	session.identity.target_name = "iqn.2003-01.org.example:t1";
	session.identity.tpgt = Tpgt{2};
	session.identity.iface = "nic0";
	hawser::kernel::ConnectionInfo connection;
	connection.persistent_address = "192.0.2.1";
	connection.persistent_port = 3260;
	session.connections = {connection};

	const auto matches = [](const config::NodeFilter &filter,
				const hawser::kernel::SessionInfo &one) {
		return !select(filter, {one}).empty();
	};
	CHECK(matches({}, session));
	CHECK(matches({"IQN.2003-01.org.example:t1", "192.0.2.1", 3260, 2, "nic0"}, session));
	CHECK_FALSE(matches({"iqn.2003-01.org.example:t2", {}, {}, {}, {}}, session));
	CHECK_FALSE(matches({{}, "192.0.2.2", {}, {}, {}}, session));
	CHECK_FALSE(matches({{}, {}, 3261, {}, {}}, session));
	CHECK_FALSE(matches({{}, {}, {}, 1, {}}, session));
	CHECK_FALSE(matches({{}, {}, {}, {}, "default"}, session));
	session.connections.clear();
	CHECK(portal_of(session) == config::PortalId{"", 0});
}

TEST_CASE("a session that has moved is found where it is, unless another one belongs there")
{
	hawser::kernel::SessionInfo moved;
	moved.sid = Sid{1};
	hawser::kernel::ConnectionInfo connection;
	connection.persistent_address = "192.0.2.1";
	connection.persistent_port = 3260;
	connection.peer_address = "192.0.2.2";
	connection.peer_port = 3261;
	moved.connections = {connection};
	hawser::kernel::SessionInfo at_home = moved;
	at_home.sid = Sid{2};
	at_home.connections[0].persistent_address = "192.0.2.2";

	CHECK(select({{}, "192.0.2.1", 3260, {}, {}}, {moved}).size() == 1);
	CHECK(select({{}, "192.0.2.2", 3261, {}, {}}, {moved}).size() == 1);
	CHECK(select({{}, "192.0.2.2", 3260, {}, {}}, {moved}).empty());
	const auto there = select({{}, "192.0.2.2", {}, {}, {}}, {moved, at_home});
	REQUIRE(there.size() == 1);
	CHECK(there[0].sid == Sid{2});
}
