/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How the parts of the login machine say what a target did wrong, and what they both look at. */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "iscsi/keys.h"

#include <string>
#include <string_view>

namespace hawser
{

inline tl::unexpected<Error> violation(std::string text)
{
	return fail(Code::login_final, std::move(text));
}

/* "the target sent KEY="VALUE" WHY" */
inline tl::unexpected<Error> violation(std::string_view key, std::string_view value,
				       std::string_view why)
{
	return violation(str("the target sent ", key, '=', quoted(value, 64), ' ', why));
}

/* Answers that are no values, and so may not be proposed (RFC 7143, 6.2). */
inline bool is_reserved(std::string_view value)
{
	return value == reject || value == irrelevant || value == not_understood;
}

} // namespace hawser
