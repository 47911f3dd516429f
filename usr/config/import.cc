/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/import.h"

#include "base/coding.h"
#include "base/str.h"
#include "config/ini.h"
#include "iscsi/address.h"
#include "isns/message.h"

#include <algorithm>
#include <filesystem>

namespace hawser::config
{

namespace
{

namespace fs = std::filesystem;

constexpr std::size_t file_limit = 1u << 20;

/* Every file below @folder in a stable order, links not followed. */
std::vector<std::string> files_below(const std::string &folder)
{
	std::vector<std::string> files;
	std::error_code error;
	for (const auto &entry : fs::recursive_directory_iterator(
		 folder, fs::directory_options::skip_permission_denied, error))
		if (entry.is_regular_file(error) && !entry.is_symlink(error))
			files.push_back(entry.path());
	std::sort(files.begin(), files.end());
	return files;
}

/* open-iscsi takes a secret as it stands; ours are hexadecimal after 0x. */
std::string secret_in_our_form(const std::string &secret)
{
	if (!starts_with_nocase(secret, "0x"))
		return secret;
	return "0x" + hex_encode(as_bytes(secret));
}

class Import
{
public:
	Import(Store &store, std::string folder) : store_(store), folder_(std::move(folder)) {}

	Result<ImportReport> run()
	{
		if (!fs::is_directory(folder_))
			return fail(
			    Code::nothing_found,
			    str("there is no folder ", hawser::quoted(folder_), " to import from"));
		for (auto step : {&Import::initiator_name, &Import::configuration, &Import::ifaces,
				  &Import::nodes, &Import::portals, &Import::isns_servers})
			if (auto done = (this->*step)(); !done)
				return tl::unexpected(done.error());
		return std::move(report_);
	}

private:
	void took(std::string what) { report_.taken.push_back(std::move(what)); }
	void skipped(std::string_view what, std::string_view why)
	{
		report_.skipped.push_back(str(what, ": ", why));
	}

	/* Nothing when the file is not there or cannot be read, which is reported. */
	std::optional<IniFile> read(const std::string &path)
	{
		auto text = read_file(path, file_limit);
		if (!text) {
			skipped(path, text.error().text);
			return std::nullopt;
		}
		if (!*text)
			return std::nullopt;
		IniFile file = parse_ini(**text);
		for (const auto &problem : file.problems)
			skipped(str(path, " line ", problem.line), problem.text);
		return file;
	}

	/* Sets what the file says of keys of this kind; a value that is refused is reported. */
	Status take_values(Settings &settings, const IniFile &file, const std::string &path)
	{
		for (const auto &entry : file.entries) {
			const RecordKey *key = find_key(settings.kind(), entry.key);
			if (!key || key->kind != settings.kind() || key->fixed ||
			    entry.value == "<empty>")
				continue;
			const std::string value = key->type == ValueType::secret
						      ? secret_in_our_form(entry.value)
						      : entry.value;
			/* Their records have every key: what says nothing new is left below. */
			if (auto checked = check_value(*key, value);
			    checked && key->type != ValueType::secret &&
			    (checked->value == settings.get(key->name) ||
			     (!key->open_iscsi.empty() && checked->value == key->open_iscsi)))
				continue;
			auto set = settings.set(entry.key, value, store_.secrets());
			if (set)
				continue;
			if (set.error().code == Code::invalid_argument ||
			    set.error().code == Code::not_supported)
				skipped(str(path, " line ", entry.line), set.error().text);
			else
				return tl::unexpected(set.error());
		}
		return {};
	}

	Status initiator_name()
	{
		const std::string path = folder_ + "/initiatorname.iscsi";
		const auto file = read(path);
		const std::string *name = file ? file->find("InitiatorName") : nullptr;
		if (!name)
			return {};
		if (auto set = change_identity(store_.paths(), {*name, {}}); !set) {
			if (set.error().code != Code::invalid_argument)
				return set;
			skipped(path, set.error().text);
			return {};
		}
		took(str("initiator name ", *name));
		return {};
	}

	/* Adds the lines whose value is another than ours to the end of hawserd.conf. */
	Status configuration()
	{
		const std::string path = folder_ + "/iscsid.conf";
		const auto file = read(path);
		if (!file)
			return {};
		auto conf = load_conf(store_.paths(), store_.secrets());
		if (!conf)
			return tl::unexpected(conf.error());
		std::vector<ConfLine> given;
		for (const auto &entry : file->entries)
			take_conf_line(given, *conf, entry, str(path, " line ", entry.line));
		std::string lines;
		for (const auto &[key, ours, value] : given) {
			const bool secret = key->type == ValueType::secret;
			if (!secret && value == ours->get(key->name))
				continue;
			took(str("setting ", key->name, secret ? "" : str(" = ", value)));
			append(lines, str(key->name, " = ", value, "\n"));
		}
		if (lines.empty())
			return {};
		auto lock = WriteLock::take(store_.paths().state_dir, store_.paths().lock());
		if (!lock)
			return tl::unexpected(lock.error());
		auto text = read_file(store_.paths().conf(), file_limit);
		if (!text)
			return tl::unexpected(text.error());
		return write_file(store_.paths().config_dir, "hawserd.conf",
				  str(text->value_or(""), "\n# From ", path, ":\n", lines));
	}

