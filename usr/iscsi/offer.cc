/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iscsi/offer.h"

#include "base/str.h"
#include "iscsi/keys.h"

#include <algorithm>
#include <type_traits>

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

	words.reserve(values.size());
	for (auto value : values)
		words.emplace_back(to_string(value));
	return join(words, ",");
}

/* The value of T that has @name on the wire; the last of them stands for any other word. */
template <class T> T named(std::string_view name);

template <> Digest named(std::string_view name)
{
	return name == to_string(Digest::crc32c) ? Digest::crc32c : Digest::none;
}

template <> TaskReporting named(std::string_view name)
{
	for (auto reporting : {TaskReporting::fast_abort, TaskReporting::response_fence})
		if (name == to_string(reporting))
			return reporting;
	return TaskReporting::rfc3720;
}

template <class T> std::vector<T> named_list(std::string_view value)
{
	std::vector<T> values;

	if (!value.empty())
		for (auto word : split(value, ','))
			values.push_back(named<T>(word));
	return values;
}

template <class T> T number(std::string_view value)
{
	return static_cast<T>(*parse_numerical(value));
}

using O = OperationalOffer;
using P = NegotiatedParameters;
using V = std::string_view;

template <class T> using Plain = std::remove_cvref_t<T>;

/* Rows of keys whose offer and result are one member each. */
template <auto Offer, auto Result> constexpr KeyBinding number_row(V key)
{
	return {key, [](const O &o) { return str(std::uint64_t{o.*Offer}); },
		[](O &o, V v) { o.*Offer = number<Plain<decltype(o.*Offer)>>(v); },
		[](P &p, V v) { p.*Result = number<Plain<decltype(p.*Result)>>(v); },
		[](const P &p) { return str(std::uint64_t{p.*Result}); }};
}

template <auto Offer, auto Result> constexpr KeyBinding boolean_row(V key)
{
	return {key, [](const O &o) { return yes_no(o.*Offer); },
		[](O &o, V v) { o.*Offer = *parse_boolean(v); },
		[](P &p, V v) { p.*Result = *parse_boolean(v); },
		[](const P &p) { return yes_no(p.*Result); }};
}

template <auto Offer, auto Result> constexpr KeyBinding list_row(V key)
{
	return {key, [](const O &o) { return list(o.*Offer); },
		[](O &o, V v) { o.*Offer = named_list<Plain<decltype(P().*Result)>>(v); },
		[](P &p, V v) { p.*Result = named<Plain<decltype(p.*Result)>>(v); },
		[](const P &p) { return std::string(to_string(p.*Result)); }};
}

/* Ours is declared; what the target declares is what it may be sent. */
constexpr KeyBinding receive_length_row()
{
	auto row = number_row<&O::max_recv_data_segment_length, &P::max_recv_data_segment_length>(
	    "MaxRecvDataSegmentLength");

	row.apply = [](P &p, V v) { p.max_xmit_data_segment_length = number<std::uint32_t>(v); };
	return row;
}

/* Never offered above MaxBurstLength (RFC 7143, 13.14). */
constexpr KeyBinding first_burst_row()
{
	auto row = number_row<&O::first_burst_length, &P::first_burst_length>("FirstBurstLength");

	row.offered = [](const O &o) {
		return str(std::min(o.first_burst_length, o.max_burst_length));
	};
	return row;
}

constexpr KeyBinding protocol_level_row()
{
	return {"iSCSIProtocolLevel",
		[](const O &o) {
			return o.iscsi_protocol_level ? str(unsigned{*o.iscsi_protocol_level})
						      : std::string();
		},
		[](O &o, V v) {
			o.iscsi_protocol_level.reset();
			if (!v.empty())
				o.iscsi_protocol_level = number<std::uint8_t>(v);
		},
		[](P &p, V v) { p.iscsi_protocol_level = number<std::uint8_t>(v); },
		[](const P &p) { return str(unsigned{p.iscsi_protocol_level}); }};
}

constexpr KeyBinding bindings[] = {
    list_row<&O::header_digest, &P::header_digest>("HeaderDigest"),
    list_row<&O::data_digest, &P::data_digest>("DataDigest"),
    receive_length_row(),
    number_row<&O::error_recovery_level, &P::error_recovery_level>("ErrorRecoveryLevel"),
    number_row<&O::max_connections, &P::max_connections>("MaxConnections"),
    boolean_row<&O::initial_r2t, &P::initial_r2t>("InitialR2T"),
    boolean_row<&O::immediate_data, &P::immediate_data>("ImmediateData"),
    number_row<&O::max_burst_length, &P::max_burst_length>("MaxBurstLength"),
    first_burst_row(),
    number_row<&O::default_time2wait, &P::default_time2wait>("DefaultTime2Wait"),
    number_row<&O::default_time2retain, &P::default_time2retain>("DefaultTime2Retain"),
    number_row<&O::max_outstanding_r2t, &P::max_outstanding_r2t>("MaxOutstandingR2T"),
    boolean_row<&O::data_pdu_in_order, &P::data_pdu_in_order>("DataPDUInOrder"),
    boolean_row<&O::data_sequence_in_order, &P::data_sequence_in_order>("DataSequenceInOrder"),
    list_row<&O::task_reporting, &P::task_reporting>("TaskReporting"),
    protocol_level_row(),
};

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
