/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A boot firmware table as the kernel shows it, in the folder of a test. */
#pragma once

#include "scratch.h"

#include <map>

namespace hawser::config
{

struct FirmwareTable {
	using Values = std::map<std::string, std::string>;

	explicit FirmwareTable(const Scratch &scratch) : scratch_(scratch)
	{
		put("initiator", {{"flags", "3"},
				  {"index", "0"},
				  {"initiator-name", "iqn.2003-01.org.example:me"}});
		put("ethernet0", {{"flags", "3"},
				  {"index", "0"},
				  {"ip-addr", "192.0.2.10"},
				  {"subnet-mask", "255.255.255.0"},
				  {"gateway", "192.0.2.1"},
				  {"primary-dns", "192.0.2.2"},
				  {"dhcp", "192.0.2.3"},
				  {"vlan", "0"},
				  {"mac", "52:54:00:12:34:56"}});
		std::filesystem::create_directories(folder("ethernet0") + "/device/net/eth7");
		put("target0", {{"flags", "3"},
				{"index", "0"},
				{"target-name", "iqn.2003-01.org.example:t1"},
				{"ip-addr", "192.0.2.1"},
				{"port", "3260"},
				{"lun", "00000000"},
				{"nic-assoc", "0"},
				{"chap-type", "0"}});
	}

	std::string folder(const std::string &block) const
	{
		return scratch_.paths.firmware_dir + "/" + block;
	}
	/* The values as the kernel shows them, each with a newline. */
	void put(const std::string &block, const Values &values) const
	{
		for (const auto &[file, value] : values)
			scratch_.put(folder(block) + "/" + file, value + "\n");
	}
	/* A second target that asks for CHAP both ways. */
	void add_mutual() const
	{
		put("target1", {{"flags", "1"},
				{"index", "1"},
				{"target-name", "iqn.2003-01.org.example:t2"},
				{"ip-addr", "2001:0db8:0000:0000:0000:0000:0000:0001"},
				{"port", "3261"},
				{"lun", "00010000"},
				{"nic-assoc", "0"},
				{"chap-type", "2"},
				{"chap-name", "me"},
				{"chap-secret", "0x my secret"},
				{"rev-chap-name", "it"},
				{"rev-chap-name-secret", "target's secret"}});
	}

private:
	const Scratch &scratch_;
};

} // namespace hawser::config
