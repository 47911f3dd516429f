/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The module's events, on the event loop. They are hints: when some were lost, or
 * the module was loaded anew, the listener is told to read everything again.
 */
#pragma once

#include "base/error.h"
#include "base/log.h"
#include "kernel/netlink.h"

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <memory>

namespace hawser::kernel
{

class EventListener
{
public:
	virtual ~EventListener() = default;
	virtual void on_event(const Event &event) = 0;
	/* Events were lost or the module came: dump, and compare. */
	virtual void on_resync() = 0;
	/* The module was unloaded; it had no session then. */
	virtual void on_module_gone() = 0;
};

class EventStream
{
public:
	/*
	 * Subscribes to the module's events, or to the news that there is a module.
	 * @listener outlives the stream.
	 */
	static Result<std::unique_ptr<EventStream>> open(asio::io_context &io, const Log &log,
							 EventListener &listener);
	~EventStream();

	void stop();

	/* Messages that are taken at a time. */
	static constexpr unsigned batch = 64;

private:
	EventStream(asio::io_context &io, const Log &log, EventListener &listener,
		    NetlinkSocket socket);

	asio::awaitable<void> run();
	bool join();
	void take(nlmsghdr *header);
	void take_controller(nlmsghdr *header);
	static int on_message(nl_msg *message, void *self);

	const Log &log_;
	EventListener &listener_;
	NetlinkSocket socket_;
	asio::posix::stream_descriptor descriptor_; // the socket's number, not owned
	int family_ = -1;
	int group_ = -1;
	int controller_ = -1; // the family of news about families
	bool stopping_ = false;
};

} // namespace hawser::kernel
