/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Folders of files: open-iscsi's, from which records are taken over, and our own from which the
 * initiator's identity and hawserd.conf are read. The input is files, each a byte that says
 * which, its length in two bytes, and its text.
 *
 * Whatever they say, an import leaves records that can be read, replaces none that was there,
 * takes a secret as it stands, and finds nothing new when it is run again; the identity that was
 * read is legal and is read again the same.
 *
 * Planted: a node record is taken without the lowest bit of its port.
 */
#include "base/coding.h"
#include "base/str.h"
#include "config/import.h"
#include "config/ini.h"
#include "folder.h"
#include "input.h"
#include "iscsi/names.h"

#include <fstream>
#include <iterator>

using namespace hawser;
using namespace hawser::config;
namespace fs = std::filesystem;

namespace
{

enum Which : unsigned {
	iscsid_conf,
	initiatorname_iscsi,
	iface,
	node,
	another_node,
	st_config,
	hawserd_conf,
	initiatorname_hawser,
	initiator_json,
	a_record_of_ours, // the text does not count
	isns_config,
};

constexpr std::string_view names[] = {
    "iscsi/iscsid.conf",
    "iscsi/initiatorname.iscsi",
    "iscsi/ifaces/one",
    "iscsi/nodes/iqn.a/192.0.2.1,3260,1/default",
    "iscsi/nodes/iqn.b/192.0.2.1,3260,1",
    "iscsi/send_targets/192.0.2.1,3260/st_config",
    "etc/hawserd.conf",
    "etc/initiatorname.hawser",
    "var/initiator.json",
    "",
    "iscsi/isns/192.0.2.1,3205/isns_config",
};

constexpr std::string_view secret_key = "node.session.auth.password";

class Machine
{
public:
	Machine()
	{
		paths_.config_dir = folder_.path() + "/etc";
		paths_.state_dir = folder_.path() + "/var";
		clear();
		Store store(paths_);
		REQUIRE_FUZZ(store.secrets().seal("", "made once"));
		REQUIRE_FUZZ(store.identity());
		key_ = read("etc/secret.key");
		name_ = read("etc/initiatorname.hawser");
		drawn_ = read("var/initiator.json");
	}

	/* As a machine is on which hawserd ran once; drawing anew each time would cost the most. */
	void clear()
	{
		for (const auto *dir : {"etc", "var", "iscsi"})
			fs::remove_all(fs::path(folder_.path()) / dir);
		if (key_.empty())
			return;
		write("etc/secret.key", key_);
		fs::permissions(folder_.path() + "/etc/secret.key",
				fs::perms::owner_read | fs::perms::owner_write);
		write("etc/initiatorname.hawser", name_);
		write("var/initiator.json", drawn_);
	}

	void write(std::string_view name, std::string_view text)
	{
		const fs::path path = fs::path(folder_.path()) / name;
		fs::create_directories(path.parent_path());
		std::ofstream(path, std::ios::binary) << text;
	}

	std::string read(std::string_view name) const
	{
		std::ifstream file(fs::path(folder_.path()) / name, std::ios::binary);
		return {std::istreambuf_iterator<char>(file), {}};
	}

