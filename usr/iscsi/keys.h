/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one table of text keys: RFC 7143 chapters 12 and 13, and RFC 7144. The
 * negotiation, the check of records and the documentation all walk it.
 */
#pragma once

#include "base/error.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace hawser
{

enum class KeyType {
	list,	 // comma-separated text-values, in order of preference
	boolean, // "Yes" or "No"
	number,	 // numerical-value between min and max
	text,	 // text-value
	name,	 // iSCSI-name-value
	alias,	 // iSCSI-local-name-value: UTF-8
	address, // TargetAddress
	binary,	 // binary-value of 1 to 1024 bytes
};

/* How the result is found out of what both sides said. */
enum class KeyRule {
	declared,    // one side states it; no answer
	first_of,    // list: the responder takes the first that it supports
	logical_and, // boolean
	logical_or,  // boolean
	minimum,     // number: the answer does not exceed the offer
	maximum,     // number: the answer is not below the offer
	obsolete,    // always answered with Reject (RFC 7143, 13.25)
	exchange,    // a step of an authentication exchange
};

enum class KeyUse {
	leading_only,	   // LO: in the login of a session's first connection
	initialize_only,   // IO: in any login
	all,		   // login and full feature phase
	full_feature_only, // FFPO
};

enum class KeyScope { session, connection };

enum class KeySender { initiator, target, both };

/* In which login stages a key may stand (RFC 7143, 6.3). */
enum class KeyStage { security, operational, any, none };

struct KeySpec {
	std::string_view name;
	KeyType type;
	KeyRule rule;
	KeyUse use;
	KeyStage stage;
	KeySender sender;
	KeyScope scope;
	bool in_discovery;		// false: irrelevant when SessionType=Discovery
	std::string_view default_value; // empty: none
	std::uint64_t min;		// numbers: the range; binary: lengths in bytes
	std::uint64_t max;
	bool may_be_unknown;		// later than RFC 3720: NotUnderstood is a fair answer
	bool repeats;			// may be declared more than once
	std::string_view choices;	// lists: the values that the RFC defines
	std::string_view demanded = {}; // lists: the values that no offer may lack
	std::string_view section;	// "RFC 7143, 13.10"
	std::string_view summary;	// one sentence for the documentation
};

std::span<const KeySpec> all_keys();

/* nullptr for a key that no RFC defines (X- keys among them). Case counts. */
const KeySpec *find_key(std::string_view name);

/*
 * Whether @value is one that may be proposed or declared for @key: type, range
 * and, for lists, known values. The error names key, value and rule.
 */
Status check_value(const KeySpec &key, std::string_view value);

/* The same for an offer of ours: of a list, it has the values that are demanded, too. */
Status check_offer(const KeySpec &key, std::string_view value);

/* "Yes"/"No". */
std::optional<bool> parse_boolean(std::string_view value);

/*
 * A numerical-value (RFC 7143, 6.1): decimal without a leading zero, or 0x. Leading
 * zeros are taken all the same, for targets send them.
 */
std::optional<std::uint64_t> parse_numerical(std::string_view value);

/* Whether @proposal has one outcome alone, so that its answer is optional (RFC 7143, 6.2.2). */
bool settles(const KeySpec &key, std::string_view proposal);

/*
 * Whether @answer is an admissible answer to @offer under the key's rule: from the
 * list, not above the minimum, "No" to an AND of "No", and so on. Both are legal values
 * by check_value(). The error names key, value and rule.
 */
Status check_answer(const KeySpec &key, std::string_view offer, std::string_view answer);

} // namespace hawser
