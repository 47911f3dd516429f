/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "varlink/server.h"

#include "base/str.h"
#include "varlink/read.h"

#include <array>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>
#include <cerrno>
#include <cstring>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

namespace hawser::varlink
{

using namespace asio::experimental::awaitable_operators;

namespace
{

constexpr std::string_view service_description = R"(interface org.varlink.service

method GetInfo() -> (
  vendor: string,
  product: string,
  version: string,
  url: string,
  interfaces: []string
)

method GetInterfaceDescription(interface: string) -> (description: string)

error InterfaceNotFound (interface: string)
error MethodNotFound (method: string)
error MethodNotImplemented (method: string)
error InvalidParameter (parameter: string)
error PermissionDenied ()
error ExpectedMore ()
)";

Result<Peer> peer_of(const Socket &socket)
{
	ucred cred{};
	socklen_t size = sizeof cred;
	if (getsockopt(const_cast<Socket &>(socket).native_handle(), SOL_SOCKET, SO_PEERCRED, &cred,
		       &size) < 0)
		return fail(Code::no_permission,
			    str("client's credentials: ", std::strerror(errno)));
	return Peer{cred.pid, cred.uid, cred.gid};
}

bool may_call(const Peer &peer)
{
	return peer.uid == 0 || peer.uid == geteuid();
}

/* Counts a client for as long as its coroutine lives. */
class Counted
{
public:
	explicit Counted(std::shared_ptr<std::size_t> count) : count_(std::move(count))
	{
		++*count_;
	}
	Counted(const Counted &) = delete;
	Counted &operator=(const Counted &) = delete;
	~Counted() { --*count_; }

private:
	std::shared_ptr<std::size_t> count_;
};

/* Is there anybody behind the socket file at @path? */
bool somebody_listens(const sockaddr_un &address)
{
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return false;
	const bool connected =
	    connect(fd, reinterpret_cast<const sockaddr *>(&address), sizeof address) == 0 ||
	    errno == EAGAIN;
	::close(fd);
	return connected;
}

} // namespace

asio::awaitable<Status> Exchange::reply_and_continue(Json parameters)
{
	Reply message;
	message.parameters = std::move(parameters);
	message.continues = true;
	co_return co_await send(std::move(message));
}

asio::awaitable<Status> Exchange::reply(Json parameters)
{
	answered_ = true;
	Reply message;
	message.parameters = std::move(parameters);
	co_return co_await send(std::move(message));
}

asio::awaitable<Status> Exchange::error(std::string name, Json parameters)
{
	answered_ = true;
	Reply message;
	message.error = std::move(name);
	message.parameters = std::move(parameters);
	co_return co_await send(std::move(message));
}

asio::awaitable<Status> Exchange::send(Reply reply)
{
	if (call_.oneway)
		co_return Status{};

	const std::string bytes = encode(reply);
	asio::steady_timer limit(socket_.get_executor(), write_limit);
	constexpr auto token = asio::experimental::as_tuple(asio::use_awaitable);
	const auto first = co_await (asio::async_write(socket_, asio::buffer(bytes), token) ||
				     limit.async_wait(token));
	const bool late = first.index() == 1;
	const auto ec = late ? asio::error_code() : std::get<0>(std::get<0>(first));
	gone_ = late || ec;
	if (late)
		co_return fail(Code::daemon_failed, "client takes no replies");
	if (ec)
		co_return fail(Code::daemon_failed, "client is gone: " + ec.message());
	co_return Status{};
}

Server::Server(asio::io_context &io, const Log &log, ServiceInfo info)
    : io_(io), log_(log), info_(std::move(info)), acceptor_(io)
{
	auto own = Interface::parse(service_description);
	if (!own)
		throw std::logic_error(own.error().text);
	Handlers handlers;
	handlers["GetInfo"] = [this](Exchange &exchange) { return get_info(exchange); };
	handlers["GetInterfaceDescription"] = [this](Exchange &exchange) {
		return describe(exchange);
	};
	services_.push_back({std::move(*own), std::move(handlers)});
}

Status Server::serve(Interface interface, Handlers handlers)
{
	for (const Method &method : interface.methods()) {
		if (!handlers.contains(method.name))
			return fail(Code::internal, str("method ", interface.name(), '.',
							method.name, " has no handler"));
	}
	services_.push_back({std::move(interface), std::move(handlers)});
	return {};
}

Status Server::listen(const std::string &path)
{
	sockaddr_un address{};
	address.sun_family = AF_UNIX;
	if (path.size() >= sizeof address.sun_path)
		return fail(Code::invalid_argument, str("socket path ", path, " is too long"));
	std::memcpy(address.sun_path, path.c_str(), path.size() + 1);

	if (somebody_listens(address))
		return fail(Code::busy, str("another service answers on ", path));
	if (unlink(path.c_str()) < 0 && errno != ENOENT)
		return fail(Code::failed, str("removing ", path, ": ", std::strerror(errno)));

	// The mode must be right from the first instant, not after a chmod().
	const mode_t mask = umask(0177);
	asio::error_code ec;
	acceptor_.open(asio::local::stream_protocol(), ec);
	if (!ec)
		acceptor_.bind(asio::local::stream_protocol::endpoint(path), ec);
	umask(mask);
	if (!ec)
		acceptor_.listen(asio::socket_base::max_listen_connections, ec);
	if (ec)
		return fail(Code::failed, str("listening on ", path, ": ", ec.message()));

	path_ = path;
	return {};
}

