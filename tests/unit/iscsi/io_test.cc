/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The drivers over real sockets: a socketpair, or TCP on loopback, with the
 * scripted target at the other end in a coroutine of the same thread.
 */
#include "base/crc32c.h"
#include "iscsi/discovery_io.h"
#include "iscsi/login_io.h"

#include "fake_target.h"

#include <array>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/read.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>
#include <catch2/catch.hpp>
#include <fcntl.h>
#include <optional>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <thread>

using namespace hawser;
using namespace hawser::test;
using asio::ip::tcp;

namespace
{

constexpr Seconds soon{5};

LoginConfig config_for(std::string target = "iqn.2026-01.com.example:disk")
{
	LoginConfig config;
	config.initiator_name = "iqn.2026-01.com.example:host";
	config.target_name = std::move(target);
	config.isid = Isid::from_random(0x123456, 1);
	return config;
}

/* Runs @work on @io to its end, at most ten seconds, and gives what it returned. */
template <class T> T run(asio::io_context &io, asio::awaitable<T> work)
{
	std::optional<T> result;
	auto to_its_end = [&]() -> asio::awaitable<void> {
		result.emplace(co_await std::move(work));
		io.stop();
	};
	asio::co_spawn(io, to_its_end(), asio::detached);
	io.run_for(std::chrono::seconds(10));
	REQUIRE(result);
	return std::move(*result);
}

/* The ends of a socketpair. */
struct Pair {
	explicit Pair(asio::io_context &io) : ours(io), theirs(io)
	{
		std::array<int, 2> fds{};
		REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()) == 0);
		const asio::generic::stream_protocol local(AF_UNIX, 0);
		ours.assign(local, fds[0]);
		theirs.assign(local, fds[1]);
	}

	StreamSocket ours, theirs;
};

/* Serves one login, then sends @tail in the same write as the final response. */
asio::awaitable<void> serve_login(StreamSocket &socket, FakeTarget &target, Bytes tail = {})
{
	for (;;) {
		auto request = co_await read_pdu(socket, soon, 1 << 20);
		if (!request)
			co_return;
		const Pdu response = target.respond(*request);
		Bytes wire = serialize(response);
		const bool final = (response.bhs[1] & 0x83) == 0x83;
		if (final)
			wire.insert(wire.end(), tail.begin(), tail.end());
		asio::error_code ec;
		co_await asio::async_write(socket, asio::buffer(wire),
					   asio::redirect_error(asio::use_awaitable, ec));
		if (ec || final || response.bhs[36] != 0)
			co_return;
	}
}

/* Listens on loopback; each connection is served by what @serve makes. */
struct Listener {
	explicit Listener(asio::io_context &io)
	    : acceptor(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0))
	{
	}

	Address address() const
	{
		return {Address::Kind::ipv4, "127.0.0.1", acceptor.local_endpoint().port()};
	}

	asio::awaitable<StreamSocket> accept()
	{
		co_return StreamSocket(co_await acceptor.async_accept(asio::use_awaitable));
	}

	tcp::acceptor acceptor;
};

asio::awaitable<void> serve_one_login(Listener &listener, FakeTarget &target)
{
	auto socket = co_await listener.accept();
	co_await serve_login(socket, target);
}

FakeTarget redirecting_to(const Address &address, bool permanent)
{
	FakeTarget target;
	target.tamper = [=](Response &r) {
		r.status_class = 1;
		r.status_detail = permanent ? 2 : 1;
		r.text = encode_text(Pairs{{"TargetAddress", to_string(address)}});
	};
	return target;
}

} // namespace

TEST_CASE("a login over a socket leaves every byte after the final response unread")
{
	asio::io_context io;
	Pair pair(io);
	FakeTarget target;
	const Bytes tail{'n', 'e', 'x', 't'};
	const auto config = config_for();
	ChallengeBook book;
	asio::co_spawn(io, serve_login(pair.theirs, target, tail), asio::detached);

	auto end = run(io, run_login(pair.ours, config, book));
	REQUIRE(std::holds_alternative<LoginResult>(end));
	CHECK(std::get<LoginResult>(end).target.tsih == Tsih{0x1234});

	const int fd = pair.ours.native_handle();
	int available = 0;
	REQUIRE(::ioctl(fd, FIONREAD, &available) == 0);
	CHECK(available == 4);
	std::array<std::uint8_t, 8> left{};
	CHECK(::recv(fd, left.data(), left.size(), MSG_DONTWAIT) == 4);
	CHECK(left[0] == 'n');
}