	const Paths &paths() const { return paths_; }
	std::string source() const { return folder_.path() + "/iscsi"; }

private:
	fuzz::Folder folder_;
	Paths paths_;
	std::string key_, name_, drawn_;
};

const NodeId kept_id{"iqn.2026-01.com.example:kept", {"192.0.2.9", 3260}, "default"};

void put_kept(Store &store)
{
	Node node;
	node.id = kept_id;
	REQUIRE_FUZZ(node.settings.set("node.session.cmds_max", "64", store.secrets()));
	REQUIRE_FUZZ(store.add_nodes({node}));
}

void check_kept(Store &store)
{
	auto node = store.node(kept_id);
	REQUIRE_FUZZ(node && node->settings.number("node.session.cmds_max") == 64);
}

template <class T> std::size_t count_whole(const Result<Listing<T>> &listing)
{
	REQUIRE_FUZZ(listing && listing->problems.empty());
	return listing->items.size();
}

/* Only what an import always does is done a second time. */
bool is_repeated(std::string_view taken)
{
	return taken.starts_with("initiator name ") ||
	       (taken.starts_with("setting ") && taken.find(" = ") == std::string_view::npos);
}

/* The record that was made of @file alone: its port, and its secret octet by octet. */
void check_record(Store &store, const IniFile &file)
{
	const auto *name = file.find("node.name");
	const auto *port = file.find("node.conn[0].port");
	const auto *secret = file.find(secret_key);
	const auto nodes = store.nodes();

	if (nodes->items.size() != 1 || !name || nodes->items.front().id.target != *name)
		return;
	const auto &node = nodes->items.front();
	auto taken_port = node.id.portal.port;
	if (fuzz::planted)
		taken_port &= 0xfffe;
	REQUIRE_FUZZ(port && parse_number(*port) == taken_port);
	if (!node.settings.is_set(secret_key))
		return;
	auto taken = node.settings.secret(secret_key, store.secrets());
	REQUIRE_FUZZ(taken && secret);
	std::size_t times = 0;
	for (const auto &entry : file.entries)
		times += entry.key == secret_key;
	REQUIRE_FUZZ(times > 1 || as_text(taken->bytes()) == *secret);
}

void try_identity(const Paths &paths)
{
	auto identity = load_identity(paths, "Host_1");
	if (!identity)
		return;
	REQUIRE_FUZZ(check_name(identity->name) && identity->alias.size() <= 255);
	auto again = load_identity(paths, "Host_1");
	REQUIRE_FUZZ(again && again->name == identity->name && again->alias == identity->alias);
	REQUIRE_FUZZ(again->isid_random == identity->isid_random);
}

void try_import(Machine &machine, const std::string &node_text, bool keeps)
{
	Store store(machine.paths());

	if (keeps)
		put_kept(store);
	auto first = import_open_iscsi(store, machine.source());
	if (!first) {
		REQUIRE_FUZZ(!first.error().text.empty());
		return;
	}
	const auto nodes = count_whole(store.nodes());
	const auto ifaces = count_whole(store.ifaces());
	const auto portals = count_whole(store.discovery_records());
	if (keeps)
		check_kept(store);
	else
		check_record(store, parse_ini(node_text));
	REQUIRE_FUZZ(load_conf(store.paths(), store.secrets()));
	try_identity(store.paths());

	auto second = import_open_iscsi(store, machine.source());
	REQUIRE_FUZZ(second);
	for (const auto &taken : second->taken)
		REQUIRE_FUZZ(is_repeated(taken));
	REQUIRE_FUZZ(count_whole(store.nodes()) == nodes);
	REQUIRE_FUZZ(count_whole(store.ifaces()) == ifaces);
	REQUIRE_FUZZ(count_whole(store.discovery_records()) == portals);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
	static Machine machine;
	fuzz::Input input(data, size);
	std::string node_text;
	bool keeps = false, identity_given = false, two_nodes = false;

	machine.clear();
	while (!input.empty()) {
		const unsigned which = input.byte() % (isns_config + 1);
		const auto bytes = input.bytes(input.number16());
		std::string text(as_text(bytes));
		if (which == a_record_of_ours) {
			keeps = true;
			continue;
		}
		if (which == node)
			node_text = text;
		two_nodes = two_nodes || which == another_node;
		identity_given =
		    identity_given || which == initiator_json || which == initiatorname_hawser;
		machine.write(names[which], text);
	}
	try_identity(machine.paths());
	// Records cannot be stored where the identity cannot be read.
	try_import(machine, two_nodes ? "" : node_text, keeps && !identity_given);
	return 0;
}
