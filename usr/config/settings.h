/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The values that somebody has set at one level, and the level below that is read
 * where this one has nothing: hawserd.conf < the target < one address of it < the
 * command. Below all is the table's initial value. Each key is taken from the most
 * specific level that sets it. Authentication is taken as a unit (RecordKey::unit):
 * method, names and secrets, of both directions, come from the most specific level
 * that sets a method, and what that level leaves out is not set.
 *
 * Only checked values get in, so the typed readers cannot fail. Secrets are held
 * encrypted and opened one at a time.
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
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace hawser::config
{

/* The more specific, the higher. A record without levels of its own is of an address. */
enum class Level { initial, global, target, address, command };

/* "default", "global", "target", "address", "command". */
std::string_view to_string(Level level);

class Settings
{
public:
	explicit Settings(RecordKind kind, Level level = Level::address)
	    : kind_(kind), level_(level)
	{
	}

	RecordKind kind() const { return kind_; }
	Level level() const { return level_; }

	/* What is read where this level has nothing; null: the initial values. */
	void set_base(std::shared_ptr<const Settings> base) { base_ = std::move(base); }
	const std::shared_ptr<const Settings> &base() const { return base_; }

	std::string_view get(std::string_view key) const; // not of secrets
	std::int64_t number(std::string_view key) const;
	bool yes(std::string_view key) const;
	std::vector<std::string> list(std::string_view key) const;
	/* The octets: of text as it is, of 0x digits what they stand for. Empty when not set. */
	Result<Secret> secret(std::string_view key, SecretBox &box) const;
	bool has_secret(std::string_view key) const;
	bool has_secrets() const; // any, at this level

	/* Where the value comes from. */
	Level level_of(std::string_view key) const;
	/* Set at this very level. */
	bool is_set(std::string_view key) const { return values_.contains(key); }

	/*
	 * Checks and takes a value; "" where it may be empty. The result is a warning,
	 * empty as a rule. Refuses keys that identify the record, keys of another kind
	 * and unknown ones by name.
	 *
	 * The first key of a unit that a target or an address sets takes the others along
	 * as they are, for a record shows no other change than the one that was made.
	 */
	Result<std::string> set(std::string_view key, std::string_view value, SecretBox &box);
	/* The level below is read again. */
	void unset(std::string_view key);

	/* Takes over what @other sets at its own level, secrets as they are encrypted. */
	void overlay(const Settings &other);

	/* All values that are set at this level or below, in one that has nothing below it. */
	Settings flattened() const;

	/*
	 * Encrypts under the key of now what is under another; what does not open stays. Whoever
	 * stores settings does so with the lock of the records held, for the key may have
	 * changed since they were set. The result is whether there is a secret at all.
	 */
	bool renew(SecretBox &box);

	/* As stored: this level's {"key": "value", ...}, secrets as they were encrypted. */
	nlohmann::json to_json() const;
	/* Keys of a later version are kept and not looked at. */
	static Result<Settings> from_json(RecordKind kind, const nlohmann::json &json,
					  Level level = Level::address);

private:
	using Values = std::map<std::string, std::string, std::less<>>;

	const RecordKey &row(std::string_view key) const;
	/* The level that decides about a key; null when none does. */
	const Settings *owner(const RecordKey &key) const;
	/* The value as it is held; empty when it is the initial one of an owner that has none. */
	std::string_view held(const RecordKey &key) const;
	void adopt_unit(std::string_view method);

	RecordKind kind_;
	Level level_;
	Values values_;
	std::shared_ptr<const Settings> base_;
};

} // namespace hawser::config