	struct ConfLine {
		const RecordKey *key;
		const Settings *ours; // of @key's kind
		std::string value;
	};

	/* The last of several lines of a key is the one that holds, there as here. */
	void take_conf_line(std::vector<ConfLine> &given, const Conf &conf, const IniEntry &entry,
			    const std::string &where)
	{
		if (entry.key.starts_with("iscsid."))
			return skipped(where,
				       str(entry.key, " is a switch of open-iscsi's service"));
		for (const Settings *ours : {&conf.node, &conf.discovery, &conf.isns}) {
			const RecordKey *key = find_key(ours->kind(), entry.key);
			if (!key || key->kind != ours->kind() || key->fixed)
				continue;
			const bool secret = key->type == ValueType::secret;
			auto checked = check_value(*key, secret ? secret_in_our_form(entry.value)
								: entry.value);
			if (!checked)
				return skipped(where, checked.error().text);
			std::erase_if(given, [&](const ConfLine &line) { return line.key == key; });
			given.push_back({key, ours, std::move(checked->value)});
			return;
		}
		skipped(where, str("unknown key ", hawser::quoted(entry.key)));
	}

	/* The interface that the file describes, if ours can be one. */
	Result<std::optional<Iface>> read_iface(const IniFile &file, const std::string &path)
	{
		const std::string *name = file.find("iface.iscsi_ifacename");
		const std::string *transport = file.find("iface.transport_name");
		if (!name || !check_iface_name(*name)) {
			skipped(path, "it names no interface");
			return std::nullopt;
		}
		if (transport && *transport != "tcp") {
			skipped(path,
				str("its transport ", hawser::quoted(*transport), " is not tcp"));
			return std::nullopt;
		}
		Iface iface{*name};
		if (auto taken = take_values(iface.settings, file, path); !taken)
			return tl::unexpected(taken.error());
		return iface;
	}

	Status store_iface(const Iface &iface)
	{
		if (auto put = store_.put_iface(iface); !put)
			return put;
		took(str("interface ", iface.name));
		return {};
	}

	Status ifaces()
	{
		for (const auto &path : files_below(folder_ + "/ifaces")) {
			if (fs::path(path).filename() == "iface.example")
				continue;
			const auto file = read(path);
			if (!file)
				continue;
			auto iface = read_iface(*file, path);
			if (!iface)
				return tl::unexpected(iface.error());
			if (!*iface)
				continue;
			if (store_.iface((*iface)->name)) {
				skipped(path,
					str("interface ", (*iface)->name, " is there already"));
				continue;
			}
			if (auto stored = store_iface(**iface); !stored)
				return stored;
		}
		return {};
	}

	Status nodes()
	{
		auto conf = load_conf(store_.paths(), store_.secrets());
		if (!conf)
			return tl::unexpected(conf.error());
		const auto global = std::make_shared<const Settings>(std::move(conf->node));
		std::vector<Node> taken;
		for (const auto &path : files_below(folder_ + "/nodes")) {
			const auto file = read(path);
			if (!file)
				continue;
			auto node = read_node(*file, path, global);
			if (!node)
				return tl::unexpected(node.error());
			if (!*node)
				continue;
			if (store_.node((*node)->id)) {
				skipped(path, str("there is a record of ", to_string((*node)->id),
						  " already"));
				continue;
			}
			took(str("node ", to_string((*node)->id)));
			taken.push_back(std::move(**node));
		}
		if (taken.empty())
			return {};
		found_ = taken;
		return store_.add_nodes(std::move(taken)).map([](auto &&) {});
	}

