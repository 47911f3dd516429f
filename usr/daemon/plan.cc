/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/plan.h"

#include "base/str.h"
#include "iscsi/offer.h"

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <dirent.h>
#include <fstream>
#include <memory>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

namespace hawser::daemon
{

static_assert(config::max_connections == HWS_CONNECTIONS_MAX);

namespace
{

struct CloseDir {
	void operator()(DIR *dir) const { closedir(dir); }
};

/*
 * The network device with a MAC address, by /sys/class/net. What stands on a device
 * (VLANs, bridges, bonds, VRFs) may share its address: then the hardware is meant.
 */
Result<std::string> device_with_mac(std::string_view mac)
{
	const std::string folder = "/sys/class/net";
	std::vector<std::string> hardware;
	std::vector<std::string> others;
	std::unique_ptr<DIR, CloseDir> dir(opendir(folder.c_str()));
	while (const dirent *entry = dir ? readdir(dir.get()) : nullptr) {
		const std::string path = str(folder, '/', std::string_view(entry->d_name));
		std::ifstream file(path + "/address");
		std::string found;
		if (!(file >> found) || !equals_nocase(found, mac))
			continue;
		const bool is_hardware = access((path + "/device").c_str(), F_OK) == 0;
		(is_hardware ? hardware : others).emplace_back(entry->d_name);
	}
	auto &devices = hardware.empty() ? others : hardware;
	if (devices.empty())
		return fail(Code::connect_failed, str("no network device has the address ", mac));
	if (devices.size() > 1) {
		std::sort(devices.begin(), devices.end());
		return fail(Code::connect_failed,
			    str("several network devices have the address ", mac, ": ",
				join(devices, ", "), "; iface.net_ifacename names one"));
	}
	return devices.front();
}

int family_of(int fd)
{
	int family = AF_UNSPEC;
	socklen_t size = sizeof family;
	getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size);
	return family;
}

template <class T> T as(std::int64_t value)
{
	return static_cast<T>(value); // the key table keeps it in range
}

Result<ChapConfig> chap_of(const config::Settings &s, config::SecretBox &secrets)
{
	ChapConfig chap;
	chap.algorithms = chap_algorithms_of(s.list("node.session.auth.chap_algs"));
	chap.username = s.get("node.session.auth.username");
	chap.target_username = s.get("node.session.auth.username_in");
	auto secret = s.secret("node.session.auth.password", secrets);
	if (!secret)
		return tl::unexpected(secret.error());
	auto target_secret = s.secret("node.session.auth.password_in", secrets);
	if (!target_secret)
		return tl::unexpected(target_secret.error());
	chap.secret = std::move(*secret);
	chap.target_secret = std::move(*target_secret);
	return chap;
}

kernel::TaskReporting kernel_task_reporting(TaskReporting reporting)
{
	switch (reporting) {
	case TaskReporting::fast_abort:
		return kernel::TaskReporting::fast_abort;
	case TaskReporting::response_fence:
		return kernel::TaskReporting::response_fence;
	case TaskReporting::rfc3720:
		break;
	}
	return kernel::TaskReporting::rfc3720;
}

kernel::SessionSettings kernel_settings_of(const config::Settings &s)
{
	kernel::SessionSettings k;
	k.cmds_max = as<std::uint32_t>(s.number("node.session.cmds_max"));
	k.queue_depth = as<std::uint32_t>(s.number("node.session.queue_depth"));
	k.recovery_tmo = as<std::int32_t>(s.number("node.session.timeo.replacement_timeout"));
	k.abort_tmo = as<std::uint32_t>(s.number("node.session.err_timeo.abort_timeout"));
	k.lu_reset_tmo = as<std::uint32_t>(s.number("node.session.err_timeo.lu_reset_timeout"));
	k.tgt_reset_tmo = as<std::uint32_t>(s.number("node.session.err_timeo.tgt_reset_timeout"));
	k.scan = s.get("node.session.scan") == "manual" ? kernel::ScanMode::manual
							: kernel::ScanMode::automatic;
	k.policy = *kernel::parse_policy(s.get("node.session.policy")); // a word of the table
	return k;
}

} // namespace

std::string Plan::name() const
{
	return config::to_string(node.id);
}

Link *Plan::find(Cid cid)
{
	auto link = std::find_if(links.begin(), links.end(),
				 [cid](const Link &one) { return one.cid == cid; });
	return link == links.end() ? nullptr : &*link;
}

