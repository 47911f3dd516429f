/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The reply to SendTargets, in PDUs: a byte of how (1: a raw header of 48 bytes follows),
 * the byte of F and C, the length of the text in two bytes, and the text. What comes out is
 * what the text says when it is read as one piece: every target with a legal name, once, with its
 * legal addresses, and nothing else.
 *
 * Planted: a portal whose port is a multiple of 7 is lost.
 */
#include "input.h"
#include "iscsi/discovery.h"
#include "iscsi/names.h"

#include <algorithm>
#include <set>

using namespace hawser;

namespace
{

constexpr std::size_t limit = 65536;
constexpr std::string_view name_key = "TargetName=", address_key = "TargetAddress=";

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
	pdu.data = input.bytes(input.number16());
	put32(pdu.bhs, 4, static_cast<std::uint32_t>(pdu.data.size()));
	return pdu;
}

/*
 * What a reader that has the whole text finds in it. A target of which every address that was
 * told is bad is not one that is at the portal that was asked.
 */
std::vector<DiscoveredTarget> read_at_once(std::string_view text)
{
	std::vector<DiscoveredTarget> targets;
	std::set<std::string> has_bad_address;
	DiscoveredTarget *current = nullptr;

	for (; !text.empty(); text.remove_prefix(text.find('\0') + 1)) {
		const auto pair = text.substr(0, text.find('\0'));

		if (pair.starts_with(name_key)) {
			const auto name = pair.substr(name_key.size());
			current = nullptr;
			if (!check_name(name))
				continue;
			for (auto &target : targets)
				if (target.name == name)
					current = &target;
			if (!current)
				current =
				    &targets.emplace_back(DiscoveredTarget{std::string(name), {}});
		} else if (pair.starts_with(address_key) && current) {
			auto portal = parse_target_address(pair.substr(address_key.size()));
			auto &known = current->portals;
			if (!portal)
				has_bad_address.insert(current->name);
			else if (std::find(known.begin(), known.end(), *portal) == known.end())
				known.push_back(*portal);
		}
	}
	std::erase_if(targets, [&](const DiscoveredTarget &target) {
		return target.portals.empty() && has_bad_address.contains(target.name);
	});
	return targets;
}

void lose_portals(DiscoveryReply &reply)
{
	for (auto &target : reply.targets)
		std::erase_if(target.portals,
			      [](const Portal &portal) { return portal.address.port % 7 == 0; });
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
	fuzz::Input input(data, size);
	SendTargets exchange("All", CmdSn{1}, StatSn{1}, limit);
	Bytes text;

	REQUIRE_FUZZ(std::holds_alternative<Pdu>(exchange.start()));
	while (!input.empty()) {
		const Pdu pdu = response_of(input, exchange.exp_stat_sn());
		auto step = exchange.receive(pdu);

		if (auto *error = std::get_if<Error>(&step)) {
			REQUIRE_FUZZ(!error->text.empty());
			text.insert(text.end(), pdu.data.begin(), pdu.data.end());
			if (const auto whole = read_send_targets(text); !whole)
				REQUIRE_FUZZ(!whole.error().text.empty());
			return 0;
		}
		if ((pdu.bhs[0] & 0x3f) == static_cast<unsigned>(Opcode::text_response))
			text.insert(text.end(), pdu.data.begin(), pdu.data.end());
		REQUIRE_FUZZ(text.size() <= limit);
		if (auto *reply = std::get_if<DiscoveryReply>(&step)) {
			if (fuzz::planted)
				lose_portals(*reply);
			REQUIRE_FUZZ(reply->targets == read_at_once(as_text(text)));
			/*
			 * The module gives the reply within a session in one piece, where NULs that
			 * a PDU ends in stand between pairs.
			 */
			const auto whole = read_send_targets(text);
			REQUIRE_FUZZ(whole ||
				     whole.error().text.find("empty pair") != std::string::npos);
			REQUIRE_FUZZ(!whole || fuzz::planted || whole->targets == reply->targets);
			return 0;
		}
	}
	return 0;
}
