/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the module is asked to do in a session and tells the end of by an event: scans, pings,
 * task management functions, Text exchanges, and the logout of a connection.
 */
#include "daemon/sessions.h"

#include "base/str.h"

#include <algorithm>
#include <utility>

namespace hawser::daemon
{

namespace
{

constexpr std::uint32_t fence_timeout = 5; // seconds: the module's, without a ping time-out

} // namespace

bool Sessions::Waiter::waits_for(const kernel::Event &event) const
{
	if (event.sid != sid)
		return false;
	if (std::holds_alternative<kernel::SessionRemoved>(event.body))
		return true;
	// What other programs ask for has events too, with their numbers.
	switch (work) {
	case Work::scan:
		return std::holds_alternative<kernel::ScanEnded>(event.body);
	case Work::ping: {
		const auto *ended = std::get_if<kernel::PingEnded>(&event.body);
		return ended && ended->id == id;
	}
	case Work::task_management: {
		const auto *ended = std::get_if<kernel::TaskManagementEnded>(&event.body);
		return ended && ended->id == id;
	}
	case Work::text: {
		const auto *ended = std::get_if<kernel::TextEnded>(&event.body);
		return ended && ended->id == id;
	}
	case Work::removal: {
		const auto *ended = std::get_if<kernel::ConnectionRemoved>(&event.body);
		return ended && ended->cid.value == id;
	}
	}
	return false;
}

/* Has the module begin something, and waits for the event of its end. */
asio::awaitable<Result<kernel::EventBody>> Sessions::have_done(Work work, Sid sid, Begin begin,
							       std::optional<Cid> cid,
							       std::chrono::seconds more)
{
	struct Row {
		std::string_view name;
		std::chrono::seconds limit; // the module's own ends before
		std::string_view then = {}; // what is true when it did not
	};
	static constexpr Row rows[] = {{"the scan", std::chrono::seconds(120)},
				       {"the ping", std::chrono::seconds(60)},
				       {"the task management function", std::chrono::seconds(60)},
				       {"the Text exchange", std::chrono::seconds(60)},
				       {"the logout", std::chrono::seconds(60),
					": the connection goes when its commands are done"}};
	const Row &row = rows[static_cast<int>(work)];
	const std::chrono::seconds limit = row.limit + more;

	const Waiter waiter{work, sid, cid ? cid->value : next_id_++,
			    std::make_shared<Mailbox<kernel::EventBody>>(env_.io.get_executor())};
	const auto forget = [&] {
		std::erase_if(waiters_,
			      [&](const Waiter &w) { return w.mailbox == waiter.mailbox; });
	};
	waiters_.push_back(waiter);
	if (auto begun = begin(waiter.id); !begun) {
		forget();
		// ENOENT: the session, or its connection.
		if (begun.error().number == ENOENT && env_.control.session(sid))
			begun.error().error.code = Code::nothing_found;
		co_return tl::unexpected(begun.error().error);
	}
	auto bodies = co_await waiter.mailbox->take(Clock::now() + limit);
	forget();
	if (bodies.empty())
		co_return fail(Code::pdu_timed_out, str(row.name, " did not end within ",
							limit.count(), " s", row.then));
	if (std::holds_alternative<kernel::SessionRemoved>(bodies.front()))
		co_return fail(Code::session_not_found,
			       str("session ", sid.value, " ended before ", row.name));
	co_return std::move(bodies.front());
}

asio::awaitable<Result<kernel::ScanEnded>> Sessions::rescan(Sid sid)
{
	auto body = co_await have_done(Work::scan, sid,
				       [&](std::uint32_t) { return env_.control.scan(sid); });
	if (!body)
		co_return tl::unexpected(body.error());
	const auto ended = std::get<kernel::ScanEnded>(*body);
	if (ended.status != 0)
		co_return fail(Code::failed, str("looking for logical units: ",
						 std::generic_category().message(ended.status)));
	co_return ended;
}

asio::awaitable<Result<kernel::PingEnded>> Sessions::ping(Sid sid, std::optional<Cid> cid,
							  std::uint32_t size)
{
	auto body = co_await have_done(Work::ping, sid, [&](std::uint32_t id) {
		return env_.control.ping(sid, cid, id, size);
	});
	if (!body)
		co_return tl::unexpected(body.error());
	const auto ended = std::get<kernel::PingEnded>(*body);
	switch (ended.status) {
	case 0:
		co_return ended;
	case ETIMEDOUT:
		co_return fail(Code::pdu_timed_out, "the target did not answer the ping in time");
	case ENOTCONN:
	case ECONNRESET:
		co_return fail(Code::session_not_connected,
			       "the connection is not up, or was lost before the target had "
			       "answered");
	default:
		co_return fail(Code::failed,
			       str("ping: ", std::generic_category().message(ended.status)));
	}
}

asio::awaitable<Result<kernel::TaskManagementEnded>>
Sessions::manage_tasks(Sid sid, std::optional<Cid> cid, const TaskManagementFunction &function,
		       std::optional<Lun> lun)
{
	const auto session = env_.control.session(sid);
	if (!session)
		co_return tl::unexpected(session.error().error);
	// The module waits for the answer as long as the record says, and then for a ping on each
	// other connection.
	const auto &settings = session->settings;
	std::uint32_t waits =
	    std::max({settings.abort_tmo, settings.lu_reset_tmo, settings.tgt_reset_tmo});
	for (const auto &connection : session->connections)
		waits += connection.ping_timeout ? connection.ping_timeout : fence_timeout;
	Begin begin = [&](std::uint32_t id) {
		auto begun = env_.control.task_management(sid, cid, id, function.code, lun);
		if (!begun && begun.error().number == EOPNOTSUPP)
			begun.error().error.code = Code::not_supported;
		return begun;
	};
	auto body = co_await have_done(Work::task_management, sid, std::move(begin), {},
				       std::chrono::seconds(waits));
	if (!body)
		co_return tl::unexpected(body.error());
	const auto ended = std::get<kernel::TaskManagementEnded>(*body);
	switch (ended.status) {
	case 0:
		co_return ended;
	case ETIMEDOUT:
		co_return fail(Code::pdu_timed_out, "the target did not answer in time");
	case EBUSY:
		co_return fail(Code::busy, "no room for the request, here or at the target");
	case ENOTCONN:
	case ECONNRESET:
		co_return fail(Code::session_not_connected,
			       "the connection was lost before the target had answered");
	case EPROTO:
		co_return fail(Code::failed, "the target rejected the request");
	default:
		co_return fail(Code::failed, std::generic_category().message(ended.status));
	}
}

asio::awaitable<Result<Bytes>> Sessions::text(Sid sid, std::optional<Cid> cid, Bytes text)
{
	auto body = co_await have_done(Work::text, sid, [&](std::uint32_t id) {
		return env_.control.text(sid, cid, id, text);
	});
	if (!body)
		co_return tl::unexpected(body.error());
	auto ended = std::get<kernel::TextEnded>(std::move(*body));
	switch (ended.status) {
	case 0:
		co_return std::move(ended.answer);
	case ETIMEDOUT:
		co_return fail(Code::pdu_timed_out, "the target did not answer the text in time");
	case EBUSY:
		co_return fail(Code::busy, "no room for a Text Request, here or at the target");
	case ENOTCONN:
	case ECONNRESET:
		co_return fail(Code::session_not_connected,
			       "the connection was lost before the Text exchange had ended");
	case EMSGSIZE:
		co_return fail(Code::failed,
			       str("the target's answer is over ", HWS_TEXT_MAX, " bytes of text"));
	case EPROTO:
		co_return fail(Code::failed, "the target rejected the text or broke the rules of "
					     "the exchange (the kernel's log says which)");
	default:
		co_return fail(Code::failed, str("Text exchange: ",
						 std::generic_category().message(ended.status)));
	}
}

asio::awaitable<Status> Sessions::remove_connection(Sid sid, Cid cid)
{
	const auto agent = find(sid);
	if (!agent)
		co_return fail(
		    Code::session_not_found,
		    str("session ", sid.value, " is none that this service looks after"));
	Begin begin = [this, agent, sid, cid](std::uint32_t) -> kernel::Answer<void> {
		auto begun = agent->strands().remove(cid);
		if (!begun)
			return tl::unexpected(kernel::Refusal{0, begun.error()});
		if (!*begun) // the module says nothing of what it does not have
			on_event({0, sid, kernel::ConnectionRemoved{cid}});
		return {};
	};
	auto body = co_await have_done(Work::removal, sid, std::move(begin), cid);
	if (!body)
		co_return tl::unexpected(body.error());
	co_return Status();
}

/* Of ends that were told by events which got lost. */
void Sessions::tell_waiters(const std::map<Sid, const kernel::SessionInfo *> &live)
{
	for (const Waiter &waiter : std::vector(waiters_)) {
		auto it = live.find(waiter.sid);
		if (it == live.end()) {
			waiter.mailbox->put(kernel::SessionRemoved{});
			continue;
		}
		const Cid cid(static_cast<std::uint16_t>(waiter.id));
		const auto &connections = it->second->connections;
		if (waiter.work == Work::removal &&
		    std::none_of(connections.begin(), connections.end(),
				 [&](const auto &one) { return one.cid == cid; }))
			on_event({0, waiter.sid, kernel::ConnectionRemoved{cid}});
	}
}

} // namespace hawser::daemon
