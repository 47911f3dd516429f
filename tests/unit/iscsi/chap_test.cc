/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iscsi/chap.h"

#include "base/str.h"

#include <algorithm>
#include <catch2/catch.hpp>

using namespace hawser;

namespace
{

using Pairs = std::vector<KeyValue>;

constexpr auto our_secret = "initiator-secret";
constexpr auto their_secret = "target-secret-16";
constexpr auto our_name = "iqn.2026-01.com.example:host";

ChapConfig one_way()
{
	ChapConfig config;
	config.secret = Secret(our_secret);
	return config;
}

ChapConfig mutual()
{
	ChapConfig config = one_way();
	config.target_username = "storage";
	config.target_secret = Secret(their_secret);
	return config;
}

std::string value(const Pairs &pairs, std::string_view key)
{
	auto pair =
	    std::find_if(pairs.begin(), pairs.end(), [&](auto &kv) { return kv.key == key; });
	return pair == pairs.end() ? std::string() : pair->value;
}

/* The right answer to the challenge in @pairs under @secret. */
std::string answer(const Pairs &pairs, ChapAlgorithm algorithm, const char *secret)
{
	auto challenge = decode_binary(value(pairs, "CHAP_C"), 1, 1024);
	REQUIRE(challenge);
	auto identifier = static_cast<std::uint8_t>(std::stoi(value(pairs, "CHAP_I")));
	return encode_binary_hex(*chap_response(algorithm, identifier, Secret(secret), *challenge));
}

struct Exchange {
	explicit Exchange(ChapConfig c) : config(std::move(c)), chap(config, our_name, book)
	{
		REQUIRE(chap.offer());
	}

	Result<Pairs> step(Pairs pairs) { return chap.step(pairs); }
	std::string refusal(Pairs pairs)
	{
		auto result = chap.step(pairs);
		CHECK(!chap.complete());
		return result ? std::string() : result.error().text;
	}

	ChallengeBook book;
	ChapConfig config;
	ChapInitiator chap;
};

const Pairs md5_challenge{
    {"CHAP_A", "5"}, {"CHAP_I", "7"}, {"CHAP_C", "0x00112233445566778899aabbccddeeff"}};

bool contains(std::string_view text, std::string_view part)
{
	return text.find(part) != std::string_view::npos;
}

} // namespace

TEST_CASE("responses are the digest of identifier, secret and challenge")
{
	// Computed with another implementation, Python's hashlib.
	const auto challenge = *hex_decode("00112233445566778899aabbccddeeff");
	const std::pair<ChapAlgorithm, const char *> vectors[] = {
	    {ChapAlgorithm::md5, "2449d3d6a9487c8bb03b2d55cb647ba1"},
	    {ChapAlgorithm::sha1, "ae93a57c2561d64976465d072e2d3c255e8e6b01"},
	    {ChapAlgorithm::sha256,
	     "4912b1d99290ce8c576194f5f24e7ce416fecace6daa90c42adbec7cb5e0a8b6"},
	    {ChapAlgorithm::sha3_256,
	     "5c13c6b244087ade4a9fbeaf455855a90bf18b1c6b4429a6e06b3e53eb34de2b"},
	};

	for (const auto &[algorithm, digest] : vectors) {
		auto response = chap_response(algorithm, 7, Secret(our_secret), challenge);
		REQUIRE(response);
		CHECK(hex_encode(*response) == digest);
		CHECK(response->size() == digest_length(algorithm));
	}
}

TEST_CASE("digests are named and read in any case")
{
	for (auto algorithm : {ChapAlgorithm::md5, ChapAlgorithm::sha1, ChapAlgorithm::sha256,
			       ChapAlgorithm::sha3_256}) {
		CHECK(parse_chap_algorithm(to_string(algorithm)) == algorithm);
		CHECK(parse_chap_algorithm(to_lower(to_string(algorithm))) == algorithm);
		CHECK(chap_algorithm_available(algorithm));
	}
	CHECK(!parse_chap_algorithm("SHA512"));
}

