/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The target's side of CHAP, two steps. The first byte chooses the configuration (its lowest
 * bits: mutual, a user name, when mutual a target's name, one digest alone, no MD5 here). Each step
 * is a count and as many pairs: a byte that chooses the key and where its value comes from, and,
 * for a value of the input, its length (from 200 on, in steps of 32) and bytes. A value can be the
 * right proof, our own response or a challenge of ours, which no search would find. With the
 * highest bit of the first byte the rest is a configuration to check.
 *
 * Whatever the target says: our response is to its challenge and never to one of our own, and
 * nobody is authenticated without the secret and the name.
 *
 * Planted: the name that the target calls itself is not compared.
 */
#include "chap_target.h"
#include "input.h"

using namespace hawser;
using fuzz::find;
using fuzz::proof;

namespace
{

constexpr std::string_view our_name = "iqn.2026-01.com.example:host";
constexpr std::string_view target_name = "storage";

enum : unsigned {
	mutual = 1,
	with_username = 2,
	with_target_name = 4,
	md5_alone = 8,
	configs = 16,
	no_md5_here = 16,
	check_alone = 128,
};

ChapConfig make_config(unsigned how)
{
	ChapConfig config;

	config.secret = Secret("initiator-secret");
	if (how & mutual)
		config.target_secret = Secret("target-secret-16");
	if (how & with_username)
		config.username = "user";
	if ((how & mutual) && (how & with_target_name))
		config.target_username = target_name;
	if (how & md5_alone)
		config.algorithms = {ChapAlgorithm::md5};
	REQUIRE_FUZZ(check(config));
	return config;
}

/* Made once: a secret costs a mapping. */
const ChapConfig &config_for(unsigned how)
{
	static const std::vector<ChapConfig> all = [] {
		std::vector<ChapConfig> made;
		for (unsigned i = 0; i < configs; i++)
			made.push_back(make_config(i));
		return made;
	}();

	return all[how % configs];
}

bool all_but_md5(ChapAlgorithm algorithm)
{
	return algorithm != ChapAlgorithm::md5;
}

struct Exchange {
	const ChapConfig &config;
	Bytes other_challenge; // of another login under way
	ChapAlgorithm algorithm = ChapAlgorithm::md5;
	std::vector<KeyValue> sent = {}; // by us, last
};

std::string value_of(fuzz::Input &input, unsigned source, const Exchange &exchange)
{
	switch (source) {
	case 1:
		return encode_binary_hex(
		    proof(exchange.sent, exchange.algorithm, exchange.config.target_secret));
	case 2:
		return encode_binary_base64(
		    proof(exchange.sent, exchange.algorithm, exchange.config.secret));
	case 3:
		if (const auto *ours = find(exchange.sent, "CHAP_C"))
			return *ours;
		return encode_binary_hex(exchange.other_challenge);
	default: {
		const std::size_t length = input.byte();
		const auto bytes = input.bytes(length < 200 ? length : 32 * (length - 200));
		return std::string(as_text(bytes));
	}
	}
}

std::vector<KeyValue> step_of(fuzz::Input &input, const Exchange &exchange)
{
	static constexpr const char *keys[] = {"CHAP_A", "CHAP_I", "CHAP_C", "CHAP_N", "CHAP_R"};
	std::vector<KeyValue> pairs;

	for (int count = input.byte() % 6; count >= 0; count--) {
		const unsigned how = input.byte();
		pairs.push_back({keys[how % std::size(keys)], value_of(input, how >> 5, exchange)});
	}
	return pairs;
}

/* Our answer to a challenge that was taken. */
void check_answer(Exchange &exchange, const std::vector<KeyValue> &asked)
{
	const auto number = parse_numerical(*find(asked, "CHAP_A"));
	const auto challenge = *decode_binary(*find(asked, "CHAP_C"), 1, max_chap_value_length);
	const auto &offered = exchange.config.algorithms;

	exchange.algorithm = static_cast<ChapAlgorithm>(*number);
	REQUIRE_FUZZ(std::find(offered.begin(), offered.end(), exchange.algorithm) !=
		     offered.end());
	REQUIRE_FUZZ(challenge != exchange.other_challenge);
	REQUIRE_FUZZ(exchange.sent.size() == (exchange.config.mutual() ? 4 : 2));
	REQUIRE_FUZZ(
	    *find(exchange.sent, "CHAP_N") ==
	    (exchange.config.username.empty() ? our_name : exchange.config.username.c_str()));
	REQUIRE_FUZZ(*find(exchange.sent, "CHAP_R") ==
		     encode_binary_hex(proof(asked, exchange.algorithm, exchange.config.secret)));
}

void try_exchange(fuzz::Input &input, unsigned how)
{
	ChallengeBook book;
	Exchange exchange{config_for(how), Bytes(16, 7)};
	const auto &config = exchange.config;
	const bool without_md5 = how & no_md5_here;
	ChapInitiator chap(config, our_name, book,
			   without_md5 ? all_but_md5 : chap_algorithm_available);

	book.add(exchange.other_challenge);
	const auto offer = chap.offer();
	REQUIRE_FUZZ(offer.has_value() == !((how & md5_alone) && without_md5));
	REQUIRE_FUZZ(chap.unavailable().size() == without_md5);
	if (!offer)
		return;

	const auto asked = step_of(input, exchange);
	auto answer = chap.step(asked);
	if (!answer)
		return;
	exchange.sent = std::move(*answer);
	check_answer(exchange, asked);
	REQUIRE_FUZZ(chap.complete() == !config.mutual() && chap.waiting() == config.mutual());

	const auto said = step_of(input, exchange);
	auto heard = said;
	if (fuzz::planted)
		for (auto &[key, value] : heard)
			if (key == "CHAP_N" && !config.target_username.empty())
				value = config.target_username;
	const auto end = chap.step(heard);
	REQUIRE_FUZZ(!end || (config.mutual() && end->empty() && chap.complete()));
	if (!end)
		return;
	const auto *name = find(said, "CHAP_N");
	const auto *proved = find(said, "CHAP_R");
	REQUIRE_FUZZ(name && (config.target_username.empty() || *name == config.target_username));
	REQUIRE_FUZZ(proved && *decode_binary(*proved, 1, max_chap_value_length) ==
				   proof(exchange.sent, exchange.algorithm, config.target_secret));
	REQUIRE_FUZZ(!chap.step(said));
}

Secret secret_of(fuzz::Input &input)
{
	const auto text = input.bytes(input.byte());
	auto secret = parse_chap_secret(as_text(text));

	return secret ? std::move(*secret) : Secret();
}

void try_config(fuzz::Input &input)
{
	const unsigned how = input.byte();
	ChapConfig config;

	config.protected_by_ipsec = how & 1;
	config.algorithms.clear();
	for (const auto *name : {"md5", "SHA1", "sha256", "SHA3-256", "SHA512"})
		if (auto algorithm = parse_chap_algorithm(name); algorithm && input.byte() & 1) {
			REQUIRE_FUZZ(parse_chap_algorithm(to_string(*algorithm)) == *algorithm);
			config.algorithms.push_back(*algorithm);
		}
	config.secret = secret_of(input);
	config.target_secret = secret_of(input);
	config.username = as_text(input.bytes(input.byte()));
	config.target_username = as_text(input.bytes(input.byte()));
	if (!check(config))
		return;
	REQUIRE_FUZZ(!config.algorithms.empty() && !config.secret.empty());
	REQUIRE_FUZZ(config.username.size() <= 223 && config.target_username.size() <= 223);
	REQUIRE_FUZZ(config.protected_by_ipsec || config.secret.size() >= 12);
	REQUIRE_FUZZ(config.protected_by_ipsec || !config.mutual() ||
		     config.target_secret.size() >= 12);
	const ChapConfig copy(config);
	REQUIRE_FUZZ(check(copy) && !(copy.secret == copy.target_secret));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
	fuzz::Input input(data, size);
	const unsigned how = input.byte();

	if (how & check_alone)
		try_config(input);
	else
		try_exchange(input, how);
	return 0;
}
