/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Addresses and names: what is taken is printed in a form that gives the same
 * again, what a target may say an administrator may too, and preparing a name twice is
 * preparing it once.
 */
#include "base/coding.h"
#include "input.h"
#include "iscsi/address.h"
#include "iscsi/names.h"

using namespace hawser;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
	const auto text = as_text({data, size});

	if (auto portal = parse_portal(text)) {
		auto again = parse_portal(to_string(*portal));
		REQUIRE_FUZZ(again && *again == *portal);
		REQUIRE_FUZZ(portal->address.port != 0);
	}
	if (auto wire = parse_target_address(text)) {
		auto typed = parse_portal(text);
		REQUIRE_FUZZ(typed && *typed == *wire);
	}
	if (auto host = parse_host(text)) {
		REQUIRE_FUZZ(!host->host.empty());
	}
	if (auto name = prepare_name(text)) {
		REQUIRE_FUZZ(name->size() <= max_name_length);
		auto again = prepare_name(*name);
		REQUIRE_FUZZ(again && *again == *name);
		REQUIRE_FUZZ(same_name(text, *name));
	}
	return 0;
}
