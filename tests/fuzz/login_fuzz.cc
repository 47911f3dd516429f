/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whole scripts of a target against the login machine. The first byte chooses the
 * kind of login. Then follow responses: a byte of how (1: a raw header of 48 bytes follows;
 * 2: a status follows), the byte of T, C, CSG and NSG, the length of the text in two
 * bytes, and the text. What is not raw is filled in so that the script gets far: task
 * tag, StatSN, TSIH.
 *
 * However it goes: the machine ends, what it reports is in the RFC's ranges, and no one is
 * authenticated without the secret.
 */
#include "input.h"
#include "iscsi/login.h"

using namespace hawser;

namespace
{

constexpr unsigned kinds = 5;

LoginConfig make_config(unsigned kind)
{
	LoginConfig config;

	config.initiator_name = "iqn.2026-01.com.example:host";
	config.target_name = "iqn.2026-01.com.example:disk";
	config.isid = Isid::from_random(1, 1);
	config.max_exchanges = 24;
	config.offer.header_digest = {Digest::crc32c, Digest::none};
	config.offer.max_connections = 8;
	config.offer.error_recovery_level = 2;
	config.offer.task_reporting = {TaskReporting::response_fence, TaskReporting::rfc3720};
	config.offer.iscsi_protocol_level = 2;
	config.chap.secret = Secret("initiator-secret");
	switch (kind) {
	case 0:
		break;
	case 1:
		config.discovery = true;
		config.target_name.clear();
		break;
	case 2:
		config.tsih = Tsih{1};
		config.cid = Cid{2};
		break;
	case 3:
		config.auth_methods = {AuthMethod::chap};
		break;
	case 4:
		config.auth_methods = {AuthMethod::chap, AuthMethod::none};
		config.chap.target_secret = Secret("target-secret-16");
		break;
	}
	return config;
}

/* Made once: a secret costs a mapping. */
const LoginConfig &config_for(unsigned kind)
{
	static const LoginConfig configs[kinds] = {make_config(0), make_config(1), make_config(2),
						   make_config(3), make_config(4)};

	return configs[kind % kinds];
}

void put32(Bhs &bhs, std::size_t at, std::uint32_t value)
{
	for (std::size_t i = 0; i < 4; i++)
		bhs[at + i] = static_cast<std::uint8_t>(value >> (24 - 8 * i));
}

Pdu response_of(fuzz::Input &input, std::uint32_t stat_sn, const LoginConfig &config)
{
	const unsigned how = input.byte();
	Pdu pdu;

	if (how & 1) {
		const auto raw = input.bytes(bhs_length);
		std::copy(raw.begin(), raw.end(), pdu.bhs.begin());
		pdu.data = input.bytes(lengths_of(pdu.bhs).data);
		return pdu;
	}
	pdu.bhs[0] = static_cast<std::uint8_t>(Opcode::login_response);
	pdu.bhs[15] = 1; // TSIH
	put32(pdu.bhs, 16, config.itt.value);
	put32(pdu.bhs, 24, stat_sn);
	if (how & 2) {
		pdu.bhs[36] = input.byte();
		pdu.bhs[37] = input.byte();
	}
	pdu.bhs[1] = input.byte();
	const std::size_t length = input.byte() << 8 | input.byte();
	pdu.data = input.bytes(length);
	put32(pdu.bhs, 4, static_cast<std::uint32_t>(pdu.data.size()));
	return pdu;
}

void check_result(const LoginConfig &config, const LoginResult &result)
{
	const auto &p = result.parameters;
	auto within = [](auto value, auto low, auto high) { return value >= low && value <= high; };

	REQUIRE_FUZZ(result.target.tsih != Tsih{});
	REQUIRE_FUZZ(within(p.max_xmit_data_segment_length, 512u, max_data_segment_length));
	REQUIRE_FUZZ(within(p.max_burst_length, 512u, config.offer.max_burst_length));
	REQUIRE_FUZZ(within(p.first_burst_length, 512u, p.max_burst_length));
	REQUIRE_FUZZ(within(p.max_connections, 1, config.offer.max_connections));
	REQUIRE_FUZZ(p.max_outstanding_r2t == 1);
	REQUIRE_FUZZ(p.error_recovery_level <= config.offer.error_recovery_level);
	REQUIRE_FUZZ(within(p.default_time2wait, config.offer.default_time2wait, 3600));
	REQUIRE_FUZZ(p.default_time2retain <= config.offer.default_time2retain);
	REQUIRE_FUZZ(p.data_pdu_in_order && p.data_sequence_in_order);
	REQUIRE_FUZZ(p.data_digest == Digest::none);
	REQUIRE_FUZZ(!result.target_authenticated);
	if (config.auth_methods.size() == 1)
		REQUIRE_FUZZ(result.auth_method == config.auth_methods.front());
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
	fuzz::Input input(data, size);
	const LoginConfig &config = config_for(input.byte());
	ChallengeBook book;
	Login login(config, book);
	std::uint32_t stat_sn = 7;
	unsigned sent = 0;

	Login::Step step = login.start();
	while (auto *request = std::get_if<Pdu>(&step)) {
		REQUIRE_FUZZ(++sent <= config.max_exchanges);
		REQUIRE_FUZZ(request->data.size() <= default_max_recv_data_segment_length);
		if (input.empty())
			return 0;
		step = login.receive(response_of(input, stat_sn++, config));
	}
	if (auto *result = std::get_if<LoginResult>(&step))
		check_result(config, *result);
	else if (auto *redirect = std::get_if<LoginRedirect>(&step))
		REQUIRE_FUZZ(!redirect->addresses.empty());
	else
		REQUIRE_FUZZ(!std::get<LoginFailure>(step).error.text.empty());
	return 0;
}
