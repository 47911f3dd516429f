/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SendTargets: of a portal, whose answer is stored in the records as one batch and
 * which needs no kernel module; and within a session that is there.
 */
#pragma once

#include "base/log.h"
#include "config/store.h"
#include "daemon/sessions.h"
#include "iscsi/discovery_io.h"
#include "varlink/api.h"

#include <asio/awaitable.hpp>
#include <optional>

namespace hawser::daemon
{

/* A failure of a discovery, with the target's status when it gave one. */
template <class T> using DiscoveryOutcome = tl::expected<T, LoginFailure>;

/*
 * @call: what io.hawser.Discover was given. Settings are taken, from the weakest to the
 * strongest, from hawserd.conf, the portal's stored record and the call.
 */
asio::awaitable<DiscoveryOutcome<varlink::DiscoverReply>>
send_targets(varlink::DiscoverCall call, config::Store &store, ChallengeBook &book, const Log &log);

/* What both mechanisms do with a reply: the records' form, the caller's, and storing it. */
std::vector<config::FoundPortal> portals_of(const DiscoveryReply &reply);
varlink::DiscoverReply reply_of(const DiscoveryReply &reply);

/* As far as the call asks for it. */
Status keep_discovery(const varlink::DiscoverCall &call, config::DiscoveryRecord record,
		      const DiscoveryReply &reply, config::Store &store, const Log &log);

/*
 * SendTargets within a session, on a connection of it or any: what its target says of
 * its own portals (RFC 7143, appendix C). Stores nothing.
 */
asio::awaitable<Result<varlink::DiscoverReply>>
send_targets(Sid sid, std::optional<Cid> cid, Sessions &sessions, kernel::Control &control);

} // namespace hawser::daemon
