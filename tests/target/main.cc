/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * recovering_target: one disk at an iSCSI target that does all of error recovery levels 1
 * and 2 and several connections a session, which no target that runs on Linux does whole. It is
 * fast, obeys no script and forgives nothing: the load tests' other end. See --help.
 */
#include "server.h"

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <getopt.h>

using namespace hawser::target;

namespace
{

void usage(std::FILE *out)
{
	std::fputs(
	    "usage: recovering_target [options]\n"
	    "  -p, --port N         3260\n"
	    "  -m, --size MIB       of the disk, LUN 1; 64\n"
	    "  -f, --file FILE      the disk is this file or block device, and outlives the\n"
	    "                       program; without it, it is in memory\n"
	    "  -e, --level N        ErrorRecoveryLevel at most; 2\n"
	    "  -c, --connections N  MaxConnections at most; 8\n"
	    "  -r, --retain N       DefaultTime2Retain at most, seconds; 60\n"
	    "  -s, --seed N         of what is random; 1\n"
	    "  -t, --latency USEC   a command takes up to this long; 0\n"
	    "  -w, --whims          data out of order where that was agreed on, R2Ts in\n"
	    "                       any order and of any length, a command window that\n"
	    "                       closes, pings, and commands that end BUSY or TASK\n"
	    "                       SET FULL\n",
	    out);
}

unsigned long number(const char *word, unsigned long most)
{
	char *end = nullptr;
	errno = 0;
	const auto value = std::strtoul(word, &end, 0);
	if (errno != 0 || end == word || *end != '\0' || *word == '-' || value > most) {
		std::fprintf(stderr, "recovering_target: \"%s\" is not a number up to %lu\n", word,
			     most);
		std::exit(2);
	}
	return value;
}

Settings settings_of(int argc, char **argv)
{
	const option options[] = {{"port", required_argument, nullptr, 'p'},
				  {"size", required_argument, nullptr, 'm'},
				  {"file", required_argument, nullptr, 'f'},
				  {"level", required_argument, nullptr, 'e'},
				  {"connections", required_argument, nullptr, 'c'},
				  {"retain", required_argument, nullptr, 'r'},
				  {"seed", required_argument, nullptr, 's'},
				  {"latency", required_argument, nullptr, 't'},
				  {"whims", no_argument, nullptr, 'w'},
				  {"help", no_argument, nullptr, 'h'},
				  {}};
	Settings settings;
	for (int letter = 0;
	     (letter = ::getopt_long(argc, argv, "p:m:f:e:c:r:s:t:wh", options, nullptr)) != -1;) {
		switch (letter) {
		case 'p':
			settings.port = static_cast<std::uint16_t>(number(optarg, 65535));
			break;
		case 'm':
			settings.size = number(optarg, 4096) << 20;
			break;
		case 'f':
			settings.file = optarg;
			break;
		case 'e':
			settings.offer.level = static_cast<unsigned>(number(optarg, 2));
			break;
		case 'c':
			settings.offer.connections = static_cast<unsigned>(number(optarg, 64));
			break;
		case 'r':
			settings.offer.time2retain = static_cast<unsigned>(number(optarg, 3600));
			break;
		case 's':
			settings.seed = number(optarg, ~0ul);
			break;
		case 't':
			settings.latency = std::chrono::microseconds(number(optarg, 10'000'000));
			break;
		case 'w':
			settings.whims = true;
			settings.offer.in_order = false;
			break;
		case 'h':
			usage(stdout);
			std::exit(0);
		default:
			usage(stderr);
			std::exit(2);
		}
	}
	return settings;
}

} // namespace

int main(int argc, char **argv)
{
	const auto settings = settings_of(argc, argv);
	const auto fatal = [](std::exception_ptr error) {
		if (error)
			std::rethrow_exception(error);
	};
	std::setvbuf(stdout, nullptr, _IOLBF, 0);
	try {
		asio::io_context context(1);
		Server server(context, settings);
		asio::co_spawn(
		    context, [&server] { return server.accept(); }, fatal);
		asio::co_spawn(
		    context, [&server] { return server.watch(); }, fatal);
		context.run();
	} catch (const std::exception &error) {
		std::fprintf(stderr, "recovering_target: %s\n", error.what());
		return 1;
	}
	return 0;
}
