/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the sessions of the test target share: the disk, the settings, and who they are. */
#pragma once

#include "disk.h"
#include "parameters.h"
#include "session.h"

#include <asio/io_context.hpp>
#include <chrono>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace hawser::target
{

struct Settings {
	Offer offer;
	std::uint16_t port = 3260;
	std::size_t size = 64 << 20;
	std::string file; // the disk is all of it, unless empty
	std::uint64_t seed = 1;
	std::chrono::microseconds latency{0}; // a command takes up to this long
	/* Does what a target may, and few do: see --help. */
	bool whims = false;
};

class Server
{
public:
	Server(asio::io_context &context, const Settings &settings);

	/* Listens, and serves for ever. */
	asio::awaitable<void> accept();
	/* Looks after what waits. */
	asio::awaitable<void> watch();

	/* A normal session that begins; an older one of the same initiator port is over (6.3.5). */
	std::shared_ptr<Session> begin(const Parameters &parameters, Session::Isid isid,
				       std::uint32_t cmd_sn);
	std::shared_ptr<Session> find(const std::string &initiator, Session::Isid isid,
				      std::uint16_t tsih) const;
	/* The initiator did what no fault explains. */
	static void complain(const std::string &what);
	/* How long a command takes, from the seed. */
	std::chrono::microseconds latency();
	/* A number from 0 to @below - 1, from the seed; 0 without whims. */
	std::uint32_t whim(std::uint32_t below);
	/* One of @in times, when there are whims. */
	bool once(std::uint32_t in) { return whim(in) == 1; }

	asio::io_context &context;
	const Settings settings;
	Disk disk;

private:
	std::vector<std::shared_ptr<Session>> sessions_;
	std::uint16_t next_tsih_ = 1;
	std::minstd_rand random_;
};

} // namespace hawser::target