TEST_CASE("mutual CHAP goes through over a socket with text cut to single bytes")
{
	asio::io_context io;
	Pair pair(io);
	FakeTarget target;
	target.auth_method = "CHAP";
	target.split = 1;
	auto config = config_for();
	config.max_exchanges = 1000;
	config.auth_methods = {AuthMethod::chap};
	config.chap.secret = Secret("initiator-secret");
	config.chap.target_secret = Secret("target-secret-16");
	ChallengeBook book;
	asio::co_spawn(io, serve_login(pair.theirs, target), asio::detached);

	auto end = run(io, run_login(pair.ours, config, book));
	REQUIRE(std::holds_alternative<LoginResult>(end));
	CHECK(std::get<LoginResult>(end).target_authenticated);
}

TEST_CASE("a target that falls silent is given up on after the response time")
{
	asio::io_context io;
	Pair pair(io);
	const auto config = config_for();
	ChallengeBook book;
	const auto begin = std::chrono::steady_clock::now();

	auto end = run(io, run_login(pair.ours, config, book, {Seconds(1), Seconds(60)}));
	REQUIRE(std::holds_alternative<LoginFailure>(end));
	CHECK(std::get<LoginFailure>(end).error.code == Code::pdu_timed_out);
	CHECK(std::get<LoginFailure>(end).retryable);
	CHECK(std::chrono::steady_clock::now() - begin >= std::chrono::seconds(1));
}

TEST_CASE("a target that closes or cuts a PDU short is a retryable failure")
{
	for (std::size_t bytes : {0, 1, 47, 48, 49}) {
		asio::io_context io;
		Pair pair(io);
		FakeTarget target;
		const auto config = config_for();
		ChallengeBook book;
		auto serve = [&]() -> asio::awaitable<void> {
			auto request = co_await read_pdu(pair.theirs, soon, 1 << 20);
			Bytes wire = serialize(target.respond(*request));
			wire.resize(bytes);
			co_await asio::async_write(pair.theirs, asio::buffer(wire),
						   asio::use_awaitable);
			pair.theirs.close();
		};
		asio::co_spawn(io, serve(), asio::detached);

		auto end = run(io, run_login(pair.ours, config, book));
		REQUIRE(std::holds_alternative<LoginFailure>(end));
		CHECK(std::get<LoginFailure>(end).error.code == Code::try_again);
		CHECK(std::get<LoginFailure>(end).retryable);
	}
}

TEST_CASE("a data segment over 8192 bytes during login is refused before it is read")
{
	asio::io_context io;
	Pair pair(io);
	FakeTarget target;
	target.tamper = [](Response &r) { r.text = Bytes(8193, 'A'); };
	const auto config = config_for();
	ChallengeBook book;
	asio::co_spawn(io, serve_login(pair.theirs, target), asio::detached);

	auto end = run(io, run_login(pair.ours, config, book));
	REQUIRE(std::holds_alternative<LoginFailure>(end));
	CHECK(std::get<LoginFailure>(end).error.text.find("8193 bytes") != std::string::npos);
	CHECK(!std::get<LoginFailure>(end).retryable);
}

TEST_CASE("a configuration that cannot log in makes no connection")
{
	asio::io_context io;
	Listener listener(io);
	const auto config = config_for("no name");
	ChallengeBook book;
	bool tried = false;
	ConnectOptions options;
	options.before_connect = [&](int) -> Status {
		tried = true;
		return {};
	};

	auto refused = run(io, connect_and_login(listener.address(), config, book, options));
	REQUIRE(!refused);
	CHECK(refused.error().error.code == Code::invalid_argument);
	CHECK(!refused.error().retryable);
	CHECK(!tried);
}

