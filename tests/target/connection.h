/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A connection at the test target: the socket, PDUs in and out with their digests, the login, and
 * the connection's StatSN with what was sent under each number (RFC 7143, 4.2.2.2).
 */
#pragma once

#include "parameters.h"
#include "pdu.h"
#include "task.h"

#include <asio/awaitable.hpp>
#include <asio/ip/tcp.hpp>
#include <deque>
#include <map>
#include <memory>

namespace hawser::target
{

class Server;
class Session;

class Connection : public std::enable_shared_from_this<Connection>
{
public:
	Connection(asio::ip::tcp::socket socket, Server &server);

	/* Serves it until it ends. */
	asio::awaitable<void> run();

	std::uint16_t cid() const { return cid_; }
	const Parameters &parameters() const { return parameters_; }

	/* Sends @pdu with ExpCmdSN and MaxCmdSN of this moment and the next StatSN. */
	void send(Pdu pdu);
	/* The same for a response that has a status: its StatSN, which is counted and kept. */
	std::uint32_t send_status(Pdu pdu);
	/* Again, under the StatSN that it had. */
	void send_as(Pdu pdu, std::uint32_t stat_sn);
	/* All before a request's ExpStatSN has arrived: StatSN and ITT of what is new among that.
	 */
	std::vector<std::pair<std::uint32_t, std::uint32_t>> acknowledge(std::uint32_t exp_stat_sn);
	/* Whether it can be an ExpStatSN of this connection. */
	bool has_sent(std::uint32_t exp_stat_sn) const { return !before(stat_sn_, exp_stat_sn); }
	/* A Status SNACK (11.16): false when what it asks for is no longer there. */
	bool send_again(std::uint32_t begin, std::uint32_t length);
	/* Ends when all that was to be sent is sent. */
	void finish();
	/* Ends it now. */
	void close();

private:
	asio::awaitable<Pdu> receive();
	asio::awaitable<bool> login();
	bool login_step(const Pdu &request);
	void declare(Pairs &answers, bool operational);
	void refuse_login(const Pdu &request, std::uint16_t status);
	asio::awaitable<void> write_out();
	void put(Pdu pdu);

	asio::ip::tcp::socket socket_;
	Server &server_;
	std::shared_ptr<Session> session_;
	std::uint16_t cid_ = 0;
	Parameters parameters_;
	bool full_feature_ = false, finishing_ = false, writing_ = false;
	std::deque<Bytes> out_;
	std::uint32_t stat_sn_ = 1;
	std::map<std::uint32_t, Pdu> sent_; // by StatSN, until acknowledged
	std::string text_;		    // of the login requests so far
	bool said_group_ = false, said_length_ = false;
};

} // namespace hawser::target
