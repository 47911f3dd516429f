/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "proto.h"

#include <string>
#include <vector>

using namespace hawser::proto;
using namespace std::string_literals;

namespace
{

struct Said {
	hws_declared what;
	uint32_t length;
};

/* From memory of just this size, so that the sanitizer sees a read beyond it. */
Said said(const std::string &text)
{
	const std::vector<uint8_t> bytes(text.begin(), text.end());
	Said s{HWS_DECLARED_NOTHING, 0};

	s.what = hws_text_declared(bytes.data(), bytes.size(), &s.length);
	return s;
}

std::string declaring(const std::string &value)
{
	return "MaxRecvDataSegmentLength=" + value + '\0';
}

} // namespace

TEST_CASE("a target declares how long the data segments to it may be (13.12)")
{
	const std::pair<const char *, uint32_t> values[] = {
	    {"512", 512},	{"8192", 8192},		{"0x2000", 8192},
	    {"0X20ab", 0x20ab}, {"16777215", 16777215}, {"0xffffff", 16777215},
	};

	for (const auto &[value, length] : values) {
		const Said s = said("TargetAlias=one\0"s + declaring(value) + "X-org.example=1\0"s);

		CAPTURE(value);
		CHECK(s.what == HWS_DECLARED_LENGTH);
		CHECK(s.length == length);
	}
}

TEST_CASE("a length out of range, or that is no number, is broken")
{
	for (const char *value :
	     {"", "0", "511", "16777216", "0x1000000", "0x", "-1", "+512", " 512", "512 ", "5l2",
	      "99999999999999999999", "0x100000200", "Yes"}) {
		CAPTURE(value);
		CHECK(said(declaring(value)).what == HWS_DECLARED_BROKEN);
	}
	CHECK(said(declaring("4096") + declaring("4096")).what == HWS_DECLARED_BROKEN);
}

TEST_CASE("a text that is not key=value pairs, each with its NUL, is broken")
{
	for (const std::string &text : {"MaxRecvDataSegmentLength=512"s, "a"s, "a\0"s, "=1\0"s,
					declaring("512") + "rest", "MaxBurstLength=1\0X\0"s})
		CHECK(said(text).what == HWS_DECLARED_BROKEN);
}

TEST_CASE("a target that declares nothing, or nothing for the data path, changes nothing")
{
	for (const std::string &text : {""s, "\0\0"s, "TargetAlias=a b\0"s,
					"TargetName=iqn.x\0TargetAddress=192.0.2.1:3260,1\0"s})
		CHECK(said(text).what == HWS_DECLARED_NOTHING);
}

TEST_CASE("what a login negotiates is told from what a target declares")
{
	for (const std::string &text :
	     {"MaxBurstLength=4096\0"s, declaring("512") + "MaxConnections=2\0"s,
	      "maxrecvdatasegmentlength=512\0"s})
		CHECK(said(text).what == HWS_DECLARED_OTHER);
}

TEST_CASE("any bytes are read to their end and no further")
{
	Random random;
	const std::string alphabet = "=x0159aMX-\0"s;
	uint32_t lengths = 0;

	for (int i = 0; i < 1000000; i++) {
		std::string text = random.once_in(2) ? declaring("") : "";

		if (!text.empty())
			text.pop_back();
		for (uint32_t n = random.between(0, 12); n; n--)
			text += alphabet[random.between(0, alphabet.size() - 1)];
		const Said s = said(text);

		if (s.what == HWS_DECLARED_LENGTH) {
			MUST(s.length >= 512 && s.length <= 16777215);
			MUST(text.back() == '\0');
			lengths++;
		}
	}
	CHECK(lengths > 100);
}