TEST_CASE("the descriptor is shown before it connects and can veto")
{
	asio::io_context io;
	Listener listener(io);
	FakeTarget target;
	const auto config = config_for();
	ChallengeBook book;
	asio::co_spawn(io, serve_one_login(listener, target), asio::detached);

	int seen = -1;
	bool connected = true;
	ConnectOptions options;
	options.before_connect = [&](int fd) -> Status {
		seen = fd;
		sockaddr_storage peer;
		socklen_t length = sizeof peer;
		connected = ::getpeername(fd, reinterpret_cast<sockaddr *>(&peer), &length) == 0;
		return {};
	};
	auto session = run(io, connect_and_login(listener.address(), config, book, options));
	REQUIRE(session);
	CHECK(seen == session->socket.native_handle());
	CHECK(!connected);
	CHECK(::fcntl(seen, F_GETFD) == FD_CLOEXEC);
	CHECK(session->address == listener.address());
	CHECK(!session->moved_to);

	io.restart();
	options.before_connect = [](int) -> Status {
		return fail(Code::no_permission, "no such interface");
	};
	auto refused = run(io, connect_and_login(listener.address(), config, book, options));
	REQUIRE(!refused);
	CHECK(refused.error().error.code == Code::no_permission);
}

TEST_CASE("a port where nobody listens is a retryable failure to connect")
{
	asio::io_context io;
	Address address;
	{
		Listener listener(io);
		address = listener.address();
	}
	const auto config = config_for();
	ChallengeBook book;
	auto refused = run(io, connect_and_login(address, config, book));
	REQUIRE(!refused);
	CHECK(refused.error().error.code == Code::connect_failed);
	CHECK(refused.error().retryable);
	CHECK(refused.error().error.text.find("127.0.0.1 port") != std::string::npos);
}

TEST_CASE("a host name is resolved and one that does not exist says so")
{
	asio::io_context io;
	Listener listener(io);
	FakeTarget target;
	const auto config = config_for();
	ChallengeBook book;
	asio::co_spawn(io, serve_one_login(listener, target), asio::detached);
	Address address{Address::Kind::name, "localhost", listener.address().port};
	CHECK(run(io, connect_and_login(address, config, book)));

	io.restart();
	address.host = "no-such-host.invalid";
	ConnectOptions options;
	options.timeout = Seconds(2);
	auto refused = run(io, connect_and_login(address, config, book, options));
	REQUIRE(!refused);
	CHECK(refused.error().error.code == Code::host_not_found);
	CHECK(refused.error().error.text.find("no-such-host.invalid") != std::string::npos);
}

TEST_CASE("redirects are followed and a permanent one is told")
{
	for (bool permanent : {false, true}) {
		asio::io_context io;
		Listener first(io), second(io);
		FakeTarget moved = redirecting_to(second.address(), permanent), here;
		const auto config = config_for();
		ChallengeBook book;
		asio::co_spawn(io, serve_one_login(first, moved), asio::detached);
		asio::co_spawn(io, serve_one_login(second, here), asio::detached);

		auto session = run(io, connect_and_login(first.address(), config, book));
		REQUIRE(session);
		CHECK(session->address == second.address());
		CHECK(session->moved_to ==
		      (permanent ? std::optional(second.address()) : std::nullopt));
	}
}

TEST_CASE("a portal that refuses for good does not keep a session from the others")
{
	asio::io_context io;
	Address nobody;
	{
		Listener gone(io);
		nobody = gone.address();
	}
	Listener stale(io), good(io);
	FakeTarget refusing, here;
	refusing.tamper = [](Response &r) {
		r.status_class = 2;
		r.status_detail = 3;
	};
	const auto config = config_for();
	ChallengeBook book;
	auto refuse = [&] { asio::co_spawn(io, serve_one_login(stale, refusing), asio::detached); };
	refuse();
	asio::co_spawn(io, serve_one_login(good, here), asio::detached);
	auto session =
	    run(io, connect_and_login({nobody, stale.address(), good.address()}, config, book));
	REQUIRE(session);
	CHECK(session->address == good.address());

	/* The session's own portal has the last word: it may be back, or has refused itself. */
	refuse();
	io.restart();
	auto away = run(io, connect_and_login({nobody, stale.address()}, config, book));
	REQUIRE(!away);
	CHECK(away.error().retryable);
	CHECK(away.error().error.code == Code::connect_failed);
	refuse();
	io.restart();
	auto refused = run(io, connect_and_login({stale.address(), good.address()}, config, book));
	REQUIRE(!refused);
	CHECK(!refused.error().retryable);
}

