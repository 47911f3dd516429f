/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The live sessions as the module dumps them, their devices as sysfs has them.
 * Neither needs the service.
 */
#pragma once

#include "base/error.h"
#include "config/records.h"
#include "config/store.h"
#include "kernel/types.h"

#include <optional>
#include <string>
#include <vector>

namespace hawser::cli
{

/* A logical unit of a session. */
struct Device {
	std::uint32_t host = 0, channel = 0, target = 0;
	std::uint64_t lun = 0;
	std::string state;		// "running"; empty when sysfs does not say
	std::vector<std::string> disks; // block devices: "sda"
};

class SessionSource
{
public:
	virtual ~SessionSource() = default;

	/* By number. None when the module is not loaded; Code::no_module when its ABI is another.
	 */
	virtual Result<std::vector<kernel::SessionInfo>> sessions() = 0;
	virtual Result<kernel::SessionStats> stats(Sid sid) = 0;
	virtual std::vector<Device> devices(std::uint32_t host) = 0;
	virtual std::string host_state(std::uint32_t host) = 0; // "running", "Unknown"
	virtual std::string class_version() = 0; // of scsi_transport_iscsi, "" when not there
};

/* The kernel's. */
class KernelSessions : public SessionSource
{
public:
	explicit KernelSessions(std::string sysfs = "/sys") : sysfs_(std::move(sysfs)) {}

	Result<std::vector<kernel::SessionInfo>> sessions() override;
	Result<kernel::SessionStats> stats(Sid sid) override;
	std::vector<Device> devices(std::uint32_t host) override;
	std::string host_state(std::uint32_t host) override;
	std::string class_version() override;

private:
	std::string sysfs_;
};

/* The portal of the session's record: where its first connection belongs. */
config::PortalId portal_of(const kernel::SessionInfo &session);
/* Where its first connection goes now; the record's portal while it goes nowhere. */
config::PortalId current_portal_of(const kernel::SessionInfo &session);
/* Of several, the first one that is up, else the first; null when there is none. */
const kernel::ConnectionInfo *shown_connection(const kernel::SessionInfo &session);
config::NodeId node_of(const kernel::SessionInfo &session);

/*
 * The sessions that the filter asks for. A portal is that of the session's record; where no
 * session's is, it is the one that a session goes to now: a target that has moved for good moves
 * the record, and the session keeps the names that it was made with.
 */
std::vector<kernel::SessionInfo> select(const config::NodeFilter &filter,
					const std::vector<kernel::SessionInfo> &sessions);
/* Those of one record. */
std::vector<kernel::SessionInfo> sessions_of(const config::NodeId &id,
					     const std::vector<kernel::SessionInfo> &sessions);

} // namespace hawser::cli
