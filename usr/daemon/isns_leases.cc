/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/isns_leases.h"

#include "base/str.h"
#include "config/files.h"
#include "isns/dhcp_option.h"

#include <algorithm>
#include <functional>

namespace hawser::daemon
{

namespace
{

constexpr std::size_t max_lease_file = 1 << 20;

using Extract = std::function<std::vector<Bytes>(std::string_view)>;

Status take(const Bytes &option, std::vector<Address> &servers)
{
	auto named = isns::parse_dhcp_option(option);
	if (!named)
		return tl::unexpected(named.error());
	for (Address &address : *named)
		if (std::find(servers.begin(), servers.end(), address) == servers.end())
			servers.push_back(std::move(address));
	return {};
}

void read_folder(const std::string &folder, std::string_view suffix, const Extract &extract,
		 LeaseServers &found)
{
	auto names = config::list_folder(folder, suffix);
	if (!names) {
		found.problems.push_back(names.error().text);
		found.whole = false;
		return;
	}
	for (const std::string &name : *names) {
		const std::string path = str(folder, "/", name);
		auto text = config::read_file(path, max_lease_file);
		if (!text) {
			found.problems.push_back(text.error().text);
			found.whole = false;
			continue;
		}
		for (const Bytes &option : extract(text->value_or("")))
			if (auto ok = take(option, found.servers); !ok)
				found.problems.push_back(str(path, ": ", ok.error().text));
	}
}

} // namespace

LeaseServers isns_servers_of_leases(const LeaseFolders &folders, std::time_t now)
{
	LeaseServers found;

	read_folder(
	    folders.dhclient, ".leases",
	    [now](std::string_view text) { return isns::options_of_dhclient(text, now); }, found);
	read_folder(folders.networkd, "", isns::options_of_networkd, found);
	return found;
}

} // namespace hawser::daemon
