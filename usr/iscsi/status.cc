/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iscsi/status.h"

#include "base/str.h"

#include <algorithm>

namespace hawser
{

namespace
{

constexpr LoginStatusInfo statuses[] = {
    {{0, 0}, "the login goes on", Code::success, false},
    {{1, 1}, "target moved temporarily", Code::login_failed, true},
    {{1, 2}, "target moved permanently", Code::login_failed, true},
    {{2, 0}, "initiator error", Code::login_final, false},
    {{2, 1}, "authentication failure", Code::authentication_failed, false},
    {{2, 2}, "initiator not allowed to use the target", Code::authentication_failed, false},
    {{2, 3}, "target not found", Code::login_final, false},
    {{2, 4}, "target removed", Code::login_final, false},
    {{2, 5}, "unsupported protocol version", Code::login_final, false},
    {{2, 6}, "too many connections", Code::login_final, false},
    {{2, 7}, "missing parameter", Code::login_final, false},
    {{2, 8}, "target cannot include the connection in the session", Code::login_final, false},
    {{2, 9}, "session type not supported", Code::login_final, false},
    {{2, 10}, "session does not exist", Code::login_final, false},
    {{2, 11}, "invalid request during login", Code::login_final, false},
    {{3, 0}, "target error", Code::try_again, true},
    {{3, 1}, "service unavailable", Code::try_again, true},
    {{3, 2}, "target out of resources", Code::try_again, true},
};

/* For a detail, or a class, that the RFC does not define. */
constexpr LoginStatusInfo unknown_in_class[] = {
    {{0, 0}, "unknown success status", Code::login_final, false},
    {{1, 0}, "unknown redirection", Code::login_final, false},
    {{2, 0}, "unknown initiator error", Code::login_final, false},
    {{3, 0}, "unknown target error", Code::try_again, true},
    {{4, 0}, "unknown status class", Code::login_final, false},
};

} // namespace

std::span<const LoginStatusInfo> all_login_statuses()
{
	return statuses;
}

const LoginStatusInfo &describe(LoginStatus status)
{
	auto row = std::find_if(std::begin(statuses), std::end(statuses),
				[&](const auto &info) { return info.status == status; });
	if (row != std::end(statuses))
		return *row;
	return unknown_in_class[std::min<std::size_t>(status.status_class, 4)];
}

std::string to_string(LoginStatus status)
{
	return str(describe(status).text, " (status class ", status.status_class, ", detail ",
		   status.status_detail, ")");
}

std::string_view logout_response_text(std::uint8_t response)
{
	switch (response) {
	case 0:
		return "closed";
	case 1:
		return "CID not found";
	case 2:
		return "connection recovery is not supported";
	case 3:
		return "cleanup failed";
	default:
		return "unknown logout response";
	}
}

std::string_view reject_reason_text(std::uint8_t reason)
{
	switch (reason) {
	case 0x02:
		return "data digest error";
	case 0x03:
		return "SNACK rejected";
	case 0x04:
		return "protocol error";
	case 0x05:
		return "command not supported";
	case 0x06:
		return "too many immediate commands";
	case 0x07:
		return "task in progress";
	case 0x08:
		return "invalid data acknowledgment";
	case 0x09:
		return "invalid PDU field";
	case 0x0a:
		return "out of resources";
	case 0x0b:
		return "negotiation reset";
	case 0x0c:
		return "waiting for logout";
	default:
		return "unknown reject reason";
	}
}

} // namespace hawser
