/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A session of several connections as a model: initiator, target and the network between them. The
 * rules of window.h and state.h decide; what the module does with locks, sockets and work items is
 * done here by plain calls, in the order of recovery.c, clear.c and reassign.c. A step is one thing
 * that happens somewhere. What must hold in between is checked at each (RFC 7143, 4.2.2.1, 7.2,
 * 8 and 11.14):
 *
 *	no CmdSN stands for two commands, and none is left out
 *	a command has allegiance to one connection, or waits for one
 *	it ends once, and its task is executed once
 */
#ifndef HAWSER_TESTS_UNIT_PROTO_WALK_H
#define HAWSER_TESTS_UNIT_PROTO_WALK_H

#include "proto.h"

#include <deque>
#include <map>
#include <optional>
#include <vector>

namespace hawser::proto::walk
{

enum class Kind { command, logout, reassign };

/* To the target, and its answer on the way back. */
struct Message {
	Kind kind;
	unsigned tag = 0;     // command, reassign: the task's
	uint32_t cmd_sn = 0;  // command
	unsigned about = 0;   // logout, reassign: the connection whose commands it is about
	uint8_t response = 0; // reassign, on the way back
	uint32_t exp_cmd_sn = 0, max_cmd_sn = 0; // on the way back
};

class Target
{
public:
	Target(unsigned level, uint32_t window, uint32_t cmd_sn)
	    : level_(level), window_(window), exp_cmd_sn_(cmd_sn)
	{
	}

	/* A new session: what was there is over. */
	void restart(uint32_t cmd_sn);
	/* The connection is closed, for whatever reason. */
	void drop(unsigned conn);
	void receive(unsigned conn, const Message &message);
	/* One command that is here is executed; which, @random says. */
	void execute(Random &random);
	/* What it would say now; nothing when that connection has nothing to say. */
	std::map<unsigned, std::deque<Message>> out;

	uint32_t exp_cmd_sn() const { return exp_cmd_sn_; }
	uint32_t max_cmd_sn() const { return exp_cmd_sn_ + window_ - 1; }
	bool idle() const { return early_.empty(); }
	unsigned executed(unsigned tag) const
	{
		const auto found = executed_.find(tag);
		return found == executed_.end() ? 0 : found->second;
	}

private:
	struct Task {
		std::optional<unsigned> conn;
		bool done = false;
	};
	void say(unsigned conn, Message message);
	void deliver();

	unsigned level_;
	uint32_t window_, exp_cmd_sn_;
	std::map<uint32_t, std::pair<unsigned, unsigned>> early_; // tag and connection by CmdSN
	std::map<unsigned, Task> tasks_;			  // by tag
	std::map<unsigned, unsigned> executed_;			  // by tag
	std::map<uint32_t, unsigned> numbers_;			  // tag by CmdSN, of this session
};

enum class Where { waits, queued, sent, stranded, ended };

struct Command {
	bool safe = true; // to be issued anew
	Where where = Where::waits;
	unsigned conn = 0; // allegiance, unless it waits or has ended
	bool numbered = false;
	uint32_t cmd_sn = 0;
	std::vector<unsigned> tags; // the last is that of now
	bool failed = false;
};

enum class Strand { none, logout, reassign, held };

struct Connection {
	uint8_t state = HWS_CONN_FREE;
	Strand strand = Strand::none;
	bool asking = false, lost_again = false, fresh = false;
	unsigned over = 0;		     // which connection the request went over
	std::optional<unsigned> reassigning; // a command
	std::deque<unsigned> queue;	     // commands to be sent
	std::deque<Message> up;		     // on their way to the target
};

class Session
{
public:
	Session(unsigned level, unsigned connections, uint32_t window, uint32_t cmd_sn);

	/* Things that may happen; each false when it cannot happen now. */
	bool issue(bool safe);
	bool send(unsigned conn);
	bool arrive_there(unsigned conn); // the next message reaches the target
	bool arrive_here(unsigned conn);  // the next answer reaches the initiator
	bool lose(unsigned conn, bool target_knows);
	bool log_in(unsigned conn); // joins, reinstates the connection, or the session
	void execute(Random &random) { target_.execute(random); }

	void check() const;	// what must hold at any time
	void check_end() const; // when nothing is left to happen
	bool all_ended() const;
	/* One that is up and whose commands are being reassigned over another. */
	std::optional<unsigned> reassigning() const;
	unsigned size() const { return static_cast<unsigned>(conns_.size()); }
	unsigned reinstated = 0, reassigned = 0, retried = 0, anew = 0, failed = 0, again = 0;

private:
	bool up(unsigned conn) const { return conns_[conn].state == HWS_CONN_LOGGED_IN; }
	std::optional<unsigned> any_up() const;
	void step(unsigned conn, enum hws_conn_event event);
	void change(uint8_t to);
	void give(unsigned command, unsigned conn);
	bool goes_on(const Connection &conn, const Command &command) const;
	void end_lost(unsigned command);
	void recover(unsigned conn);
	void hold(unsigned conn);
	void fail();
	void logout_answered(unsigned conn);
	void reassign_next(unsigned conn);
	void request_ended(unsigned conn, const Message *answer);

	unsigned level_;
	uint8_t state_ = HWS_SESSION_FAILED;
	uint32_t next_cmd_sn_, exp_cmd_sn_, max_cmd_sn_;
	unsigned next_tag_ = 1, next_over_ = 0;
	bool new_sessions_ = false; // there was one: tasks may be executed more than once
	std::vector<Connection> conns_;
	std::vector<Command> commands_;
	Target target_;
};

} // namespace hawser::proto::walk

#endif
