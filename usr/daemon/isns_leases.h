/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The iSNS servers that DHCP has named (option 83), read from the leases of DHCP clients. */
#pragma once

#include "iscsi/address.h"

#include <ctime>
#include <string>
#include <vector>

namespace hawser::daemon
{

/* Where DHCP clients keep their leases; a folder that is not there has none. */
struct LeaseFolders {
	std::string dhclient = "/var/lib/dhcp";
	std::string networkd = "/run/systemd/netif/leases";
};

struct LeaseServers {
	/*
	 * Each once. Of a network that names several, all: the first is the primary one,
	 * the others are its backups and know the same.
	 */
	std::vector<Address> servers;
	std::vector<std::string> problems; // one line each, naming the file
	bool whole = true;		   // else one could not be read: servers may be missing
};

LeaseServers isns_servers_of_leases(const LeaseFolders &folders, std::time_t now);

} // namespace hawser::daemon
