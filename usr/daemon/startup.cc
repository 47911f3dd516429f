/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/startup.h"

#include <asio/co_spawn.hpp>
#include <map>
#include <utility>

namespace hawser::daemon
{

namespace
{

/* One way after the other, each given its retries. */
asio::awaitable<void> log_in_to_one_of(asio::io_context &io, const Log &log, Sessions &sessions,
				       std::vector<config::Node> ways)
{
	for (const config::Node &node : ways) {
		if (!sessions.find(node.id).empty())
			co_return;
	}
	for (const config::Node &node : ways) {
		auto box = std::make_shared<Mailbox<SessionAgent::FirstLogin>>(io.get_executor());
		auto begun = sessions.log_in(
		    node, {}, SessionAgent::Persistence::limited,
		    [box](const SessionAgent::FirstLogin &outcome) { box->put(outcome); });
		if (!begun) {
			log(Level::error, begun.error().text);
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
	}
	log(Level::error, "no portal of ", ways.front().id.target, " gave a session");
}

} // namespace

void log_in_nodes(asio::io_context &io, const Log &log, Sessions &sessions,
		  std::vector<config::Node> nodes)
{
	std::map<std::string, std::vector<config::Node>> leading;
	for (config::Node &node : nodes) {
		if (node.settings.yes("node.leading_login")) {
			leading[node.id.target].push_back(std::move(node));
			continue;
		}
		/* A daemon that takes over finds its sessions there; anything else is news. */
		const bool expected = !sessions.find(node.id).empty();
		auto begun = sessions.log_in(node, {}, SessionAgent::Persistence::endless, nullptr);
		if (!begun && !(expected && begun.error().code == Code::session_exists))
			log(Level::error, begun.error().text);
	}
	for (auto &[target, ways] : leading)
		asio::co_spawn(io, log_in_to_one_of(io, log, sessions, std::move(ways)), escalate);
}

asio::awaitable<void> log_in_automatic(asio::io_context &io, const Log &log, Sessions &sessions,
				       config::Store &store)
{
	config::NodeFilter all;
	all.hidden = true;
	auto nodes = store.nodes(all);
	if (!nodes) {
		log(Level::error, "reading the records: ", nodes.error().text);
		co_return;
	}
	for (const Error &problem : nodes->problems)
		log(Level::error, problem.text);
	std::erase_if(nodes->items, [](const config::Node &node) {
		return node.settings.get("node.startup") != "automatic";
	});
	log_in_nodes(io, log, sessions, std::move(nodes->items));
}

} // namespace hawser::daemon