TEST_CASE("algorithms are offered in the administrator's order")
{
	ChapConfig config = one_way();
	ChallengeBook book;

	CHECK(value(*ChapInitiator(config, our_name, book).offer(), "CHAP_A") == "8,6,5,7");
	config.algorithms = {ChapAlgorithm::md5, ChapAlgorithm::sha256};
	CHECK(value(*ChapInitiator(config, our_name, book).offer(), "CHAP_A") == "5,7");
}

TEST_CASE("without MD5 the other digests are offered and the missing one is told")
{
	ChapConfig config = one_way();
	ChallengeBook book;
	ChapInitiator chap(config, our_name, book,
			   [](ChapAlgorithm algorithm) { return algorithm != ChapAlgorithm::md5; });

	CHECK(value(*chap.offer(), "CHAP_A") == "8,6,7");
	CHECK(chap.unavailable() == std::vector<ChapAlgorithm>{ChapAlgorithm::md5});
}

TEST_CASE("without any configured digest the login ends with the reason")
{
	ChapConfig config = one_way();
	ChallengeBook book;
	ChapInitiator chap(config, our_name, book, [](ChapAlgorithm) { return false; });

	auto offer = chap.offer();
	REQUIRE(!offer);
	CHECK(offer.error().code == Code::not_supported);
	CHECK(contains(offer.error().text, "FIPS"));
}

TEST_CASE("one-way CHAP answers the target's challenge and is done")
{
	Exchange x(one_way());
	auto reply = x.step(md5_challenge);

	REQUIRE(reply);
	CHECK(reply->size() == 2);
	CHECK(value(*reply, "CHAP_N") == our_name);
	CHECK(value(*reply, "CHAP_R") == answer(md5_challenge, ChapAlgorithm::md5, our_secret));
	CHECK(x.chap.complete());
}

TEST_CASE("a configured user name takes the place of the initiator's name")
{
	ChapConfig config = one_way();
	config.username = "alice";
	Exchange x(std::move(config));
	CHECK(value(*x.step(md5_challenge), "CHAP_N") == "alice");
}

TEST_CASE("mutual CHAP is done when the target has proved its secret")
{
	for (auto algorithm : {ChapAlgorithm::md5, ChapAlgorithm::sha1, ChapAlgorithm::sha256,
			       ChapAlgorithm::sha3_256}) {
		Exchange x(mutual());
		Pairs challenge = md5_challenge;
		challenge[0].value = str(static_cast<unsigned>(algorithm));
		auto reply = x.step(challenge);
		REQUIRE(reply);
		CHECK(!x.chap.complete());
		CHECK(value(*reply, "CHAP_R") == answer(challenge, algorithm, our_secret));
		auto last = x.step(
		    {{"CHAP_N", "storage"}, {"CHAP_R", answer(*reply, algorithm, their_secret)}});
		REQUIRE(last);
		CHECK(last->empty());
		CHECK(x.chap.complete());
	}
}

TEST_CASE("a target with another secret or name is not authenticated")
{
	Exchange wrong_secret(mutual());
	auto reply = wrong_secret.step(md5_challenge);
	CHECK(contains(wrong_secret.refusal(
			   {{"CHAP_N", "storage"},
			    {"CHAP_R", answer(*reply, ChapAlgorithm::md5, "some other secret")}}),
		       "response is wrong"));

	Exchange wrong_name(mutual());
	reply = wrong_name.step(md5_challenge);
	CHECK(contains(
	    wrong_name.refusal({{"CHAP_N", "mallory"},
				{"CHAP_R", answer(*reply, ChapAlgorithm::md5, their_secret)}}),
	    "mallory"));
}

TEST_CASE("any name is taken from a target when none is configured")
{
	ChapConfig config = mutual();
	config.target_username.clear();
	Exchange x(std::move(config));
	auto reply = x.step(md5_challenge);
	CHECK(x.step(
	    {{"CHAP_N", "whoever"}, {"CHAP_R", answer(*reply, ChapAlgorithm::md5, their_secret)}}));
	CHECK(x.chap.complete());
}

