/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a session that has lost its last connection comes back. */
#include "daemon/agent.h"

#include "base/str.h"

#include <algorithm>
#include <cerrno>
#include <hawser/hawser.h>
#include <utility>

namespace hawser::daemon
{

/* Logs in again until the module has a connection, or no session any more. */
asio::awaitable<void> SessionAgent::reconnect()
{
	state_ = State::reconnecting;
	lost_at_ = Clock::now();
	// Each connection's loss may put it off.
	while (!stopped() && Clock::now() < not_before_)
		co_await pause_until(not_before_);
	retention_ = what_is_retained();
	// A target that takes us and drops us again is not asked at full speed for ever, whatever
	// it does meanwhile.
	const bool too_often = !reconnects_.allow(lost_at_);
	if (fruitless() > fruitless_free || too_often)
		co_await pause(pace_.next());
	else
		pace_.reset();
	backoff_.reset();

	while (!stopped() && lost_) {
		auto claimed = claim();
		if (!claimed) {
			const int number = claimed.error().number;
			if (number == EISCONN) {
				note_connected();
				if (auto session = env_.control.session(*sid_))
					strands_.on_dump(*session);
				co_return;
			}
			// The session, or its connections alone.
			if (number == ENOENT && !env_.control.session(*sid_))
				gone_ = true;
			if (number == ESHUTDOWN)
				logging_out_ = true; // by whomever: its end is on the way
			if (stopped())
				co_return;
			tell_failure(local_failure(claimed.error().error, true));
			co_await pause(backoff_.next());
			continue;
		}

		strands_.session_lost();
		auto outcome = co_await attempt(claimed->ways);
		if (stopped())
			co_return;
		std::optional<LoginFailure> failure;
		if (outcome) {
			failure = hand_over(*claimed, *outcome);
		} else {
			release(*claimed);
			failure = std::move(outcome.error());
		}
		if (!failure)
			co_return;
		if (claimed->recovery == Recovery::connection && ends_retention(*failure)) {
			retention_.over = true;
			env_.log(Level::warning, title(), ": connection ",
				 claimed->ways.front().login.cid.value,
				 " is not reinstated, logging in anew: ", failure->error.text);
			continue;
		}
		note_failure(std::move(*failure));
		if (plan_.reopen_max != 0 && attempts_ >= plan_.reopen_max) {
			env_.log(Level::error, title(), ": given up after ", attempts_,
				 " logins (node.session.reopen_max)");
			auto deleted = env_.control.delete_session(*sid_);
			if (deleted || deleted.error().number == ENOENT) {
				logging_out_ = true;
				co_return;
			}
			env_.log(Level::error, title(),
				 ": it cannot be ended yet: ", deleted.error().error.text);
		}
		// Worked out before the co_await: g++ 12 runs both sides of a ?: within one.
		const auto wait = last_failure_ && !last_failure_->retryable
				      ? backoff_.next_after_final()
				      : backoff_.next();
		co_await pause(wait);
	}
}

/* Commands that the target has ended, or 0 when that cannot be told. */
std::uint64_t SessionAgent::completions()
{
	const auto stats = env_.control.stats(*sid_);
	if (!stats)
		return 0;
	const auto found = stats->session.find(HWS_SESSION_STAT_COMPLETIONS);
	return found == stats->session.end() ? 0 : found->second;
}

/*
 * As the session was negotiated. When an earlier daemon saw the loss, time is counted from
 * now: a target that has let go of the tasks says so.
 */
Retention SessionAgent::what_is_retained()
{
	Retention retention;
	retention.time2wait = std::chrono::ceil<std::chrono::seconds>(
	    std::max(Clock::duration::zero(), not_before_ - lost_at_));
	if (auto session = env_.control.session(*sid_)) {
		retention.error_recovery_level = session->parameters.error_recovery_level;
		retention.time2retain = std::chrono::seconds(session->parameters.time2retain);
	}
	if (auto last = std::exchange(reinstated_, std::nullopt))
		short_lived_ =
		    Clock::now() - last->at < lasting && completions() == last->completions
			? short_lived_ + 1
			: 0;
	retention.short_lived = short_lived_;
	if (short_lived_ == max_short_lived)
		env_.log(Level::warning, title(), ": reinstated ", short_lived_,
			 " times and lost again each time, logging in anew");
	return retention;
}

/* For connections whose tasks module and target have kept, or else for the session. */
kernel::Answer<SessionAgent::Claim> SessionAgent::claim()
{
	if (next_recovery(retention_, Clock::now() - lost_at_) == Recovery::connection) {
		auto claimed = claim(Recovery::connection, plan_.links);
		if (claimed || claimed.error().number != ENOENT)
			return claimed;
		retention_.over = true; // the module has kept nothing
	}
	return claim(Recovery::session, leaders());
}

/*
 * For all of @leaders that reach the target in ways of their own: whichever is connected
 * first leads. In their order, so the session's own portal comes first, each time.
 */
kernel::Answer<SessionAgent::Claim> SessionAgent::claim(Recovery recovery,
							const std::vector<Link> &leaders)
{
	const bool connection = recovery == Recovery::connection;
	const auto kind = connection ? kernel::AdoptKind::reinstate : kernel::AdoptKind::session;
	Claim claim{recovery};
	std::optional<kernel::Refusal> refusal;
	for (const Link &link : leaders) {
		if (leads_along(claim.ways, link.portal, link.iface))
			continue;
		auto reservation = env_.control.reserve(*sid_, kind, link.cid);
		if (!reservation) {
			// Of several reasons the one that may pass: not that it does not exist.
			if (!refusal || refusal->number == ENOENT)
				refusal = reservation.error();
			continue;
		}
		Way &way = claim.ways.emplace_back();
		if (connection) {
			way = plan_.way_into(link, reservation->tsih);
			way.login.exp_stat_sn = reservation->exp_stat_sn; // RFC 7143, 11.12.9
		} else {
			way = plan_.way(link);
		}
		way.login.cmd_sn = reservation->cmd_sn;
		claim.cookies[link.cid] = reservation->cookie;
	}
	if (claim.ways.empty())
		return tl::unexpected(*refusal);
	plan_.add_hops(claim.ways);
	return claim;
}

void SessionAgent::release(const Claim &claim, std::optional<Cid> but)
{
	for (const auto &[cid, cookie] : claim.cookies)
		if (cid != but)
			env_.control.release(*sid_, cookie);
}

/*
 * The connections that may reinstate the session: those that it had (RFC 7143, 6.3.5), for
 * the first one may have been taken out, or one may never have joined. At least one.
 */
std::vector<Link> SessionAgent::leaders()
{
	std::vector<Link> found;
	const auto session = env_.control.session(*sid_);
	for (const Link &link : plan_.links)
		if (session && std::any_of(session->connections.begin(), session->connections.end(),
					   [&](const auto &one) { return one.cid == link.cid; }))
			found.push_back(link);
	if (found.empty())
		found.push_back(plan_.links.front());
	return found;
}

/* How often in a row the session has been lost without having been of use. */
unsigned SessionAgent::fruitless()
{
	const bool lasted = Clock::now() - connected_.at >= lasting;
	fruitless_ = lasted || completions() != connected_.completions ? 0 : fruitless_ + 1;
	return fruitless_;
}

/* Nothing when the module has the connection. */
std::optional<LoginFailure> SessionAgent::hand_over(const Claim &claim, LoggedIn &login)
{
	const Cid cid = claim.ways[login.way].link.cid;
	const std::uint64_t cookie = claim.cookies.at(cid);
	const bool anew = claim.recovery == Recovery::session;
	release(claim, cid);
	// A redirection may have led there; it is the session's other half (RFC 7143, 4.4.3).
	const auto &tpgt = login.result.target.tpgt;
	if (tpgt != plan_.login.expected_tpgt && (anew || tpgt)) {
		env_.control.release(*sid_, cookie);
		return local_failure(
		    {Code::login_final,
		     str("the target is in another portal group at ", to_string(login.address),
			 " than the session's (RFC 7143, 4.4.3)")},
		    false);
	}
	note_missing(login.result);
	// As it is by now: its role and weight may have been changed while it logged in.
	const Link *found = plan_.find(cid);
	const Link link = found ? *found : claim.ways[login.way].link;
	const auto connection =
	    connection_of(plan_, link, login.result, login.socket.native_handle());
	const auto parameters = parameters_of(login.result);
	std::optional<std::uint16_t> max_connections;
	if (anew)
		max_connections = parameters.max_connections;
	const auto completed = anew ? 0 : completions();
	// Before the call: the old session is over at the target, whatever the module says.
	if (anew && plan_.auth_method != login.result.auth_method) {
		plan_.auth_method = login.result.auth_method;
		save_change();
	}
	// Before the call: the event of a connection that is lost at once comes later.
	lost_ = false;
	auto adopted = env_.control.adopt(*sid_, cookie, connection, parameters);
	if (!adopted) {
		lost_ = true;
		return local_failure(why_refused(adopted.error(), parameters), true);
	}
	if (anew)
		short_lived_ = 0;
	else
		reinstated_ = {Clock::now(), completed};
	std::string how =
	    anew ? ", logged in anew" : str(", connection ", cid.value, " reinstated");
	if (login.address != link.portal)
		how += str(" over portal ", to_string(login.address));
	note_connected(how);
	if (anew)
		warn_of_retention(login.result);
	follow(cid, login);
	strands_.session_back(cid, max_connections);
	return std::nullopt;
}

} // namespace hawser::daemon
