/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command line: iscsiadm's grammar (iscsiadm(8)), with --json, --cid, --function, --lun,
 * --import, --new-key, --secret-prompt and --secret-fd beside it. Further long options are named so
 * that no abbreviation of iscsiadm's gets a second meaning.
 *
 * getopt_long(3) reads it, as it does iscsiadm's: scripts rely on abbreviated
 * long options (--target for --targetname), on values that start with '-' and on
 * values in brackets ([2001:db8::1]:3260) arriving as they were typed, which
 * CLI11 does not give.
 */
#pragma once

#include "base/error.h"
#include "config/store.h"
#include "iscsi/task_management.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace hawser::cli
{

enum class Mode {
	none,
	discovery,
	discoverydb,
	node,
	session,
	connection,
	fw,
	iface,
	host,
	initiator
};

enum class Op { add, remove, update, show, nonpersistent };

struct PortalOption {
	config::PortalId id;
	std::optional<int> tpgt;
};

/* A value that is not on the command line. */
struct SecretSource {
	std::size_t setting;   // which of the settings it is for
	std::optional<int> fd; // where it comes from; nothing: it is asked for
};

struct Options {
	Mode mode = Mode::none;
	std::vector<Op> ops;
	std::optional<std::string> target;
	std::optional<PortalOption> portal;
	std::vector<std::string> ifaces;
	std::vector<std::string> warnings;			   // of what is not looked at
	std::optional<std::string> type;			   // of discovery, as typed
	std::vector<std::pair<std::string, std::string>> settings; // -n, -v
	std::vector<SecretSource> secrets;			   // read by read_secrets()
	std::optional<std::uint32_t> sid;
	std::optional<std::uint32_t> host;
	std::optional<int> print_level;
	std::optional<std::string> login_all;	// all, manual, automatic or onboot
	std::optional<std::string> logout_all;	// likewise
	std::optional<std::string> import_from; // folder of open-iscsi
	std::optional<bool> hidden;		// of a new record; else: hidden ones too
	std::optional<bool> persistent;		// of a new record
	bool new_key = false;
	bool login = false;
	bool logout = false;
	bool rescan = false;
	bool stats = false;
	bool discover = false;
	bool no_wait = false;
	bool ping = false;
	bool send_targets = false;
	bool task_management = false;
	const TaskManagementFunction *function = nullptr; // a row of the table
	std::optional<Lun> lun;
	std::uint32_t ping_size = 64;
	std::uint32_t ping_count = 1;
	std::uint32_t ping_interval = 1; // seconds
	std::optional<std::uint16_t> cid;
	bool json = false;
	bool help = false;
	bool version = false;

	bool has(Op op) const;
	/* The one operation; nothing when none was given. */
	std::optional<Op> op() const;
};

/* Errors are Code::invalid_argument, or not_supported for what iscsiadm has and we have not. */
Result<Options> parse_options(const std::vector<std::string> &arguments);

/* What --help prints. */
std::string help_text(const std::string &program);

} // namespace hawser::cli
