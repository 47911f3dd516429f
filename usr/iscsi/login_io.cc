/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iscsi/login_io.h"

#include "base/str.h"

#include <algorithm>
#include <asio/redirect_error.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

namespace hawser
{

namespace
{

using asio::ip::tcp;
using Endpoints = std::vector<tcp::endpoint>;

/* getaddrinfo() runs on Asio's own thread and cannot be interrupted, only left behind. */
struct Resolution {
	explicit Resolution(asio::any_io_executor executor) : resolver(executor), timer(executor) {}

	tcp::resolver resolver;
	asio::steady_timer timer;
	bool done = false;
	asio::error_code ec;
	Endpoints endpoints;
};

asio::awaitable<Result<Endpoints>> resolve(const Address &address, Seconds limit)
{
	if (address.kind != Address::Kind::name) {
		asio::error_code ec;
		const auto ip = asio::ip::make_address(address.host, ec);
		if (ec)
			co_return fail(Code::host_not_found,
				       str("address ", quoted(address.host), ": ", ec.message()));
		co_return Endpoints{tcp::endpoint(ip, address.port)};
	}

	auto state = std::make_shared<Resolution>(co_await asio::this_coro::executor);
	asio::error_code ec;
	state->timer.expires_after(limit);
	state->resolver.async_resolve(
	    address.host, str(address.port), tcp::resolver::numeric_service,
	    [state](asio::error_code error, tcp::resolver::results_type results) {
		    state->done = true;
		    state->ec = error;
		    for (const auto &entry : results)
			    state->endpoints.push_back(entry.endpoint());
		    state->timer.cancel();
	    });
	co_await state->timer.async_wait(asio::redirect_error(asio::use_awaitable, ec));
	if (!state->done) {
		state->resolver.cancel();
		if (ec == asio::error::operation_aborted)
			co_return fail(Code::failed, "cancelled");
		co_return fail(Code::host_not_found,
			       str("host name ", quoted(address.host), " was not resolved in ",
				   limit.count(), " seconds"));
	}
	if (state->ec || state->endpoints.empty())
		co_return fail(Code::host_not_found,
			       str("host name ", quoted(address.host), ": ", state->ec.message()));
	co_return std::move(state->endpoints);
}

asio::awaitable<Result<StreamSocket>> connect_endpoint(const tcp::endpoint &endpoint,
						       const ConnectOptions &options)
{
	const auto where = str(endpoint.address().to_string(), " port ", endpoint.port());
	StreamSocket socket(co_await asio::this_coro::executor);
	asio::error_code ec;

	socket.open(asio::generic::stream_protocol(endpoint.protocol()), ec);
	if (ec)
		co_return fail(Code::connect_failed, str("no socket: ", ec.message()));
	const int fd = socket.native_handle();
	const int on = 1;
	if (::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 ||
	    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0)
		co_return fail(Code::connect_failed, "the socket's options cannot be set");
	if (options.before_connect)
		if (auto ok = options.before_connect(fd); !ok)
			co_return tl::unexpected(ok.error());

	Deadline deadline(socket, options.timeout);
	co_await socket.async_connect(StreamSocket::endpoint_type(endpoint),
				      asio::redirect_error(asio::use_awaitable, ec));
	if (deadline.expired())
		co_return fail(Code::connect_timed_out,
			       str("connecting to ", where, " took more than ",
				   options.timeout.count(), " seconds"));
	if (ec == asio::error::operation_aborted)
		co_return fail(Code::failed, "cancelled");
	if (ec)
		co_return fail(ec == asio::error::timed_out ? Code::connect_timed_out
							    : Code::connect_failed,
			       str("cannot connect to ", where, ": ", ec.message()));
	co_return socket;
}

LoginFailure failure(Error error)
{
	const bool retryable = error.code == Code::pdu_timed_out || error.code == Code::try_again ||
			       error.code == Code::connect_failed ||
			       error.code == Code::connect_timed_out ||
			       error.code == Code::host_not_found;

	return {std::move(error), std::nullopt, retryable};
}

} // namespace

asio::awaitable<Result<StreamSocket>> connect_to(Address address, ConnectOptions options)
{
	auto endpoints = co_await resolve(address, options.timeout);
	if (!endpoints)
		co_return tl::unexpected(endpoints.error());

	Error last{Code::host_not_found, str(address.host, " has no address")};
	for (const auto &endpoint : *endpoints) {
		auto socket = co_await connect_endpoint(endpoint, options);
		if (socket)
			co_return std::move(*socket);
		last = std::move(socket.error());
	}
	co_return tl::unexpected(std::move(last));
}

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
connect_and_login(Address address, const LoginConfig &config, ChallengeBook &book,
		  ConnectOptions connect, LoginTimeouts timeouts)
{
	if (auto ok = check(config); !ok)
		co_return tl::unexpected(failure(ok.error()));

	std::vector<Address> candidates{std::move(address)};
	std::vector<std::string> path; // the addresses that sent us on
	std::optional<LoginConfig> elsewhere;
	std::optional<Address> moved_to;
	bool all_permanent = true;
	auto visited = [&](const Address &candidate) {
		return std::find(path.begin(), path.end(), to_string(candidate)) != path.end();
	};

	for (unsigned redirects = 0; redirects <= max_redirects; redirects++) {
		if (std::all_of(candidates.begin(), candidates.end(), visited)) {
			path.push_back(to_string(candidates.front()));
			co_return tl::unexpected(
			    failure({Code::login_final,
				     str("the target redirects in a circle: ", join(path, ", "))}));
		}
		std::erase_if(candidates, visited);
		std::optional<Result<StreamSocket>> socket;
		Address reached;
		for (const auto &candidate : candidates) {
			socket = co_await connect_to(candidate, connect);
			reached = candidate;
			if (*socket)
				break;
		}
		if (!*socket)
			co_return tl::unexpected(failure(socket->error()));
		if (redirects > 0 && all_permanent)
			moved_to = reached;

		auto end =
		    co_await run_login(**socket, elsewhere ? *elsewhere : config, book, timeouts);
		if (auto *result = std::get_if<LoginResult>(&end))
			co_return LoggedIn{std::move(**socket), std::move(*result),
					   std::move(reached), std::move(moved_to)};
		if (auto *failed = std::get_if<LoginFailure>(&end))
			co_return tl::unexpected(std::move(*failed));

		const auto &redirect = std::get<LoginRedirect>(end);
		path.push_back(to_string(reached));
		candidates.clear();
		for (const auto &portal : redirect.addresses)
			if (candidates.size() < max_candidates &&
			    std::find(candidates.begin(), candidates.end(), portal.address) ==
				candidates.end())
				candidates.push_back(portal.address);
		all_permanent = all_permanent && redirect.permanent;
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
