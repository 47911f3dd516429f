/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All connections of one session (MC/S, RFC 7143, 4.4), each a strand (strand.h), from the
 * moment that the leading login has made the session. Which of them led does not matter any
 * more then: one that is lost or was taken out while others are up joins like any other.
 *
 * The session has room for as many as its MaxConnections says, which each leading login
 * negotiates anew: the first ones by CID have it, and what is beyond is told once.
 */
#pragma once

#include "daemon/strand.h"

#include <map>
#include <memory>

namespace hawser::daemon
{

/* A connection that is to join a live session. */
struct Addition {
	config::PortalId portal;
	config::Iface iface;
	kernel::Role role = kernel::Role::active;
	std::uint32_t weight = 0;
	std::string header_digest = {}; // as Link has them
	std::string data_digest = {};
};

class Strands
{
public:
	explicit Strands(const Strand::Surroundings &surroundings) : env_(surroundings) {}

	/* The session is there. @session lives for as long as its strands are cared for. */
	void begin(Sid sid, std::shared_ptr<void> session);
	void stop();

	/*
	 * A login over @leader has brought the session back; the others join. @max_connections:
	 * none when the login did not negotiate it.
	 */
	void session_back(Cid leader, std::optional<std::uint16_t> max_connections);
	void session_lost();

	void on_event(const kernel::Event &event);
	/* Connections that are in the dump and not in the plan are cared for from now on. */
	void on_dump(const kernel::SessionInfo &session);

	bool any_up() const;
	const std::map<Cid, std::shared_ptr<Strand>> &all() const { return strands_; }

	/*
	 * One connection more, with the lowest CID that is free. @done is called once, when it is
	 * up, or when its first login has failed: it is given up then.
	 */
	void add(const Addition &addition, std::function<void(const Joined &)> done);
	/*
	 * Begins to take one out. True: the end is the module's event. False: the module does not
	 * have it, and no event comes.
	 */
	Result<bool> remove(Cid cid);
	/* For SessionAgent::change(), which keeps the policy. */
	Status change(kernel::SessionChange change);
	/* As they are to be made again: without those that are being taken out, or tried. */
	std::vector<config::ConnectionRecord> kept() const;

private:
	Strand *find(Cid cid) const;
	bool has(Cid cid) const;
	void start(Cid cid);
	void insert(Link link);
	void forget(Cid cid);
	void share_room();
	Status may_add() const;

	Strand::Surroundings env_;
	std::optional<Sid> sid_;
	std::weak_ptr<void> session_;
	std::map<Cid, std::shared_ptr<Strand>> strands_;
	std::uint16_t max_connections_ = 1;
	std::optional<std::uint16_t> told_; // the MaxConnections that was logged as too low
};

} // namespace hawser::daemon