Way Plan::way(Link link) const
{
	Way way{std::move(link), login};
	way.login.cid = way.link.cid;
	const auto offer = [&](std::string_view key, const std::string &list) {
		if (!list.empty())
			find_binding(key)->offer(way.login.offer, list);
	};
	offer("HeaderDigest", way.link.header_digest);
	offer("DataDigest", way.link.data_digest);
	return way;
}

bool leads_along(const std::vector<Way> &ways, const Address &portal, std::string_view iface)
{
	return std::any_of(ways.begin(), ways.end(), [&](const Way &way) {
		return way.link.portal == portal && way.link.iface == iface;
	});
}

void Plan::add_hops(std::vector<Way> &ways) const
{
	Way hop = ways.front();
	hop.hop = true;
	for (const auto &id : portals) {
		const auto portal = parse_host(id.host, id.port);
		if (!portal || leads_along(ways, *portal, hop.link.iface))
			continue;
		hop.link.portal = *portal;
		ways.push_back(hop);
	}
}

std::vector<config::ConnectionRecord> Plan::connections() const
{
	std::vector<config::ConnectionRecord> records;
	for (const Link &link : links)
		records.push_back({link.cid,
				   {link.portal.host, link.portal.port},
				   link.iface,
				   std::string(to_string(link.role)),
				   link.weight,
				   link.of_record,
				   link.header_digest,
				   link.data_digest});
	return records;
}

Status Binding::apply(int fd) const
{
	std::string name = device;
	if (name.empty() && !mac.empty()) {
		auto found = device_with_mac(mac);
		if (!found)
			return tl::unexpected(found.error());
		name = std::move(*found);
	}
	if (!name.empty() && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name.c_str(),
					static_cast<socklen_t>(name.size() + 1)) < 0)
		return fail(Code::connect_failed,
			    str("network device ", name, ": ", std::strerror(errno)));
	if (source_address.empty())
		return {};

	sockaddr_in v4{};
	sockaddr_in6 v6{};
	const sockaddr *address = nullptr;
	socklen_t size = 0;
	if (inet_pton(AF_INET, source_address.c_str(), &v4.sin_addr) == 1) {
		v4.sin_family = AF_INET;
		address = reinterpret_cast<const sockaddr *>(&v4);
		size = sizeof v4;
	} else if (inet_pton(AF_INET6, source_address.c_str(), &v6.sin6_addr) == 1) {
		v6.sin6_family = AF_INET6;
		if (IN6_IS_ADDR_LINKLOCAL(&v6.sin6_addr))
			v6.sin6_scope_id = if_nametoindex(name.c_str());
		address = reinterpret_cast<const sockaddr *>(&v6);
		size = sizeof v6;
	} else {
		return fail(Code::invalid_argument,
			    str("source address ", source_address, " is no IP address"));
	}
	if (address->sa_family != family_of(fd))
		return fail(Code::connect_failed,
			    str("source address ", source_address, ": the portal's is of IPv",
				address->sa_family == AF_INET ? 6 : 4));
	// The port is chosen by connect(), which knows the other end: one port serves many.
	const int on = 1;
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
	if (bind(fd, address, size) < 0)
		return fail(Code::connect_failed,
			    str("source address ", source_address, ": ", std::strerror(errno)));
	return {};
}

/*
 * The window that TCP grows by itself has no bound that a target meets, so it sends whatever
 * it has at once, in small pieces, and each costs. With open-iscsi's buffer, which like there
 * is kept below net.core.rmem_max, what waits for the window is sent together.
 */
Status Plan::prepare(const Link &link, int fd) const
{
	const int bytes = static_cast<int>(receive_buffer);
	if (bytes > 0 && setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes) < 0)
		return fail(Code::connect_failed, str("node.conn[0].tcp.window_size of ", bytes,
						      ": ", std::strerror(errno)));
	return link.binding.apply(fd);
}

Binding binding_of(const config::Iface &iface)
{
	Binding binding;
	binding.device = iface.settings.get("iface.net_ifacename");
	binding.mac = iface.settings.get("iface.hwaddress");
	binding.source_address = iface.settings.get("iface.ipaddress");
	return binding;
}

Result<Link> make_link(const config::ConnectionRecord &record, const config::Iface &iface)
{
	Link link;
	link.cid = record.cid;
	auto portal = parse_host(record.portal.host, record.portal.port);
	if (!portal)
		return tl::unexpected(portal.error());
	link.portal = std::move(*portal);
	link.of_record = record.of_record;
	link.iface = record.iface;
	link.binding = binding_of(iface);
	link.role = kernel::parse_role(record.role).value_or(kernel::Role::active);
	link.weight = record.weight;
	link.header_digest = record.header_digest;
	link.data_digest = record.data_digest;
	return link;
}

