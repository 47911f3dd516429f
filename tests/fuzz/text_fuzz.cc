/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Text of a target. The first byte chooses: an odd one takes the rest for a binary-value, an
 * even one for keys, in pieces of half that byte and one. Cut into pieces or whole, what is
 * read is the same, but for the padding that ends a piece; what was read is written and
 * read again unchanged.
 *
 * Planted: of two pairs with one key that one piece completes, the later is lost.
 */
#include "input.h"
#include "iscsi/text.h"

#include <algorithm>
#include <cctype>

using namespace hawser;

namespace
{

constexpr std::size_t limit = 4096;

Result<std::vector<KeyValue>> feed(TextReader &reader, std::span<const std::uint8_t> piece)
{
	auto pairs = reader.feed(piece);

	if (fuzz::planted && pairs && pairs->size() > 1 && pairs->front().key == pairs->back().key)
		pairs->pop_back();
	return pairs;
}

/* RFC 3629, section 3, by decoding: another way than the code's. */
bool is_utf8_by_decoding(std::string_view text)
{
	static constexpr std::uint32_t least[] = {0, 0x80, 0x800, 0x10000};

	while (!text.empty()) {
		const auto first = static_cast<std::uint8_t>(text.front());
		std::size_t more = 0;
		std::uint32_t code = first;

		text.remove_prefix(1);
		if (first >= 0xf8 || (first & 0xc0) == 0x80)
			return false;
		for (unsigned bit = 0x40; first & 0x80 && first & bit; bit >>= 1)
			more++;
		if (more)
			code = first & (0x3f >> more);
		for (std::size_t i = 0; i < more; i++) {
			if (text.empty() ||
			    (static_cast<std::uint8_t>(text.front()) & 0xc0) != 0x80)
				return false;
			code = code << 6 | (static_cast<std::uint8_t>(text.front()) & 0x3f);
			text.remove_prefix(1);
		}
		if (code < least[more] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
			return false;
	}
	return true;
}

void try_binary(std::string_view value)
{
	auto bytes = decode_binary(value, 1, 64);

	if (!bytes)
		return;
	REQUIRE_FUZZ(!bytes->empty() && bytes->size() <= 64);
	for (const auto &again : {encode_binary_hex(*bytes), encode_binary_base64(*bytes)}) {
		auto same = decode_binary(again, bytes->size(), bytes->size());
		REQUIRE_FUZZ(same && *same == *bytes);
		REQUIRE_FUZZ(!decode_binary(again, bytes->size() + 1, 65));
	}
}

void try_keys(std::span<const std::uint8_t> text, std::size_t piece)
{
	TextReader cut(limit), whole(limit);
	std::vector<KeyValue> pairs;
	bool taken = true;

	for (std::size_t at = 0; taken && at < text.size(); at += piece) {
		auto part = feed(cut, text.subspan(at, std::min(piece, text.size() - at)));
		taken = part.has_value();
		if (part)
			pairs.insert(pairs.end(), part->begin(), part->end());
		REQUIRE_FUZZ(cut.taken() <= limit);
	}
	taken = taken && cut.finish();
	auto once = whole.feed(text);
	if (once && whole.finish()) {
		REQUIRE_FUZZ(taken);
		REQUIRE_FUZZ(pairs == *once);
	}
	if (!taken)
		return;
	for (const auto &[key, value] : pairs) {
		REQUIRE_FUZZ(!key.empty() && key.size() <= max_key_length);
		REQUIRE_FUZZ(std::isalpha(static_cast<unsigned char>(key.front())));
		REQUIRE_FUZZ(value.find('\0') == std::string::npos);
		REQUIRE_FUZZ(is_utf8_by_decoding(value));
	}
	TextReader again(1 << 20);
	auto same = again.feed(encode_text(pairs));
	REQUIRE_FUZZ(same && *same == pairs && again.finish());
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
	fuzz::Input input(data, size);
	const auto how = input.byte();
	const auto text = input.rest();

	REQUIRE_FUZZ(is_utf8(as_text(text)) == is_utf8_by_decoding(as_text(text)));
	if (how & 1)
		try_binary(as_text(text));
	else
		try_keys(text, how / 2 + std::size_t{1});
	return 0;
}