TEST_CASE(
    "a portal that takes the connection and says nothing does not keep a session from the others")
{
	for (bool slow : {false, true}) {
		asio::io_context io;
		Listener mute(io), other(io);
		FakeTarget at_last, here;
		const auto config = config_for();
		ChallengeBook book;
		std::vector<StreamSocket> asked;
		auto listen = [&]() -> asio::awaitable<void> {
			asked.push_back(co_await mute.accept());
			auto again = co_await mute.accept();
			co_await serve_login(again, at_last);
			asked.push_back(std::move(again));
		};
		asio::co_spawn(io, listen(), asio::detached);
		/* Where it is the only one that serves, it has all the time. */
		Address elsewhere = other.address();
		if (slow)
			other.acceptor.close();
		else
			asio::co_spawn(io, serve_one_login(other, here), asio::detached);

		const auto began = std::chrono::steady_clock::now();
		auto session = run(io, connect_and_login({mute.address(), elsewhere}, config, book,
							 {}, {Seconds(6), Seconds(6)}));
		const auto took = std::chrono::steady_clock::now() - began;
		REQUIRE(session);
		CHECK(session->address == (slow ? mute.address() : elsewhere));
		CHECK(took >= Seconds(2));
		CHECK(took < Seconds(4));
		/* What it was sent is gone: our end was reset. */
		REQUIRE(!asked.empty());
		int error = 0;
		socklen_t length = sizeof error;
		CHECK(::getsockopt(asked.front().native_handle(), SOL_SOCKET, SO_ERROR, &error,
				   &length) == 0);
		CHECK(error == ECONNRESET);
	}
}

TEST_CASE("of several connections' ways the login and the word are those of the way taken")
{
	asio::io_context io;
	Address nobody;
	{
		Listener gone(io);
		nobody = gone.address();
	}
	Listener second(io), third(io);
	FakeTarget refusing, here;
	refusing.tamper = [](Response &r) {
		r.status_class = 2;
		r.status_detail = 10;
	};
	const auto config = config_for();
	auto other = config;
	other.cid = Cid(7);
	ChallengeBook book;
	std::vector<int> bound;
	const auto binding = [&](int number) {
		ConnectOptions options;
		options.before_connect = [&bound, number](int) -> Status {
			bound.push_back(number);
			return {};
		};
		return options;
	};
	auto refuse = [&] {
		asio::co_spawn(io, serve_one_login(second, refusing), asio::detached);
	};
	const LoginWay first_way{nobody, binding(1), &config};
	const LoginWay second_way{second.address(), binding(2), &other};

	refuse();
	asio::co_spawn(io, serve_one_login(third, here), asio::detached);
	const LoginWay hop{third.address(), binding(3), &config, false};
	auto session = run(io, connect_and_login({first_way, second_way, hop}, book));
	REQUIRE(session);
	CHECK(session->way == 2);
	CHECK(bound == std::vector{1, 2, 1, 3});

	/* What the target says is more than that the first way is dead, which may be back. */
	refuse();
	io.restart();
	auto refused = run(io, connect_and_login({first_way, second_way}, book));
	REQUIRE(!refused);
	CHECK(refused.error().status == LoginStatus{2, 10});
	CHECK(refused.error().retryable);

	/* The target moved as that connection sees it; a hop's redirect moves nothing. */
	for (const bool own : {true, false}) {
		FakeTarget moved = redirecting_to(third.address(), true), there;
		asio::co_spawn(io, serve_one_login(second, moved), asio::detached);
		asio::co_spawn(io, serve_one_login(third, there), asio::detached);
		auto way = second_way;
		way.own = own;
		bound.clear();
		io.restart();
		auto led = run(io, connect_and_login({first_way, way}, book));
		REQUIRE(led);
		CHECK(led->way == 1);
		CHECK(led->moved_to.has_value() == own);
		CHECK(bound == std::vector{1, 2, 2});
	}
}

