/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hawserd seen from a program that can wait: each function sends one call and
 * returns when its last reply is there. One call at a time.
 *
 * Errors: Code::no_daemon (20) when nobody listens, Code::no_permission (13)
 * when the socket may not be opened, Code::daemon_failed (18) when the daemon
 * went away or spoke nonsense half-way, Code::invalid_request (16) when it does
 * not know the method or a parameter, else what the daemon said.
 */
#pragma once

#include "base/error.h"
#include "base/fd.h"
#include "varlink/api.h"
#include "varlink/message.h"

#include <functional>
#include <string>

namespace hawser::varlink
{

class Client
{
public:
	static Result<Client> connect(const std::string &path = default_socket);

	/* Called with each reply of a call that has several; may print. */
	template <class T> using OnProgress = std::function<void(const Progress<T> &)>;

	Result<InfoReply> get_info();
	Result<std::vector<SessionStatus>> list_sessions();
	/* The result has everything; @progress sees it as it comes. */
	Result<std::vector<LoginResult>> login(const LoginCall &call,
					       const OnProgress<LoginResult> &progress = {});
	Result<std::vector<LogoutResult>> logout(const LogoutCall &call,
						 const OnProgress<LogoutResult> &progress = {});
	Result<std::vector<RescanResult>> rescan(const std::vector<std::uint32_t> &sids,
						 const OnProgress<RescanResult> &progress = {});
	Result<std::vector<PingResult>> ping(const PingCall &call,
					     const OnProgress<PingResult> &progress = {});
	Result<TaskManagementReply> task_management(const TaskManagementCall &call);
	Result<std::uint16_t> add_connection(const AddConnectionCall &call);
	Status remove_connection(const RemoveConnectionCall &call);
	Status change_session(const ChangeSessionCall &call);
	Result<DiscoverReply> discover(const DiscoverCall &call);
	Result<DiscoverReply> send_targets(const SendTargetsCall &call);

	/* The plain form of any call of io.hawser; @each gets the parameters of every reply. */
	Status call(const std::string &method, Json parameters, bool more,
		    const std::function<void(const Json &)> &each);

private:
	explicit Client(Fd fd) : fd_(std::move(fd)) {}

	Result<DiscoverReply> find(const std::string &method, Json parameters);
	template <class T>
	Result<std::vector<T>> collect(const std::string &method, Json &&parameters,
				       const OnProgress<T> &progress);
	Status send(const std::string &bytes);
	Result<Reply> receive();

	Fd fd_;
	Framer framer_{max_reply_bytes};
};

} // namespace hawser::varlink
