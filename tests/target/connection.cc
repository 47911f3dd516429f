/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "connection.h"

#include "server.h"
#include "session.h"

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/read.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>
#include <stdexcept>

namespace hawser::target
{

namespace
{

/* RFC 7143, 11.13.5. */
enum LoginStatus : std::uint16_t {
	success = 0x0000,
	initiator_error = 0x0200,
	too_many_connections = 0x0206,
	session_type_not_supported = 0x0209,
	no_such_session = 0x020a,
};

constexpr std::uint8_t full_feature_stage = 3, operational_stage = 1;
constexpr std::size_t most_text = 65536;

class Broken : public std::runtime_error
{
	using runtime_error::runtime_error;
};

Session::Isid isid_of(const Pdu &request)
{
	Session::Isid isid{};
	std::copy_n(request.header.begin() + 8, isid.size(), isid.begin());
	return isid;
}

} // namespace

Connection::Connection(asio::ip::tcp::socket socket, Server &server)
    : socket_(std::move(socket)), server_(server)
{
	socket_.set_option(asio::ip::tcp::no_delay(true));
}

asio::awaitable<void> Connection::run()
{
	const auto self = shared_from_this();
	try {
		if (co_await login()) {
			session_->join(self);
			while (!finishing_)
				session_->take(*this, co_await receive());
		}
	} catch (const std::exception &) {
		/* A connection that ends, whoever ends it: what there is to do is below. */
	}
	if (!finishing_)
		close();
	if (session_)
		session_->lost(*this);
	session_.reset();
}

asio::awaitable<Pdu> Connection::receive()
{
	Pdu pdu;
	Bytes header(header_length);

	const auto fill = [this](Bytes &bytes, std::size_t from) {
		return asio::async_read(socket_,
					asio::buffer(bytes.data() + from, bytes.size() - from),
					asio::use_awaitable);
	};
	co_await fill(header, 0);
	const std::size_t ahs = header[4] * std::size_t{4};
	const bool header_digest = full_feature_ && parameters_.header_digest;
	header.resize(header_length + ahs + (header_digest ? digest_length : 0));
	co_await fill(header, header_length);
	if (header_digest) {
		const auto covered = std::span(header).first(header_length + ahs);
		const auto crc = crc32c(covered);
		if (!std::equal(crc.begin(), crc.end(), header.end() - digest_length))
			throw Broken("a header digest is wrong");
	}
	std::copy_n(header.begin(), header_length, pdu.header.begin());
	pdu.ahs.assign(header.begin() + header_length,
		       header.begin() + static_cast<std::ptrdiff_t>(header_length + ahs));

	const std::size_t length = header[5] << 16 | header[6] << 8 | header[7];
	if (length == 0)
		co_return pdu;
	if (length > server_.settings.offer.max_recv)
		throw Broken("a data segment is longer than MaxRecvDataSegmentLength");
	const bool data_digest = full_feature_ && parameters_.data_digest;
	const std::size_t padded = (length + 3) / 4 * 4;
	pdu.data.resize(padded + (data_digest ? digest_length : 0));
	co_await fill(pdu.data, 0);
	if (data_digest) {
		const auto crc = crc32c(std::span(pdu.data).first(padded));
		pdu.damaged = !std::equal(crc.begin(), crc.end(), pdu.data.end() - digest_length);
	}
	pdu.data.resize(length);
	co_return pdu;
}

void Connection::put(Pdu pdu)
{
	const bool digests = full_feature_;
	if (finishing_ || !socket_.is_open())
		return;
	out_.push_back(serialize(pdu, digests && parameters_.header_digest,
				 digests && parameters_.data_digest));
	if (writing_)
		return;
	writing_ = true;
	const auto self = shared_from_this();
	asio::co_spawn(
	    socket_.get_executor(), [self] { return self->write_out(); }, asio::detached);
}

asio::awaitable<void> Connection::write_out()
{
	try {
		while (!out_.empty()) {
			const Bytes next = std::move(out_.front());
			out_.pop_front();
			co_await asio::async_write(socket_, asio::buffer(next),
						   asio::use_awaitable);
		}
	} catch (const std::exception &) {
		out_.clear();
	}
	writing_ = false;
	if (finishing_)
		close();
}

void Connection::finish()
{
	finishing_ = true;
	if (!writing_)
		close();
}

void Connection::close()
{
	asio::error_code ignored;
	socket_.shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
	socket_.close(ignored);
}

void Connection::send(Pdu pdu)
{
	send_as(std::move(pdu), stat_sn_);
}

void Connection::send_as(Pdu pdu, std::uint32_t stat_sn)
{
	pdu.put32(24, stat_sn);
	pdu.put32(28, session_->exp_cmd_sn());
	pdu.put32(32, session_->max_cmd_sn());
	put(std::move(pdu));
}

std::uint32_t Connection::send_status(Pdu pdu)
{
	const auto number = stat_sn_++;
	send_as(pdu, number);
	sent_.insert_or_assign(number, std::move(pdu));
	return number;
}

std::vector<std::pair<std::uint32_t, std::uint32_t>>
Connection::acknowledge(std::uint32_t exp_stat_sn)
{
	std::vector<std::pair<std::uint32_t, std::uint32_t>> arrived;
	/* What was not sent is not acknowledged. */
	if (before(stat_sn_, exp_stat_sn))
		return arrived;
	std::erase_if(sent_, [&](const auto &one) {
		if (!before(one.first, exp_stat_sn))
			return false;
		arrived.emplace_back(one.first, one.second.itt());
		return true;
	});
	return arrived;
}

bool Connection::send_again(std::uint32_t begin, std::uint32_t length)
{
	const auto end = length == 0 ? stat_sn_ : begin + length;
	if (before(stat_sn_, end))
		return false;
	for (auto number = begin; before(number, end); number++)
		if (!sent_.contains(number))
			return false;
	for (auto number = begin; before(number, end); number++)
		send_as(sent_.at(number), number);
	return true;
}

asio::awaitable<bool> Connection::login()
{
	while (!full_feature_) {
		const auto request = co_await receive();
		if (request.opcode() != login_request)
			co_return false;
		if (!login_step(request)) {
			finish();
			co_return false;
		}
	}
	co_return true;
}

void Connection::refuse_login(const Pdu &request, std::uint16_t status)
{
	auto response = make(login_response, request.itt());
	response.header[1] = 0;
	std::copy_n(request.header.begin() + 8, 8, response.header.begin() + 8);
	response.put16(36, status);
	response.put32(24, stat_sn_++);
	put(std::move(response));
}

/* Adds what the target says of itself, each once (6.3, 13.9 and 13.12). */
void Connection::declare(Pairs &answers, bool operational)
{
	if (!std::exchange(said_group_, true))
		answers.emplace_back("TargetPortalGroupTag", "1");
	if (operational && !std::exchange(said_length_, true))
		answers.emplace_back("MaxRecvDataSegmentLength",
				     std::to_string(server_.settings.offer.max_recv));
}

/* One request of the login: false when it has failed. */
bool Connection::login_step(const Pdu &request)
{
	const auto isid = isid_of(request);
	const auto tsih = request.at16(14);
	const bool more = (request.flags() & 0x40) != 0;
	const auto stage = request.flags() >> 2 & 3, next = request.flags() & 3;
	const bool transit = request.final() && !more;

	text_.append(request.data.begin(), request.data.end());
	if (text_.size() > most_text) {
		refuse_login(request, initiator_error);
		return false;
	}
	Pairs answers;
	if (!more) {
		const auto said = pairs_of(text_);
		text_.clear();
		if (std::find(said.begin(), said.end(),
			      std::pair<std::string, std::string>("SessionType", "Discovery")) !=
		    said.end()) {
			refuse_login(request, session_type_not_supported);
			return false;
		}
		answers = negotiate(said, server_.settings.offer, parameters_);
		declare(answers, stage == operational_stage);
	}

	auto response = make(login_response, request.itt());
	response.header[1] = static_cast<std::uint8_t>(stage << 2);
	std::copy_n(isid.begin(), isid.size(), response.header.begin() + 8);
	response.data = text_of(answers);
	cid_ = request.at16(20);
	const bool done = transit && next == full_feature_stage;
	if (tsih != 0 && !session_) {
		session_ = server_.find(parameters_.initiator_name, isid, tsih);
		if (!session_ || !session_->has_room(cid_)) {
			const bool known = session_ != nullptr;
			session_.reset();
			refuse_login(request, known ? too_many_connections : no_such_session);
			return false;
		}
	}
	if (done && !session_)
		session_ = server_.begin(parameters_, isid, request.at32(24));
	if (transit)
		response.header[1] |= static_cast<std::uint8_t>(final_bit | next);
	response.put16(14, done ? session_->tsih : tsih);
	response.put32(24, stat_sn_++);
	/* The leading connection's CmdSN counts from the login's on. */
	response.put32(28, session_ ? session_->exp_cmd_sn() : request.at32(24));
	response.put32(32, session_ ? session_->max_cmd_sn() : request.at32(24));
	put(std::move(response));
	full_feature_ = done;
	return true;
}

} // namespace hawser::target
