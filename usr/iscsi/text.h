/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * key=value text (RFC 7143, 6.1): pairs end in one NUL, may be cut at any byte
 * between PDUs, and are UTF-8.
 *
 * What is refused: a pair without "=" or without its NUL, a key that is no
 * standard-label, a value that is not UTF-8, more text than the limit. NULs after
 * the last pair of a PDU are ignored, because some targets count the padding into the
 * data segment.
 */
#pragma once

#include "base/coding.h"
#include "base/error.h"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hawser
{

struct KeyValue {
	std::string key;
	std::string value;

	friend bool operator==(const KeyValue &, const KeyValue &) = default;
};

inline constexpr std::size_t max_key_length = 63; // RFC 7143, 6.1: standard-label

/* The answers that are no values (RFC 7143, 6.2). */
inline constexpr std::string_view reject = "Reject";
inline constexpr std::string_view irrelevant = "Irrelevant";
inline constexpr std::string_view not_understood = "NotUnderstood";

/* One logical text data segment, put together out of data segments. */
class TextReader
{
public:
	/* @limit: bytes of text taken before the sender is refused. */
	explicit TextReader(std::size_t limit) : limit_(limit) {}

	/* The pairs that @data completes, in order. The rest waits for the next call. */
	Result<std::vector<KeyValue>> feed(std::span<const std::uint8_t> data);

	/* The segment is over: an error when a pair is left without its NUL. */
	Status finish();

	/* Bytes taken since the start; they count against the limit. */
	std::size_t taken() const { return taken_; }

private:
	std::size_t limit_;
	std::size_t taken_ = 0;
	bool in_pad_ = false; // an empty pair was seen: only NULs may follow in this PDU
	std::string partial_;
};

/* "key=value\0" for each pair. */
Bytes encode_text(std::span<const KeyValue> pairs);

/*
 * A binary-value (RFC 7143, 6.1): hexadecimal after 0x, base64 after 0b. An odd number
 * of hexadecimal digits has half a byte at its front. Refused: other forms, and fewer
 * or more bytes than asked for.
 */
Result<Bytes> decode_binary(std::string_view value, std::size_t min_bytes, std::size_t max_bytes);
std::string encode_binary_hex(std::span<const std::uint8_t> bytes);    // "0x..."
std::string encode_binary_base64(std::span<const std::uint8_t> bytes); // "0b..."

bool is_utf8(std::string_view text);

} // namespace hawser
