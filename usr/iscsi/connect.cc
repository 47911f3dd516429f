/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iscsi/connect.h"

#include "base/str.h"
#include "iscsi/resolve.h"

#include <algorithm>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/redirect_error.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <exception>
#include <fcntl.h>
#include <memory>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <optional>
#include <utility>

namespace hawser
{

namespace
{

using asio::ip::tcp;

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

/* Attempts at several addresses; each has its own turn to end, and one may win. */
class Race
{
public:
	Race(asio::any_io_executor executor, std::vector<Candidate> candidates)
	    : candidates_(std::move(candidates)),
	      wake_(executor),
	      attempts_(candidates_.size()),
	      executor_(executor)
	{
	}

	bool all_begun() const { return begun_ == candidates_.size(); }
	bool over() const { return won_ || (all_begun() && ended_ == begun_); }
	/* None is under way: the next one need not wait. */
	bool idle() const { return ended_ == begun_; }
	asio::steady_timer &wake() { return wake_; }

	static void begin_next(const std::shared_ptr<Race> &race)
	{
		const std::size_t which = race->begun_++;
		auto ended = [race, which](const std::exception_ptr &, Outcome outcome) {
			race->end(which, std::move(outcome));
		};
		asio::co_spawn(race->executor_, connect_one(race, which),
			       asio::bind_cancellation_slot(race->attempts_[which].cancel.slot(),
							    std::move(ended)));
	}

	/* Whoever is still under way has no more use. */
	void call_off()
	{
		for (std::size_t i = 0; i < begun_; i++)
			if (!attempts_[i].ended)
				attempts_[i].cancel.emit(asio::cancellation_type::terminal);
	}

	Result<Connected> result()
	{
		if (won_)
			return std::move(*won_);
		Error error = attempts_.front().error;
		if (attempts_.size() > 1)
			error.text += str(" (nor to ", attempts_.size() - 1, " other portals)");
		return tl::unexpected(std::move(error));
	}

private:
	using Outcome = std::optional<Result<StreamSocket>>;

	struct Attempt {
		asio::cancellation_signal cancel;
		bool ended = false;
		Error error;
	};

	static asio::awaitable<Outcome> connect_one(std::shared_ptr<Race> race, std::size_t which)
	{
		const Candidate &candidate = race->candidates_[which];
		co_return co_await connect_to(candidate.address, candidate.options);
	}

	void end(std::size_t which, Outcome outcome)
	{
		attempts_[which].ended = true;
		ended_++;
		if (outcome && *outcome && !won_)
			won_.emplace(Connected{std::move(**outcome), which});
		else if (outcome && !*outcome)
			attempts_[which].error = std::move(outcome->error());
		wake_.cancel();
	}

	std::vector<Candidate> candidates_;
	asio::steady_timer wake_; // cancelled when an attempt ends
	std::vector<Attempt> attempts_;
	std::size_t begun_ = 0;
	std::size_t ended_ = 0;
	std::optional<Connected> won_;
	asio::any_io_executor executor_;
};

/* So that no attempt outlasts who wants its result, however that ends. */
class CallOff
{
public:
	explicit CallOff(Race &race) : race_(race) {}
	CallOff(const CallOff &) = delete;
	CallOff &operator=(const CallOff &) = delete;
	~CallOff() { race_.call_off(); }

private:
	Race &race_;
};

} // namespace

asio::awaitable<Result<StreamSocket>> connect_to(Address address, ConnectOptions options)
{
	auto endpoints = co_await resolve(address, options.timeout);
	if (!endpoints)
		co_return tl::unexpected(endpoints.error());

	if (endpoints->size() == 1)
		co_return co_await connect_endpoint(endpoints->front(), options);
	/* One that does not answer must not hold up the next, like one of several portals. */
	std::vector<Address> addresses;
	for (const auto &endpoint : *endpoints) {
		const auto ip = endpoint.address();
		addresses.push_back({ip.is_v6() ? Address::Kind::ipv6 : Address::Kind::ipv4,
				     ip.to_string(), endpoint.port()});
	}
	auto reached = co_await connect_to_any(std::move(addresses), std::move(options));
	if (!reached)
		co_return tl::unexpected(std::move(reached.error()));
	co_return std::move(reached->socket);
}

asio::awaitable<Result<Connected>> connect_to_any(std::vector<Address> addresses,
						  ConnectOptions options)
{
	std::vector<Candidate> candidates;
	for (auto &address : addresses)
		candidates.push_back({std::move(address), options});
	return connect_to_any(std::move(candidates));
}

asio::awaitable<Result<Connected>> connect_to_any(std::vector<Candidate> candidates)
{
	auto race =
	    std::make_shared<Race>(co_await asio::this_coro::executor, std::move(candidates));
	CallOff call_off(*race);

	while (!race->over()) {
		if (!race->all_begun())
			Race::begin_next(race);
		if (race->all_begun())
			race->wake().expires_at(asio::steady_timer::time_point::max());
		else
			race->wake().expires_after(connect_head_start);
		asio::error_code ec;
		do {
			co_await race->wake().async_wait(
			    asio::redirect_error(asio::use_awaitable, ec));
			// One of several has ended: the others go on in their time.
		} while (ec && !race->over() && !race->idle());
	}
	co_return race->result();
}

} // namespace hawser