TEST_CASE("a target that answers with the initiator's own secret is refused")
{
	Exchange x(mutual());
	auto reply = x.step(md5_challenge);
	CHECK(contains(x.refusal({{"CHAP_N", "storage"},
				  {"CHAP_R", answer(*reply, ChapAlgorithm::md5, our_secret)}}),
		       "own secret"));
}

TEST_CASE("a response that was recorded from an earlier login is refused")
{
	Exchange first(mutual());
	auto reply = first.step(md5_challenge);
	const auto recorded = answer(*reply, ChapAlgorithm::md5, their_secret);

	Exchange second(mutual());
	auto other = second.step(md5_challenge);
	CHECK(value(*reply, "CHAP_C") != value(*other, "CHAP_C"));
	CHECK(contains(second.refusal({{"CHAP_N", "storage"}, {"CHAP_R", recorded}}),
		       "response is wrong"));
}

TEST_CASE("our challenge that comes back over another connection is refused")
{
	ChallengeBook book;
	const ChapConfig config = mutual();
	std::string ours;
	{
		ChapInitiator victim(config, our_name, book);
		REQUIRE(victim.offer());
		auto reply = victim.step(md5_challenge);
		ours = value(*reply, "CHAP_C");

		ChapInitiator other(config, our_name, book);
		REQUIRE(other.offer());
		auto reflected =
		    other.step(Pairs{{"CHAP_A", "5"}, {"CHAP_I", "1"}, {"CHAP_C", ours}});
		REQUIRE(!reflected);
		CHECK(reflected.error().code == Code::authentication_failed);
		CHECK(contains(reflected.error().text, "back"));
	}
	// The login that sent it is over, and a target may still have it answered elsewhere.
	ChapInitiator late(config, our_name, book);
	REQUIRE(late.offer());
	auto replayed = late.step(Pairs{{"CHAP_A", "5"}, {"CHAP_I", "1"}, {"CHAP_C", ours}});
	REQUIRE(!replayed);
	CHECK(replayed.error().code == Code::authentication_failed);
}

TEST_CASE("challenges of logins that have ended are remembered up to a bound, open ones always")
{
	auto numbered = [](std::size_t n) {
		return Bytes{static_cast<std::uint8_t>(n >> 8), static_cast<std::uint8_t>(n)};
	};
	ChallengeBook book;
	const Bytes open{1, 2, 3};
	book.add(open);
	for (std::size_t n = 0; n <= ChallengeBook::max_ended; n++) {
		book.add(numbered(n));
		book.end(numbered(n));
	}
	CHECK(!book.contains(numbered(0)));
	CHECK(book.contains(numbered(1)));
	CHECK(book.contains(numbered(ChallengeBook::max_ended)));
	CHECK(book.contains(open));
	// One that two logins have sent is forgotten with the later of them.
	book.add(numbered(1));
	book.add(numbered(5000));
	book.end(numbered(5000));
	CHECK(book.contains(numbered(1)));
}

TEST_CASE("challenges of 1 to 1024 bytes in hexadecimal or base64 are answered")
{
	for (std::size_t length : {1, 15, 16, 1024}) {
		for (auto encode : {encode_binary_hex, encode_binary_base64}) {
			Exchange x(one_way());
			Pairs challenge{{"CHAP_A", "5"},
					{"CHAP_I", "0"},
					{"CHAP_C", encode(Bytes(length, 0xa5))}};
			auto reply = x.step(challenge);
			REQUIRE(reply);
			CHECK(value(*reply, "CHAP_R") ==
			      answer(challenge, ChapAlgorithm::md5, our_secret));
		}
	}
	Exchange x(one_way());
	CHECK(contains(
	    x.refusal(
		{{"CHAP_A", "5"}, {"CHAP_I", "0"}, {"CHAP_C", encode_binary_hex(Bytes(1025, 1))}}),
	    "1025 bytes"));
}

