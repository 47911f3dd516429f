/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hawserd: logs in to targets, hands the connections to the kernel module, and
 * brings lost ones back. Sessions live in the module: this process may end, be
 * killed or be replaced at any instant, and the next one goes on.
 */
#include "base/fd.h"
#include "base/log_queue.h"
#include "base/str.h"
#include "config/store.h"
#include "daemon/commands.h"
#include "daemon/connector.h"
#include "daemon/isns_servers.h"
#include "daemon/module.h"
#include "daemon/pacer.h"
#include "daemon/process.h"
#include "daemon/refresh.h"
#include "daemon/saved.h"
#include "daemon/sessions.h"
#include "daemon/startup.h"
#include "daemon/worker.h"
#include "kernel/events.h"
#include "kernel/netlink.h"
#include "varlink/api.h"
#include "varlink/server.h"

#include <asio/co_spawn.hpp>
#include <asio/post.hpp>
#include <asio/signal_set.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <getopt.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace
{

using namespace hawser;
using namespace hawser::daemon;

struct Options {
	std::string run_dir = "/run/hawser";
	Level level = Level::notice;
	bool to_stderr = false;
	unsigned logins = Pacer::default_places;
};

constexpr const char *usage =
    "Usage: hawserd [-f] [-d LEVEL] [-l NUMBER] [-V]\n"
    "  -f, --foreground   log to standard error, not to the journal\n"
    "  -d, --debug LEVEL  log up to LEVEL: 0 (emergency) to 7 (debug); 5\n"
    "  -l, --logins N     logins to one portal at a time, 1 to 10000; 32\n"
    "  -V, --version      print the version and end\n"
    "  -h, --help         print this and end\n";

enum class Start { go, stop, refuse };

Start parse_options(int argc, char **argv, Options &options)
{
	static const option longs[] = {
	    {"foreground", no_argument, nullptr, 'f'},	 {"debug", required_argument, nullptr, 'd'},
	    {"logins", required_argument, nullptr, 'l'}, {"version", no_argument, nullptr, 'V'},
	    {"help", no_argument, nullptr, 'h'},	 {nullptr, 0, nullptr, 0},
	};
	for (int c; (c = getopt_long(argc, argv, "fd:l:Vh", longs, nullptr)) != -1;) {
		switch (c) {
		case 'f':
			options.to_stderr = true;
			break;
		case 'd': {
			const auto level = parse_number(optarg);
			if (!level || *level > 7) {
				std::fprintf(stderr, "hawserd: log level \"%s\" is not 0 to 7\n",
					     optarg);
				return Start::refuse;
			}
			options.level = static_cast<Level>(*level);
			break;
		}
		case 'l': {
			const auto number = parse_number(optarg);
			if (!number || *number < 1 || *number > 10000) {
				std::fprintf(stderr,
					     "hawserd: number of logins \"%s\" is not 1 to "
					     "10000\n",
					     optarg);
				return Start::refuse;
			}
			options.logins = static_cast<unsigned>(*number);
			break;
		}
		case 'V':
			std::printf("hawserd version %s\n", HAWSER_VERSION);
			return Start::stop;
		case 'h':
			std::fputs(usage, stdout);
			return Start::stop;
		default:
			std::fputs(usage, stderr);
			return Start::refuse;
		}
	}
	if (optind != argc) {
		std::fprintf(stderr, "hawserd: unknown argument \"%s\"\n", argv[optind]);
		return Start::refuse;
	}
	// For tests beside a daemon that is at work.
	if (const char *dir = std::getenv("HAWSER_RUN_DIR"))
		options.run_dir = dir;
	return Start::go;
}

Status make_run_dir(const std::string &path)
{
	if (mkdir(path.c_str(), 0755) < 0 && errno != EEXIST)
		return fail(errno == EACCES ? Code::no_permission : Code::failed,
			    str(path, ": ", std::strerror(errno)));
	return {};
}

/*
 * The one daemon of this machine holds this lock. The kernel lets go of it however
 * the holder ends.
 */
Result<Fd> take_lock(const std::string &path)
{
	Fd fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
	if (!fd)
		return fail(Code::failed, str(path, ": ", std::strerror(errno)));
	if (flock(fd.get(), LOCK_EX | LOCK_NB) < 0)
		return fail(Code::busy, str("another hawserd is running (it holds ", path, ")"));
	return fd;
}

/* How long a start waits for the records to be in order before it is ready without. */
constexpr std::chrono::seconds settle_limit{5};

/* Everything that the daemon is made of, in the order in which it depends on each other. */
class Daemon
{
public:
	Daemon(const Log &log, const Options &options, std::unique_ptr<kernel::Control> control)
	    : log_(log),
	      options_(options),
	      control_(std::move(control)),
	      connector_(*control_, book_),
	      pacer_(connector_, options.logins),
	      saved_(str(options.run_dir, "/sessions"), store_.secrets()),
	      sessions_({io_, log_, *control_, pacer_, saved_, store_.secrets(), worker_,
			 store_.paths()}),
	      loader_(io_, *control_),
	      isns_({
		  .io = io_,
		  .log = log_,
		  .worker = worker_,
		  .paths = store_.paths(),
		  .in_use = [this] { return sessions_.in_use(); },
		  .note_vanished =
		      [this](const std::vector<config::NodeId> &ids) {
			      sessions_.note_vanished(ids);
		      },
		  .log_in =
		      [this](std::vector<config::Node> nodes) {
			      log_in_nodes(io_, log_, sessions_, std::move(nodes));
		      },
	      }),
	      discoveries_({io_, worker_, store_.paths(), book_, sessions_}),
	      refresher_({
		  .io = io_,
		  .log = log_,
		  .worker = worker_,
		  .paths = store_.paths(),
		  .ask =
		      [this](varlink::DiscoverCall call) {
			      return discoveries_.send_targets(std::move(call), true);
		      },
		  .log_in =
		      [this](std::vector<config::Node> nodes) {
			      log_in_nodes(io_, log_, sessions_, std::move(nodes));
		      },
	      }),
	      commands_({io_, log_, *control_, loader_, sessions_, worker_, store_.paths(), isns_,
			 discoveries_}),
	      server_(io_, log_,
		      {"The Hawser project", "Hawser iSCSI initiator", HAWSER_VERSION, ""}),
	      signals_(io_, SIGTERM, SIGINT)
	{
	}

	Status run()
	{
		auto interface = varlink::Interface::parse(varlink::io_hawser_description());
		if (!interface)
			return tl::unexpected(interface.error());
		if (auto ok = server_.serve(std::move(*interface), commands_.handlers()); !ok)
			return ok;
		if (auto ok = server_.listen(str(options_.run_dir, "/io.hawser")); !ok)
			return ok;
		// Before the sessions are read, so that no change falls in between.
		auto events = kernel::EventStream::open(io_, log_, sessions_);
		if (!events)
			return tl::unexpected(events.error());

		signals_.async_wait([this](const asio::error_code &, int) { stop(); });
		asio::co_spawn(io_, start(), escalate);
		asio::co_spawn(io_, feed_watchdog(io_), escalate);
		io_.run();
		return {};
	}

private:
	asio::awaitable<void> start()
	{
		const auto module = co_await loader_.ensure();
		if (!module)
			log_(Level::error, module.error().text,
			     "; discovery works, logins wait for the module");
		sessions_.take_over();
		auto settled = std::make_shared<Mailbox<bool>>(io_.get_executor());
		asio::co_spawn(io_, settle(settled), escalate);
		const auto in_time = co_await settled->take(Clock::now() + settle_limit);
		if (in_time.empty())
			log_(Level::warning, "the records are waited for, and logins wait with "
					     "them: sessions are looked after");
		// Only now: a login to a target whose session is not known yet would take that
		// session's place.
		server_.accept();
		log_(Level::notice, "hawserd ", HAWSER_VERSION,
		     " is ready, sessions taken over: ", sessions_.all().size());
		notify_ready(str(sessions_.all().size(), " sessions taken over"));
		isns_.start();
		if (module)
			co_await log_in_automatic(io_, log_, sessions_, worker_, store_.paths());
		else
			asio::co_spawn(io_,
				       log_in_once_loaded(io_, log_, sessions_, worker_,
							  store_.paths(), loader_,
							  module.error().text),
				       escalate);
		co_await refresher_.run();
	}

	/*
	 * The worker does one thing after the other, so every login is after this. The disk
	 * that the records are on may be that of a session which is to be brought back first.
	 */
	asio::awaitable<void> settle(std::shared_ptr<Mailbox<bool>> done)
	{
		auto work = [paths = store_.paths(), in_use = sessions_.in_use()] {
			config::Store store(paths);
			store.set_in_use(in_use);
			return settle_records(store);
		};
		const auto settled = co_await on_worker(worker_, std::move(work));
		tell(settled, log_, store_.paths());
		done->put(true);
	}

	/*
	 * Sessions stay as they are: the module has them. The worker may be waiting for a disk
	 * that only this loop brings back.
	 */
	void stop()
	{
		log_(Level::notice, "stopping, sessions stay: ", sessions_.all().size());
		notify_stopping();
		server_.close();
		asio::post(worker_, [this] { io_.stop(); });
	}

	const Log &log_;
	const Options &options_;
	// Coroutines that are under way end with the event loop: what they hold on to
	// stands before it, what has timers and sockets on it behind.
	config::Store store_; // here for its secrets and paths: the files are the worker's
	ChallengeBook book_;
	std::unique_ptr<kernel::Control> control_;
	TcpConnector connector_;
	Pacer pacer_;
	SavedSessions saved_;
	asio::io_context io_{1};
	Sessions sessions_;
	ModuleLoader loader_;
	IsnsServers isns_;
	Discoveries discoveries_;
	Refresher refresher_;
	Commands commands_;
	varlink::Server server_;
	asio::signal_set signals_;
	// Last, so that it has ended its work before what that work uses goes.
	asio::thread_pool worker_{1};
};

std::unique_ptr<LogSink> make_sink(const Options &options)
{
	if (options.to_stderr)
		return std::make_unique<StderrSink>();
	return std::make_unique<JournalSink>();
}

int run(const Options &options)
{
	umask(0077);
	// Before the log has a thread.
	if (geteuid() == 0)
		prepare_process(Log(make_sink(options), options.level));
	const Log log(std::make_unique<QueuedSink>(make_sink(options)), options.level);
	const auto refuse = [&](const Error &error) {
		log(Level::critical, error.text);
		if (!options.to_stderr)
			std::fprintf(stderr, "hawserd: %s\n", error.text.c_str());
		return static_cast<int>(error.code);
	};

	if (geteuid() != 0)
		return refuse({Code::no_permission, "hawserd must be started by root"});
	if (auto ok = make_run_dir(options.run_dir); !ok)
		return refuse(ok.error());
	const auto lock = take_lock(str(options.run_dir, "/hawserd.lock"));
	if (!lock)
		return refuse(lock.error());
	auto control = kernel::NetlinkControl::open();
	if (!control)
		return refuse(control.error());
	try {
		Daemon daemon(log, options, std::move(*control));
		if (auto ended = daemon.run(); !ended)
			return refuse(ended.error());
	} catch (const std::exception &e) {
		return refuse({Code::internal, e.what()});
	}
	return 0;
}

} // namespace

int main(int argc, char **argv)
{
	Options options;
	switch (parse_options(argc, argv, options)) {
	case Start::go:
		return run(options);
	case Start::stop:
		return 0;
	case Start::refuse:
		break;
	}
	return static_cast<int>(Code::invalid_argument);
}
