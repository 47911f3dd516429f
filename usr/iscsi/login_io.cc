/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iscsi/login_io.h"

#include "base/str.h"

#include <algorithm>

namespace hawser
{

namespace
{

LoginFailure failure(Error error)
{
	const bool retryable = error.code == Code::pdu_timed_out || error.code == Code::try_again ||
			       error.code == Code::connect_failed ||
			       error.code == Code::connect_timed_out ||
			       error.code == Code::host_not_found || error.code == Code::no_memory;

	return {std::move(error), std::nullopt, retryable};
}

} // namespace

asio::awaitable<LoginEnd> run_login(StreamSocket &socket, const LoginConfig &config,
				    ChallengeBook &book, LoginTimeouts timeouts)
{
	using Clock = std::chrono::steady_clock;

	const auto end = Clock::now() + timeouts.total;
	Login login(config, book);
	Login::Step step = login.start();
	while (auto *request = std::get_if<Pdu>(&step)) {
		const auto left = std::chrono::ceil<Seconds>(end - Clock::now());
		if (left <= Seconds(0))
			co_return failure(
			    {Code::pdu_timed_out,
			     str("the login took more than ", timeouts.total.count(), " seconds")});
		const auto limit = std::min(timeouts.response, left);
		if (auto ok = co_await write_pdu(socket, *request, limit); !ok)
			co_return failure(ok.error());
		auto response =
		    co_await read_pdu(socket, limit, default_max_recv_data_segment_length);
		if (!response)
			co_return failure(response.error());
		step = login.receive(*response);
	}
	if (auto *result = std::get_if<LoginResult>(&step))
		co_return std::move(*result);
	if (auto *redirect = std::get_if<LoginRedirect>(&step))
		co_return std::move(*redirect);
	co_return std::move(std::get<LoginFailure>(step));
}

asio::awaitable<tl::expected<LoggedIn, LoginFailure>>
connect_and_login(std::vector<Address> portals, const LoginConfig &config, ChallengeBook &book,
		  ConnectOptions connect, LoginTimeouts timeouts)
{
	if (auto ok = check(config); !ok)
		co_return tl::unexpected(failure(ok.error()));

	const Address own = portals.front();
	std::vector<Address> candidates = std::move(portals);
	std::vector<std::string> path; // the addresses that sent us on
	std::optional<LoginConfig> elsewhere;
	std::optional<Address> moved_to;
	std::optional<LoginFailure> own_failure; // one that may pass
	bool moved = true; // until another portal, or a temporary redirect, has part in it
	auto visited = [&](const Address &candidate) {
		return std::find(path.begin(), path.end(), to_string(candidate)) != path.end();
	};

	while (path.size() <= max_redirects) {
		if (std::all_of(candidates.begin(), candidates.end(), visited)) {
			path.push_back(to_string(candidates.front()));
			co_return tl::unexpected(
			    failure({Code::login_final,
				     str("the target redirects in a circle: ", join(path, ", "))}));
		}
		std::erase_if(candidates, visited);
		auto connected = co_await connect_to_any(candidates, connect);
		if (!connected)
			co_return tl::unexpected(own_failure ? std::move(*own_failure)
							     : failure(connected.error()));
		Address reached = candidates[connected->which];
		if (path.empty())
			moved = moved && reached == own;
		else if (moved)
			moved_to = reached;

		auto end = co_await run_login(connected->socket, elsewhere ? *elsewhere : config,
					      book, timeouts);
		if (auto *result = std::get_if<LoginResult>(&end))
			co_return LoggedIn{std::move(connected->socket), std::move(*result),
					   std::move(reached), std::move(moved_to)};
		if (auto *failed = std::get_if<LoginFailure>(&end)) {
			const bool by_own = reached == own;
			if (!path.empty() || (by_own && !failed->retryable))
				co_return tl::unexpected(std::move(*failed));
			if (candidates.size() == 1)
				co_return tl::unexpected(
				    std::move(own_failure ? *own_failure : *failed));
			// It is reached and does not serve: another portal may. What it says is
			// the session's target's word at the session's own portal alone: others
			// may have been given to someone else.
			if (by_own)
				own_failure = std::move(*failed);
			std::erase(candidates, reached);
			continue;
		}

		const auto &redirect = std::get<LoginRedirect>(end);
		path.push_back(to_string(reached));
		candidates.clear();
		for (const auto &portal : redirect.addresses)
			if (candidates.size() < max_candidates &&
			    std::find(candidates.begin(), candidates.end(), portal.address) ==
				candidates.end())
				candidates.push_back(portal.address);
		moved = moved && redirect.permanent;
		if (!elsewhere) {
			elsewhere = config;
			elsewhere->expected_tpgt.reset();
		}
	}
	co_return tl::unexpected(
	    failure({Code::login_final, str("the target redirects more than ", max_redirects,
					    " times: ", join(path, ", "))}));
}

} // namespace hawser
