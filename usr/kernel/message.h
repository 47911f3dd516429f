/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Netlink messages of the family: attributes out of values and back, without a
 * socket. What the module sends is trusted for its meaning, not for its form: a
 * missing or short attribute is Code::no_module, since only a module of another ABI
 * sends it.
 */
#pragma once

#include "base/error.h"
#include "kernel/types.h"

#include <cstdint>
#include <memory>
#include <netlink/msg.h>
#include <optional>
#include <span>

namespace hawser::kernel
{

struct FreeMessage {
	void operator()(nl_msg *message) const { nlmsg_free(message); }
};

using Message = std::unique_ptr<nl_msg, FreeMessage>;

/*
 * A request of @command to family @family with the netlink header in place, and
 * room for what every command has and @more bytes. Throws std::bad_alloc.
 */
Message make_request(int family, hws_cmd command, int flags, std::size_t more = 0);

/* Each appends attributes to @message; throws std::length_error when it is full. */
void put_sid(nl_msg *message, Sid sid);
void put_fd(nl_msg *message, int fd);
void put_cookie(nl_msg *message, std::uint64_t cookie);
void put_kind(nl_msg *message, AdoptKind kind);
void put_cid(nl_msg *message, Cid cid); // alone in an HWS_A_CONNECTION
void put_session(nl_msg *message, const NewSession &session);
void put_parameters(nl_msg *message, const SessionParameters &parameters);
void put_connection(nl_msg *message, const NewConnection &connection);
void put_change(nl_msg *message, const SessionChange &change);
void put_ping(nl_msg *message, std::uint32_t id, std::uint32_t size);
/* @function: the code on the wire. */
void put_task_management(nl_msg *message, std::uint32_t id, std::uint8_t function,
			 std::optional<Lun> lun);
void put_text(nl_msg *message, std::uint32_t id, std::span<const std::uint8_t> text);

/* The payloads of what comes back; @header is a whole generic netlink message. */
Result<ModuleInfo> parse_info(nlmsghdr *header);
Result<SessionHandle> parse_handle(nlmsghdr *header);
Result<SessionInfo> parse_session(nlmsghdr *header);
Result<Reservation> parse_reservation(nlmsghdr *header);
Result<SessionStats> parse_stats(nlmsghdr *header);
/* Nothing for an event that this program does not know. */
Result<std::optional<Event>> parse_event(nlmsghdr *header);

} // namespace hawser::kernel
