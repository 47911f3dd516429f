/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/module.h"

#include "base/fd.h"
#include "base/str.h"
#include "daemon/signal.h"

#include <array>
#include <asio/experimental/as_tuple.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/read.hpp>
#include <asio/steady_timer.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <spawn.h>
#include <string>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

namespace hawser::daemon
{

using namespace asio::experimental::awaitable_operators;

namespace
{

constexpr const char *program = "/sbin/modprobe";

/* A program whose standard output and error come through a pipe. */
struct Child {
	pid_t pid = -1;
	Fd output;
};

Result<Child> spawn_modprobe()
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return fail(Code::failed, str("pipe: ", std::strerror(errno)));
	Child child;
	child.output.reset(ends[0]);
	const Fd theirs(ends[1]);

	posix_spawn_file_actions_t actions;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, theirs.get(), 1);
	posix_spawn_file_actions_adddup2(&actions, theirs.get(), 2);
	// The messages are read below: they must be in one language.
	char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", locale[] = "LC_ALL=C";
	char *environment[] = {path, locale, nullptr};
	char name[] = "modprobe", module[] = "hawser";
	char *arguments[] = {name, module, nullptr};
	const int error =
	    posix_spawn(&child.pid, program, &actions, nullptr, arguments, environment);
	posix_spawn_file_actions_destroy(&actions);
	if (error != 0)
		return fail(Code::no_module, str(program, ": ", std::strerror(error)));
	return child;
}

std::string kernel_release()
{
	utsname name{};
	return uname(&name) == 0 ? name.release : "?";
}

/* Empty where there is none: not every kernel can be locked down. */
std::string read_lockdown()
{
	std::ifstream file("/sys/kernel/security/lockdown");
	std::string line;
	std::getline(file, line);
	return line;
}

} // namespace

bool locked_down(std::string_view lockdown)
{
	return !lockdown.empty() && lockdown.find("[none]") == std::string_view::npos;
}

Error explain_modprobe(std::string_view output, bool locked_down)
{
	const auto says = [&](std::string_view words) {
		return output.find(words) != std::string_view::npos;
	};
	// The last line, without modprobe's own prefix.
	std::string_view line = trim(output.substr(0, output.find_last_not_of('\n') + 1));
	if (auto start = line.rfind('\n'); start != std::string_view::npos)
		line.remove_prefix(start + 1);
	for (std::string_view prefix : {"modprobe: ", "FATAL: ", "ERROR: "}) {
		if (line.starts_with(prefix))
			line.remove_prefix(prefix.size());
	}

	/* A kernel that Secure Boot has locked down says no more than that it is not permitted. */
	if (says("Key was rejected") || says("Required key not available") ||
	    (says("Operation not permitted") && locked_down))
		return {Code::no_module,
			"the kernel refuses the module hawser because its signature is not known: "
			"enroll the key that it is signed with (mokutil --import), or switch "
			"Secure Boot off"};
	if (says("Operation not permitted"))
		return {Code::no_permission,
			"loading the module hawser is not permitted (CAP_SYS_MODULE is missing)"};
	if (says("not found in directory"))
		return {Code::no_module, str("there is no module hawser for kernel ",
					     kernel_release(), ": build and install it")};
	if (says("Invalid module format") || says("Exec format error"))
		return {Code::no_module, str("the module hawser was built for another kernel than ",
					     kernel_release(), ": build it anew")};
	return {Code::no_module,
		str("the module hawser cannot be loaded: ",
		    line.empty() ? std::string_view("modprobe failed without a word") : line)};
}

asio::awaitable<Status> ModuleLoader::ensure()
{
	auto info = control_.info();
	// One of another ABI is loaded, and stays.
	if (!info && info.error().number == ENODEV) {
		if (auto loaded = co_await modprobe(); !loaded)
			co_return loaded;
		info = control_.info();
	}
	if (!info)
		co_return tl::unexpected(info.error().error);
	co_return Status{};
}

asio::awaitable<Status> ModuleLoader::modprobe()
{
	auto child = spawn_modprobe();
	if (!child)
		co_return tl::unexpected(child.error());

	// Its output ends when it does.
	asio::posix::stream_descriptor output(io_, child->output.release());
	asio::steady_timer timer(io_, limit);
	constexpr auto token = asio::experimental::as_tuple(asio::use_awaitable);
	std::string text;
	const auto first =
	    co_await (asio::async_read(output, asio::dynamic_buffer(text, 65536), token) ||
		      timer.async_wait(token));
	if (first.index() == 1)
		kill(child->pid, SIGKILL);
	// One that hangs in the kernel does not end at once, and nothing here waits for it.
	int status = 0;
	pid_t ended = 0;
	for (int looks = 0; (ended = waitpid(child->pid, &status, WNOHANG)) == 0 && looks < 100;
	     looks++) {
		timer.expires_after(std::chrono::milliseconds(10));
		co_await timer.async_wait(token);
	}
	if (first.index() == 1 || ended == 0)
		co_return fail(Code::no_module,
			       str("modprobe hawser did not end within ", limit.count(), " s"));
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		co_return tl::unexpected(explain_modprobe(text, locked_down(read_lockdown())));
	co_return Status{};
}

} // namespace hawser::daemon
