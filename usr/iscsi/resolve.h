/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Host names of portals and servers, without one that is not answered being in the way of others.
 */
#pragma once

#include "base/error.h"
#include "iscsi/address.h"

#include <asio/awaitable.hpp>
#include <asio/ip/tcp.hpp>
#include <chrono>
#include <vector>

namespace hawser
{

/* Lookups under way at once, each with a thread; more wait for one to end. */
inline constexpr unsigned max_lookups = 8;

/* What looks a name up, blocking: getaddrinfo(), but in tests. */
using LookUp = Result<std::vector<asio::ip::tcp::endpoint>> (*)(const std::string &host,
								std::uint16_t port);

Result<std::vector<asio::ip::tcp::endpoint>> look_up(const std::string &host, std::uint16_t port);

/*
 * The endpoints of @address, at least one, in the resolver's order; a numeric one is its own.
 * Code::host_not_found, also when @limit is over: the lookup is left behind then, and neither its
 * name's other users nor the end of the process wait for it. Code::failed when it is cancelled.
 */
asio::awaitable<Result<std::vector<asio::ip::tcp::endpoint>>>
resolve(Address address, std::chrono::seconds limit, LookUp look_up = hawser::look_up);

} // namespace hawser
