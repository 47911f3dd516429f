/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/isns_server.h"

#include "base/str.h"
#include "iscsi/login_io.h"

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/ip/v6_only.hpp>
#include <netinet/in.h>

namespace hawser::daemon
{

namespace
{

using asio::ip::tcp;

/* For what a server sends by itself there is little to say. */
constexpr std::size_t max_incoming_message = 65536;
constexpr std::size_t max_incoming = 8;

/* After what a server names could not be stored. */
constexpr std::chrono::minutes keep_again{1};

/* Whether the server knows the initiator at all: what it tells strangers says nothing. */
bool is_known(const isns::Message &presence, const std::string &name)
{
	const auto &attributes = presence.operating();

	return std::any_of(attributes.begin(), attributes.end(), [&](const auto &attribute) {
		return attribute.tag == isns::tag::iscsi_name &&
		       equals_nocase(attribute.text().value_or(""), name);
	});
}

/* So that the same targets are the same list, however the server has sorted them. */
void in_order(DiscoveryReply &reply)
{
	std::sort(reply.targets.begin(), reply.targets.end(),
		  [](const auto &a, const auto &b) { return a.name < b.name; });
	for (DiscoveredTarget &target : reply.targets)
		std::sort(target.portals.begin(), target.portals.end());
}

/* Whether @now has a target that is not in @before, or not like this. */
bool names_more(const DiscoveryReply &now, const DiscoveryReply &before)
{
	return !std::all_of(now.targets.begin(), now.targets.end(), [&](const auto &target) {
		const auto at =
		    std::lower_bound(before.targets.begin(), before.targets.end(), target,
				     [](const auto &a, const auto &b) { return a.name < b.name; });
		return at != before.targets.end() && *at == target;
	});
}

} // namespace

Result<isns::IpAddress> local_address(StreamSocket &socket)
{
	sockaddr_in6 address{};
	socklen_t length = sizeof address;
	isns::IpAddress ip{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

	if (::getsockname(socket.native_handle(), reinterpret_cast<sockaddr *>(&address),
			  &length) != 0)
		return fail(Code::failed, "the address of our end is not known");
	if (address.sin6_family == AF_INET6) {
		std::copy_n(address.sin6_addr.s6_addr, ip.size(), ip.begin());
	} else {
		const auto &v4 = reinterpret_cast<const sockaddr_in &>(address);
		const auto *bytes = reinterpret_cast<const std::uint8_t *>(&v4.sin_addr);
		std::copy_n(bytes, 4, ip.begin() + 12);
	}
	return ip;
}

IsnsServer::IsnsServer(Surroundings surroundings, config::PortalId where, config::Settings settings)
    : env_(std::move(surroundings)),
      where_(std::move(where)),
      settings_(std::move(settings)),
      acceptor_(env_.io),
      wake_(env_.io.get_executor()),
      backoff_(static_cast<std::uint32_t>(std::hash<std::string>()(where_.host)))
{
}

void IsnsServer::start()
{
	asio::co_spawn(env_.io, run(shared_from_this()), escalate);
}

void IsnsServer::apply(config::Settings settings)
{
	settings_ = std::move(settings);
	apply_ = true;
	wake();
}

void IsnsServer::take_identity(const config::Identity &identity)
{
	if (self_.name.empty() || (identity.name == self_.name && identity.alias == self_.alias))
		return;
	renamed_ = true;
	wake();
}

void IsnsServer::stop(std::function<void()> ended)
{
	stopping_ = true;
	ended_ = std::move(ended);
	wake();
}

void IsnsServer::wake()
{
	wake_.notify();
	if (connection_)
		connection_->interrupt();
}

asio::awaitable<Result<DiscoveryReply>> IsnsServer::refresh()
{
	auto box = std::make_shared<Mailbox<Result<DiscoveryReply>>>(env_.io.get_executor());

	if (stopping_)
		co_return fail(Code::failed, "the iSNS server is being removed");
	waiting_.push_back(box);
	query_wanted_ = true;
	wake();
	auto results = co_await box->take();
	co_return std::move(results.front());
}

void IsnsServer::tell_waiting(const Result<DiscoveryReply> &result)
{
	for (const auto &box : std::exchange(waiting_, {}))
		box->put(result);
}

asio::awaitable<void> IsnsServer::run(std::shared_ptr<IsnsServer> self)
{
	IsnsServer &me = *self;

	while (!me.stopping_) {
		auto ended = co_await me.visit();
		me.connection_.reset();
		if (me.stopping_)
			break;
		if (ended)
			continue;
		me.tell_waiting(tl::unexpected(ended.error()));
		// A connection that is idle may be closed: what counts is the next one.
		if (std::exchange(me.up_, false))
			me.say(Level::info, ended.error().text);
		else if (std::exchange(me.told_, ended.error().text) != ended.error().text)
			me.say(Level::error, ended.error().text);
		const auto next = Clock::now() + me.backoff_.next();
		while (!me.stopping_ && me.waiting_.empty() && Clock::now() < next)
			co_await me.wake_.wait_until(next);
	}
	asio::error_code ec;
	if (me.registered_)
		me.say(Level::warning, "removed while it was not to be reached: it keeps the "
				       "registration until it misses us");
	me.acceptor_.close(ec);
	for (const auto &connection : me.incoming_)
		connection->interrupt();
	me.tell_waiting(fail(Code::failed, "the iSNS server is being removed"));
	if (me.ended_)
		me.ended_();
}

asio::awaitable<Status> IsnsServer::visit()
{
	auto identity = co_await env_.identity();
	if (!identity)
		co_return tl::unexpected(identity.error());
	auto address = parse_host(where_.host, where_.port);
	if (!address)
		co_return tl::unexpected(address.error());
	ConnectOptions options;
	options.timeout = env_.timings.answer;
	auto socket = co_await connect_to(std::move(*address), std::move(options));
	if (!socket)
		co_return tl::unexpected(socket.error());
	if (auto ok = listen(); !ok)
		co_return ok;
	auto local = local_address(*socket);
	if (!local)
		co_return tl::unexpected(local.error());
	if (*local != self_.address)
		lost_to_inquiries_ = 0; // another way, another firewall
	if (!told_.empty())
		last_inquiry_ = Clock::now(); // none could come
	self_.address = *local;
	connection_ = std::make_shared<isns::Connection>(
	    std::move(*socket), [this](const isns::Message &request) { return serve(request); });
	renamed_ = false;
	if (identity->name != self_.name) {
		// The portal is the old name's until that is gone.
		auto ok = co_await deregister();
		if (!ok && ok.error().code != Code::isns_registration)
			co_return ok;
		if (!ok)
			say(Level::warning, "still registered as ", self_.name, ": ",
			    ok.error().text);
		granted_ = isns::Granted();
		granted_.entity = identity->name;
	} else if (identity->alias != self_.alias) {
		apply_ = true;
	}
	self_.name = identity->name;
	self_.alias = identity->alias;
	if (auto made = co_await ensure_registered(); !made)
		co_return tl::unexpected(made.error());
	query_wanted_ = true;
	change_expected_ = true;
	co_return co_await look_after();
}

asio::awaitable<Status> IsnsServer::look_after()
{
	const auto again = [&](Clock::time_point at) {
		return std::max(at, last_query_ + (waiting_.empty() ? env_.timings.between_queries
								    : Clock::duration::zero()));
	};

	while (!stopping_) {
		if (renamed_)
			co_return Status();
		const Clock::duration poll = poll_interval();
		if (std::exchange(apply_, false)) {
			known_.reset(); // they may be about what is made of an answer
			if (auto ok = listen(); !ok)
				co_return ok;
			if (auto ok = co_await register_now(); !ok)
				co_return ok;
			query_wanted_ = true;
		}
		auto now = Clock::now();
		if (now >= check_at()) {
			if (auto made = co_await ensure_registered(); !made)
				co_return tl::unexpected(made.error());
			now = Clock::now();
		}
		if (now >= last_query_ + poll)
			query_wanted_ = true;
		if (!known_trusted_ && now >= trust_at_)
			query_wanted_ = true;
		if (query_wanted_ && now >= again(now)) {
			if (auto ok = co_await query(); !ok)
				co_return ok;
			continue;
		}
		auto until = std::min(check_at(), last_query_ + poll);
		if (!known_trusted_)
			until = std::min(until, trust_at_);
		if (query_wanted_)
			until = again(now);
		if (auto ok = co_await connection_->attend(until); !ok)
			co_return ok;
	}
	if (!registered_)
		co_return Status();
	if (auto ok = co_await deregister(); !ok)
		say(Level::warning, "removed without deregistering: ", ok.error().text);
	else
		say(Level::notice, "removed and deregistered");
	registered_ = false;
	co_return Status();
}

Clock::time_point IsnsServer::check_at() const
{
	auto at = last_check_ + env_.timings.look_again;

	if (registered_ && granted_.esi_interval > 0)
		at = std::min(at, inquiry_due(2));
	if (registered_ && granted_.period > 0)
		at = std::min(at, last_message_ + std::chrono::milliseconds(500) * granted_.period);
	return at;
}

Clock::duration IsnsServer::poll_interval() const
{
	const std::chrono::seconds wanted(settings_.number("discovery.isns.discoveryd_poll_inval"));
	const Clock::duration longest = env_.timings.look_again;

	return wanted.count() > 0 ? std::min<Clock::duration>(wanted, longest) : longest;
}

Clock::time_point IsnsServer::inquiry_due(unsigned intervals) const
{
	return last_inquiry_ + intervals * std::chrono::seconds(granted_.esi_interval) +
	       env_.timings.inquiry_slack;
}

bool IsnsServer::has_missed(unsigned inquiries) const
{
	return registered_ && granted_.esi_interval > 0 && Clock::now() >= inquiry_due(inquiries);
}

asio::awaitable<Result<bool>> IsnsServer::ensure_registered()
{
	const bool late = has_missed(2);
	const bool missed = has_missed(1);
	auto presence = co_await connection_->call(
	    isns::presence_query(self_.name, granted_.entity), env_.timings.answer);
	if (!presence)
		co_return tl::unexpected(presence.error());
	last_check_ = last_message_ = Clock::now();
	const bool present = registered_ && isns::is_present(*presence, self_);
	// Once may be an administrator's hand.
	lost_to_inquiries_ += missed && !present;
	if (late)
		last_inquiry_ = Clock::now();
	if (late && (!present || !std::exchange(warned_of_inquiries_, true)))
		say(Level::warning, "no status inquiry has come to TCP port ", self_.port, " for ",
		    2 * granted_.esi_interval, " s, though it sends one every ",
		    granted_.esi_interval, " s: ",
		    present || inquiries_fail()
			? "a firewall may block them, and state change notifications with them"
			: "the registration is gone, and is made again",
		    !present && inquiries_fail() ? "; they have cost the registration twice, which "
						   "is made again without them"
						 : "");
	if (present)
		co_return false;
	if (!is_known(*presence, self_.name)) {
		if (registered_ && !late)
			say(Level::notice, "it has forgotten the registration");
		trust_at_ = Clock::now() + env_.timings.restart_grace;
		named_.clear();
	}
	if (auto ok = co_await register_now(); !ok)
		co_return tl::unexpected(ok.error());
	co_return true;
}

asio::awaitable<Status> IsnsServer::register_now()
{
	const bool before = registered_;

	self_.esi_interval =
	    inquiries_fail()
		? 0
		: static_cast<std::uint32_t>(settings_.number("discovery.isns.esi_interval"));
	registered_ = false;
	subscribed_ = false;
	change_expected_ = true;
	auto granted = co_await isns::register_with(*connection_, self_, env_.timings.answer);
	last_message_ = Clock::now();
	last_inquiry_ = last_message_;
	if (!granted && granted.error().code != Code::isns_registration)
		co_return tl::unexpected(granted.error());
	if (!granted) {
		// It may still say what there is.
		if (std::exchange(told_, granted.error().text) != granted.error().text)
			say(Level::error, granted.error().text);
		co_return Status();
	}
	granted_ = std::move(*granted);
	registered_ = true;
	auto subscribed =
	    co_await connection_->call(isns::scn_registration(self_.name), env_.timings.answer);
	if (!subscribed)
		co_return tl::unexpected(subscribed.error());
	subscribed_ = subscribed->status() == isns::status::successful;
	if (!subscribed_)
		say(Level::warning,
		    "it refused to tell about changes: ", isns::status_text(subscribed->status()));
	told_.clear();
	backoff_.reset();
	say(before ? Level::info : Level::notice, "registered as ", self_.name, " on TCP port ",
	    self_.port, ", status inquiries: ",
	    granted_.esi_interval ? str("every ", granted_.esi_interval, " s") : "none",
	    ", registration period: ", granted_.period ? str(granted_.period, " s") : "none");
	co_return Status();
}

asio::awaitable<Status> IsnsServer::query()
{
	const bool expected = std::exchange(change_expected_, false);

	query_wanted_ = false;
	auto reply = co_await isns::find_targets(*connection_, self_.name, env_.timings.answer);
	last_query_ = last_message_ = Clock::now();
	if (!reply)
		co_return tl::unexpected(reply.error());
	backoff_.reset();
	up_ = true;
	if (registered_)
		told_.clear();
	in_order(*reply);
	const bool changed = !known_ || known_->targets != reply->targets;
	if (registered_ && (changed || !known_trusted_)) {
		auto made = co_await ensure_registered();
		if (!made)
			co_return tl::unexpected(made.error());
		// It spoke to a stranger. Once: it may never show what is registered.
		const bool again = *made && !asked_again_;
		asked_again_ = again;
		if (again) {
			change_expected_ = query_wanted_ = true;
			co_return Status();
		}
	}
	// Who is not registered may be told nothing for that reason.
	if (!registered_ && reply->targets.empty())
		trust_at_ = std::max(trust_at_, last_query_ + env_.timings.restart_grace);
	const bool trusted = last_query_ >= trust_at_;
	if (trusted)
		named_.clear(); // what is not in this reply is gone
	for (const DiscoveredTarget &target : reply->targets)
		named_.insert(target.name);
	if (changed || (trusted && !known_trusted_)) {
		if (changed)
			say(Level::notice, "it names ", reply->targets.size(), " targets");
		if (!known_ || known_->skipped != reply->skipped)
			for (const std::string &skipped : reply->skipped)
				say(Level::warning, "not taken: ", skipped);
		// Not every server tells of what leaves a discovery domain (isnsd does not).
		if (known_ && names_more(*reply, *known_) && subscribed_ && !expected &&
		    waiting_.empty() && !std::exchange(warned_of_changes_, true))
			say(Level::warning,
			    "targets have changed and no notification came to TCP port ",
			    self_.port, ": a firewall may block them");
		Gone gone = [trusted, named = named_](const std::string &target) {
			return trusted || named.contains(target);
		};
		auto keeping = env_.keep(where_, *reply, std::move(gone));
		if (auto kept = co_await std::move(keeping); kept) {
			known_ = *reply;
			known_trusted_ = trusted;
		} else {
			say(Level::error, kept.error().text);
			tell_waiting(tl::unexpected(kept.error()));
			known_trusted_ = false;
			trust_at_ = std::max(trust_at_, Clock::now() + keep_again);
		}
	}
	// Nor do they remove what may come back.
	reply->incomplete |= !trusted;
	tell_waiting(reply);
	co_return Status();
}

asio::awaitable<Status> IsnsServer::deregister()
{
	if (!registered_)
		co_return Status();
	auto answer = co_await connection_->call(isns::deregistration(self_.name, granted_.entity),
						 env_.timings.answer);
	registered_ = !answer;
	if (!answer)
		co_return tl::unexpected(answer.error());
	if (answer->status() != isns::status::successful)
		co_return fail(Code::isns_registration, str("it refused to deregister: ",
							    isns::status_text(answer->status())));
	co_return Status();
}

Status IsnsServer::listen()
{
	const auto wanted =
	    static_cast<std::uint16_t>(settings_.number("discovery.isns.listen_port"));
	asio::error_code ec;

	if (acceptor_.is_open() && (wanted == 0 || wanted == self_.port))
		return {};
	acceptor_.close(ec);
	const auto open = [&](const tcp &protocol, std::uint16_t port) {
		acceptor_.close(ec);
		acceptor_.open(protocol, ec);
		if (!ec && protocol == tcp::v6())
			acceptor_.set_option(asio::ip::v6_only(false), ec);
		if (!ec && port != 0)
			acceptor_.set_option(tcp::acceptor::reuse_address(true), ec);
		if (!ec)
			acceptor_.bind({protocol, port}, ec);
		if (!ec)
			acceptor_.listen(static_cast<int>(max_incoming), ec);
		return !ec;
	};
	if (!open(tcp::v6(), wanted) && !open(tcp::v4(), wanted)) {
		if (wanted == 0)
			return fail(Code::failed, str("no TCP port to listen on: ", ec.message()));
		say(Level::warning, "cannot listen on TCP port ", wanted, " (", ec.message(),
		    "), another one is used");
		if (!open(tcp::v6(), 0) && !open(tcp::v4(), 0))
			return fail(Code::failed, str("no TCP port to listen on: ", ec.message()));
	}
	self_.port = acceptor_.local_endpoint(ec).port();
	asio::co_spawn(env_.io, accept(shared_from_this()), escalate);
	return {};
}

asio::awaitable<void> IsnsServer::accept(std::shared_ptr<IsnsServer> self)
{
	IsnsServer &me = *self;
	const std::uint16_t port = me.self_.port;

	while (me.acceptor_.is_open() && me.self_.port == port) {
		asio::error_code ec;
		tcp::socket socket(me.env_.io);
		co_await me.acceptor_.async_accept(socket,
						   asio::redirect_error(asio::use_awaitable, ec));
		if (ec == asio::error::operation_aborted)
			co_return;
		if (ec) {
			// Out of descriptors, say: not before the next second.
			me.say_of_others(Level::warning, "accepting a connection: ", ec.message());
			Signal pause(me.env_.io.get_executor());
			co_await pause.wait_until(Clock::now() + std::chrono::seconds(1));
			continue;
		}
		if (me.incoming_.size() == max_incoming) {
			// Not asked to end: it may be in the middle of an answer that nobody takes.
			asio::error_code ignored;
			me.incoming_.front()->socket().close(ignored);
			me.incoming_.pop_front();
		}
		auto connection = std::make_shared<isns::Connection>(
		    StreamSocket(std::move(socket)),
		    [&me](const isns::Message &request) { return me.serve(request); },
		    max_incoming_message);
		me.incoming_.push_back(connection);
		asio::co_spawn(me.env_.io, attend(self, connection), escalate);
	}
}

asio::awaitable<void> IsnsServer::attend(std::shared_ptr<IsnsServer> self,
					 std::shared_ptr<isns::Connection> connection)
{
	const Clock::duration idle = self->env_.timings.incoming_idle;
	auto ended = co_await connection->attend(connection->heard() + idle);
	while (ended && !self->stopping_ && Clock::now() < connection->heard() + idle)
		ended = co_await connection->attend(connection->heard() + idle);

	if (!ended && ended.error().code == Code::isns_query)
		self->say_of_others(Level::warning, "on TCP port ", self->self_.port, ": ",
				    ended.error().text);
	std::erase(self->incoming_, connection);
}

std::optional<isns::Builder> IsnsServer::serve(const isns::Message &request)
{
	auto served = isns::serve(request, granted_.entity);

	switch (served.what) {
	case isns::Served::What::state_change:
		for (const std::string &name : served.changed)
			say_of_others(Level::info, "state change of ", quoted(name));
		change_expected_ = true;
		query_wanted_ = true;
		wake();
		break;
	case isns::Served::What::inquiry:
		say(Level::debug, "status inquiry");
		warned_of_inquiries_ = false;
		lost_to_inquiries_ = 0;
		last_inquiry_ = last_message_ = Clock::now();
		break;
	case isns::Served::What::other:
		say_of_others(Level::info, "a ", isns::function_name(request.function()),
			      " that is none of ours");
		break;
	}
	return std::move(served.answer);
}

} // namespace hawser::daemon
