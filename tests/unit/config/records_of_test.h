/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A store in a folder of its own, and records to put there. */
#pragma once

#include "config/store.h"

#include "scratch.h"

#include <catch2/catch.hpp>
#include <string>
#include <utility>
#include <vector>

namespace hawser::config
{

inline const std::string t1 = "iqn.2003-01.org.example:t1";
inline const std::string t2 = "iqn.2003-01.org.example:t2";

inline Node make_node(const std::string &target, const std::string &host, int tpgt = 1,
		      const std::string &iface = "default")
{
	Node node;
	node.id = {target, {host, 3260}, iface};
	node.tpgt = tpgt;
	return node;
}

struct Fixture {
	Scratch scratch;
	Store store{scratch.paths};

	void add(std::vector<Node> nodes)
	{
		auto added = store.add_nodes(std::move(nodes));
		INFO((added ? "" : added.error().text));
		REQUIRE(added);
		REQUIRE(added->empty());
	}
	std::vector<Node> all(const NodeFilter &filter = {})
	{
		auto listing = store.nodes(filter);
		INFO((listing ? "" : listing.error().text));
		REQUIRE(listing);
		return std::move(listing->items);
	}
	std::string file_of(const std::string &target)
	{
		return scratch.paths.nodes() + "/" + target + ".json";
	}
};

inline FoundPortal found(const std::string &target, const std::string &host)
{
	return {target, {host, 3260}, 1};
}

inline Source asked(const PortalId &portal)
{
	return {SourceType::send_targets, portal};
}

} // namespace hawser::config
