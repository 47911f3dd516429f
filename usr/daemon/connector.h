/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reaching a target, as an interface: sessions are tested against a fake one. */
#pragma once

#include "daemon/plan.h"
#include "iscsi/discovery_io.h"
#include "kernel/control.h"

#include <asio/awaitable.hpp>
#include <vector>

namespace hawser::daemon
{

class Connector
{
public:
	using Outcome = tl::expected<LoggedIn, LoginFailure>;

	virtual ~Connector() = default;

	/*
	 * Connects over one of @ways, which are not none, and logs in, as connect_and_login()
	 * says. All outlive the call.
	 */
	virtual asio::awaitable<Outcome> log_in(const Plan &plan, const std::vector<Way> &ways) = 0;
};

/*
 * As log_in(); what it throws is a failure that may pass. Who waits for it or for something
 * else would not hear of an exception before that comes.
 */
asio::awaitable<Connector::Outcome> try_login(Connector &connector, const Plan &plan,
					      const std::vector<Way> &ways);

/*
 * Over TCP. The host name is resolved each time, and each socket may use the
 * memory reserves before it connects, since what waits for it may be the swap.
 */
class TcpConnector : public Connector
{
public:
	/* Both outlive the connector. */
	TcpConnector(kernel::Control &control, ChallengeBook &book) : control_(control), book_(book)
	{
	}

	asio::awaitable<Outcome> log_in(const Plan &plan, const std::vector<Way> &ways) override;

private:
	kernel::Control &control_;
	ChallengeBook &book_;
};

} // namespace hawser::daemon