void Server::accept()
{
	asio::co_spawn(io_, accept_clients(), asio::detached);
}

void Server::close()
{
	asio::error_code ec;
	acceptor_.close(ec);
	if (!path_.empty())
		unlink(path_.c_str());
	path_.clear();
}

asio::awaitable<void> Server::accept_clients()
{
	for (;;) {
		asio::error_code ec;
		Socket socket(io_);
		co_await acceptor_.async_accept(socket,
						asio::redirect_error(asio::use_awaitable, ec));
		if (!acceptor_.is_open())
			co_return;
		if (ec) {
			// Out of descriptors, most likely: let some be closed first.
			log_(Level::error, "varlink: accepting a client: ", ec.message());
			asio::steady_timer pause(io_, std::chrono::seconds(1));
			co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, ec));
			continue;
		}
		if (*clients_ >= max_clients) {
			log_(Level::warning, "varlink: more than ", max_clients,
			     " clients, one was turned away");
			continue;
		}
		asio::co_spawn(io_, serve_client(std::move(socket)), asio::detached);
	}
}

asio::awaitable<void> Server::serve_client(Socket socket)
{
	Counted counted(clients_);
	const auto peer = peer_of(socket);
	if (!peer) {
		log_(Level::warning, "varlink: ", peer.error().text);
		co_return;
	}

	Framer framer(max_call_bytes);
	std::array<char, 16384> chunk;
	for (;;) {
		auto message = framer.next();
		if (!message) {
			log_(Level::warning, "varlink: process ", peer->pid, ": ",
			     message.error().text);
			co_return;
		}
		if (!*message) {
			asio::error_code ec;
			const std::size_t got = co_await socket.async_read_some(
			    asio::buffer(chunk), asio::redirect_error(asio::use_awaitable, ec));
			if (ec)
				co_return;
			framer.feed({chunk.data(), got});
			::explicit_bzero(chunk.data(), got);
			continue;
		}

		auto call = parse_call(**message);
		framer.forget();
		if (!call) {
			// There is no telling what it wants to read: hang up.
			log_(Level::warning, "varlink: process ", peer->pid, ": ",
			     call.error().text);
			co_return;
		}
		const std::string interface = call->interface;
		const std::string method = call->method;
		const bool oneway = call->oneway;
		Exchange exchange(socket, std::move(*call), *peer);
		if (!may_call(*peer)) {
			co_await exchange.error("org.varlink.service.PermissionDenied",
						Json::object());
			co_return;
		}
		try {
			co_await dispatch(exchange, interface, method);
		} catch (const std::exception &e) {
			log_(Level::error, "varlink: ", interface, '.', method, ": ", e.what());
			co_return;
		}
		/* Half a reply may be on its way: nothing can follow it. */
		if (exchange.gone())
			co_return;
		if (!exchange.answered() && !oneway) {
			log_(Level::error, "varlink: ", interface, '.', method,
			     " ended without an answer");
			co_return;
		}
	}
}

asio::awaitable<void> Server::dispatch(Exchange &exchange, const std::string &interface,
				       const std::string &method)
{
	const Service *service = find(interface);
	if (!service) {
		Json which = {{"interface", interface}};
		co_await exchange.error("org.varlink.service.InterfaceNotFound", std::move(which));
		co_return;
	}
	const Method *description = service->interface.method(method);
	if (!description) {
		Json which = {{"method", str(interface, '.', method)}};
		co_await exchange.error("org.varlink.service.MethodNotFound", std::move(which));
		co_return;
	}
	if (auto bad = service->interface.mismatch(description->in, exchange.parameters())) {
		Json which = {{"parameter", *bad}};
		co_await exchange.error("org.varlink.service.InvalidParameter", std::move(which));
		co_return;
	}
	std::string bad;
	try {
		co_await service->handlers.find(method)->second(exchange);
	} catch (const OutOfRange &e) {
		if (exchange.answered())
			throw;
		bad = e.what();
	}
	if (!bad.empty()) {
		Json which = {{"parameter", bad}};
		co_await exchange.error("org.varlink.service.InvalidParameter", std::move(which));
	}
}

asio::awaitable<void> Server::get_info(Exchange &exchange)
{
	Json names = Json::array();
	for (const Service &service : services_)
		names.push_back(service.interface.name());
	Json info = {{"vendor", info_.vendor},
		     {"product", info_.product},
		     {"version", info_.version},
		     {"url", info_.url},
		     {"interfaces", std::move(names)}};
	co_await exchange.reply(std::move(info));
}

asio::awaitable<void> Server::describe(Exchange &exchange)
{
	const auto name = exchange.parameters().at("interface").get<std::string>();
	const Service *service = find(name);
	if (!service) {
		Json which = {{"interface", name}};
		co_await exchange.error("org.varlink.service.InterfaceNotFound", std::move(which));
		co_return;
	}
	Json description = {{"description", service->interface.text()}};
	co_await exchange.reply(std::move(description));
}

const Server::Service *Server::find(std::string_view interface) const
{
	for (const Service &service : services_) {
		if (service.interface.name() == interface)
			return &service;
	}
	return nullptr;
}

} // namespace hawser::varlink
