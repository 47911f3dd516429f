/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iscsi/keys.h"

#include "base/str.h"
#include "iscsi/address.h"
#include "iscsi/chap.h"
#include "iscsi/names.h"
#include "iscsi/pdu.h"
#include "iscsi/text.h"

#include <algorithm>

namespace hawser
{

namespace
{

constexpr std::uint64_t segment_max = max_data_segment_length;
constexpr std::uint64_t text_max = 255; // RFC 7143, 6.1: a simple-value, unless said otherwise

using T = KeyType;
using R = KeyRule;
using U = KeyUse;
using G = KeyStage;
using S = KeySender;
using C = KeyScope;

// clang-format off
constexpr KeySpec keys[] = {
	/* Security (RFC 7143, chapter 12). */
	{.name = "AuthMethod", .type = T::list, .rule = R::first_of, .use = U::initialize_only,
	 .stage = G::security, .sender = S::both, .scope = C::connection, .in_discovery = true,
	 .default_value = "", .min = 0, .max = 0, .may_be_unknown = false, .repeats = false,
	 .choices = "CHAP,None", .section = "RFC 7143, 12.1",
	 .summary = "The authentication methods that may be used, in order of preference"},
	{.name = "CHAP_A", .type = T::list, .rule = R::exchange, .use = U::initialize_only,
	 .stage = G::security, .sender = S::both, .scope = C::connection, .in_discovery = true,
	 .default_value = "", .min = 0, .max = 0, .may_be_unknown = false, .repeats = false,
	 .choices = "5,6,7,8", .section = "RFC 7143, 12.1.3",
	 .summary = "The digests that CHAP may use, in order of preference"},
	{.name = "CHAP_I", .type = T::number, .rule = R::exchange, .use = U::initialize_only,
	 .stage = G::security, .sender = S::both, .scope = C::connection, .in_discovery = true,
	 .default_value = "", .min = 0, .max = 255, .may_be_unknown = false, .repeats = false,
	 .choices = "", .section = "RFC 7143, 12.1.3",
	 .summary = "The identifier of a CHAP challenge"},
	{.name = "CHAP_C", .type = T::binary, .rule = R::exchange, .use = U::initialize_only,
	 .stage = G::security, .sender = S::both, .scope = C::connection, .in_discovery = true,
	 .default_value = "", .min = 1, .max = max_chap_value_length, .may_be_unknown = false,
	 .repeats = false, .choices = "", .section = "RFC 7143, 12.1.3",
	 .summary = "A CHAP challenge"},
	{.name = "CHAP_N", .type = T::alias, .rule = R::exchange, .use = U::initialize_only,
	 .stage = G::security, .sender = S::both, .scope = C::connection, .in_discovery = true,
	 .default_value = "", .min = 1, .max = text_max, .may_be_unknown = false, .repeats = false,
	 .choices = "", .section = "RFC 7143, 12.1.3",
	 .summary = "The name under which the sender of a CHAP response is known"},
	{.name = "CHAP_R", .type = T::binary, .rule = R::exchange, .use = U::initialize_only,
	 .stage = G::security, .sender = S::both, .scope = C::connection, .in_discovery = true,
	 .default_value = "", .min = 1, .max = max_chap_value_length, .may_be_unknown = false,
	 .repeats = false, .choices = "", .section = "RFC 7143, 12.1.3",
	 .summary = "The response to a CHAP challenge"},

	/* Operational (RFC 7143, chapter 13, in its order). */
	{.name = "HeaderDigest", .type = T::list, .rule = R::first_of, .use = U::initialize_only,
	 .stage = G::operational, .sender = S::both, .scope = C::connection, .in_discovery = true,
	 .default_value = "None", .min = 0, .max = 0, .may_be_unknown = false, .repeats = false,
	 .choices = "CRC32C,None", .section = "RFC 7143, 13.1",
	 .summary = "The checksums over headers that may be used, in order of preference"},
	{.name = "DataDigest", .type = T::list, .rule = R::first_of, .use = U::initialize_only,
	 .stage = G::operational, .sender = S::both, .scope = C::connection, .in_discovery = true,
	 .default_value = "None", .min = 0, .max = 0, .may_be_unknown = false, .repeats = false,
	 .choices = "CRC32C,None", .section = "RFC 7143, 13.1",
	 .summary = "The checksums over data that may be used, in order of preference"},
	{.name = "MaxConnections", .type = T::number, .rule = R::minimum, .use = U::leading_only,
	 .stage = G::operational, .sender = S::both, .scope = C::session, .in_discovery = false,
	 .default_value = "1", .min = 1, .max = 65535, .may_be_unknown = false, .repeats = false,
	 .choices = "", .section = "RFC 7143, 13.2",
	 .summary = "The number of connections that the session may have"},
	{.name = "SendTargets", .type = T::text, .rule = R::exchange, .use = U::full_feature_only,
	 .stage = G::none, .sender = S::initiator, .scope = C::session, .in_discovery = true,
	 .default_value = "", .min = 0, .max = text_max, .may_be_unknown = false, .repeats = false,
	 .choices = "", .section = "RFC 7143, 13.3",
	 .summary = "Asks for the targets and their portals"},
	{.name = "TargetName", .type = T::name, .rule = R::declared, .use = U::initialize_only,
	 .stage = G::any, .sender = S::both, .scope = C::session, .in_discovery = true,
	 .default_value = "", .min = 1, .max = max_name_length, .may_be_unknown = false,
	 .repeats = false, .choices = "", .section = "RFC 7143, 13.4",
	 .summary = "The target's iSCSI name"},
	{.name = "InitiatorName", .type = T::name, .rule = R::declared, .use = U::initialize_only,
	 .stage = G::any, .sender = S::initiator, .scope = C::session, .in_discovery = true,
	 .default_value = "", .min = 1, .max = max_name_length, .may_be_unknown = false,
	 .repeats = false, .choices = "", .section = "RFC 7143, 13.5",
	 .summary = "The initiator's iSCSI name"},
	{.name = "TargetAlias", .type = T::alias, .rule = R::declared, .use = U::all,
	 .stage = G::any, .sender = S::target, .scope = C::session, .in_discovery = true,
	 .default_value = "", .min = 0, .max = text_max, .may_be_unknown = false, .repeats = false,
	 .choices = "", .section = "RFC 7143, 13.6",
	 .summary = "A name of the target for people"},
	{.name = "InitiatorAlias", .type = T::alias, .rule = R::declared, .use = U::all,
	 .stage = G::any, .sender = S::initiator, .scope = C::session, .in_discovery = true,
	 .default_value = "", .min = 0, .max = text_max, .may_be_unknown = false, .repeats = false,
	 .choices = "", .section = "RFC 7143, 13.7",
	 .summary = "A name of the initiator for people"},
	{.name = "TargetAddress", .type = T::address, .rule = R::declared, .use = U::all,
	 .stage = G::any, .sender = S::target, .scope = C::session, .in_discovery = true,
	 .default_value = "", .min = 1, .max = 0, .may_be_unknown = false, .repeats = true,
	 .choices = "", .section = "RFC 7143, 13.8",
	 .summary = "Where the target can be reached"},
	{.name = "TargetPortalGroupTag", .type = T::number, .rule = R::declared,
	 .use = U::initialize_only, .stage = G::any, .sender = S::target, .scope = C::session,
	 .in_discovery = true, .default_value = "", .min = 0, .max = 65535,
	 .may_be_unknown = false, .repeats = false, .choices = "", .section = "RFC 7143, 13.9",
	 .summary = "The tag of the portal group that serves the login"},
	{.name = "InitialR2T", .type = T::boolean, .rule = R::logical_or, .use = U::leading_only,
	 .stage = G::operational, .sender = S::both, .scope = C::session, .in_discovery = false,
	 .default_value = "Yes", .min = 0, .max = 0, .may_be_unknown = false, .repeats = false,
	 .choices = "", .section = "RFC 7143, 13.10",
	 .summary = "Whether a write waits for the target's R2T before its first Data-Out"},
	{.name = "ImmediateData", .type = T::boolean, .rule = R::logical_and, .use = U::leading_only,
	 .stage = G::operational, .sender = S::both, .scope = C::session, .in_discovery = false,
	 .default_value = "Yes", .min = 0, .max = 0, .may_be_unknown = false, .repeats = false,
	 .choices = "", .section = "RFC 7143, 13.11",
	 .summary = "Whether a write's command carries data"},
	{.name = "MaxRecvDataSegmentLength", .type = T::number, .rule = R::declared, .use = U::all,
	 .stage = G::operational, .sender = S::both, .scope = C::connection, .in_discovery = true,
	 .default_value = "8192", .min = 512, .max = segment_max, .may_be_unknown = false,
	 .repeats = false, .choices = "", .section = "RFC 7143, 13.12",
	 .summary = "The bytes of data that the sender takes in one PDU"},
	{.name = "MaxBurstLength", .type = T::number, .rule = R::minimum, .use = U::leading_only,
	 .stage = G::operational, .sender = S::both, .scope = C::session, .in_discovery = false,
	 .default_value = "262144", .min = 512, .max = segment_max, .may_be_unknown = false,
	 .repeats = false, .choices = "", .section = "RFC 7143, 13.13",
	 .summary = "The bytes of a Data-In sequence or of one answer to an R2T"},
	{.name = "FirstBurstLength", .type = T::number, .rule = R::minimum, .use = U::leading_only,
	 .stage = G::operational, .sender = S::both, .scope = C::session, .in_discovery = false,
	 .default_value = "65536", .min = 512, .max = segment_max, .may_be_unknown = false,
	 .repeats = false, .choices = "", .section = "RFC 7143, 13.14",
	 .summary = "The bytes of a write that may be sent unsolicited, immediate data included"},
	{.name = "DefaultTime2Wait", .type = T::number, .rule = R::maximum, .use = U::leading_only,
	 .stage = G::operational, .sender = S::both, .scope = C::session, .in_discovery = true,
	 .default_value = "2", .min = 0, .max = 3600, .may_be_unknown = false, .repeats = false,
	 .choices = "", .section = "RFC 7143, 13.15",
	 .summary = "Seconds to wait after a lost connection before taking it up again"},
	{.name = "DefaultTime2Retain", .type = T::number, .rule = R::minimum, .use = U::leading_only,
	 .stage = G::operational, .sender = S::both, .scope = C::session, .in_discovery = true,
	 .default_value = "20", .min = 0, .max = 3600, .may_be_unknown = false, .repeats = false,
	 .choices = "", .section = "RFC 7143, 13.16",
	 .summary = "Seconds after that for which the target keeps the connection's tasks"},
	{.name = "MaxOutstandingR2T", .type = T::number, .rule = R::minimum, .use = U::leading_only,
	 .stage = G::operational, .sender = S::both, .scope = C::session, .in_discovery = false,
	 .default_value = "1", .min = 1, .max = 65535, .may_be_unknown = false, .repeats = false,
	 .choices = "", .section = "RFC 7143, 13.17",
	 .summary = "The R2Ts of one task that may be outstanding"},
	{.name = "DataPDUInOrder", .type = T::boolean, .rule = R::logical_or, .use = U::leading_only,
	 .stage = G::operational, .sender = S::both, .scope = C::session, .in_discovery = false,
	 .default_value = "Yes", .min = 0, .max = 0, .may_be_unknown = false, .repeats = false,
	 .choices = "", .section = "RFC 7143, 13.18",
	 .summary = "Whether the data PDUs of a sequence come at rising offsets"},
	{.name = "DataSequenceInOrder", .type = T::boolean, .rule = R::logical_or,
	 .use = U::leading_only, .stage = G::operational, .sender = S::both, .scope = C::session,
	 .in_discovery = false, .default_value = "Yes", .min = 0, .max = 0,
	 .may_be_unknown = false, .repeats = false, .choices = "", .section = "RFC 7143, 13.19",
	 .summary = "Whether the sequences of a transfer come at rising offsets"},
	{.name = "ErrorRecoveryLevel", .type = T::number, .rule = R::minimum, .use = U::leading_only,
	 .stage = G::operational, .sender = S::both, .scope = C::session, .in_discovery = true,
	 .default_value = "0", .min = 0, .max = 2, .may_be_unknown = false, .repeats = false,
	 .choices = "", .section = "RFC 7143, 13.20",
	 .summary = "Which losses are recovered from without a new session"},
	{.name = "SessionType", .type = T::text, .rule = R::declared, .use = U::leading_only,
	 .stage = G::any, .sender = S::initiator, .scope = C::session, .in_discovery = true,
	 .default_value = "Normal", .min = 1, .max = text_max, .may_be_unknown = false,
	 .repeats = false, .choices = "Discovery,Normal", .section = "RFC 7143, 13.21",
	 .summary = "Whether the session is for discovery alone"},
	{.name = "TaskReporting", .type = T::list, .rule = R::first_of, .use = U::leading_only,
	 .stage = G::operational, .sender = S::both, .scope = C::session, .in_discovery = false,
	 .default_value = "RFC3720", .min = 0, .max = 0, .may_be_unknown = true, .repeats = false,
	 .choices = "FastAbort,ResponseFence,RFC3720", .demanded = "ResponseFence,RFC3720",
	 .section = "RFC 7143, 13.23",
	 .summary = "How the end of tasks is reported when many are aborted"},
	{.name = "iSCSIProtocolLevel", .type = T::number, .rule = R::minimum, .use = U::leading_only,
	 .stage = G::operational, .sender = S::both, .scope = C::session, .in_discovery = false,
	 .default_value = "1", .min = 0, .max = 31, .may_be_unknown = true, .repeats = false,
	 .choices = "", .section = "RFC 7144, 7.1.1",
	 .summary = "The protocol features that may be used: 2 for those of RFC 7144"},
	{.name = "X#NodeArchitecture", .type = T::text, .rule = R::declared, .use = U::leading_only,
	 .stage = G::any, .sender = S::both, .scope = C::session, .in_discovery = true,
	 .default_value = "", .min = 0, .max = text_max, .may_be_unknown = true, .repeats = false,
	 .choices = "", .section = "RFC 7143, 13.26",
	 .summary = "What software the sender runs"},

	/* Obsolete (RFC 7143, 13.25). */
	{.name = "IFMarker", .type = T::boolean, .rule = R::obsolete, .use = U::initialize_only,
	 .stage = G::operational, .sender = S::both, .scope = C::connection, .in_discovery = true,
	 .default_value = "No", .min = 0, .max = 0, .may_be_unknown = false, .repeats = false,
	 .choices = "", .section = "RFC 7143, 13.25",
	 .summary = "Obsolete: markers from target to initiator"},
	{.name = "OFMarker", .type = T::boolean, .rule = R::obsolete, .use = U::initialize_only,
	 .stage = G::operational, .sender = S::both, .scope = C::connection, .in_discovery = true,
	 .default_value = "No", .min = 0, .max = 0, .may_be_unknown = false, .repeats = false,
	 .choices = "", .section = "RFC 7143, 13.25",
	 .summary = "Obsolete: markers from initiator to target"},
	{.name = "IFMarkInt", .type = T::text, .rule = R::obsolete, .use = U::initialize_only,
	 .stage = G::operational, .sender = S::both, .scope = C::connection, .in_discovery = true,
	 .default_value = "", .min = 0, .max = text_max, .may_be_unknown = false, .repeats = false,
	 .choices = "", .section = "RFC 7143, 13.25",
	 .summary = "Obsolete: the interval of IFMarker"},
	{.name = "OFMarkInt", .type = T::text, .rule = R::obsolete, .use = U::initialize_only,
	 .stage = G::operational, .sender = S::both, .scope = C::connection, .in_discovery = true,
	 .default_value = "", .min = 0, .max = text_max, .may_be_unknown = false, .repeats = false,
	 .choices = "", .section = "RFC 7143, 13.25",
	 .summary = "Obsolete: the interval of OFMarker"},
};
// clang-format on

tl::unexpected<Error> bad_value(const KeySpec &key, std::string_view value, std::string_view why)
{
	return fail(Code::invalid_argument,
		    str(key.name, '=', quoted(value, 64), ' ', why, " (", key.section, ")"));
}

bool is_text_value(std::string_view value)
{
	return std::all_of(value.begin(), value.end(), [](char c) {
		return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		       std::string_view(".-+@_/[]:,").find(c) != std::string_view::npos;
	});
}

bool is_listed(std::string_view list, std::string_view value)
{
	const auto parts = split(list, ',');
	return std::find(parts.begin(), parts.end(), value) != parts.end();
}

Status check_list(const KeySpec &key, std::string_view value)
{
	const auto parts = split(value, ',');

	for (auto part = parts.begin(); part != parts.end(); ++part) {
		if (!is_listed(key.choices, *part))
			return bad_value(key, value, str("is not a list of ", key.choices));
		if (std::find(parts.begin(), part, *part) != part)
			return bad_value(key, value, "names one value twice");
	}
	return {};
}

Status check_text(const KeySpec &key, std::string_view value)
{
	if (value.size() < key.min || value.size() > key.max)
		return bad_value(key, value, str("is not of ", key.min, " to ", key.max, " bytes"));
	if (key.type == KeyType::text && !is_text_value(value))
		return bad_value(key, value, "has a character that a text-value may not have");
	if (!key.choices.empty() && !is_listed(key.choices, value))
		return bad_value(key, value, str("is none of ", key.choices));
	if (!is_utf8(value) || value.find('\0') != std::string_view::npos)
		return bad_value(key, value, "is not UTF-8 without NUL");
	return {};
}

} // namespace

std::span<const KeySpec> all_keys()
{
	return keys;
}

const KeySpec *find_key(std::string_view name)
{
	auto row = std::find_if(std::begin(keys), std::end(keys),
				[&](const KeySpec &key) { return key.name == name; });
	return row == std::end(keys) ? nullptr : row;
}

Status check_value(const KeySpec &key, std::string_view value)
{
	switch (key.type) {
	case KeyType::list:
		return check_list(key, value);
	case KeyType::boolean:
		if (!parse_boolean(value))
			return bad_value(key, value, "is neither Yes nor No");
		return {};
	case KeyType::number: {
		const auto number = parse_numerical(value);
		if (!number || *number < key.min || *number > key.max)
			return bad_value(key, value,
					 str("is no number from ", key.min, " to ", key.max));
		return {};
	}
	case KeyType::text:
	case KeyType::alias:
		return check_text(key, value);
	case KeyType::name:
		if (auto ok = check_name(value); !ok)
			return bad_value(key, value, str("is refused: ", ok.error().text));
		return {};
	case KeyType::address:
		if (auto ok = parse_target_address(value); !ok)
			return bad_value(key, value, str("is refused: ", ok.error().text));
		return {};
	case KeyType::binary:
		if (auto ok = decode_binary(value, key.min, key.max); !ok)
			return bad_value(key, value, str("is refused: ", ok.error().text));
		return {};
	}
	return bad_value(key, value, "has no type");
}

Status check_offer(const KeySpec &key, std::string_view value)
{
	if (auto ok = check_value(key, value); !ok)
		return ok;
	if (!key.demanded.empty())
		for (auto word : split(key.demanded, ','))
			if (!is_listed(value, word))
				return bad_value(key, value,
						 str("lacks ", word, ", which every offer has"));
	return {};
}

std::optional<bool> parse_boolean(std::string_view value)
{
	if (value == "Yes")
		return true;
	if (value == "No")
		return false;
	return std::nullopt;
}

std::optional<std::uint64_t> parse_numerical(std::string_view value)
{
	return parse_number(value);
}

bool settles(const KeySpec &key, std::string_view proposal)
{
	if (key.rule == KeyRule::logical_or)
		return proposal == "Yes";
	return proposal == "No" &&
	       (key.rule == KeyRule::logical_and || key.rule == KeyRule::obsolete);
}

Status check_answer(const KeySpec &key, std::string_view offer, std::string_view answer)
{
	auto refuse = [&](std::string_view why) {
		return bad_value(key, answer,
				 str("answers an offer of ", quoted(offer, 64), ' ', why));
	};

	switch (key.rule) {
	case KeyRule::first_of:
		if (!is_listed(offer, answer))
			return refuse("with a value that is not in it");
		return {};
	case KeyRule::logical_and:
		if (offer == "No" && answer != "No")
			return refuse("though No settles an AND");
		return {};
	case KeyRule::logical_or:
		if (offer == "Yes" && answer != "Yes")
			return refuse("though Yes settles an OR");
		return {};
	case KeyRule::minimum:
		if (*parse_numerical(answer) > *parse_numerical(offer))
			return refuse("with more, though the minimum holds");
		return {};
	case KeyRule::maximum:
		if (*parse_numerical(answer) < *parse_numerical(offer))
			return refuse("with less, though the maximum holds");
		return {};
	case KeyRule::declared:
	case KeyRule::obsolete:
	case KeyRule::exchange:
		break;
	}
	return refuse("though the key is not negotiated");
}

} // namespace hawser
