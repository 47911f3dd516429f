/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The module's commands over generic netlink. Each is one exchange on a socket of
 * our own; the texts of extended acks become the texts of errors.
 *
 * A socket on which an answer was lost is given up for a new one.
 *
 * The family's number changes when the module is loaded anew; a command that
 * finds its number gone looks it up again before it gives up.
 */
#pragma once

#include "kernel/control.h"
#include "kernel/message.h"

#include <functional>
#include <memory>
#include <netlink/socket.h>

namespace hawser::kernel
{

struct FreeSocket {
	void operator()(nl_sock *socket) const { nl_socket_free(socket); }
};

using NetlinkSocket = std::unique_ptr<nl_sock, FreeSocket>;

class NetlinkControl : public Control
{
public:
	/* How long the kernel may take for an answer. */
	static constexpr int answer_limit_s = 30;

	/*
	 * Works without the module: its commands then fail with Code::no_module. It
	 * fails only when there is no netlink socket to be had.
	 */
	static Result<std::unique_ptr<NetlinkControl>> open();

	Answer<ModuleInfo> info() override;
	Answer<void> prepare_socket(int fd) override;
	Answer<SessionHandle> new_session(const NewSession &session,
					  const NewConnection &connection) override;
	Answer<SessionInfo> session(Sid sid) override;
	Answer<std::vector<SessionInfo>> sessions() override;
	Answer<void> delete_session(Sid sid) override;
	Answer<Reservation> reserve(Sid sid, AdoptKind kind, Cid cid) override;
	Answer<void> release(Sid sid, std::uint64_t cookie) override;
	Answer<void> adopt(Sid sid, std::uint64_t cookie, const NewConnection &connection,
			   const SessionParameters &parameters) override;
	Answer<void> drop(Sid sid, Cid cid) override;
	Answer<void> remove_connection(Sid sid, Cid cid) override;
	Answer<void> change(Sid sid, const SessionChange &change) override;
	Answer<void> ping(Sid sid, std::optional<Cid> cid, std::uint32_t id,
			  std::uint32_t size) override;
	Answer<void> task_management(Sid sid, std::optional<Cid> cid, std::uint32_t id,
				     std::uint8_t function, std::optional<Lun> lun) override;
	Answer<void> text(Sid sid, std::optional<Cid> cid, std::uint32_t id,
			  std::span<const std::uint8_t> text) override;
	Answer<void> scan(Sid sid) override;
	Answer<SessionStats> stats(Sid sid) override;
	Answer<std::vector<SessionStats>> stats() override;

private:
	explicit NetlinkControl(NetlinkSocket socket) : socket_(std::move(socket)) {}

	using Fill = std::function<void(nl_msg *)>;
	using Take = std::function<Status(nlmsghdr *)>;

	Answer<void> find_family();
	int resolve_family(); // its number, or libnl's error
	void renew_socket();
	/*
	 * One request; @take sees every message of the answer. @more: bytes of room
	 * beyond what every request has.
	 */
	Answer<void> command(hws_cmd command, int flags, const Fill &fill, const Take &take = {},
			     std::size_t more = 0);
	Answer<void> exchange(nl_msg *message, const Take &take);
	template <class T>
	Answer<std::vector<T>> dump(hws_cmd command, Result<T> (*parse)(nlmsghdr *));

	NetlinkSocket socket_;
	int family_ = -1;
	bool abi_checked_ = false;
};

} // namespace hawser::kernel
