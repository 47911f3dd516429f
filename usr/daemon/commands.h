/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The methods of io.hawser. By the time a method is called its parameters have
 * the form that the description says; what is checked here are their values.
 */
#pragma once

#include "base/log.h"
#include "config/store.h"
#include "daemon/connection_commands.h"
#include "daemon/discovery.h"
#include "daemon/isns_servers.h"
#include "daemon/module.h"
#include "daemon/sessions.h"
#include "varlink/api.h"
#include "varlink/server.h"

#include <asio/io_context.hpp>
#include <asio/thread_pool.hpp>

namespace hawser::daemon
{

class Commands
{
public:
	/* All of it outlives the commands. */
	struct Surroundings {
		asio::io_context &io;
		const Log &log;
		kernel::Control &control;
		ModuleLoader &loader;
		Sessions &sessions;
		asio::thread_pool &worker;
		config::Paths paths;
		IsnsServers &isns;
		Discoveries &discoveries;
	};

	explicit Commands(const Surroundings &surroundings)
	    : env_(surroundings), records_{surroundings.worker, surroundings.paths}
	{
	}

	varlink::Handlers handlers();

private:
	asio::awaitable<void> get_info(varlink::Exchange &exchange);
	asio::awaitable<void> list_sessions(varlink::Exchange &exchange);
	asio::awaitable<void> login(varlink::Exchange &exchange);
	asio::awaitable<void> logout(varlink::Exchange &exchange);
	asio::awaitable<void> rescan(varlink::Exchange &exchange);
	asio::awaitable<void> ping(varlink::Exchange &exchange);
	asio::awaitable<void> task_management(varlink::Exchange &exchange);
	asio::awaitable<void> discover(varlink::Exchange &exchange);
	asio::awaitable<void> send_targets(varlink::Exchange &exchange);

	Surroundings env_;
	RecordReader records_;
};

} // namespace hawser::daemon