namespace
{

/* The interface of that name: the record's own, or one of those beside it. */
const config::Iface *find_iface(const Plan &plan, std::string_view name)
{
	if (name == plan.node.id.iface)
		return &plan.iface;
	for (const auto &iface : plan.further_ifaces)
		if (iface.name == name)
			return &iface;
	return nullptr;
}

/*
 * Several R2Ts of a task with DataSequenceInOrder=Yes leave level 0 alone (RFC 7143, 13.19). Who
 * set the first has not asked for the level that nobody set; of two that were set, neither yields.
 */
void leave_level_for_r2ts(OperationalOffer &offer, const config::Settings &settings)
{
	if (offer.max_outstanding_r2t > 1 && offer.data_sequence_in_order &&
	    settings.level_of("node.session.iscsi.ERL") == config::Level::initial)
		offer.error_recovery_level = 0;
}

bool offers_data_digest(const OperationalOffer &offer)
{
	return std::find(offer.data_digest.begin(), offer.data_digest.end(), Digest::crc32c) !=
	       offer.data_digest.end();
}

Status make_links(Plan &plan, const std::vector<config::ConnectionRecord> &connections)
{
	plan.links.clear();
	for (const auto &connection : connections) {
		const auto *iface = find_iface(plan, connection.iface);
		if (!iface)
			return fail(Code::record_failed,
				    str(config::connection_key(connection.cid, "iface"),
					": there is no interface ", connection.iface));
		auto link = make_link(connection, *iface);
		if (!link)
			return fail(link.error().code, str("connection ", connection.cid.value,
							   ": ", link.error().text));
		plan.links.push_back(std::move(*link));
	}
	return {};
}

} // namespace

Result<Plan> make_plan(const config::Node &node, const config::Iface &iface,
		       const config::Identity &identity, Isid isid, config::SecretBox &secrets,
		       LinkSource source)
{
	const config::Settings &s = node.settings;

	Plan plan;
	plan.node = node;
	plan.iface = iface;
	plan.further_ifaces = std::move(source.ifaces);
	plan.persistent_portal = node.id.portal;
	plan.portals = std::move(source.portals);
	plan.settings = kernel_settings_of(s);
	if (source.connections.empty())
		source.connections = config::connections_of(node);
	if (auto made = make_links(plan, source.connections); !made)
		return tl::unexpected(made.error());

	LoginConfig &login = plan.login;
	login.initiator_name = iface.settings.get("iface.initiatorname");
	if (login.initiator_name.empty())
		login.initiator_name = identity.name;
	login.initiator_alias = identity.alias;
	login.target_name = node.id.target;
	login.isid = isid;
	login.cid = plan.links.front().cid;
	login.cmd_sn = CmdSn{as<std::uint32_t>(s.number("node.session.initial_cmdsn"))};
	if (node.tpgt >= 0)
		login.expected_tpgt = Tpgt(as<std::uint16_t>(node.tpgt));
	login.auth_methods = auth_methods_of(s.list("node.session.auth.authmethod"));
	auto chap = chap_of(s, secrets);
	if (!chap)
		return tl::unexpected(chap.error());
	login.chap = std::move(*chap);
	login.offer = offer_of(s);
	leave_level_for_r2ts(login.offer, s);
	// A later login may negotiate what this one does not.
	for (const Link &link : plan.links)
		plan.settings.stable_writes |= offers_data_digest(plan.way(link).login.offer);
	login.offer.max_connections =
	    std::max(login.offer.max_connections, static_cast<std::uint16_t>(plan.links.size()));
	if (auto ok = check(login); !ok)
		return tl::unexpected(ok.error());

	plan.max_xmit_data_segment_length =
	    as<std::uint32_t>(s.number("node.conn[0].iscsi.MaxXmitDataSegmentLength"));
	plan.ping_interval = as<std::uint32_t>(s.number("node.conn[0].timeo.noop_out_interval"));
	plan.ping_timeout = as<std::uint32_t>(s.number("node.conn[0].timeo.noop_out_timeout"));
	plan.receive_buffer = as<std::uint32_t>(s.number("node.conn[0].tcp.window_size"));
	plan.login_timeout = Seconds(s.number("node.conn[0].timeo.login_timeout"));
	plan.initial_login_retries = as<unsigned>(s.number("node.session.initial_login_retry_max"));
	plan.reopen_max = as<unsigned>(s.number("node.session.reopen_max"));
	return plan;
}

