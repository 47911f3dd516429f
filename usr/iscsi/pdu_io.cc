/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iscsi/pdu_io.h"

#include "base/crc32c.h"
#include "base/str.h"

#include <algorithm>
#include <asio/read.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>

namespace hawser
{

namespace
{

using Digest4 = std::array<std::uint8_t, 4>;

/* Why a transfer ended early. */
tl::unexpected<Error> broken(const asio::error_code &ec, const Deadline &deadline,
			     std::string_view waiting_for)
{
	if (deadline.expired())
		return fail(Code::pdu_timed_out,
			    str("the target did not ", waiting_for, " in time"));
	if (ec == asio::error::operation_aborted)
		return fail(Code::failed, "cancelled");
	if (ec == asio::error::eof)
		return fail(Code::try_again, "the target closed the connection");
	return fail(Code::try_again, str("the connection broke: ", ec.message()));
}

tl::unexpected<Error> wrong_digest(std::string_view which)
{
	return fail(Code::login_final,
		    str("the target sent a PDU with a wrong ", which, " digest"));
}

} // namespace

Deadline::Deadline(StreamSocket &socket, std::chrono::steady_clock::duration limit)
    : timer_(socket.get_executor(), limit), state_(std::make_shared<State>())
{
	arm(socket);
}

void Deadline::arm(StreamSocket &socket)
{
	timer_.async_wait([this, &socket, state = state_](asio::error_code ec) {
		if (ec || !state->live)
			return;
		state->expired = true;
		socket.cancel(ec);
		timer_.expires_after(again);
		arm(socket);
	});
}

Deadline::~Deadline()
{
	state_->live = false;
}

asio::awaitable<Result<Pdu>> read_pdu(StreamSocket &socket, std::chrono::milliseconds limit,
				      std::size_t max_data, WireDigests digests)
{
	Deadline deadline(socket, limit);
	asio::error_code ec;
	auto token = asio::redirect_error(asio::use_awaitable, ec);
	Pdu pdu;
	Digest4 digest;

	co_await asio::async_read(socket, asio::buffer(pdu.bhs), token);
	if (!ec && digests.header)
		co_await asio::async_read(socket, asio::buffer(digest), token);
	if (ec)
		co_return broken(ec, deadline, "send a PDU");
	if (digests.header && digest != crc32c_wire(pdu.bhs))
		co_return wrong_digest("header");

	const auto lengths = lengths_of(pdu.bhs);
	if (lengths.ahs != 0)
		co_return fail(
		    Code::login_final,
		    str("the target sent an additional header segment of ", lengths.ahs, " bytes"));
	if (lengths.data > max_data)
		co_return fail(Code::login_final,
			       str("the target sent a data segment of ", lengths.data,
				   " bytes, more than the ", max_data, " it may"));
	if (lengths.data == 0)
		co_return pdu;
	pdu.data.resize(lengths.data + lengths.padding);
	co_await asio::async_read(socket, asio::buffer(pdu.data), token);
	if (!ec && digests.data)
		co_await asio::async_read(socket, asio::buffer(digest), token);
	if (ec)
		co_return broken(ec, deadline, "send the rest of a PDU");
	if (digests.data && digest != crc32c_wire(pdu.data))
		co_return wrong_digest("data");
	pdu.data.resize(lengths.data);
	co_return pdu;
}

asio::awaitable<Status> write_pdu(StreamSocket &socket, const Pdu &pdu, Seconds limit,
				  WireDigests digests)
{
	Deadline deadline(socket, limit);
	asio::error_code ec;
	Bytes wire = serialize(pdu);

	if (digests.data && !pdu.data.empty()) {
		const auto digest = crc32c_wire(std::span(wire).subspan(bhs_length));
		wire.insert(wire.end(), digest.begin(), digest.end());
	}
	if (digests.header) {
		const auto digest = crc32c_wire(pdu.bhs);
		wire.insert(wire.begin() + bhs_length, digest.begin(), digest.end());
	}
	co_await asio::async_write(socket, asio::buffer(wire),
				   asio::redirect_error(asio::use_awaitable, ec));
	if (ec)
		co_return broken(ec, deadline, "take a PDU");
	co_return Status();
}

} // namespace hawser
