/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/startup.h"

#include "daemon/worker.h"

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <chrono>
#include <iterator>
#include <map>
#include <utility>

namespace hawser::daemon
{

namespace
{

/* Pauses that grow. */
class Pause
{
public:
	explicit Pause(asio::io_context &io) : timer_(io) {}
	asio::awaitable<void> take()
	{
		timer_.expires_after(std::exchange(next_, std::min(2 * next_, longest)));
		co_await timer_.async_wait(asio::use_awaitable);
	}

private:
	static constexpr std::chrono::seconds longest{60};
	asio::steady_timer timer_;
	std::chrono::seconds next_{5};
};

/*
 * One way after the other, each given its retries, and all of them again until one gave a session:
 * at boot the network may come much later.
 */
asio::awaitable<void> log_in_to_one_of(asio::io_context &io, const Log &log, Sessions &sessions,
				       std::vector<config::NodeId> ways)
{
	const std::string target = ways.front().target;
	Pause pause(io);
	for (bool told = false; !ways.empty(); co_await pause.take()) {
		for (auto way = ways.begin(); way != ways.end();) {
			if (sessions.has(target))
				co_return;
			auto box =
			    std::make_shared<Mailbox<SessionAgent::FirstLogin>>(io.get_executor());
			Sessions::OnLogin done = [box](const SessionAgent::FirstLogin &outcome) {
				box->put(outcome);
			};
			auto beginning = sessions.log_in_if_automatic(
			    *way, SessionAgent::Persistence::limited, std::move(done));
			auto begun = co_await std::move(beginning);
			if (!begun) {
				const Code code = begun.error().code;
				// Somebody else's login may fail, too.
				const bool keep = may_pass(code) || code == Code::session_exists;
				if (!told || !keep)
					log(Level::error, begun.error().text);
				way = keep ? std::next(way) : ways.erase(way);
				continue;
			}
			bool reached = false;
			for (unsigned ended = 0; ended < *begun;) {
				for (const auto &outcome : co_await box->take()) {
					ended++;
					reached |= outcome.has_value();
				}
			}
			if (reached)
				co_return;
			++way;
		}
		if (!std::exchange(told, true))
			log(Level::error, "no portal of ", target,
			    " gave a session (node.leading_login)",
			    ways.empty() ? "" : ", they are tried again");
	}
}

/*
 * An automatic login is endless from its first try on; what comes before that, the records and the
 * lock of who writes them, is no reason to drop it either; but the record may say something else by
 * then. @said: why it could not begin.
 */
asio::awaitable<void> begin_later(asio::io_context &io, const Log &log, Sessions &sessions,
				  config::NodeId id, std::string said)
{
	Pause pause(io);
	for (;;) {
		co_await pause.take();
		if (!sessions.find(id).empty())
			co_return;
		auto beginning =
		    sessions.log_in_if_automatic(id, SessionAgent::Persistence::endless, nullptr);
		auto begun = co_await std::move(beginning);
		if (begun || begun.error().code == Code::session_exists)
			co_return;
		if (begun.error().text != said)
			log(Level::error, begun.error().text);
		said = begun.error().text;
		if (!may_pass(begun.error().code))
			co_return;
	}
}

asio::awaitable<void> log_in_to_each(asio::io_context &io, const Log &log, Sessions &sessions,
				     std::vector<config::Node> nodes)
{
	std::map<std::string, std::vector<config::NodeId>> leading;
	for (const config::Node &node : nodes) {
		if (node.settings.yes("node.leading_login")) {
			leading[node.id.target].push_back(node.id);
			continue;
		}
		/* A daemon that takes over finds its sessions there; anything else is news. */
		const bool expected = !sessions.find(node.id).empty();
		auto beginning = sessions.log_in(node, no_overrides,
						 SessionAgent::Persistence::endless, nullptr);
		auto begun = co_await std::move(beginning);
		if (begun || (expected && begun.error().code == Code::session_exists))
			continue;
		const Error &why = begun.error();
		log(Level::error, why.text);
		if (may_pass(why.code))
			asio::co_spawn(io, begin_later(io, log, sessions, node.id, why.text),
				       escalate);
	}
	for (auto &[target, ways] : leading)
		asio::co_spawn(io, log_in_to_one_of(io, log, sessions, std::move(ways)), escalate);
}

} // namespace

bool may_pass(Code code)
{
	return code == Code::busy || code == Code::try_again || code == Code::no_memory ||
	       code == Code::record_failed;
}

Settled settle_records(config::Store &store)
{
	Settled settled;
	/* Before any secret is sealed anew. */
	settled.rekeyed = config::finish_rekey(store.paths(), store.secrets());
	settled.key_beside_credential = store.secrets().keys().file_beside_credential();
	settled.identity = store.identity();
	settled.dropped = store.drop_transient();
	return settled;
}

void tell(const Settled &settled, const Log &log, const config::Paths &paths)
{
	if (!settled.rekeyed)
		log(Level::error,
		    "the change of the key of secrets has not ended, and both keys are kept: ",
		    settled.rekeyed.error().text);
	else if (*settled.rekeyed)
		log(Level::notice,
		    "a change of the key of secrets that was cut short has ended: key ",
		    (*settled.rekeyed)->key);
	if (settled.key_beside_credential)
		log(Level::notice,
		    "secrets go under the systemd credential now; `hawseradm --new-key` moves "
		    "those that are under ",
		    paths.secret_key(), " and removes it");
	if (settled.identity)
		log(Level::notice, "initiator name ", settled.identity->name);
	else
		log(Level::error,
		    "no logins, for there is no initiator name: ", settled.identity.error().text);
	if (!settled.dropped)
		log(Level::error, "records: ", settled.dropped.error().text);
}

void log_in_nodes(asio::io_context &io, const Log &log, Sessions &sessions,
		  std::vector<config::Node> nodes)
{
	asio::co_spawn(io, log_in_to_each(io, log, sessions, std::move(nodes)), escalate);
}

asio::awaitable<void> log_in_automatic(asio::io_context &io, const Log &log, Sessions &sessions,
				       asio::thread_pool &worker, config::Paths paths)
{
	auto read = [&paths] {
		config::NodeFilter all;
		all.hidden = true;
		return config::Store(paths).nodes(all);
	};
	auto nodes = co_await on_worker(worker, read);
	Pause pause(io);
	for (std::string said; !nodes; nodes = co_await on_worker(worker, read)) {
		if (nodes.error().text != said)
			log(Level::error, "reading the records: ", nodes.error().text);
		said = nodes.error().text;
		if (!may_pass(nodes.error().code))
			co_return;
		co_await pause.take();
	}
	for (const Error &problem : nodes->problems)
		log(Level::error, problem.text);
	std::vector<config::NodeId> vanished;
	for (const config::Node &node : nodes->items)
		if (node.vanished)
			vanished.push_back(node.id);
	sessions.note_vanished(vanished); // the machine may have been off since
	std::erase_if(nodes->items, [](const config::Node &node) {
		return node.vanished || node.settings.get("node.startup") != "automatic";
	});
	auto beginning = log_in_to_each(io, log, sessions, std::move(nodes->items));
	co_await std::move(beginning);
}

asio::awaitable<void> log_in_once_loaded(asio::io_context &io, const Log &log, Sessions &sessions,
					 asio::thread_pool &worker, config::Paths paths,
					 ModuleLoader &loader, std::string told)
{
	Pause pause(io);
	for (;;) {
		co_await pause.take();
		auto module = co_await loader.ensure();
		if (module)
			break;
		if (module.error().text != told)
			log(Level::error, module.error().text);
		told = module.error().text;
	}
	log(Level::notice, "the kernel module hawser is there now");
	auto beginning = log_in_automatic(io, log, sessions, worker, std::move(paths));
	co_await std::move(beginning);
}

} // namespace hawser::daemon
