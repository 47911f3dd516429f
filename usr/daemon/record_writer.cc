/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/record_writer.h"

#include <asio/post.hpp>
#include <utility>

namespace hawser::daemon
{

template <class Change, class Tell> void RecordWriter::write(Change change, Tell done)
{
	asio::post(worker_, [&io = io_, paths = paths_, change = std::move(change),
			     done = std::move(done)]() mutable {
		config::Store store(std::move(paths));
		auto result = change(store);
		asio::post(io,
			   [result = std::move(result), done = std::move(done)] { done(result); });
	});
}

void RecordWriter::move(config::NodeId from, config::PortalId to, int tpgt,
			Done<Result<config::Node>> done)
{
	auto change = [from = std::move(from), to = std::move(to), tpgt](config::Store &store) {
		return store.move_node(from, to, tpgt);
	};
	write(std::move(change), std::move(done));
}

void RecordWriter::learn_tpgt(config::NodeId id, int tpgt, Done<Status> done)
{
	auto change = [id = std::move(id), tpgt](config::Store &store) {
		const config::NodeFilter unknown{id.target, id.portal.host, id.portal.port, -1,
						 id.iface};
		const auto learn = [tpgt](config::Node &node) {
			node.learn_tpgt(tpgt);
			return Status();
		};
		return store.update_nodes(unknown, learn).map([](auto &&) {});
	};
	write(std::move(change), std::move(done));
}

void RecordWriter::drop_vanished(config::NodeId id, Done<Status> done)
{
	auto change = [id = std::move(id)](config::Store &store) {
		return store.drop_vanished(id);
	};
	write(std::move(change), std::move(done));
}

} // namespace hawser::daemon
