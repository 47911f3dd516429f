/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/sessions.h"

#include "base/str.h"
#include "config/files.h"
#include "iscsi/names.h"
#include "kernel/netlink.h"

#include <algorithm>
#include <filesystem>

namespace hawser::cli
{

namespace
{

namespace fs = std::filesystem;

/* The first line of a file in sysfs, "" when it cannot be read. */
std::string attribute(const std::string &path)
{
	auto text = config::read_file(path, 65536);
	if (!text || !*text)
		return {};
	return std::string(split(**text, '\n').front());
}

std::vector<std::string> entries(const std::string &path)
{
	std::vector<std::string> names;
	std::error_code error;
	for (const auto &entry : fs::directory_iterator(path, error))
		names.push_back(entry.path().filename());
	std::sort(names.begin(), names.end());
	return names;
}

/* "2:0:0:1" */
std::optional<Device> parse_device(const std::string &name)
{
	const auto parts = split(name, ':');
	if (parts.size() != 4)
		return std::nullopt;
	std::uint64_t numbers[4];
	for (std::size_t i = 0; i < 4; i++) {
		const auto number = parse_number(parts[i]);
		if (!number)
			return std::nullopt;
		numbers[i] = *number;
	}
	return Device{static_cast<std::uint32_t>(numbers[0]),
		      static_cast<std::uint32_t>(numbers[1]),
		      static_cast<std::uint32_t>(numbers[2]),
		      numbers[3],
		      {},
		      {}};
}

} // namespace

Result<std::vector<kernel::SessionInfo>> KernelSessions::sessions()
{
	auto control = kernel::NetlinkControl::open();
	if (!control)
		return tl::unexpected(control.error());
	if (auto info = (*control)->info(); !info) {
		/* Not loaded means no sessions; loaded and of another ABI must be said. */
		if (info.error().error.code == Code::no_module &&
		    !fs::exists(sysfs_ + "/module/hawser"))
			return std::vector<kernel::SessionInfo>();
		return tl::unexpected(info.error().error);
	}
	auto sessions = (*control)->sessions();
	if (!sessions)
		return tl::unexpected(sessions.error().error);
	std::sort(sessions->begin(), sessions->end(),
		  [](const auto &a, const auto &b) { return a.sid < b.sid; });
	return std::move(*sessions);
}

Result<kernel::SessionStats> KernelSessions::stats(Sid sid)
{
	auto control = kernel::NetlinkControl::open();
	if (!control)
		return tl::unexpected(control.error());
	auto stats = (*control)->stats(sid);
	if (!stats)
		return tl::unexpected(stats.error().error);
	return std::move(*stats);
}

std::vector<Device> KernelSessions::devices(std::uint32_t host)
{
	const std::string folder = sysfs_ + "/bus/scsi/devices";
	std::vector<Device> devices;
	for (const auto &name : entries(folder)) {
		auto device = parse_device(name);
		if (!device || device->host != host)
			continue;
		device->state = attribute(str(folder, "/", name, "/state"));
		device->disks = entries(str(folder, "/", name, "/block"));
		devices.push_back(std::move(*device));
	}
	std::sort(devices.begin(), devices.end(), [](const Device &a, const Device &b) {
		return std::tie(a.channel, a.target, a.lun) < std::tie(b.channel, b.target, b.lun);
	});
	return devices;
}

std::string KernelSessions::host_state(std::uint32_t host)
{
	const auto state = attribute(str(sysfs_, "/class/scsi_host/host", host, "/state"));
	return state.empty() ? "Unknown" : state;
}

std::string KernelSessions::class_version()
{
	return attribute(sysfs_ + "/module/scsi_transport_iscsi/version");
}

config::PortalId portal_of(const kernel::SessionInfo &session)
{
	if (session.connections.empty())
		return {"", 0};
	const auto &first = session.connections.front();
	return {first.persistent_address, first.persistent_port};
}

config::PortalId current_portal_of(const kernel::SessionInfo &session)
{
	for (const auto &connection : session.connections)
		if (!connection.peer_address.empty())
			return {connection.peer_address, connection.peer_port};
	return portal_of(session);
}

const kernel::ConnectionInfo *shown_connection(const kernel::SessionInfo &session)
{
	const auto &all = session.connections;
	for (const auto &connection : all)
		if (connection.state == kernel::ConnectionState::logged_in)
			return &connection;
	return all.empty() ? nullptr : &all.front();
}

config::NodeId node_of(const kernel::SessionInfo &session)
{
	return {session.identity.target_name, portal_of(session), session.identity.iface};
}

static bool matches(const config::NodeFilter &filter, const kernel::SessionInfo &session,
		    const config::PortalId &portal)
{
	const config::NodeId id = {session.identity.target_name, portal, session.identity.iface};
	return (!filter.target || *filter.target == id.target ||
		same_name(*filter.target, id.target)) &&
	       (!filter.host || *filter.host == id.portal.host) &&
	       (!filter.port || *filter.port == id.portal.port) &&
	       (!filter.tpgt || *filter.tpgt == session.identity.tpgt.value) &&
	       (!filter.iface || *filter.iface == id.iface);
}

std::vector<kernel::SessionInfo> select(const config::NodeFilter &filter,
					const std::vector<kernel::SessionInfo> &sessions)
{
	std::vector<kernel::SessionInfo> chosen;
	for (auto *portal : {portal_of, current_portal_of}) {
		for (const auto &session : sessions)
			if (matches(filter, session, portal(session)))
				chosen.push_back(session);
		if (!chosen.empty() || (!filter.host && !filter.port))
			break;
	}
	return chosen;
}

std::vector<kernel::SessionInfo> sessions_of(const config::NodeId &id,
					     const std::vector<kernel::SessionInfo> &sessions)
{
	return select({id.target, id.portal.host, id.portal.port, {}, id.iface}, sessions);
}

} // namespace hawser::cli
