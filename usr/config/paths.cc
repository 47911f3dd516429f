/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/paths.h"

#include <cstdlib>

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
	return paths;
}

} // namespace hawser::config
