// SPDX-License-Identifier: GPL-2.0-only
#include "declared.h"

enum {
	LENGTH_MIN = 512,	/* section 13.12 */
	LENGTH_MAX = HWS_DATA_SEGMENT_MAX,
};

static bool begins(const u8 *text, u32 length, const char *key)
{
	const u32 n = strlen(key);

	return length >= n && !memcmp(text, key, n);
}

static int digit(u8 c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 'a' - 'A';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decimal, or hexadecimal after 0x (section 6.1); false when not, or too large. */
static bool number(const u8 *text, u32 length, u32 *value)
{
	u32 i = 0, base = 10;

	if (length > 2 && text[0] == '0' && (text[1] | 0x20) == 'x') {
		base = 16;
		i = 2;
	}
	if (i == length)
		return false;
	for (*value = 0; i < length; i++) {
		const int d = digit(text[i]);

		if (d < 0 || (u32)d >= base)
			return false;
		*value = *value * base + d;
		if (*value > LENGTH_MAX)
			return false;
	}
	return true;
}

/* Of no interest to the data path. */
static bool ignored(const u8 *pair, u32 length)
{
	return begins(pair, length, "TargetAlias=") ||
	       begins(pair, length, "TargetAddress=") ||
	       begins(pair, length, "TargetName=") ||
	       begins(pair, length, "X-") || begins(pair, length, "X#");
}

static bool is_pair(const u8 *pair, u32 length)
{
	const u8 *sign = memchr(pair, '=', length);

	return sign && sign != pair;
}

/**
 * hws_text_declared - what a target's text declares
 * @text: of a whole answer: key=value pairs, each with a NUL behind it
 * @length: bytes of it
 * @max: the length that was declared, with HWS_DECLARED_LENGTH
 *
 * A broken text counts before anything that it says, and what a login must see to
 * before a length. A key that is said twice is broken (section 6.2).
 */
enum hws_declared hws_text_declared(const u8 *text, u32 length, u32 *max)
{
	static const char key[] = "MaxRecvDataSegmentLength=";
	bool declared = false, other = false;
	u32 at = 0;

	while (at < length) {
		const u8 *pair = text + at;
		u32 n = 0;

		while (at + n < length && pair[n])
			n++;
		if (at + n == length)
			return HWS_DECLARED_BROKEN;	/* no NUL */
		at += n + 1;
		if (!n)
			continue;	/* padding that is none */
		if (begins(pair, n, key)) {
			const u32 skip = sizeof(key) - 1;

			if (declared || !number(pair + skip, n - skip, max) ||
			    *max < LENGTH_MIN)
				return HWS_DECLARED_BROKEN;
			declared = true;
			continue;
		}
		if (ignored(pair, n))
			continue;
		if (!is_pair(pair, n))
			return HWS_DECLARED_BROKEN;
		other = true;
	}
	if (other)
		return HWS_DECLARED_OTHER;
	return declared ? HWS_DECLARED_LENGTH : HWS_DECLARED_NOTHING;
}
