/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What comes from an iSNS server or whoever claims to be one. The first byte says how the
 * rest is taken: 0: a stream, cut into pieces; 1: the payload of a message
 * whose function is in the next byte; 2: DHCP's option 83; 3: a file of leases.
 * Attributes lie within their message and are built again as they were; a
 * target comes once, with a good name and portals; what we answer can be read. Planted:
 * a port of a portal that is refused though it is a good one.
 */
#include "input.h"
#include "iscsi/names.h"
#include "isns/dhcp_option.h"
#include "isns/initiator.h"

#include <set>

using namespace hawser;
using namespace hawser::isns;

namespace
{

const std::string me = "iqn.2026-11.com.example:host";

constexpr std::uint16_t functions[] = {0x8002, 0x8001, 0x8003, 0x8005, 0x0008,
				       0x000d, 0x000e, 0x0001, 0x8000};

void check_reply(const DiscoveryReply &reply)
{
	std::set<std::string> names;

	for (const auto &target : reply.targets) {
		REQUIRE_FUZZ(check_name(target.name).has_value());
		REQUIRE_FUZZ(names.insert(target.name).second);
		REQUIRE_FUZZ(!target.portals.empty() && target.portals.size() <= 64);
		for (const auto &portal : target.portals) {
			REQUIRE_FUZZ(parse_host(portal.address.host).has_value());
			// Planted: ports like these are not taken.
			REQUIRE_FUZZ(!fuzz::planted || portal.address.port % 7 != 3);
		}
	}
	REQUIRE_FUZZ(reply.skipped.size() <= 100);
}

/* One message in, whole. */
Message again(const Builder &builder)
{
	Assembler assembler;

	assembler.feed(builder.wire(1));
	auto message = assembler.next();
	REQUIRE_FUZZ(message.has_value() && message->has_value());
	return std::move(**message);
}

/* What is asked next with a name that the server gave can be read as it was meant. */
void ask_with(const std::string &name)
{
	for (const Builder &builder :
	     {target_query(me, name), next_node(me, name), presence_query(me, name),
	      deregistration(me, name), scn_registration(me), target_query(me)}) {
		const Message request = again(builder);
		REQUIRE_FUZZ(!request.is_response() && !request.attributes().empty());
		REQUIRE_FUZZ(request.attributes().front().text() == me);
	}
}

void look_at(const Message &message)
{
	const Registration self{me, "an alias", {}, 4711, 60};
	const Message asked = again(registration(self));
	REQUIRE_FUZZ(!asked.is_response() && asked.attributes().size() > 8);

	Builder copy(message, message.status());
	for (const auto &attribute : message.attributes()) {
		copy.copy(attribute);
		attribute.number();
		attribute.address();
		attribute.text();
	}
	const Message copied = again(copy);
	REQUIRE_FUZZ(copied.is(Function::heartbeat) ||
		     copied.attributes().size() == message.attributes().size());
	status_text(message.status());
	function_name(message.function());
	if (auto granted = read_registration(message, self))
		ask_with(granted->entity);
	is_present(message, self);
	if (auto node = read_next_node(message); node && *node)
		ask_with((*node)->name);
	TargetReader reader;
	if (reader.take(message)) {
		reader.take(message);
		check_reply(reader.finish());
	}
	if (message.is_response())
		return;
	auto served = serve(message, me);
	if (served.answer)
		REQUIRE_FUZZ(again(*served.answer).transaction() == message.transaction());
}

void stream(fuzz::Input &input)
{
	Assembler assembler(65536);

	while (!input.empty()) {
		assembler.feed(input.bytes(1 + input.byte()));
		for (;;) {
			auto message = assembler.next();
			if (!message)
				return;
			if (!*message)
				break;
			look_at(**message);
		}
	}
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
	fuzz::Input input(data, size);

	switch (input.byte() % 4) {
	case 0:
		stream(input);
		break;
	case 1: {
		const auto function = functions[input.byte() % std::size(functions)];
		if (auto message = Message::parse(function, 1, input.rest()))
			look_at(*message);
		break;
	}
	case 2: {
		const auto servers = parse_dhcp_option(input.rest());
		REQUIRE_FUZZ(!servers || !servers->empty());
		break;
	}
	default: {
		const auto rest = input.rest();
		options_of_dhclient(as_text(rest), 1795636800);
		options_of_networkd(as_text(rest));
		break;
	}
	}
	return 0;
}
