/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session.h"

#include "server.h"

#include <algorithm>
#include <asio/steady_timer.hpp>
#include <cstdio>
#include <vector>

namespace hawser::target
{

using namespace std::chrono_literals;

namespace
{

/* Data that was asked for and has not come in this time is asked for again, from level 1 on. */
constexpr auto data_time = 1s;

/* Reasons of a Reject (11.17.1). */
enum Reason : std::uint8_t {
	data_digest_error = 0x02,
	snack_rejected = 0x03,
	protocol_error = 0x04,
	command_not_supported = 0x05,
};

constexpr std::uint8_t logout_session = 0, logout_connection = 1, logout_recovery = 2;

} // namespace

Session::Session(Server &server, const Parameters &agreed, Isid isid, std::uint16_t tsih,
		 std::uint32_t cmd_sn)
    : isid(isid),
      tsih(tsih),
      parameters(agreed),
      server_(server),
      exp_cmd_sn_(cmd_sn),
      max_cmd_sn_(cmd_sn + window - 1)
{
}

/* Closed for good it would be of no use to anyone: with nothing under way it is open. */
void Session::move_window()
{
	const bool idle = std::all_of(tasks_.begin(), tasks_.end(), [](const auto &one) {
		return one.second->answer.has_value();
	});
	const auto next = exp_cmd_sn_ + (idle ? window : window - server_.whim(window + 1)) - 1;
	if (before(max_cmd_sn_, next))
		max_cmd_sn_ = next;
}

/* Connections. */

void Session::join(std::shared_ptr<Connection> connection)
{
	const auto cid = connection->cid();
	if (auto previous = find(cid))
		earlier_.insert_or_assign(cid, std::move(previous));
	drop(cid);
	lost_.erase(cid);
	connections_.emplace(cid, std::move(connection));
}

std::shared_ptr<Connection> Session::find(std::uint16_t cid) const
{
	if (const auto up = connections_.find(cid); up != connections_.end())
		return up->second;
	const auto lost = lost_.find(cid);
	return lost == lost_.end() ? nullptr : lost->second.connection;
}

/* Takes the connection with this CID down, if it is up; its tasks wait, or end (7.1 and 7.5). */
void Session::drop(std::uint16_t cid)
{
	const auto found = connections_.find(cid);
	if (found == connections_.end())
		return;
	const auto gone = found->second;
	connections_.erase(found);
	gone->close();
	/* What did not get its turn has not been acknowledged by ExpCmdSN: it comes again. */
	std::erase_if(early_, [&](const auto &one) { return one.second.connection == gone; });
	for (auto next = tasks_.begin(); next != tasks_.end();) {
		const auto task = next->second;
		if (task->connection != gone) {
			++next;
			continue;
		}
		task->connection.reset();
		task->forget_asked();
		next = parameters.level == 2 ? std::next(next) : tasks_.erase(next);
	}
	if (connections_.empty())
		empty_since_ = Clock::now();
}

void Session::lost(Connection &connection)
{
	const auto found = connections_.find(connection.cid());
	if (found == connections_.end() || found->second.get() != &connection)
		return; // reinstated, or logged out
	const auto gone = found->second;
	drop(connection.cid());
	if (parameters.level == 2)
		lost_.insert_or_assign(connection.cid(), Lost{Clock::now(), gone});
	else if (connections_.empty())
		end();
}

bool Session::look(Clock::time_point now)
{
	const auto retained = std::chrono::seconds(parameters.time2wait + parameters.time2retain);
	if (connections_.empty() && now - empty_since_ > retained)
		end();
	if (over_)
		return false;
	std::erase_if(lost_, [&](const auto &one) { return now - one.second.since > retained; });
	std::erase_if(tasks_, [&](const auto &one) {
		return !one.second->connection && now - one.second->changed > retained;
	});
	if (parameters.level == 0)
		return true;
	for (const auto tasks = tasks_; const auto &[itt, task] : tasks)
		if ((task->unsolicited || !task->asked.empty()) && task->connection &&
		    now - task->changed > data_time) {
			task->forget_asked();
			progress(task);
		}
	return true;
}

void Session::end()
{
	over_ = true;
	tasks_.clear();
	early_.clear();
	for (const auto connections = std::move(connections_);
	     const auto &[cid, connection] : connections)
		connection->close();
	connections_.clear();
}

/* PDUs in their order (4.2.2.1). */

void Session::take(Connection &connection, Pdu pdu)
{
	/* What was read before the connection was taken down is not of this session any more. */
	const auto here = connections_.find(connection.cid());
	if (over_ || here == connections_.end() || here->second.get() != &connection)
		return;
	/* A logout's is that of the connection that it closes (11.14.4). */
	if (pdu.opcode() != logout_request || (pdu.flags() & 0x7f) == logout_session ||
	    pdu.at16(20) == connection.cid())
		arrived(connection, pdu.at32(28));
	if (pdu.damaged) {
		if (parameters.level == 0) {
			connection.close();
			return;
		}
		refuse(connection, pdu, data_digest_error);
		if (pdu.opcode() == data_out)
			data(connection, pdu);
		return;
	}
	if (pdu.opcode() == data_out || pdu.opcode() == snack || pdu.immediate()) {
		handle(connection, pdu);
		return;
	}
	const auto number = pdu.at32(24);
	if (before(number, exp_cmd_sn_) || before(max_cmd_sn(), number))
		return;
	auto &early = early_[number];
	if (!early.connection && early.pdu.header[1] != 0)
		return; // aborted
	early = {connection.shared_from_this(), std::move(pdu)};
	deliver();
}

void Session::deliver()
{
	for (;;) {
		const auto next = early_.find(exp_cmd_sn_);
		if (next == early_.end())
			return;
		const auto ready = std::move(next->second);
		early_.erase(next);
		exp_cmd_sn_++;
		move_window();
		if (ready.connection)
			handle(*ready.connection, ready.pdu);
	}
}

void Session::handle(Connection &connection, const Pdu &pdu)
{
	if (server_.once(50))
		ask_for_life(connection);
	switch (pdu.opcode()) {
	case nop_out:
		if (pdu.itt() != reserved_tag) {
			auto echo = make(nop_in, pdu.itt());
			echo.put32(20, reserved_tag);
			echo.data = pdu.data;
			connection.send_status(std::move(echo));
		}
		return;
	case scsi_command:
		command(connection, pdu);
		return;
	case Opcode::task_management:
		task_management(connection, pdu);
		return;
	case data_out:
		data(connection, pdu);
		return;
	case logout_request:
		logout(connection, pdu);
		return;
	case snack:
		serve_snack(connection, pdu);
		return;
	default:
		refuse(connection, pdu, command_not_supported);
	}
}

/* A NOP-In that is to be answered (11.19); the answer is not looked at. */
void Session::ask_for_life(Connection &connection)
{
	auto ping = make(nop_in, reserved_tag);
	ping.put32(20, next_tag_++);
	connection.send(std::move(ping));
}

void Session::refuse(Connection &connection, const Pdu &pdu, std::uint8_t reason)
{
	auto answer = make(reject, reserved_tag);
	answer.header[2] = reason;
	answer.data.assign(pdu.header.begin(), pdu.header.end());
	answer.data.insert(answer.data.end(), pdu.ahs.begin(), pdu.ahs.end());
	connection.send_status(std::move(answer));
}

/* Commands and their data. */

void Session::command(Connection &connection, const Pdu &pdu)
{
	const auto task = std::make_shared<Task>(pdu);
	const auto found = tasks_.find(task->itt);
	if (found != tasks_.end() && !found->second->answer) {
		Server::complain("ITT " + std::to_string(task->itt) +
				 " is used for a second task while the first runs (4.2.2.1)");
		return;
	}
	task->connection = connection.shared_from_this();
	tasks_.insert_or_assign(task->itt, task);
	progress(task);
}

void Session::data(Connection &connection, const Pdu &pdu)
{
	const auto found = tasks_.find(pdu.itt());
	if (found == tasks_.end() || found->second->connection.get() != &connection ||
	    found->second->running)
		return; // late
	const auto task = found->second;
	const auto tag = pdu.at32(20);
	const Piece piece{pdu.at32(40), static_cast<std::uint32_t>(pdu.data.size())};
	const auto asked = task->asked.find(tag);
	Piece room{0, std::min(parameters.first_burst, task->wanted)};
	if (tag != reserved_tag) {
		if (asked == task->asked.end())
			return; // of an R2T that another has replaced
		room = asked->second;
	} else if (!task->unsolicited) {
		return;
	}
	if (piece.offset < room.offset || piece.length > room.length ||
	    piece.offset - room.offset > room.length - piece.length) {
		Server::complain("data outside of what was asked for (11.7.6)");
		return;
	}
	task->changed = Clock::now();
	if (!pdu.damaged) {
		std::copy(pdu.data.begin(), pdu.data.end(), task->data.begin() + piece.offset);
		task->received.add(piece);
	}
	if (!pdu.final())
		return;
	/* What is not there by now was lost: progress() asks for it again. */
	if (tag == reserved_tag)
		task->unsolicited = false;
	else
		task->asked.erase(asked);
	progress(task);
}

/* Asks for what is missing, or runs the command when all is there. */
void Session::progress(const TaskPtr &task)
{
	if (!task->connection || task->unsolicited || task->running)
		return;
	while (task->asked.size() < parameters.max_r2t) {
		/* From anywhere and of any length, where the target has its whims. */
		const auto from = parameters.sequences_in_order ? 0 : server_.whim(task->wanted);
		const auto most = parameters.max_burst - server_.whim(parameters.max_burst);
		auto piece = task->to_ask(from / Disk::block * Disk::block, most);
		if (!piece)
			piece = task->to_ask(0, most);
		if (!piece)
			break;
		ask(*task, *piece);
	}
	if (!task->asked.empty())
		return;
	task->running = true;
	auto timer = std::make_shared<asio::steady_timer>(server_.context, server_.latency());
	timer->async_wait([self = shared_from_this(), task, timer](auto) {
		/* Not when it was aborted meanwhile. */
		const auto found = self->tasks_.find(task->itt);
		if (found != self->tasks_.end() && found->second == task)
			self->execute(task);
	});
}

void Session::ask(Task &task, Piece piece)
{
	auto request = make(r2t, task.itt);
	const auto tag = next_tag_++;
	std::copy(task.lun.begin(), task.lun.end(), request.header.begin() + 8);
	request.put32(20, tag);
	request.put32(36, task.r2t_sn);
	request.put32(40, piece.offset);
	request.put32(44, piece.length);
	task.asked.emplace(tag, piece);
	task.r2ts.insert_or_assign(task.r2t_sn++, request);
	task.changed = Clock::now();
	task.connection->send(std::move(request));
}

/* What a target may say instead of doing it (SAM-5, 5.3.1); only to what may be said again. */
std::uint8_t Session::moody(const Task &task)
{
	constexpr std::uint8_t busy = 0x08, task_set_full = 0x28;
	const bool moves =
	    Disk::wanted(task.cdb) != 0 || task.cdb[0] == 0x28 || task.cdb[0] == 0x88;
	if (!moves || !server_.once(100))
		return 0;
	return server_.once(2) ? busy : task_set_full;
}

void Session::execute(const TaskPtr &task)
{
	/* LUN 1 is the disk, in whichever of SAM-5's ways it is written. */
	const bool there = (task->lun[0] & 0x3f) == 0 && task->lun[1] == 1;
	if (const auto mood = moody(*task); mood != 0)
		task->answer = Answer{.status = mood, .sense = {}, .data = {}};
	else if (there)
		task->answer = server_.disk.execute(task->cdb, task->data);
	else
		task->answer = Disk::absent(task->cdb);
	move_window();
	if (!task->connection)
		return;
	cut(*task);
	/* Both ways that a status may go. */
	task->collapsed =
	    task->answer->status == 0 && !task->data_ins.empty() && task->cmd_sn % 2 != 0;
	send_answer(task, 0, 0);
}

/*
 * Which Data-In PDUs the answer is sent in. Sequences end at MaxBurstLength; in which order they
 * are sent, and their PDUs, is what was agreed on (13.18 and 13.19).
 */
void Session::cut(Task &task)
{
	const auto length = static_cast<std::uint32_t>(
	    std::min<std::size_t>(task.answer->data.size(), task.reads() ? task.expected : 0));
	const auto most = task.connection->parameters().max_send;
	const auto shuffle = [this](auto &things) {
		for (std::size_t n = things.size(); n > 1; n--)
			std::swap(things[n - 1],
				  things[server_.whim(static_cast<std::uint32_t>(n))]);
	};
	std::vector<std::vector<Piece>> sequences;
	for (std::uint32_t start = 0; start < length; start += parameters.max_burst) {
		const auto end = std::min(start + parameters.max_burst, length);
		auto &sequence = sequences.emplace_back();
		for (auto at = start; at < end; at += most)
			sequence.push_back({at, std::min(most, end - at)});
		if (!parameters.pdus_in_order)
			shuffle(sequence);
		sequence.back().last = true;
	}
	if (!parameters.sequences_in_order)
		shuffle(sequences);
	task.data_ins.clear();
	for (const auto &sequence : sequences)
		task.data_ins.insert(task.data_ins.end(), sequence.begin(), sequence.end());
}

void Session::send_data(const TaskPtr &task, std::uint32_t data_sn)
{
	const auto piece = task->data_ins.at(data_sn);
	const bool last = data_sn + 1 == task->data_ins.size();
	auto pdu = make(data_in, task->itt);
	pdu.header[1] = piece.last ? final_bit : 0;
	pdu.put32(20, reserved_tag);
	if (piece.last && parameters.level > 0) {
		pdu.header[1] |= 0x40; // A: the initiator acknowledges it by a SNACK
		std::copy(task->lun.begin(), task->lun.end(), pdu.header.begin() + 8);
		pdu.put32(20, next_tag_++);
	}
	pdu.put32(36, data_sn);
	pdu.put32(40, piece.offset);
	const auto from = task->answer->data.begin() + piece.offset;
	pdu.data.assign(from, from + piece.length);
	if (!last || !task->collapsed) {
		task->connection->send(std::move(pdu));
		return;
	}
	/* With the status (11.7.3), which keeps its StatSN when the data comes again. */
	pdu.header[1] |= 0x01;
	put_residual(*task, pdu);
	if (task->stat_sn)
		task->connection->send_as(std::move(pdu), *task->stat_sn);
	else
		task->stat_sn = task->connection->send_status(std::move(pdu));
}

/* Residual count, O and U (11.4.1): @pdu is a response or the last Data-In. */
void Session::put_residual(const Task &task, Pdu &pdu)
{
	const auto needed = task.reads() ? task.answer->data.size() : Disk::wanted(task.cdb);
	const auto moved =
	    task.reads() ? std::min<std::uint64_t>(needed, task.expected) : task.wanted;
	if (task.answer->status == 0 && needed > task.expected) {
		pdu.header[1] |= 0x04;
		pdu.put32(44, static_cast<std::uint32_t>(needed - task.expected));
	} else if (moved < task.expected) {
		pdu.header[1] |= 0x02;
		pdu.put32(44, static_cast<std::uint32_t>(task.expected - moved));
	}
}

void Session::send_answer(const TaskPtr &task, std::uint32_t data_sn, std::uint32_t snack_tag)
{
	const auto &answer = *task->answer;
	for (auto next = data_sn; next < task->data_ins.size(); next++)
		send_data(task, next);

	if (task->collapsed && task->stat_sn)
		return;
	auto response = make(scsi_response, task->itt);
	put_residual(*task, response);
	response.header[3] = answer.status;
	response.put32(20, snack_tag);
	response.put32(36, static_cast<std::uint32_t>(task->data_ins.size()) + task->r2t_sn);
	if (!answer.sense.empty()) {
		response.data = {static_cast<std::uint8_t>(answer.sense.size() >> 8),
				 static_cast<std::uint8_t>(answer.sense.size())};
		response.data.insert(response.data.end(), answer.sense.begin(), answer.sense.end());
	}
	task->stat_sn = task->connection->send_status(std::move(response));
}

/* Task management, logout and SNACK. */

void Session::task_management(Connection &connection, const Pdu &pdu)
{
	TaskPtr reassigned;
	auto response = make(task_management_response, pdu.itt());
	response.header[2] = manage(connection, pdu, reassigned);
	connection.send_status(std::move(response));
	if (reassigned)
		go_on(reassigned, pdu.at32(36));
	deliver();
}

/* The response's code (11.6.1). */
std::uint8_t Session::manage(Connection &connection, const Pdu &pdu, TaskPtr &reassigned)
{
	constexpr std::uint8_t complete = 0, no_task = 1, still_allegiant = 3, no_reassignment = 4,
			       not_supported = 5;
	const auto found = tasks_.find(pdu.at32(20));
	switch (pdu.flags() & 0x7f) {
	case 1: // ABORT TASK
		if (found == tasks_.end())
			return abort_undelivered(pdu) ? complete : no_task;
		tasks_.erase(found);
		return complete;
	case 2: // ABORT TASK SET
	case 4: // CLEAR TASK SET
	case 5: // LOGICAL UNIT RESET
	case 6: // TARGET WARM RESET
		tasks_.clear();
		return complete;
	case 8: // TASK REASSIGN
		if (found == tasks_.end())
			return no_task;
		if (found->second->connection)
			return still_allegiant;
		if (parameters.level < 2)
			return no_reassignment;
		reassigned = found->second;
		reassigned->connection = connection.shared_from_this();
		return complete;
	default:
		return not_supported;
	}
}

/* A command that has not come counts as received and is never run (11.6.1). */
bool Session::abort_undelivered(const Pdu &pdu)
{
	const auto number = pdu.at32(32);
	if (before(number, exp_cmd_sn_) || !before(number, pdu.at32(24)))
		return false;
	Early aborted;
	aborted.pdu.header[1] = final_bit;
	early_.insert_or_assign(number, std::move(aborted));
	return true;
}

/* A reassigned task (7.2.2): data from ExpDataSN on and the status, or R2Ts for what is missing. */
void Session::go_on(const TaskPtr &task, std::uint32_t exp_data_sn)
{
	task->changed = Clock::now();
	if (!task->answer) {
		if (task->running)
			return;
		task->r2t_sn = exp_data_sn;
		task->r2ts.erase(task->r2ts.lower_bound(exp_data_sn), task->r2ts.end());
		progress(task);
		return;
	}
	if (task->data_ins.empty())
		cut(*task);
	/* This connection has numbers of its own. */
	task->collapsed = false;
	task->stat_sn.reset();
	send_answer(task, task->reads() ? exp_data_sn : 0, 0);
}

void Session::arrived(Connection &connection, std::uint32_t exp_stat_sn)
{
	for (const auto &[stat_sn, itt] : connection.acknowledge(exp_stat_sn)) {
		const auto found = tasks_.find(itt);
		if (found != tasks_.end() && found->second->stat_sn == stat_sn &&
		    (!found->second->connection || found->second->connection.get() == &connection))
			tasks_.erase(found);
	}
}

void Session::logout(Connection &connection, const Pdu &pdu)
{
	const auto reason = pdu.flags() & 0x7f;
	const auto cid = pdu.at16(20);
	auto response = make(logout_response, pdu.itt());
	response.put16(40, parameters.time2wait);
	response.put16(42, parameters.time2retain);
	const auto closed = find(cid);
	const bool known = closed != nullptr;
	if (reason != logout_session && !known)
		response.header[2] = 1; // CID not found
	else if (reason == logout_recovery && parameters.level < 2)
		response.header[2] = 2; // recovery is not supported
	if (response.header[2] != 0) {
		connection.send_status(std::move(response));
		return;
	}
	const auto self = shared_from_this();
	const auto here = connection.shared_from_this();
	if (reason == logout_session) {
		connection.send_status(std::move(response));
		connection.finish();
		connections_.erase(connection.cid());
		end();
		return;
	}
	if (cid != connection.cid()) {
		// Of one that was under way at a reinstatement the connection before is meant.
		const auto exp_stat_sn = pdu.at32(28);
		const auto previous = earlier_.find(cid);
		if (!closed->has_sent(exp_stat_sn) &&
		    (previous == earlier_.end() || !previous->second->has_sent(exp_stat_sn)))
			Server::complain("a logout with an ExpStatSN that its connection never had "
					 "(11.14.4)");
		lost_.erase(cid);
		drop(cid);
		arrived(*closed, pdu.at32(28));
		if (reason == logout_connection)
			std::erase_if(tasks_,
				      [](const auto &one) { return !one.second->connection; });
		connection.send_status(std::move(response));
		return;
	}
	lost_.erase(cid);
	connection.send_status(std::move(response));
	connection.finish();
	/* drop() would close it before the response is out. */
	connections_.erase(cid);
	std::erase_if(tasks_, [&](const auto &one) { return one.second->connection == here; });
	std::erase_if(early_, [&](const auto &one) { return one.second.connection == here; });
	empty_since_ = Clock::now();
	if (connections_.empty())
		end();
}

void Session::serve_snack(Connection &connection, const Pdu &pdu)
{
	if (parameters.level == 0)
		refuse(connection, pdu, protocol_error);
	else if (!resend(connection, pdu))
		refuse(connection, pdu, snack_rejected);
}

bool Session::resend(Connection &connection, const Pdu &pdu)
{
	const auto begin = pdu.at32(40), length = pdu.at32(44);
	const auto type = pdu.flags() & 0x0f;
	if (type == 1)
		return connection.send_again(begin, length);
	if (type == 2)
		return true; // DataACK: nothing is kept any shorter for it
	const auto found = tasks_.find(pdu.itt());
	if (found == tasks_.end() || found->second->connection.get() != &connection)
		return false;
	const auto task = found->second;
	if (type == 3) { // R-Data: all anew, in PDUs of the size that holds now
		if (!task->answer)
			return false;
		cut(*task);
		task->collapsed = false;
		send_answer(task, 0, pdu.at32(20));
		return true;
	}
	if (!task->reads()) {
		const auto end = length == 0 ? task->r2t_sn : begin + length;
		if (before(task->r2t_sn, end) || !task->r2ts.contains(begin))
			return false;
		for (auto next = begin; before(next, end); next++)
			connection.send(task->r2ts.at(next));
		return true;
	}
	const auto sent = static_cast<std::uint32_t>(task->data_ins.size());
	if (!task->answer || begin >= sent || length > sent - begin)
		return false;
	const auto end = length == 0 ? sent : begin + length;
	for (auto next = begin; next < end; next++)
		send_data(task, next);
	return true;
}

} // namespace hawser::target
