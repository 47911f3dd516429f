/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/store.h"

#include "base/coding.h"
#include "base/str.h"
#include "iscsi/names.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <openssl/evp.h>
#include <unistd.h>

namespace hawser::config
{

namespace
{

/* Room for the suffix, ".damaged" and its number below NAME_MAX. */
constexpr std::size_t max_stem = 230;

bool is_file_name(std::string_view stem)
{
	return !stem.empty() && stem.size() <= max_stem && stem.front() != '.' &&
	       stem.find('/') == std::string_view::npos;
}

std::string digest_of(std::string_view text)
{
	std::array<std::uint8_t, EVP_MAX_MD_SIZE> digest{};
	unsigned length = 0;
	EVP_Digest(text.data(), text.size(), digest.data(), &length, EVP_sha256(), nullptr);
	return hex_encode(std::span(digest).first(length));
}

/* "x.json.damaged", numbered when an earlier one is still there. */
std::string aside_name(const std::string &path)
{
	std::string name = str(path, ".damaged");
	for (int i = 1; ::access(name.c_str(), F_OK) == 0; i++)
		name = str(path, ".damaged.", i);
	return name;
}

Error set_aside(const std::string &path, const Error &why)
{
	const std::string aside = aside_name(path);
	if (::rename(path.c_str(), aside.c_str()) != 0)
		return {Code::record_failed,
			str(path, " is damaged (", why.text, ") and ",
			    system_failure("be set aside as", aside).value().text)};
	return {Code::record_failed,
		str(path, " is damaged: ", why.text, "; it is kept as ", aside)};
}

template <class T> void sort_by_id(std::vector<T> &items)
{
	std::sort(items.begin(), items.end(), [](const T &a, const T &b) { return a.id < b.id; });
}

} // namespace

bool NodeFilter::matches(const Node &node) const
{
	return (!target || *target == node.id.target || same_name(*target, node.id.target)) &&
	       (!host || *host == node.id.portal.host) && (!port || *port == node.id.portal.port) &&
	       (!tpgt || *tpgt == node.tpgt) && (!iface || *iface == node.id.iface);
}

Store::Store(Paths paths) : paths_(std::move(paths)), secrets_(paths_.config_dir, "secret.key") {}

Result<std::string> Store::target_file(std::string_view target)
{
	auto prepared = prepare_name(target);
	if (!prepared)
		return prepared;
	if (!is_file_name(*prepared))
		return fail(Code::invalid_argument,
			    str("target name ", quoted(target), " cannot be the name of a record"));
	return str(*prepared, suffix);
}

/* A host has no comma, so that the kinds never meet. */
std::string Store::discovery_file(RecordKind kind, const PortalId &portal)
{
	const std::string stem =
	    str(kind == RecordKind::isns ? "isns," : "", portal.host, ",", portal.port);
	return str(is_file_name(stem) ? stem : digest_of(stem), suffix);
}

Node *Store::find_node(std::vector<Node> &nodes, const NodeId &id)
{
	for (auto &node : nodes)
		if (node.id.portal == id.portal && node.id.iface == id.iface)
			return &node;
	return nullptr;
}

Result<Identity> Store::identity()
{
	return load_identity(paths_, host_name());
}

template <class T>
Result<std::optional<T>> Store::load(const std::string &folder, const std::string &file,
				     Parse<T> parse, std::vector<Error> &problems,
				     const WriteLock *held)
{
	const std::string path = str(folder, "/", file);
	auto text = read_file(path);
	if (!text)
		return tl::unexpected(text.error());
	if (!*text)
		return std::nullopt;
	auto parsed = parse(**text);
	if (parsed)
		return std::move(*parsed);
	if (held) {
		problems.push_back(set_aside(path, parsed.error()));
		return std::nullopt;
	}
	/* Look again under the lock: a writer may just have put a good file there. */
	auto taken = lock();
	if (taken)
		return load(folder, file, parse, problems, &*taken);
	problems.push_back({Code::record_failed, str(path, " is damaged: ", parsed.error().text)});
	return std::nullopt;
}

Result<std::vector<Node>> Store::load_target(const std::string &file, std::vector<Error> &problems,
					     const WriteLock *held)
{
	auto nodes =
	    load<std::vector<Node>>(paths_.nodes(), file, target_from_text, problems, held);
	if (!nodes)
		return tl::unexpected(nodes.error());
	return nodes->value_or(std::vector<Node>());
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
	Listing<Node> listing;
	for (const auto &file : *files) {
		auto nodes = load_target(file, listing.problems, nullptr);
		if (!nodes)
			return tl::unexpected(nodes.error());
		for (auto &node : *nodes)
			if (filter.matches(node))
				listing.items.push_back(std::move(node));
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

/* Gives the ISIDs that are missing and puts the target's file into the batch. */
Status Store::stage_target(FileBatch &batch, const std::string &file, std::vector<Node> &nodes,
			   const WriteLock &held)
{
	if (nodes.empty()) {
		batch.remove(file);
		return {};
	}
	sort_by_id(nodes);
	std::vector<Isid> used;
	for (const auto &node : nodes)
		used.insert(used.end(), node.isids.begin(), node.isids.end());
	for (auto &node : nodes) {
		const auto wanted =
		    static_cast<std::size_t>(node.settings.number("node.session.nr_sessions"));
		while (node.isids.size() < wanted) {
			if (!identity_) {
				auto identity = load_identity(paths_, host_name(), held);
				if (!identity)
					return tl::unexpected(identity.error());
				identity_ = std::move(*identity);
			}
			auto isid = identity_->unused_isid(used);
			if (!isid)
				return tl::unexpected(isid.error());
			used.push_back(*isid);
			node.isids.push_back(*isid);
		}
	}
	return batch.write(file, target_to_text(nodes.front().id.target, nodes));
}

Result<std::vector<Error>> Store::add_nodes(std::vector<Node> added)
{
	auto held = lock();
	if (!held)
		return tl::unexpected(held.error());
	auto batch = FileBatch::open(paths_.nodes());
	if (!batch)
		return tl::unexpected(batch.error());

	std::vector<Error> problems;
	std::map<std::string, std::vector<Node>> targets;
	for (auto &node : added) {
		auto file = target_file(node.id.target);
		if (!file)
			return tl::unexpected(file.error());
		if (!targets.contains(*file)) {
			auto known = load_target(*file, problems, &*held);
			if (!known)
				return tl::unexpected(known.error());
			targets[*file] = std::move(*known);
		}
		auto &nodes = targets[*file];
		if (!nodes.empty())
			node.id.target = nodes.front().id.target; // one spelling a file
		if (Node *old = find_node(nodes, node.id)) {
			node.isids = std::move(old->isids);
			*old = std::move(node);
		} else {
			nodes.push_back(std::move(node));
		}
	}
	for (auto &[file, nodes] : targets)
		if (auto staged = stage_target(*batch, file, nodes, *held); !staged)
			return tl::unexpected(staged.error());
	if (auto done = batch->commit(); !done)
		return tl::unexpected(done.error());
	return problems;
}

Result<Listing<Node>> Store::update_nodes(const NodeFilter &filter,
					  const std::function<Status(Node &)> &change)
{
	auto held = lock();
	if (!held)
		return tl::unexpected(held.error());
	auto files = target_files(filter);
	if (!files)
		return tl::unexpected(files.error());
	auto batch = FileBatch::open(paths_.nodes());
	if (!batch)
		return tl::unexpected(batch.error());

	Listing<Node> listing;
	for (const auto &file : *files) {
		auto nodes = load_target(file, listing.problems, &*held);
		if (!nodes)
			return tl::unexpected(nodes.error());
		std::vector<NodeId> changed;
		for (auto &node : *nodes) {
			if (!filter.matches(node))
				continue;
			if (auto done = change(node); !done)
				return tl::unexpected(done.error());
			changed.push_back(node.id);
		}
		if (changed.empty())
			continue;
		if (auto staged = stage_target(*batch, file, *nodes, *held); !staged)
			return tl::unexpected(staged.error());
		for (const auto &id : changed)
			listing.items.push_back(*find_node(*nodes, id));
	}
	if (auto done = batch->commit(); !done)
		return tl::unexpected(done.error());
	sort_by_id(listing.items);
	return listing;
}

Result<Listing<NodeId>> Store::remove_nodes(const NodeFilter &filter)
{
	auto held = lock();
	if (!held)
		return tl::unexpected(held.error());
	return remove_nodes(filter, *held);
}

Result<Listing<NodeId>> Store::remove_nodes(const NodeFilter &filter, const WriteLock &held)
{
	auto files = target_files(filter);
	if (!files)
		return tl::unexpected(files.error());
	auto batch = FileBatch::open(paths_.nodes());
	if (!batch)
		return tl::unexpected(batch.error());

	Listing<NodeId> listing;
	for (const auto &file : *files) {
		auto nodes = load_target(file, listing.problems, &held);
		if (!nodes)
			return tl::unexpected(nodes.error());
		std::vector<Node> kept;
		for (auto &node : *nodes) {
			if (filter.matches(node))
				listing.items.push_back(node.id);
			else
				kept.push_back(std::move(node));
		}
		if (kept.size() != nodes->size())
			if (auto staged = stage_target(*batch, file, kept, held); !staged)
				return tl::unexpected(staged.error());
	}
	if (auto done = batch->commit(); !done)
		return tl::unexpected(done.error());
	return listing;
}

Result<Node> Store::move_node(const NodeId &from, const PortalId &to)
{
	auto held = lock();
	if (!held)
		return tl::unexpected(held.error());
	auto file = target_file(from.target);
	if (!file)
		return tl::unexpected(file.error());
	std::vector<Error> problems;
	auto nodes = load_target(*file, problems, &*held);
	if (!nodes)
		return tl::unexpected(nodes.error());
	Node *const old = find_node(*nodes, from);
	if (!old && !problems.empty())
		return tl::unexpected(problems.front());
	if (!old)
		return fail(Code::nothing_found, str("there is no record of ", to_string(from)));
	if (old->id.portal == to)
		return *old;

	Node moved = std::move(*old);
	nodes->erase(nodes->begin() + (old - nodes->data()));
	moved.id.portal = to;
	if (Node *there = find_node(*nodes, moved.id)) {
		for (const auto &instance : moved.instances)
			if (!there->instance(instance.source))
				there->sight(instance.source, instance.tpgt);
		there->isids.insert(there->isids.end(), moved.isids.begin(), moved.isids.end());
	} else {
		nodes->push_back(moved);
	}
	auto batch = FileBatch::open(paths_.nodes());
	if (!batch)
		return tl::unexpected(batch.error());
	if (auto staged = stage_target(*batch, *file, *nodes, *held); !staged)
		return tl::unexpected(staged.error());
	if (auto done = batch->commit(); !done)
		return tl::unexpected(done.error());
	return *find_node(*nodes, moved.id);
}

Result<Listing<Iface>> Store::ifaces()
{
	auto files = list_folder(paths_.ifaces(), suffix);
	if (!files)
		return tl::unexpected(files.error());
	Listing<Iface> listing;
	listing.items.push_back(Iface{std::string(default_iface)});
	for (const auto &file : *files) {
		auto iface =
		    load<Iface>(paths_.ifaces(), file, iface_from_text, listing.problems, nullptr);
		if (!iface)
			return tl::unexpected(iface.error());
		if (*iface)
			listing.items.push_back(std::move(**iface));
	}
	return listing;
}

Result<Iface> Store::iface(const std::string &name)
{
	if (name == default_iface)
		return Iface{name};
	if (auto checked = check_iface_name(name); !checked)
		return tl::unexpected(checked.error());
	std::vector<Error> problems;
	auto iface =
	    load<Iface>(paths_.ifaces(), str(name, suffix), iface_from_text, problems, nullptr);
	if (!iface)
		return tl::unexpected(iface.error());
	if (*iface)
		return std::move(**iface);
	if (!problems.empty())
		return tl::unexpected(problems.front());
	return fail(Code::nothing_found, str("there is no interface record ", quoted(name, 80)));
}

Status Store::put_iface(const Iface &iface)
{
	if (iface.name == default_iface)
		return fail(Code::invalid_argument,
			    "interface default is built in and cannot be changed");
	if (auto checked = check_iface_name(iface.name); !checked)
		return checked;
	auto held = lock();
	if (!held)
		return tl::unexpected(held.error());
	return write_file(paths_.ifaces(), str(iface.name, suffix), iface_to_text(iface));
}

Result<Listing<NodeId>> Store::remove_iface(const std::string &name)
{
	if (name == default_iface)
		return fail(Code::invalid_argument,
			    "interface default is built in and cannot be deleted");
	if (auto found = iface(name); !found)
		return tl::unexpected(found.error());
	auto held = lock();
	if (!held)
		return tl::unexpected(held.error());
	NodeFilter through;
	through.iface = name;
	auto removed = remove_nodes(through, *held);
	if (!removed)
		return removed;
	auto batch = FileBatch::open(paths_.ifaces());
	if (!batch)
		return tl::unexpected(batch.error());
	batch->remove(str(name, suffix));
	if (auto done = batch->commit(); !done)
		return tl::unexpected(done.error());
	return removed;
}

Result<Listing<DiscoveryRecord>> Store::discovery_records()
{
	auto files = list_folder(paths_.discovery(), suffix);
	if (!files)
		return tl::unexpected(files.error());
	Listing<DiscoveryRecord> listing;
	for (const auto &file : *files) {
		auto record = load<DiscoveryRecord>(paths_.discovery(), file, discovery_from_text,
						    listing.problems, nullptr);
		if (!record)
			return tl::unexpected(record.error());
		if (*record)
			listing.items.push_back(std::move(**record));
	}
	return listing;
}

Result<DiscoveryRecord> Store::discovery_record(RecordKind kind, const PortalId &portal)
{
	std::vector<Error> problems;
	auto record = load<DiscoveryRecord>(paths_.discovery(), discovery_file(kind, portal),
					    discovery_from_text, problems, nullptr);
	if (!record)
		return tl::unexpected(record.error());
	if (*record)
		return std::move(**record);
	if (!problems.empty())
		return tl::unexpected(problems.front());
	return fail(Code::nothing_found,
		    str("there is no discovery record of ", to_string(portal)));
}

Status Store::put_discovery_record(const DiscoveryRecord &record)
{
	auto held = lock();
	if (!held)
		return tl::unexpected(held.error());
	return write_file(paths_.discovery(), discovery_file(record.kind(), record.portal),
			  discovery_to_text(record));
}

Status Store::remove_discovery_record(RecordKind kind, const PortalId &portal)
{
	if (auto found = discovery_record(kind, portal); !found)
		return tl::unexpected(found.error());
	auto held = lock();
	if (!held)
		return tl::unexpected(held.error());
	auto batch = FileBatch::open(paths_.discovery());
	if (!batch)
		return tl::unexpected(batch.error());
	batch->remove(discovery_file(kind, portal));
	return batch->commit();
}

} // namespace hawser::config
