/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iscsi/chap.h"

#include "base/str.h"
#include "iscsi/keys.h"

#include <algorithm>
#include <memory>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

namespace hawser
{

namespace
{

struct AlgorithmInfo {
	ChapAlgorithm algorithm;
	std::string_view name;
	const char *digest; // libcrypto's word
	std::size_t length; // bytes
};

constexpr AlgorithmInfo algorithms[] = {
    {ChapAlgorithm::md5, "MD5", "MD5", 16},
    {ChapAlgorithm::sha1, "SHA1", "SHA1", 20},
    {ChapAlgorithm::sha256, "SHA256", "SHA2-256", 32},
    {ChapAlgorithm::sha3_256, "SHA3-256", "SHA3-256", 32},
};

const AlgorithmInfo &info(ChapAlgorithm algorithm)
{
	return *std::find_if(std::begin(algorithms), std::end(algorithms),
			     [&](const auto &row) { return row.algorithm == algorithm; });
}

using MdPtr = std::unique_ptr<EVP_MD, decltype(&EVP_MD_free)>;
using MdCtxPtr = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

MdPtr fetch(ChapAlgorithm algorithm)
{
	return {EVP_MD_fetch(nullptr, info(algorithm).digest, nullptr), EVP_MD_free};
}

tl::unexpected<Error> violation(std::string text)
{
	return fail(Code::login_final, std::move(text));
}

tl::unexpected<Error> unproved(std::string text)
{
	return fail(Code::authentication_failed, std::move(text));
}

/* The value of @key in this step, checked against the key table. */
Result<std::string_view> required(std::span<const KeyValue> keys, std::string_view key)
{
	auto pair = std::find_if(keys.begin(), keys.end(),
				 [&](const KeyValue &kv) { return kv.key == key; });
	if (pair == keys.end())
		return violation(str("the target left out ", key, " (RFC 7143, 12.1.3)"));
	if (key != "CHAP_A") {
		if (auto ok = check_value(*find_key(key), pair->value); !ok)
			return violation(str("the target sent ", ok.error().text));
	}
	return pair->value;
}

bool same(std::span<const std::uint8_t> a, std::span<const std::uint8_t> b)
{
	return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

} // namespace

std::string_view to_string(ChapAlgorithm algorithm)
{
	return info(algorithm).name;
}

std::string to_string(const std::vector<ChapAlgorithm> &algorithms)
{
	std::vector<std::string> names;

	names.reserve(algorithms.size());
	for (auto algorithm : algorithms)
		names.emplace_back(to_string(algorithm));
	return join(names, ", ");
}

std::optional<ChapAlgorithm> parse_chap_algorithm(std::string_view name)
{
	for (const auto &row : algorithms)
		if (equals_nocase(row.name, name))
			return row.algorithm;
	return std::nullopt;
}

std::size_t digest_length(ChapAlgorithm algorithm)
{
	return info(algorithm).length;
}

bool chap_algorithm_available(ChapAlgorithm algorithm)
{
	return fetch(algorithm) != nullptr;
}

Result<Bytes> chap_response(ChapAlgorithm algorithm, std::uint8_t identifier, const Secret &secret,
			    std::span<const std::uint8_t> challenge)
{
	const MdPtr digest = fetch(algorithm);
	const MdCtxPtr context{EVP_MD_CTX_new(), EVP_MD_CTX_free};
	Bytes response(digest_length(algorithm));

	if (!digest)
		return fail(Code::not_supported,
			    str("libcrypto has no ", to_string(algorithm), " (FIPS mode?)"));
	if (!context || EVP_DigestInit_ex2(context.get(), digest.get(), nullptr) != 1 ||
	    EVP_DigestUpdate(context.get(), &identifier, 1) != 1 ||
	    EVP_DigestUpdate(context.get(), secret.bytes().data(), secret.size()) != 1 ||
	    EVP_DigestUpdate(context.get(), challenge.data(), challenge.size()) != 1 ||
	    EVP_DigestFinal_ex(context.get(), response.data(), nullptr) != 1)
		return fail(Code::internal,
			    str("libcrypto failed to compute ", to_string(algorithm)));
	return response;
}

Result<Bytes> random_bytes(std::size_t length)
{
	Bytes bytes(length);

	if (RAND_bytes(bytes.data(), static_cast<int>(length)) != 1)
		return fail(Code::internal, "libcrypto gives no random bytes");
	return bytes;
}

Result<Secret> parse_chap_secret(std::string_view text)
{
	if (!starts_with_nocase(text, "0x"))
		return Secret(text);
	auto bytes = hex_decode(text.substr(2));
	if (!bytes || bytes->empty())
		return fail(Code::invalid_argument,
			    "a CHAP secret after 0x is not an even number of hexadecimal digits");
	Secret secret{std::span<const std::uint8_t>(*bytes)};
	wipe(std::span(*bytes));
	return secret;
}

ChapConfig::ChapConfig(const ChapConfig &other)
    : algorithms(other.algorithms),
      username(other.username),
      secret(other.secret.clone()),
      target_username(other.target_username),
      target_secret(other.target_secret.clone()),
      protected_by_ipsec(other.protected_by_ipsec)
{
}

Status check(const ChapConfig &config)
{
	auto refuse = [](std::string text) {
		return fail(Code::invalid_argument, std::move(text));
	};

	if (config.algorithms.empty())
		return refuse("CHAP has no algorithm to offer");
	if (config.secret.empty())
		return refuse("CHAP has no secret");
	if (!config.target_username.empty() && config.target_secret.empty())
		return refuse(
		    "CHAP names the user that the target is to be (username_in) and has no "
		    "secret of it (password_in)");
	if (config.username.size() > max_chap_username_length ||
	    config.target_username.size() > max_chap_username_length)
		return refuse(
		    str("a CHAP user name has more than ", max_chap_username_length, " bytes"));
	if (!config.protected_by_ipsec) {
		if (config.secret.size() < min_chap_secret_length)
			return refuse(
			    "the CHAP secret is shorter than 96 bits (12 bytes), which needs "
			    "IPsec (RFC 7143, 9.2.1)");
		if (config.mutual() && config.target_secret.size() < min_chap_secret_length)
			return refuse(
			    "the target's CHAP secret is shorter than 96 bits (12 bytes), "
			    "which needs IPsec (RFC 7143, 9.2.1)");
	}
	if (config.mutual() && config.secret == config.target_secret)
		return refuse("one CHAP secret for both directions (RFC 7143, 9.2.1)");
	return {};
}

ChapInitiator::ChapInitiator(const ChapConfig &config, std::string_view initiator_name,
			     ChallengeBook &book, bool (*available)(ChapAlgorithm))
    : config_(config),
      username_(config.username.empty() ? initiator_name : std::string_view(config.username)),
      book_(book),
      available_(available)
{
}

ChapInitiator::~ChapInitiator()
{
	if (!challenge_.empty())
		book_.end(challenge_);
}

Result<std::vector<KeyValue>> ChapInitiator::offer()
{
	std::vector<std::string> numbers;

	for (auto algorithm : config_.algorithms) {
		if (!available_(algorithm)) {
			unavailable_.push_back(algorithm);
			continue;
		}
		offered_.push_back(algorithm);
		numbers.push_back(str(static_cast<unsigned>(algorithm)));
	}
	if (offered_.empty())
		return fail(
		    Code::not_supported,
		    str("libcrypto has none of the configured CHAP algorithms (FIPS mode?): ",
			to_string(unavailable_)));
	state_ = State::offered;
	return std::vector<KeyValue>{{"CHAP_A", join(numbers, ",")}};
}

Result<std::vector<KeyValue>> ChapInitiator::step(std::span<const KeyValue> keys)
{
	switch (state_) {
	case State::offered:
		return respond(keys);
	case State::responded:
		if (auto ok = verify(keys); !ok)
			return tl::unexpected(ok.error());
		return std::vector<KeyValue>{};
	case State::start:
	case State::complete:
		break;
	}
	return violation(str("the target sent ", keys.front().key, " when CHAP had no such step"));
}

/* CHAP_A, CHAP_I and CHAP_C came: answer, and challenge the target when mutual. */
Result<std::vector<KeyValue>> ChapInitiator::respond(std::span<const KeyValue> keys)
{
	if (keys.size() > 3)
		return violation(
		    str("the target sent ", keys.back().key, " with its CHAP challenge"));
	auto a = required(keys, "CHAP_A");
	if (!a)
		return tl::unexpected(a.error());
	auto number = parse_numerical(*a);
	auto chosen = std::find_if(offered_.begin(), offered_.end(), [&](ChapAlgorithm algorithm) {
		return number == static_cast<std::uint64_t>(algorithm);
	});
	if (chosen == offered_.end())
		return unproved(
		    str("the target chose CHAP_A=", quoted(*a, 64), ", which was not offered"));
	algorithm_ = *chosen;

	auto i = required(keys, "CHAP_I");
	if (!i)
		return tl::unexpected(i.error());
	auto c = required(keys, "CHAP_C");
	if (!c)
		return tl::unexpected(c.error());
	const auto theirs = *decode_binary(*c, 1, max_chap_value_length);
	if (book_.contains(theirs))
		return unproved("the target sent a CHAP challenge of ours back (RFC 7143, 9.2.1)");

	auto response = chap_response(algorithm_, static_cast<std::uint8_t>(*parse_numerical(*i)),
				      config_.secret, theirs);
	if (!response)
		return tl::unexpected(response.error());
	std::vector<KeyValue> answer{{"CHAP_N", username_},
				     {"CHAP_R", encode_binary_hex(*response)}};
	if (!config_.mutual()) {
		state_ = State::complete;
		return answer;
	}

	auto ours = random_bytes(1 + digest_length(algorithm_));
	if (!ours)
		return tl::unexpected(ours.error());
	identifier_ = ours->back();
	ours->pop_back();
	challenge_ = std::move(*ours);
	book_.add(challenge_);
	answer.push_back({"CHAP_I", str(unsigned{identifier_})});
	answer.push_back({"CHAP_C", encode_binary_hex(challenge_)});
	state_ = State::responded;
	return answer;
}

/* CHAP_N and CHAP_R came: the target's proof. */
Status ChapInitiator::verify(std::span<const KeyValue> keys)
{
	if (keys.size() > 2)
		return violation(
		    str("the target sent ", keys.back().key, " with its CHAP response"));
	auto n = required(keys, "CHAP_N");
	if (!n)
		return tl::unexpected(n.error());
	auto r = required(keys, "CHAP_R");
	if (!r)
		return tl::unexpected(r.error());
	const auto response = *decode_binary(*r, 1, max_chap_value_length);

	if (!config_.target_username.empty() && *n != config_.target_username)
		return unproved(str("the target calls itself ", quoted(*n), " in CHAP, not ",
				    quoted(config_.target_username)));
	auto expected = chap_response(algorithm_, identifier_, config_.target_secret, challenge_);
	if (!expected)
		return tl::unexpected(expected.error());
	auto reflected = chap_response(algorithm_, identifier_, config_.secret, challenge_);
	if (!reflected)
		return tl::unexpected(reflected.error());
	if (same(response, *reflected))
		return unproved(
		    "the target answered CHAP with the initiator's own secret (RFC 7143, "
		    "9.2.1)");
	if (!same(response, *expected))
		return unproved("the target's CHAP response is wrong: its secret is not the one "
				"configured");
	state_ = State::complete;
	return {};
}

} // namespace hawser
