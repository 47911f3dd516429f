/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a secret comes in without being on the command line, and how one that is leaves it. */
#pragma once

#include "base/error.h"

#include <string>
#include <string_view>
#include <vector>

namespace hawser::cli
{

/*
 * Asks on the terminal (/dev/tty), without echo, twice. Code::invalid_argument when there
 * is no terminal, when the answers differ and when the answer is empty.
 */
Result<std::string> ask_secret(std::string_view name);

/*
 * One line of a descriptor that was inherited, without its end; read byte by byte, so that
 * the next secret may come from the next line. Code::invalid_argument when the descriptor
 * cannot be read or has no line left.
 */
Result<std::string> read_secret(int fd);

/*
 * Overwrites the secrets among the arguments, which every user sees in /proc/PID/cmdline,
 * and keeps this process from leaving a core dump when there are any. All of the arguments,
 * when they cannot be understood. @arguments: a copy of them, without the program's name.
 */
void hide_secrets(int argc, char **argv, const std::vector<std::string> &arguments);

} // namespace hawser::cli
