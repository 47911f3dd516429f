/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One SCSI command at the test target: which of its data has come and what is to be asked for, and
 * what was sent for it, which is kept until the initiator has acknowledged the status, so that
 * SNACKs and a reassignment (RFC 7143, 7.2 and 11.16) can be served.
 */
#pragma once

#include "disk.h"
#include "pdu.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>

namespace hawser::target
{

class Connection;
using Clock = std::chrono::steady_clock;

/* A piece of a buffer. */
struct Piece {
	std::uint32_t offset = 0, length = 0;
	bool last = false; // of its sequence
	std::uint32_t end() const { return offset + length; }
};

/* The pieces of a buffer that are there, however often and in whichever order they came. */
class Pieces
{
public:
	void add(Piece piece);
	/* The first at or after @from that is not there, up to @limit and @most long. */
	std::optional<Piece> missing(std::uint32_t from, std::uint32_t limit,
				     std::uint32_t most) const;

private:
	std::map<std::uint32_t, std::uint32_t> ends_; // by begin; apart
};

struct Task {
	explicit Task(const Pdu &command);

	bool reads() const { return (flags & 0x40) != 0; }
	bool writes() const { return (flags & 0x20) != 0; }
	/* The first piece of data from @from on that is neither here nor asked for. */
	std::optional<Piece> to_ask(std::uint32_t from, std::uint32_t most) const;
	/* All that was asked for will not come: the connection is gone, or time is over. */
	void forget_asked();

	std::uint32_t itt, cmd_sn, expected;
	std::uint8_t flags;
	std::array<std::uint8_t, 8> lun{};
	std::array<std::uint8_t, 16> cdb{};
	/* Allegiance (4.2.1); none while the task waits for a reassignment. */
	std::shared_ptr<Connection> connection;
	Clock::time_point changed = Clock::now(); // data came, or the connection went

	std::uint32_t wanted = 0; // bytes that the command takes
	Bytes data;
	Pieces received;
	bool unsolicited = false;	      // unsolicited Data-Out PDUs are still to come
	std::map<std::uint32_t, Piece> asked; // by the R2T's TTT
	std::map<std::uint32_t, Pdu> r2ts;    // all that were sent, by R2TSN
	std::uint32_t r2t_sn = 0;

	bool running = false; // it has all its data
	std::optional<Answer> answer;
	std::vector<Piece> data_ins; // by DataSN
	bool collapsed = false;	     // the status is in the last of them
	std::optional<std::uint32_t> stat_sn;
};

} // namespace hawser::target