TEST_CASE("a portal that sends on to where nobody serves does not keep a session from the others")
{
	asio::io_context io;
	Address nobody;
	{
		Listener gone(io);
		nobody = gone.address();
	}
	Listener own(io), there(io), good(io);
	const auto config = config_for();
	ChallengeBook book;
	FakeTarget refusing, here;
	refusing.tamper = [](Response &r) {
		r.status_class = 3;
		r.status_detail = 1;
	};
	FakeTarget to_nobody = redirecting_to(nobody, false);
	FakeTarget to_itself = redirecting_to(own.address(), false);
	FakeTarget to_refusal = redirecting_to(there.address(), true);
	const auto log_in = [&](FakeTarget &away, std::vector<Address> portals) {
		io.restart();
		asio::co_spawn(io, serve_one_login(own, away), asio::detached);
		return run(io, connect_and_login(std::move(portals), config, book));
	};
	const auto serve = [&](Listener &listener, FakeTarget &target) {
		asio::co_spawn(io, serve_one_login(listener, target), asio::detached);
	};

	serve(good, here);
	auto session = log_in(to_nobody, {own.address(), good.address()});
	REQUIRE(session);
	CHECK(session->address == good.address());
	CHECK(session->way == 1);

	serve(there, refusing);
	serve(good, here);
	session = log_in(to_refusal, {own.address(), good.address()});
	REQUIRE(session);
	CHECK(session->address == good.address());
	CHECK_FALSE(session->moved_to);

	/* What another portal does is not the session's target's word. */
	serve(good, here);
	session = log_in(to_itself, {nobody, own.address(), good.address()});
	REQUIRE(session);
	CHECK(session->address == good.address());

	/* With no other the first one's own reason is told. */
	auto failed = log_in(to_nobody, {own.address(), nobody});
	REQUIRE(!failed);
	CHECK(failed.error().retryable);
	CHECK(failed.error().error.text.find(std::to_string(nobody.port)) != std::string::npos);
	auto circle = log_in(to_itself, {own.address(), good.address()});
	REQUIRE(!circle);
	CHECK(circle.error().error.code == Code::login_final);
}

TEST_CASE("a circle of redirects is refused")
{
	asio::io_context io;
	Listener first(io), second(io);
	FakeTarget there = redirecting_to(second.address(), false);
	FakeTarget back = redirecting_to(first.address(), false);
	const auto config = config_for();
	ChallengeBook book;
	asio::co_spawn(io, serve_one_login(first, there), asio::detached);
	asio::co_spawn(io, serve_one_login(second, back), asio::detached);

	auto refused = run(io, connect_and_login(first.address(), config, book));
	REQUIRE(!refused);
	CHECK(refused.error().error.code == Code::login_final);
	CHECK(refused.error().error.text.find("circle") != std::string::npos);
	CHECK(refused.error().error.text.find(to_string(second.address())) != std::string::npos);
}

