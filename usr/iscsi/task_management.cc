/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iscsi/task_management.h"

#include "base/str.h"

#include <algorithm>

namespace hawser
{

namespace
{

constexpr TaskManagementFunction functions[] = {
    {"abort_task_set", 2, "ABORT TASK SET", true, 1, "", ""},
    {"clear_aca", 3, "CLEAR ACA", true, 1, "", ""},
    {"clear_task_set", 4, "CLEAR TASK SET", true, 1, "", ""},
    {"lu_reset", 5, "LOGICAL UNIT RESET", true, 1, "", ""},
    {"target_warm_reset", 6, "TARGET WARM RESET", false, 1, "", ""},
    {"target_cold_reset", 7, "TARGET COLD RESET", false, 1, "", ""},
    {"query_task_set", 10, "QUERY TASK SET", true, 2, "no commands are there",
     "commands are there"},
    {"it_nexus_reset", 11, "I_T NEXUS RESET", false, 2, "", ""},
    {"query_async_event", 12, "QUERY ASYNCHRONOUS EVENT", true, 2,
     "no unit attention or deferred error is pending",
     "a unit attention or deferred error is pending"},
};

constexpr std::uint8_t complete = 0;
constexpr std::uint8_t succeeded = 7;

constexpr TaskManagementResponse responses[] = {
    {complete, "function complete", Code::success},
    {1, "task does not exist", Code::failed},
    {2, "LUN does not exist", Code::failed},
    {3, "task still allegiant", Code::failed},
    {4, "task allegiance reassignment not supported", Code::not_supported},
    {5, "task management function not supported", Code::not_supported},
    {6, "function authorization failed", Code::failed},
    {succeeded, "function succeeded", Code::success},
    {255, "function rejected", Code::failed},
};

const TaskManagementResponse *row_of(std::uint8_t response)
{
	const auto *row = std::find_if(std::begin(responses), std::end(responses),
				       [&](const auto &one) { return one.response == response; });
	return row == std::end(responses) ? nullptr : row;
}

} // namespace

std::span<const TaskManagementFunction> all_task_management_functions()
{
	return functions;
}

Result<const TaskManagementFunction *> parse_task_management_function(std::string_view name)
{
	std::vector<std::string> names;
	for (const auto &function : functions) {
		if (function.name == name)
			return &function;
		names.emplace_back(function.name);
	}
	return fail(Code::invalid_argument, str(quoted(name), " is none of ", join(names, ", ")));
}

Status check_lun(const TaskManagementFunction &function, std::optional<Lun> lun)
{
	if (function.has_lun && !lun)
		return fail(Code::invalid_argument, str(function.words, " needs a LUN"));
	if (!function.has_lun && lun)
		return fail(Code::invalid_argument, str(function.words, " takes no LUN"));
	return {};
}

std::span<const TaskManagementResponse> all_task_management_responses()
{
	return responses;
}

std::string response_text(const TaskManagementFunction &function, std::uint8_t response)
{
	const auto *row = row_of(response);
	if (!row)
		return str("unknown response ", unsigned{response});
	std::string_view meaning;
	if (response == complete)
		meaning = function.if_complete;
	if (response == succeeded)
		meaning = function.if_succeeded;
	return meaning.empty() ? std::string(row->text) : str(row->text, ": ", meaning);
}

Code response_code(std::uint8_t response)
{
	const auto *row = row_of(response);
	return row ? row->code : Code::failed;
}

} // namespace hawser