	Result<std::optional<Node>> read_node(const IniFile &file, const std::string &path,
					      const std::shared_ptr<const Settings> &global)
	{
		auto value = [&](std::string_view key) {
			const std::string *found = file.find(key);
			return found ? *found : std::string();
		};
		Node node;
		node.settings.set_base(global);
		auto name =
		    check_value(*find_key(RecordKind::node, "node.name"), value("node.name"));
		const auto port = parse_number(value("node.conn[0].port")).value_or(0);
		auto host = parse_host(value("node.conn[0].address"));
		if (!name || name->value.empty()) {
			skipped(path, name ? "it names no target" : name.error().text);
			return std::nullopt;
		}
		if (!host || port < 1 || port > 65535) {
			skipped(path, host ? "it has no port of 1 to 65535" : host.error().text);
			return std::nullopt;
		}
		/* An old record may name no interface. */
		const bool bound = !value("iface.iscsi_ifacename").empty();
		if (bound || !value("iface.transport_name").empty()) {
			IniFile with_name = file;
			if (!bound)
				with_name.entries.push_back(
				    {0, "iface.iscsi_ifacename", std::string(default_iface)});
			auto iface = read_iface(with_name, path);
			if (!iface)
				return tl::unexpected(iface.error());
			if (!*iface)
				return std::nullopt;
			if (!store_.iface((*iface)->name))
				if (auto stored = store_iface(**iface); !stored)
					return tl::unexpected(stored.error());
			node.id.iface = (*iface)->name;
		}
		node.id.target = name->value;
		node.id.portal = {host->host, static_cast<std::uint16_t>(port)};
		const auto tpgt = parse_number(value("node.tpgt"));
		node.tpgt = tpgt && *tpgt <= 65535 ? static_cast<int>(*tpgt) : -1;
		const bool by_isns = value("node.discovery_type") == "isns";
		auto from = parse_host(value("node.discovery_address"));
		if (from && (by_isns || value("node.discovery_type") == "send_targets")) {
			const auto asked =
			    parse_number(value("node.discovery_port"))
				.value_or(by_isns ? isns::default_port : default_port);
			node.instances = {{{by_isns ? SourceType::isns : SourceType::send_targets,
					    {from->host, static_cast<std::uint16_t>(asked)}},
					   node.tpgt}};
		}
		if (auto taken = take_values(node.settings, file, path); !taken)
			return tl::unexpected(taken.error());
		return node;
	}

	Status portals()
	{
		return discovery_records({.kind = RecordKind::send_targets,
					  .folder = "/send_targets",
					  .file = "st_config",
					  .what = "discovery portal "});
	}

	Status isns_servers()
	{
		return discovery_records({.kind = RecordKind::isns,
					  .folder = "/isns",
					  .file = "isns_config",
					  .what = "iSNS server ",
					  .port = isns::default_port});
	}

	/* Where open-iscsi has the records of one kind. */
	struct DiscoveryKind {
		RecordKind kind;
		std::string_view folder, file;
		std::string_view what;
		std::uint16_t port = default_port;
	};

	Status discovery_records(const DiscoveryKind &kind)
	{
		for (const auto &path : files_below(str(folder_, kind.folder))) {
			if (fs::path(path).filename() != kind.file)
				continue;
			const auto file = read(path);
			if (!file)
				continue;
			const auto portal = read_portal(*file, kind.port, path);
			if (!portal)
				continue;
			auto fresh = store_.new_discovery_record(kind.kind, *portal);
			if (!fresh)
				return tl::unexpected(fresh.error());
			DiscoveryRecord &record = *fresh;
			if (store_.discovery_record(record.kind(), record.portal)) {
				skipped(path, str("there is a discovery record of ",
						  to_string(record.portal), " already"));
				continue;
			}
			if (auto taken = take_values(record.settings, *file, path); !taken)
				return taken;
			for (const auto &node : found_)
				if (node.instance(record.source()))
					record.found.push_back(
					    {node.id.target, node.id.portal, node.tpgt});
			if (auto put = store_.put_discovery_record(record); !put)
				return put;
			took(str(kind.what, to_string(record.portal)));
		}
		return {};
	}

	/*
	 * Nothing when the file names none, which is reported. open-iscsi has the same keys
	 * in the records of iSNS servers.
	 */
	std::optional<PortalId> read_portal(const IniFile &file, std::uint16_t usual,
					    const std::string &path)
	{
		const std::string *address = file.find("discovery.sendtargets.address");
		const std::string *number = file.find("discovery.sendtargets.port");
		auto host = parse_host(address ? *address : "");
		const auto port = parse_number(number ? *number : "").value_or(usual);
		if (!host || port < 1 || port > 65535) {
			skipped(path, host ? "it has no port of 1 to 65535" : host.error().text);
			return std::nullopt;
		}
		return PortalId{host->host, static_cast<std::uint16_t>(port)};
	}

	Store &store_;
	std::string folder_;
	ImportReport report_;
	std::vector<Node> found_;
};

} // namespace

Result<ImportReport> import_open_iscsi(Store &store, const std::string &folder)
{
	return Import(store, folder).run();
}

} // namespace hawser::config
