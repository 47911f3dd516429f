/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Changes of records that the daemon makes by itself. Each has a thread of its own: the
 * disk that the records are on may be one of ours, and a write that waits for it must not hold
 * up the event loop, which brings it back.
 */
#pragma once

#include "config/store.h"

#include <asio/io_context.hpp>
#include <functional>
#include <memory>

namespace hawser::daemon
{

class RecordWriter
{
public:
	/* @io outlives the writer. */
	RecordWriter(asio::io_context &io, config::Paths paths);
	RecordWriter(const RecordWriter &) = delete;
	RecordWriter &operator=(const RecordWriter &) = delete;
	/* Writes that are under way go on; nobody is told of their end. */
	~RecordWriter();

	/*
	 * Gives a record the portal, and the portal group tag, that its target has moved to
	 * (Store::move_node()). @done is called from the event loop; what it holds
	 * on to may be let go in another thread.
	 */
	using Done = std::function<void(const Result<config::Node> &)>;
	void move(config::NodeId from, config::PortalId to, int tpgt, Done done);

private:
	struct Shared;

	config::Paths paths_;
	std::shared_ptr<Shared> shared_;
};

} // namespace hawser::daemon
