/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A change of the key that secrets are encrypted under (key_ring.h): of secret.key
 * to a new one, or of whatever secrets are under to the systemd credential.
 *
 * Every file of records, whatever it is, and of saved sessions is gone through:
 * JSON in which a string in sealed form stands under its record key. Before
 * anything is changed, every secret is opened once; one that does not open
 * refuses the change. Files are replaced whole, those of sessions only when the daemon has not
 * written them meanwhile (session_files.h), and the old key is removed when a pass has
 * found nothing left under it. Killed at any step, every secret opens as
 * before, and the next change, or the next start of the service, goes on.
 */
#pragma once

#include "config/paths.h"
#include "config/secret_box.h"

#include <cstddef>
#include <optional>
#include <string>

namespace hawser::config
{

struct RekeyReport {
	std::string key;   // the id of the key of now
	std::string place; // where it is
	std::size_t secrets = 0;
	std::size_t files = 0;
};

/* Errors name the file and the secret; before the first write nothing has changed. */
Result<RekeyReport> rekey(const Paths &paths, SecretBox &box);

/* Ends a change that was cut short; nothing when there is none. */
Result<std::optional<RekeyReport>> finish_rekey(const Paths &paths, SecretBox &box);

} // namespace hawser::config
