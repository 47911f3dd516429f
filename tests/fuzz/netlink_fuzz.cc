/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel module sends, as far as attributes in a row of bytes go: the first byte chooses
 * the kind of message, the rest stands behind its generic netlink header. Nothing is read
 * beyond the message; what a message says can be said again and reads the same.
 *
 * Planted: a cookie is sent back with its lower half alone.
 */
#include "input.h"
#include "kernel/message.h"

#include <cstring>
#include <netlink/attr.h>
#include <netlink/genl/genl.h>
#include <stdexcept>

using namespace hawser;
using namespace hawser::kernel;

namespace
{

constexpr int family = 42;

/* A message in a block of memory of just its size, for the sanitizer to see its end. */
class Received
{
public:
	explicit Received(std::span<const std::uint8_t> attributes, bool whole_header = true)
	    : bytes_(NLMSG_HDRLEN + (whole_header ? GENL_HDRLEN + attributes.size() : 2))
	{
		nlmsghdr header{};
		header.nlmsg_len = static_cast<std::uint32_t>(bytes_.size());
		header.nlmsg_type = family;
		std::memcpy(bytes_.data(), &header, sizeof header);
		if (whole_header && !attributes.empty())
			std::memcpy(bytes_.data() + NLMSG_HDRLEN + GENL_HDRLEN, attributes.data(),
				    attributes.size());
	}

