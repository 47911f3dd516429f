/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files that records and settings are read from: whatever stands in them, what is taken is
 * written in a form that gives the same again, keeps its ISIDs distinct and its
 * names and values legal. What starts with a brace is tried as a target's, an interface's and
 * a portal's record and as a saved session, anything else as hawserd.conf.
 *
 * Planted: a target's file loses the lowest bit of a port.
 */
#include "base/coding.h"
#include "base/str.h"
#include "config/conf.h"
#include "config/ini.h"
#include "config/records.h"
#include "daemon/saved.h"
#include "folder.h"
#include "input.h"
#include "iscsi/names.h"

#include <set>

using namespace hawser;
using namespace hawser::config;

namespace
{

constexpr RecordKind all_kinds[] = {RecordKind::node, RecordKind::iface, RecordKind::send_targets,
				    RecordKind::isns};

void check_settings(const Settings &settings)
{
	for (const auto &key : record_keys()) {
		if (key.kind != settings.kind() || key.type == ValueType::secret ||
		    !settings.is_set(key.name))
			continue;
		const auto value = settings.get(key.name);
		auto checked = check_value(key, value);
		REQUIRE_FUZZ(checked || checked.error().code == Code::not_supported);
		if (!checked)
			continue;
		REQUIRE_FUZZ(checked->value == value);
		if (key.type == ValueType::number && !value.empty())
			REQUIRE_FUZZ(str(settings.number(key.name)) == value);
		if (key.type == ValueType::yes_no)
			REQUIRE_FUZZ(settings.yes(key.name) == (value == "Yes"));
		if (key.type == ValueType::list)
			REQUIRE_FUZZ(join(settings.list(key.name), ",") == value);
	}
}

std::string written(const Target &target)
{
	Target kept = target;

	if (fuzz::planted)
		for (auto &node : kept.nodes)
			node.id.portal.port &= 0xfffe;
	return target_to_text(kept);
}

/* What one more source says comes and goes without a trace on what the others said. */
void check_sources(Node node)
{
	const Source another{SourceType::isns, {"another.example", 3205}};

	REQUIRE_FUZZ(!node.instances.empty());
	if (node.instance(another))
		return;
	node.sight(another, 7);
	REQUIRE_FUZZ(node.instance(another) && node.instance(another)->tpgt == 7);
	REQUIRE_FUZZ(!node.vanished);
	const bool others = node.instances.size() > 1;
	REQUIRE_FUZZ(node.lose(another) == others);
	REQUIRE_FUZZ((node.instance(another) == nullptr) == others);
	REQUIRE_FUZZ(!node.instances.empty() && node.lose({}));
}

void try_target(std::string_view text)
{
	auto target = target_from_text(text);
	if (!target) {
		REQUIRE_FUZZ(target.error().code == Code::record_failed);
		return;
	}
	check_settings(*target->settings);
	std::set<Isid> isids;
	for (const auto &node : target->nodes) {
		REQUIRE_FUZZ(check_name(node.id.target).has_value());
		REQUIRE_FUZZ(check_iface_name(node.id.iface).has_value());
		REQUIRE_FUZZ(node.id.portal.port != 0);
		REQUIRE_FUZZ(!to_string(node.id).empty());
		for (const auto &isid : node.isids)
			REQUIRE_FUZZ(isids.insert(isid).second);
		check_settings(node.settings);
		check_sources(node);
		for (const auto &key : record_keys())
			if (find_key(RecordKind::node, key.name) == &key)
				shown_value(node, Iface{node.id.iface}, key);
	}
	auto again = target_from_text(written(*target));
	REQUIRE_FUZZ(again && target_to_text(*again) == target_to_text(*target));
}

template <class T>
void try_record(std::string_view text, Result<T> (*read)(std::string_view),
		std::string (*write)(const T &))
{
	auto record = read(text);
	if (!record) {
		REQUIRE_FUZZ(record.error().code == Code::record_failed);
		return;
	}
	check_settings(record->settings);
	for (const auto &key : record_keys())
		if (key.kind == record->settings.kind())
			shown_value(*record, key);
	const auto text_of_it = write(*record);
	auto again = read(text_of_it);
	REQUIRE_FUZZ(again && write(*again) == text_of_it);
}

void try_saved(std::string_view text)
{
	const std::string key(32, '0');
	auto session = daemon::saved_from_text(key, text);
	if (!session) {
		REQUIRE_FUZZ(session.error().code == Code::record_failed);
		return;
	}
	const auto text_of_it = daemon::saved_to_text(*session);
	auto again = daemon::saved_from_text(key, text_of_it);
	REQUIRE_FUZZ(again && daemon::saved_to_text(*again) == text_of_it);
}

/* Each value on its own: canonical after one check, in the canonical form legal, and set so. */
void try_values(const IniFile &file, SecretBox &box)
{
	for (const auto &entry : file.entries) {
		REQUIRE_FUZZ(!entry.key.empty() && entry.line > 0);
		REQUIRE_FUZZ(file.find(entry.key));
		for (auto kind : all_kinds) {
			const auto *key = find_key(kind, entry.key);
			Settings settings(kind);
			auto set = settings.set(entry.key, entry.value, box);
			if (!key) {
				REQUIRE_FUZZ(!set);
				continue;
			}
			auto checked = check_value(*key, entry.value);
			REQUIRE_FUZZ(set.has_value() ==
				     (checked && key->kind == kind && !key->fixed));
			if (!checked)
				continue;
			auto again = check_value(*key, checked->value);
			REQUIRE_FUZZ(again && again->value == checked->value);
			if (set && key->type != ValueType::secret)
				REQUIRE_FUZZ(settings.get(key->name) == checked->value);
		}
	}
}

/* The secrets of @settings that can be opened, as "key = value" lines with the other values. */
std::string as_conf(const Settings &settings, SecretBox &box)
{
	std::string lines;

	for (const auto &key : record_keys()) {
		if (key.kind != settings.kind() || !settings.is_set(key.name))
			continue;
		if (key.type != ValueType::secret) {
			append(lines, str(key.name, " = ", settings.get(key.name), "\n"));
			continue;
		}
		auto secret = settings.secret(key.name, box);
		REQUIRE_FUZZ(secret);
		/* Set to nothing, above one that another level has, is a value, too. */
		append(lines, str(key.name, " = ", secret->empty() ? "" : "0x",
				  hex_encode(secret->bytes()), "\n"));
	}
	return lines;
}

/* A target's level over hawserd.conf's, and an address's over both. */
void try_levels(const Settings &global, SecretBox &box)
{
	constexpr auto depth = "node.session.queue_depth", method = "node.session.auth.authmethod",
		       password = "node.session.auth.password";
	Settings base(RecordKind::node, Level::global);
	base.overlay(global);
	auto target = std::make_shared<Settings>(RecordKind::node, Level::target);
	target->set_base(std::make_shared<const Settings>(base));
	REQUIRE_FUZZ(target->set(depth, "7", box));
	Settings address(RecordKind::node);
	address.set_base(target);

	for (const auto &key : record_keys()) {
		if (key.kind != RecordKind::node || key.fixed)
			continue;
		const auto from = address.level_of(key.name);
		REQUIRE_FUZZ(!to_string(from).empty());
		REQUIRE_FUZZ((from == Level::target) == (key.name == depth));
		REQUIRE_FUZZ(from != Level::global || base.is_set(key.name) || !key.unit.empty());
	}
	REQUIRE_FUZZ(as_conf(address.flattened(), box) == as_conf(target->flattened(), box));
	/* The first of a unit takes the others along; what is left of it below shows again. */
	REQUIRE_FUZZ(address.set(method, "None", box));
	REQUIRE_FUZZ(address.level_of(method) == Level::address);
	REQUIRE_FUZZ(address.has_secrets() == (base.has_secret(password) ||
					       base.has_secret("node.session.auth.password_in")));
	address.unset(depth);
	address.unset(method);
	REQUIRE_FUZZ(address.number(depth) == 7);
	REQUIRE_FUZZ(base.renew(box) ==
		     (base.is_set(password) || base.is_set("node.session.auth.password_in")));
}

void try_conf(std::string_view text, SecretBox &box)
{
	const Conf conf = parse_conf(text, "hawserd.conf", box);
	std::string lines;

	for (const auto &warning : conf.warnings)
		REQUIRE_FUZZ(warning.starts_with("hawserd.conf line "));
	for (const Settings *settings : {&conf.node, &conf.discovery, &conf.isns}) {
		check_settings(*settings);
		append(lines, as_conf(*settings, box));
	}
	const Conf again = parse_conf(lines, "again", box);
	REQUIRE_FUZZ(as_conf(again.node, box) == as_conf(conf.node, box));
	REQUIRE_FUZZ(as_conf(again.discovery, box) == as_conf(conf.discovery, box));
	REQUIRE_FUZZ(as_conf(again.isns, box) == as_conf(conf.isns, box));
	Settings merged(RecordKind::node);
	merged.overlay(again.node);
	REQUIRE_FUZZ(as_conf(merged, box) == as_conf(conf.node, box));
	try_levels(conf.node, box);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
	const auto text = as_text({data, size});

	if (!text.starts_with('{')) {
		static const fuzz::Folder folder;
		static SecretBox box(folder.path(), "secret.key");
		try_values(parse_ini(text), box);
		try_conf(text, box);
		return 0;
	}
	try_target(text);
	try_record(text, iface_from_text, iface_to_text);
	try_record(text, discovery_from_text, discovery_to_text);
	try_saved(text);
	return 0;
}
