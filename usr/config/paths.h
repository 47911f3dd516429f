/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where things are kept. The environment (HAWSER_CONFIG_DIR, HAWSER_STATE_DIR,
 * HAWSER_RUN_DIR) moves the folders, for tests and for a second set of records beside
 * the machine's own; HAWSER_FIRMWARE_DIR says where the kernel shows the boot firmware's
 * table.
 */
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace hawser::config
{

struct Paths {
	std::string config_dir = "/etc/hawser";
	std::string state_dir = "/var/lib/hawser";
	std::string boot_id = "/proc/sys/kernel/random/boot_id"; // a text that no other boot has
	std::string firmware_dir = "/sys/firmware/ibft";
	std::string run_dir = {};	  // of the daemon; empty: there is none to look after
	std::string credentials_dir = {}; // of systemd's credentials for hawserd; empty: none

	/*
	 * The credentials are those of this process when systemd gave it a hawser.key
	 * (CREDENTIALS_DIRECTORY), else those of the running hawserd.service.
	 */
	static Paths from_environment();

	std::string conf() const { return config_dir + "/hawserd.conf"; }
	std::string initiator_name() const { return config_dir + "/initiatorname.hawser"; }
	std::string secret_key() const { return config_dir + "/secret.key"; }
	std::string nodes() const { return state_dir + "/nodes"; }
	std::string ifaces() const { return state_dir + "/ifaces"; }
	std::string discovery() const { return state_dir + "/discovery"; }
	std::string initiator_state() const { return state_dir + "/initiator.json"; }
	std::string socket() const { return run_dir + "/io.hawser"; }
	std::string saved_sessions() const { return run_dir + "/sessions"; }
	std::string lock() const { return state_dir + "/lock"; }
};

} // namespace hawser::config
