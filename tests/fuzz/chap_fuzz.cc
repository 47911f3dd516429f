/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The target's side of CHAP, two steps: each pair is a key by number, a length and a
 * value. Nobody who does not know the secret is ever authenticated.
 */
#include "input.h"
#include "iscsi/chap.h"

using namespace hawser;

namespace
{

std::vector<KeyValue> step_of(fuzz::Input &input)
{
	static constexpr const char *keys[] = {"CHAP_A", "CHAP_I", "CHAP_C", "CHAP_N", "CHAP_R"};
	std::vector<KeyValue> pairs;

	for (int count = input.byte() % 6; count >= 0; count--) {
		const auto *key = keys[input.byte() % std::size(keys)];
		const auto value = input.bytes(input.byte() * std::size_t{10});
		pairs.push_back({key, std::string(as_text(value))});
	}
	return pairs;
}

ChapConfig config_for(bool mutual)
{
	ChapConfig config;

	config.secret = Secret("initiator-secret");
	if (mutual)
		config.target_secret = Secret("target-secret-16");
	return config;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
	fuzz::Input input(data, size);
	ChallengeBook book;
	const bool mutual = input.byte() & 1;
	static const ChapConfig configs[] = {config_for(false), config_for(true)};
	const ChapConfig &config = configs[mutual];

	ChapInitiator chap(config, "iqn.2026-01.com.example:host", book);
	REQUIRE_FUZZ(chap.offer().has_value());
	const auto answer = chap.step(step_of(input));
	if (answer) {
		REQUIRE_FUZZ(answer->size() == (mutual ? 4 : 2));
		REQUIRE_FUZZ(chap.complete() == !mutual);
		REQUIRE_FUZZ(!chap.step(step_of(input)));
		REQUIRE_FUZZ(chap.complete() == !mutual);
	}
	return 0;
}
