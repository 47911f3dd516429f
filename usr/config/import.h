/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Taking over what open-iscsi has: its initiator name, iscsid.conf, interfaces,
 * SendTargets portals, iSNS servers and node records. Its folder is only read. What Hawser has
 * already is left as it is, but for the initiator name. ISIDs are not taken: ours
 * are in another part of their space, so both may use one initiator name.
 */
#pragma once

#include "config/store.h"

#include <string>
#include <vector>

namespace hawser::config
{

struct ImportReport {
	std::vector<std::string> taken;	  // one line each
	std::vector<std::string> skipped; // one line each, with the reason
};

/*
 * @folder: open-iscsi's, as a rule /etc/iscsi. Errors: Code::nothing_found when
 * there is no such folder; else those of the store, with what was taken before
 * kept.
 */
Result<ImportReport> import_open_iscsi(Store &store, const std::string &folder);

} // namespace hawser::config
