/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Mode fw, and discovery of type fw: the targets that the boot firmware knows. */
#include "base/coding.h"
#include "base/str.h"
#include "cli/actions.h"
#include "cli/modes.h"
#include "config/firmware.h"
#include "iscsi/names.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace hawser::cli
{

namespace
{

/* The interface record for a firmware whose initiator has another name than ours. */
constexpr std::string_view firmware_iface = "ibft";

using Values = std::vector<std::pair<std::string, std::string>>;

/* What the firmware has, or nothing after telling why; entries with a fault are warned about. */
std::optional<config::Firmware> read(Context &context)
{
	auto firmware = config::read_firmware(context.store.paths().firmware_dir);
	if (!firmware) {
		context.tell(firmware.error());
		return std::nullopt;
	}
	for (const Error &problem : firmware->problems)
		context.warn(str("not taken: ", problem.text));
	if (firmware->targets.empty()) {
		context.tell(nothing_found("the boot firmware names no target that can be used"));
		return std::nullopt;
	}
	return std::move(*firmware);
}

/* As iscsiadm shows an entry, but for the secrets, which are never shown. */
Values values_of(const std::string &initiator, const config::FirmwareTarget &target)
{
	Values values;
	auto add = [&](const char *key, const std::string &value) {
		if (!value.empty())
			values.emplace_back(key, value);
	};
	auto add_chap = [&](const std::optional<config::FirmwareChap> &chap, const char *name,
			    const char *secret) {
		add(name, chap ? chap->username : "");
		add(secret, chap ? "********" : "");
	};

	add("iface.initiatorname", initiator);
	add("iface.transport_name", "tcp");
	if (const auto &nic = target.nic) {
		add("iface.hwaddress", nic->hwaddress);
		add("iface.bootproto", nic->dhcp ? "DHCP" : "STATIC");
		add("iface.ipaddress", nic->address);
		add("iface.subnet_mask", nic->subnet_mask);
		add("iface.gateway", nic->gateway);
		add("iface.primary_dns", nic->primary_dns);
		add("iface.secondary_dns", nic->secondary_dns);
		add("iface.vlan_id", nic->vlan);
		add("iface.net_ifacename", nic->device);
	}
	add("node.name", target.name);
	add("node.conn[0].address", target.portal.host);
	add("node.conn[0].port", str(target.portal.port));
	add_chap(target.chap, "node.session.auth.username", "node.session.auth.password");
	add_chap(target.target_chap, "node.session.auth.username_in",
		 "node.session.auth.password_in");
	add("node.boot_lun", target.lun);
	return values;
}

void print_entries(Context &context, const config::Firmware &firmware, bool json)
{
	auto list = nlohmann::ordered_json::array();
	for (const auto &target : firmware.targets) {
		const auto values = values_of(firmware.initiator, target);
		if (json) {
			auto object = nlohmann::ordered_json::object();
			for (const auto &[key, value] : values)
				object[key] = value;
			list.push_back({{"target", target.name},
					{"address", target.portal.host},
					{"port", target.portal.port},
					{"boot", target.boot},
					{"values", std::move(object)}});
			continue;
		}
		context.out << "# BEGIN RECORD " << HAWSER_VERSION << '\n';
		for (const auto &[key, value] : values)
			context.out << key << " = " << value << '\n';
		context.out << "# END RECORD\n";
	}
	if (json)
		print_json(context.out, list);
}

/*
 * The interfaces to make records for. The firmware's initiator name is what its targets
 * know: where it is another one than ours, an interface record carries it.
 */
Result<std::vector<std::string>> ifaces_for(Context &context, const Options &options,
					    const config::Firmware &firmware)
{
	for (const auto &name : options.ifaces)
		if (auto iface = context.store.iface(name); !iface)
			return tl::unexpected(iface.error());
	if (!options.ifaces.empty())
		return options.ifaces;
	const std::vector<std::string> own = {std::string(config::default_iface)};
	if (firmware.initiator.empty())
		return own;
	auto identity = context.store.identity();
	if (!identity)
		return tl::unexpected(identity.error());
	if (identity->name == firmware.initiator)
		return own;

	config::Iface iface{std::string(firmware_iface)};
	if (auto known = context.store.iface(iface.name); known)
		iface = std::move(*known);
	if (auto set = iface.settings.set("iface.initiatorname", firmware.initiator,
					  context.store.secrets());
	    !set)
		return tl::unexpected(set.error());
	if (auto put = context.store.put_iface(iface); !put)
		return tl::unexpected(put.error());
	return std::vector<std::string>{iface.name};
}

/* What a record of @target has; secrets are wiped with it. */
class RecordValues
{
public:
	RecordValues(const config::FirmwareTarget &target, const Values &further)
	{
		values_ = {{"node.startup", "onboot"},
			   {"node.session.auth.authmethod", target.chap ? "CHAP" : "None"}};
		add(target.chap, "node.session.auth.username", "node.session.auth.password");
		add(target.target_chap, "node.session.auth.username_in",
		    "node.session.auth.password_in");
		values_.insert(values_.end(), further.begin(), further.end());
	}
	~RecordValues()
	{
		for (auto &[key, value] : values_)
			wipe(value);
	}
	RecordValues(const RecordValues &) = delete;
	RecordValues &operator=(const RecordValues &) = delete;

	/* The result is warnings. */
	Result<std::vector<std::string>> set(config::Settings &settings,
					     config::SecretBox &box) const
	{
		std::vector<std::string> warnings;
		for (const auto &[key, value] : values_) {
			auto taken = settings.set(key, value, box);
			if (!taken)
				return tl::unexpected(taken.error());
			if (!taken->empty())
				warnings.push_back(std::move(*taken));
		}
		return warnings;
	}

private:
	/* Any bytes are a secret to the firmware; hexadecimal digits stand for all of them. */
	void add(const std::optional<config::FirmwareChap> &chap, const char *name,
		 const char *password)
	{
		values_.emplace_back(name, chap ? chap->username : "");
		values_.emplace_back(password,
				     chap ? str("0x", hex_encode(chap->secret.bytes())) : "");
	}

	Values values_;
};

/* The records that the firmware's targets are in afterwards, or nothing after telling why not. */
std::vector<config::NodeId> store(Context &context, const config::Firmware &firmware,
				  const std::vector<std::string> &ifaces,
				  const config::DiscoveryChanges &changes, const Values &further)
{
	auto sessions = context.sessions.sessions();
	if (!sessions) {
		context.tell(sessions.error());
		return {};
	}
	config::Discovery discovery{.source = {config::SourceType::fw, {"", 0}},
				    .found = {},
				    .ifaces = ifaces,
				    .changes = changes};
	context.store.set_in_use([sessions = std::move(*sessions)](const config::NodeId &id) {
		return std::any_of(sessions.begin(), sessions.end(),
				   [&](const auto &session) { return node_of(session) == id; });
	});
	std::vector<config::NodeId> stored;
	for (const auto &target : firmware.targets) {
		/* What a record cannot hold is found out before anything is stored. */
		config::Settings probe(config::RecordKind::node);
		auto tried = RecordValues(target, further).set(probe, context.store.secrets());
		if (!tried) {
			context.tell(
			    {tried.error().code, str(target.name, ": ", tried.error().text)});
			return {};
		}
		for (const auto &warning : *tried)
			context.warn(str(target.name, ": ", warning));
		discovery.found.push_back({target.name, target.portal, -1});
		for (const auto &iface : ifaces)
			stored.push_back({target.name, target.portal, iface});
	}
	auto outcome = context.store.store_discovery(std::move(discovery));
	if (!outcome) {
		context.tell(outcome.error());
		return {};
	}
	context.tell(outcome->problems);

	auto changed = std::move(outcome->added);
	changed.insert(changed.end(), outcome->updated.begin(), outcome->updated.end());
	for (const auto &id : changed) {
		/* A record that was there may spell the name in another case. */
		const auto target = std::find_if(
		    firmware.targets.begin(), firmware.targets.end(), [&](const auto &candidate) {
			    return candidate.portal == id.portal &&
				   same_name(candidate.name, id.target);
		    });
		if (target == firmware.targets.end())
			continue;
		const RecordValues values(*target, further);
		auto updated = context.store.update_nodes(
		    {.target = id.target,
		     .host = id.portal.host,
		     .port = id.portal.port,
		     .iface = id.iface},
		    [&](config::Node &node) {
			    return values.set(node.settings, context.store.secrets())
				.map([](const auto &) {});
		    });
		if (!updated) {
			context.tell(updated.error());
			return {};
		}
	}
	return stored;
}

void log_in_to(Context &context, const std::vector<config::NodeId> &ids, bool wait)
{
	std::vector<config::Node> nodes;
	for (const auto &id : ids)
		if (auto node = context.store.node(id); node)
			nodes.push_back(std::move(*node));
		else
			context.tell(node.error());
	if (!nodes.empty())
		log_in(context, nodes, wait);
}

} // namespace

void run_fw_mode(Context &context, const Options &options)
{
	if (!options.settings.empty() && !options.login)
		return context.tell({Code::invalid_argument, "fw mode: -n and -v go with -l"});
	const auto firmware = read(context);
	if (!firmware)
		return;
	if (!options.login)
		return print_entries(context, *firmware, options.json);
	const auto ifaces = ifaces_for(context, options, *firmware);
	if (!ifaces)
		return context.tell(ifaces.error());
	log_in_to(context, store(context, *firmware, *ifaces, {}, options.settings),
		  !options.no_wait);
}

void run_fw_discovery(Context &context, const Options &options)
{
	if (options.portal)
		return context.tell(
		    {Code::invalid_argument, "-p: the boot firmware is no portal (-t fw)"});
	if (!options.settings.empty() || options.has(Op::show))
		return context.tell({Code::invalid_argument,
				     "discovery of type fw has no record to show or update"});
	if (options.has(Op::nonpersistent) && (options.ops.size() > 1 || options.login))
		return context.tell({Code::invalid_argument,
				     "nonpersistent stores no records: nothing else goes with it"});
	const auto firmware = read(context);
	if (!firmware)
		return;
	auto list = nlohmann::ordered_json::array();
	for (const auto &target : firmware->targets)
		if (options.json)
			list.push_back({{"target", target.name},
					{"address", target.portal.host},
					{"port", target.portal.port},
					{"tpgt", -1}});
		else
			print_node_line(context.out, target.portal, -1, target.name);
	if (options.json)
		print_json(context.out, list);
	if (options.has(Op::nonpersistent))
		return;
	const auto ifaces = ifaces_for(context, options, *firmware);
	if (!ifaces)
		return context.tell(ifaces.error());
	config::DiscoveryChanges changes;
	if (!options.ops.empty())
		changes = {options.has(Op::add), options.has(Op::update), options.has(Op::remove)};
	const auto stored = store(context, *firmware, *ifaces, changes, {});
	if (options.login)
		log_in_to(context, stored, !options.no_wait);
}

} // namespace hawser::cli
