/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/netlink.h"

#include "base/str.h"

#include <cerrno>
#include <cstring>
#include <linux/netlink.h>
#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <sys/socket.h>
#include <utility>

namespace hawser::kernel
{

namespace
{

struct FreeCallbacks {
	void operator()(nl_cb *cb) const { nl_cb_put(cb); }
};

/* What one exchange has brought so far; the callbacks below fill it. */
struct Incoming {
	const std::function<Status(nlmsghdr *)> *take = nullptr;
	Status taken;
	bool ended = false;
	bool interrupted = false; // a dump that a change of state ran through
	int error = 0;		  // positive errno
	std::string text;	  // of the extended ack
};

/* The text and the attribute that an NLMSG_ERROR with NLM_F_ACK_TLVS names. */
std::string extended_ack_text(const nlmsghdr *header, const nlmsgerr *error)
{
	if (!(header->nlmsg_flags & NLM_F_ACK_TLVS))
		return {};
	// The request stands in between, unless it was capped to its header.
	std::size_t skip = sizeof *error;
	if (!(header->nlmsg_flags & NLM_F_CAPPED))
		skip += error->msg.nlmsg_len - sizeof(nlmsghdr);
	const std::size_t length = nlmsg_datalen(header);
	if (NLMSG_ALIGN(skip) > length)
		return {};
	auto *at =
	    reinterpret_cast<nlattr *>(static_cast<char *>(nlmsg_data(header)) + NLMSG_ALIGN(skip));
	int rest = static_cast<int>(length - NLMSG_ALIGN(skip));
	for (; nla_ok(at, rest); at = nla_next(at, &rest)) {
		if (nla_type(at) == NLMSGERR_ATTR_MSG) {
			const auto *text = static_cast<const char *>(nla_data(at));
			return std::string(text, strnlen(text, nla_len(at)));
		}
	}
	return {};
}

int on_valid(nl_msg *message, void *arg)
{
	auto &in = *static_cast<Incoming *>(arg);
	if (in.taken && *in.take)
		in.taken = (*in.take)(nlmsg_hdr(message));
	return NL_OK;
}

int on_end(nl_msg *, void *arg)
{
	static_cast<Incoming *>(arg)->ended = true;
	return NL_STOP;
}

int on_interrupted(nl_msg *, void *arg)
{
	static_cast<Incoming *>(arg)->interrupted = true;
	return NL_OK; // read on to the end, so that nothing is left in the socket
}

int on_error(sockaddr_nl *, nlmsgerr *error, void *arg)
{
	auto &in = *static_cast<Incoming *>(arg);
	const auto *header = reinterpret_cast<const nlmsghdr *>(error) - 1;
	in.error = -error->error;
	in.text = extended_ack_text(header, error);
	in.ended = true;
	return NL_STOP;
}

Code code_of(int number)
{
	switch (number) {
	case ENOENT:
	case ESHUTDOWN:
		return Code::session_not_found;
	case EEXIST:
		return Code::session_exists;
	case EPERM:
	case EACCES:
		return Code::no_permission;
	case ENOMEM:
	case ENOBUFS:
		return Code::no_memory;
	case EOPNOTSUPP:
		return Code::transport_caps;
	case EBUSY:
		return Code::busy;
	case ENOTCONN:
		return Code::session_not_connected;
	case EINVAL:
	case ERANGE:
		return Code::invalid_argument;
	case EISCONN:
	case ESTALE:
		return Code::try_again;
	default:
		return Code::failed;
	}
}

tl::unexpected<Refusal> refuse(int number, Code code, std::string text)
{
	return tl::unexpected<Refusal>(Refusal{number, Error{code, std::move(text)}});
}

tl::unexpected<Refusal> refuse(Error error)
{
	return tl::unexpected<Refusal>(Refusal{0, std::move(error)});
}

tl::unexpected<Refusal> not_loaded()
{
	return refuse(ENODEV, Code::no_module, "the kernel module hawser is not loaded");
}

} // namespace

static Result<NetlinkSocket> open_socket()
{
	NetlinkSocket socket(nl_socket_alloc());
	if (!socket)
		return fail(Code::no_memory, "no memory for a netlink socket");
	if (int e = genl_connect(socket.get()); e < 0)
		return fail(Code::failed, str("generic netlink: ", nl_geterror(e)));

	const int fd = nl_socket_get_fd(socket.get());
	const int on = 1;
	// Without extended acks errors are only less clear.
	setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
	setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
	const timeval limit{NetlinkControl::answer_limit_s, 0};
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	nl_socket_enable_msg_peek(socket.get());
	// libnl's own measure is too small for a message with all of HWS_TEXT_MAX.
	nl_socket_set_buffer_size(socket.get(), 0, 2 * HWS_TEXT_MAX);
	return socket;
}

Result<std::unique_ptr<NetlinkControl>> NetlinkControl::open()
{
	auto socket = open_socket();
	if (!socket)
		return tl::unexpected(socket.error());
	return std::unique_ptr<NetlinkControl>(new NetlinkControl(std::move(*socket)));
}

/*
 * After an exchange that did not come to its end: libnl expects answers in the order of the
 * requests for as long as a socket lives, and would refuse all that follow the one missing.
 */
void NetlinkControl::renew_socket()
{
	if (auto fresh = open_socket())
		socket_ = std::move(*fresh);
}

int NetlinkControl::resolve_family()
{
	const int found = genl_ctrl_resolve(socket_.get(), HWS_GENL_NAME);
	if (found < 0)
		renew_socket(); // libnl does not tell an answer that was lost from a No
	return found;
}

/* Looks the family up and holds its ABI against ours, once for each load. */
Answer<void> NetlinkControl::find_family()
{
	if (family_ < 0)
		family_ = resolve_family();
	if (family_ < 0)
		return not_loaded();
	if (abi_checked_)
		return {};

	ModuleInfo info;
	auto request = make_request(family_, HWS_CMD_GET_INFO, NLM_F_ACK);
	auto answer = exchange(request.get(), [&](nlmsghdr *header) -> Status {
		auto parsed = parse_info(header);
		if (!parsed)
			return tl::unexpected(parsed.error());
		info = std::move(*parsed);
		return {};
	});
	// Another module may take its place: the number is good for one that serves us alone.
	const int asked = std::exchange(family_, -1);
	if (!answer)
		return answer;
	if (info.abi != HWS_ABI)
		return refuse(0, Code::no_module,
			      str("the loaded hawser module ", info.version, " speaks netlink ABI ",
				  info.abi, " and this program ", HWS_ABI,
				  ": load the module that was installed with it"));
	family_ = asked;
	abi_checked_ = true;
	return {};
}

Answer<void> NetlinkControl::exchange(nl_msg *message, const Take &take)
{
	if (int e = nl_send_auto(socket_.get(), message); e < 0)
		return refuse(0, Code::failed, str("generic netlink: ", nl_geterror(e)));

	Incoming in;
	in.take = &take;
	std::unique_ptr<nl_cb, FreeCallbacks> callbacks(nl_cb_alloc(NL_CB_DEFAULT));
	if (!callbacks)
		throw std::bad_alloc();
	nl_cb_set(callbacks.get(), NL_CB_VALID, NL_CB_CUSTOM, on_valid, &in);
	nl_cb_set(callbacks.get(), NL_CB_ACK, NL_CB_CUSTOM, on_end, &in);
	nl_cb_set(callbacks.get(), NL_CB_FINISH, NL_CB_CUSTOM, on_end, &in);
	nl_cb_set(callbacks.get(), NL_CB_DUMP_INTR, NL_CB_CUSTOM, on_interrupted, &in);
	nl_cb_err(callbacks.get(), NL_CB_CUSTOM, on_error, &in);

	while (!in.ended) {
		const int e = nl_recvmsgs(socket_.get(), callbacks.get());
		if (e >= 0 || in.ended)
			continue;
		if (e == -NLE_DUMP_INTR)
			in.interrupted = true;
		if (e == -NLE_DUMP_INTR || e == -NLE_INTR)
			continue;
		renew_socket();
		if (e == -NLE_AGAIN)
			return refuse(ETIMEDOUT, Code::failed,
				      "the hawser module did not answer in time");
		return refuse(0, Code::failed, str("generic netlink: ", nl_geterror(e)));
	}
	if (in.error)
		return refuse(in.error, code_of(in.error),
			      in.text.empty() ? std::string(std::strerror(in.error)) : in.text);
	if (!in.taken)
		return refuse(in.taken.error());
	if (in.interrupted)
		return refuse(EINTR, Code::try_again, "the sessions changed while they were read");
	return {};
}

Answer<void> NetlinkControl::command(hws_cmd command, int flags, const Fill &fill, const Take &take,
				     std::size_t more)
{
	// The second round is for a module that was loaded anew since the first.
	for (bool again = false;; again = true) {
		if (auto found = find_family(); !found)
			return found;
		auto request = make_request(family_, command, flags, more);
		if (fill)
			fill(request.get());
		auto answer = exchange(request.get(), take);
		if (answer || answer.error().number != ENOENT || again)
			return answer;
		const int now = resolve_family();
		if (now == family_)
			return answer;
		family_ = now;
		abi_checked_ = false;
	}
}

template <class T>
Answer<std::vector<T>> NetlinkControl::dump(hws_cmd which, Result<T> (*parse)(nlmsghdr *))
{
	// A dump that a change ran through is read again; sessions do not change for
	// ever, but a limit costs nothing.
	for (int round = 0;; round++) {
		std::vector<T> all;
		auto answer = command(which, NLM_F_DUMP, {}, [&](nlmsghdr *header) -> Status {
			auto one = parse(header);
			if (!one)
				return tl::unexpected(one.error());
			all.push_back(std::move(*one));
			return {};
		});
		if (answer)
			return all;
		if (answer.error().number != EINTR || round == 100)
			return tl::unexpected(answer.error());
	}
}

Answer<ModuleInfo> NetlinkControl::info()
{
	ModuleInfo info;
	auto answer = command(HWS_CMD_GET_INFO, NLM_F_ACK, {}, [&](nlmsghdr *header) -> Status {
		auto parsed = parse_info(header);
		if (!parsed)
			return tl::unexpected(parsed.error());
		info = std::move(*parsed);
		return {};
	});
	if (!answer)
		return tl::unexpected(answer.error());
	return info;
}

Answer<void> NetlinkControl::prepare_socket(int fd)
{
	return command(HWS_CMD_SOCKET_PREPARE, NLM_F_ACK,
		       [&](nl_msg *message) { put_fd(message, fd); });
}

Answer<SessionHandle> NetlinkControl::new_session(const NewSession &session,
						  const NewConnection &connection)
{
	SessionHandle handle;
	auto answer = command(
	    HWS_CMD_SESSION_NEW, NLM_F_ACK,
	    [&](nl_msg *message) {
		    put_session(message, session);
		    put_connection(message, connection);
	    },
	    [&](nlmsghdr *header) -> Status {
		    auto parsed = parse_handle(header);
		    if (!parsed)
			    return tl::unexpected(parsed.error());
		    handle = *parsed;
		    return {};
	    });
	if (!answer)
		return tl::unexpected(answer.error());
	return handle;
}

Answer<SessionInfo> NetlinkControl::session(Sid sid)
{
	SessionInfo info;
	auto answer = command(
	    HWS_CMD_SESSION_GET, NLM_F_ACK, [&](nl_msg *message) { put_sid(message, sid); },
	    [&](nlmsghdr *header) -> Status {
		    auto parsed = parse_session(header);
		    if (!parsed)
			    return tl::unexpected(parsed.error());
		    info = std::move(*parsed);
		    return {};
	    });
	if (!answer)
		return tl::unexpected(answer.error());
	return info;
}

Answer<std::vector<SessionInfo>> NetlinkControl::sessions()
{
	return dump<SessionInfo>(HWS_CMD_SESSION_GET, parse_session);
}

Answer<void> NetlinkControl::delete_session(Sid sid)
{
	return command(HWS_CMD_SESSION_DEL, NLM_F_ACK,
		       [&](nl_msg *message) { put_sid(message, sid); });
}

Answer<Reservation> NetlinkControl::reserve(Sid sid, AdoptKind kind, Cid cid)
{
	Reservation reservation;
	auto answer = command(
	    HWS_CMD_CONN_RESERVE, NLM_F_ACK,
	    [&](nl_msg *message) {
		    put_sid(message, sid);
		    put_kind(message, kind);
		    put_cid(message, cid);
	    },
	    [&](nlmsghdr *header) -> Status {
		    auto parsed = parse_reservation(header);
		    if (!parsed)
			    return tl::unexpected(parsed.error());
		    reservation = *parsed;
		    return {};
	    });
	if (!answer)
		return tl::unexpected(answer.error());
	return reservation;
}

Answer<void> NetlinkControl::release(Sid sid, std::uint64_t cookie)
{
	return command(HWS_CMD_CONN_RELEASE, NLM_F_ACK, [&](nl_msg *message) {
		put_sid(message, sid);
		put_cookie(message, cookie);
	});
}

Answer<void> NetlinkControl::adopt(Sid sid, std::uint64_t cookie, const NewConnection &connection,
				   const SessionParameters &parameters)
{
	return command(HWS_CMD_CONN_ADOPT, NLM_F_ACK, [&](nl_msg *message) {
		put_sid(message, sid);
		put_cookie(message, cookie);
		put_connection(message, connection);
		put_parameters(message, parameters);
	});
}

Answer<void> NetlinkControl::drop(Sid sid, Cid cid)
{
	return command(HWS_CMD_CONN_DROP, NLM_F_ACK, [&](nl_msg *message) {
		put_sid(message, sid);
		put_cid(message, cid);
	});
}

Answer<void> NetlinkControl::remove_connection(Sid sid, Cid cid)
{
	return command(HWS_CMD_CONN_REMOVE, NLM_F_ACK, [&](nl_msg *message) {
		put_sid(message, sid);
		put_cid(message, cid);
	});
}

Answer<void> NetlinkControl::change(Sid sid, const SessionChange &change)
{
	return command(HWS_CMD_SESSION_SET, NLM_F_ACK, [&](nl_msg *message) {
		put_sid(message, sid);
		put_change(message, change);
	});
}

Answer<void> NetlinkControl::ping(Sid sid, std::optional<Cid> cid, std::uint32_t id,
				  std::uint32_t size)
{
	return command(HWS_CMD_PING, NLM_F_ACK, [&](nl_msg *message) {
		put_sid(message, sid);
		if (cid)
			put_cid(message, *cid);
		put_ping(message, id, size);
	});
}

Answer<void> NetlinkControl::task_management(Sid sid, std::optional<Cid> cid, std::uint32_t id,
					     std::uint8_t function, std::optional<Lun> lun)
{
	return command(HWS_CMD_TMF, NLM_F_ACK, [&](nl_msg *message) {
		put_sid(message, sid);
		if (cid)
			put_cid(message, *cid);
		put_task_management(message, id, function, lun);
	});
}

Answer<void> NetlinkControl::text(Sid sid, std::optional<Cid> cid, std::uint32_t id,
				  std::span<const std::uint8_t> text)
{
	return command(
	    HWS_CMD_TEXT, NLM_F_ACK,
	    [&](nl_msg *message) {
		    put_sid(message, sid);
		    if (cid)
			    put_cid(message, *cid);
		    put_text(message, id, text);
	    },
	    {}, text.size());
}

Answer<void> NetlinkControl::scan(Sid sid)
{
	return command(HWS_CMD_SCAN, NLM_F_ACK, [&](nl_msg *message) { put_sid(message, sid); });
}

Answer<SessionStats> NetlinkControl::stats(Sid sid)
{
	SessionStats stats;
	auto answer = command(
	    HWS_CMD_STATS_GET, NLM_F_ACK, [&](nl_msg *message) { put_sid(message, sid); },
	    [&](nlmsghdr *header) -> Status {
		    auto parsed = parse_stats(header);
		    if (!parsed)
			    return tl::unexpected(parsed.error());
		    stats = std::move(*parsed);
		    return {};
	    });
	if (!answer)
		return tl::unexpected(answer.error());
	return stats;
}

Answer<std::vector<SessionStats>> NetlinkControl::stats()
{
	return dump<SessionStats>(HWS_CMD_STATS_GET, parse_stats);
}

} // namespace hawser::kernel
