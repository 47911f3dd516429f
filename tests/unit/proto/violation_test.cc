/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "proto.h"

#include <set>
#include <string>

/* Numbers with points between them, none beginning with 0. */
static bool is_section(const std::string &text)
{
	bool begins = true;

	for (char c : text) {
		if (c == '.' ? begins : c < (begins ? '1' : '0') || c > '9')
			return false;
		begins = c == '.';
	}
	return !begins;
}

TEST_CASE("every violation has a text of its own and a section of the RFC")
{
	std::set<std::string> texts;

	for (int v = HWS_V_NONE + 1; v < HWS_V_COUNT; v++) {
		const auto violation = static_cast<enum hws_violation>(v);
		const std::string text = hws_violation_text(violation);

		INFO(v << ": " << text);
		CHECK_FALSE(text.empty());
		CHECK(texts.insert(text).second);
		CHECK(is_section(hws_violation_section(violation)));
	}
}

TEST_CASE("what is no violation has no text")
{
	for (int v : {static_cast<int>(HWS_V_NONE), static_cast<int>(HWS_V_COUNT), -1, 1 << 30}) {
		const auto violation = static_cast<enum hws_violation>(v);

		CHECK(std::string(hws_violation_text(violation)).empty());
		CHECK(std::string(hws_violation_section(violation)).empty());
	}
}
