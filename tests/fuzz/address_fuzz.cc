/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Addresses and names: what is taken is printed in a form that gives the same
 * again, what a target may say an administrator may too, and preparing a name twice is
 * preparing it once.
 *
 * Planted: an address loses its portal group tag when that is 0.
 */
#include "base/coding.h"
#include "input.h"
#include "iscsi/address.h"
#include "iscsi/names.h"

using namespace hawser;

namespace
{

Result<Portal> parse(std::string_view text)
{
	auto portal = parse_portal(text);

	if (fuzz::planted && portal && portal->tpgt == Tpgt{0})
		portal->tpgt.reset();
	return portal;
}

void try_address(std::string_view text)
{
	auto portal = parse(text);

	if (portal) {
		auto again = parse_portal(to_string(*portal));
		REQUIRE_FUZZ(again && *again == *portal);
		REQUIRE_FUZZ(portal->address.port != 0);
		/* A tag that is not known is shown as one of these, and taken as none. */
		const auto comma = text.find(',');
		const auto tag = comma == std::string_view::npos ? "-1" : text.substr(comma + 1);
		REQUIRE_FUZZ(portal->tpgt.has_value() == (tag != "-1" && tag != "4294967295"));
	}
	if (auto wire = parse_target_address(text))
		REQUIRE_FUZZ(portal && *portal == *wire);
	if (auto host = parse_host(text)) {
		auto again = parse_host(host->host);
		REQUIRE_FUZZ(!host->host.empty() && again && *again == *host);
	}
}

void try_name(std::string_view text)
{
	auto name = prepare_name(text);

	REQUIRE_FUZZ(check_name(text).has_value() == name.has_value());
	if (!name)
		return;
	REQUIRE_FUZZ(name->size() <= max_name_length);
	auto again = prepare_name(*name);
	REQUIRE_FUZZ(again && *again == *name);
	REQUIRE_FUZZ(same_name(text, *name));
	REQUIRE_FUZZ(!same_name(text, *name + "x"));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
	const auto text = as_text({data, size});

	try_address(text);
	try_name(text);
	return 0;
}
