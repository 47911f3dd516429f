/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/settings.h"

#include "base/coding.h"
#include "base/str.h"

#include <nlohmann/json.hpp>
#include <stdexcept>

namespace hawser::config
{

namespace
{

std::string_view kind_name(RecordKind kind)
{
	switch (kind) {
	case RecordKind::node:
		return "node";
	case RecordKind::iface:
		return "interface";
	case RecordKind::send_targets:
		return "SendTargets";
	case RecordKind::isns:
		return "iSNS";
	}
	return "";
}

} // namespace

const RecordKey &Settings::row(std::string_view key) const
{
	const RecordKey *found = find_key(kind_, key);
	if (!found || found->kind != kind_)
		throw std::out_of_range(std::string(key));
	return *found;
}

std::string_view Settings::get(std::string_view key) const
{
	const auto &spec = row(key);
	const auto found = values_.find(key);
	return found == values_.end() ? spec.initial : std::string_view(found->second);
}

std::int64_t Settings::number(std::string_view key) const
{
	const auto value = get(key);
	std::int64_t number = 0;
	std::from_chars(value.data(), value.data() + value.size(), number);
	return number;
}

bool Settings::yes(std::string_view key) const
{
	return get(key) == "Yes";
}

std::vector<std::string> Settings::list(std::string_view key) const
{
	return split_list(get(key));
}

Result<Secret> Settings::secret(std::string_view key, SecretBox &box) const
{
	row(key);
	const auto found = values_.find(key);
	if (found == values_.end())
		return Secret{};
	auto opened = box.open(found->second, key);
	if (!opened)
		return opened;
	const auto text = as_text(opened->bytes());
	if (!starts_with_nocase(text, "0x"))
		return opened;
	auto octets = hex_decode(text.substr(2));
	if (!octets)
		return fail(Code::record_failed,
			    str(key, ": the stored secret is not hexadecimal"));
	Secret secret{std::span<const std::uint8_t>(*octets)};
	wipe(*octets);
	return secret;
}

Result<std::string> Settings::set(std::string_view key, std::string_view value, SecretBox &box)
{
	const RecordKey *spec = find_key(kind_, key);
	if (!spec)
		return fail(Code::invalid_argument,
			    str("cannot set ", quoted(key), ": ", kind_name(kind_),
				" records have no such key"));
	if (spec->kind != kind_)
		return fail(Code::invalid_argument,
			    str("cannot set ", key, " in a ", kind_name(kind_),
				" record: it is a value of the interface "
				"(-m iface)"));
	if (spec->fixed)
		return fail(Code::invalid_argument,
			    str("cannot set ", key, ": it says which record this is"));
	auto checked = check_value(*spec, value);
	if (!checked)
		return tl::unexpected(checked.error());
	if (checked->value == spec->initial) {
		if (const auto found = values_.find(key); found != values_.end())
			values_.erase(found);
		return std::move(checked->warning);
	}
	if (spec->type == ValueType::secret) {
		auto sealed = box.seal(checked->value, key);
		wipe(checked->value);
		if (!sealed)
			return tl::unexpected(sealed.error());
		checked->value = std::move(*sealed);
	}
	values_.insert_or_assign(std::string(key), std::move(checked->value));
	return std::move(checked->warning);
}

void Settings::merge(const Settings &over)
{
	for (const auto &[key, value] : over.values_)
		values_.insert_or_assign(key, value);
}

nlohmann::json Settings::to_json() const
{
	auto json = nlohmann::json::object();
	for (const auto &[key, value] : values_)
		json[key] = value;
	return json;
}

Result<Settings> Settings::from_json(RecordKind kind, const nlohmann::json &json)
{
	Settings settings(kind);
	if (!json.is_object())
		return fail(Code::record_failed, "its values are not an object");
	for (const auto &[key, value] : json.items()) {
		if (!value.is_string())
			return fail(Code::record_failed,
				    str("the value of ", hawser::quoted(key), " is not a string"));
		std::string text = value.get<std::string>();
		if (const RecordKey *spec = find_key(kind, key); spec && spec->kind == kind) {
			if (spec->fixed)
				return fail(Code::record_failed,
					    str(key, " stands among its values"));
			if (spec->type == ValueType::secret) {
				if (!SecretBox::is_sealed(text))
					return fail(Code::record_failed,
						    str(key, " is not encrypted"));
			} else {
				auto checked = check_value(*spec, text);
				/* What a later version could do stays, for that version to find. */
				if (!checked && checked.error().code != Code::not_supported)
					return fail(Code::record_failed, checked.error().text);
				if (checked)
					text = std::move(checked->value);
			}
		}
		settings.values_.insert_or_assign(key, std::move(text));
	}
	return settings;
}

} // namespace hawser::config
