/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/events.h"

#include "base/str.h"
#include "kernel/message.h"

#include <asio/co_spawn.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <cstring>
#include <linux/genetlink.h>
#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <sys/socket.h>
#include <system_error>

namespace hawser::kernel
{

namespace
{

constexpr int receive_buffer_bytes = 4 << 20;

} // namespace

Result<std::unique_ptr<EventStream>> EventStream::open(asio::io_context &io, const Log &log,
						       EventListener &listener)
{
	NetlinkSocket socket(nl_socket_alloc());
	if (!socket)
		return fail(Code::no_memory, "no memory for a netlink socket");
	nl_socket_disable_seq_check(socket.get());
	if (int e = genl_connect(socket.get()); e < 0)
		return fail(Code::failed, str("generic netlink: ", nl_geterror(e)));
	// A thousand sessions that come and go at once must fit, whatever net.core.rmem_max
	// is. Without CAP_NET_ADMIN that stays the bound.
	if (setsockopt(nl_socket_get_fd(socket.get()), SOL_SOCKET, SO_RCVBUFFORCE,
		       &receive_buffer_bytes, sizeof receive_buffer_bytes) < 0)
		nl_socket_set_buffer_size(socket.get(), receive_buffer_bytes, 0);
	nl_socket_enable_msg_peek(socket.get());

	std::unique_ptr<EventStream> stream(new EventStream(io, log, listener, std::move(socket)));
	stream->controller_ = genl_ctrl_resolve(stream->socket_.get(), "nlctrl");
	const int news = genl_ctrl_resolve_grp(stream->socket_.get(), "nlctrl", "notify");
	if (news < 0 || nl_socket_add_membership(stream->socket_.get(), news) < 0)
		return fail(Code::failed, "generic netlink: no news about families to be had");
	// After the news: a module that is loaded in between is then heard of.
	stream->join();
	if (int e = nl_socket_set_nonblocking(stream->socket_.get()); e < 0)
		return fail(Code::failed, str("generic netlink: ", nl_geterror(e)));
	// What goes wrong there leaves the event loop: without events no session is looked after.
	asio::co_spawn(io, stream->run(), [](std::exception_ptr exception) {
		if (exception)
			std::rethrow_exception(exception);
	});
	return stream;
}

EventStream::EventStream(asio::io_context &io, const Log &log, EventListener &listener,
			 NetlinkSocket socket)
    : log_(log),
      listener_(listener),
      socket_(std::move(socket)),
      descriptor_(io, nl_socket_get_fd(socket_.get()))
{
	nl_socket_modify_cb(socket_.get(), NL_CB_VALID, NL_CB_CUSTOM, on_message, this);
}

EventStream::~EventStream()
{
	descriptor_.release(); // the netlink socket closes it
}

void EventStream::stop()
{
	stopping_ = true;
	asio::error_code ec;
	descriptor_.cancel(ec);
}

/* Finds the family and its group, if the module is there, and subscribes. */
bool EventStream::join()
{
	// Asked on a socket of its own: this one is full of events.
	NetlinkSocket asker(nl_socket_alloc());
	if (!asker || genl_connect(asker.get()) < 0)
		return false;
	family_ = genl_ctrl_resolve(asker.get(), HWS_GENL_NAME);
	group_ = genl_ctrl_resolve_grp(asker.get(), HWS_GENL_NAME, HWS_GENL_MCGRP_EVENTS);
	if (family_ < 0 || group_ < 0)
		return false;
	if (int e = nl_socket_add_membership(socket_.get(), group_); e < 0) {
		log_(Level::error, "events of the kernel module cannot be heard: ", nl_geterror(e));
		return false;
	}
	return true;
}

asio::awaitable<void> EventStream::run()
{
	while (!stopping_) {
		asio::error_code ec;
		co_await descriptor_.async_wait(asio::posix::stream_descriptor::wait_read,
						asio::redirect_error(asio::use_awaitable, ec));
		// Cancelled: by stop(), or because the stream is gone.
		if (ec == asio::error::operation_aborted || stopping_)
			co_return;
		if (ec)
			throw std::system_error(ec, "events of the kernel module");
		// What is left wakes this again: others have their turn in between, for a target
		// may say much.
		for (unsigned n = 0; n < batch; n++) {
			const int e = nl_recvmsgs_default(socket_.get());
			if (e == -NLE_AGAIN)
				break;
			if (e == -NLE_NOMEM) { // ENOBUFS: no room or no memory, some are lost
				log_(Level::notice,
				     "events of the kernel module were lost, reading its "
				     "sessions again");
				listener_.on_resync();
			} else if (e < 0) {
				log_(Level::error, "events of the kernel module: ", nl_geterror(e));
				break;
			}
		}
	}
}

int EventStream::on_message(nl_msg *message, void *self)
{
	auto &stream = *static_cast<EventStream *>(self);
	nlmsghdr *header = nlmsg_hdr(message);
	if (header->nlmsg_type == stream.controller_)
		stream.take_controller(header);
	else if (header->nlmsg_type == stream.family_)
		stream.take(header);
	return NL_OK;
}

void EventStream::take(nlmsghdr *header)
{
	auto event = parse_event(header);
	if (!event)
		log_(Level::error, event.error().text);
	else if (*event)
		listener_.on_event(**event);
}

/* News that a family came or went. */
void EventStream::take_controller(nlmsghdr *header)
{
	nlattr *attributes[CTRL_ATTR_MAX + 1];
	if (genlmsg_parse(header, 0, attributes, CTRL_ATTR_MAX, nullptr) < 0 ||
	    !attributes[CTRL_ATTR_FAMILY_NAME] ||
	    nla_strcmp(attributes[CTRL_ATTR_FAMILY_NAME], HWS_GENL_NAME) != 0)
		return;
	const auto *generic = static_cast<const genlmsghdr *>(nlmsg_data(header));
	if (generic->cmd == CTRL_CMD_NEWFAMILY && join()) {
		listener_.on_resync();
	} else if (generic->cmd == CTRL_CMD_DELFAMILY) {
		family_ = group_ = -1;
		listener_.on_module_gone();
	}
}

} // namespace hawser::kernel
