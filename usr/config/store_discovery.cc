/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a discovery does to the records. Every record that the source names has an
 * instance of it; one that it names no more loses it, and goes with the last one. A
 * record that a session uses stays, marked as vanished, until it is named again
 * or the session has ended.
 */
#include "config/conf.h"
#include "config/store.h"

#include <algorithm>
#include <map>

namespace hawser::config
{

namespace
{

using Items = std::vector<const FoundPortal *>;

/* A discovery on its way into the records of one target after the other. */
class Storing
{
public:
	Storing(const Discovery &discovery, const Settings &defaults, DiscoveryOutcome &outcome)
	    : discovery_(discovery), defaults_(defaults), outcome_(outcome)
	{
	}

	/* Whether @nodes, the records of one target, have changed; @items: its portals. */
	bool apply(std::vector<Node> &nodes, const Items &items)
	{
		bool changed = discovery_.changes.remove && lose(nodes, items);
		for (const FoundPortal *item : items)
			for (const auto &iface : discovery_.ifaces)
				changed = sight(nodes, *item, iface) || changed;
		return changed;
	}

private:
	bool lose(std::vector<Node> &nodes, const Items &items)
	{
		bool changed = false;
		auto gone = [&](Node &node) {
			const bool named =
			    std::any_of(items.begin(), items.end(), [&](const auto *item) {
				    return item->portal == node.id.portal;
			    });
			if (named || node.vanished || !node.instance(discovery_.source))
				return false;
			changed = changed || discovery_.source.type != SourceType::fixed;
			if (node.lose(discovery_.source))
				return false;
			if (discovery_.in_use && discovery_.in_use(node.id)) {
				node.vanished = true;
				outcome_.vanished.push_back(node.id);
				return false;
			}
			outcome_.removed.push_back(node.id);
			return true;
		};
		std::erase_if(nodes, gone);
		return changed;
	}

	bool sight(std::vector<Node> &nodes, const FoundPortal &item, const std::string &iface)
	{
		const auto known = std::find_if(nodes.begin(), nodes.end(), [&](const Node &node) {
			return node.id.portal == item.portal && node.id.iface == iface;
		});
		if (known == nodes.end()) {
			if (!discovery_.changes.add)
				return false;
			Node fresh{.id = {item.target, item.portal, iface},
				   .tpgt = item.tpgt,
				   .instances = {{discovery_.source, item.tpgt}},
				   .settings = defaults_,
				   .isids = {}};
			outcome_.added.push_back(fresh.id);
			nodes.push_back(std::move(fresh));
			return true;
		}
		const Instance *before =
		    known->vanished ? nullptr : known->instance(discovery_.source);
		const bool update = discovery_.changes.update;
		if (!before || (update && before->tpgt != item.tpgt))
			known->sight(discovery_.source, item.tpgt);
		else if (!update)
			return false;
		if (update) {
			known->settings.merge(defaults_);
			outcome_.updated.push_back(known->id);
		}
		return true;
	}

	const Discovery &discovery_;
	const Settings &defaults_;
	DiscoveryOutcome &outcome_;
};

} // namespace

Result<DiscoveryOutcome> Store::store_discovery(Discovery discovery)
{
	auto conf = load_conf(paths_, secrets_);
	if (!conf)
		return tl::unexpected(conf.error());
	auto held = lock();
	if (!held)
		return tl::unexpected(held.error());
	DiscoveryOutcome outcome;

	/* The portals of each target's file in this answer, and the files to look at. */
	std::map<std::string, Items> touched;
	if (discovery.changes.any()) {
		for (const auto &item : discovery.found) {
			auto file = target_file(item.target);
			if (!file)
				return tl::unexpected(file.error());
			touched[*file].push_back(&item);
		}
	}
	if (discovery.changes.remove) {
		auto files = list_folder(paths_.nodes(), suffix);
		if (!files)
			return tl::unexpected(files.error());
		for (auto &file : *files)
			touched.try_emplace(std::move(file));
	}
	auto batch = FileBatch::open(paths_.nodes());
	if (!batch)
		return tl::unexpected(batch.error());
	Storing storing(discovery, conf->node, outcome);
	for (const auto &[file, items] : touched) {
		auto nodes = load_target(file, outcome.problems, &*held);
		if (!nodes)
			return tl::unexpected(nodes.error());
		if (!storing.apply(*nodes, items))
			continue;
		if (auto staged = stage_target(*batch, file, *nodes, *held); !staged)
			return tl::unexpected(staged.error());
	}
	if (auto done = batch->commit(); !done)
		return tl::unexpected(done.error());
	if (discovery.record) {
		DiscoveryRecord &record = *discovery.record;
		record.found = std::move(discovery.found);
		auto written =
		    write_file(paths_.discovery(), discovery_file(record.kind(), record.portal),
			       discovery_to_text(record));
		if (!written)
			return tl::unexpected(written.error());
	}
	return outcome;
}

} // namespace hawser::config
