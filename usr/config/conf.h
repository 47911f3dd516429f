/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * /etc/hawser/hawserd.conf: what new records start from. A key that the file does
 * not set has the key table's initial value. A line that cannot be used costs
 * only itself: it is passed over with a warning.
 */
#pragma once

#include "base/error.h"
#include "config/paths.h"
#include "config/settings.h"

#include <string>
#include <vector>

namespace hawser::config
{

struct Conf {
	Settings node{RecordKind::node};
	Settings discovery{RecordKind::send_targets};
	Settings isns{RecordKind::isns};
	std::vector<std::string> warnings; // one line each, naming file and line
};

/* No file is an empty file. Errors: the file is there and cannot be read. */
Result<Conf> load_conf(const Paths &paths, SecretBox &box);

/* The same from text; @name stands in the warnings. */
Conf parse_conf(std::string_view text, std::string_view name, SecretBox &box);

} // namespace hawser::config
