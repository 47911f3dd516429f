/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What makes this process fit to bring back the disk that it is swapped to: its
 * memory is locked, the kernel gives it memory without writing to a disk first
 * (PR_SET_IO_FLUSHER), and the OOM killer passes it by. And how it speaks with
 * systemd.
 */
#pragma once

#include "base/log.h"

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>

namespace hawser::daemon
{

/*
 * Each of these is told about when it fails, and none is worth not starting for.
 * To be called before anything that makes threads.
 */
void prepare_process(const Log &log);

/* systemd: sd_notify(3). Without systemd they do nothing. */
void notify_ready(std::string_view status);
void notify_stopping();

/*
 * Feeds the service's watchdog, when it has one, for as long as the event loop turns. Does not
 * wait for systemd, whatever that is doing.
 */
asio::awaitable<void> feed_watchdog(asio::io_context &io);

} // namespace hawser::daemon
