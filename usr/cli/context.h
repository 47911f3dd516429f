/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the modes work with. Everything outside (the service, the kernel module,
 * sysfs, the terminal) comes in from here, so that tests put their own in.
 */
#pragma once

#include "cli/service.h"
#include "cli/sessions.h"
#include "config/store.h"

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

namespace hawser::cli
{

using Connect = std::function<Result<std::unique_ptr<Service>>()>;

class Context
{
public:
	std::string program; // stands before every error
	std::ostream &out;
	std::ostream &err;
	config::Store &store;
	SessionSource &sessions;
	Connect connect; // to hawserd; Code::no_daemon when it does not run

	/* One line to standard error; the first code that was told is the exit status. */
	void tell(const Error &error);
	void tell(const std::vector<Error> &errors);
	/* A line that changes no exit status. */
	void warn(const std::string &text);

	/* hawserd.conf, its warnings told once. */
	Result<config::Conf> conf();

	int exit_status() const { return static_cast<int>(first_); }

private:
	Code first_ = Code::success;
	bool conf_told_ = false;

public:
	Context(std::string name, std::ostream &out_stream, std::ostream &err_stream,
		config::Store &records, SessionSource &session_source, Connect connect_service)
	    : program(std::move(name)),
	      out(out_stream),
	      err(err_stream),
	      store(records),
	      sessions(session_source),
	      connect(std::move(connect_service))
	{
	}
};

} // namespace hawser::cli
