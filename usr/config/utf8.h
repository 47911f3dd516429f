/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether text can stand in a record: valid UTF-8 (RFC 3629), no control characters. */
#pragma once

#include <string_view>

namespace hawser::config
{

bool is_plain_text(std::string_view text);

} // namespace hawser::config
