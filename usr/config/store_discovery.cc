/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The records of portals and servers that are asked, and what their answers do to
 * the records of nodes. Every record that the source names has an
 * instance of it; one that it names no more loses it, and goes with the last one. A
 * record that a session uses stays, marked as vanished, until it is named again
 * or the session has ended.
 */
#include "base/coding.h"
#include "base/str.h"
#include "config/conf.h"
#include "config/store.h"

#include <algorithm>
#include <array>
#include <map>
#include <openssl/evp.h>
#include <set>
#include <span>

namespace hawser::config
{

namespace
{

std::string digest_of(std::string_view text)
{
	std::array<std::uint8_t, EVP_MAX_MD_SIZE> digest{};
	unsigned length = 0;
	EVP_Digest(text.data(), text.size(), digest.data(), &length, EVP_sha256(), nullptr);
	return hex_encode(std::span(digest).first(length));
}

using Items = std::vector<const FoundPortal *>;

/* A discovery on its way into the records of one target after the other. */
class Storing
{
public:
	Storing(const Discovery &discovery, const std::function<bool(const NodeId &)> &in_use,
		DiscoveryOutcome &outcome)
	    : discovery_(discovery), in_use_(in_use), outcome_(outcome)
	{
	}

	/* Whether the records of one target have changed; @items: its portals. */
	bool apply(Target &target, const Items &items)
	{
		if (target.nodes.empty() && !items.empty())
			target.name = items.front()->target;
		bool changed = discovery_.changes.remove && lose(target.nodes, items);

		/* By index: nobody says how many portals a target names. */
		std::map<std::pair<PortalId, std::string>, std::size_t> known;
		for (std::size_t i = 0; i < target.nodes.size(); i++)
			known.emplace(
			    std::pair(target.nodes[i].id.portal, target.nodes[i].id.iface), i);
		for (const FoundPortal *item : items)
			for (const auto &iface : discovery_.ifaces) {
				const auto [at, fresh] = known.emplace(
				    std::pair(item->portal, iface), target.nodes.size());
				if (!fresh)
					changed = sight(target.nodes[at->second], *item) || changed;
				else if (discovery_.changes.add)
					changed = add(target, *item, iface);
				else
					known.erase(at);
			}
		return changed;
	}

private:
	bool lose(std::vector<Node> &nodes, const Items &items)
	{
		std::set<PortalId> named;
		for (const FoundPortal *item : items)
			named.insert(item->portal);
		bool changed = false;
		const auto gone = [&](Node &node) {
			if (named.contains(node.id.portal) || !node.instance(discovery_.source) ||
			    discovery_.spared.contains(node.id.target))
				return false;
			if (node.lose(discovery_.source)) {
				changed = changed || discovery_.source.type != SourceType::fixed;
				return false;
			}
			if (in_use_ && in_use_(node.id)) {
				if (!node.vanished)
					outcome_.vanished.push_back(node.id);
				changed = changed || !node.vanished;
				node.vanished = true;
				return false;
			}
			changed = true;
			outcome_.removed.push_back(node.id);
			return true;
		};
		std::erase_if(nodes, gone);
		return changed;
	}

	bool add(Target &target, const FoundPortal &item, const std::string &iface)
	{
		Node fresh;
		fresh.id = {target.name, item.portal, iface};
		fresh.tpgt = item.tpgt;
		fresh.instances = {Instance{discovery_.source, item.tpgt}};
		fresh.settings.set_base(target.settings);
		outcome_.added.push_back(fresh.id);
		if (fresh.settings.get("node.startup") == "automatic")
			outcome_.automatic.push_back(fresh.id);
		target.nodes.push_back(std::move(fresh));
		return true;
	}

	/* Who named it is kept in any case; what it says, when records are to be updated. */
	bool sight(Node &node, const FoundPortal &item)
	{
		if (discovery_.changes.update)
			outcome_.updated.push_back(node.id);
		const Instance *before = node.vanished ? nullptr : node.instance(discovery_.source);
		const bool take =
		    discovery_.changes.update || (discovery_.changes.tags && item.tpgt >= 0);
		if (before && (before->tpgt == item.tpgt || !take))
			return false;
		node.sight(discovery_.source, item.tpgt);
		return true;
	}

