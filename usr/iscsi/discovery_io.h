/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A discovery session from connect to logout. */
#pragma once

#include "iscsi/discovery.h"
#include "iscsi/login_io.h"

namespace hawser
{

struct DiscoveryResult {
	DiscoveryReply reply;
	Address address; // of the portal that answered, after redirects
	LoginResult login;
};

struct DiscoveryTimeouts {
	LoginTimeouts login;
	Seconds response{30}; // for each PDU of the reply
};

/*
 * Logs in with SessionType=Discovery, asks SendTargets=@what ("All" or a name), logs
 * out and closes. A target that came without an address gets the portal that
 * answered and its portal group tag (appendix C). A logout that fails is not an error: the
 * reply is whole by then.
 *
 * @config: names, ISID, authentication; SessionType and what a discovery session
 * fixes (one connection, error recovery level 0) are set here.
 */
asio::awaitable<tl::expected<DiscoveryResult, LoginFailure>>
discover(Address address, LoginConfig config, ChallengeBook &book, std::string what = "All",
	 ConnectOptions connect = {}, DiscoveryTimeouts timeouts = {});

} // namespace hawser
