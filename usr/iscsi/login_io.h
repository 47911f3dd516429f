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
#include "iscsi/connect.h"
#include "iscsi/login.h"
#include "iscsi/pdu_io.h"

#include <optional>
#include <utility>
#include <variant>
#include <vector>

namespace hawser
{

struct LoginTimeouts {
	Seconds response{15}; // for each Login Response
	Seconds total{60};    // for the whole login phase on one connection
};

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
 * Checks @config, connects to one of @portals, which are of one portal group, and logs in,
 * following redirects (RFC 7143, 11.13.5) to at most max_redirects addresses, none of them
 * twice. Of several portals, and of several addresses that a redirect names, it is the first
 * that can be connected, as connect_to_any() says; when the login there fails, the other
 * portals are tried, one login at a time: at the first of @portals, the session's own, in a
 * way that may pass, and elsewhere in any, for a portal may have been given to another
 * target. The portal group tag that @config expects is that of @portals, and not looked for
 * where a redirect leads. Only the first of @portals can have moved.
 */
asio::awaitable<tl::expected<LoggedIn, LoginFailure>>
connect_and_login(std::vector<Address> portals, const LoginConfig &config, ChallengeBook &book,
		  ConnectOptions connect = {}, LoginTimeouts timeouts = {});

/* The same with one portal. */
inline asio::awaitable<tl::expected<LoggedIn, LoginFailure>>
connect_and_login(Address portal, const LoginConfig &config, ChallengeBook &book,
		  ConnectOptions connect = {}, LoginTimeouts timeouts = {})
{
	return connect_and_login(std::vector<Address>{std::move(portal)}, config, book,
				 std::move(connect), timeouts);
}

} // namespace hawser
