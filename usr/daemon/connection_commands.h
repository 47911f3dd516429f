/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The methods of io.hawser about the connections of a live session. */
#pragma once

#include "config/store.h"
#include "daemon/sessions.h"
#include "varlink/api.h"
#include "varlink/server.h"

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/thread_pool.hpp>
#include <optional>
#include <vector>

namespace hawser::daemon
{

/* Where records are read, and by whom; outlives every call, as the others do. */
struct RecordReader {
	asio::thread_pool &worker;
	config::Paths paths;
};

asio::awaitable<void> add_connection(varlink::Exchange &exchange, Sessions &sessions,
				     const RecordReader &records, asio::io_context &io);
asio::awaitable<void> remove_connection(varlink::Exchange &exchange, Sessions &sessions);
asio::awaitable<void> change_session(varlink::Exchange &exchange, Sessions &sessions);

/* What a call is to change; Code::invalid_argument names the rule that it breaks. */
Result<kernel::SessionChange> change_of(const varlink::ChangeSessionCall &call);

/* As ListSessions tells them. */
std::vector<varlink::Connection> connections_of(const SessionAgent &agent);
std::optional<std::uint64_t> milliseconds_until(const std::optional<Clock::time_point> &time);

} // namespace hawser::daemon
