/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the boot firmware knows of iSCSI: the iSCSI Boot Firmware Table (iBFT), as the
 * kernel's module iscsi_ibft shows it in sysfs. The folder has one subfolder for the
 * initiator, one for each network interface (ethernet0...) and one for each target
 * (target0...), and these have one value a file.
 *
 * What firmware wrote is checked as what a target says is. An entry with a fault costs
 * itself alone and is told about; a target whose CHAP values are not complete is
 * never taken for one that wants no CHAP.
 */
#pragma once

#include "base/error.h"
#include "base/secret.h"
#include "config/records.h"

#include <optional>
#include <string>
#include <vector>

namespace hawser::config
{

/* A network interface. What the table does not say is empty. */
struct FirmwareNic {
	unsigned index = 0;
	std::string device; // as the kernel names it: "eth0"
	std::string hwaddress;
	bool dhcp = false;
	std::string address, subnet_mask, gateway, primary_dns, secondary_dns;
	std::string vlan;
};

struct FirmwareChap {
	std::string username;
	Secret secret;
};

struct FirmwareTarget {
	std::string name;
	PortalId portal;
	std::string lun;			 // hexadecimal digits, as the kernel shows them
	bool boot = false;			 // it is the one that the firmware has booted from
	std::optional<FirmwareChap> chap;	 // that the target asks for
	std::optional<FirmwareChap> target_chap; // and that it has to answer itself
	std::optional<FirmwareNic> nic;
};

struct Firmware {
	std::string initiator;		     // name; empty when the table has none
	std::vector<FirmwareTarget> targets; // the one that was booted from first
	std::vector<Error> problems;	     // entries that were passed over
};

/*
 * Reads the table in @folder (Paths::firmware_dir). Code::nothing_found when there is none,
 * Code::no_permission for who may not read its secrets, Code::sysfs_lookup for a
 * folder that cannot be read.
 */
Result<Firmware> read_firmware(const std::string &folder);

} // namespace hawser::config