TEST_CASE("discovery logs in, asks, reads many PDUs and logs out, with and without digests")
{
	for (bool digests : {false, true}) {
		asio::io_context io;
		Listener listener(io);
		FakeTarget target;
		auto config = config_for("");
		if (digests) {
			config.offer.header_digest = {Digest::crc32c, Digest::none};
			config.offer.data_digest = {Digest::crc32c};
		}
		const WireDigests wire{digests, digests};
		ChallengeBook book;
		bool logged_out = false;

		auto serve = [&]() -> asio::awaitable<void> {
			auto socket = co_await listener.accept();
			co_await serve_login(socket, target);
			const std::vector<Bytes> parts{
			    encode_text(Pairs{{"TargetName", "iqn.2026-01.com.example:a"},
					      {"TargetAddress", "192.0.2.1:3260,1"}}),
			    encode_text(Pairs{{"TargetName", "iqn.2026-01.com.example:b"}})};
			StatSn stat_sn = target.stat_sn;
			for (std::size_t i = 0; i < parts.size(); i++) {
				auto request = co_await read_pdu(socket, soon, 8192, wire);
				REQUIRE(request);
				CHECK(request->bhs[0] == 0x44);
				CHECK(request->data.empty() == (i > 0));
				const bool last = i + 1 == parts.size();
				Pdu response;
				response.bhs[0] = 0x24;
				response.bhs[1] = last ? 0x80 : 0;
				put_be(response.bhs, 4, 4,
				       static_cast<std::uint32_t>(parts[i].size()));
				put_be(response.bhs, 16, 4, get_be(request->bhs, 16, 4));
				put_be(response.bhs, 20, 4, last ? 0xffffffff : 5);
				put_be(response.bhs, 24, 4, stat_sn.value);
				stat_sn = next(stat_sn);
				response.data = parts[i];
				auto sent = co_await write_pdu(socket, response, soon, wire);
				REQUIRE(sent);
			}
			auto logout = co_await read_pdu(socket, soon, 0, wire);
			REQUIRE(logout);
			CHECK(logout->bhs[0] == 0x46);
			CHECK(logout->bhs[1] == 0x80);
			CHECK(get_be(logout->bhs, 28, 4) == stat_sn.value);
			logged_out = true;
		};
		asio::co_spawn(io, serve(), asio::detached);

		auto found = run(io, discover(listener.address(), config, book));
		if (!found)
			FAIL(found.error().error.text);
		REQUIRE(found->reply.targets.size() == 2);
		CHECK(to_string(found->reply.targets[0].portals[0]) == "192.0.2.1:3260,1");
		REQUIRE(found->reply.targets[1].portals.size() == 1);
		CHECK(found->reply.targets[1].portals[0] == Portal{listener.address(), Tpgt{1}});
		CHECK(logged_out);
		CHECK(value_of(target.received, "SessionType") == "Discovery");
	}
}

TEST_CASE("a PDU with a wrong digest is refused")
{
	for (std::size_t flipped :
	     {0, 50, 55}) { // in the header, in the data, in the data's digest
		asio::io_context io;
		Pair pair(io);
		Pdu pdu;
		pdu.bhs[0] = 0x24;
		put_be(pdu.bhs, 4, 4, 1);
		pdu.data = {'A'};
		Bytes wire(pdu.bhs.begin(), pdu.bhs.end());
		const auto header = crc32c_wire(pdu.bhs);
		wire.insert(wire.end(), header.begin(), header.end());
		const Bytes padded{'A', 0, 0, 0};
		const auto data = crc32c_wire(padded);
		wire.insert(wire.end(), padded.begin(), padded.end());
		wire.insert(wire.end(), data.begin(), data.end());

		const int fd = pair.theirs.native_handle();
		REQUIRE(::send(fd, wire.data(), wire.size(), 0) ==
			static_cast<ssize_t>(wire.size()));
		auto good = run(io, read_pdu(pair.ours, soon, 8192, {true, true}));
		REQUIRE(good);
		CHECK(good->data == Bytes{'A'});

		wire[flipped + 2] ^= 1;
		REQUIRE(::send(fd, wire.data(), wire.size(), 0) ==
			static_cast<ssize_t>(wire.size()));
		io.restart();
		auto bad = run(io, read_pdu(pair.ours, soon, 8192, {true, true}));
		REQUIRE(!bad);
		CHECK(bad.error().text.find(flipped == 0 ? "header digest" : "data digest") !=
		      std::string::npos);
	}
}

TEST_CASE("a time that is over between two steps of a PDU ends the wait all the same")
{
	asio::io_context io;
	Pair pair(io);
	std::optional<Result<Pdu>> got;
	auto read = [&]() -> asio::awaitable<void> {
		got.emplace(co_await read_pdu(pair.ours, std::chrono::milliseconds(50), 1024));
	};
	asio::co_spawn(io, read(), asio::detached);
	io.poll(); // it waits for a header
	Bytes half(bhs_length + 4);
	half[7] = 8; // of data
	asio::write(pair.theirs, asio::buffer(half));
	// The loop is busy elsewhere meanwhile: the header and the end of the time come at once.
	std::this_thread::sleep_for(std::chrono::milliseconds(100));
	io.run_for(std::chrono::seconds(5));
	REQUIRE(got);
	REQUIRE_FALSE(*got);
	CHECK(got->error().code == Code::pdu_timed_out);
}
