/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * /etc/hawser/hawserd.conf: the level below all records. A key that neither a
 * record nor the file sets has the key table's initial value. A line that cannot be used costs
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
	Settings node{RecordKind::node, Level::global};
	Settings discovery{RecordKind::send_targets, Level::global};
	Settings isns{RecordKind::isns, Level::global};

	const Settings &of(RecordKind kind) const
	{
		return kind == RecordKind::node		  ? node
		       : kind == RecordKind::send_targets ? discovery
							  : isns;
	}
	bool secrets = false;		   // it sets one, in the clear
	std::vector<std::string> warnings; // one line each, naming file and line
};

/*
 * No file is an empty file. A file with a secret that others than root may read is warned
 * about. Errors: the file is there and cannot be read.
 */
Result<Conf> load_conf(const Paths &paths, SecretBox &box);

/* The same from text; @name stands in the warnings. */
Conf parse_conf(std::string_view text, std::string_view name, SecretBox &box);

} // namespace hawser::config
