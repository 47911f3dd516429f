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
#include <set>
#include <string>
#include <vector>

namespace hawser::config
{

template <class T> struct Listing {
	std::vector<T> items;
	std::vector<Error> problems; // files that could not be used
};

/*
 * What is absent matches everything. Hidden records match only where the target is
 * named, or when they are asked for.
 */
struct NodeFilter {
	std::optional<std::string> target = {};
	std::optional<std::string> host = {};
	std::optional<std::uint16_t> port = {};
	std::optional<int> tpgt = {};
	std::optional<std::string> iface = {};
	std::optional<bool> vanished = {};
	bool hidden = false; // these too

	/* Whether it says more than which target. */
	bool names_address() const { return host || port || tpgt || iface; }
	bool matches(const Node &node) const;
};

/* What a discovery does to the node records; with none of them it stores nothing there. */
struct DiscoveryChanges {
	bool add = true;    // portals without a record get one
	bool update = true; // known ones take over what the source says of them
	bool remove = true; // those that this source named before and does not now
	bool tags = false;  // known ones take over another portal group tag, but none for one

	bool any() const { return add || update || remove; }
};

/* What a source has answered. */
struct Discovery {
	Source source;
	std::vector<FoundPortal> found;
	std::vector<std::string> ifaces = {std::string(default_iface)}; // to make records for
	DiscoveryChanges changes = {};
	/* Of these targets nothing is removed. */
	std::set<std::string, std::less<>> spared = {};
	/*
	 * The source's own record, when given: what it sets goes over what is stored by then, with
	 * the answer. When there is none, one is made, unless @only_known.
	 */
	std::optional<DiscoveryRecord> record = {};
	bool only_known = false;
};

/* Names of keys and their values, as the administrator gave them. */
using Assignments = std::vector<std::pair<std::string, std::string>>;

/* What is given of a static target; what is absent stays as it is, or is the default. */
struct StaticNode {
	NodeId id;
	std::optional<int> tpgt = {};
	std::optional<bool> hidden = {};     // No
	std::optional<bool> persistent = {}; // Yes; else gone with the next start or boot
	Assignments values = {};	     // of this address
};

struct DiscoveryOutcome {
	std::vector<NodeId> added, updated, removed;
	std::vector<NodeId> automatic; // of those added: node.startup says so
	std::vector<NodeId> vanished;  // named no more, kept because they are in use
	std::vector<Error> problems;
};

class Store
{
public:
	explicit Store(Paths paths = Paths::from_environment());

	const Paths &paths() const { return paths_; }
	SecretBox &secrets() { return secrets_; }

	/*
	 * Who knows whether a session uses a record: such a record only vanishes when
	 * the last source names it no more. Without it, none is in use.
	 */
	using InUse = std::function<bool(const NodeId &)>;
	void set_in_use(InUse in_use) { in_use_ = std::move(in_use); }
	/*
	 * To be called when the last session of a record has ended: a vanished record
	 * goes. Another one is only read.
	 */
	Status drop_vanished(const NodeId &id);

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
	/*
	 * Sets values in every record that matches, or in none when one is refused. A
	 * filter that leaves the address open sets the target's level, and what the
	 * addresses had set goes; else the addresses' own. items: the records as they
	 * are now. @warnings: one line each.
	 */
	Result<Listing<Node>> set_values(const NodeFilter &filter, const Assignments &values,
					 std::vector<std::string> &warnings);
	/*
	 * Adds a way to a target by hand, or merges what is given into the record that is
	 * there, field by field. The result is the record.
	 */
	Result<Node> add_static(const StaticNode &given, std::vector<std::string> &warnings);
	/*
	 * To be called once when the service starts: static records that are not
	 * persistent go, and vanish while they are in use.
	 */
	Status drop_transient();
	/* A record with at least @count ISIDs; one that has them is not written. */
	Result<Node> give_isids(const NodeId &id, std::size_t count);
	/* items: what was removed. */
	Result<Listing<NodeId>> remove_nodes(const NodeFilter &filter);
	/*
	 * Puts a record under another portal of its target (the target has moved, RFC
	 * 7143 section 11.13.5), in portal group @tpgt, with its settings, sources and
	 * ISIDs. A record that is there already keeps what it has set and takes over sources
	 * and ISIDs. The result is the record under @to. Code::nothing_found when there is no
	 * @from.
	 */
	Result<Node> move_node(const NodeId &from, const PortalId &to, int tpgt);

