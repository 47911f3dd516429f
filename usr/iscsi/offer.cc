/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iscsi/offer.h"

#include "base/str.h"
#include "iscsi/keys.h"

#include <algorithm>

namespace hawser
{

namespace
{

std::string yes_no(bool value)
{
	return value ? "Yes" : "No";
}

template <class T> std::string list(const std::vector<T> &values)
{
	std::vector<std::string> words;

	for (auto value : values)
		words.emplace_back(to_string(value));
	return join(words, ",");
}

template <class T> T number(std::string_view value)
{
	return static_cast<T>(*parse_numerical(value));
}

Digest digest(std::string_view value)
{
	return value == to_string(Digest::crc32c) ? Digest::crc32c : Digest::none;
}

TaskReporting task_reporting(std::string_view value)
{
	for (auto reporting : {TaskReporting::fast_abort, TaskReporting::response_fence})
		if (value == to_string(reporting))
			return reporting;
	return TaskReporting::rfc3720;
}

using O = OperationalOffer;
using P = NegotiatedParameters;
using V = std::string_view;

// clang-format off
constexpr KeyBinding bindings[] = {
	{"HeaderDigest",
	 [](const O &o) { return list(o.header_digest); },
	 [](P &p, V v) { p.header_digest = digest(v); }},
	{"DataDigest",
	 [](const O &o) { return list(o.data_digest); },
	 [](P &p, V v) { p.data_digest = digest(v); }},
	{"MaxRecvDataSegmentLength", // ours is declared; the target's is what we may send
	 [](const O &o) { return str(o.max_recv_data_segment_length); },
	 [](P &p, V v) { p.max_xmit_data_segment_length = number<std::uint32_t>(v); }},
	{"ErrorRecoveryLevel",
	 [](const O &o) { return str(unsigned{o.error_recovery_level}); },
	 [](P &p, V v) { p.error_recovery_level = number<std::uint8_t>(v); }},
	{"MaxConnections",
	 [](const O &o) { return str(o.max_connections); },
	 [](P &p, V v) { p.max_connections = number<std::uint16_t>(v); }},
	{"InitialR2T",
	 [](const O &o) { return yes_no(o.initial_r2t); },
	 [](P &p, V v) { p.initial_r2t = *parse_boolean(v); }},
	{"ImmediateData",
	 [](const O &o) { return yes_no(o.immediate_data); },
	 [](P &p, V v) { p.immediate_data = *parse_boolean(v); }},
	{"MaxBurstLength",
	 [](const O &o) { return str(o.max_burst_length); },
	 [](P &p, V v) { p.max_burst_length = number<std::uint32_t>(v); }},
	{"FirstBurstLength", // never above MaxBurstLength (RFC 7143, 13.14)
	 [](const O &o) { return str(std::min(o.first_burst_length, o.max_burst_length)); },
	 [](P &p, V v) { p.first_burst_length = number<std::uint32_t>(v); }},
	{"DefaultTime2Wait",
	 [](const O &o) { return str(o.default_time2wait); },
	 [](P &p, V v) { p.default_time2wait = number<std::uint16_t>(v); }},
	{"DefaultTime2Retain",
	 [](const O &o) { return str(o.default_time2retain); },
	 [](P &p, V v) { p.default_time2retain = number<std::uint16_t>(v); }},
	{"MaxOutstandingR2T",
	 [](const O &o) { return str(o.max_outstanding_r2t); },
	 [](P &p, V v) { p.max_outstanding_r2t = number<std::uint16_t>(v); }},
	{"DataPDUInOrder",
	 [](const O &o) { return yes_no(o.data_pdu_in_order); },
	 [](P &p, V v) { p.data_pdu_in_order = *parse_boolean(v); }},
	{"DataSequenceInOrder",
	 [](const O &o) { return yes_no(o.data_sequence_in_order); },
	 [](P &p, V v) { p.data_sequence_in_order = *parse_boolean(v); }},
	{"TaskReporting",
	 [](const O &o) { return list(o.task_reporting); },
	 [](P &p, V v) { p.task_reporting = task_reporting(v); }},
	{"iSCSIProtocolLevel",
	 [](const O &o) { return o.iscsi_protocol_level ? str(unsigned{*o.iscsi_protocol_level})
							: std::string(); },
	 [](P &p, V v) { p.iscsi_protocol_level = number<std::uint8_t>(v); }},
};
// clang-format on

} // namespace

std::string_view to_string(AuthMethod method)
{
	return method == AuthMethod::chap ? "CHAP" : "None";
}

std::string_view to_string(Digest value)
{
	return value == Digest::crc32c ? "CRC32C" : "None";
}

std::string_view to_string(TaskReporting reporting)
{
	switch (reporting) {
	case TaskReporting::fast_abort:
		return "FastAbort";
	case TaskReporting::response_fence:
		return "ResponseFence";
	case TaskReporting::rfc3720:
		break;
	}
	return "RFC3720";
}

std::span<const KeyBinding> all_bindings()
{
	return bindings;
}

const KeyBinding *find_binding(std::string_view key)
{
	auto row = std::find_if(std::begin(bindings), std::end(bindings),
				[&](const KeyBinding &binding) { return binding.key == key; });
	return row == std::end(bindings) ? nullptr : row;
}

std::string select_answer(const KeySpec &key, std::string_view own, std::string_view proposal)
{
	auto numbers = [&](auto choose) {
		return str(choose(*parse_numerical(own), *parse_numerical(proposal)));
	};

	switch (key.rule) {
	case KeyRule::first_of: {
		const auto ours = split(own, ',');
		for (auto value : split(proposal, ','))
			if (std::find(ours.begin(), ours.end(), value) != ours.end())
				return std::string(value);
		break;
	}
	case KeyRule::logical_and:
		return yes_no(own == "Yes" && proposal == "Yes");
	case KeyRule::logical_or:
		return yes_no(own == "Yes" || proposal == "Yes");
	case KeyRule::minimum:
		return numbers([](auto a, auto b) { return std::min(a, b); });
	case KeyRule::maximum:
		return numbers([](auto a, auto b) { return std::max(a, b); });
	case KeyRule::declared:
	case KeyRule::obsolete:
	case KeyRule::exchange:
		break;
	}
	return std::string(reject);
}

} // namespace hawser
