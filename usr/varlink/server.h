/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A Varlink service on a Unix socket, in one thread. Each client has one
 * coroutine: its calls are answered one after the other, in order. A handler is
 * called with parameters that fit the interface description, and answers through
 * the Exchange. org.varlink.service is served by itself.
 *
 * Only root and the service's own user are listened to: the socket is made
 * 0600, and the peer's credentials (SO_PEERCRED) are looked at besides, for a
 * descriptor may have been passed on.
 */
#pragma once

#include "base/error.h"
#include "base/log.h"
#include "varlink/idl.h"
#include "varlink/message.h"

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/local/stream_protocol.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <sys/types.h>
#include <vector>

namespace hawser::varlink
{

struct Peer {
	pid_t pid;
	uid_t uid;
	gid_t gid;
};

using Socket = asio::local::stream_protocol::socket;

/* One call and the way to answer it. */
class Exchange
{
public:
	/* How long a client may take to make room for a reply. */
	static constexpr std::chrono::seconds write_limit{30};

	Exchange(Socket &socket, Call call, Peer peer)
	    : socket_(socket), call_(std::move(call)), peer_(peer)
	{
	}

	const Json &parameters() const { return call_.parameters; }
	/* When they have been read: there may be a secret in them. */
	void forget_parameters() { call_.parameters = nullptr; }
	/* Does the client take several replies? */
	bool more() const { return call_.more; }
	const Peer &peer() const { return peer_; }

	/* One of several replies; only when more(). Fails when the client is gone. */
	asio::awaitable<Status> reply_and_continue(Json parameters);
	/* The last or only reply. */
	asio::awaitable<Status> reply(Json parameters);
	/* @name is the error's full name. */
	asio::awaitable<Status> error(std::string name, Json parameters);

	/* Has the last reply been sent, or is there nobody left to answer? */
	bool answered() const { return answered_ || gone_; }
	/* The last reply may have gone out in part. */
	bool gone() const { return gone_; }

private:
	asio::awaitable<Status> send(Reply reply);

	Socket &socket_;
	Call call_;
	Peer peer_;
	bool answered_ = false;
	bool gone_ = false;
};

using Handler = std::function<asio::awaitable<void>(Exchange &)>;
using Handlers = std::map<std::string, Handler, std::less<>>; // by method name

/* What org.varlink.service.GetInfo says. */
struct ServiceInfo {
	std::string vendor;
	std::string product;
	std::string version;
	std::string url;
};

/*
 * The io_context must not run any more, or never again, when the server is
 * destroyed: its coroutines refer to it.
 */
class Server
{
public:
	static constexpr std::size_t max_clients = 128;

	Server(asio::io_context &io, const Log &log, ServiceInfo info);

	/* Every method of the description needs a handler: Code::internal if not. */
	Status serve(Interface interface, Handlers handlers);

	/*
	 * Makes the socket @path, 0600. A socket file that nobody listens on is
	 * replaced; Code::busy when somebody does. Clients may connect from now on
	 * and wait until accept() is called.
	 */
	Status listen(const std::string &path);
	/* Begins to serve the clients of the socket. */
	void accept();

	/* Takes no more clients and removes the socket file. */
	void close();

	/* Serves one client on a connected socket (also the tests' way in). */
	asio::awaitable<void> serve_client(Socket socket);

private:
	struct Service {
		Interface interface;
		Handlers handlers;
	};

	asio::awaitable<void> accept_clients();
	asio::awaitable<void> dispatch(Exchange &exchange, const std::string &interface,
				       const std::string &method);
	asio::awaitable<void> describe(Exchange &exchange);
	asio::awaitable<void> get_info(Exchange &exchange);
	const Service *find(std::string_view interface) const;

	asio::io_context &io_;
	const Log &log_;
	ServiceInfo info_;
	std::vector<Service> services_;
	asio::local::stream_protocol::acceptor acceptor_;
	std::string path_;
	// Shared with the clients' coroutines, which may be destroyed after us.
	std::shared_ptr<std::size_t> clients_ = std::make_shared<std::size_t>(0);
};

} // namespace hawser::varlink
