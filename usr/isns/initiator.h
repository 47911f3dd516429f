/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an iSCSI initiator says to an iSNS server and reads from it (RFC 4171, 4.1.3):
 * requests to build, answers to read, and the server's own requests to answer. No
 * input or output here.
 */
#pragma once

#include "iscsi/discovery.h"
#include "isns/message.h"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace hawser::isns
{

/*
 * What is registered: one Network Entity with one Portal and one Storage Node. The
 * Portal is where ESI and SCN are listened for; its number keys it, so it is
 * nobody else's on this machine.
 */
struct Registration {
	std::string name; // of the initiator; the Entity Identifier too
	std::string alias;
	IpAddress address{};
	std::uint16_t port = 0; // 0: nothing is listened for
	/* Seconds between status inquiries asked for; 0 asks for none. */
	std::uint32_t esi_interval = 0;
};

/* What of it the server changed or chose (5.7.5.1). */
struct Granted {
	std::string entity;
	std::uint32_t esi_interval = 0; // 0: no status inquiries
	std::uint32_t period = 0;	// 0: none
};

/* 5.6.5.1; replaces what is registered for this entity. */
Builder registration(const Registration &self);
/* Code::isns_registration when the server refused, with its status. */
Result<Granted> read_registration(const Message &response, const Registration &self);

/* 5.6.5.5: changes of targets and of the initiator itself. */
Builder scn_registration(const std::string &name);
/* 5.6.5.4 */
Builder deregistration(const std::string &name, const std::string &entity);

/* Whether this portal is registered under @entity: the smallest message that keeps it so. */
Builder presence_query(const std::string &name, const std::string &entity);
bool is_present(const Message &response, const Registration &self);

/* Every target that @name may see, with portals and portal groups, at once (5.6.5.2). */
Builder target_query(const std::string &name);
/* The same of one target. */
Builder target_query(const std::string &name, const std::string &target);
/* The node behind @previous, the first one when it is empty (5.6.5.3). */
Builder next_node(const std::string &name, const std::string &previous);

struct NextNode {
	std::string name;
	bool is_target = false;
};

/* Nothing behind the last one. Code::isns_query when the server refused. */
Result<std::optional<NextNode>> read_next_node(const Message &response);

/*
 * Builds what was discovered out of answers to target_query(). A target with a bad name
 * is skipped, so are portals that no TCP connection can be made to; nodes that
 * are no targets are none of our business. A portal whose Portal Group has a NULL tag
 * does not lead to the target (6.5.4).
 */
class TargetReader
{
public:
	/* Code::isns_query when the server refused. */
	Status take(const Message &response);
	DiscoveryReply finish();

private:
	struct Group {
		std::optional<std::string> name;
		std::optional<IpAddress> address;
		std::optional<std::uint32_t> port;
		bool tag_known = false;
		std::optional<std::uint32_t> tag; // none: NULL
	};
	struct Node {
		std::string name;
		bool is_target = true; // until its type says something else
		bool grouped = false;  // portals come from its groups alone
		std::vector<Portal> portals;
		std::vector<Portal> by_group;
	};

	void end_group();
	Node *find(const std::string &name);
	void add(std::vector<Portal> &portals, const std::string &target, const IpAddress &address,
		 std::uint32_t port, std::optional<Tpgt> tpgt);

	std::vector<Node> nodes_;
	std::map<std::string, std::size_t, std::less<>> index_; // into nodes_
	std::optional<std::size_t> current_;
	std::optional<IpAddress> address_; // of the portal whose port comes next
	std::optional<Group> group_;
	std::vector<Group> groups_; // whole ones, their nodes may come later
	std::vector<std::string> skipped_;
	bool incomplete_ = false; // something could not be read, or there was no room for it
	std::set<std::string, std::less<>> uncertain_; // of these targets there was not
};

/* What a server wants of us, and the answer. */
struct Served {
	std::optional<Builder> answer; // a heartbeat has none
	enum class What { state_change, inquiry, other } what = What::other;
	std::vector<std::string> changed; // names in a state change, to be logged
};

/*
 * SCN (5.6.5.8) and ESI (5.6.5.13) are answered; an inquiry after another entity
 * than @entity with "No Such Entry", so that nobody's old registration is kept alive
 * by us; anything else with "Message Not Supported".
 */
Served serve(const Message &request, const std::string &entity);

/* An address as records have it; nullopt for what no connection can be made to. */
std::optional<Address> address_of(const IpAddress &address, std::uint16_t port);

} // namespace hawser::isns
