/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/isns_leases.h"

#include "base/str.h"
#include "config/files.h"
#include "isns/dhcp_option.h"

#include <algorithm>
#include <functional>
#include <optional>

namespace hawser::daemon
{

namespace
{

constexpr std::size_t max_lease_file = 1 << 20;

using Extract = std::function<std::optional<Bytes>(std::string_view)>;

void read_folder(const std::string &folder, std::string_view suffix, const Extract &extract,
		 LeaseServers &found)
{
	auto names = config::list_folder(folder, suffix);
	if (!names)
		return found.problems.push_back(names.error().text);
	for (const std::string &name : *names) {
		const std::string path = str(folder, "/", name);
		auto text = config::read_file(path, max_lease_file);
		if (!text) {
			found.problems.push_back(text.error().text);
			continue;
		}
		const auto option = extract(text->value_or(""));
		if (!option)
			continue;
		auto named = isns::parse_dhcp_option(*option);
		if (!named) {
			found.problems.push_back(str(path, ": ", named.error().text));
			continue;
		}
		for (Address &address : *named)
			if (std::find(found.servers.begin(), found.servers.end(), address) ==
			    found.servers.end())
				found.servers.push_back(std::move(address));
	}
}

} // namespace

LeaseServers isns_servers_of_leases(const LeaseFolders &folders, std::time_t now)
{
	LeaseServers found;

	read_folder(
	    folders.dhclient, ".leases",
	    [now](std::string_view text) { return isns::option_of_dhclient(text, now); }, found);
	read_folder(folders.networkd, "", isns::option_of_networkd, found);
	return found;
}

} // namespace hawser::daemon
