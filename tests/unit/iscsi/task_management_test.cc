/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iscsi/task_management.h"

#include <catch2/catch.hpp>

using namespace hawser;

namespace
{

const TaskManagementFunction &function(std::string_view name)
{
	auto found = parse_task_management_function(name);
	REQUIRE(found);
	return **found;
}

} // namespace

TEST_CASE("a task management function has a name, a code and words of its own")
{
	const auto rows = all_task_management_functions();

	CHECK(rows.size() == 9);
	for (std::size_t i = 0; i < rows.size(); i++) {
		CHECK(&function(rows[i].name) == &rows[i]);
		CHECK(rows[i].protocol_level == (rows[i].code < 10 ? 1 : 2));
		for (std::size_t k = 0; k < i; k++) {
			CHECK(rows[i].code > rows[k].code);
			CHECK(rows[i].words != rows[k].words);
		}
	}
	CHECK(function("lu_reset").code == 5);
	CHECK(function("query_async_event").code == 12);
}

TEST_CASE("a function that names a task is none for an administrator")
{
	for (const char *name : {"abort_task", "task_reassign", "query_task", "", "LU_RESET"}) {
		auto refused = parse_task_management_function(name);
		REQUIRE_FALSE(refused);
		CHECK(refused.error().code == Code::invalid_argument);
		CHECK(refused.error().text.find("lu_reset, target_warm_reset") !=
		      std::string::npos);
	}
}

TEST_CASE("a function over a target takes no LUN and every other needs one")
{
	for (const auto &row : all_task_management_functions()) {
		const bool over_target = row.name == "target_warm_reset" ||
					 row.name == "target_cold_reset" ||
					 row.name == "it_nexus_reset";
		CHECK(check_lun(row, std::nullopt).has_value() == over_target);
		CHECK(check_lun(row, Lun{0}).has_value() != over_target);
	}
	CHECK(check_lun(function("lu_reset"), {}).error().text == "LOGICAL UNIT RESET needs a LUN");
	CHECK(check_lun(function("it_nexus_reset"), Lun{1}).error().text ==
	      "I_T NEXUS RESET takes no LUN");
}

TEST_CASE("a task management response has words, and for a question the answer")
{
	const auto &query = function("query_task_set");

	CHECK(response_text(function("lu_reset"), 0) == "function complete");
	CHECK(response_text(query, 0) == "function complete: no commands are there");
	CHECK(response_text(query, 7) == "function succeeded: commands are there");
	CHECK(response_text(query, 5) == "task management function not supported");
	CHECK(response_text(function("query_async_event"), 7) ==
	      "function succeeded: a unit attention or deferred error is pending");
	CHECK(response_text(query, 8) == "unknown response 8");
	const auto rows = all_task_management_responses();
	CHECK(rows.size() == 9);
	for (const auto &row : rows)
		CHECK((response_code(row.response) == Code::success) ==
		      (row.response == 0 || row.response == 7));
	CHECK(response_code(5) == Code::not_supported);
	CHECK(response_code(255) == Code::failed);
	CHECK(response_code(8) == Code::failed);
}
