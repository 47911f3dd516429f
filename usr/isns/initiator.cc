/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "isns/initiator.h"

#include "base/str.h"
#include "iscsi/names.h"

#include <algorithm>
#include <arpa/inet.h>

namespace hawser::isns
{

namespace
{

constexpr std::uint32_t protocol_iscsi = 2; // 6.2.2
constexpr std::uint32_t node_target = 1;    // 6.4.2
constexpr std::uint32_t node_initiator = 2;

/* 6.4.4 */
constexpr std::uint32_t scn_target_and_self = 0x40;
constexpr std::uint32_t scn_removed = 0x10;
constexpr std::uint32_t scn_added = 0x08;
constexpr std::uint32_t scn_updated = 0x04;

constexpr std::uint32_t port_udp = 0x10000; // 6.3.2

/* What an answer to ESI carries back has this many bytes at most. */
constexpr std::size_t max_inquiry = 1024;

/*
 * A list is looked at in one go, in the daemon's only thread: what a server may put into
 * it is bounded well above what storage networks have.
 */
constexpr std::size_t max_nodes = 65536;
constexpr std::size_t max_groups = 4 * max_nodes;
constexpr std::size_t max_portals = 64; // of one target
constexpr std::size_t max_skipped = 100;

Builder request(Function function, const std::string &source)
{
	Builder builder(function);

	builder.text(tag::iscsi_name, source);
	return builder;
}

void ask_for_target(Builder &query)
{
	for (std::uint32_t wanted :
	     {tag::iscsi_name, tag::iscsi_node_type, tag::portal_address, tag::portal_port,
	      tag::pg_iscsi_name, tag::pg_portal_address, tag::pg_portal_port, tag::pg_tag})
		query.empty(wanted);
}

tl::unexpected<Error> refused(Code code, std::string_view what, const Message &response)
{
	return fail(code,
		    str("the iSNS server refused ", what, ": ", status_text(response.status())));
}

/*
 * ::ffff:a.b.c.d, as RFC 4171 has it. isnsadm registers what it was given as a.b.c.d in the
 * form ::a.b.c.d; as an IPv6 address that means nothing any more (RFC 4291, 2.5.5.1).
 */
bool is_ipv4(const IpAddress &address)
{
	static constexpr std::uint8_t prefix[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	static constexpr std::uint8_t compatible[12] = {};

	return std::equal(std::begin(prefix), std::end(prefix), address.begin()) ||
	       (std::equal(std::begin(compatible), std::end(compatible), address.begin()) &&
		address[12] != 0);
}

} // namespace

Builder registration(const Registration &self)
{
	Builder builder = request(Function::dev_attr_reg, self.name);

	builder.replace();
	builder.text(tag::entity_identifier, self.name).delimiter();
	builder.text(tag::entity_identifier, self.name)
	    .number(tag::entity_protocol, protocol_iscsi);
	builder.address(tag::portal_address, self.address).number(tag::portal_port, self.port);
	if (self.esi_interval > 0)
		builder.number(tag::esi_interval, self.esi_interval)
		    .number(tag::esi_port, self.port);
	if (self.port != 0)
		builder.number(tag::scn_port, self.port);
	builder.text(tag::iscsi_name, self.name).number(tag::iscsi_node_type, node_initiator);
	if (!self.alias.empty())
		builder.text(tag::iscsi_alias, self.alias);
	return builder;
}

Result<Granted> read_registration(const Message &response, const Registration &self)
{
	if (response.status() != status::successful)
		return refused(Code::isns_registration, "the registration", response);
	Granted granted{self.name, self.esi_interval, 0};
	// The server may return what it changed alone: what it says last is what holds.
	for (const Attribute &attribute : response.attributes()) {
		if (attribute.tag == tag::entity_identifier) {
			if (auto text = attribute.text(); text && !text->empty())
				granted.entity = *text;
		} else if (attribute.tag == tag::registration_period) {
			granted.period = attribute.number().value_or(granted.period);
		} else if (attribute.tag == tag::esi_interval) {
			granted.esi_interval = attribute.number().value_or(granted.esi_interval);
		}
	}
	return granted;
}

Builder scn_registration(const std::string &name)
{
	Builder builder = request(Function::scn_reg, name);

	builder.text(tag::iscsi_name, name).delimiter();
	builder.number(tag::iscsi_scn_bitmap,
		       scn_target_and_self | scn_removed | scn_added | scn_updated);
	return builder;
}

Builder deregistration(const std::string &name, const std::string &entity)
{
	Builder builder = request(Function::dev_dereg, name);

	builder.delimiter().text(tag::entity_identifier, entity);
	return builder;
}

Builder presence_query(const std::string &name, const std::string &entity)
{
	Builder builder = request(Function::dev_attr_qry, name);

	builder.text(tag::entity_identifier, entity).delimiter();
	builder.empty(tag::entity_identifier)
	    .empty(tag::portal_address)
	    .empty(tag::portal_port)
	    .empty(tag::iscsi_name);
	return builder;
}

bool is_present(const Message &response, const Registration &self)
{
	bool portal = false;
	bool node = false;
	std::optional<IpAddress> address;

	if (response.status() != status::successful)
		return false;
	for (const Attribute &attribute : response.operating()) {
		if (attribute.tag == tag::portal_address)
			address = attribute.address();
		else if (attribute.tag == tag::portal_port)
			portal |= address == self.address && attribute.number() == self.port;
		else if (attribute.tag == tag::iscsi_name)
			node |= equals_nocase(attribute.text().value_or(""), self.name);
	}
	return portal && node;
}

Builder target_query(const std::string &name)
{
	Builder builder = request(Function::dev_attr_qry, name);

	builder.number(tag::iscsi_node_type, node_target).delimiter();
	ask_for_target(builder);
	return builder;
}

Builder target_query(const std::string &name, const std::string &target)
{
	Builder builder = request(Function::dev_attr_qry, name);

	builder.text(tag::iscsi_name, target).delimiter();
	ask_for_target(builder);
	return builder;
}

Builder next_node(const std::string &name, const std::string &previous)
{
	Builder builder = request(Function::dev_get_next, name);

	if (previous.empty())
		builder.empty(tag::iscsi_name);
	else
		builder.text(tag::iscsi_name, previous);
	builder.delimiter().empty(tag::iscsi_node_type);
	return builder;
}

Result<std::optional<NextNode>> read_next_node(const Message &response)
{
	if (response.status() == status::no_such_entry)
		return std::nullopt;
	if (response.status() != status::successful)
		return refused(Code::isns_query, "to name its nodes", response);
	const Attribute *name = response.find(tag::iscsi_name);
	if (!name || !name->text() || name->text()->empty())
		return fail(Code::isns_query, "the iSNS server named a node without a name");
	NextNode node{*name->text(), true};
	if (const Attribute *type = response.find(tag::iscsi_node_type))
		node.is_target = type->number().value_or(node_target) & node_target;
	return node;
}

std::optional<Address> address_of(const IpAddress &address, std::uint16_t port)
{
	char text[INET6_ADDRSTRLEN];
	const bool ipv4 = is_ipv4(address);
	const std::uint8_t *from = address.data() + (ipv4 ? 12 : 0);

	if (ipv4 ? from[0] == 0 || from[0] >= 224 : from[0] == 0xff)
		return std::nullopt; // "this network", multicast and beyond
	if (!ipv4 && std::all_of(address.begin(), address.end(), [](auto b) { return b == 0; }))
		return std::nullopt;
	// A link-local address means something on one link alone, and which is not said.
	if (!ipv4 && from[0] == 0xfe && (from[1] & 0xc0) == 0x80)
		return std::nullopt;
	if (!::inet_ntop(ipv4 ? AF_INET : AF_INET6, from, text, sizeof text))
		return std::nullopt;
	auto parsed = parse_host(text, port);
	if (!parsed)
		return std::nullopt;
	return std::move(*parsed);
}

TargetReader::Node *TargetReader::find(const std::string &name)
{
	const auto at = index_.find(name);

	return at == index_.end() ? nullptr : &nodes_[at->second];
}

void TargetReader::add(std::vector<Portal> &portals, const std::string &target,
		       const IpAddress &address, std::uint32_t port, std::optional<Tpgt> tpgt)
{
	const auto skip = [&](std::string_view why) {
		if (skipped_.size() < max_skipped)
			skipped_.push_back(str("a portal of ", target, ": ", why));
	};

	if (port & port_udp)
		return skip("its port is of UDP"); // none that sessions are made at
	if (portals.size() == max_portals) {
		uncertain_.insert(target);
		return skip(str("there are more than ", max_portals));
	}
	const auto number = static_cast<std::uint16_t>(port);
	const auto where = address_of(address, number == 0 ? hawser::default_port : number);
	if (!where) // no record can be of it
		return skip(str("no connection can be made to address ", hex_encode(address)));
	const auto same = std::find_if(portals.begin(), portals.end(),
				       [&](const Portal &one) { return one.address == *where; });
	if (same == portals.end())
		portals.push_back({*where, tpgt});
	else if (tpgt)
		same->tpgt = tpgt;
}

void TargetReader::end_group()
{
	if (group_ && group_->address && group_->port && groups_.size() == max_groups) {
		incomplete_ = true;
	} else if (group_ && group_->address && group_->port) {
		if (!group_->name && current_)
			group_->name = nodes_[*current_].name;
		groups_.push_back(std::move(*group_));
	}
	group_.reset();
}

Status TargetReader::take(const Message &response)
{
	if (response.status() != status::successful)
		return refused(Code::isns_query, "to name its targets", response);
	current_.reset();
	address_.reset();
	for (const Attribute &attribute : response.operating()) {
		switch (attribute.tag) {
		case tag::iscsi_name: {
			end_group();
			address_.reset();
			current_.reset();
			if (nodes_.size() == max_nodes) {
				incomplete_ = true;
				break;
			}
			incomplete_ |= !attribute.text(); // whose it is cannot be read
			const std::string name = attribute.text().value_or("");
			if (auto ok = check_name(name); !ok) {
				if (skipped_.size() < max_skipped)
					skipped_.push_back(ok.error().text);
				break;
			}
			const auto [at, fresh] = index_.emplace(name, nodes_.size());
			if (fresh)
				nodes_.push_back({name, true, false, {}, {}});
			current_ = at->second;
			break;
		}
		case tag::iscsi_node_type:
			if (current_)
				nodes_[*current_].is_target =
				    attribute.number().value_or(node_target) & node_target;
			break;
		case tag::portal_address:
			end_group();
			address_ = attribute.address();
			break;
		case tag::portal_port:
			if (current_ && address_ && attribute.number())
				add(nodes_[*current_].portals, nodes_[*current_].name, *address_,
				    *attribute.number(), std::nullopt);
			address_.reset();
			break;
		case tag::pg_iscsi_name:
			end_group();
			group_ = Group{};
			group_->name = attribute.text();
			break;
		case tag::pg_portal_address:
			if (!group_ || group_->address) {
				end_group();
				group_ = Group{};
			}
			group_->address = attribute.address();
			break;
		case tag::pg_portal_port:
			if (group_)
				group_->port = attribute.number();
			break;
		case tag::pg_tag:
			if (group_) {
				group_->tag_known = true;
				group_->tag = attribute.number();
			}
			break;
		default:
			break;
		}
	}
	end_group();
	return {};
}

DiscoveryReply TargetReader::finish()
{
	DiscoveryReply reply;

	for (const Group &group : groups_) {
		Node *node = group.name ? find(*group.name) : nullptr;
		if (!node)
			continue;
		node->grouped = true;
		if (group.tag_known && !group.tag)
			continue;
		std::optional<Tpgt> tpgt;
		if (group.tag)
			tpgt = Tpgt{static_cast<std::uint16_t>(*group.tag)};
		add(node->by_group, node->name, *group.address, *group.port, tpgt);
	}
	for (Node &node : nodes_) {
		if (!node.is_target)
			continue;
		auto &portals = node.grouped ? node.by_group : node.portals;
		if (portals.empty()) {
			if (skipped_.size() < max_skipped)
				skipped_.push_back(str(node.name, ": the iSNS server names no "
								  "portal that leads to it"));
			continue;
		}
		reply.targets.push_back({node.name, std::move(portals)});
	}
	reply.skipped = std::move(skipped_);
	reply.incomplete = incomplete_;
	reply.uncertain = std::move(uncertain_);
	*this = TargetReader();
	return reply;
}

Served serve(const Message &request, const std::string &entity)
{
	Served served;

	if (request.is(Function::heartbeat))
		return served;
	if (request.is(Function::scn)) {
		const auto attributes = request.attributes();
		if (attributes.empty() || attributes.front().tag != tag::iscsi_name) {
			served.answer.emplace(request, status::message_format_error);
			return served;
		}
		served.what = Served::What::state_change;
		for (const Attribute &attribute : attributes.subspan(1)) {
			if (attribute.tag == tag::iscsi_name && served.changed.size() < 16)
				served.changed.push_back(attribute.text().value_or(""));
		}
		served.answer.emplace(request, status::successful);
		served.answer->copy(attributes.front());
		return served;
	}
	if (!request.is(Function::esi)) {
		served.answer.emplace(request, status::function_not_supported);
		return served;
	}
	std::size_t bytes = 0;
	for (const Attribute &attribute : request.attributes())
		bytes += attribute.value.size() + 8;
	const Attribute *asked = request.find(tag::entity_identifier);
	if (!asked || bytes > max_inquiry) {
		served.answer.emplace(request, status::message_format_error);
		return served;
	}
	if (asked->text() != entity) {
		served.answer.emplace(request, status::no_such_entry);
		return served;
	}
	served.what = Served::What::inquiry;
	served.answer.emplace(request, status::successful);
	for (const Attribute &attribute : request.attributes())
		served.answer->copy(attribute);
	return served;
}

} // namespace hawser::isns
