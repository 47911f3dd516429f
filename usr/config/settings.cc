/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/settings.h"

#include "base/coding.h"
#include "base/str.h"

#include <algorithm>
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

/* Without a copy of the secret in the clear. */
Result<CheckedValue> seal_checked(const RecordKey &key, std::string_view value, SecretBox &box)
{
	auto warning = check_secret(key, value);
	if (!warning)
		return tl::unexpected(warning.error());
	auto sealed = box.seal(value, key.name);
	if (!sealed)
		return tl::unexpected(sealed.error());
	return CheckedValue{std::move(*sealed), std::move(*warning)};
}

} // namespace

std::string_view to_string(Level level)
{
	switch (level) {
	case Level::initial:
		return "default";
	case Level::global:
		return "global";
	case Level::target:
		return "target";
	case Level::address:
		return "address";
	case Level::command:
		return "command";
	}
	return "";
}

const RecordKey &Settings::row(std::string_view key) const
{
	const RecordKey *found = find_key(kind_, key);
	if (!found || found->kind != kind_)
		throw std::out_of_range(std::string(key));
	return *found;
}

const Settings *Settings::owner(const RecordKey &key) const
{
	if (!key.unit.empty())
		for (const Settings *at = this; at; at = at->base_.get())
			if (at->values_.contains(key.unit))
				return at;
	for (const Settings *at = this; at; at = at->base_.get())
		if (at->values_.contains(key.name))
			return at;
	return nullptr;
}

std::string_view Settings::held(const RecordKey &key) const
{
	const Settings *at = owner(key);
	if (!at)
		return key.initial;
	const auto found = at->values_.find(key.name);
	return found == at->values_.end() ? key.initial : std::string_view(found->second);
}

Level Settings::level_of(std::string_view key) const
{
	const Settings *at = owner(row(key));
	return at ? at->level_ : Level::initial;
}

std::string_view Settings::get(std::string_view key) const
{
	return held(row(key));
}

bool Settings::has_secret(std::string_view key) const
{
	return !held(row(key)).empty();
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
	const auto sealed = held(row(key));
	if (sealed.empty())
		return Secret{};
	auto opened = box.open(sealed, key);
	if (!opened)
		return opened;
	const auto text = as_text(opened->bytes());
	if (!starts_with_nocase(text, "0x"))
		return opened;
	bool is_hex = true;
	const auto digits = text.substr(2);
	Secret secret = Secret::make(digits.size() / 2, [&](std::span<std::uint8_t> octets) {
		is_hex = hex_decode(digits, octets);
	});
	if (!is_hex)
		return fail(Code::record_failed,
			    str(key, ": the stored secret is not hexadecimal"));
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
	auto checked = spec->type == ValueType::secret && !value.empty()
			   ? seal_checked(*spec, value, box)
			   : check_value(*spec, value);
	if (!checked)
		return tl::unexpected(checked.error());
	if (!spec->unit.empty() && (level_ == Level::target || level_ == Level::address))
		adopt_unit(spec->unit);
	values_.insert_or_assign(std::string(key), std::move(checked->value));
	return std::move(checked->warning);
}

void Settings::overlay(const Settings &other)
{
	for (const auto &[key, value] : other.values_)
		values_.insert_or_assign(key, value);
}

bool Settings::has_secrets() const
{
	return std::any_of(values_.begin(), values_.end(), [&](const auto &entry) {
		const RecordKey *spec = find_key(kind_, entry.first);
		return spec && spec->type == ValueType::secret && !entry.second.empty();
	});
}

bool Settings::renew(SecretBox &box)
{
	bool any = false;
	for (auto &[key, value] : values_) {
		const RecordKey *spec = find_key(kind_, key);
		if (!spec || spec->type != ValueType::secret)
			continue;
		any = true;
		if (auto renewed = box.renew(value, key))
			value = std::move(*renewed);
	}
	return any;
}

void Settings::adopt_unit(std::string_view method)
{
	if (!base_ || values_.contains(method))
		return;
	for (const RecordKey *key : unit_keys(kind_, method))
		if (key->name == method || base_->owner(*key))
			values_.emplace(key->name, base_->held(*key));
}

void Settings::unset(std::string_view key)
{
	if (const auto found = values_.find(key); found != values_.end())
		values_.erase(found);
}

Settings Settings::flattened() const
{
	Settings flat(kind_, level_);
	for (const Settings *at = this; at; at = at->base_.get())
		for (const auto &[name, value] : at->values_) {
			const RecordKey *key = find_key(kind_, name);
			const Settings *from = key && key->kind == kind_ ? owner(*key) : at;
			/* Of a unit, the level that owns it has all there is. */
			if (from == at)
				flat.values_.emplace(name, value);
		}
	return flat;
}

nlohmann::json Settings::to_json() const
{
	auto json = nlohmann::json::object();
	for (const auto &[key, value] : values_)
		json[key] = value;
	return json;
}

Result<Settings> Settings::from_json(RecordKind kind, const nlohmann::json &json, Level level)
{
	Settings settings(kind, level);
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
				if (!text.empty() && !SecretBox::is_sealed(text))
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
	/* Credentials always had a method, and the initial one was not written once. */
	for (const auto &[name, value] : Values(settings.values_))
		if (const RecordKey *key = find_key(kind, name); key && !key->unit.empty())
			settings.values_.emplace(key->unit, settings.row(key->unit).initial);
	return settings;
}

} // namespace hawser::config
