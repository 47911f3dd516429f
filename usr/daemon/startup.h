/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The logins that records ask for (node.startup = automatic): at service start, and
 * of those that a refresh has found.
 * They run beside everything else and hold nothing up. Of the ways to a target
 * whose records say node.leading_login, one after the other is tried until one
 * session is there.
 */
#pragma once

#include "base/log.h"
#include "config/store.h"
#include "daemon/sessions.h"

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>

namespace hawser::daemon
{

/* Begins the logins to @nodes. */
void log_in_nodes(asio::io_context &io, const Log &log, Sessions &sessions,
		  std::vector<config::Node> nodes);

/* Ends when every login has been begun. */
asio::awaitable<void> log_in_automatic(asio::io_context &io, const Log &log, Sessions &sessions,
				       config::Store &store);

} // namespace hawser::daemon
