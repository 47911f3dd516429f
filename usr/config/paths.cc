/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/paths.h"

#include "base/str.h"

#include <cstdlib>
#include <unistd.h>

namespace hawser::config
{

Paths Paths::from_environment()
{
	Paths paths;
	if (const char *dir = std::getenv("HAWSER_CONFIG_DIR"); dir && *dir)
		paths.config_dir = dir;
	if (const char *dir = std::getenv("HAWSER_STATE_DIR"); dir && *dir)
		paths.state_dir = dir;
	if (const char *dir = std::getenv("HAWSER_FIRMWARE_DIR"); dir && *dir)
		paths.firmware_dir = dir;
	const char *run = std::getenv("HAWSER_RUN_DIR");
	paths.run_dir = run && *run ? run : "/run/hawser";
	const char *given = std::getenv("CREDENTIALS_DIRECTORY");
	const bool ours = given && ::access(str(given, "/hawser.key").c_str(), F_OK) == 0;
	paths.credentials_dir = ours ? given : "/run/credentials/hawserd.service";
	return paths;
}

} // namespace hawser::config
