/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a call of io.hawser is refused, and what of its numbers is checked before. */
#pragma once

#include "base/error.h"
#include "iscsi/login.h"
#include "varlink/api.h"
#include "varlink/server.h"

#include <asio/awaitable.hpp>
#include <cstdint>
#include <initializer_list>
#include <optional>

namespace hawser::daemon
{

/* A failure as the interface describes it. */
varlink::Failure failure_of(const Error &error);
varlink::Failure failure_of(const LoginFailure &failure);

/* The error Failed. */
asio::awaitable<void> refuse(varlink::Exchange &exchange, varlink::Failure failure);

/* A number of a call's parameters, by name, and its bounds. */
struct Range {
	const char *name;
	std::int64_t low;
	std::int64_t high;
};

inline constexpr Range sid_range{"sid", 0, UINT32_MAX};
inline constexpr Range cid_range{"cid", 0, UINT16_MAX};
inline constexpr Range port_range{"port", 1, 65535};
inline constexpr Range weight_range{"weight", 0, UINT32_MAX};

/* The first number that is not in its range, as text. */
std::optional<Error> out_of_range(const varlink::Json &parameters,
				  std::initializer_list<Range> ranges);

} // namespace hawser::daemon