TEST_CASE("malformed challenges are refused with the key named")
{
	struct Case {
		const char *a, *i, *c, *named;
	};
	for (auto [a, i, c, named] :
	     {Case{"9", "1", "0x00", "CHAP_A=\"9\""}, Case{"5,6", "1", "0x00", "CHAP_A"},
	      Case{"", "1", "0x00", "CHAP_A"}, Case{"5", "256", "0x00", "CHAP_I=\"256\""},
	      Case{"5", "", "0x00", "CHAP_I"}, Case{"5", "1", "0x", "CHAP_C"},
	      Case{"5", "1", "0xzz", "CHAP_C"}, Case{"5", "1", "00", "CHAP_C"},
	      Case{"5", "1", "0b=", "CHAP_C"}}) {
		Exchange x(one_way());
		CHECK(contains(x.refusal({{"CHAP_A", a}, {"CHAP_I", i}, {"CHAP_C", c}}), named));
	}
}

TEST_CASE("a step that lacks a key or has one too many is refused")
{
	for (std::size_t without = 0; without < 3; without++) {
		Exchange x(one_way());
		Pairs pairs = md5_challenge;
		const auto key = pairs[without].key;
		pairs.erase(pairs.begin() + static_cast<std::ptrdiff_t>(without));
		CHECK(contains(x.refusal(pairs), "left out " + key));
	}
	Exchange extra(one_way());
	Pairs pairs = md5_challenge;
	pairs.push_back({"CHAP_N", "storage"});
	CHECK(contains(extra.refusal(pairs), "CHAP_N"));

	Exchange no_response(mutual());
	REQUIRE(no_response.step(md5_challenge));
	CHECK(contains(no_response.refusal({{"CHAP_N", "storage"}}), "left out CHAP_R"));

	Exchange over(one_way());
	REQUIRE(over.step(md5_challenge));
	CHECK(!over.step({{"CHAP_N", "storage"}, {"CHAP_R", "0x00"}}));
}

TEST_CASE("a target's response of another length is refused")
{
	Exchange x(mutual());
	REQUIRE(x.step(md5_challenge));
	CHECK(contains(x.refusal({{"CHAP_N", "storage"}, {"CHAP_R", "0x00"}}), "wrong"));
}

TEST_CASE("secrets under 96 bits are refused outside IPsec")
{
	ChapConfig config = mutual();
	CHECK(check(config));
	config.secret = Secret("eleven byte");
	CHECK(contains(check(config).error().text, "96 bits"));
	config.protected_by_ipsec = true;
	CHECK(check(config));
	config.protected_by_ipsec = false;
	config.secret = Secret("twelve bytes");
	CHECK(check(config));
	config.target_secret = Secret("short");
	CHECK(contains(check(config).error().text, "target's CHAP secret"));
}

TEST_CASE("one secret for both directions, none at all and long names are refused")
{
	ChapConfig config = mutual();
	config.target_secret = config.secret.clone();
	CHECK(contains(check(config).error().text, "both directions"));
	CHECK(contains(check(ChapConfig{}).error().text, "no secret"));
	config = one_way();
	config.algorithms.clear();
	CHECK(contains(check(config).error().text, "no algorithm"));
	config = one_way();
	config.username = std::string(223, 'a');
	CHECK(check(config));
	config.username += 'a';
	CHECK(contains(check(config).error().text, "223"));
}

TEST_CASE("a secret is written as text or as an even number of hexadecimal digits")
{
	CHECK(*parse_chap_secret("plain text") == Secret("plain text"));
	CHECK(*parse_chap_secret("0x414243") == Secret("ABC"));
	CHECK(!parse_chap_secret("0x4142434"));
	CHECK(!parse_chap_secret("0x"));
	auto refused = parse_chap_secret("0xhidden");
	REQUIRE(!refused);
	CHECK(!contains(refused.error().text, "hidden"));
}
