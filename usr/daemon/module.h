/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Getting the kernel module loaded, and saying in words why it is not: it was not
 * built for this kernel, Secure Boot does not know its signature, it is of
 * another ABI than this program.
 */
#pragma once

#include "base/error.h"
#include "kernel/control.h"

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <chrono>
#include <string_view>

namespace hawser::daemon
{

class ModuleLoader
{
public:
	/* @control outlives the loader. */
	ModuleLoader(asio::io_context &io, kernel::Control &control) : io_(io), control_(control) {}

	/*
	 * The module is there and speaks our ABI when this succeeds; modprobe(8) is run
	 * when it is not. Code::no_module, Code::no_permission.
	 */
	asio::awaitable<Status> ensure();

private:
	static constexpr std::chrono::seconds limit{30};

	asio::awaitable<Status> modprobe();

	asio::io_context &io_;
	kernel::Control &control_;
};

/* Whether this is the lockdown file of a kernel that takes no unsigned module. */
bool locked_down(std::string_view lockdown);

/* What modprobe said, as a cause that an administrator can act on. */
Error explain_modprobe(std::string_view output, bool locked_down = false);

} // namespace hawser::daemon
