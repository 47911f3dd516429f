/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * iSCSI node names (RFC 7143, 4.2.7): iqn, eui and naa, at most 223 bytes of
 * UTF-8, prepared by the iSCSI stringprep profile (RFC 3722).
 *
 * A name that an administrator types is prepared, which folds case. A name that a
 * target announces is checked and then kept byte for byte, since that target
 * will compare it byte for byte; names are looked up with same_name().
 */
#pragma once

#include "base/error.h"

#include <string>
#include <string_view>

namespace hawser
{

inline constexpr std::size_t max_name_length = 223; // bytes

/*
 * The prepared form of @input. Code::invalid_argument names the rule that a bad
 * name breaks.
 */
Result<std::string> prepare_name(std::string_view input);

/* Whether @name, as it came off the wire, is one: its prepared form is legal. */
Status check_name(std::string_view name);

/* Equal once prepared; a name that cannot be prepared equals only itself. */
bool same_name(std::string_view a, std::string_view b);

} // namespace hawser
