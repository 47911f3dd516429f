/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/agent.h"

#include "base/str.h"

#include <asio/co_spawn.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <cerrno>
#include <random>
#include <utility>

namespace hawser::daemon
{

using namespace asio::experimental::awaitable_operators;

namespace
{

/* One failure that goes on is logged again after this. */
constexpr std::chrono::minutes log_again{10};

/* What the module refuses now and may take later. */
bool may_pass(Code code)
{
	return code == Code::session_not_connected || code == Code::no_memory ||
	       code == Code::busy || code == Code::try_again;
}

} // namespace

LoginFailure SessionAgent::local_failure(Error error, bool retryable)
{
	LoginFailure failure;
	failure.error = std::move(error);
	failure.retryable = retryable;
	return failure;
}

Error SessionAgent::why_refused(const kernel::Refusal &refusal,
				const std::optional<kernel::SessionParameters> &parameters)
{
	Error error = refusal.error;
	if (refusal.number == EOPNOTSUPP && parameters && parameters->error_recovery_level > 0)
		error.text = str("the target agreed to ErrorRecoveryLevel=",
				 unsigned{parameters->error_recovery_level},
				 " (node.session.iscsi.ERL), and the module refuses: ", error.text);
	return error;
}

SessionAgent::SessionAgent(const Surroundings &surroundings, Plan plan)
    : env_(surroundings),
      plan_(std::move(plan)),
      signal_(env_.io.get_executor()),
      backoff_(std::random_device{}()),
      pace_(std::random_device{}(), fruitless_pause, fruitless_pause_max),
      strands_(of_strands())
{
}

Strand::Surroundings SessionAgent::of_strands()
{
	return {
	    .io = env_.io,
	    .log = env_.log,
	    .control = env_.control,
	    .connector = env_.connector,
	    .plan = plan_,
	    .title = [this] { return title(); },
	    .on_session_news =
		[this](int number) {
			gone_ |= number == ENOENT;
			logging_out_ |= number == ESHUTDOWN;
			lost_ |= number == ENOTCONN;
			signal_.notify();
		},
	    .on_denied = [this] { leave_denied(); },
	    .on_change = [this] { save_change(); },
	};
}

/* What is up leads nowhere, whatever the target still answers there: a new session. */
void SessionAgent::leave_denied()
{
	env_.log(Level::error, title(),
		 ": the target says that the session does not exist; it is recovered as a whole");
	for (const auto &[cid, strand] : strands_.all())
		if (strand->up())
			if (auto dropped = env_.control.drop(*sid_, cid); !dropped)
				env_.log(Level::error, title(), ": connection ", cid.value,
					 " cannot be dropped: ", dropped.error().error.text);
}

void SessionAgent::start(Persistence persistence, OnFirstLogin on_first_login)
{
	persistence_ = persistence;
	on_first_login_ = std::move(on_first_login);
	key_ = SavedSessions::make_key();
	asio::co_spawn(env_.io, run(shared_from_this()), escalate);
}

void SessionAgent::take_over(const kernel::SessionInfo &session, std::string key)
{
	key_ = std::move(key);
	sid_ = session.sid;
	state_ = State::logged_in;
	scanned_ = true;
	strands_.begin(*sid_, shared_from_this());
	on_dump(&session);
	asio::co_spawn(env_.io, run(shared_from_this()), escalate);
}

void SessionAgent::log_out(std::function<void(Status)> done)
{
	if (state_ == State::ended) {
		done({});
		return;
	}
	if (sid_ && !gone_) {
		auto refused = env_.control.delete_session(*sid_);
		if (!refused && refused.error().number == ENOENT) {
			gone_ = true;
		} else if (!refused) {
			done(tl::unexpected(refused.error().error));
			return;
		}
	}
	logging_out_ = true;
	on_logged_out_.push_back(std::move(done));
	signal_.notify();
}

void SessionAgent::give_up(Error why)
{
	if (sid_ || state_ == State::ended)
		return;
	given_up_ = std::move(why);
	logging_out_ = true;
	signal_.notify();
}

void SessionAgent::on_event(const kernel::Event &event)
{
	if (std::holds_alternative<kernel::SessionRemoved>(event.body)) {
		// The number may be given anew before the news of its end is read.
		auto session = env_.control.session(*sid_);
		gone_ = !session || as_text(session->identity.owner_key) != key_;
	} else if (const auto *lost = std::get_if<kernel::ConnectionLost>(&event.body)) {
		env_.log(Level::error, title(), ": connection ", lost->cid.value,
			 " was lost: ", kernel::to_string(lost->loss));
		strands_.on_event(event);
		if (!strands_.any_up()) {
			strands_.session_lost();
			wait_at_least(lost->time2wait);
			lost_ = true;
		}
	} else if (const auto *changed = std::get_if<kernel::SessionStateChanged>(&event.body)) {
		// The losses that it consists of follow, and say how long to wait.
		if (changed->state == kernel::SessionState::failed)
			strands_.session_lost();
		if (changed->state == kernel::SessionState::expired)
			env_.log(Level::error, title(), ": no connection for ",
				 plan_.settings.recovery_tmo,
				 " s, I/O fails until the target is back");
	} else if (const auto *scan = std::get_if<kernel::ScanEnded>(&event.body)) {
		scanned_ = true;
		if (scan->status != 0)
			env_.log(Level::error, title(), ": looking for logical units failed: ",
				 std::generic_category().message(scan->status));
	} else {
		strands_.on_event(event);
	}
	signal_.notify();
}

void SessionAgent::on_dump(const kernel::SessionInfo *session)
{
	if (!session) {
		gone_ = true;
	} else if (session->state == kernel::SessionState::closing) {
		logging_out_ = true;
	} else if (session->state == kernel::SessionState::failed ||
		   session->state == kernel::SessionState::expired) {
		wait_at_least(session->parameters.time2wait);
		lost_ = true;
	}
	if (session) {
		// Older than what the module has, when a daemon was killed before it saved it.
		const kernel::Policy policy = session->settings.policy;
		if (policy != plan_.settings.policy && put_policy(policy))
			plan_.settings.policy = policy;
		strands_.on_dump(*session);
	}
	signal_.notify();
}

/* @self keeps the agent for as long as this runs. */
asio::awaitable<void> SessionAgent::run([[maybe_unused]] std::shared_ptr<SessionAgent> self)
{
	if (!sid_)
		co_await first_login();
	while (sid_ && !gone_) {
		if (lost_ && !logging_out_)
			co_await reconnect();
		else
			co_await signal_.wait_until();
	}
	end();
}

/* Logs in until there is a session, or until there is nothing left to try. */
asio::awaitable<void> SessionAgent::first_login()
{
	LoginFailure failure =
	    local_failure({Code::failed, "logged out before the login had ended"}, false);
	while (!stopped()) {
		const std::vector<Way> ways{plan_.way(plan_.links.front())};
		const Cid cid = ways.front().link.cid;
		auto login = co_await attempt(ways);
		if (stopped())
			break;
		if (login) {
			follow(cid, *login);
			learn_tpgt(*login);
			co_await until_moved();
			if (stopped())
				break;
			auto made = make_session(*login);
			if (made) {
				note_connected();
				strands_.begin(*made, shared_from_this());
				strands_.session_back(cid,
						      login->result.parameters.max_connections);
				if (plan_.settings.scan == kernel::ScanMode::automatic)
					co_await until_scanned();
				report(*made);
				co_return;
			}
			/* The target may have gone in between; what is wrong with us stays wrong.
			 */
			failure = local_failure(made.error(), may_pass(made.error().code));
			if (login->moved_to && login->result.target.tpgt)
				plan_.login.expected_tpgt = *login->result.target.tpgt;
		} else {
			failure = std::move(login.error());
		}
		note_failure(failure);
		const bool limited = persistence_ == Persistence::limited;
		// A target that is being set up refuses with the same words as one that never will
		// let us in. A session that the module did not take of a login that succeeded is
		// not tried again, it may be there already; nor one that there is no module for.
		const bool final = !failure.retryable && (limited || login.has_value() ||
							  failure.error.code == Code::no_module);
		if (final || (limited && attempts_ > plan_.initial_login_retries))
			break;
		std::chrono::milliseconds wait = first_login_pause;
		if (!limited)
			wait = failure.retryable ? backoff_.next() : backoff_.next_after_final();
		co_await pause(wait);
	}
	if (given_up_)
		failure = local_failure(*given_up_, false);
	report(tl::unexpected(std::move(failure)));
}

/* One login, cut short when there is no more use for it. */
asio::awaitable<Connector::Outcome> SessionAgent::attempt(const std::vector<Way> &ways)
{
	next_attempt_.reset();
	auto first = co_await (try_login(env_.connector, plan_, ways) || until_stopped());
	if (first.index() == 1)
		co_return tl::unexpected(
		    local_failure({Code::failed, "logged out before the login had ended"}, false));
	co_return std::move(std::get<0>(first));
}

asio::awaitable<void> SessionAgent::until_stopped()
{
	while (!stopped())
		co_await signal_.wait_until();
}

void SessionAgent::wait_at_least(std::uint16_t time2wait)
{
	not_before_ = std::max(not_before_, Clock::now() + std::chrono::seconds(time2wait));
}

asio::awaitable<void> SessionAgent::pause(std::chrono::milliseconds time)
{
	co_await pause_until(Clock::now() + time);
}

asio::awaitable<void> SessionAgent::pause_until(Clock::time_point deadline)
{
	next_attempt_ = deadline;
	while (!stopped() && Clock::now() < deadline)
		co_await signal_.wait_until(deadline);
	next_attempt_.reset();
}

/* So that who asked for the login finds its disks when he is told of its success. */
asio::awaitable<void> SessionAgent::until_scanned()
{
	const auto deadline = Clock::now() + scan_limit;
	while (!scanned_ && !lost_ && !stopped() && Clock::now() < deadline)
		co_await signal_.wait_until(deadline);
}

/*
 * So that a session's disks are named by the portal that its record has. The disk that the
 * record is on may be gone: then the session is made all the same.
 */
asio::awaitable<void> SessionAgent::until_moved()
{
	const auto deadline = Clock::now() + move_limit;
	while (moving_ && !stopped() && Clock::now() < deadline)
		co_await signal_.wait_until(deadline);
}

/*
 * Goes along when the login ended at an address that the target has moved to for good. The
 * record is of the portal that it names: its connections move it.
 */
void SessionAgent::follow(Cid cid, const LoggedIn &login)
{
	Link *link = plan_.find(cid);
	if (!link || !login.moved_to || *login.moved_to == link->portal ||
	    !login.result.target.tpgt)
		return;
	env_.log(Level::notice, title(), ": the target has moved for good to ",
		 to_string(*login.moved_to));
	link->portal = *login.moved_to;
	if (!link->of_record)
		return save_change();
	moving_ = true;
	env_.on_moved(*this, {link->portal.host, link->portal.port}, *login.result.target.tpgt);
}

/* Of the record's own portal alone: where a redirection led may be another group. */
void SessionAgent::learn_tpgt(const LoggedIn &login)
{
	const auto tpgt = login.result.target.tpgt;
	const config::PortalId at{login.address.host, login.address.port};
	if (plan_.node.tpgt >= 0 || !tpgt || at != plan_.node.id.portal)
		return;
	plan_.node.tpgt = tpgt->value;
	env_.on_tpgt(plan_.node.id, *tpgt);
}

void SessionAgent::record_moved(const config::Node &record)
{
	moving_ = false;
	plan_.node.id = record.id;
	plan_.node.tpgt = record.tpgt;
	if (auto portal = parse_host(record.id.portal.host, record.id.portal.port)) {
		for (Link &link : plan_.links)
			if (link.of_record)
				link.portal = *portal;
	}
	if (!sid_) {
		plan_.persistent_portal = record.id.portal;
		if (record.tpgt >= 0)
			plan_.login.expected_tpgt = Tpgt(static_cast<std::uint16_t>(record.tpgt));
	}
	save_change();
	env_.log(Level::notice, title(), ": the record has the new address",
		 sid_ ? "; /dev/disk/by-path has it with the next session" : "");
	signal_.notify();
}

/* What a daemon needs to take the session over. */
Status SessionAgent::save()
{
	return env_.saved.save({key_, plan_.node, plan_.iface, strands_.kept(),
				plan_.further_ifaces, plan_.portals, plan_.auth_method});
}

void SessionAgent::save_change()
{
	if (!sid_ || state_ == State::ended)
		return;
	// What waits for the keys to be read is saved then.
	if (auto saved = save(); !saved && saved.error().code != Code::try_again)
		env_.log(Level::error, title(), ": ", saved.error().text);
}

/* Where it is saved. */
Status SessionAgent::put_policy(kernel::Policy policy)
{
	auto set =
	    plan_.node.settings.set("node.session.policy", to_string(policy), env_.saved.secrets());
	if (!set)
		return tl::unexpected(set.error());
	return {};
}

Status SessionAgent::change(const kernel::SessionChange &change)
{
	const config::Settings before = plan_.node.settings;
	if (change.policy)
		if (auto put = put_policy(*change.policy); !put)
			return put;
	auto changed = strands_.change(change);
	if (!changed)
		plan_.node.settings = before;
	return changed;
}

void SessionAgent::record_kept(const Error &why)
{
	moving_ = false;
	env_.log(Level::warning, title(), ": the record keeps its address: ", why.text);
	signal_.notify();
}

/* Has the module make the session; what is needed to take it over is saved before. */
Result<Sid> SessionAgent::make_session(LoggedIn &login)
{
	auto identity = identity_of(plan_, login.result, key_);
	if (!identity)
		return tl::unexpected(identity.error());
	plan_.auth_method = login.result.auth_method;
	if (auto saved = save(); !saved)
		return tl::unexpected(saved.error());

	note_missing(login.result);
	const kernel::NewSession session{std::move(*identity), parameters_of(login.result),
					 plan_.settings};
	auto handle = env_.control.new_session(
	    session,
	    connection_of(plan_, plan_.links.front(), login.result, login.socket.native_handle()));
	if (!handle) {
		env_.saved.remove(key_);
		return tl::unexpected(why_refused(handle.error(), session.parameters));
	}
	sid_ = handle->sid;
	// A reinstatement in another portal group would be another session.
	plan_.login.expected_tpgt = session.identity.tpgt;
	env_.log(Level::notice, title(), ": logged in");
	warn_of_retention(login.result);
	env_.on_session(*this);
	return handle->sid;
}

/* A record may say 0, and so may a target. */
void SessionAgent::warn_of_retention(const LoginResult &result)
{
	const NegotiatedParameters &p = result.parameters;
	if (p.error_recovery_level == 2 && p.default_time2retain == 0)
		env_.log(Level::warning, title(),
			 ": ErrorRecoveryLevel=2 with DefaultTime2Retain=0: the target keeps no "
			 "tasks when the last connection is lost "
			 "(node.session.iscsi.DefaultTime2Retain)");
}

void SessionAgent::note_missing(const LoginResult &result)
{
	if (!result.unavailable_algorithms.empty())
		env_.log(Level::warning, title(),
			 ": CHAP algorithms that libcrypto does not have (FIPS mode?) were not "
			 "offered: ",
			 to_string(result.unavailable_algorithms));
}

void SessionAgent::note_failure(LoginFailure failure)
{
	attempts_++;
	tell_failure(std::move(failure));
}

/* Of what failed before the target was asked. */
void SessionAgent::tell_failure(LoginFailure failure)
{
	const auto now = Clock::now();
	if (failure.error.text != logged_failure_ || now - logged_at_ >= log_again) {
		env_.log(Level::error, title(), ": login failed: ", failure.error.text);
		logged_failure_ = failure.error.text;
		logged_at_ = now;
	}
	last_failure_ = std::move(failure);
}

void SessionAgent::note_connected(std::string_view how)
{
	if (state_ == State::reconnecting) {
		const auto outage =
		    std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - lost_at_);
		env_.log(Level::notice, title(), ": connected again after ", outage.count(), " s",
			 how, ", failed logins: ", attempts_);
	}
	state_ = State::logged_in;
	lost_ = false;
	attempts_ = 0;
	last_failure_.reset();
	logged_failure_.clear();
	connected_ = {Clock::now(), completions()};
}

void SessionAgent::report(FirstLogin outcome)
{
	if (auto tell = std::exchange(on_first_login_, nullptr))
		tell(outcome);
}

void SessionAgent::end()
{
	state_ = State::ended;
	strands_.stop();
	env_.saved.remove(key_);
	if (sid_)
		env_.log(Level::notice, title(), ": session ended");
	for (auto &done : std::exchange(on_logged_out_, {}))
		done({});
	env_.on_end(*this);
}

std::string SessionAgent::title() const
{
	return sid_ ? str("session ", sid_->value, " (", plan_.name(), ")") : plan_.name();
}

} // namespace hawser::daemon
