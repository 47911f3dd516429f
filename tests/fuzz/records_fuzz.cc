/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files that records are read from: whatever stands in them, what is taken is
 * written in a form that gives the same again, keeps its ISIDs distinct and its
 * names and values legal, and nothing reaches the file system.
 */
#include "base/coding.h"
#include "config/ini.h"
#include "config/records.h"
#include "input.h"
#include "iscsi/names.h"

#include <set>

using namespace hawser;
using namespace hawser::config;

namespace
{

void check_settings(const Settings &settings)
{
	for (const auto &key : record_keys()) {
		if (key.kind != settings.kind() || key.type == ValueType::secret ||
		    !settings.is_set(key.name))
			continue;
		auto checked = check_value(key, settings.get(key.name));
		REQUIRE_FUZZ(checked || checked.error().code == Code::not_supported);
	}
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
		for (const auto &isid : node.isids)
			REQUIRE_FUZZ(isids.insert(isid).second);
		check_settings(node.settings);
		for (const auto &key : record_keys())
			if (find_key(RecordKind::node, key.name) == &key)
				shown_value(node, Iface{node.id.iface}, key);
	}
	const auto written = target_to_text(*target);
	auto again = target_from_text(written);
	REQUIRE_FUZZ(again && target_to_text(*again) == written);
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
	const auto written = write(*record);
	auto again = read(written);
	REQUIRE_FUZZ(again && write(*again) == written);
}

void try_ini(std::string_view text)
{
	const IniFile file = parse_ini(text);
	for (const auto &entry : file.entries) {
		REQUIRE_FUZZ(!entry.key.empty() && entry.line > 0);
		for (auto kind : {RecordKind::node, RecordKind::iface, RecordKind::send_targets,
				  RecordKind::isns})
			if (const auto *key = find_key(kind, entry.key))
				if (auto checked = check_value(*key, entry.value)) {
					auto again = check_value(*key, checked->value);
					REQUIRE_FUZZ(again && again->value == checked->value);
				}
	}
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
	const auto text = as_text({data, size});

	try_target(text);
	try_record(text, iface_from_text, iface_to_text);
	try_record(text, discovery_from_text, discovery_to_text);
	try_ini(text);
	return 0;
}
