/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The records of nodes: one file a target, changed as a whole and under the lock. */
#include "base/str.h"
#include "config/conf.h"
#include "config/connections.h"
#include "config/store.h"
#include "iscsi/names.h"

#include <algorithm>

namespace hawser::config
{

namespace
{

template <class T> void sort_by_id(std::vector<T> &items)
{
	std::sort(items.begin(), items.end(), [](const T &a, const T &b) { return a.id < b.id; });
}

bool any_of_policy(const Assignments &values)
{
	return std::any_of(values.begin(), values.end(),
			   [](const auto &value) { return is_of_policy(value.first); });
}

} // namespace

bool NodeFilter::matches(const Node &node) const
{
	return (target || hidden || !node.hidden()) &&
	       (!target || *target == node.id.target || same_name(*target, node.id.target)) &&
	       (!host || *host == node.id.portal.host) && (!port || *port == node.id.portal.port) &&
	       (!tpgt || node.tpgt == -1 || *tpgt == node.tpgt) &&
	       (!iface || *iface == node.id.iface) && (!vanished || *vanished == node.vanished);
}

Result<std::string> Store::target_file(std::string_view target)
{
	auto prepared = prepare_name(target);
	if (!prepared)
		return prepared;
	if (!may_be_file(*prepared))
		return fail(Code::invalid_argument,
			    str("target name ", quoted(target), " cannot be the name of a record"));
	return str(*prepared, suffix);
}

Node *Store::find_node(std::vector<Node> &nodes, const NodeId &id)
{
	for (auto &node : nodes)
		if (node.id.portal == id.portal && node.id.iface == id.iface)
			return &node;
	return nullptr;
}

Result<Store::Global> Store::global()
{
	auto conf = load_conf(paths_, secrets_);
	if (!conf)
		return tl::unexpected(conf.error());
	return std::make_shared<const Settings>(std::move(conf->node));
}

Result<Store::Change> Store::begin_change()
{
	auto below = global();
	if (!below)
		return tl::unexpected(below.error());
	auto held = lock();
	if (!held)
		return tl::unexpected(held.error());
	auto batch = FileBatch::open(paths_.nodes());
	if (!batch)
		return tl::unexpected(batch.error());
	return Change{std::move(*held), std::move(*below), std::move(*batch)};
}

std::string_view Store::boot()
{
	if (boot_.empty())
		if (auto text = read_file(paths_.boot_id, 256); text && *text)
			boot_ = trim(**text);
	return boot_;
}

Result<Target> Store::new_target(const Global &global)
{
	Target target;
	target.settings->set_base(global);
	return target;
}

Result<Target> Store::load_target(const std::string &file, const Global &global,
				  std::vector<Error> &problems, const WriteLock *held)
{
	auto loaded = load<Target>(paths_.nodes(), file, target_from_text, problems, held);
	if (!loaded)
		return tl::unexpected(loaded.error());
	if (!*loaded)
		return new_target(global);
	Target target = std::move(**loaded);
	target.settings->set_base(global);
	std::erase_if(target.nodes,
		      [&](Node &node) { return !node.vanished && !node.outlive(boot()); });
	return target;
}

Result<std::vector<std::string>> Store::target_files(const NodeFilter &filter) const
{
	if (!filter.target)
		return list_folder(paths_.nodes(), suffix);
	auto file = target_file(*filter.target);
	if (!file)
		return tl::unexpected(file.error());
	return std::vector{std::move(*file)};
}

Result<Listing<Node>> Store::nodes(const NodeFilter &filter)
{
	auto files = target_files(filter);
	if (!files)
		return tl::unexpected(files.error());
	auto below = global();
	if (!below)
		return tl::unexpected(below.error());
	Listing<Node> listing;
	for (const auto &file : *files) {
		auto target = load_target(file, *below, listing.problems, nullptr);
		if (!target)
			return tl::unexpected(target.error());
		for (auto &node : target->nodes) {
			if (filter.matches(node))
				listing.items.push_back(std::move(node));
		}
	}
	sort_by_id(listing.items);
	return listing;
}

Result<Node> Store::node(const NodeId &id)
{
	auto listing = nodes({id.target, id.portal.host, id.portal.port, {}, id.iface});
	if (!listing)
		return tl::unexpected(listing.error());
	if (!listing->items.empty())
		return std::move(listing->items.front());
	if (!listing->problems.empty())
		return tl::unexpected(listing->problems.front());
	return fail(Code::nothing_found, str("there is no record of ", to_string(id)));
}

Store::Isids::Isids(const std::vector<Node> &nodes)
{
	for (const auto &node : nodes)
		used.insert(node.isids.begin(), node.isids.end());
}

Status Store::draw_isids(Change &change, Isids &isids, Node &node, std::size_t count)
{
	if (node.isids.size() >= count)
		return {};
	if (!identity_) {
		auto identity = load_identity(paths_, host_name(), change.lock);
		if (!identity)
			return tl::unexpected(identity.error());
		identity_ = std::move(*identity);
	}
	while (node.isids.size() < count) {
		while (isids.used.contains(identity_->isid(static_cast<std::uint16_t>(isids.next))))
			isids.next++;
		if (isids.next >= discovery_qualifier)
			return fail(Code::record_failed,
				    str("all ", discovery_qualifier, " ISIDs for ", node.id.target,
					" are in use"));
		node.isids.push_back(identity_->isid(static_cast<std::uint16_t>(isids.next++)));
	}
	return {};
}

Status Store::stage_target(Change &change, const std::string &file, Target &target)
{
	if (target.nodes.empty()) {
		change.batch.remove(file);
		return {};
	}
	sort_by_id(target.nodes);
	target.settings->renew(secrets_);
	Isids isids(target.nodes);
	for (auto &node : target.nodes) {
		node.settings.renew(secrets_);
		const auto wanted = node.settings.number("node.session.nr_sessions");
		if (auto drawn = draw_isids(change, isids, node, static_cast<std::size_t>(wanted));
		    !drawn)
			return drawn;
	}
	return change.batch.write(file, target_to_text(target));
}

Result<std::vector<Error>> Store::add_nodes(std::vector<Node> added)
{
	auto change = begin_change();
	if (!change)
		return tl::unexpected(change.error());
	std::vector<Error> problems;
	std::map<std::string, Target> targets;
	for (auto &node : added) {
		auto file = target_file(node.id.target);
		if (!file)
			return tl::unexpected(file.error());
		if (!targets.contains(*file)) {
			auto known = load_target(*file, *change, problems);
			if (!known)
				return tl::unexpected(known.error());
			targets[*file] = std::move(*known);
		}
		Target &target = targets[*file];
		if (target.nodes.empty())
			target.name = node.id.target;
		node.id.target = target.name; // one spelling a file
		node.settings.set_base(target.settings);
		if (Node *old = find_node(target.nodes, node.id)) {
			node.isids = std::move(old->isids);
			*old = std::move(node);
		} else {
			target.nodes.push_back(std::move(node));
		}
	}
	for (auto &[file, target] : targets)
		if (auto staged = stage_target(*change, file, target); !staged)
			return tl::unexpected(staged.error());
	if (auto done = change->batch.commit(); !done)
		return tl::unexpected(done.error());
	return problems;
}

Result<Listing<Node>>
Store::change_targets(const NodeFilter &filter,
		      const std::function<Status(Target &, const std::vector<Node *> &)> &edit)
{
	auto change = begin_change();
	if (!change)
		return tl::unexpected(change.error());
	auto files = target_files(filter);
	if (!files)
		return tl::unexpected(files.error());
	Listing<Node> listing;
	for (const auto &file : *files) {
		auto target = load_target(file, *change, listing.problems);
		if (!target)
			return tl::unexpected(target.error());
		std::vector<Node *> matching;
		std::vector<NodeId> changed;
		for (auto &node : target->nodes) {
			if (!filter.matches(node))
				continue;
			matching.push_back(&node);
			changed.push_back(node.id);
		}
		if (matching.empty())
			continue;
		if (auto done = edit(*target, matching); !done)
			return tl::unexpected(done.error());
		if (auto staged = stage_target(*change, file, *target); !staged)
			return tl::unexpected(staged.error());
		for (const auto &id : changed)
			if (const Node *node = find_node(target->nodes, id))
				listing.items.push_back(*node);
	}
	if (auto done = change->batch.commit(); !done)
		return tl::unexpected(done.error());
	sort_by_id(listing.items);
	return listing;
}

Result<Listing<Node>> Store::update_nodes(const NodeFilter &filter,
					  const std::function<Status(Node &)> &change)
{
	return change_targets(filter, [&](Target &, const std::vector<Node *> &nodes) -> Status {
		for (Node *node : nodes)
			if (auto done = change(*node); !done)
				return done;
		return {};
	});
}

Result<Listing<Node>> Store::set_values(const NodeFilter &filter, const Assignments &values,
					std::vector<std::string> &warnings)
{
	const auto set = [&](Settings &settings) -> Status {
		warnings.clear(); // the same for each record
		for (const auto &[name, value] : values) {
			auto done = settings.set(name, value, secrets_);
			if (!done)
				return tl::unexpected(done.error());
			if (!done->empty())
				warnings.push_back(std::move(*done));
		}
		return {};
	};
	const bool of_policy = any_of_policy(values);
	const auto check = [&](const Node &node) -> Status {
		return of_policy ? check_policy(node) : Status();
	};
	return change_targets(
	    filter, [&](Target &target, const std::vector<Node *> &nodes) -> Status {
		    if (!filter.names_address()) {
			    if (auto done = set(*target.settings); !done)
				    return done;
			    for (auto &node : target.nodes) {
				    if (auto done = yield_to_target(node.settings, values); !done)
					    return done;
				    if (auto done = check(node); !done)
					    return done;
			    }
			    return {};
		    }
		    for (Node *node : nodes) {
			    if (auto done = set(node->settings); !done)
				    return done;
			    if (auto done = check(*node); !done)
				    return done;
		    }
		    return {};
	    });
}

/*
 * What an address has set of @values goes, for the target has them now. An address with an
 * authentication of its own keeps that, with these values in it.
 */
Status Store::yield_to_target(Settings &address, const Assignments &values)
{
	for (const auto &[name, value] : values) {
		const RecordKey *key = find_key(RecordKind::node, name);
		if (key->unit.empty() || !address.is_set(key->unit))
			address.unset(name);
		else if (auto set = address.set(name, value, secrets_); !set)
			return tl::unexpected(set.error());
	}
	return {};
}

Result<Node> Store::add_static(const StaticNode &given, std::vector<std::string> &warnings)
{
	auto file = target_file(given.id.target);
	if (!file)
		return tl::unexpected(file.error());
	auto change = begin_change();
	if (!change)
		return tl::unexpected(change.error());
	std::vector<Error> problems;
	auto target = load_target(*file, *change, problems);
	if (!target)
		return tl::unexpected(target.error());
	if (!problems.empty())
		return tl::unexpected(problems.front());
	if (target->nodes.empty())
		target->name = given.id.target;
	Node *node = find_node(target->nodes, given.id);
	if (!node) {
		Node fresh;
		fresh.id = given.id;
		fresh.id.target = target->name;
		fresh.settings.set_base(target->settings);
		target->nodes.push_back(std::move(fresh));
		node = &target->nodes.back();
	}
	node->set_static(given.tpgt, given.hidden,
			 given.persistent ? std::optional<std::string>(
						*given.persistent ? std::string_view() : boot())
					  : std::nullopt);
	for (const auto &[name, value] : given.values) {
		auto set = node->settings.set(name, value, secrets_);
		if (!set)
			return tl::unexpected(set.error());
		if (!set->empty())
			warnings.push_back(std::move(*set));
	}
	if (any_of_policy(given.values))
		if (auto ok = check_policy(*node); !ok)
			return tl::unexpected(ok.error());
	const NodeId id = node->id;
	if (auto staged = stage_target(*change, *file, *target); !staged)
		return tl::unexpected(staged.error());
	if (auto done = change->batch.commit(); !done)
		return tl::unexpected(done.error());
	return *find_node(target->nodes, id);
}

Status Store::drop_transient()
{
	auto change = begin_change();
	if (!change)
		return tl::unexpected(change.error());
	auto files = list_folder(paths_.nodes(), suffix);
	if (!files)
		return tl::unexpected(files.error());
	std::vector<Error> problems;
	for (const auto &file : *files) {
		auto target = load_target(file, *change, problems);
		if (!target)
			return tl::unexpected(target.error());
		bool changed = false;
		const auto gone = [&](Node &node) {
			const auto before = node.instances.size();
			const bool stays = node.outlive("");
			changed = changed || !stays || node.instances.size() != before;
			if (stays)
				return false;
			if (!in_use_ || !in_use_(node.id))
				return true;
			node.vanished = true;
			return false;
		};
		std::erase_if(target->nodes, gone);
		if (changed)
			if (auto staged = stage_target(*change, file, *target); !staged)
				return staged;
	}
	if (auto done = change->batch.commit(); !done)
		return done;
	return problems.empty() ? Status() : tl::unexpected(problems.front());
}

Result<Node> Store::give_isids(const NodeId &id, std::size_t count)
{
	auto file = target_file(id.target);
	if (!file)
		return tl::unexpected(file.error());
	auto change = begin_change();
	if (!change)
		return tl::unexpected(change.error());
	std::vector<Error> problems;
	auto target = load_target(*file, *change, problems);
	if (!target)
		return tl::unexpected(target.error());
	Node *node = find_node(target->nodes, id);
	if (!node)
		return fail(Code::nothing_found, str("there is no record of ", to_string(id)));
	if (node->isids.size() >= count)
		return *node;
	Isids isids(target->nodes);
	if (auto drawn = draw_isids(*change, isids, *node, count); !drawn)
		return tl::unexpected(drawn.error());
	Node result = *node; // staging may move it
	if (auto staged = stage_target(*change, *file, *target); !staged)
		return tl::unexpected(staged.error());
	if (auto done = change->batch.commit(); !done)
		return tl::unexpected(done.error());
	return result;
}

Result<Listing<NodeId>> Store::remove_nodes(const NodeFilter &filter)
{
	auto change = begin_change();
	if (!change)
		return tl::unexpected(change.error());
	auto removed = remove_nodes(filter, *change);
	if (!removed)
		return removed;
	if (auto done = change->batch.commit(); !done)
		return tl::unexpected(done.error());
	return removed;
}

Result<Listing<NodeId>> Store::remove_nodes(const NodeFilter &filter, Change &change)
{
	auto files = target_files(filter);
	if (!files)
		return tl::unexpected(files.error());
	Listing<NodeId> listing;
	for (const auto &file : *files) {
		auto target = load_target(file, change, listing.problems);
		if (!target)
			return tl::unexpected(target.error());
		const auto removed = std::erase_if(target->nodes, [&](const Node &node) {
			if (!filter.matches(node))
				return false;
			listing.items.push_back(node.id);
			return true;
		});
		if (removed > 0)
			if (auto staged = stage_target(change, file, *target); !staged)
				return tl::unexpected(staged.error());
	}
	return listing;
}

Status Store::drop_vanished(const NodeId &id)
{
	/* Without the lock, since hardly any has vanished. */
	if (auto now = node(id); !now && now.error().code != Code::nothing_found)
		return tl::unexpected(now.error());
	else if (!now || !now->vanished)
		return {};
	NodeFilter filter{id.target, id.portal.host, id.portal.port, {}, id.iface};
	filter.vanished = true;
	return remove_nodes(filter).map([](auto &&) {});
}

Result<Node> Store::move_node(const NodeId &from, const PortalId &to, int tpgt)
{
	auto file = target_file(from.target);
	if (!file)
		return tl::unexpected(file.error());
	auto change = begin_change();
	if (!change)
		return tl::unexpected(change.error());
	std::vector<Error> problems;
	auto target = load_target(*file, *change, problems);
	if (!target)
		return tl::unexpected(target.error());
	auto &nodes = target->nodes;
	Node *const old = find_node(nodes, from);
	if (!old && !problems.empty())
		return tl::unexpected(problems.front());
	if (!old)
		return fail(Code::nothing_found, str("there is no record of ", to_string(from)));
	if (old->id.portal == to)
		return *old;

	Node moved = std::move(*old);
	nodes.erase(nodes.begin() + (old - nodes.data()));
	moved.id.portal = to;
	moved.tpgt = tpgt;
	for (auto &instance : moved.instances)
		instance.tpgt = tpgt; // what its source says is of the old portal
	if (Node *there = find_node(nodes, moved.id)) {
		for (const auto &instance : moved.instances)
			if (!there->instance(instance.source))
				there->sight(instance.source, instance.tpgt);
		there->isids.insert(there->isids.end(), moved.isids.begin(), moved.isids.end());
	} else {
		nodes.push_back(moved);
	}
	if (auto staged = stage_target(*change, *file, *target); !staged)
		return tl::unexpected(staged.error());
	if (auto done = change->batch.commit(); !done)
		return tl::unexpected(done.error());
	return *find_node(nodes, moved.id);
}

} // namespace hawser::config
