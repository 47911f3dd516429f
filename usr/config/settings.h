/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The values of one record that somebody has set; every other key of its kind
 * stands at the table's initial value. Only checked values get in, so the typed
 * readers cannot fail. Secrets are held encrypted and opened one at a time.
 *
 * Reading a key that records of this kind do not have is a mistake in the
 * program: std::out_of_range.
 */
#pragma once

#include "base/error.h"
#include "base/secret.h"
#include "config/keys.h"
#include "config/secret_box.h"

#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace hawser::config
{

class Settings
{
public:
	explicit Settings(RecordKind kind) : kind_(kind) {}

	RecordKind kind() const { return kind_; }

	std::string_view get(std::string_view key) const; // not of secrets
	std::int64_t number(std::string_view key) const;
	bool yes(std::string_view key) const;
	std::vector<std::string> list(std::string_view key) const;

	bool is_set(std::string_view key) const { return values_.contains(key); }
	/* The octets: of text as it is, of 0x digits what they stand for. Empty when not set. */
	Result<Secret> secret(std::string_view key, SecretBox &box) const;

	/*
	 * Checks and takes a value; "" puts a key back where it may be empty. The result
	 * is a warning, empty as a rule. Refuses keys that identify the record, keys
	 * of another kind and unknown ones by name.
	 */
	Result<std::string> set(std::string_view key, std::string_view value, SecretBox &box);

	/* Takes over every value that @over has set. */
	void merge(const Settings &over);

	/* As stored: {"key": "value", ...}, secrets as they were encrypted. */
	nlohmann::json to_json() const;
	/* Keys of a later version are kept and not looked at. */
	static Result<Settings> from_json(RecordKind kind, const nlohmann::json &json);

private:
	const RecordKey &row(std::string_view key) const;

	RecordKind kind_;
	std::map<std::string, std::string, std::less<>> values_;
};

} // namespace hawser::config
