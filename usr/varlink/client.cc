/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "varlink/client.h"

#include "base/str.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <sys/socket.h>
#include <sys/un.h>
#include <utility>

namespace hawser::varlink
{

namespace
{

/* A reply's error as one of ours. */
Error translated(const Reply &reply, const std::string &method)
{
	const auto text = [&](const char *name) {
		auto it = reply.parameters.find(name);
		return it != reply.parameters.end() && it->is_string() ? it->get<std::string>()
								       : std::string();
	};

	if (reply.error == "io.hawser.Failed")
		return reply.parameters.at("failure").get<Failure>().error();
	if (reply.error == "org.varlink.service.PermissionDenied")
		return {Code::no_permission, "hawserd takes requests from root only"};
	if (reply.error == "org.varlink.service.InvalidParameter")
		return {Code::invalid_request, str(method, ": hawserd refuses parameter ",
						   hawser::quoted(text("parameter")))};
	if (reply.error == "org.varlink.service.MethodNotFound" ||
	    reply.error == "org.varlink.service.InterfaceNotFound")
		return {Code::invalid_request, str("hawserd does not know ", method)};
	return {Code::invalid_request,
		str(method, ": hawserd answers ", hawser::quoted(reply.error))};
}

} // namespace

Result<Client> Client::connect(const std::string &path)
{
	sockaddr_un address{};
	address.sun_family = AF_UNIX;
	if (path.size() >= sizeof address.sun_path)
		return fail(Code::invalid_argument, str("socket path ", path, " is too long"));
	std::memcpy(address.sun_path, path.c_str(), path.size() + 1);

	Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
	if (!fd)
		return fail(Code::failed, str("socket: ", std::strerror(errno)));
	if (::connect(fd.get(), reinterpret_cast<const sockaddr *>(&address), sizeof address) < 0) {
		if (errno == EACCES || errno == EPERM)
			return fail(Code::no_permission,
				    str("no permission to use ", path, " (root only)"));
		if (errno == ENOENT || errno == ECONNREFUSED)
			return fail(Code::no_daemon,
				    str("hawserd is not running (nobody listens on ", path, ")"));
		return fail(Code::no_daemon,
			    str("hawserd cannot be reached on ", path, ": ", std::strerror(errno)));
	}
	return Client(std::move(fd));
}

Status Client::send(const std::string &bytes)
{
	std::size_t sent = 0;
	while (sent < bytes.size()) {
		const ssize_t n =
		    ::send(fd_.get(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(Code::daemon_failed,
				    str("sending to hawserd: ", std::strerror(errno)));
		sent += static_cast<std::size_t>(n);
	}
	return {};
}

Result<Reply> Client::receive()
{
	std::array<char, 65536> chunk;
	for (;;) {
		auto message = framer_.next();
		if (!message)
			return fail(Code::daemon_failed, "hawserd's " + message.error().text);
		if (*message)
			return parse_reply(**message);
		const ssize_t n = recv(fd_.get(), chunk.data(), chunk.size(), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(Code::daemon_failed,
				    str("reading from hawserd: ", std::strerror(errno)));
		if (n == 0)
			return fail(Code::daemon_failed, "hawserd hung up before it had answered");
		framer_.feed({chunk.data(), static_cast<std::size_t>(n)});
	}
}

Status Client::call(const std::string &method, Json parameters, bool more,
		    const std::function<void(const Json &)> &each)
{
	Call message;
	message.interface = "io.hawser";
	message.method = method;
	message.parameters = std::move(parameters);
	message.more = more;
	if (auto sent = send(encode(message)); !sent)
		return sent;
	try {
		for (;;) {
			auto reply = receive();
			if (!reply)
				return tl::unexpected(reply.error());
			if (!reply->error.empty())
				return tl::unexpected(translated(*reply, method));
			each(reply->parameters);
			if (!reply->continues)
				return {};
		}
	} catch (const Json::exception &e) {
		return fail(Code::daemon_failed,
			    str(method, ": hawserd's reply does not fit: ", e.what()));
	}
}

template <class T>
Result<std::vector<T>> Client::collect(const std::string &method, Json &&parameters,
				       const OnProgress<T> &progress)
{
	std::vector<T> all;
	auto status = call(method, std::move(parameters), true, [&](const Json &reply) {
		auto part = reply.get<Progress<T>>();
		if (progress)
			progress(part);
		for (T &result : part.results)
			all.push_back(std::move(result));
	});
	if (!status)
		return tl::unexpected(status.error());
	return all;
}

Result<InfoReply> Client::get_info()
{
	InfoReply info;
	auto status =
	    call("GetInfo", Json::object(), false, [&](const Json &reply) { reply.get_to(info); });
	if (!status)
		return tl::unexpected(status.error());
	return info;
}

Result<std::vector<SessionStatus>> Client::list_sessions()
{
	std::vector<SessionStatus> sessions;
	auto status = call("ListSessions", Json::object(), false,
			   [&](const Json &reply) { get_member(reply, "sessions", sessions); });
	if (!status)
		return tl::unexpected(status.error());
	return sessions;
}

Result<std::vector<LoginResult>> Client::login(const LoginCall &call,
					       const OnProgress<LoginResult> &progress)
{
	return collect("Login", call, progress);
}

Result<std::vector<LogoutResult>> Client::logout(const LogoutCall &call,
						 const OnProgress<LogoutResult> &progress)
{
	return collect("Logout", call, progress);
}

Result<std::vector<RescanResult>> Client::rescan(const std::vector<std::uint32_t> &sids,
						 const OnProgress<RescanResult> &progress)
{
	return collect("Rescan", {{"sids", sids}}, progress);
}

Result<std::vector<PingResult>> Client::ping(const PingCall &call,
					     const OnProgress<PingResult> &progress)
{
	return collect("Ping", call, progress);
}

Result<TaskManagementReply> Client::task_management(const TaskManagementCall &call)
{
	TaskManagementReply answer;
	auto status = this->call("TaskManagement", call, false,
				 [&](const Json &reply) { reply.get_to(answer); });
	if (!status)
		return tl::unexpected(status.error());
	return answer;
}

Result<std::uint16_t> Client::add_connection(const AddConnectionCall &call)
{
	std::uint16_t cid = 0;
	auto status = this->call("AddConnection", call, false,
				 [&](const Json &reply) { get_member(reply, "cid", cid); });
	if (!status)
		return tl::unexpected(status.error());
	return cid;
}

Status Client::remove_connection(const RemoveConnectionCall &call)
{
	return this->call("RemoveConnection", call, false, [](const Json &) {});
}

Status Client::change_session(const ChangeSessionCall &call)
{
	return this->call("ChangeSession", call, false, [](const Json &) {});
}

Result<DiscoverReply> Client::find(const std::string &method, Json parameters)
{
	DiscoverReply found;
	auto status = call(method, std::move(parameters), false,
			   [&](const Json &reply) { reply.get_to(found); });
	if (!status)
		return tl::unexpected(status.error());
	return found;
}

Result<DiscoverReply> Client::discover(const DiscoverCall &call)
{
	return find("Discover", call);
}

Result<DiscoverReply> Client::send_targets(const SendTargetsCall &call)
{
	return find("SendTargets", call);
}

} // namespace hawser::varlink
