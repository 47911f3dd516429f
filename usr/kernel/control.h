/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The commands of the kernel module, as an interface: the daemon's logic runs on
 * the real one (netlink.h) and, in tests, on a fake.
 *
 * No command waits for a target, a disk or a time-out, so all of them are plain
 * calls. What they begin ends in an event (events.h).
 */
#pragma once

#include "base/error.h"
#include "kernel/types.h"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace hawser::kernel
{

/*
 * Why the module refused. @number is the positive errno that <hawser/hawser.h>
 * documents at the command, ENODEV without a module, 0 when no answer came at all.
 */
struct Refusal {
	int number = 0;
	Error error;
};

template <class T> using Answer = tl::expected<T, Refusal>;

class Control
{
public:
	virtual ~Control() = default;

	/* Code::no_module when it is not loaded or speaks another ABI. */
	virtual Answer<ModuleInfo> info() = 0;
	virtual Answer<void> prepare_socket(int fd) = 0;
	virtual Answer<SessionHandle> new_session(const NewSession &session,
						  const NewConnection &connection) = 0;
	virtual Answer<SessionInfo> session(Sid sid) = 0;
	/* All sessions, of one generation. */
	virtual Answer<std::vector<SessionInfo>> sessions() = 0;
	virtual Answer<void> delete_session(Sid sid) = 0;
	virtual Answer<Reservation> reserve(Sid sid, AdoptKind kind, Cid cid) = 0;
	virtual Answer<void> release(Sid sid, std::uint64_t cookie) = 0;
	/* @parameters: of the login; but for AdoptKind::session only the command window counts. */
	virtual Answer<void> adopt(Sid sid, std::uint64_t cookie, const NewConnection &connection,
				   const SessionParameters &parameters) = 0;
	virtual Answer<void> drop(Sid sid, Cid cid) = 0;
	/* Logs it out, and ends in an event; the last one that is up stays (EBUSY). */
	virtual Answer<void> remove_connection(Sid sid, Cid cid) = 0;
	virtual Answer<void> change(Sid sid, const SessionChange &change) = 0;
	virtual Answer<void> ping(Sid sid, std::optional<Cid> cid, std::uint32_t id,
				  std::uint32_t size) = 0;
	/* @function: RFC 7143, 11.5.1; one that has a LUN or has none. */
	virtual Answer<void> task_management(Sid sid, std::optional<Cid> cid, std::uint32_t id,
					     std::uint8_t function, std::optional<Lun> lun) = 0;
	/* @text: at most HWS_TEXT_MAX bytes, as on the wire. */
	virtual Answer<void> text(Sid sid, std::optional<Cid> cid, std::uint32_t id,
				  std::span<const std::uint8_t> text) = 0;
	virtual Answer<void> scan(Sid sid) = 0;
	virtual Answer<SessionStats> stats(Sid sid) = 0;
	virtual Answer<std::vector<SessionStats>> stats() = 0;
};

} // namespace hawser::kernel
