/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A session at the test target: CmdSN's order over all connections, tasks and their allegiance, and
 * error recovery up to level 2 (RFC 7143, 4.2.2, 7 and 11).
 */
#pragma once

#include "connection.h"
#include "task.h"

#include <array>
#include <asio/any_io_executor.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

namespace hawser::target
{

class Session : public std::enable_shared_from_this<Session>
{
public:
	using Isid = std::array<std::uint8_t, 6>;

	Session(Server &server, const Parameters &parameters, Isid isid, std::uint16_t tsih,
		std::uint32_t cmd_sn);

	const Isid isid;
	const std::uint16_t tsih;
	const Parameters parameters; // of the leading login

	std::uint32_t exp_cmd_sn() const { return exp_cmd_sn_; }
	std::uint32_t max_cmd_sn() const { return max_cmd_sn_; }

	bool has_room(std::uint16_t cid) const
	{
		return connections_.contains(cid) || connections_.size() < parameters.connections;
	}
	/* A connection is in full feature phase; one with its CID is reinstated (6.3.4). */
	void join(std::shared_ptr<Connection> connection);
	/* A PDU of full feature phase came. */
	void take(Connection &connection, Pdu pdu);
	/* The connection is gone. */
	void lost(Connection &connection);
	/* Every quarter of a second: what waits for too long. False when the session is over. */
	bool look(Clock::time_point now);
	/* Ends all of it. */
	void end();

private:
	static constexpr std::uint32_t window = 64;

	using TaskPtr = std::shared_ptr<Task>;

	struct Early {
		std::shared_ptr<Connection> connection; // none: aborted before it came
		Pdu pdu;
	};

	void drop(std::uint16_t cid);
	void deliver();
	void handle(Connection &connection, const Pdu &pdu);
	void command(Connection &connection, const Pdu &pdu);
	void data(Connection &connection, const Pdu &pdu);
	void progress(const TaskPtr &task);
	void ask(Task &task, Piece piece);
	void execute(const TaskPtr &task);
	void send_answer(const TaskPtr &task, std::uint32_t data_sn, std::uint32_t snack_tag);
	void send_data(const TaskPtr &task, std::uint32_t data_sn);
	static void put_residual(const Task &task, Pdu &pdu);
	void cut(Task &task);
	std::uint8_t moody(const Task &task);
	void ask_for_life(Connection &connection);
	void task_management(Connection &connection, const Pdu &pdu);
	std::uint8_t manage(Connection &connection, const Pdu &pdu, TaskPtr &reassigned);
	bool abort_undelivered(const Pdu &pdu);
	void go_on(const TaskPtr &task, std::uint32_t exp_data_sn);
	void logout(Connection &connection, const Pdu &pdu);
	void serve_snack(Connection &connection, const Pdu &pdu);
	bool resend(Connection &connection, const Pdu &pdu);
	void refuse(Connection &connection, const Pdu &pdu, std::uint8_t reason);
	/* The connection with this CID, up or lost; none when it was logged out. */
	std::shared_ptr<Connection> find(std::uint16_t cid) const;
	/* Statuses of the connection up to there have arrived: their tasks are over. */
	void arrived(Connection &connection, std::uint32_t exp_stat_sn);

	Server &server_;
	/* Lets the window grow, as far as it is to at the moment; it never shrinks. */
	void move_window();

	std::uint32_t exp_cmd_sn_, max_cmd_sn_;
	std::uint32_t next_tag_ = 1;
	std::map<std::uint16_t, std::shared_ptr<Connection>> connections_;
	struct Lost {
		Clock::time_point since;
		std::shared_ptr<Connection> connection;
	};
	std::map<std::uint16_t, Lost> lost_; // by CID: what may be recovered
	/* By CID: the connection before the one that is, or was last, there. */
	std::map<std::uint16_t, std::shared_ptr<Connection>> earlier_;
	std::map<std::uint32_t, Early> early_;	 // by CmdSN
	std::map<std::uint32_t, TaskPtr> tasks_; // by ITT
	Clock::time_point empty_since_ = Clock::now();
	bool over_ = false;
};

} // namespace hawser::target
