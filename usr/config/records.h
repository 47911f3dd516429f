/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a record is. A node record is one way to a target: its name, a portal and
 * an interface; a target's file holds all of its ways. An interface record says
 * where connections are bound to. A discovery record is a portal or a server that
 * is asked for targets, with what it answered last.
 *
 * A node record has an instance of each source that named it: of each mechanism and,
 * within one, of each portal or server.
 */
#pragma once

#include "base/types.h"
#include "config/settings.h"

#include <compare>
#include <cstdint>
#include <memory>
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

/* The mechanisms by which targets become known, the one that is preferred first. */
enum class SourceType { fw, send_targets, isns, slp, fixed };

/* As node.discovery_type spells them: "fw", "send_targets", "isns", "slp", "static". */
std::string_view to_string(SourceType type);

/* Who named a target: a mechanism, and the portal or server that was asked. */
struct Source {
	SourceType type = SourceType::fixed;
	PortalId portal{"", 0}; // empty where there is none to name (static, fw)

	friend auto operator<=>(const Source &, const Source &) = default;
};

/* What one source says of a way to a target. */
struct Instance {
	Source source;
	int tpgt = -1; // portal group tag, -1 while unknown
	/* Of static ones. Hidden: not in listings that do not name the target. */
	bool hidden = false;
	/* Not empty: the boot that it is for (/proc/sys/kernel/random/boot_id). */
	std::string boot = {};
};

struct Node {
	NodeId id;
	int tpgt = -1; // portal group tag, -1 while unknown
	/* By priority, the chosen one first; never empty. */
	std::vector<Instance> instances = {Instance{}};
	/*
	 * The last source names it no more, and a session kept it. Its instance is the
	 * one that it had last.
	 */
	bool vanished = false;
	/* The address's level; below it are the target's and hawserd.conf's. */
	Settings settings{RecordKind::node};
	/*
	 * One a session, at least as many as node.session.nr_sessions asks for. No two
	 * records of a target share one, so the ISID RULE (RFC 7143, 4.4.3)
	 * holds whatever portal groups the portals turn out to be in. Given when
	 * the record is stored, and kept from then on.
	 */
	std::vector<Isid> isids;

	const Source &source() const { return instances.front().source; }
	const Instance *instance(const Source &source) const;
	/* Every source that there is hides it. */
	bool hidden() const;
	/* It is one that was set by hand; what is absent stays as it is. */
	void set_static(std::optional<int> portal_group_tag, std::optional<bool> hidden,
			const std::optional<std::string> &boot);
	/* @source has named it: its instance is added, or has this portal group tag now. */
	void sight(const Source &source, int portal_group_tag);
	/* A login has told it: holds where no source says one. */
	void learn_tpgt(int portal_group_tag);
	/*
	 * @source names it no more. False when that was the last instance: it stays,
	 * and the record is to be removed or marked as vanished. Static ones are
	 * never lost.
	 */
	bool lose(const Source &source);
	/*
	 * The static instance goes when it is for another boot than @boot. False when it
	 * was the last: it stays.
	 */
	bool outlive(std::string_view boot);

private:
	void choose_tpgt();
};

/* A target's file. */
struct Target {
	std::string name;
	/* The target's level, below that of each of its nodes; never null. */
	std::shared_ptr<Settings> settings =
	    std::make_shared<Settings>(RecordKind::node, Level::target);
	std::vector<Node> nodes;
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

/* A SendTargets portal or an iSNS server; the kind of its settings says which. */
struct DiscoveryRecord {
	PortalId portal;
	Settings settings{RecordKind::send_targets};
	std::vector<FoundPortal> found = {}; // by the last discovery here

	RecordKind kind() const { return settings.kind(); }
	/* What the instances that were found here name as their source. */
	Source source() const;
};

/* As discovery.type spells them: "sendtargets" and "isns". */
std::string_view discovery_type(RecordKind kind);
/* The key of the interfaces that records are made for. */
std::string iface_key(RecordKind kind);

/*
 * The value that a record shows for a key, "" when it has none. Of a secret:
 * "********" when one is set. A node's record shows its interface's values too.
 */
std::string shown_value(const Node &node, const Iface &iface, const RecordKey &key);
std::string shown_value(const Iface &iface, const RecordKey &key);
std::string shown_value(const DiscoveryRecord &record, const RecordKey &key);

/* Files. Reading says what is wrong with them: Code::record_failed. */
std::string target_to_text(const Target &target);
Result<Target> target_from_text(std::string_view text);
std::string iface_to_text(const Iface &iface);
Result<Iface> iface_from_text(std::string_view text);
std::string discovery_to_text(const DiscoveryRecord &record);
Result<DiscoveryRecord> discovery_from_text(std::string_view text);

/* 1 to 64 letters, digits, '.', '_', '-', ':' or '@', not starting with a dot. */
Status check_iface_name(std::string_view name);

} // namespace hawser::config
