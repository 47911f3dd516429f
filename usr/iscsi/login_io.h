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

#include <algorithm>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

namespace hawser
{

struct LoginTimeouts {
	Seconds response{15}; // for each Login Response
	Seconds total{60};    // for the whole login phase on one connection
	/* For the first Login Response of a portal that is not the only one. */
	Seconds patience() const { return std::max(Seconds(1), response / 3); }
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
	std::size_t way = 0; // of the ways that there were
};

/* One of several ways to one login: over which portal, and with which connection's login. */
struct LoginWay {
	Address portal;
	ConnectOptions connect;
	const LoginConfig *login; // outlives the login
	bool own = true;	  // the portal is that of one of the session's connections
};

inline constexpr unsigned max_redirects = 8;
inline constexpr std::size_t max_candidates = 16; // addresses of one redirect that are tried

/*
 * Checks the logins of @ways, connects over one of these, whose portals are of one portal
 * group, and logs in, following redirects (RFC 7143, 11.13.5) to at most max_redirects
 * addresses, none of them twice. Of several ways, and of several addresses that a redirect
 * names, it is the first that can be connected, as connect_to_any() says; when the login there
 * fails, the other ways are tried, one login at a time: at the first of @ways in a manner
 * that may pass, and elsewhere in any, for a portal may have been given to another target.
 * One that is connected and does not answer the first request within LoginTimeouts::patience()
 * comes last, and has all the time then.
 * The failure is what the first of @ways says, or else another connection's own portal, or
 * else why the first one is not connected. The portal group tag that a login expects is that
 * of its way, and not looked for where a redirect leads. Only a connection's own portal can
 * have moved.
 */
asio::awaitable<tl::expected<LoggedIn, LoginFailure>>
connect_and_login(std::vector<LoginWay> ways, ChallengeBook &book, LoginTimeouts timeouts = {});

/* The same login over portals of which the first is the session's own. @config outlives it. */
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