kernel::NewConnection connection_of(const Plan &plan, const Link &link, const LoginResult &result,
				    int fd)
{
	const NegotiatedParameters &p = result.parameters;
	kernel::NewConnection c;
	c.cid = link.cid;
	c.fd = fd;
	c.header_digest = p.header_digest == Digest::crc32c;
	c.data_digest = p.data_digest == Digest::crc32c;
	c.max_recv_data_segment_length = p.max_recv_data_segment_length;
	c.max_xmit_data_segment_length = p.max_xmit_data_segment_length;
	if (plan.max_xmit_data_segment_length != 0)
		c.max_xmit_data_segment_length =
		    std::min(c.max_xmit_data_segment_length, plan.max_xmit_data_segment_length);
	c.exp_stat_sn = result.exp_stat_sn;
	c.persistent_address = plan.persistent_portal.host;
	c.persistent_port = plan.persistent_portal.port;
	c.ping_interval = plan.ping_interval;
	c.ping_timeout = plan.ping_timeout;
	c.role = link.role;
	c.weight = link.weight;
	return c;
}

kernel::SessionParameters parameters_of(const LoginResult &result)
{
	const NegotiatedParameters &p = result.parameters;
	kernel::SessionParameters k;
	k.tsih = result.target.tsih;
	k.initial_r2t = p.initial_r2t;
	k.immediate_data = p.immediate_data;
	k.first_burst_length = p.first_burst_length;
	k.max_burst_length = p.max_burst_length;
	k.max_outstanding_r2t = p.max_outstanding_r2t;
	k.data_pdu_in_order = p.data_pdu_in_order;
	k.data_sequence_in_order = p.data_sequence_in_order;
	k.error_recovery_level = p.error_recovery_level;
	k.task_reporting = kernel_task_reporting(p.task_reporting);
	k.protocol_level = p.iscsi_protocol_level;
	k.max_connections = p.max_connections;
	k.time2wait = p.default_time2wait;
	k.time2retain = p.default_time2retain;
	k.cmd_sn = result.cmd_sn;
	k.exp_cmd_sn = result.exp_cmd_sn;
	k.max_cmd_sn = result.max_cmd_sn;
	return k;
}

Result<kernel::SessionIdentity> identity_of(const Plan &plan, const LoginResult &result,
					    std::string_view owner_key)
{
	kernel::SessionIdentity id;
	id.initiator_name = plan.login.initiator_name;
	id.initiator_alias = plan.login.initiator_alias;
	id.target_name = plan.login.target_name;
	id.target_alias = result.target.alias;
	id.isid = plan.login.isid;
	if (!result.target.tpgt)
		return fail(Code::login_failed,
			    "the target declared no TargetPortalGroupTag (RFC 7143, 6.3.1)");
	id.tpgt = *result.target.tpgt;
	id.iface = plan.node.id.iface;
	const auto key = as_bytes(owner_key);
	id.owner_key.assign(key.begin(), key.end());
	if (result.auth_method == AuthMethod::chap)
		id.username = plan.login.chap.username.empty() ? plan.login.initiator_name
							       : plan.login.chap.username;
	if (result.target_authenticated)
		id.username_in = plan.login.chap.target_username;
	return id;
}

OperationalOffer offer_of(const config::Settings &settings)
{
	OperationalOffer offer;
	for (const auto &row : config::record_keys()) {
		if (row.kind != settings.kind() || row.text_key.empty() || row.own_limit ||
		    row.connection > 0)
			continue;
		if (const auto *binding = find_binding(row.text_key))
			binding->offer(offer, settings.get(row.name));
	}
	// The result is the smaller of both sides' values, and the module has a bound.
	offer.max_outstanding_r2t = std::min<std::uint16_t>(offer.max_outstanding_r2t, HWS_R2T_MAX);
	return offer;
}

std::vector<AuthMethod> auth_methods_of(const std::vector<std::string> &words)
{
	std::vector<AuthMethod> methods;
	for (const std::string &word : words)
		methods.push_back(word == "CHAP" ? AuthMethod::chap : AuthMethod::none);
	return methods;
}

std::vector<ChapAlgorithm> chap_algorithms_of(const std::vector<std::string> &words)
{
	std::vector<ChapAlgorithm> algorithms;
	for (const std::string &word : words) {
		if (auto algorithm = parse_chap_algorithm(word))
			algorithms.push_back(*algorithm);
	}
	return algorithms;
}

} // namespace hawser::daemon
