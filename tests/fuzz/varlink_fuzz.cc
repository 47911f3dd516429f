/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Varlink. The first byte chooses what the rest is (its value modulo 4):
 *	0  what a client sends to the daemon's server, in pieces of the second byte and one.
 *Handlers read their parameters as the daemon's do. Each call has its one answer, in order; what is
 *no call ends the connection; pieces or whole, the answers are the same 1  what a server answers,
 *its parameters read as the type that the second byte chooses 2  an interface description 3  bytes
 *to be cut into messages, none longer than the second byte allows
 *
 * Planted: a NUL that ends a piece of a client is lost when more follows.
 */
#include "base/str.h"
#include "input.h"
#include "varlink/api.h"
#include "varlink/server.h"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/local/connect_pair.hpp>
#include <asio/write.hpp>

using namespace hawser;
using namespace hawser::varlink;

namespace
{

std::string_view as_text(std::span<const std::uint8_t> bytes)
{
	return {reinterpret_cast<const char *>(bytes.data()), bytes.size()};
}

class NoLog : public LogSink
{
	void write(Level, std::string_view, std::span<const LogField>) override {}
};

/* Answers with what it has read, so that a wrong reading shows. */
template <class T> asio::awaitable<void> read_and_refuse(Exchange &exchange)
{
	Json read = exchange.parameters().get<T>();
	Json parameters = {{"failure", {{"text", read.dump()}}}};
	co_await exchange.error("io.hawser.Failed", std::move(parameters));
}

asio::awaitable<void> answer(Exchange &exchange)
{
	if (exchange.more())
		co_await exchange.reply_and_continue(Json::object());
	Json parameters = exchange.parameters();
	co_await exchange.reply(std::move(parameters));
}

class Daemon
{
public:
	Daemon()
	{
		auto interface = Interface::parse(io_hawser_description());
		REQUIRE_FUZZ(interface);
		REQUIRE_FUZZ(
		    server_.serve(std::move(*interface),
				  {{"GetInfo", answer},
				   {"ListSessions", answer},
				   {"Login", read_and_refuse<LoginCall>},
				   {"Logout", read_and_refuse<LogoutCall>},
				   {"Rescan", answer},
				   {"Ping", read_and_refuse<PingCall>},
				   {"TaskManagement", read_and_refuse<TaskManagementCall>},
				   {"AddConnection", read_and_refuse<AddConnectionCall>},
				   {"RemoveConnection", read_and_refuse<RemoveConnectionCall>},
				   {"ChangeSession", read_and_refuse<ChangeSessionCall>},
				   {"Discover", read_and_refuse<DiscoverCall>},
				   {"SendTargets", read_and_refuse<SendTargetsCall>}}));
	}

	struct Answers {
		std::string bytes;
		bool hung_up = false;

		friend bool operator==(const Answers &, const Answers &) = default;
	};

	Answers answers(std::string_view stream, std::size_t piece)
	{
		Socket ours(io_), theirs(io_);
		asio::local::connect_pair(ours, theirs);
		ours.non_blocking(true);
		asio::co_spawn(io_, server_.serve_client(std::move(theirs)), asio::detached);
		Answers got;
		while (!stream.empty() && !got.hung_up) {
			auto part = stream.substr(0, piece);
			stream.remove_prefix(part.size());
			if (fuzz::planted && part.back() == '\0' && !stream.empty())
				part.remove_suffix(1);
			asio::error_code ec;
			asio::write(ours, asio::buffer(part), ec);
			settle(ours, got);
		}
		ours.close();
		settle(ours, got);
		return got;
	}

private:
	/* Everything is in this process: when nothing is ready, nothing will be. */
	void settle(Socket &ours, Answers &got)
	{
		std::array<char, 16384> chunk;

		io_.restart();
		for (bool busy = true; busy;) {
			busy = io_.poll() > 0;
			if (!ours.is_open())
				continue;
			asio::error_code ec;
			const auto size = ours.read_some(asio::buffer(chunk), ec);
			got.bytes.append(chunk.data(), size);
			got.hung_up = ec && ec != asio::error::would_block;
			busy = busy || size > 0;
		}
	}

