/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a start of the service does: it brings the records in order, and then makes the
 * logins that they ask for (node.startup = automatic), as it does of those that a refresh
 * has found.
 * They run beside everything else and hold nothing up. Of the ways to a target
 * whose records say node.leading_login, one after the other is tried until one
 * session is there.
 */
#pragma once

#include "base/log.h"
#include "config/rekey.h"
#include "config/store.h"
#include "daemon/module.h"
#include "daemon/sessions.h"

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/thread_pool.hpp>
#include <optional>

namespace hawser::daemon
{

/* What is wrong with records or memory for a moment only, and may be right at the next look. */
bool may_pass(Code code);

/* What bringing the records in order has given. */
struct Settled {
	/* A change of the key of secrets that was cut short. */
	Result<std::optional<config::RekeyReport>> rekeyed;
	bool key_beside_credential = false;
	/* The first start of a machine makes the name here. */
	Result<config::Identity> identity;
	Status dropped; // static records that are not persistent
};

/* For the worker. @store knows which records sessions use. */
Settled settle_records(config::Store &store);
void tell(const Settled &settled, const Log &log, const config::Paths &paths);

/* Begins the logins to @nodes. */
void log_in_nodes(asio::io_context &io, const Log &log, Sessions &sessions,
		  std::vector<config::Node> nodes);

/* Ends when every login has been begun. Vanished records that no session uses go. */
asio::awaitable<void> log_in_automatic(asio::io_context &io, const Log &log, Sessions &sessions,
				       asio::thread_pool &worker, config::Paths paths);

/*
 * The same as soon as there is a module: it may be built (DKMS), signed or installed while the
 * service waits. @told: why there was none.
 */
asio::awaitable<void> log_in_once_loaded(asio::io_context &io, const Log &log, Sessions &sessions,
					 asio::thread_pool &worker, config::Paths paths,
					 ModuleLoader &loader, std::string told);

} // namespace hawser::daemon
