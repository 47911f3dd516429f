/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The records on disk, under the state folder:
 *
 *	nodes/<target>.json             every way to one target
 *	ifaces/<name>.json              an interface; "default" needs no file
 *	discovery/<host>,<port>.json    a SendTargets portal and what it answered
 *	discovery/isns,<host>,<port>.json   an iSNS server, likewise
 *	initiator.json                  what was drawn once for this machine
 *	lock                            held by whoever writes
 *
 * CLI and daemon both work on them directly. Every call sees and leaves whole
 * files; a change reads, changes and writes under one lock. A damaged file costs
 * only itself: it is renamed to <name>.damaged, told about once as a problem
 * (Code::record_failed), and the others go on.
 */
#pragma once

#include "config/conf.h"
#include "config/files.h"
#include "config/identity.h"
#include "config/paths.h"
#include "config/records.h"
#include "config/secret_box.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace hawser::config
{

template <class T> struct Listing {
	std::vector<T> items;
	std::vector<Error> problems; // files that could not be used
};

/* What is absent matches everything. */
struct NodeFilter {
	std::optional<std::string> target = {};
	std::optional<std::string> host = {};
	std::optional<std::uint16_t> port = {};
	std::optional<int> tpgt = {};
	std::optional<std::string> iface = {};

	bool matches(const Node &node) const;
};

/* What a discovery does to the node records; with none of them it stores nothing there. */
struct DiscoveryChanges {
	bool add = true;    // portals without a record get one from hawserd.conf
	bool update = true; // known ones take over what hawserd.conf sets
	bool remove = true; // those that this source named before and does not now

	bool any() const { return add || update || remove; }
};

/* What a source has answered. */
struct Discovery {
	Source source;
	std::vector<FoundPortal> found;
	std::vector<std::string> ifaces = {std::string(default_iface)}; // to make records for
	DiscoveryChanges changes = {};
	/* Stored with the answer when given: the source's own record. */
	std::optional<DiscoveryRecord> record = {};
	/* Whether a session uses the record, which then only vanishes; without it, none does. */
	std::function<bool(const NodeId &)> in_use = {};
};

struct DiscoveryOutcome {
	std::vector<NodeId> added, updated, removed;
	std::vector<NodeId> vanished; // named no more, kept because they are in use
	std::vector<Error> problems;
};

class Store
{
public:
	explicit Store(Paths paths = Paths::from_environment());

	const Paths &paths() const { return paths_; }
	SecretBox &secrets() { return secrets_; }

	/* Sorted by target, portal and interface. */
	Result<Listing<Node>> nodes(const NodeFilter &filter = {});
	/* Code::nothing_found when there is none. */
	Result<Node> node(const NodeId &id);
	/*
	 * Adds records, or puts new ones in the place of those with the same id. ISIDs
	 * are given here; a record that is replaced keeps its own.
	 */
	Result<std::vector<Error>> add_nodes(std::vector<Node> nodes);
	/*
	 * Calls @change for every record that matches and stores all of them, or none
	 * when one call fails. items: the records as they are now.
	 */
	Result<Listing<Node>> update_nodes(const NodeFilter &filter,
					   const std::function<Status(Node &)> &change);
	/* items: what was removed. */
	Result<Listing<NodeId>> remove_nodes(const NodeFilter &filter);
	/*
	 * Puts a record under another portal of its target (the target has moved, RFC
	 * 7143 section 11.13.5) with its settings, sources and ISIDs. A record that is
	 * there already keeps what it has set and takes over sources and ISIDs. The
	 * result is the record under @to. Code::nothing_found when there is no @from.
	 */
	Result<Node> move_node(const NodeId &from, const PortalId &to);

	/* "default" first, then by name. */
	Result<Listing<Iface>> ifaces();
	Result<Iface> iface(const std::string &name);
	Status put_iface(const Iface &iface);
	/* Removes the records of nodes through it as well. */
	Result<Listing<NodeId>> remove_iface(const std::string &name);

	Result<Listing<DiscoveryRecord>> discovery_records();
	/* @kind: send_targets or isns. Code::nothing_found when there is none. */
	Result<DiscoveryRecord> discovery_record(RecordKind kind, const PortalId &portal);
	Status put_discovery_record(const DiscoveryRecord &record);
	/* What was found there stays. */
	Status remove_discovery_record(RecordKind kind, const PortalId &portal);

	/* Stores an answer as one batch. */
	Result<DiscoveryOutcome> store_discovery(Discovery discovery);

	Result<Identity> identity();

private:
	static constexpr std::string_view suffix = ".json";

	template <class T> using Parse = Result<T> (*)(std::string_view);

	static Result<std::string> target_file(std::string_view target);
	static std::string discovery_file(RecordKind kind, const PortalId &portal);
	/* By portal and interface among the records of one target. */
	static Node *find_node(std::vector<Node> &nodes, const NodeId &id);

	Result<WriteLock> lock() { return WriteLock::take(paths_.state_dir, paths_.lock()); }
	/* A file's contents parsed; a file that is not there or damaged is nothing. */
	template <class T>
	Result<std::optional<T>> load(const std::string &folder, const std::string &file,
				      Parse<T> parse, std::vector<Error> &problems,
				      const WriteLock *lock);
	Result<std::vector<Node>> load_target(const std::string &file, std::vector<Error> &problems,
					      const WriteLock *lock);
	Result<std::vector<std::string>> target_files(const NodeFilter &filter) const;
	/* What one target's records become by a discovery; @items are its portals. */
	Status stage_target(FileBatch &batch, const std::string &file, std::vector<Node> &nodes,
			    const WriteLock &lock);
	Result<Listing<NodeId>> remove_nodes(const NodeFilter &filter, const WriteLock &lock);

	Paths paths_;
	SecretBox secrets_;
	std::optional<Identity> identity_;
};

} // namespace hawser::config
