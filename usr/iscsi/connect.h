/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TCP connections to portals: to one, or to whichever of several answers first. */
#pragma once

#include "base/error.h"
#include "iscsi/address.h"
#include "iscsi/pdu_io.h"

#include <asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <vector>

namespace hawser
{

struct ConnectOptions {
	Seconds timeout{15}; // for the name's resolution, and again for each address
	/*
	 * Called with the new descriptor before it connects: binding to a device or
	 * a source address, SOCK_MEMALLOC. An error ends the attempt with it.
	 */
	std::function<Status(int fd)> before_connect;
};

/*
 * A TCP connection to @address with TCP_NODELAY set; a name's addresses are tried
 * in the resolver's order. Code::host_not_found, connect_failed, connect_timed_out.
 */
asio::awaitable<Result<StreamSocket>> connect_to(Address address, ConnectOptions options);

struct Connected {
	StreamSocket socket;
	std::size_t which; // of the candidates
};

/* How long an address has before the next one is tried beside it. */
inline constexpr std::chrono::milliseconds connect_head_start{1000};

/* One of several, with a binding of its own: the same address may be two of them. */
struct Candidate {
	Address address;
	ConnectOptions options;
};

/*
 * A TCP connection to the first of @candidates, which are not none, that one can be had to.
 * They are tried in their order, each when the one before has failed or has had its head
 * start, so one that does not answer delays the next ones by that much and no more. When one
 * is connected the other attempts are given up. The error is that of the first candidate.
 */
asio::awaitable<Result<Connected>> connect_to_any(std::vector<Candidate> candidates);

/* The same with equal options for all. */
asio::awaitable<Result<Connected>> connect_to_any(std::vector<Address> addresses,
						  ConnectOptions options);

} // namespace hawser
