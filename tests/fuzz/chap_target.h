/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A target that knows the secrets of CHAP: what no search would find by itself. */
#pragma once

#include "iscsi/chap.h"
#include "iscsi/keys.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace hawser::fuzz
{

/* The value of the first @key, or null. */
inline const std::string *find(const std::vector<KeyValue> &pairs, std::string_view key)
{
	auto pair = std::find_if(pairs.begin(), pairs.end(),
				 [&](const KeyValue &kv) { return kv.key == key; });
	return pair == pairs.end() ? nullptr : &pair->value;
}

/* The response of one who has @secret to the challenge in @pairs; empty when there is none. */
inline Bytes proof(const std::vector<KeyValue> &pairs, ChapAlgorithm algorithm,
		   const Secret &secret)
{
	const auto *identifier = find(pairs, "CHAP_I");
	const auto *challenge = find(pairs, "CHAP_C");

	if (!identifier || !challenge)
		return {};
	return *chap_response(algorithm, static_cast<std::uint8_t>(*parse_numerical(*identifier)),
			      secret, *decode_binary(*challenge, 1, max_chap_value_length));
}

} // namespace hawser::fuzz
