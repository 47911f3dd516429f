/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Text in pieces: the first byte is the length of a piece. Cut into pieces or whole,
 * what is read is the same, but for the padding that ends a piece; and what was read is
 * written and read again unchanged.
 */
#include "input.h"
#include "iscsi/text.h"

using namespace hawser;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
	fuzz::Input input(data, size);
	const std::size_t piece = input.byte() + std::size_t{1};
	const auto text = input.rest();
	TextReader cut(4096), whole(4096);
	std::vector<KeyValue> pairs;
	bool taken = true;

	for (std::size_t at = 0; taken && at < text.size(); at += piece) {
		auto part =
		    cut.feed(std::span(text).subspan(at, std::min(piece, text.size() - at)));
		taken = part.has_value();
		if (part)
			pairs.insert(pairs.end(), part->begin(), part->end());
	}
	taken = taken && cut.finish();
	auto once = whole.feed(text);
	if (once && whole.finish()) {
		REQUIRE_FUZZ(taken);
		REQUIRE_FUZZ(pairs == *once);
	}
	if (taken) {
		TextReader again(1 << 20);
		auto same = again.feed(encode_text(pairs));
		REQUIRE_FUZZ(same && *same == pairs && again.finish());
	}
	return 0;
}
