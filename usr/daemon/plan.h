/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All that one session needs to log in and to log in again, made of the records
 * once. A reconnect reads no file: the disk that the file is on may be the one
 * that waits for the reconnect.
 */
#pragma once

#include "base/error.h"
#include "base/types.h"
#include "config/connections.h"
#include "config/identity.h"
#include "config/records.h"
#include "config/secret_box.h"
#include "iscsi/address.h"
#include "iscsi/login_io.h"
#include "kernel/types.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hawser::daemon
{

/* What an interface record binds connections to; empty members bind to nothing. */
struct Binding {
	std::string device = {};	 // by name: a network device or a VRF
	std::string mac = {};		 // of the device, when it has no name here
	std::string source_address = {}; // numeric

	/*
	 * Before connect: SO_BINDTODEVICE and bind(). Code::connect_failed for what is not there
	 * now and may be there later: a device, its address.
	 */
	Status apply(int fd) const;
};

Binding binding_of(const config::Iface &iface);

/* One connection of the session: how it is reached, and its part in the policy. */
struct Link {
	Cid cid;
	Address portal;		// to connect to: the record's, or where the target has moved since
	bool of_record = false; // the portal is the one that the record is of
	std::string iface;
	Binding binding;
	kernel::Role role = kernel::Role::active;
	std::uint32_t weight = 0;
	std::string header_digest = {}; // as records list them; empty: the plan's own
	std::string data_digest = {};
};

/* One way to log in: as which connection, over what portal and interface. */
struct Way {
	Link link; // its portal is another one than the connection's own on a hop
	LoginConfig login;
	bool hop = false;
};

/* Whether one of @ways goes over this portal through this interface. */
bool leads_along(const std::vector<Way> &ways, const Address &portal, std::string_view iface);

/* Portals of one portal group that a session may hop to, at most. */
inline constexpr std::size_t max_hops = 15;

/* The parts of a record that connections are made of. */
struct LinkSource {
	std::vector<config::ConnectionRecord> connections;
	std::vector<config::Iface> ifaces; // of those that do not go through the record's own
	std::vector<config::PortalId> portals = {}; // of the portal group, besides the record's
};

struct Plan {
	config::Node node;   // as it was at login, what was set for this login included
	config::Iface iface; // likewise
	std::vector<config::Iface> further_ifaces;	// of links that go through others
	std::vector<Link> links = std::vector<Link>(1); // by CID; the first one leads
	/*
	 * Other portals of the portal group, as records had them when the session was made,
	 * for a session that has lost all its connections; none with portal hopping off.
	 */
	std::vector<config::PortalId> portals;
	/*
	 * The record's portal when the session was made, which names its disks
	 * (/dev/disk/by-path) for as long as it lives.
	 */
	config::PortalId persistent_portal;
	LoginConfig login; // of the leading connection
	/*
	 * That the session's leading login agreed on, with which all that follow it in the
	 * session are to be made (RFC 7143, 9.2); none: not known, of a session that an older
	 * daemon has made.
	 */
	std::optional<AuthMethod> auth_method;
	kernel::SessionSettings settings;
	std::uint32_t max_xmit_data_segment_length = 0; // 0: what the target declares
	std::uint32_t ping_interval = 0;
	std::uint32_t ping_timeout = 0;
	Seconds login_timeout{15};
	std::uint32_t receive_buffer = 0; // bytes that the TCP window comes from; 0: TCP decides
	unsigned initial_login_retries = 8;
	unsigned reopen_max = 0; // failed logins in a row; 0: any number

	/* What a socket needs before it is connected: its binding and its receive buffer. */
	Status prepare(const Link &link, int fd) const;

	Link *find(Cid cid); // null: there is none
	/* The login over @link's own portal. */
	Way way(Link link) const;
	/*
	 * The same into the session of @tsih, which has begun: to join it or to reinstate a
	 * connection of it. What the record allows beside the session's method is for the next
	 * leading login.
	 */
	Way way_into(Link link, Tsih tsih) const
	{
		Way joining = way(std::move(link));
		joining.login.tsih = tsih;
		if (auth_method)
			joining.login.auth_methods = {*auth_method};
		return joining;
	}
	/*
	 * Adds to @ways, each a connection's own, the other portals that the session may come
	 * back over, as the first of them.
	 */
	void add_hops(std::vector<Way> &ways) const;
	/* The links as a record has them. */
	std::vector<config::ConnectionRecord> connections() const;

	std::string name() const; // "iqn... at 192.0.2.1:3260 through default"
};

/* @iface is the one that @record names. Fails when the portal is no address. */
Result<Link> make_link(const config::ConnectionRecord &record, const config::Iface &iface);

/*
 * @isid: of this session. Errors name the key that cannot be used: a secret that
 * does not open, a portal that is no address. The record's connections are meant when
 * @source has none.
 */
Result<Plan> make_plan(const config::Node &node, const config::Iface &iface,
		       const config::Identity &identity, Isid isid, config::SecretBox &secrets,
		       LinkSource source = {});

/* The connection that a login over @link has given, as the module wants it. */
kernel::NewConnection connection_of(const Plan &plan, const Link &link, const LoginResult &result,
				    int fd);
kernel::SessionParameters parameters_of(const LoginResult &result);
/* Code::login_failed when the target does not name its portal group. */
Result<kernel::SessionIdentity> identity_of(const Plan &plan, const LoginResult &result,
					    std::string_view owner_key);

/* What the record's text keys have offered; the defaults of OperationalOffer for the others. */
OperationalOffer offer_of(const config::Settings &settings);

/* The lists of methods and algorithms as records spell them, in order of preference. */
std::vector<AuthMethod> auth_methods_of(const std::vector<std::string> &words);
std::vector<ChapAlgorithm> chap_algorithms_of(const std::vector<std::string> &words);

} // namespace hawser::daemon
