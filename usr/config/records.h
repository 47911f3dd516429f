/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a record is. A node record is one way to a target: its name, a portal and
 * an interface; a target's file holds all of its ways. An interface record says
 * where connections are bound to. A discovery record is a portal that is asked
 * for targets, with what it answered last.
 */
#pragma once

#include "base/types.h"
#include "config/settings.h"

#include <compare>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hawser::config
{

inline constexpr std::string_view default_iface = "default";

/* A TCP portal as records name it: the host is text (an address or a DNS name). */
struct PortalId {
	std::string host;
	std::uint16_t port = 3260;

	friend auto operator<=>(const PortalId &, const PortalId &) = default;
};

std::string to_string(const PortalId &portal); // "192.0.2.1:3260", "[2001:db8::1]:3260"

/* What a node record is looked up by. */
struct NodeId {
	std::string target; // byte for byte as the target or the administrator named it
	PortalId portal;
	std::string iface = std::string(default_iface);

	friend auto operator<=>(const NodeId &, const NodeId &) = default;
};

std::string to_string(const NodeId &id); // "iqn... at 192.0.2.1:3260 through default"

/* How a target became known: the values of node.discovery_type. */
struct Source {
	std::string type = "static"; // or send_targets
	PortalId portal{"", 0};	     // that named it; empty when static

	friend bool operator==(const Source &, const Source &) = default;
};

struct Node {
	NodeId id;
	int tpgt = -1; // portal group tag, -1 while unknown
	Source source;
	Settings settings{RecordKind::node};
	/*
	 * One a session, at least as many as node.session.nr_sessions asks for. No two
	 * records of a target share one, so the ISID RULE (RFC 7143, 4.4.3)
	 * holds whatever portal groups the portals turn out to be in. Given when
	 * the record is stored, and kept from then on.
	 */
	std::vector<Isid> isids;
};

struct Iface {
	std::string name;
	Settings settings{RecordKind::iface};
};

struct FoundPortal {
	std::string target;
	PortalId portal;
	int tpgt = -1;

	friend auto operator<=>(const FoundPortal &, const FoundPortal &) = default;
};

struct DiscoveryRecord {
	PortalId portal;
	Settings settings{RecordKind::discovery};
	std::vector<FoundPortal> found = {}; // by the last discovery here
};

/*
 * The value that a record shows for a key, "" when it has none. Of a secret:
 * "********" when one is set. A node's record shows its interface's values too.
 */
std::string shown_value(const Node &node, const Iface &iface, const RecordKey &key);
std::string shown_value(const Iface &iface, const RecordKey &key);
std::string shown_value(const DiscoveryRecord &record, const RecordKey &key);

/* Files. Reading says what is wrong with them: Code::record_failed. */
std::string target_to_text(const std::string &target, const std::vector<Node> &nodes);
Result<std::vector<Node>> target_from_text(std::string_view text);
std::string iface_to_text(const Iface &iface);
Result<Iface> iface_from_text(std::string_view text);
std::string discovery_to_text(const DiscoveryRecord &record);
Result<DiscoveryRecord> discovery_from_text(std::string_view text);

/* 1 to 64 letters, digits, '.', '_', '-', ':' or '@', not starting with a dot. */
Status check_iface_name(std::string_view name);

} // namespace hawser::config
