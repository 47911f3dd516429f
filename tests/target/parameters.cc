/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "parameters.h"

#include <algorithm>
#include <cstdlib>

namespace hawser::target
{

namespace
{

std::uint32_t number(const std::string &value)
{
	return static_cast<std::uint32_t>(std::strtoul(value.c_str(), nullptr, 0));
}

/* The first of the initiator's list that the target has. */
std::string first_of(const std::string &list, std::initializer_list<std::string_view> known)
{
	for (std::size_t at = 0; at <= list.size();) {
		const auto end = std::min(list.find(',', at), list.size());
		const auto word = list.substr(at, end - at);
		if (std::find(known.begin(), known.end(), word) != known.end())
			return word;
		at = end + 1;
	}
	return "Reject";
}

template <class T> std::string least(T &agreed, T ours, const std::string &theirs)
{
	agreed = std::min<T>(ours, static_cast<T>(number(theirs)));
	return std::to_string(agreed);
}

template <class T> std::string most(T &agreed, T ours, const std::string &theirs)
{
	agreed = std::max<T>(ours, static_cast<T>(number(theirs)));
	return std::to_string(agreed);
}

std::string truth(bool &agreed, bool value)
{
	agreed = value;
	return value ? "Yes" : "No";
}

std::string digest(bool &agreed, const std::string &list)
{
	const auto word = first_of(list, {"CRC32C", "None"});
	agreed = word == "CRC32C";
	return word;
}

/* The answer, or nothing when the key is a declaration. */
std::string answer(const std::string &key, const std::string &value, const Offer &offer,
		   Parameters &agreed)
{
	if (key == "InitiatorName") {
		agreed.initiator_name = value;
		return {};
	}
	if (key == "MaxRecvDataSegmentLength") {
		agreed.max_send = number(value);
		return {};
	}
	if (key == "InitiatorAlias" || key == "TargetName" || key == "SessionType")
		return {};
	if (key == "AuthMethod")
		return first_of(value, {"None"});
	if (key == "HeaderDigest")
		return digest(agreed.header_digest, value);
	if (key == "DataDigest")
		return digest(agreed.data_digest, value);
	if (key == "InitialR2T")
		return truth(agreed.initial_r2t, value == "Yes");
	if (key == "ImmediateData")
		return truth(agreed.immediate_data, value == "Yes");
	if (key == "DataPDUInOrder")
		return truth(agreed.pdus_in_order, offer.in_order || value == "Yes");
	if (key == "DataSequenceInOrder")
		return truth(agreed.sequences_in_order, offer.in_order || value == "Yes");
	if (key == "MaxBurstLength")
		return least(agreed.max_burst, offer.max_burst, value);
	if (key == "FirstBurstLength")
		return least(agreed.first_burst, offer.first_burst, value);
	if (key == "MaxOutstandingR2T")
		return least(agreed.max_r2t, offer.max_r2t, value);
	if (key == "MaxConnections")
		return least(agreed.connections, offer.connections, value);
	if (key == "ErrorRecoveryLevel")
		return least(agreed.level, offer.level, value);
	if (key == "DefaultTime2Wait")
		return most(agreed.time2wait, offer.time2wait, value);
	if (key == "DefaultTime2Retain")
		return least(agreed.time2retain, offer.time2retain, value);
	return "NotUnderstood";
}

} // namespace

Pairs pairs_of(std::string_view text)
{
	Pairs pairs;
	while (!text.empty()) {
		const auto word = text.substr(0, text.find('\0'));
		text.remove_prefix(std::min(word.size() + 1, text.size()));
		const auto equals = word.find('=');
		if (equals != std::string_view::npos)
			pairs.emplace_back(word.substr(0, equals), word.substr(equals + 1));
	}
	return pairs;
}

Bytes text_of(const Pairs &pairs)
{
	std::string text;
	for (const auto &[key, value] : pairs)
		text.append(key).append("=").append(value).push_back('\0');
	return {text.begin(), text.end()};
}

Pairs negotiate(const Pairs &said, const Offer &offer, Parameters &agreed)
{
	Pairs answers;
	for (const auto &[key, value] : said) {
		auto word = answer(key, value, offer, agreed);
		if (!word.empty())
			answers.emplace_back(key, std::move(word));
	}
	return answers;
}

} // namespace hawser::target
