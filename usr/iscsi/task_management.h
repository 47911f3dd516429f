/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Task management by hand: the functions that may be asked for, one row each, and a target's
 * response in words (RFC 7143, 11.5.1 and 11.6.1; RFC 7144, 6.3 and 6.4.2).
 *
 * The command line, its help, io.hawser and the daemon go by this table. Functions that name a task
 * (ABORT TASK, TASK REASSIGN, QUERY TASK) have no row: only the module knows its tasks.
 */
#pragma once

#include "base/error.h"
#include "base/types.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace hawser
{

struct TaskManagementFunction {
	std::string_view name; // on the command line and in io.hawser
	std::uint8_t code;
	std::string_view words; // the standards' name
	bool has_lun;
	std::uint8_t protocol_level; // the least iSCSIProtocolLevel of a session that has it
	// What "function complete" and "function succeeded" say of what was asked; empty for a
	// function that asks nothing.
	std::string_view if_complete;
	std::string_view if_succeeded;
};

std::span<const TaskManagementFunction> all_task_management_functions();

/* Code::invalid_argument with all names for one that is none. The row lives for ever. */
Result<const TaskManagementFunction *> parse_task_management_function(std::string_view name);

/* Code::invalid_argument when @function needs a LUN and there is none, or the other way round. */
Status check_lun(const TaskManagementFunction &function, std::optional<Lun> lun);

struct TaskManagementResponse {
	std::uint8_t response;
	std::string_view text;
	Code code; // the exit status; success when the target did what was asked
};

/* One row for each response that the standards define. */
std::span<const TaskManagementResponse> all_task_management_responses();

/* "function succeeded: commands are there", for a response to @function. */
std::string response_text(const TaskManagementFunction &function, std::uint8_t response);
Code response_code(std::uint8_t response);

} // namespace hawser
