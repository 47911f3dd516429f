/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hawserd as the modes see it: the calls of io.hawser (io.hawser.varlink says
 * what each does), as an interface, with the real one behind a Varlink client.
 */
#pragma once

#include "varlink/client.h"

#include <functional>
#include <memory>
#include <vector>

namespace hawser::cli
{

class Service
{
public:
	template <class T> using Each = std::function<void(const T &)>; // as results come

	virtual ~Service() = default;

	virtual Result<std::vector<varlink::SessionStatus>> list_sessions() = 0;
	virtual Status login(const varlink::LoginCall &call,
			     const Each<varlink::LoginResult> &each) = 0;
	virtual Status logout(const varlink::LogoutCall &call,
			      const Each<varlink::LogoutResult> &each) = 0;
	virtual Status rescan(const std::vector<std::uint32_t> &sids,
			      const Each<varlink::RescanResult> &each) = 0;
	virtual Status ping(const varlink::PingCall &call,
			    const Each<varlink::PingResult> &each) = 0;
	virtual Result<varlink::TaskManagementReply>
	task_management(const varlink::TaskManagementCall &call) = 0;
	virtual Result<std::uint16_t> add_connection(const varlink::AddConnectionCall &call) = 0;
	virtual Status remove_connection(const varlink::RemoveConnectionCall &call) = 0;
	virtual Status change_session(const varlink::ChangeSessionCall &call) = 0;
	virtual Result<varlink::DiscoverReply> discover(const varlink::DiscoverCall &call) = 0;
	virtual Result<varlink::DiscoverReply>
	send_targets(const varlink::SendTargetsCall &call) = 0;
};

/* Code::no_daemon when nobody listens on the socket. */
Result<std::unique_ptr<Service>> connect_service();

} // namespace hawser::cli
