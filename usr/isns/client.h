/* SPDX-License-Identifier: GPL-2.0-or-later */
/* iSNS over a connected socket: calls, what the server asks meanwhile, and sequences of calls. */
#pragma once

#include "iscsi/pdu_io.h"
#include "isns/initiator.h"

#include <chrono>
#include <functional>

namespace hawser::isns
{

using Clock = std::chrono::steady_clock;

/*
 * One connection with an iSNS server, whoever opened it: the server may send SCN and ESI
 * on ours (RFC 4171, 2.9.1). One coroutine at a time works with it; interrupt() may
 * be called by any.
 *
 * Errors: Code::pdu_timed_out, Code::isns_unavailable when the connection is gone,
 * Code::isns_query for what no peer may send. After any of them but a time-out the
 * connection is good for nothing.
 */
class Connection
{
public:
	/* Looks at a request of the server and gives the answer, if there is one. */
	using Serve = std::function<std::optional<Builder>(const Message &request)>;

	/* @max_message: bytes that a message may have on it. */
	Connection(StreamSocket socket, Serve serve, std::size_t max_message = Assembler::limit)
	    : socket_(std::move(socket)), serve_(std::move(serve)), assembler_(max_message)
	{
	}

	StreamSocket &socket() { return socket_; }
	/* When the last message came; at first, since when it is. */
	Clock::time_point heard() const { return heard_; }

	/* Sends @request and waits for its answer, which may say no. */
	asio::awaitable<Result<Message>> call(Builder request, Seconds limit);
	/* Serves until @deadline or interrupt(); only then it succeeds. */
	asio::awaitable<Status> attend(Clock::time_point deadline);
	/* Ends attend(), also one that begins only after it. */
	void interrupt();

private:
	/* Nothing when the deadline came or somebody interrupted. */
	asio::awaitable<Result<std::optional<Message>>> receive(Clock::time_point deadline);
	asio::awaitable<Status> send(Bytes bytes);
	asio::awaitable<Status> answer(const Message &request);

	StreamSocket socket_;
	Serve serve_;
	Assembler assembler_;
	std::uint16_t transaction_ = 0;
	Clock::time_point heard_ = Clock::now();
	bool interrupted_ = false;
	bool interruptible_ = false;
};

/*
 * Registers, without status inquiries when the server has none. Failures of the
 * connection as above, Code::isns_registration when the server refuses.
 */
asio::awaitable<Result<Granted>> register_with(Connection &server, Registration self,
					       Seconds limit);

/*
 * What @name may see. Asks for all at once; a server that cannot say it in one answer (open-isns
 * has room for 8 KiB) is asked for one target after the other.
 */
asio::awaitable<Result<DiscoveryReply>> find_targets(Connection &server, std::string name,
						     Seconds limit);

} // namespace hawser::isns