	nlmsghdr *header() { return reinterpret_cast<nlmsghdr *>(bytes_.data()); }

private:
	std::vector<std::uint8_t> bytes_;
};

nlmsghdr *header_of(const Message &message)
{
	return nlmsg_hdr(message.get());
}

/* Puts a nest of @from into @to, with what only replies have besides. */
template <class F> void copy_nest(const Message &to, nlattr *from, F more)
{
	nlattr *nest = nla_nest_start(to.get(), nla_type(from));
	int rest = nla_len(from);

	for (auto *at = static_cast<nlattr *>(nla_data(from)); nla_ok(at, rest);
	     at = nla_next(at, &rest))
		nla_put(to.get(), nla_type(at), nla_len(at), nla_data(at));
	more(to.get());
	nla_nest_end(to.get(), nest);
}

/* The nest of @type in a message of ours with all that @put puts. */
template <class F> void put_nest(const Message &to, int type, F put, auto more)
{
	const Message made = make_request(family, HWS_CMD_SESSION_NEW, 0);

	put(made.get());
	copy_nest(to, nlmsg_find_attr(header_of(made), GENL_HDRLEN, type), more);
}

NewConnection new_connection(const ConnectionInfo &info)
{
	NewConnection c;

	c.cid = info.cid;
	c.header_digest = info.header_digest;
	c.data_digest = info.data_digest;
	c.max_recv_data_segment_length = info.max_recv_data_segment_length;
	c.max_xmit_data_segment_length = info.max_xmit_data_segment_length;
	c.exp_stat_sn = info.exp_stat_sn;
	c.persistent_address = info.persistent_address;
	c.persistent_port = info.persistent_port;
	c.ping_interval = info.ping_interval;
	c.ping_timeout = info.ping_timeout;
	c.role = info.role;
	c.weight = info.weight;
	return c;
}

void check_connection(const ConnectionInfo &is, const ConnectionInfo &was)
{
	REQUIRE_FUZZ(is.cid == was.cid && is.state == was.state);
	REQUIRE_FUZZ(is.header_digest == was.header_digest && is.data_digest == was.data_digest);
	REQUIRE_FUZZ(is.max_recv_data_segment_length == was.max_recv_data_segment_length);
	REQUIRE_FUZZ(is.max_xmit_data_segment_length == was.max_xmit_data_segment_length);
	REQUIRE_FUZZ(is.exp_stat_sn == was.exp_stat_sn);
	REQUIRE_FUZZ(is.persistent_address == was.persistent_address);
	REQUIRE_FUZZ(is.persistent_port == was.persistent_port);
	REQUIRE_FUZZ(is.ping_interval == was.ping_interval && is.ping_timeout == was.ping_timeout);
	REQUIRE_FUZZ(is.role == was.role && is.weight == was.weight);
	REQUIRE_FUZZ(is.carries == was.carries && is.outstanding == was.outstanding);
}

void say_session(const SessionInfo &info)
{
	const Message reply = make_request(family, HWS_CMD_SESSION_GET, 0);
	const NewSession session{info.identity, info.parameters, info.settings};

	put_sid(reply.get(), info.sid);
	nla_put_u32(reply.get(), HWS_A_HOST, info.host);
	put_nest(
	    reply, HWS_A_SESSION, [&](nl_msg *m) { put_session(m, session); },
	    [&](nl_msg *m) {
		    nla_put_u8(m, HWS_SESSION_A_STATE, static_cast<std::uint8_t>(info.state));
		    nla_put_u32(m, HWS_SESSION_A_DEVICES, info.devices);
	    });
	for (const auto &connection : info.connections)
		put_nest(
		    reply, HWS_A_CONNECTION,
		    [&](nl_msg *m) { put_connection(m, new_connection(connection)); },
		    [&](nl_msg *m) {
			    nla_put_u8(m, HWS_CONN_A_STATE,
				       static_cast<std::uint8_t>(connection.state));
			    nla_put_u8(m, HWS_CONN_A_CARRIES, connection.carries);
			    nla_put_u32(m, HWS_CONN_A_OUTSTANDING, connection.outstanding);
		    });

	auto again = parse_session(header_of(reply));
	REQUIRE_FUZZ(again && again->sid == info.sid && again->host == info.host);
	REQUIRE_FUZZ(again->state == info.state && again->devices == info.devices);
	REQUIRE_FUZZ(again->identity == info.identity);
	REQUIRE_FUZZ(again->parameters == info.parameters);
	REQUIRE_FUZZ(again->settings == info.settings);
	REQUIRE_FUZZ(again->connections.size() == info.connections.size());
	for (std::size_t i = 0; i < info.connections.size(); i++)
		check_connection(again->connections[i], info.connections[i]);
}

void say_reservation(const Reservation &reservation)
{
	const Message request = make_request(family, HWS_CMD_CONN_ADOPT, 0);
	SessionParameters parameters;
	NewConnection connection;

	parameters.cmd_sn = reservation.cmd_sn;
	parameters.tsih = reservation.tsih;
	connection.exp_stat_sn = reservation.exp_stat_sn;
	put_sid(request.get(), Sid{1});
	put_kind(request.get(), AdoptKind::session);
	put_fd(request.get(), 1);
	put_cookie(request.get(), fuzz::planted ? static_cast<std::uint32_t>(reservation.cookie)
						: reservation.cookie);
	put_parameters(request.get(), parameters);
	put_connection(request.get(), connection);
	put_ping(request.get(), 1, 2);
	auto again = parse_reservation(header_of(request));
	REQUIRE_FUZZ(again && again->cookie == reservation.cookie);
	REQUIRE_FUZZ(again->cmd_sn == reservation.cmd_sn && again->tsih == reservation.tsih);
	REQUIRE_FUZZ(again->exp_stat_sn == reservation.exp_stat_sn);

	const Message alone = make_request(family, HWS_CMD_CONN_RESERVE, 0);
	put_cid(alone.get(), Cid{7});
	REQUIRE_FUZZ(!parse_reservation(header_of(alone)));
	const Message change = make_request(family, HWS_CMD_SESSION_SET, 0);
	put_change(change.get(),
		   {Policy::cpu, SessionChange::Connection{Cid{7}, Role::standby, 3}});
	REQUIRE_FUZZ(!parse_reservation(header_of(change)));
}

void check_event(const Event &event)
{
	// In the order of enum hws_event, without what stands in a hint alone.
	REQUIRE_FUZZ(!event.body.valueless_by_exception());
	if (auto *lost = std::get_if<ConnectionLost>(&event.body))
		REQUIRE_FUZZ(!to_string(lost->loss).empty());
}

template <class T> bool is_refusal(const Result<T> &result)
{
	return !result && result.error().code == Code::no_module && !result.error().text.empty();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
	fuzz::Input input(data, size);
	const unsigned kind = input.byte();
	Received message(input.rest(), !(kind & 0x80));

	try {
		switch (kind & 0x7f) {
		case 0: {
			auto info = parse_info(message.header());
			REQUIRE_FUZZ(info || is_refusal(info));
			break;
		}
		case 1: {
			auto handle = parse_handle(message.header());
			REQUIRE_FUZZ(handle || is_refusal(handle));
			break;
		}
		case 2: {
			auto session = parse_session(message.header());
			REQUIRE_FUZZ(session || is_refusal(session));
			if (session)
				say_session(*session);
			break;
		}
		case 3: {
			auto reservation = parse_reservation(message.header());
			REQUIRE_FUZZ(reservation || is_refusal(reservation));
			if (reservation)
				say_reservation(*reservation);
			break;
		}
		case 4: {
			auto stats = parse_stats(message.header());
			REQUIRE_FUZZ(stats || is_refusal(stats));
			break;
		}
		default: {
			auto event = parse_event(message.header());
			REQUIRE_FUZZ(event || is_refusal(event));
			if (event && *event)
				check_event(**event);
		}
		}
	} catch (const std::length_error &) {
		// What is said again may be longer than a message: its caller hears of it.
	}
	return 0;
}
