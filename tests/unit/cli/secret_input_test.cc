/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Secrets on their way in, and who may bring them: the program itself, from outside. */
#include "cli/secret_input.h"

#include "base/coding.h"
#include "base/fd.h"
#include "bench.h"

#include <chrono>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pty.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace hawser;
using namespace hawser::cli;
using namespace std::chrono_literals;

namespace
{

constexpr auto limit = 20s;
const std::string secret = "correct horse";

/* A descriptor that @text can be read from. */
Fd readable(const std::string &text)
{
	int ends[2];
	REQUIRE(::pipe(ends) == 0);
	REQUIRE(::write(ends[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()));
	::close(ends[1]);
	return Fd(ends[0]);
}

/* The program in a process of its own, on the records of the bench. */
struct Program : Bench {
	pid_t pid = -1;
	Fd terminal;
	std::string said;

	Program()
	{
		good("-m node -o new -T " + t1 + " -p 192.0.2.1");
		::chmod(scratch.path.c_str(), 0755);
		::chmod(scratch.paths.config_dir.c_str(), 0755);
	}
	~Program()
	{
		if (pid > 0) {
			::kill(pid, SIGKILL);
			::waitpid(pid, nullptr, 0);
		}
	}

	void start(std::vector<std::string> words, bool as_root = true)
	{
		words.insert(words.begin(), "hawseradm");
		std::vector<char *> argv;
		for (auto &word : words)
			argv.push_back(word.data());
		argv.push_back(nullptr);
		/* Opened before: another user may not reach the folder that it is in. */
		const Fd binary(::open(HAWSERADM, O_RDONLY | O_CLOEXEC));
		REQUIRE(binary);
		int master = -1;
		pid = ::forkpty(&master, nullptr, nullptr, nullptr);
		if (pid == 0) {
			::setenv("HAWSER_CONFIG_DIR", scratch.paths.config_dir.c_str(), 1);
			::setenv("HAWSER_STATE_DIR", scratch.paths.state_dir.c_str(), 1);
			::setenv("HAWSER_RUN_DIR", scratch.path.c_str(), 1);
			if (!as_root && (::setgroups(0, nullptr) != 0 || ::setgid(65534) != 0 ||
					 ::setuid(65534) != 0))
				::_exit(99);
			::fexecve(binary.get(), argv.data(), environ);
			::_exit(98);
		}
		REQUIRE(pid > 0);
		terminal.reset(master);
	}

	/* Reads what is said until @text is in it, or to the end. */
	bool says(const std::string &text)
	{
		const auto deadline = std::chrono::steady_clock::now() + limit;
		char bytes[512];
		while (text.empty() || said.find(text) == std::string::npos) {
			const auto left = std::chrono::ceil<std::chrono::milliseconds>(
			    deadline - std::chrono::steady_clock::now());
			pollfd waits{terminal.get(), POLLIN, 0};
			if (left <= 0ms || ::poll(&waits, 1, static_cast<int>(left.count())) <= 0)
				return false;
			const ssize_t got = ::read(terminal.get(), bytes, sizeof bytes);
			if (got <= 0)
				return text.empty(); // EIO: the other side is gone
			said.append(bytes, static_cast<std::size_t>(got));
		}
		return true;
	}

	void types(const std::string &line)
	{
		REQUIRE(::write(terminal.get(), line.data(), line.size()) ==
			static_cast<ssize_t>(line.size()));
	}

	int ends()
	{
		CHECK(says(""));
		int result = 0;
		REQUIRE(::waitpid(pid, &result, 0) == pid);
		pid = -1;
		INFO(said);
		REQUIRE(WIFEXITED(result));
		return WEXITSTATUS(result);
	}

	std::string stored(std::string_view key = "node.session.auth.password")
	{
		auto node = store.node({t1, {"192.0.2.1", 3260}});
		REQUIRE(node);
		auto opened = node->settings.secret(key, store.secrets());
		REQUIRE(opened);
		return std::string(as_text(opened->bytes()));
	}
};

const std::vector<std::string> update = {"-m", "node",	 "-T", t1,
					 "-o", "update", "-n", "node.session.auth.password"};

std::vector<std::string> with(std::vector<std::string> words, const std::vector<std::string> &more)
{
	words.insert(words.end(), more.begin(), more.end());
	return words;
}

} // namespace

TEST_CASE_METHOD(Bench, "secrets are read from a descriptor, one a line")
{
	good("-m node -o new -T " + t1 + " -p 192.0.2.1");
	const Fd in = readable("very good secret\nanother secret");
	const auto fd = std::to_string(in.get());
	good("-m node -T " + t1 + " -o update -n node.session.auth.password --secret-fd " + fd +
	     " -n node.session.auth.password_in --secret-fd " + fd);
	auto node = store.node({t1, {"192.0.2.1", 3260}});
	REQUIRE(node);
	auto first = node->settings.secret("node.session.auth.password", store.secrets());
	CHECK(as_text(first->bytes()) == "very good secret");
	bad(Code::invalid_argument,
	    "-m node -T " + t1 + " -o update -n node.session.auth.password --secret-fd " + fd);
}

TEST_CASE_METHOD(Bench, "a descriptor that gives no secret changes nothing, and is told of")
{
	good("-m node -o new -T " + t1 + " -p 192.0.2.1");
	const std::string line =
	    "-m node -T " + t1 + " -o update -n node.session.auth.password --secret-fd ";
	CHECK_THAT(bad(Code::invalid_argument, line + "999"), Catch::Contains("--secret-fd 999"));
	CHECK_THAT(bad(Code::invalid_argument, line + "x"), Catch::Contains("--secret-fd"));
	const Fd endless = readable(std::string(2000, 'x'));
	CHECK_THAT(bad(Code::invalid_argument, line + std::to_string(endless.get())),
		   Catch::Contains("longer than"));
	bad(Code::invalid_argument, "-m node -T " + t1 + " -o update --secret-fd 0");
	bad(Code::invalid_argument,
	    "-m node -T " + t1 + " -o update -n node.startup -v manual --secret-fd 0");
}

TEST_CASE("the secrets of a command line are covered, and the rest is not")
{
	const std::vector<std::string> words =
	    with(update, GENERATE(std::vector<std::string>{"-v", "correct horse"},
				  std::vector<std::string>{"-vcorrect horse"},
				  std::vector<std::string>{"--value=correct horse"}));
	std::vector<std::string> memory = words;
	memory.insert(memory.begin(), "hawseradm");
	std::vector<char *> argv;
	for (auto &word : memory)
		argv.push_back(word.data());
	hide_secrets(static_cast<int>(argv.size()), argv.data(), words);
	CHECK(::prctl(PR_GET_DUMPABLE) == 0);
	REQUIRE(::prctl(PR_SET_DUMPABLE, 1) == 0);
	const std::string line = join(memory, " ");
	CHECK_THAT(line, Catch::Contains("node.session.auth.password"));
	CHECK_THAT(line, Catch::Contains("*************"));
	CHECK_THAT(line, !Catch::Contains("horse"));
}

TEST_CASE("a command line that is not understood is covered whole")
{
	std::vector<std::string> memory = {"hawseradm", "-m", "node", "-v", "correct horse"};
	std::vector<char *> argv;
	for (auto &word : memory)
		argv.push_back(word.data());
	hide_secrets(static_cast<int>(argv.size()), argv.data(),
		     {memory.begin() + 1, memory.end()});
	CHECK(memory.back() == "*************");
}

TEST_CASE_METHOD(Program, "a running hawseradm shows no secret in its command line")
{
	/* It waits for the records and so does not end before it was looked at. */
	auto lock = config::WriteLock::take(scratch.paths.state_dir, scratch.paths.lock());
	REQUIRE(lock);
	start(with(update, {"-v", secret}));
	const auto deadline = std::chrono::steady_clock::now() + limit;
	std::string line;
	do {
		line = scratch.get("/proc/" + std::to_string(pid) + "/cmdline");
		std::this_thread::sleep_for(1ms);
	} while (line.find("****") == std::string::npos &&
		 std::chrono::steady_clock::now() < deadline);
	CHECK(line.find(secret) == std::string::npos);
	CHECK_THAT(line, Catch::Contains("node.session.auth.password"));
	CHECK_THAT(line, Catch::Contains("*************"));
	CHECK(::waitpid(pid, nullptr, WNOHANG) == 0);
	lock = fail(Code::success, "released");
	CHECK(ends() == 0);
	CHECK(stored() == secret);
}

TEST_CASE_METHOD(Program, "a secret is asked for twice, without echo")
{
	start(with(update, {"--secret-prompt"}));
	REQUIRE(says("node.session.auth.password: "));
	types(secret + "\n");
	REQUIRE(says("again: "));
	types(secret + "\n");
	CHECK(ends() == 0);
	CHECK(said.find(secret) == std::string::npos);
	CHECK(stored() == secret);
}

TEST_CASE_METHOD(Program, "two answers that differ, and none, are refused")
{
	start(with(update, {"--secret-prompt"}));
	REQUIRE(says("node.session.auth.password: "));
	SECTION("that differ")
	{
		types(secret + "\n");
		REQUIRE(says("again: "));
		types("correct hoarse\n");
	}
	SECTION("none")
	{
		types("\n");
	}
	CHECK(ends() == static_cast<int>(Code::invalid_argument));
	CHECK(stored().empty());
}

TEST_CASE_METHOD(Program, "an interrupt while a secret is asked for leaves the terminal echoing")
{
	start(with(update, {"--secret-prompt"}));
	REQUIRE(says("node.session.auth.password: "));
	termios during{}, after{};
	REQUIRE(::tcgetattr(terminal.get(), &during) == 0);
	CHECK((during.c_lflag & ECHO) == 0);
	types("\x03");
	says("");
	int result = 0;
	REQUIRE(::waitpid(pid, &result, 0) == pid);
	pid = -1;
	CHECK(WIFSIGNALED(result));
	REQUIRE(::tcgetattr(terminal.get(), &after) == 0);
	CHECK((after.c_lflag & ECHO) != 0);
}

TEST_CASE_METHOD(Program, "others than root change nothing, and are told what is missing")
{
	if (::geteuid() != 0) {
		WARN("only root can be another user");
		return;
	}
	const auto before = good("-m node -T " + t1);
	const auto words = GENERATE(
	    std::vector<std::string>{"-m", "node", "-o", "new", "-T", t2, "-p", "192.0.2.1"},
	    std::vector<std::string>{"-m", "node", "-T", t1, "-o", "update", "-n",
				     "node.session.auth.password", "-v", "correct horse"},
	    std::vector<std::string>{"-m", "node", "-T", t1, "-o", "delete"},
	    std::vector<std::string>{"-m", "iface", "-I", "nic0", "-o", "new"},
	    std::vector<std::string>{"-m", "initiator", "-o", "update", "-n", "initiator.name",
				     "-v", "*"},
	    std::vector<std::string>{"--new-key"}, std::vector<std::string>{"-m", "node"});
	start(words, false);
	CHECK(ends() == static_cast<int>(Code::no_permission));
	INFO(join(words, " ") << ": " << said);
	CHECK(said.find("root") != std::string::npos);
	CHECK(std::count(said.begin(), said.end(), '\n') == 1);
	CHECK(said.find("horse") == std::string::npos);
	CHECK(good("-m node -T " + t1) == before);
}

TEST_CASE_METHOD(Program, "others than root see who the initiator is")
{
	if (::geteuid() != 0) {
		WARN("only root can be another user");
		return;
	}
	const auto text = good("-m initiator");
	const auto name = text.substr(0, text.find("\ninitiator.alias"));
	start({"-m", "initiator"}, false);
	CHECK(ends() == 0);
	std::erase(said, '\r');
	CHECK_THAT(said, Catch::Contains(name));
}
