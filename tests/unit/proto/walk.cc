/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "walk.h"

#include <algorithm>
#include <iterator>

namespace hawser::proto::walk
{

/* The target. */

void Target::restart(uint32_t cmd_sn)
{
	exp_cmd_sn_ = cmd_sn;
	early_.clear();
	tasks_.clear();
	numbers_.clear();
	out.clear();
}

void Target::drop(unsigned conn)
{
	out[conn].clear();
	std::erase_if(early_, [&](const auto &one) { return one.second.second == conn; });
	for (auto &[tag, task] : tasks_)
		if (task.conn == conn)
			task.conn.reset();
	if (level_ < 2)
		std::erase_if(tasks_, [](const auto &one) { return !one.second.conn; });
}

void Target::say(unsigned conn, Message message)
{
	message.exp_cmd_sn = exp_cmd_sn_;
	message.max_cmd_sn = max_cmd_sn();
	out[conn].push_back(message);
}

void Target::deliver()
{
	for (auto next = early_.find(exp_cmd_sn_); next != early_.end();
	     next = early_.find(exp_cmd_sn_)) {
		const auto [tag, conn] = next->second;
		MUST(!tasks_.contains(tag));
		tasks_[tag].conn = conn;
		early_.erase(next);
		exp_cmd_sn_++;
	}
}

void Target::receive(unsigned conn, const Message &message)
{
	const auto found = tasks_.find(message.tag);
	auto answer = message;

	switch (message.kind) {
	case Kind::command: {
		if (hws_sn_before(message.cmd_sn, exp_cmd_sn_))
			return;
		MUST(!hws_sn_after(message.cmd_sn, max_cmd_sn()));
		const auto [number, fresh] = numbers_.emplace(message.cmd_sn, message.tag);
		MUST(fresh || number->second == message.tag);
		early_[message.cmd_sn] = {message.tag, conn};
		deliver();
		return;
	}
	case Kind::logout:
		drop(message.about);
		say(conn, answer);
		return;
	case Kind::reassign:
		answer.response = found == tasks_.end() ? HWS_TMF_RSP_NO_TASK
				  : found->second.conn	? HWS_TMF_RSP_TASK_ALLEGIANT
							: HWS_TMF_RSP_COMPLETE;
		say(conn, answer);
		if (answer.response != HWS_TMF_RSP_COMPLETE)
			return;
		found->second.conn = conn;
		if (found->second.done)
			say(conn, {.kind = Kind::command, .tag = message.tag});
		return;
	}
}

void Target::execute(Random &random)
{
	std::vector<unsigned> running;
	for (const auto &[tag, task] : tasks_)
		if (!task.done)
			running.push_back(tag);
	if (running.empty())
		return;
	const auto tag = running[random.between(0, static_cast<uint32_t>(running.size()) - 1)];
	auto &task = tasks_[tag];
	task.done = true;
	MUST(++executed_[tag] == 1);
	if (task.conn)
		say(*task.conn, {.kind = Kind::command, .tag = tag});
}

/* The initiator. */

Session::Session(unsigned level, unsigned connections, uint32_t window, uint32_t cmd_sn)
    : level_(level),
      next_cmd_sn_(cmd_sn),
      exp_cmd_sn_(cmd_sn),
      max_cmd_sn_(cmd_sn + window - 1),
      conns_(connections),
      target_(level, window, cmd_sn)
{
	log_in(0);
}

std::optional<unsigned> Session::any_up() const
{
	for (unsigned n = 0; n < size(); n++)
		if (const unsigned conn = (next_over_ + n) % size(); up(conn))
			return conn;
	return std::nullopt;
}

std::optional<unsigned> Session::reassigning() const
{
	for (unsigned n = 0; n < size(); n++)
		if (up(n) && conns_[n].asking && conns_[n].over != n)
			return n;
	return std::nullopt;
}

void Session::step(unsigned conn, enum hws_conn_event event)
{
	const uint8_t next = hws_conn_next(conns_[conn].state, event);
	MUST(next != 0);
	conns_[conn].state = next;
}

void Session::change(uint8_t to)
{
	if (state_ == to)
		return;
	MUST(hws_session_may_change(state_, to));
	state_ = to;
}

void Session::give(unsigned command, unsigned conn)
{
	auto &queue = conns_[conn].queue;
	auto &own = commands_[command];
	own.where = Where::queued;
	own.conn = conn;
	/* Retries go first, in their order: the target may wait for them with its window closed. */
	const auto place = std::find_if(queue.begin(), queue.end(), [&](unsigned other) {
		const auto &before = commands_[other];
		return own.numbered &&
		       (!before.numbered || hws_sn_before(own.cmd_sn, before.cmd_sn));
	});
	queue.insert(place, command);
}

bool Session::issue(bool safe)
{
	Command command;
	command.safe = safe;
	command.tags.push_back(next_tag_++);
	commands_.push_back(command);
	return true;
}

bool Session::send(unsigned conn)
{
	if (!up(conn))
		return false;
	/* The midlayer's come first come first served, to whichever connection asks. */
	if (conns_[conn].queue.empty() && state_ == HWS_SESSION_ACTIVE) {
		const auto next =
		    std::find_if(commands_.begin(), commands_.end(),
				 [](const Command &one) { return one.where == Where::waits; });
		if (next != commands_.end())
			give(static_cast<unsigned>(next - commands_.begin()), conn);
	}
	if (conns_[conn].queue.empty())
		return false;
	auto &command = commands_[conns_[conn].queue.front()];
	if (!command.numbered) {
		if (!hws_window_open(next_cmd_sn_, max_cmd_sn_))
			return false;
		command.cmd_sn = next_cmd_sn_++;
		command.numbered = true;
	}
	conns_[conn].queue.pop_front();
	command.where = Where::sent;
	conns_[conn].up.push_back(
	    {.kind = Kind::command, .tag = command.tags.back(), .cmd_sn = command.cmd_sn});
	return true;
}

bool Session::arrive_there(unsigned conn)
{
	auto &up = conns_[conn].up;
	if (up.empty())
		return false;
	const auto message = up.front();
	up.pop_front();
	target_.receive(conn, message);
	return true;
}

bool Session::arrive_here(unsigned conn)
{
	auto &down = target_.out[conn];
	if (!up(conn) || down.empty())
		return false;
	const auto message = down.front();
	down.pop_front();
	MUST(hws_window_pair_valid(message.exp_cmd_sn, message.max_cmd_sn));
	MUST(hws_window_exp_plausible(message.exp_cmd_sn, next_cmd_sn_));
	if (hws_window_advances(exp_cmd_sn_, message.exp_cmd_sn))
		exp_cmd_sn_ = message.exp_cmd_sn;
	if (hws_window_advances(max_cmd_sn_, message.max_cmd_sn))
		max_cmd_sn_ = message.max_cmd_sn;
	if (message.kind != Kind::command) {
		request_ended(message.about, &message);
		return true;
	}
	const auto found =
	    std::find_if(commands_.begin(), commands_.end(), [&](const Command &one) {
		    return one.where != Where::ended && one.tags.back() == message.tag;
	    });
	MUST(found != commands_.end());
	MUST(found->where == Where::sent && found->conn == conn);
	found->where = Where::ended;
	return true;
}

/* RFC 7143, 11.14: what the target does not have, and waits for. */
bool Session::goes_on(const Connection &conn, const Command &command) const
{
	return !command.numbered ||
	       (conn.fresh && hws_window_waits_for(command.cmd_sn, exp_cmd_sn_));
}

void Session::end_lost(unsigned number)
{
	auto &command = commands_[number];
	if (command.numbered && !command.safe) {
		command.where = Where::ended;
		command.failed = true;
		failed++;
		return;
	}
	anew += command.numbered;
	command.where = Where::waits;
	command.numbered = false;
	command.tags.push_back(next_tag_++);
}

bool Session::lose(unsigned lost, bool target_knows)
{
	if (!up(lost))
		return false;
	auto &conn = conns_[lost];
	const bool reinstated_before = conn.strand == Strand::reassign;
	step(lost, HWS_CONN_EV_LOST);
	conn.up.clear();
	if (target_knows)
		target_.drop(lost);
	else
		target_.out[lost].clear();

	/* Our requests over it end first, as in hws_conn_kill(). */
	std::vector<unsigned> ended;
	for (unsigned n = 0; n < size(); n++) {
		auto &other = conns_[n];
		if (!other.asking || other.over != lost)
			continue;
		other.asking = false;
		/* The target may have done it: then the task is stranded there. */
		if (other.strand == Strand::reassign && n != lost && other.reassigning)
			commands_[*other.reassigning].conn = lost;
		ended.push_back(n);
	}
	for (unsigned n = 0; n < commands_.size(); n++)
		if (auto &command = commands_[n];
		    command.where != Where::ended && command.where != Where::waits &&
		    command.conn == lost && !(conn.asking && conn.reassigning == n))
			command.where = Where::stranded;
	conn.queue.clear();
	if (level_ < 2 && !any_up()) {
		fail();
		return true;
	}
	if (conn.asking) {
		MUST(reinstated_before);
		conn.lost_again = true;
		again++;
	} else {
		recover(lost);
	}
	for (const unsigned n : ended)
		if (n != lost && conns_[n].strand != Strand::held &&
		    conns_[n].strand != Strand::none)
			request_ended(n, nullptr);
	return true;
}

void Session::recover(unsigned lost)
{
	auto &conn = conns_[lost];
	const auto over = any_up();
	if (!over) {
		hold(lost);
		return;
	}
	next_over_++;
	conn.strand = Strand::logout;
	conn.asking = true;
	conn.over = *over;
	conns_[*over].up.push_back({.kind = Kind::logout, .about = lost});
}

void Session::hold(unsigned lost)
{
	if (level_ < 2) {
		fail();
		return;
	}
	conns_[lost].strand = Strand::held;
	change(HWS_SESSION_FAILED);
}

/* The session is given up: everything is issued anew, or fails. */
void Session::fail()
{
	change(HWS_SESSION_FAILED);
	for (unsigned n = 0; n < size(); n++) {
		auto &conn = conns_[n];
		if (hws_conn_next(conn.state, HWS_CONN_EV_LOST))
			step(n, HWS_CONN_EV_LOST);
		if (conn.state == HWS_CONN_CLEANUP)
			step(n, HWS_CONN_EV_CLEANED);
		conn = Connection();
	}
	for (unsigned n = 0; n < commands_.size(); n++)
		if (commands_[n].where != Where::ended && commands_[n].where != Where::waits)
			end_lost(n);
}

/* A request about @number has its answer, or its connection was lost (null). */
void Session::request_ended(unsigned number, const Message *answer)
{
	auto &conn = conns_[number];
	const auto task = conn.reassigning;

	if (answer) {
		MUST(conn.asking);
		conn.asking = false;
		if (answer->kind == Kind::reassign && answer->response == HWS_TMF_RSP_COMPLETE) {
			auto &command = commands_[task.value()];
			MUST(command.where == Where::stranded && command.conn == number);
			command.where = Where::sent;
			command.conn = conn.over;
			reassigned++;
		}
	}
	if (conn.lost_again) {
		conn.lost_again = false;
		conn.reassigning.reset();
		recover(number);
		return;
	}
	if (conn.strand == Strand::logout) {
		if (answer)
			logout_answered(number);
		else
			recover(number);
		return;
	}
	MUST(conn.strand == Strand::reassign);
	conn.reassigning.reset();
	if (answer) {
		conn.fresh = true;
		/* STILL ALLEGIANT there is not, for each connection was closed first. */
		MUST(answer->response != HWS_TMF_RSP_TASK_ALLEGIANT);
		if (answer->response == HWS_TMF_RSP_NO_TASK &&
		    !goes_on(conn, commands_[task.value()]))
			end_lost(task.value());
	}
	reassign_next(number);
}

void Session::logout_answered(unsigned number)
{
	auto &conn = conns_[number];
	conn.fresh = true;
	if (level_ == 2) {
		conn.strand = Strand::reassign;
		reassign_next(number);
		return;
	}
	for (unsigned n = 0; n < commands_.size(); n++) {
		auto &command = commands_[n];
		if (command.where != Where::stranded || command.conn != number)
			continue;
		if (!goes_on(conn, command)) {
			end_lost(n);
			continue;
		}
		retried += command.numbered;
		give(n, *any_up());
	}
	conn = Connection();
}

void Session::reassign_next(unsigned number)
{
	auto &conn = conns_[number];
	for (unsigned n = 0; n < commands_.size(); n++) {
		auto &command = commands_[n];
		if (command.where != Where::stranded || command.conn != number)
			continue;
		const auto over = any_up();
		if (!over) {
			/* Its own loss, when it is up no more, is at work already. */
			hold(number);
			return;
		}
		next_over_++;
		if (goes_on(conn, command)) {
			retried += command.numbered;
			give(n, *over);
			continue;
		}
		conn.asking = true;
		conn.over = *over;
		conn.reassigning = n;
		conns_[*over].up.push_back(
		    {.kind = Kind::reassign, .tag = command.tags.back(), .about = number});
		return;
	}
	conn.strand = Strand::none;
	if (conn.state != HWS_CONN_CLEANUP)
		return;
	step(number, HWS_CONN_EV_CLEANED);
	conn = Connection();
}

bool Session::log_in(unsigned number)
{
	auto &conn = conns_[number];
	if (any_up()) { // it joins
		if (conn.state != HWS_CONN_FREE)
			return false;
		target_.drop(number);
		step(number, HWS_CONN_EV_ADOPTED);
		return true;
	}
	if (conn.strand == Strand::held) { // it is reinstated
		target_.drop(number);
		conn.fresh = false;
		conn.strand = Strand::reassign;
		step(number, HWS_CONN_EV_REINSTATED);
		change(HWS_SESSION_ACTIVE);
		reinstated++;
		for (unsigned n = 0; n < size(); n++)
			if (conns_[n].strand == Strand::held)
				recover(n);
		reassign_next(number);
		return true;
	}
	if (std::any_of(conns_.begin(), conns_.end(),
			[](const Connection &one) { return one.strand != Strand::none; }))
		return false;
	/* A session, in the place of the one that was there. */
	target_.restart(next_cmd_sn_);
	exp_cmd_sn_ = next_cmd_sn_;
	max_cmd_sn_ = target_.max_cmd_sn();
	step(number, HWS_CONN_EV_ADOPTED);
	change(HWS_SESSION_ACTIVE);
	return true;
}

/* What must hold. */

void Session::check() const
{
	std::map<uint32_t, unsigned> numbers;
	for (const auto &command : commands_) {
		if (command.where == Where::ended || command.where == Where::waits)
			continue;
		MUST(command.conn < size());
		const auto &conn = conns_[command.conn];
		MUST(conn.state != HWS_CONN_FREE);
		if (command.where != Where::stranded)
			MUST(conn.state == HWS_CONN_LOGGED_IN);
		else
			MUST(conn.strand != Strand::none || conn.state == HWS_CONN_CLEANUP);
		if (command.where == Where::sent)
			MUST(command.numbered);
		if (command.numbered)
			MUST(++numbers[command.cmd_sn] == 1);
	}
	MUST(!hws_sn_after(target_.exp_cmd_sn(), next_cmd_sn_));
	if (state_ == HWS_SESSION_ACTIVE)
		MUST(any_up());
}

bool Session::all_ended() const
{
	return std::all_of(commands_.begin(), commands_.end(),
			   [](const Command &command) { return command.where == Where::ended; });
}

void Session::check_end() const
{
	MUST(all_ended());
	/* A session that was given up, and whose commands all failed, need not have come back. */
	if (state_ == HWS_SESSION_ACTIVE) {
		MUST(target_.idle());
		MUST(target_.exp_cmd_sn() == next_cmd_sn_);
	}
	for (const auto &command : commands_) {
		unsigned executed = 0;
		for (const unsigned tag : command.tags)
			executed += target_.executed(tag);
		MUST(command.failed || target_.executed(command.tags.back()) == 1);
		MUST(command.safe || executed <= 1);
		if (level_ == 2)
			MUST(executed == 1 && !command.failed);
	}
}

} // namespace hawser::proto::walk
