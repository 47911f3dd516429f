/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CHAP as iSCSI uses it (RFC 7143, 12.1.3 and 9.2.1; RFC 1994): MD5, SHA-1,
 * SHA-256 and SHA3-256, one way or mutual.
 *
 * Refused: an algorithm that was not offered, an identifier over 255, a challenge or
 * response of a wrong length, the target's name when it is not the one
 * configured, one secret for both directions, our own challenge come back (of another
 * login that is under way, or of one of the last), our own response come back, a secret under
 * 96 bits outside IPsec.
 */
#pragma once

#include "base/coding.h"
#include "base/error.h"
#include "base/secret.h"
#include "iscsi/text.h"

#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hawser
{

/* The numbers of CHAP_A. */
enum class ChapAlgorithm : std::uint8_t { md5 = 5, sha1 = 6, sha256 = 7, sha3_256 = 8 };

std::string_view to_string(ChapAlgorithm algorithm); // "MD5", "SHA1", "SHA256", "SHA3-256"
std::string to_string(const std::vector<ChapAlgorithm> &algorithms);	  // "MD5, SHA1"
std::optional<ChapAlgorithm> parse_chap_algorithm(std::string_view name); // any case
std::size_t digest_length(ChapAlgorithm algorithm);			  // bytes

/* Whether libcrypto gives the digest: MD5 is missing in FIPS mode. */
bool chap_algorithm_available(ChapAlgorithm algorithm);

/* Hash(identifier, secret, challenge), RFC 1994 4.1. */
Result<Bytes> chap_response(ChapAlgorithm algorithm, std::uint8_t identifier, const Secret &secret,
			    std::span<const std::uint8_t> challenge);

inline constexpr std::size_t min_chap_secret_length = 12;    // bytes: 96 bits
inline constexpr std::size_t max_chap_value_length = 1024;   // bytes of CHAP_C and CHAP_R
inline constexpr std::size_t max_chap_username_length = 223; // bytes

struct ChapConfig {
	/*
	 * In order of preference. SHA-256 stands last by default because tgt takes
	 * its number for SHA-1 and then finds the response too long.
	 */
	std::vector<ChapAlgorithm> algorithms{ChapAlgorithm::sha3_256, ChapAlgorithm::sha1,
					      ChapAlgorithm::md5, ChapAlgorithm::sha256};
	std::string username; // empty: the initiator's name
	Secret secret;
	/* Both or, to accept any name, the secret alone: the target must prove itself. */
	std::string target_username;
	Secret target_secret;
	/* The connection is encrypted, so a secret under 96 bits may be used. */
	bool protected_by_ipsec = false;

	ChapConfig() = default;
	ChapConfig(const ChapConfig &other); // clones the secrets
	ChapConfig &operator=(const ChapConfig &) = delete;
	ChapConfig(ChapConfig &&) = default;
	ChapConfig &operator=(ChapConfig &&) = default;

	bool mutual() const { return !target_secret.empty(); }
};

/* What can be refused before a connection is made: Code::invalid_argument. */
Status check(const ChapConfig &config);

/*
 * A secret as an administrator writes it: text, or after 0x an even number of
 * hexadecimal digits.
 */
Result<Secret> parse_chap_secret(std::string_view text);

/* @length bytes out of libcrypto's generator. */
Result<Bytes> random_bytes(std::size_t length);

/*
 * The challenges that logins under way and the last ones before them have sent, so that
 * a target cannot have one answered over another connection (RFC 7143, 9.2.1). One for
 * the whole process.
 */
class ChallengeBook
{
public:
	/* Those remembered of logins that have ended; their memory has a bound. */
	static constexpr std::size_t max_ended = 1024;

	/* Each added when it is sent, and ended when its login is. */
	void add(const Bytes &challenge) { known_.insert(challenge); }
	void end(const Bytes &challenge)
	{
		ended_.push_back(challenge);
		if (ended_.size() <= max_ended)
			return;
		known_.erase(known_.find(ended_.front()));
		ended_.pop_front();
	}
	bool contains(const Bytes &challenge) const { return known_.contains(challenge); }

private:
	std::multiset<Bytes> known_;
	std::deque<Bytes> ended_; // the oldest first
};

/* The initiator's side of one exchange. @config and @book outlive it. */
class ChapInitiator
{
public:
	/*
	 * @initiator_name stands in for an empty user name; @available tells which
	 * digests there are.
	 */
	ChapInitiator(const ChapConfig &config, std::string_view initiator_name,
		      ChallengeBook &book,
		      bool (*available)(ChapAlgorithm) = chap_algorithm_available);
	ChapInitiator(const ChapInitiator &) = delete;
	ChapInitiator &operator=(const ChapInitiator &) = delete;
	~ChapInitiator();

	/* The first step: CHAP_A. Fails when no configured digest is available here. */
	Result<std::vector<KeyValue>> offer();

	/* Configured algorithms that libcrypto does not give (FIPS): worth an event. */
	const std::vector<ChapAlgorithm> &unavailable() const { return unavailable_; }

	/*
	 * The target's CHAP_* keys of one step; gives ours, none after the last. An
	 * error ends the login: Code::authentication_failed, or login_final
	 * for a violation of the protocol.
	 */
	Result<std::vector<KeyValue>> step(std::span<const KeyValue> keys);

	bool started() const { return state_ != State::start; }
	/* Our response to the target's challenge was given out. */
	bool answered() const { return state_ == State::responded || state_ == State::complete; }
	std::string_view username() const { return username_; }
	/* A step of the target is due. */
	bool waiting() const { return state_ == State::offered || state_ == State::responded; }
	/* All that CHAP was to prove is proved, or said on our side when it is one-way. */
	bool complete() const { return state_ == State::complete; }

private:
	enum class State { start, offered, responded, complete };

	Result<std::vector<KeyValue>> respond(std::span<const KeyValue> keys);
	Status verify(std::span<const KeyValue> keys);

	const ChapConfig &config_;
	std::string username_;
	ChallengeBook &book_;
	bool (*available_)(ChapAlgorithm);
	State state_ = State::start;
	std::vector<ChapAlgorithm> offered_;
	std::vector<ChapAlgorithm> unavailable_;
	ChapAlgorithm algorithm_ = ChapAlgorithm::md5;
	std::uint8_t identifier_ = 0; // of our challenge
	Bytes challenge_;	      // ours; empty when one-way
};

} // namespace hawser
