/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/strands.h"

#include "base/str.h"

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <cerrno>

namespace hawser::daemon
{

Strand *Strands::find(Cid cid) const
{
	auto it = strands_.find(cid);
	return it == strands_.end() ? nullptr : it->second.get();
}

/* Whether the module has it in the session. */
bool Strands::has(Cid cid) const
{
	const auto session = env_.control.session(*sid_);
	return session && std::any_of(session->connections.begin(), session->connections.end(),
				      [cid](const auto &one) { return one.cid == cid; });
}

void Strands::begin(Sid sid, std::shared_ptr<void> session)
{
	sid_ = sid;
	session_ = session;
	for (const Link &link : env_.plan.links)
		start(link.cid);
}

void Strands::start(Cid cid)
{
	auto strand = std::make_shared<Strand>(env_, cid);
	strands_[cid] = strand;
	asio::co_spawn(env_.io, strand->run(*sid_, strand, session_.lock()), escalate);
}

void Strands::stop()
{
	for (const auto &[cid, strand] : strands_)
		strand->stop();
}

void Strands::session_back(Cid leader, std::optional<std::uint16_t> max_connections)
{
	max_connections_ = max_connections.value_or(max_connections_);
	if (Strand *strand = find(leader))
		strand->note_up();
	share_room();
	for (const auto &[cid, strand] : strands_)
		strand->session_back(max_connections.has_value());
}

void Strands::session_lost()
{
	for (const auto &[cid, strand] : strands_)
		strand->session_lost();
}

/* The first ones by CID have it, but for a place that another one is in already. */
void Strands::share_room()
{
	const auto up = std::count_if(strands_.begin(), strands_.end(),
				      [](const auto &one) { return one.second->up(); });
	auto left = static_cast<std::ptrdiff_t>(max_connections_) - up;
	for (const auto &[cid, strand] : strands_)
		strand->give_room(strand->up() || left-- > 0);
	if (strands_.size() <= max_connections_ || told_ == max_connections_)
		return;
	told_ = max_connections_;
	env_.log(Level::warning, env_.title(), ": the target ", env_.plan.login.target_name,
		 " allows ", max_connections_,
		 max_connections_ == 1 ? " connection" : " connections",
		 " in a session (MaxConnections), not ", strands_.size());
}

void Strands::on_event(const kernel::Event &event)
{
	if (const auto *up = std::get_if<kernel::ConnectionUp>(&event.body)) {
		if (Strand *strand = find(up->cid))
			strand->note_up();
	} else if (const auto *lost = std::get_if<kernel::ConnectionLost>(&event.body)) {
		if (Strand *strand = find(lost->cid))
			strand->note_lost(lost->time2wait);
	} else if (const auto *removed = std::get_if<kernel::ConnectionRemoved>(&event.body)) {
		if (!find(removed->cid) || strands_.size() == 1)
			return; // the last one is the session's
		if (has(removed->cid))
			return; // another one by now, which has its CID
		env_.log(Level::notice, env_.title(), ": connection ", removed->cid.value,
			 " was taken out");
		forget(removed->cid);
	}
}

void Strands::on_dump(const kernel::SessionInfo &session)
{
	max_connections_ = session.parameters.max_connections;
	const bool active = session.state == kernel::SessionState::active;
	const auto find_in_dump = [&](Cid cid) {
		const auto &all = session.connections;
		return std::find_if(all.begin(), all.end(),
				    [cid](const auto &one) { return one.cid == cid; });
	};
	for (const auto &connection : session.connections) {
		Link *known = env_.plan.find(connection.cid);
		if (known) {
			// A daemon that was killed may have changed them and not saved that.
			known->role = connection.role;
			known->weight = connection.weight;
		} else {
			config::ConnectionRecord record;
			record.cid = connection.cid;
			record.portal = env_.plan.persistent_portal;
			if (connection.peer_port != 0)
				record.portal = {connection.peer_address, connection.peer_port};
			record.of_record = record.portal == env_.plan.node.id.portal;
			record.iface = env_.plan.node.id.iface;
			record.role = to_string(connection.role);
			record.weight = connection.weight;
			auto link = make_link(record, env_.plan.iface);
			if (!link)
				continue;
			insert(std::move(*link));
		}
		if (sid_ && !strands_.contains(connection.cid))
			start(connection.cid);
		// The daemon before this one takes it out: its CID is not free before that ends.
		if (!known && connection.state == kernel::ConnectionState::in_logout)
			if (Strand *strand = find(connection.cid))
				strand->leave(true);
	}
	const auto is_up = [&](Cid cid) {
		const auto found = find_in_dump(cid);
		return found != session.connections.end() &&
		       found->state == kernel::ConnectionState::logged_in;
	};
	// The news that one has left may have been lost.
	for (const auto &[cid, strand] : std::map(strands_))
		if (strand->state() == Strand::State::leaving && strands_.size() > 1 &&
		    find_in_dump(cid) == session.connections.end())
			forget(cid);
	for (const auto &[cid, strand] : strands_) {
		if (!active)
			strand->session_lost();
		else if (is_up(cid))
			strand->note_up();
		else {
			strand->note_lost(0);
			strand->session_back();
		}
	}
	share_room();
}

bool Strands::any_up() const
{
	return std::any_of(strands_.begin(), strands_.end(),
			   [](const auto &one) { return one.second->up(); });
}

void Strands::insert(Link link)
{
	auto &links = env_.plan.links;
	const auto by_cid = [](const Link &a, const Link &b) { return a.cid < b.cid; };
	links.insert(std::upper_bound(links.begin(), links.end(), link, by_cid), link);
}

void Strands::forget(Cid cid)
{
	auto &links = env_.plan.links;
	auto it = strands_.find(cid);
	it->second->stop();
	strands_.erase(it);
	std::erase_if(links, [cid](const Link &link) { return link.cid == cid; });
	std::erase_if(env_.plan.further_ifaces, [&](const config::Iface &iface) {
		return std::none_of(links.begin(), links.end(),
				    [&](const Link &link) { return link.iface == iface.name; });
	});
	env_.on_change();
	share_room();
}

std::vector<config::ConnectionRecord> Strands::kept() const
{
	auto connections = env_.plan.connections();
	std::erase_if(connections, [this](const auto &one) {
		const Strand *strand = find(one.cid);
		return strand && (strand->state() == Strand::State::leaving || strand->on_trial());
	});
	return connections;
}

Status Strands::may_add() const
{
	const auto refuse = [&](std::string why) {
		return fail(Code::not_supported, str(env_.title(), ": ", why));
	};
	if (!any_up())
		return fail(Code::session_not_connected,
			    str(env_.title(), ": the session has no connection now"));
	if (strands_.size() < max_connections_ && strands_.size() < config::max_connections)
		return {};
	if (strands_.size() >= config::max_connections)
		return refuse(
		    str("a session has at most ", config::max_connections, " connections"));
	const auto offered = env_.plan.login.offer.max_connections;
	const std::string limit =
	    str("it may have ", max_connections_,
		max_connections_ == 1 ? " connection" : " connections", " (MaxConnections): ");
	if (offered <= max_connections_)
		return refuse(limit + "no more were asked for at its login "
				      "(node.session.iscsi.MaxConnections)");
	return refuse(str(limit, "the target ", env_.plan.login.target_name, " allows no more"));
}

void Strands::add(const Addition &addition, std::function<void(const Joined &)> done)
{
	const auto &[portal, iface, role, weight, header_digest, data_digest] = addition;
	const auto refuse = [&](Error error) {
		LoginFailure failure;
		failure.error = std::move(error);
		done(tl::unexpected(std::move(failure)));
	};
	if (auto may = may_add(); !may)
		return refuse(may.error());
	config::ConnectionRecord record;
	while (strands_.contains(record.cid))
		record.cid = Cid(static_cast<std::uint16_t>(record.cid.value + 1));
	record.portal = portal;
	record.of_record = portal == env_.plan.node.id.portal;
	record.iface = iface.name;
	record.role = to_string(role);
	record.weight = weight;
	record.header_digest = header_digest;
	record.data_digest = data_digest;
	auto link = make_link(record, iface);
	if (!link)
		return refuse(link.error());

	insert(std::move(*link));
	if (iface.name != env_.plan.node.id.iface) {
		std::erase_if(env_.plan.further_ifaces,
			      [&](const config::Iface &one) { return one.name == iface.name; });
		env_.plan.further_ifaces.push_back(iface);
	}
	start(record.cid);
	Strand *strand = find(record.cid);
	strand->tell_first([this, strand, done = std::move(done)](const Joined &joined) {
		if (joined)
			env_.on_change();
		else if (find(strand->cid()) == strand) // and not a younger one with its CID
			forget(strand->cid());
		done(joined);
	});
	strand->session_back();
}

Result<bool> Strands::remove(Cid cid)
{
	Strand *strand = find(cid);
	if (!strand)
		return fail(Code::nothing_found,
			    str(env_.title(), ": there is no connection ", cid.value));
	const bool others_up =
	    std::any_of(strands_.begin(), strands_.end(),
			[cid](const auto &one) { return one.first != cid && one.second->up(); });
	if (!others_up && strand->up())
		return fail(Code::busy,
			    str(env_.title(), ": connection ", cid.value,
				" is the last one that is up: a logout of the session ends it"));
	if (!others_up)
		return fail(Code::session_not_connected,
			    str(env_.title(), ": connection ", cid.value,
				" is not up, nor is another: one can be taken out once the session "
				"is connected again"));
	// Kept before the module is told: a daemon that is killed in between finds it so.
	strand->leave(true);
	env_.on_change();
	auto begun = env_.control.remove_connection(*sid_, cid);
	if (begun)
		return true;
	if (begun.error().number == ENOENT)
		return false;
	strand->leave(false);
	env_.on_change();
	return tl::unexpected(begun.error().error);
}

Status Strands::change(kernel::SessionChange change)
{
	auto connections = env_.plan.connections();
	Link *link = nullptr;
	if (change.connection) {
		link = env_.plan.find(change.connection->cid);
		if (!link)
			return fail(Code::nothing_found,
				    str(env_.title(), ": there is no connection ",
					change.connection->cid.value));
		for (auto &record : connections)
			if (record.cid == link->cid && change.connection->role)
				record.role = to_string(*change.connection->role);
	}
	const auto policy = change.policy.value_or(env_.plan.settings.policy);
	// The last active one may have been taken out: that is no matter of a weight.
	if (change.policy || (change.connection && change.connection->role))
		if (auto ok = config::check_policy(to_string(policy), connections); !ok)
			return ok;
	auto changed = env_.control.change(*sid_, change);
	const auto wanted = change.connection;
	// One that is not up yet gets it when it joins.
	if (!changed && link && changed.error().number == ENOENT && !find(link->cid)->up()) {
		changed = {};
		change.connection.reset();
		if (change.policy)
			changed = env_.control.change(*sid_, change);
	}
	if (!changed)
		return tl::unexpected(changed.error().error);
	env_.plan.settings.policy = policy;
	if (link) {
		link->role = wanted->role.value_or(link->role);
		link->weight = wanted->weight.value_or(link->weight);
	}
	env_.on_change();
	return {};
}

} // namespace hawser::daemon
