/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server.h"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <cstdio>

namespace hawser::target
{

using namespace std::chrono_literals;
using asio::ip::tcp;

Server::Server(asio::io_context &context, const Settings &settings)
    : context(context),
      settings(settings),
      disk(settings.file.empty() ? Disk(settings.size) : Disk(settings.file)),
      random_(static_cast<std::minstd_rand::result_type>(settings.seed))
{
}

asio::awaitable<void> Server::accept()
{
	tcp::acceptor acceptor(context, tcp::endpoint(tcp::v4(), settings.port));
	std::printf("listening\n");
	for (;;) {
		auto socket = co_await acceptor.async_accept(asio::use_awaitable);
		auto connection = std::make_shared<Connection>(std::move(socket), *this);
		asio::co_spawn(
		    context, [connection] { return connection->run(); }, asio::detached);
	}
}

asio::awaitable<void> Server::watch()
{
	asio::steady_timer timer(context);
	for (;;) {
		timer.expires_after(250ms);
		co_await timer.async_wait(asio::use_awaitable);
		const auto now = Clock::now();
		std::erase_if(sessions_, [&](const auto &one) { return !one->look(now); });
	}
}

std::shared_ptr<Session> Server::begin(const Parameters &parameters, Session::Isid isid,
				       std::uint32_t cmd_sn)
{
	std::erase_if(sessions_, [&](const auto &one) {
		if (one->isid != isid ||
		    one->parameters.initiator_name != parameters.initiator_name)
			return false;
		one->end();
		return true;
	});
	auto session = std::make_shared<Session>(*this, parameters, isid, next_tsih_++, cmd_sn);
	if (next_tsih_ == 0)
		next_tsih_ = 1;
	sessions_.push_back(session);
	return session;
}

std::shared_ptr<Session> Server::find(const std::string &initiator, Session::Isid isid,
				      std::uint16_t tsih) const
{
	for (const auto &one : sessions_)
		if (one->tsih == tsih && one->isid == isid &&
		    one->parameters.initiator_name == initiator)
			return one;
	return nullptr;
}

void Server::complain(const std::string &what)
{
	std::printf("complaint: %s\n", what.c_str());
}

std::uint32_t Server::whim(std::uint32_t below)
{
	return settings.whims && below > 1 ? static_cast<std::uint32_t>(random_() >> 4) % below : 0;
}

std::chrono::microseconds Server::latency()
{
	const auto most = settings.latency.count();
	if (most == 0)
		return 0us;
	return std::chrono::microseconds(
	    std::uniform_int_distribution<std::int64_t>(0, most)(random_));
}

} // namespace hawser::target
