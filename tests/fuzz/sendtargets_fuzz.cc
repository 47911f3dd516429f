/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The reply to SendTargets, in PDUs: a byte of how (1: a raw header of 48 bytes follows),
 * the byte of F and C, the length of the text in two bytes, and the text. Every name that
 * comes out is one, and none comes twice.
 */
#include "input.h"
#include "iscsi/discovery.h"
#include "iscsi/names.h"

#include <set>

using namespace hawser;

namespace
{

void put32(Bhs &bhs, std::size_t at, std::uint32_t value)
{
	for (std::size_t i = 0; i < 4; i++)
		bhs[at + i] = static_cast<std::uint8_t>(value >> (24 - 8 * i));
}

Pdu response_of(fuzz::Input &input, StatSn stat_sn)
{
	const unsigned how = input.byte();
	Pdu pdu;

	if (how & 1) {
		const auto raw = input.bytes(bhs_length);
		std::copy(raw.begin(), raw.end(), pdu.bhs.begin());
		pdu.data = input.bytes(lengths_of(pdu.bhs).data);
		return pdu;
	}
	pdu.bhs[0] = static_cast<std::uint8_t>(Opcode::text_response);
	pdu.bhs[1] = input.byte();
	put32(pdu.bhs, 16, 1);
	put32(pdu.bhs, 20, pdu.bhs[1] & 0x80 ? 0xffffffff : 5);
	put32(pdu.bhs, 24, stat_sn.value);
	const std::size_t length = input.byte() << 8 | input.byte();
	pdu.data = input.bytes(length);
	put32(pdu.bhs, 4, static_cast<std::uint32_t>(pdu.data.size()));
	return pdu;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
	fuzz::Input input(data, size);
	SendTargets exchange("All", CmdSn{1}, StatSn{1}, 65536);

	exchange.start();
	while (!input.empty()) {
		auto step = exchange.receive(response_of(input, exchange.exp_stat_sn()));
		if (std::holds_alternative<Error>(step))
			return 0;
		auto *reply = std::get_if<DiscoveryReply>(&step);
		if (!reply)
			continue;
		std::set<std::string> names;
		for (const auto &target : reply->targets) {
			REQUIRE_FUZZ(check_name(target.name).has_value());
			REQUIRE_FUZZ(names.insert(target.name).second);
		}
		return 0;
	}
	return 0;
}
