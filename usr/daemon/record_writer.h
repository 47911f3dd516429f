/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Changes of records that sessions bring about. The worker makes them, in the order in
 * which they were asked for: the disk that the records are on may be one of ours, and a
 * write that waits for it must not hold up the event loop, which brings it back.
 */
#pragma once

#include "config/store.h"

#include <asio/io_context.hpp>
#include <asio/thread_pool.hpp>
#include <functional>

namespace hawser::daemon
{

class RecordWriter
{
public:
	/* What a change gave. Called from the event loop. */
	template <class T> using Done = std::function<void(const T &)>;

	/* @io outlives the worker's thread. */
	RecordWriter(asio::io_context &io, asio::thread_pool &worker, config::Paths paths)
	    : io_(io), worker_(worker), paths_(std::move(paths))
	{
	}

	/*
	 * Gives a record the portal, and the portal group tag, that its target has moved to
	 * (Store::move_node()).
	 */
	void move(config::NodeId from, config::PortalId to, int tpgt,
		  Done<Result<config::Node>> done);
	/* Gives a record that has none the portal group tag that a login has told. */
	void learn_tpgt(config::NodeId id, int tpgt, Done<Status> done);
	/* A record that no session uses any more goes if it has vanished. */
	void drop_vanished(config::NodeId id, Done<Status> done);

private:
	template <class Change, class Tell> void write(Change change, Tell done);

	asio::io_context &io_;
	asio::thread_pool &worker_;
	config::Paths paths_;
};

} // namespace hawser::daemon
