/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whole PDUs over a socket. A PDU is read in exact pieces, never a byte beyond its
 * end, so that the socket can be handed over at any PDU's border.
 */
#pragma once

#include "base/error.h"
#include "iscsi/pdu.h"

#include <asio/awaitable.hpp>
#include <asio/generic/stream_protocol.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <memory>

namespace hawser
{

using Seconds = std::chrono::seconds;

/* Any connected stream: TCP, or one end of a socketpair in tests. */
using StreamSocket = asio::generic::stream_protocol::socket;

/*
 * Cancels what is pending on @socket when the time is over, and only while the object
 * lives; expired() then tells why the operation ended. Again and again: an operation in several
 * steps may be between two of them when the time is over, with nothing pending.
 */
class Deadline
{
public:
	Deadline(StreamSocket &socket, std::chrono::steady_clock::duration limit);
	Deadline(const Deadline &) = delete;
	Deadline &operator=(const Deadline &) = delete;
	~Deadline();

	bool expired() const { return state_->expired; }

private:
	static constexpr std::chrono::milliseconds again{100};

	void arm(StreamSocket &socket);

	/* The timer's handler may run once more after the object is gone. */
	struct State {
		bool live = true;
		bool expired = false;
	};

	asio::steady_timer timer_;
	std::shared_ptr<State> state_;
};

/* With these digests on, as negotiated: full feature phase only. */
struct WireDigests {
	bool header = false;
	bool data = false;
};

/*
 * One PDU within @limit. Code::pdu_timed_out, Code::try_again when the peer closed
 * or reset the connection, Code::login_final for a PDU that no peer may send (an AHS, a
 * data segment over @max_data bytes, a wrong digest).
 */
asio::awaitable<Result<Pdu>> read_pdu(StreamSocket &socket, std::chrono::milliseconds limit,
				      std::size_t max_data, WireDigests digests = {});

asio::awaitable<Status> write_pdu(StreamSocket &socket, const Pdu &pdu, Seconds limit,
				  WireDigests digests = {});

} // namespace hawser
