/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of record keys: one row a key, in the order in which records are
 * shown. Names, meanings, defaults and order are open-iscsi's, so that scripts
 * that read and set them keep working; rows that open-iscsi does not have stand
 * beside their nearest relatives. What the records, hawserd.conf, the CLI's
 * checks, completion and documentation know about a key, they know from here.
 *
 * A value is a string in its canonical spelling ("Yes", "262144", "CRC32C,None").
 * "" means not set and is shown as <empty>.
 */
#pragma once

#include "base/error.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hawser::config
{

enum class RecordKind { node, iface, send_targets, isns };
inline constexpr std::size_t record_kinds = 4;

/* Of one session: node.conn[i] has i below this. */
inline constexpr unsigned max_connections = 64;

enum class ValueType {
	text,	    // up to max bytes of UTF-8 without control characters
	number,	    // decimal, or hexadecimal after 0x; min to max
	yes_no,	    // Yes or No
	choice,	    // one of the words
	list,	    // some of the words in order of preference, joined by commas
	name,	    // an iSCSI name
	ip,	    // an IPv4 or IPv6 address
	mac,	    // the address of a network device: octets in hexadecimal, joined by colons
	isid,	    // twelve hexadecimal digits
	host,	    // an address or a DNS name, as of a portal
	iface_name, // of an interface's record
	secret,	    // text, or 0x and an even number of hexadecimal digits; kept encrypted
};

struct RecordKey {
	RecordKind kind;
	std::string_view name;
	ValueType type = ValueType::text;
	std::string_view initial;      // the value while nobody has set one
	std::int64_t min = 0;	       // of a number; of 0 apart, see zero_allowed
	std::int64_t max = 255;	       // of a number; bytes of a text
	std::string_view words = {};   // of a choice or a list, separated by spaces
	std::string_view text = {};    // what it is, one line for the documentation
	bool fixed = false;	       // identifies the record: never updated
	bool zero_allowed = false;     // 0 has a meaning of its own below min
	std::int64_t built_max = -1;   // the RFC allows more, this version does not
	std::string_view unbuilt = {}; // words that the RFC allows and this version does not
	std::string_view unit = {};    // the key of the method that this one is taken together with
	/*
	 * The text key (iscsi/keys.h) that the value goes to the target under: type, range,
	 * words and, where none is given here, the text are its own.
	 */
	std::string_view text_key = {};
	/* What open-iscsi's records say where nobody has set it; empty: the initial value. */
	std::string_view open_iscsi = {};
	bool own_limit = false;	 // bounds what the text key gave, and is not offered itself
	unsigned connection = 0; // above 0: of node.conn[i], a further connection of a session
};

/* Every row, in the order of display. */
std::span<const RecordKey> record_keys();

/*
 * The row of a key in records of @kind; those of iface also stand in a node's
 * record, where they are shown and not set. Null when there is none.
 */
const RecordKey *find_key(RecordKind kind, std::string_view name);

/* Whether the keys of this name, in records of whatever kind, are secrets; nothing: there is none.
 */
std::optional<bool> is_secret(std::string_view name);

struct CheckedValue {
	std::string value;   // in canonical spelling
	std::string warning; // one line, empty as a rule
};

/*
 * Checks @value against the row's type and range. "" is allowed where the
 * initial value is "". Errors name key, value and rule (invalid_argument; what
 * the RFC allows and this version does not is not_supported); a secret's value
 * is never in them.
 */
Result<CheckedValue> check_value(const RecordKey &key, std::string_view value);

/*
 * check_value() for a key that is a secret, without a copy of it: the warning, empty as a rule.
 */
Result<std::string> check_secret(const RecordKey &key, std::string_view value);

/* The keys that are taken together with @method, itself included. */
std::vector<const RecordKey *> unit_keys(RecordKind kind, std::string_view method);

/* "CRC32C,None" -> {"CRC32C", "None"}; "" -> {}. */
std::vector<std::string> split_list(std::string_view value);

} // namespace hawser::config
