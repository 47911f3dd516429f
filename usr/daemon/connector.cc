/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/connector.h"

#include <exception>

namespace hawser::daemon
{

asio::awaitable<Connector::Outcome> TcpConnector::log_in(const Plan &plan,
							 const std::vector<Way> &ways)
{
	std::vector<LoginWay> all;
	for (const Way &way : ways) {
		ConnectOptions options;
		options.timeout = plan.login_timeout;
		options.before_connect = [this, &plan, &link = way.link](int fd) -> Status {
			if (auto prepared = control_.prepare_socket(fd); !prepared)
				return tl::unexpected(prepared.error().error);
			return plan.prepare(link, fd);
		};
		all.push_back({way.link.portal, std::move(options), &way.login, !way.hop});
	}
	LoginTimeouts timeouts;
	timeouts.response = plan.login_timeout;
	timeouts.total = plan.login_timeout;
	co_return co_await connect_and_login(std::move(all), book_, timeouts);
}

asio::awaitable<Connector::Outcome> try_login(Connector &connector, const Plan &plan,
					      const std::vector<Way> &ways)
{
	LoginFailure thrown;
	thrown.retryable = true;
	try {
		co_return co_await connector.log_in(plan, ways);
	} catch (const std::exception &error) {
		thrown.error = {Code::failed, error.what()};
	}
	co_return tl::unexpected(std::move(thrown));
}

} // namespace hawser::daemon