	const Discovery &discovery_;
	const std::function<bool(const NodeId &)> &in_use_;
	DiscoveryOutcome &outcome_;
};

} // namespace

/* A host has no comma, so that the kinds never meet. */
std::string Store::discovery_file(RecordKind kind, const PortalId &portal)
{
	const std::string stem =
	    str(kind == RecordKind::isns ? "isns," : "", portal.host, ",", portal.port);
	return str(may_be_file(stem) ? stem : digest_of(stem), suffix);
}

Result<Listing<DiscoveryRecord>> Store::discovery_records()
{
	auto files = list_folder(paths_.discovery(), suffix);
	if (!files)
		return tl::unexpected(files.error());
	auto conf = load_conf(paths_, secrets_);
	if (!conf)
		return tl::unexpected(conf.error());
	Listing<DiscoveryRecord> listing;
	for (const auto &file : *files) {
		auto record = load<DiscoveryRecord>(paths_.discovery(), file, discovery_from_text,
						    listing.problems, nullptr);
		if (!record)
			return tl::unexpected(record.error());
		if (!*record)
			continue;
		(*record)->settings.set_base(
		    std::make_shared<const Settings>(conf->of((*record)->kind())));
		listing.items.push_back(std::move(**record));
	}
	return listing;
}

Result<DiscoveryRecord> Store::new_discovery_record(RecordKind kind, const PortalId &portal)
{
	auto conf = load_conf(paths_, secrets_);
	if (!conf)
		return tl::unexpected(conf.error());
	DiscoveryRecord record{portal, Settings(kind)};
	record.settings.set_base(std::make_shared<const Settings>(conf->of(kind)));
	return record;
}

Result<DiscoveryRecord> Store::discovery_record(RecordKind kind, const PortalId &portal)
{
	auto fresh = new_discovery_record(kind, portal);
	if (!fresh)
		return fresh;
	std::vector<Error> problems;
	auto record = load<DiscoveryRecord>(paths_.discovery(), discovery_file(kind, portal),
					    discovery_from_text, problems, nullptr);
	if (!record)
		return tl::unexpected(record.error());
	if (*record) {
		/* Every value that was read stands above hawserd.conf's. */
		(*record)->settings.set_base(fresh->settings.base());
		return std::move(**record);
	}
	if (!problems.empty())
		return tl::unexpected(problems.front());
	return fail(Code::nothing_found,
		    str("there is no discovery record of ", to_string(portal)));
}

Status Store::put_discovery_record(DiscoveryRecord record)
{
	auto held = lock();
	if (!held)
		return tl::unexpected(held.error());
	const std::string file = discovery_file(record.kind(), record.portal);
	std::vector<Error> problems;
	auto before =
	    load<DiscoveryRecord>(paths_.discovery(), file, discovery_from_text, problems, &*held);
	if (!before)
		return tl::unexpected(before.error());
	if (!problems.empty())
		return tl::unexpected(problems.front());
	record.settings.renew(secrets_);
	return write_file(paths_.discovery(), file, discovery_to_text(record));
}

Status Store::change_discovery_record(RecordKind kind, const PortalId &portal, bool make,
				      const std::function<Status(DiscoveryRecord &)> &change)
{
	auto record = new_discovery_record(kind, portal);
	if (!record)
		return tl::unexpected(record.error());
	auto held = lock();
	if (!held)
		return tl::unexpected(held.error());
	std::vector<Error> problems;
	auto stored = load<DiscoveryRecord>(paths_.discovery(), discovery_file(kind, portal),
					    discovery_from_text, problems, &*held);
	if (!stored)
		return tl::unexpected(stored.error());
	if (*stored) {
		(*stored)->settings.set_base(record->settings.base());
		*record = std::move(**stored);
	} else if (!problems.empty()) {
		return tl::unexpected(problems.front());
	} else if (!make) {
		return fail(Code::nothing_found,
			    str("there is no discovery record of ", to_string(portal)));
	}
	if (auto done = change(*record); !done)
		return done;
	record->settings.renew(secrets_);
	return write_file(paths_.discovery(), discovery_file(kind, portal),
			  discovery_to_text(*record));
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

Result<DiscoveryOutcome> Store::store_discovery(Discovery discovery)
{
	DiscoveryOutcome outcome;
	if (discovery.changes.any())
		if (auto stored = store_found(discovery, outcome); !stored)
			return tl::unexpected(stored.error());
	if (!discovery.record)
		return outcome;
	auto take = [&](DiscoveryRecord &record) -> Status {
		record.settings.overlay(discovery.record->settings);
		record.found = std::move(discovery.found);
		return {};
	};
	if (auto put = change_discovery_record(discovery.record->kind(), discovery.record->portal,
					       !discovery.only_known, take);
	    !put)
		return tl::unexpected(put.error());
	return outcome;
}

Status Store::store_found(const Discovery &discovery, DiscoveryOutcome &outcome)
{
	auto change = begin_change();
	if (!change)
		return tl::unexpected(change.error());
	/* The portals of each target's file in this answer, and the files to look at. */
	std::map<std::string, Items> touched;
	Items *items = nullptr;
	const std::string *target = nullptr; // that they are of: it mostly has several portals
	for (const auto &item : discovery.found) {
		if (!target || *target != item.target) {
			auto file = target_file(item.target);
			if (!file)
				return tl::unexpected(file.error());
			items = &touched[*file];
			target = &item.target;
		}
		items->push_back(&item);
	}
	auto files = list_folder(paths_.nodes(), suffix);
	if (!files)
		return tl::unexpected(files.error());
	const std::set<std::string> there(files->begin(), files->end());
	if (discovery.changes.remove)
		for (const auto &file : there)
			touched.try_emplace(file);

	Storing storing(discovery, in_use_, outcome);
	for (const auto &[file, found] : touched) {
		auto loaded = there.contains(file) ? load_target(file, *change, outcome.problems)
						   : new_target(change->global);
		if (!loaded && found.empty()) {
			outcome.problems.push_back(loaded.error()); // it is left as it is
			continue;
		}
		if (!loaded)
			return tl::unexpected(loaded.error());
		if (!storing.apply(*loaded, found))
			continue;
		if (auto staged = stage_target(*change, file, *loaded); !staged)
			return staged;
	}
	return change->batch.commit();
}

} // namespace hawser::config
