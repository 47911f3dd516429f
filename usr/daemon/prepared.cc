/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/prepared.h"

#include "base/str.h"

#include <set>
#include <utility>

namespace hawser::daemon
{

namespace
{

/* The ISIDs that a record's sessions have: those drawn for it, or its interface's own. */
Result<std::vector<Isid>> isids_of(const config::Node &node, const config::Iface &iface)
{
	const auto sessions = node.settings.number("node.session.nr_sessions");
	if (sessions > 1 && !node.settings.yes("node.session.multiple"))
		return fail(Code::invalid_argument,
			    str(config::to_string(node.id), ": node.session.nr_sessions is ",
				sessions, ", and node.session.multiple is No"));
	const auto given = iface.settings.get("iface.isid");
	if (given.empty())
		return node.isids;
	if (sessions > 1)
		return fail(Code::invalid_argument,
			    str(config::to_string(node.id), ": node.session.nr_sessions is ",
				sessions, ", and iface.isid of interface ", iface.name,
				" is for one session"));
	auto isid = Isid::parse(given);
	if (!isid)
		return tl::unexpected(isid.error());
	return std::vector{*isid};
}

/*
 * What a session is made with, all levels in one: changes of the record and of hawserd.conf
 * are for the next login.
 */
Result<config::Settings> effective_settings(const config::Node &node, const Overrides &overrides,
					    config::SecretBox &secrets,
					    std::vector<std::string> &warnings)
{
	config::Settings command(config::RecordKind::node, config::Level::command);
	command.set_base(std::make_shared<const config::Settings>(node.settings));
	for (const auto &[key, value] : overrides) {
		const auto *row = config::find_key(config::RecordKind::node, key);
		if (row && !row->unit.empty() && !overrides.contains(std::string(row->unit)))
			return fail(Code::invalid_argument,
				    str(key, " needs ", row->unit,
					" beside it: method, names and secrets of one login come "
					"from one place"));
		auto set = command.set(key, value, secrets);
		if (!set)
			return tl::unexpected(set.error());
		if (!set->empty())
			warnings.push_back(std::move(*set));
	}
	return command.flattened();
}

} // namespace

Result<LinkSource> links_of(const config::Node &node, config::Store &store)
{
	LinkSource source{config::connections_of(node), {}};
	std::set<std::string> others;
	for (const auto &connection : source.connections) {
		const std::string &name = connection.iface;
		if (name == node.id.iface || !others.insert(name).second)
			continue;
		auto iface = store.iface(name);
		if (!iface)
			return fail(iface.error().code,
				    str(config::connection_key(connection.cid, "iface"), ": ",
					iface.error().text));
		source.ifaces.push_back(std::move(*iface));
	}
	if (!node.settings.yes("node.session.portal_hopping"))
		return source;
	auto ways =
	    store.nodes({.target = node.id.target, .iface = node.id.iface, .vanished = false});
	if (!ways)
		return tl::unexpected(ways.error());
	for (const auto &way : ways->items) {
		const bool other_group = way.tpgt >= 0 && node.tpgt >= 0 && way.tpgt != node.tpgt;
		if (way.id.portal != node.id.portal && !other_group &&
		    source.portals.size() < max_hops)
			source.portals.push_back(way.id.portal);
	}
	return source;
}

Result<PreparedLogin> prepare_login(const config::Node &node, const Overrides &overrides,
				    config::Store &store)
{
	PreparedLogin prepared;
	prepared.id = node.id;
	config::Node merged = node;
	auto effective = effective_settings(node, overrides, store.secrets(), prepared.warnings);
	if (!effective)
		return tl::unexpected(effective.error());
	merged.settings = std::move(*effective);
	auto iface = store.iface(node.id.iface);
	if (!iface)
		return tl::unexpected(iface.error());
	auto identity = store.identity();
	if (!identity)
		return tl::unexpected(identity.error());

	const auto links = links_of(merged, store);
	if (!links)
		return tl::unexpected(links.error());
	if (auto ok = config::check_policy(merged); !ok)
		return tl::unexpected(ok.error());

	/* hawserd.conf or the command may ask for more than the record was made for. */
	prepared.wanted =
	    static_cast<std::size_t>(merged.settings.number("node.session.nr_sessions"));
	if (merged.isids.size() < prepared.wanted) {
		auto given = store.give_isids(node.id, prepared.wanted);
		if (!given)
			return tl::unexpected(given.error());
		merged.isids = std::move(given->isids);
	}
	const auto isids = isids_of(merged, *iface);
	if (!isids)
		return tl::unexpected(isids.error());
	for (const Isid &isid : *isids)
		prepared.sessions.push_back(
		    {isid, make_plan(merged, *iface, *identity, isid, store.secrets(), *links)});
	if (merged.settings.flattened().has_secrets())
		if (auto keys = read_session_keys(store.secrets(), store.paths().saved_sessions()))
			prepared.keys = std::move(*keys);
	return prepared;
}

} // namespace hawser::daemon