	asio::io_context io_{1};
	Log log_{std::make_unique<NoLog>(), Level::debug};
	Server server_{io_, log_, {"vendor", "product", "1", "url"}};
};

std::vector<std::string> messages_in(std::string_view stream, std::size_t piece, std::size_t limit,
				     bool *too_long)
{
	std::vector<std::string> messages;
	Framer framer(limit);

	*too_long = false;
	while (!stream.empty() && !*too_long) {
		framer.feed(stream.substr(0, piece));
		stream.remove_prefix(std::min(piece, stream.size()));
		for (;;) {
			auto next = framer.next();
			*too_long = !next;
			if (!next || !*next)
				break;
			messages.emplace_back(**next);
		}
	}
	return messages;
}

/* How many answers, the last ones, calls make; whether what is no call is among them. */
std::size_t answers_due(std::string_view stream, bool *bad)
{
	std::size_t due = 0;

	for (const auto &message : messages_in(stream, stream.size(), max_call_bytes, bad)) {
		auto call = parse_call(message);
		if (!call) {
			*bad = true;
			return due;
		}
		due += !call->oneway;
		auto again =
		    parse_call(std::string_view(encode(*call)).substr(0, encode(*call).size() - 1));
		REQUIRE_FUZZ(again && again->method == call->method);
		REQUIRE_FUZZ(again->interface == call->interface && again->more == call->more);
		REQUIRE_FUZZ(again->parameters == call->parameters);
	}
	return due;
}

void try_client(std::string_view stream, std::size_t piece)
{
	static Daemon daemon;
	const auto cut = daemon.answers(stream, std::max(piece, stream.size() / 64 + 1));
	bool bad, too_long;
	std::size_t ended = 0;

	REQUIRE_FUZZ(cut == daemon.answers(stream, std::max(stream.size(), std::size_t{1})));
	const auto due = answers_due(stream, &bad);
	for (const auto &message :
	     messages_in(cut.bytes, cut.bytes.size(), max_reply_bytes, &too_long)) {
		auto reply = parse_reply(message);
		REQUIRE_FUZZ(reply);
		ended += !reply->continues;
	}
	REQUIRE_FUZZ(ended == due);
	REQUIRE_FUZZ(cut.hung_up == bad);
}

template <class T> void read_as(const Json &json)
{
	try {
		const Json once = json.get<T>();
		const Json twice = once.get<T>();
		REQUIRE_FUZZ(once == twice);
	} catch (const Json::exception &) {
		// As the client does: it makes an error of it.
	}
}

void try_reply(std::string_view message, unsigned type)
{
	static constexpr void (*readers[])(const Json &) = {
	    read_as<InfoReply>,
	    read_as<Progress<LoginResult>>,
	    read_as<Progress<LogoutResult>>,
	    read_as<Progress<RescanResult>>,
	    read_as<Progress<PingResult>>,
	    read_as<DiscoverReply>,
	    read_as<SessionStatus>,
	    read_as<Failure>,
	    read_as<TaskManagementReply>,
	};
	auto reply = parse_reply(message);

	if (!reply) {
		REQUIRE_FUZZ(reply.error().code == Code::daemon_failed);
		return;
	}
	const auto bytes = encode(*reply);
	auto again = parse_reply(std::string_view(bytes).substr(0, bytes.size() - 1));
	REQUIRE_FUZZ(again && again->error == reply->error);
	REQUIRE_FUZZ(again->continues == reply->continues);
	REQUIRE_FUZZ(again->parameters == reply->parameters);
	readers[type % std::size(readers)](reply->parameters);
}

void try_description(std::string_view text)
{
	auto interface = Interface::parse(text);

	if (!interface) {
		REQUIRE_FUZZ(interface.error().text.starts_with("interface description, line "));
		return;
	}
	REQUIRE_FUZZ(interface->text() == text && !interface->name().empty());
	for (const auto &method : interface->methods())
		REQUIRE_FUZZ(interface->method(method.name));
}

void try_framer(std::string_view stream, std::size_t limit)
{
	bool too_long, as_well;
	const auto once =
	    messages_in(stream, std::max(stream.size(), std::size_t{1}), limit, &too_long);
	const auto bytes = messages_in(stream, 1, limit, &as_well);

	REQUIRE_FUZZ(once == bytes && too_long == as_well);
	for (const auto &message : once)
		REQUIRE_FUZZ(message.size() <= limit);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
	fuzz::Input input(data, size);
	const unsigned what = input.byte() % 4;
	const unsigned detail = what == 2 ? 0 : input.byte();
	const auto rest = input.rest();
	const auto text = as_text(rest);

	switch (what) {
	case 0:
		try_client(text, detail + std::size_t{1});
		break;
	case 1:
		try_reply(text, detail);
		break;
	case 2:
		try_description(text);
		break;
	case 3:
		try_framer(text, detail);
		break;
	}
	return 0;
}
