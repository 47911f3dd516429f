/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iscsi/discovery_io.h"

#include <algorithm>
#include <chrono>

namespace hawser
{

namespace
{

constexpr Seconds logout_timeout{5};
/* A reply in many pieces may take so many times as long as one. */
constexpr int whole_reply = 20;

bool is_text_response(const Pdu &pdu)
{
	return (pdu.bhs[0] & 0x3f) == 0x24;
}

/* Asks for the session's end and waits for the answer; the reply is in hand either way. */
asio::awaitable<void> log_out(StreamSocket &socket, const SendTargets &exchange,
			      WireDigests digests, std::size_t max_data)
{
	LogoutRequest request;

	request.itt = Itt{2};
	request.cmd_sn = exchange.cmd_sn();
	request.exp_stat_sn = exchange.exp_stat_sn();
	if (co_await write_pdu(socket, encode(request), logout_timeout, digests))
		co_await read_pdu(socket, logout_timeout, max_data, digests);
}

} // namespace

asio::awaitable<tl::expected<DiscoveryResult, LoginFailure>>
discover(Address address, LoginConfig config, ChallengeBook &book, std::string what,
	 ConnectOptions connect, DiscoveryTimeouts timeouts)
{
	auto failed = [](Error error) {
		const bool retryable =
		    error.code == Code::pdu_timed_out || error.code == Code::try_again;
		return tl::unexpected(LoginFailure{std::move(error), std::nullopt, retryable});
	};

	config.discovery = true;
	config.target_name.clear();
	config.tsih = Tsih{};
	config.expected_tpgt.reset();
	auto session = co_await connect_and_login(std::move(address), config, book,
						  std::move(connect), timeouts.login);
	if (!session)
		co_return tl::unexpected(std::move(session.error()));

	const auto &parameters = session->result.parameters;
	const WireDigests digests{parameters.header_digest == Digest::crc32c,
				  parameters.data_digest == Digest::crc32c};
	const std::size_t max_data = parameters.max_recv_data_segment_length;
	auto &socket = session->socket;

	SendTargets exchange(std::move(what), session->result.cmd_sn, session->result.exp_stat_sn);
	SendTargets::Step step = exchange.start();
	/* Pings and empty answers gain no time, and a trickle of text not without end. */
	using Clock = std::chrono::steady_clock;
	const auto last = Clock::now() + whole_reply * timeouts.response;
	auto end = Clock::now() + timeouts.response;
	while (!std::holds_alternative<DiscoveryReply>(step)) {
		if (auto *error = std::get_if<Error>(&step))
			co_return failed(std::move(*error));
		if (auto *request = std::get_if<Pdu>(&step))
			if (auto ok =
				co_await write_pdu(socket, *request, timeouts.response, digests);
			    !ok)
				co_return failed(ok.error());
		const auto left = std::chrono::ceil<std::chrono::milliseconds>(std::min(end, last) -
									       Clock::now());
		auto pdu = co_await read_pdu(socket, std::max(left, std::chrono::milliseconds(0)),
					     max_data, digests);
		if (!pdu)
			co_return failed(pdu.error());
		if (is_text_response(*pdu) && !pdu->data.empty())
			end = Clock::now() + timeouts.response;
		step = exchange.receive(*pdu);
	}
	co_await log_out(socket, exchange, digests, max_data);

	DiscoveryResult result{std::move(std::get<DiscoveryReply>(step)), session->address,
			       std::move(session->result)};
	for (auto &target : result.reply.targets)
		if (target.portals.empty())
			target.portals.push_back({result.address, result.login.target.tpgt});
	co_return result;
}

} // namespace hawser
