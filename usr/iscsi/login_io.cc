/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iscsi/login_io.h"

#include "base/str.h"

#include <algorithm>
#include <utility>

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

/* Has a time of its own. */
struct FirstResponse {
	Seconds limit;
	bool came = false;
};

asio::awaitable<LoginEnd> log_in(StreamSocket &socket, const LoginConfig &config,
				 ChallengeBook &book, LoginTimeouts timeouts, FirstResponse &first)
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
		const auto limit = std::min(first.came ? timeouts.response : first.limit, left);
		if (auto ok = co_await write_pdu(socket, *request, limit); !ok)
			co_return failure(ok.error());
		auto response =
		    co_await read_pdu(socket, limit, default_max_recv_data_segment_length);
		if (!response)
			co_return failure(response.error());
		first.came = true;
		step = login.receive(*response);
	}
	if (auto *result = std::get_if<LoginResult>(&step))
		co_return std::move(*result);
	if (auto *redirect = std::get_if<LoginRedirect>(&step))
		co_return std::move(*redirect);
	co_return std::move(std::get<LoginFailure>(step));
}

/*
 * Closes it with a reset, so that a target that has not read the request yet never does: the
 * session that it would make has our ISID, and would end the one that we make elsewhere.
 */
void forget(StreamSocket &socket)
{
	asio::error_code ec;

	socket.set_option(asio::socket_base::linger(true, 0), ec);
	socket.close(ec);
}

} // namespace

asio::awaitable<LoginEnd> run_login(StreamSocket &socket, const LoginConfig &config,
				    ChallengeBook &book, LoginTimeouts timeouts)
{
	FirstResponse first{timeouts.response};
	co_return co_await log_in(socket, config, book, timeouts, first);
}

asio::awaitable<tl::expected<LoggedIn, LoginFailure>>
connect_and_login(std::vector<Address> portals, const LoginConfig &config, ChallengeBook &book,
		  ConnectOptions connect, LoginTimeouts timeouts)
{
	std::vector<LoginWay> ways;
	for (auto &portal : portals)
		ways.push_back({std::move(portal), connect, &config, ways.empty()});
	return connect_and_login(std::move(ways), book, timeouts);
}

asio::awaitable<tl::expected<LoggedIn, LoginFailure>>
connect_and_login(std::vector<LoginWay> ways, ChallengeBook &book, LoginTimeouts timeouts)
{
	for (const LoginWay &way : ways)
		if (auto ok = check(*way.login); !ok)
			co_return tl::unexpected(failure(ok.error()));

	struct Left {
		Address address;
		std::size_t way;   // that it is of, or that a redirect has led on from
		bool mute = false; // it let our first request wait
	};
	std::vector<Left> left;
	for (const LoginWay &way : ways)
		left.push_back({way.portal, left.size()});
	std::vector<Left> others;      // that remain when the way that was taken leads nowhere
	std::vector<std::string> path; // the addresses that sent us on
	std::optional<LoginConfig> elsewhere;
	std::optional<Address> moved_to;
	std::optional<LoginFailure> own_failure;
	bool moved = false; // a connection's own portal: only permanent redirects since
	auto visited = [&](const Left &one) {
		return std::find(path.begin(), path.end(), to_string(one.address)) != path.end();
	};
	/*
	 * It is reached and does not serve, nor does where it sends us on to: another portal may,
	 * if this is true. What it says is the session's target's word at the first one alone:
	 * others may have been given to someone else, and the first one may be back.
	 */
	auto leave_to_others = [&](LoginFailure failed, std::size_t which) {
		const bool first = which == 0;
		const bool final = first && !failed.retryable;
		if (first || (ways[which].own && !own_failure)) {
			own_failure = std::move(failed);
			own_failure->retryable = !final;
		}
		left = std::exchange(others, {});
		path.clear();
		elsewhere.reset();
		moved_to.reset();
		return !final && !left.empty();
	};

	for (;;) {
		const bool circle = std::all_of(left.begin(), left.end(), visited);
		if (circle || path.size() > max_redirects) {
			if (circle)
				path.push_back(to_string(left.front().address));
			std::string what = circle ? "the target redirects in a circle: "
						  : str("the target redirects more than ",
							max_redirects, " times: ");
			append(what, join(path, ", "));
			if (!leave_to_others(failure({Code::login_final, std::move(what)}),
					     left.front().way))
				co_return tl::unexpected(std::move(*own_failure));
			continue;
		}
		std::erase_if(left, visited);
		std::vector<Candidate> candidates;
		for (const Left &one : left)
			candidates.push_back({one.address, ways[one.way].connect});
		auto connected = co_await connect_to_any(std::move(candidates));
		if (!connected && path.empty())
			co_return tl::unexpected(own_failure ? std::move(*own_failure)
							     : failure(connected.error()));
		if (!connected) {
			if (!leave_to_others(failure(connected.error()), left.front().way))
				co_return tl::unexpected(std::move(*own_failure));
			continue;
		}
		const auto [address, which, mute] = left[connected->which];
		const LoginWay &way = ways[which];
		if (path.empty()) {
			moved = way.own;
			others = left;
			others.erase(others.begin() +
				     static_cast<std::ptrdiff_t>(connected->which));
		} else if (moved) {
			moved_to = address;
		}

		const LoginConfig &login = elsewhere ? *elsewhere : *way.login;
		const bool patient = mute || !path.empty() || others.empty();
		FirstResponse first{patient ? timeouts.response : timeouts.patience()};
		auto end = co_await log_in(connected->socket, login, book, timeouts, first);
		if (auto *result = std::get_if<LoginResult>(&end))
			co_return LoggedIn{std::move(connected->socket), std::move(*result),
					   address, std::move(moved_to), which};
		if (auto *failed = std::get_if<LoginFailure>(&end)) {
			if (!patient && !first.came && failed->error.code == Code::pdu_timed_out) {
				left = std::exchange(others, {});
				left.push_back({address, which, true});
				forget(connected->socket);
				continue;
			}
			if (!leave_to_others(std::move(*failed), which))
				co_return tl::unexpected(std::move(*own_failure));
			continue;
		}

		const auto &redirect = std::get<LoginRedirect>(end);
		path.push_back(to_string(address));
		left.clear();
		for (const auto &portal : redirect.addresses)
			if (left.size() < max_candidates &&
			    std::none_of(left.begin(), left.end(), [&](const Left &one) {
				    return one.address == portal.address;
			    }))
				left.push_back({portal.address, which});
		moved = moved && redirect.permanent;
		if (!elsewhere) {
			elsewhere = *way.login;
			elsewhere->expected_tpgt.reset();
		}
	}
}

} // namespace hawser