	/* "default" first, then by name. */
	Result<Listing<Iface>> ifaces();
	/*
	 * What a discovery makes records through when nobody says: each interface that has a
	 * record, as iscsiadm does, or default when there is none.
	 */
	Result<std::vector<std::string>> ifaces_of_discovery();
	Result<Iface> iface(const std::string &name);
	Status put_iface(const Iface &iface);
	/* Reads, has @change change, and writes under one lock; nothing when that fails. */
	Status change_iface(const std::string &name, const std::function<Status(Iface &)> &change);
	/* Removes the records of nodes through it as well. */
	Result<Listing<NodeId>> remove_iface(const std::string &name);

	Result<Listing<DiscoveryRecord>> discovery_records();
	/* One that is not stored yet, above hawserd.conf. */
	Result<DiscoveryRecord> new_discovery_record(RecordKind kind, const PortalId &portal);
	/* @kind: send_targets or isns. Code::nothing_found when there is none. */
	Result<DiscoveryRecord> discovery_record(RecordKind kind, const PortalId &portal);
	Status put_discovery_record(DiscoveryRecord record);
	/*
	 * Reads, has @change change, and writes under one lock; nothing when that fails. Where
	 * there is no record, @make begins with a new one.
	 */
	Status change_discovery_record(RecordKind kind, const PortalId &portal, bool make,
				       const std::function<Status(DiscoveryRecord &)> &change);
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
	static bool may_be_file(std::string_view stem);
	/* By portal and interface among the records of one target. */
	static Node *find_node(std::vector<Node> &nodes, const NodeId &id);

	Result<WriteLock> lock() { return WriteLock::take(paths_.state_dir, paths_.lock()); }
	/* Whether it is the file where the record is kept. */
	static bool belongs_in(const std::string &file, const Target &target);
	static bool belongs_in(const std::string &file, const Iface &iface);
	static bool belongs_in(const std::string &file, const DiscoveryRecord &record);
	/*
	 * A file's contents parsed; a file that is not there is nothing, and one that is damaged,
	 * or is another record's, is set aside.
	 */
	template <class T>
	Result<std::optional<T>> load(const std::string &folder, const std::string &file,
				      Parse<T> parse, std::vector<Error> &problems,
				      const WriteLock *lock);
	using Global = std::shared_ptr<const Settings>; // hawserd.conf's node settings

	/* A change of node records: the lock, what is below the records, and what is written. */
	struct Change {
		WriteLock lock;
		Global global;
		FileBatch batch;
	};

	Result<Global> global();
	Result<Change> begin_change();
	/* Without records when there is no such file. */
	Result<Target> load_target(const std::string &file, const Global &global,
				   std::vector<Error> &problems, const WriteLock *lock);
	static Result<Target> new_target(const Global &global);
	Result<Target> load_target(const std::string &file, Change &change,
				   std::vector<Error> &problems)
	{
		return load_target(file, change.global, problems, &change.lock);
	}
	Result<std::vector<std::string>> target_files(const NodeFilter &filter) const;
	/* What one target's records become by a discovery; @items are its portals. */
	/* Gives the ISIDs that are missing and puts the target's file into the batch. */
	Status stage_target(Change &change, const std::string &file, Target &target);
	/* The ISIDs of one target's records. Those that are drawn come in order. */
	struct Isids {
		explicit Isids(const std::vector<Node> &nodes);

		std::set<Isid> used;
		std::uint32_t next = 0; // no qualifier below is free
	};
	/* Gives @node at least @count ISIDs, for no other record of its target. */
	Status draw_isids(Change &change, Isids &isids, Node &node, std::size_t count);
	std::string_view boot();
	/* Calls @edit for every target with records that match, and stores all or none. */
	Result<Listing<Node>>
	change_targets(const NodeFilter &filter,
		       const std::function<Status(Target &, const std::vector<Node *> &)> &edit);
	Status yield_to_target(Settings &address, const Assignments &values);
	Status store_found(const Discovery &discovery, DiscoveryOutcome &outcome);
	Result<Listing<NodeId>> remove_nodes(const NodeFilter &filter, Change &change);

	Paths paths_;
	SecretBox secrets_;
	std::optional<Identity> identity_;
	std::string boot_; // read once
	InUse in_use_;
};

} // namespace hawser::config
