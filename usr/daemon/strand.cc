/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/strand.h"

#include "base/str.h"

#include <asio/experimental/awaitable_operators.hpp>
#include <cerrno>
#include <random>
#include <utility>

namespace hawser::daemon
{

using namespace asio::experimental::awaitable_operators;

namespace
{

/* RFC 7143, 11.13.5: session does not exist. */
bool denies_session(const LoginFailure &failure)
{
	return failure.status == LoginStatus{0x02, 0x0a};
}

} // namespace

Strand::Strand(const Surroundings &surroundings, Cid cid)
    : env_(surroundings),
      cid_(cid),
      signal_(env_.io.get_executor()),
      backoff_(std::random_device{}()),
      pace_(std::random_device{}(), short_life_pause)
{
}

bool Strand::wanted() const
{
	return !stopped_ && !up_ && !leaving_ && session_up_ && room_;
}

Strand::State Strand::state() const
{
	if (leaving_)
		return State::leaving;
	if (up_)
		return State::up;
	if (!room_)
		return State::off;
	return session_up_ ? State::joining : State::waiting;
}

void Strand::stop()
{
	stopped_ = true;
	signal_.notify();
}

void Strand::note_up()
{
	if (!up_)
		up_since_ = Clock::now();
	up_ = true;
	was_up_ = true;
	session_up_ = true;
	attempts_ = 0;
	denials_ = 0;
	last_failure_.reset();
	logged_failure_.clear();
	report(cid_);
	signal_.notify();
}

void Strand::note_lost(std::uint16_t time2wait)
{
	if (lived_long())
		note_long_life();
	else if (up_ && ++short_lived_ > short_lives_free)
		not_before_ = Clock::now() + pace_.next();
	up_ = false;
	time2wait_ = time2wait;
	signal_.notify();
}

void Strand::note_long_life()
{
	short_lived_ = 0;
	pace_.reset();
	not_before_ = {};
}

/* Time2Wait is for who reinstates the session: the others follow that. */
void Strand::session_lost()
{
	if (lived_long())
		note_long_life();
	up_ = false;
	session_up_ = false;
	denials_ = 0;
	time2wait_ = 0;
	signal_.notify();
}

void Strand::session_back(bool anew)
{
	was_up_ = up_ || (was_up_ && !anew);
	session_up_ = true;
	signal_.notify();
}

void Strand::give_room(bool room)
{
	room_ = room;
	signal_.notify();
}

void Strand::leave(bool leaving)
{
	leaving_ = leaving;
	signal_.notify();
}

void Strand::tell_first(std::function<void(const Joined &)> done)
{
	on_first_ = std::move(done);
	on_trial_ = true;
}

asio::awaitable<void> Strand::run(Sid sid, [[maybe_unused]] std::shared_ptr<Strand> self,
				  [[maybe_unused]] std::shared_ptr<void> session)
{
	while (!stopped_) {
		if (wanted()) {
			co_await join(sid);
			continue;
		}
		/* Who asked for it by hand is told, and may ask again. */
		if (!session_up_ || !room_) {
			LoginFailure cannot;
			cannot.error = session_up_
					   ? Error{Code::not_supported,
						   "the session may have no more connections now "
						   "(MaxConnections)"}
					   : Error{Code::session_not_connected,
						   "the session has no connection now"};
			report(tl::unexpected(std::move(cannot)));
		}
		if (!stopped_)
			co_await signal_.wait_until();
	}
	LoginFailure ended;
	ended.error = leaving_ ? Error{Code::failed, "it was taken out before it was up"}
			       : Error{Code::session_not_found, "the session ended before"};
	report(tl::unexpected(std::move(ended)));
}

/* Logs in until the module has the connection, or it has no place any more. */
asio::awaitable<void> Strand::join(Sid sid)
{
	co_await pause(std::chrono::seconds(std::exchange(time2wait_, 0)));
	co_await pause_until(not_before_);
	backoff_.reset();
	Backoff busy_wait(std::random_device{}(), busy_pause, busy_pause_max);

	while (wanted()) {
		auto reservation = env_.control.reserve(sid, kernel::AdoptKind::join, cid_);
		if (!reservation) {
			if (!may_try_again(reservation.error()))
				co_return;
			const bool busy = reservation.error().number == EBUSY;
			const auto wait = busy ? busy_wait.next() : backoff_.next();
			co_await pause(wait);
			continue;
		}

		// A copy: links come and go while the login is under way.
		std::vector<Way> ways{env_.plan.way_into(*env_.plan.find(cid_), reservation->tsih)};
		ways.front().login.cmd_sn = reservation->cmd_sn;
		auto outcome = co_await attempt(ways);
		if (outcome && wanted()) {
			if (hand_over(sid, *outcome, *reservation))
				co_return;
		} else {
			env_.control.release(sid, reservation->cookie);
			if (!wanted())
				co_return;
			note_failure(std::move(outcome.error()));
		}
		// Worked out before the co_await: g++ 12 runs both sides of a ?: within one.
		const bool denied = denies_session(*last_failure_);
		// A portal where the session never was is no witness of its end.
		denials_ = denied && was_up_ ? denials_ + 1 : 0;
		if (denials_ == denials_max)
			env_.on_denied();
		const auto wait = last_failure_->retryable || denied ? backoff_.next()
								     : backoff_.next_after_final();
		co_await pause(wait);
	}
}

bool Strand::may_try_again(const kernel::Refusal &refusal)
{
	LoginFailure failure;
	failure.error = refusal.error;
	switch (refusal.number) {
	case EISCONN:
		note_up();
		return false;
	case ENOENT:
	case ESHUTDOWN:
	case ENOTCONN:
		session_up_ = false;
		env_.on_session_news(refusal.number);
		return false;
	case EBUSY:
		return true;
	case ENOSPC:
	case EOPNOTSUPP:
		room_ = false;
		note_failure(std::move(failure));
		return false;
	default:
		failure.retryable = true;
		note_failure(std::move(failure));
		return true;
	}
}

/* One login, cut short when there is no more use for it. */
asio::awaitable<Connector::Outcome> Strand::attempt(const std::vector<Way> &ways)
{
	next_attempt_.reset();
	auto first = co_await (try_login(env_.connector, env_.plan, ways) || until_unwanted());
	if (first.index() == 1) {
		LoginFailure cut;
		cut.error = {Code::failed, "there was no use for the connection any more"};
		co_return tl::unexpected(std::move(cut));
	}
	co_return std::move(std::get<0>(first));
}

asio::awaitable<void> Strand::until_unwanted()
{
	while (wanted())
		co_await signal_.wait_until();
}

asio::awaitable<void> Strand::pause(std::chrono::milliseconds time)
{
	co_await pause_until(Clock::now() + time);
}

asio::awaitable<void> Strand::pause_until(Clock::time_point deadline)
{
	next_attempt_ = deadline;
	while (wanted() && Clock::now() < deadline)
		co_await signal_.wait_until(deadline);
	next_attempt_.reset();
}

/* True when the module has it. */
bool Strand::hand_over(Sid sid, LoggedIn &login, const kernel::Reservation &reservation)
{
	// A redirection may have led out of it; a session has one (RFC 7143, 4.4.3).
	const auto &tpgt = login.result.target.tpgt;
	if (tpgt && tpgt != env_.plan.login.expected_tpgt) {
		env_.control.release(sid, reservation.cookie);
		LoginFailure elsewhere;
		elsewhere.error = {Code::login_final,
				   str("portal group ", tpgt->value, " at ",
				       to_string(login.address),
				       " is another than the session's (RFC 7143, 4.4.3)")};
		note_failure(std::move(elsewhere));
		return false;
	}
	Link *link = env_.plan.find(cid_);
	const auto connection =
	    connection_of(env_.plan, *link, login.result, login.socket.native_handle());
	// Its portal and interface are known to nobody else once the module has it.
	if (std::exchange(on_trial_, false))
		env_.on_change();
	// Before the call: the event of a connection that is lost at once comes later.
	up_ = true;
	up_since_ = Clock::now();
	auto adopted =
	    env_.control.adopt(sid, reservation.cookie, connection, parameters_of(login.result));
	if (!adopted) {
		up_ = false;
		LoginFailure failure;
		failure.error = adopted.error().error;
		failure.retryable = true;
		note_failure(std::move(failure));
		return false;
	}
	env_.log(Level::notice, title(), " joined at ", to_string(login.address),
		 attempts_ > 0 ? str(", failed logins: ", attempts_) : std::string());
	if (login.moved_to && *login.moved_to != link->portal) {
		link->portal = *login.moved_to;
		env_.on_change();
	}
	note_up();
	return true;
}

void Strand::note_failure(LoginFailure failure)
{
	attempts_++;
	if (failure.error.text != logged_failure_) {
		env_.log(Level::error, title(), " cannot join: ", failure.error.text);
		logged_failure_ = failure.error.text;
	}
	report(tl::unexpected(failure));
	last_failure_ = std::move(failure);
}

void Strand::report(const Joined &joined)
{
	on_trial_ = false;
	if (auto tell = std::exchange(on_first_, nullptr))
		tell(joined);
}

std::string Strand::title() const
{
	return str(env_.title(), ": connection ", cid_.value);
}

} // namespace hawser::daemon
