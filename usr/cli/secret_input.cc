/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/secret_input.h"

#include "base/fd.h"
#include "base/secret.h"
#include "base/str.h"
#include "cli/options.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <poll.h>
#include <sys/prctl.h>
#include <termios.h>
#include <unistd.h>

namespace hawser::cli
{

namespace
{

/* More than any secret has: 255 bytes, or twice as many digits after 0x. */
constexpr std::size_t max_line = 1024;

tl::unexpected<Error> refuse(std::string text)
{
	return fail(Code::invalid_argument, std::move(text));
}

volatile std::sig_atomic_t caught;

/*
 * A terminal that does not echo, for as long as this lives. A signal that would end or stop
 * the program is blocked but in wait(), so that none slips in between a look at what was
 * caught and a read that then waits for ever; it is raised when the terminal is as it was.
 */
class Silence
{
public:
	explicit Silence(int fd) : fd_(fd)
	{
		caught = 0;
		struct sigaction action {
		};
		action.sa_handler = [](int number) { caught = number; };
		sigset_t held;
		::sigemptyset(&held);
		for (std::size_t i = 0; i < std::size(signals); i++) {
			::sigaddset(&held, signals[i]);
			::sigaction(signals[i], &action, &before_[i]);
		}
		::sigprocmask(SIG_BLOCK, &held, &mask_);
		if (::tcgetattr(fd_, &settings_) != 0)
			return;
		termios silent = settings_;
		silent.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHOE | ECHOK | ECHONL);
		on_ = ::tcsetattr(fd_, TCSAFLUSH, &silent) == 0;
	}
	Silence(const Silence &) = delete;
	Silence &operator=(const Silence &) = delete;
	~Silence()
	{
		if (on_)
			::tcsetattr(fd_, TCSAFLUSH, &settings_);
		for (std::size_t i = 0; i < std::size(signals); i++)
			::sigaction(signals[i], &before_[i], nullptr);
		::sigprocmask(SIG_SETMASK, &mask_, nullptr);
		if (caught != 0)
			::raise(caught);
	}
	bool on() const { return on_; }
	/* Waits until there is something to read; false, with errno, when a signal came first. */
	bool wait() const
	{
		pollfd terminal = {fd_, POLLIN, 0};

		return ::ppoll(&terminal, 1, nullptr, &mask_) > 0;
	}

private:
	static constexpr int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};

	int fd_;
	bool on_ = false;
	sigset_t mask_{};
	termios settings_{};
	struct sigaction before_[std::size(signals)] = {};
};

/* Without the end of the line; nothing when there is no line. A terminal is one that is silent. */
Result<std::optional<std::string>> read_line(int fd, const Silence *terminal = nullptr)
{
	std::string line;
	line.reserve(max_line); // it never moves, and so is wiped whole
	for (;;) {
		char c = 0;
		const ssize_t got = terminal && !terminal->wait() ? -1 : ::read(fd, &c, 1);
		if (got < 0 && errno == EINTR && caught == 0)
			continue;
		if (got < 0) {
			const int number = errno;
			wipe(line);
			return refuse(number == EINTR ? "interrupted" : std::strerror(number));
		}
		if (got == 0 && line.empty())
			return std::nullopt;
		if (got == 0 || c == '\n')
			return line;
		if (line.size() == max_line) {
			wipe(line);
			return refuse(str("the line is longer than ", max_line, " bytes"));
		}
		line += c;
	}
}

Result<std::string> ask(int tty, std::string_view question)
{
	const Silence silence(tty);
	if (!silence.on())
		return refuse("the terminal does not stop to echo");
	if (::write(tty, question.data(), question.size()) < 0)
		return refuse(std::strerror(errno));
	auto line = read_line(tty, &silence);
	[[maybe_unused]] const auto ignored = ::write(tty, "\n", 1);
	if (!line)
		return tl::unexpected(line.error());
	return line->value_or("");
}

/* A key that is misspelled may be one. */
bool may_be_secret(std::string_view name)
{
	return !name.starts_with("initiator.") && config::is_secret(name).value_or(true);
}

void cover(char *text)
{
	std::memset(text, '*', std::strlen(text));
}

} // namespace

Result<std::string> ask_secret(std::string_view name)
{
	const Fd tty(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
	if (!tty)
		return refuse(str("--secret-prompt: there is no terminal to ask on; --secret-fd "
				  "reads from a descriptor"));
	auto secret = ask(tty.get(), str(name, ": "));
	if (!secret)
		return refuse(str("--secret-prompt: ", secret.error().text));
	if (secret->empty())
		return refuse(str("--secret-prompt: ", name, ": nothing was given"));
	auto again = ask(tty.get(), str(name, ", again: "));
	const bool same = again && *again == *secret;
	if (again)
		wipe(*again);
	if (same)
		return secret;
	wipe(*secret);
	return refuse(again ? str("--secret-prompt: ", name, ": the two answers differ")
			    : str("--secret-prompt: ", again.error().text));
}

Result<std::string> read_secret(int fd)
{
	caught = 0;
	auto line = read_line(fd);
	if (!line)
		return refuse(str("--secret-fd ", fd, ": ", line.error().text));
	if (!*line)
		return refuse(str("--secret-fd ", fd, ": there is no line (left) to read"));
	return std::move(**line);
}

void hide_secrets(int argc, char **argv, const std::vector<std::string> &arguments)
{
	const auto options = parse_options(arguments);
	if (!options) {
		for (int i = 1; i < argc; i++)
			cover(argv[i]);
		return;
	}
	bool any = !options->secrets.empty();
	for (const auto &[name, value] : options->settings) {
		if (value.empty() || !may_be_secret(name))
			continue;
		any = true;
		/* "-v value", "-vvalue", "--value=value": it is the end of a word. */
		for (int i = 1; i < argc; i++) {
			const std::string_view word = argv[i];
			if (word.ends_with(value))
				cover(argv[i] + (word.size() - value.size()));
		}
	}
	if (any)
		::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

} // namespace hawser::cli
