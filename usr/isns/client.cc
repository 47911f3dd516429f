/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "isns/client.h"

#include "base/str.h"

#include <algorithm>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>
#include <set>

namespace hawser::isns
{

namespace
{

constexpr Seconds send_timeout{30};
constexpr std::size_t max_walk = 65536; // nodes
constexpr Seconds max_walk_time{600};

tl::unexpected<Error> lost(std::string_view why)
{
	return fail(Code::isns_unavailable,
		    str("the connection with the iSNS server is gone: ", why));
}

/* About who asks, and so the same whichever way it is asked. */
bool is_about_the_source(std::uint32_t status)
{
	return status == status::source_unknown || status == status::source_absent ||
	       status == status::source_unauthorized;
}

asio::awaitable<Result<DiscoveryReply>> walk(Connection &server, std::string name, Seconds limit)
{
	TargetReader reader;
	std::set<std::string> seen;
	std::string previous;

	const auto end = Clock::now() + max_walk_time;
	while (seen.size() < max_walk) {
		if (Clock::now() > end)
			co_return fail(Code::isns_query,
				       str("the iSNS server has not named its targets within ",
					   max_walk_time.count(), " s"));
		auto answer = co_await server.call(next_node(name, previous), limit);
		if (!answer)
			co_return tl::unexpected(answer.error());
		auto node = read_next_node(*answer);
		if (!node)
			co_return tl::unexpected(node.error());
		if (!*node)
			co_return reader.finish();
		previous = (*node)->name;
		if (!seen.insert(previous).second)
			co_return fail(Code::isns_query,
				       str("the iSNS server named ", quoted(previous), " twice"));
		if (!(*node)->is_target)
			continue;
		auto target = co_await server.call(target_query(name, previous), limit);
		if (!target)
			co_return tl::unexpected(target.error());
		if (auto ok = reader.take(*target); !ok)
			co_return tl::unexpected(ok.error());
	}
	co_return fail(Code::isns_query, str("the iSNS server has more than ", max_walk, " nodes"));
}

} // namespace

asio::awaitable<Result<std::optional<Message>>> Connection::receive(Clock::time_point deadline)
{
	std::array<std::uint8_t, 16384> bytes;

	for (;;) {
		auto message = assembler_.next();
		if (message && *message)
			heard_ = Clock::now();
		if (!message || *message)
			co_return message;
		const auto left = deadline - Clock::now();
		if (left <= Clock::duration::zero() || (interruptible_ && interrupted_))
			co_return std::nullopt;
		asio::error_code ec;
		std::size_t count = 0;
		{
			Deadline limit(socket_,
				       std::min<Clock::duration>(left, std::chrono::hours(1)));
			count = co_await socket_.async_read_some(
			    asio::buffer(bytes), asio::redirect_error(asio::use_awaitable, ec));
		}
		// Cancelled by the deadline or by interrupt(): the loop's head knows which.
		if (ec == asio::error::operation_aborted && socket_.is_open())
			continue;
		if (ec)
			co_return lost(ec == asio::error::eof ? "closed by it" : ec.message());
		assembler_.feed(std::span(bytes).first(count));
	}
}

asio::awaitable<Status> Connection::send(Bytes bytes)
{
	asio::error_code ec;
	Deadline limit(socket_, send_timeout);

	co_await asio::async_write(socket_, asio::buffer(bytes),
				   asio::redirect_error(asio::use_awaitable, ec));
	if (limit.expired())
		co_return lost("it takes no data");
	if (ec)
		co_return lost(ec.message());
	co_return Status();
}

asio::awaitable<Status> Connection::answer(const Message &request)
{
	const auto answer = serve_(request);

	if (!answer)
		co_return Status();
	co_return co_await send(answer->wire(request.transaction()));
}

asio::awaitable<Result<Message>> Connection::call(Builder request, Seconds limit)
{
	const auto deadline = Clock::now() + limit;
	const std::uint16_t transaction = ++transaction_;

	if (auto sent = co_await send(request.wire(transaction)); !sent)
		co_return tl::unexpected(sent.error());
	while (Clock::now() < deadline) {
		auto message = co_await receive(deadline);
		if (!message)
			co_return tl::unexpected(message.error());
		if (!*message)
			break;
		if (!(*message)->is_response()) {
			if (auto ok = co_await answer(**message); !ok)
				co_return tl::unexpected(ok.error());
			continue;
		}
		if ((*message)->transaction() != transaction)
			continue; // of a call that was given up
		if ((*message)->function() != (request.function() | response_bit))
			co_return fail(Code::isns_query,
				       str("the iSNS server answered ",
					   function_name(request.function()), " with ",
					   function_name((*message)->function())));
		co_return std::move(**message);
	}
	co_return fail(Code::pdu_timed_out,
		       str("the iSNS server did not answer ", function_name(request.function()),
			   " in ", limit.count(), " seconds"));
}

asio::awaitable<Status> Connection::attend(Clock::time_point deadline)
{
	while (Clock::now() < deadline && !interrupted_) {
		interruptible_ = true;
		auto message = co_await receive(deadline);
		interruptible_ = false;
		if (!message)
			co_return tl::unexpected(message.error());
		if (*message && !(*message)->is_response())
			if (auto ok = co_await answer(**message); !ok)
				co_return ok;
	}
	interrupted_ = false;
	co_return Status();
}

void Connection::interrupt()
{
	asio::error_code ec;

	interrupted_ = true;
	if (interruptible_)
		socket_.cancel(ec);
}

asio::awaitable<Result<Granted>> register_with(Connection &server, Registration self, Seconds limit)
{
	auto answer = co_await server.call(registration(self), limit);

	if (answer && answer->status() == status::esi_not_available && self.esi_interval > 0) {
		self.esi_interval = 0;
		answer = co_await server.call(registration(self), limit);
	}
	if (!answer)
		co_return tl::unexpected(answer.error());
	co_return read_registration(*answer, self);
}

asio::awaitable<Result<DiscoveryReply>> find_targets(Connection &server, std::string name,
						     Seconds limit)
{
	auto answer = co_await server.call(target_query(name), limit);

	if (!answer)
		co_return tl::unexpected(answer.error());
	if (answer->status() != status::successful && !is_about_the_source(answer->status()))
		co_return co_await walk(server, std::move(name), limit);
	TargetReader reader;
	if (auto ok = reader.take(*answer); !ok)
		co_return tl::unexpected(ok.error());
	co_return reader.finish();
}

} // namespace hawser::isns
