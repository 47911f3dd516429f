/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iscsi/status.h"

#include <catch2/catch.hpp>

using namespace hawser;

TEST_CASE("every login status of RFC 7143 has words of its own")
{
	const auto rows = all_login_statuses();

	CHECK(rows.size() == 18);
	for (std::size_t i = 0; i < rows.size(); i++) {
		CHECK(describe(rows[i].status).text == rows[i].text);
		for (std::size_t k = 0; k < i; k++) {
			CHECK(rows[i].text != rows[k].text);
			CHECK(!(rows[i].status == rows[k].status));
		}
	}
	CHECK(to_string(LoginStatus{2, 3}) == "target not found (status class 2, detail 3)");
}

TEST_CASE("an initiator error is final and a target error is retryable")
{
	for (const auto &row : all_login_statuses()) {
		if (row.status.status_class == 2)
			CHECK(!row.retryable);
		if (row.status.status_class == 3)
			CHECK(row.retryable);
	}
	CHECK(describe({2, 1}).code == Code::authentication_failed);
	CHECK(describe({2, 2}).code == Code::authentication_failed);
	CHECK(describe({2, 3}).code == Code::login_final);
	CHECK(describe({3, 1}).code == Code::try_again);
}

TEST_CASE("an unknown detail is judged by its class and an unknown class is final")
{
	CHECK(!describe({2, 0x7f}).retryable);
	CHECK(describe({3, 0x7f}).retryable);
	CHECK(!describe({4, 0}).retryable);
	CHECK(!describe({255, 255}).retryable);
	CHECK(describe({0, 1}).code == Code::login_final);
	CHECK(to_string(LoginStatus{3, 127}) ==
	      "unknown target error (status class 3, detail 127)");
}

TEST_CASE("logout responses and reject reasons have words")
{
	CHECK(logout_response_text(1) == "CID not found");
	CHECK(logout_response_text(9) == "unknown logout response");
	CHECK(reject_reason_text(0x06) == "too many immediate commands");
	CHECK(reject_reason_text(0x7f) == "unknown reject reason");
}
