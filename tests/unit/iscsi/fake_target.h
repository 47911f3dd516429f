/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The target's side of a login, for tests: takes Login Requests apart, puts
 * Login Responses together, and answers as RFC 7143 says unless a test sets it to
 * say something else. It is no model of good manners towards a wrong initiator: it
 * fails the test.
 */
#pragma once

#include "base/str.h"
#include "iscsi/chap.h"
#include "iscsi/keys.h"
#include "iscsi/pdu.h"
#include "iscsi/text.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace hawser::test
{

using Pairs = std::vector<KeyValue>;

inline std::uint32_t get_be(const Bhs &bhs, std::size_t at, std::size_t bytes)
{
	std::uint32_t value = 0;
	for (std::size_t i = 0; i < bytes; i++)
		value = value << 8 | bhs[at + i];
	return value;
}

inline void put_be(Bhs &bhs, std::size_t at, std::size_t bytes, std::uint32_t value)
{
	for (std::size_t i = 0; i < bytes; i++)
		bhs[at + i] = static_cast<std::uint8_t>(value >> (8 * (bytes - 1 - i)));
}

inline std::string value_of(const Pairs &pairs, std::string_view key)
{
	auto pair =
	    std::find_if(pairs.begin(), pairs.end(), [&](auto &kv) { return kv.key == key; });
	return pair == pairs.end() ? std::string() : pair->value;
}

inline bool has(const Pairs &pairs, std::string_view key)
{
	return std::any_of(pairs.begin(), pairs.end(), [&](auto &kv) { return kv.key == key; });
}

struct Request {
	bool transit, more;
	Stage csg, nsg;
	Isid isid;
	Tsih tsih;
	Itt itt;
	Cid cid;
	CmdSn cmd_sn;
	StatSn exp_stat_sn;
	Pairs keys; // of this PDU; empty while text is cut
};

/* @text gathers the text of requests with C set. */
inline Request parse_request(const Pdu &pdu, TextReader &text)
{
	const auto &bhs = pdu.bhs;
	REQUIRE(bhs[0] == 0x43);
	REQUIRE(get_be(bhs, 2, 2) == 0); // both versions
	REQUIRE(get_be(bhs, 4, 4) == pdu.data.size());
	REQUIRE(pdu.data.size() <= default_max_recv_data_segment_length);
	Request r{(bhs[1] & 0x80) != 0,
		  (bhs[1] & 0x40) != 0,
		  static_cast<Stage>(bhs[1] >> 2 & 3),
		  static_cast<Stage>(bhs[1] & 3),
		  {},
		  Tsih{static_cast<std::uint16_t>(get_be(bhs, 14, 2))},
		  Itt{get_be(bhs, 16, 4)},
		  Cid{static_cast<std::uint16_t>(get_be(bhs, 20, 2))},
		  CmdSn{get_be(bhs, 24, 4)},
		  StatSn{get_be(bhs, 28, 4)},
		  {}};
	std::copy_n(bhs.begin() + 8, 6, r.isid.bytes.begin());
	REQUIRE(!(r.transit && r.more));
	auto pairs = text.feed(pdu.data);
	REQUIRE(pairs);
	r.keys = std::move(*pairs);
	if (!r.more)
		REQUIRE(text.finish());
	return r;
}

struct Response {
	bool transit = false, more = false;
	Stage csg = Stage::security, nsg = Stage::security;
	Tsih tsih;
	Itt itt;
	StatSn stat_sn;
	CmdSn exp_cmd_sn, max_cmd_sn;
	std::uint8_t version_active = 0, status_class = 0, status_detail = 0;
	Bytes text;
};

inline Pdu make(const Response &r)
{
	Pdu pdu;
	pdu.bhs[0] = 0x23;
	pdu.bhs[1] =
	    static_cast<std::uint8_t>((r.transit ? 0x80 : 0) | (r.more ? 0x40 : 0) |
				      static_cast<int>(r.csg) << 2 | static_cast<int>(r.nsg));
	pdu.bhs[3] = r.version_active;
	put_be(pdu.bhs, 4, 4, static_cast<std::uint32_t>(r.text.size()));
	put_be(pdu.bhs, 14, 2, r.tsih.value);
	put_be(pdu.bhs, 16, 4, r.itt.value);
	put_be(pdu.bhs, 24, 4, r.stat_sn.value);
	put_be(pdu.bhs, 28, 4, r.exp_cmd_sn.value);
	put_be(pdu.bhs, 32, 4, r.max_cmd_sn.value);
	pdu.bhs[36] = r.status_class;
	pdu.bhs[37] = r.status_detail;
	pdu.data = r.text;
	return pdu;
}

class FakeTarget
{
public:
	/* Answers to negotiated keys: a value, or nullopt for no answer at all. */
	std::map<std::string, std::optional<std::string>> answers;
	/* Sent with the first response of each stage. */
	Pairs in_security{{"TargetPortalGroupTag", "1"}};
	Pairs in_operational{{"MaxRecvDataSegmentLength", "131072"}, {"TargetAlias", "a disk"}};
	/* Proposals of its own, sent without T after the initiator's keys. */
	Pairs proposals;
	/* The initiator's answers to them arrive here, with all else that it sent. */
	Pairs received;
	std::string auth_method = "None";
	unsigned chap_algorithm = 5;
	std::string secret = "initiator-secret";
	std::string own_secret = "target-secret-16";
	std::string own_name = "storage";
	std::size_t split = 0; // bytes of text in a response; 0: all in one
	Tsih tsih{0x1234};
	StatSn stat_sn{0xfffffffe}; // wraps during the login
	/* Sees each response before it is sent. */
	std::function<void(Response &)> tamper = [](Response &) {};
	std::vector<Request> requests;

	Pdu respond(const Pdu &pdu)
	{
		requests.push_back(parse_request(pdu, reader_));
		const Request &request = requests.back();
		Response r;
		r.csg = request.csg;
		r.itt = request.itt;
		r.tsih = request.tsih;
		r.stat_sn = stat_sn;
		stat_sn = next(stat_sn);
		r.exp_cmd_sn = request.cmd_sn;
		r.max_cmd_sn = next(request.cmd_sn, 32);
		gathered_.insert(gathered_.end(), request.keys.begin(), request.keys.end());
		if (request.more) {
			tamper(r);
			return make(r);
		}
		if (unsent_.empty()) {
			const Pairs keys = std::exchange(gathered_, {});
			received.insert(received.end(), keys.begin(), keys.end());
			bool done = true;
			unsent_ =
			    encode_text(request.csg == Stage::security ? security(keys, done)
								       : operational(keys, done));
			transit_ = done && (request.transit || unsent_transit_);
			unsent_transit_ = request.transit;
		}
		const auto size = split ? std::min(split, unsent_.size()) : unsent_.size();
		r.text.assign(unsent_.begin(), unsent_.begin() + static_cast<std::ptrdiff_t>(size));
		unsent_.erase(unsent_.begin(), unsent_.begin() + static_cast<std::ptrdiff_t>(size));
		r.more = !unsent_.empty();
		if (!r.more && request.transit && transit_) {
			r.transit = true;
			r.nsg = request.nsg;
			if (r.nsg == Stage::full_feature)
				r.tsih = tsih;
		}
		tamper(r);
		return make(r);
	}

private:
	Pairs security(const Pairs &keys, bool &done)
	{
		Pairs out;
		if (has(keys, "AuthMethod")) {
			out = in_security;
			out.push_back({"AuthMethod", auth_method});
			done = auth_method == "None";
		} else if (has(keys, "CHAP_A")) {
			challenge_ = "0x000102030405060708090a0b0c0d0e0f";
			out = {{"CHAP_A", str(chap_algorithm)},
			       {"CHAP_I", "77"},
			       {"CHAP_C", challenge_}};
			done = false;
		} else if (has(keys, "CHAP_R")) {
			CHECK(value_of(keys, "CHAP_R") == response(secret, 77, challenge_));
			if (has(keys, "CHAP_C"))
				out = {{"CHAP_N", own_name},
				       {"CHAP_R",
					response(own_secret, std::stoi(value_of(keys, "CHAP_I")),
						 value_of(keys, "CHAP_C"))}};
		}
		return out;
	}

	Pairs operational(const Pairs &keys, bool &done)
	{
		Pairs out;
		for (const auto &[name, value] : keys) {
			if (has(proposals, name))
				continue;
			const KeySpec *key = find_key(name);
			REQUIRE(key);
			if (key->rule == KeyRule::declared)
				continue;
			auto said = answers.find(name);
			if (said == answers.end())
				out.push_back({name, value.substr(0, value.find(','))});
			else if (said->second)
				out.push_back({name, *said->second});
		}
		if (!greeted_) {
			out.insert(out.end(), in_operational.begin(), in_operational.end());
			out.insert(out.end(), proposals.begin(), proposals.end());
			done = proposals.empty();
			greeted_ = true;
		}
		return out;
	}

	std::string response(const std::string &with, int identifier, const std::string &challenge)
	{
		return encode_binary_hex(*chap_response(static_cast<ChapAlgorithm>(chap_algorithm),
							static_cast<std::uint8_t>(identifier),
							Secret(with),
							*decode_binary(challenge, 1, 1024)));
	}

	TextReader reader_{64 * 1024};
	Pairs gathered_;
	Bytes unsent_;
	std::string challenge_;
	bool transit_ = false, unsent_transit_ = false, greeted_ = false;
};

} // namespace hawser::test
