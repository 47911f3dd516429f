/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An iSNS server on loopback, in the thread of the test: it keeps one registration,
 * names the targets that the test gives it, and notes what it was asked.
 */
#pragma once

#include "isns/client.h"

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

class FakeIsns
{
public:
	using tcp = asio::ip::tcp;
	using Function = hawser::isns::Function;

	struct Registered {
		std::string entity, name;
		hawser::isns::IpAddress address{};
		std::uint32_t port = 0;
		std::uint32_t esi = 0;
	};

	explicit FakeIsns(asio::io_context &io) : io_(io), acceptor_(io, {tcp::v4(), 0})
	{
		asio::co_spawn(io_, accept(), asio::detached);
	}

	std::map<std::string, std::string> targets; // name to IPv4 address
	std::optional<Registered> registered;
	std::uint32_t refuse_registration = 0; // status of every one
	std::uint32_t period = 0;
	bool tells_strangers = true; // what there is
	bool shows_registration = true;
	bool subscribed = false;
	std::vector<Function> asked;
	std::vector<std::pair<std::string, std::string>> deregistered; // source and entity

	std::uint16_t port() { return acceptor_.local_endpoint().port(); }
	long count(Function function) const
	{
		return std::count(asked.begin(), asked.end(), function);
	}
	/* As a restart does; what was registered is forgotten unless it is kept. */
	void drop_connections()
	{
		asio::error_code ec;
		for (auto &socket : sockets_)
			socket->close(ec);
		sockets_.clear();
	}

	/* Sends @request to the port that is registered; the status of the answer. */
	asio::awaitable<std::uint32_t> tell(hawser::isns::Builder request)
	{
		return tell(std::move(request), *registered);
	}
	asio::awaitable<std::uint32_t> tell(hawser::isns::Builder request, Registered to)
	{
		tcp::socket socket(io_);
		asio::error_code ec;
		co_await socket.async_connect(
		    {asio::ip::address_v4::loopback(), static_cast<std::uint16_t>(to.port)},
		    asio::redirect_error(asio::use_awaitable, ec));
		hawser::isns::Connection connection(hawser::StreamSocket(std::move(socket)),
						    [](const auto &) { return std::nullopt; });
		auto answer = co_await connection.call(std::move(request), hawser::Seconds(5));
		co_return answer ? answer->status() : 9999;
	}
	hawser::isns::Builder state_change() const
	{
		hawser::isns::Builder scn(Function::scn);
		scn.text(32, registered->name).number(35, 8).text(32, "iqn.2026-11.example:x");
		return scn;
	}
	hawser::isns::Builder inquiry() const
	{
		hawser::isns::Builder esi(Function::esi);
		esi.number(4, 0).text(1, registered->entity);
		esi.address(16, registered->address).number(17, registered->port);
		return esi;
	}

private:
	asio::awaitable<void> accept()
	{
		for (;;) {
			asio::error_code ec;
			auto socket = std::make_shared<tcp::socket>(io_);
			co_await acceptor_.async_accept(
			    *socket, asio::redirect_error(asio::use_awaitable, ec));
			if (ec)
				co_return;
			sockets_.push_back(socket);
			asio::co_spawn(io_, serve(socket), asio::detached);
		}
	}

	asio::awaitable<void> serve(std::shared_ptr<tcp::socket> socket)
	{
		hawser::isns::Assembler assembler;
		std::array<std::uint8_t, 4096> bytes;
		asio::error_code ec;
		auto token = asio::redirect_error(asio::use_awaitable, ec);
		while (!ec) {
			auto message = assembler.next();
			if (!message)
				co_return;
			if (!*message) {
				auto n =
				    co_await socket->async_read_some(asio::buffer(bytes), token);
				assembler.feed(std::span(bytes).first(n));
				continue;
			}
			const auto answer = answer_to(**message).wire(0);
			co_await asio::async_write(*socket, asio::buffer(answer), token);
		}
	}

	hawser::isns::Builder answer_to(const hawser::isns::Message &request)
	{
		using hawser::isns::Builder;
		const auto key = request.attributes()[1];
		asked.push_back(static_cast<Function>(request.function()));
		switch (asked.back()) {
		case Function::dev_attr_reg: {
			if (refuse_registration)
				return {request, refuse_registration};
			Registered one;
			for (const auto &attribute : request.operating()) {
				if (attribute.tag == 1)
					one.entity = *attribute.text();
				else if (attribute.tag == 16)
					one.address = *attribute.address();
				else if (attribute.tag == 17)
					one.port = *attribute.number();
				else if (attribute.tag == 19)
					one.esi = *attribute.number();
				else if (attribute.tag == 32)
					one.name = *attribute.text();
			}
			registered = one;
			Builder answer(request, 0);
			answer.text(1, one.entity).delimiter().text(1, one.entity);
			if (period)
				answer.number(6, period);
			return answer;
		}
		case Function::scn_reg:
			subscribed = true;
			return {request, 0};
		case Function::dev_dereg:
			registered.reset();
			deregistered.emplace_back(*request.attributes().front().text(),
						  *request.operating().front().text());
			return {request, 0};
		case Function::dev_attr_qry: {
			Builder answer(request, 0);
			answer.copy(key).delimiter();
			if (key.tag == 1 && registered && shows_registration) {
				answer.text(1, registered->entity).text(32, registered->name);
				answer.address(16, registered->address);
				answer.number(17, registered->port);
			} else if (key.tag == 32 && registered) {
				answer.text(32, registered->name);
			} else if (key.tag == 33 && (tells_strangers || registered)) {
				for (const auto &[name, address] : targets) {
					const auto v4 = asio::ip::make_address_v4(address);
					const auto v6 =
					    asio::ip::make_address_v6(asio::ip::v4_mapped, v4);
					answer.text(32, name).number(33, 1);
					answer.address(16, v6.to_bytes()).number(17, 3260);
				}
			}
			return answer;
		}
		default:
			return {request, 15};
		}
	}

	asio::io_context &io_;
	tcp::acceptor acceptor_;
	std::vector<std::shared_ptr<tcp::socket>> sockets_;
};
