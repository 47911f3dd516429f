/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The status of a Login Response in words (RFC 7143, 11.13.5). */
#pragma once

#include "base/error.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace hawser
{

struct LoginStatus {
	std::uint8_t status_class = 0;
	std::uint8_t status_detail = 0;

	friend bool operator==(const LoginStatus &, const LoginStatus &) = default;
};

struct LoginStatusInfo {
	LoginStatus status;
	std::string_view text;
	Code code;	// the exit status
	bool retryable; // the same request may succeed later
};

/* One row for each status that the RFC defines. */
std::span<const LoginStatusInfo> all_login_statuses();

/* The row of @status; for an unknown detail, what its class says. */
const LoginStatusInfo &describe(LoginStatus status);

/* "target not found (status class 2, detail 3)" */
std::string to_string(LoginStatus status);

std::string_view logout_response_text(std::uint8_t response); // RFC 7143, 11.15.1
std::string_view reject_reason_text(std::uint8_t reason);     // RFC 7143, 11.17.1

} // namespace hawser
