/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Logging in over a socket: connect, drive the login machine, follow redirects.
 *
 * After success not one byte beyond the final Login Response has been read, and
 * the socket's descriptor (native_handle(), or release() to own it) can be handed to
 * the kernel. It is non-blocking, as Asio leaves it.
 */
#pragma once

#include "iscsi/address.h"
#include "iscsi/login.h"
#include "iscsi/pdu_io.h"

#include <functional>
#include <optional>
#include <variant>

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

struct LoginTimeouts {
	Seconds response{15}; // for each Login Response
	Seconds total{60};    // for the whole login phase on one connection
};

/*
 * A TCP connection to @address with TCP_NODELAY set; a name's addresses are tried
 * in the resolver's order. Code::host_not_found, connect_failed, connect_timed_out.
 */
asio::awaitable<Result<StreamSocket>> connect_to(Address address, ConnectOptions options);

using LoginEnd = std::variant<LoginResult, LoginRedirect, LoginFailure>;

/* What the machine ended in, on a socket that is connected already; check(config) has passed. */
asio::awaitable<LoginEnd> run_login(StreamSocket &socket, const LoginConfig &config,
				    ChallengeBook &book, LoginTimeouts timeouts = {});

struct LoggedIn {
	StreamSocket socket;
	LoginResult result;
	Address address; // where the login succeeded
	/* Where a chain of nothing but permanent redirects ended; none: the target has not moved.
	 */
	std::optional<Address> moved_to;
};

inline constexpr unsigned max_redirects = 8;
inline constexpr std::size_t max_candidates = 16; // addresses of one redirect that are tried

/*
 * Checks @config, connects to @address and logs in, following redirects (RFC 7143, 11.13.5)
 * to at most max_redirects addresses, none of them twice. A redirect that names several
 * addresses is followed to the first that can be connected. The portal group tag that
 * @config expects is that of @address, and not looked for at another one.
 */
asio::awaitable<tl::expected<LoggedIn, LoginFailure>>
connect_and_login(Address address, const LoginConfig &config, ChallengeBook &book,
		  ConnectOptions connect = {}, LoginTimeouts timeouts = {});

} // namespace hawser
