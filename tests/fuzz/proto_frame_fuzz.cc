/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A target's byte stream, cut into PDUs and their headers checked. The same
 * stream goes through whole, a byte at a time and in pieces, with the same
 * result, and no header passes that breaks a rule.
 *
 * Planted: a Reject that lacks the last byte of a header passes.
 */
#include "proto.h"

#include <string>
#include <vector>

using namespace hawser;

namespace
{

constexpr uint32_t ours = 8192; /* MaxRecvDataSegmentLength */

enum hws_violation check(const union hws_header *h)
{
	const enum hws_violation v = hws_check_header(h, ours);

	if (fuzz::planted && v == HWS_V_REJECT && hws_data_length(h) == HWS_BHS_LEN - 1)
		return HWS_V_NONE;
	return v;
}

/* The rules of RFC 7143 section 11, PDU by PDU, for a header that passed. */
void must_be_legal(const union hws_header *h)
{
	const uint8_t flags = h->bhs.flags;
	const uint32_t length = h->bytes[5] << 16 | h->bytes[6] << 8 | h->bytes[7];
	const bool itt_reserved = h->bhs.itt == 0xffffffff;
	const bool ttt_reserved = h->data_in.ttt == 0xffffffff;

	REQUIRE_FUZZ(h->bytes[4] == 0);
	REQUIRE_FUZZ(length <= ours);
	switch (h->bytes[0] & 0x3f) {
	case 0x20:
		REQUIRE_FUZZ(flags & 0x80);
		REQUIRE_FUZZ(itt_reserved ? !length : ttt_reserved);
		break;
	case 0x21:
		REQUIRE_FUZZ(h->bytes[2] || (flags & 0x80));
		REQUIRE_FUZZ(h->bytes[2] || (flags & 0x06) != 0x06);
		break;
	case 0x22:
	case 0x26:
		REQUIRE_FUZZ(flags & 0x80);
		REQUIRE_FUZZ(!length);
		break;
	case 0x24:
		REQUIRE_FUZZ(!itt_reserved);
		break;
	case 0x25:
		REQUIRE_FUZZ(!(flags & 0x01) || (flags & 0x80));
		REQUIRE_FUZZ(!(flags & 0x01) || (flags & 0x06) != 0x06);
		break;
	case 0x31:
		REQUIRE_FUZZ(flags & 0x80);
		REQUIRE_FUZZ(!length);
		REQUIRE_FUZZ(!ttt_reserved);
		break;
	case 0x32:
		REQUIRE_FUZZ(flags & 0x80);
		REQUIRE_FUZZ(itt_reserved);
		break;
	case 0x3f:
		REQUIRE_FUZZ(flags & 0x80);
		REQUIRE_FUZZ(length >= 48);
		break;
	default:
		REQUIRE_FUZZ(!"an opcode that no target sends");
	}
	REQUIRE_FUZZ(!hws_counts_stat_sn(h) || hws_has_stat_sn(h));
}

/* All that the machine says of a stream, the runs of bytes put together. */
class Reading
{
public:
	Reading(bool header_digest, bool data_digest)
	{
		hws_frame_init(&frame_, header_digest, data_digest);
	}

	/* False when the stream is at its end. */
	bool take(const uint8_t *in, size_t length)
	{
		for (;;) {
			size_t used = ~size_t{0};
			const enum hws_frame_event event =
			    hws_frame_step(&frame_, in, length, &used);

			REQUIRE_FUZZ(used <= length);
			note(event, in, used);
			in += used;
			length -= used;
			if (event == HWS_FRAME_MORE) {
				REQUIRE_FUZZ(!length);
				return true;
			}
			if (event == HWS_FRAME_BROKEN || refused_)
				return false;
		}
	}
	const std::string &story() const { return story_; }

private:
	void note(enum hws_frame_event event, const uint8_t *in, size_t used)
	{
		const char *bytes = reinterpret_cast<const char *>(in);

		switch (event) {
		case HWS_FRAME_HAS_HEADER:
			story_ += 'H';
			story_.append(reinterpret_cast<char *>(frame_.header.bytes), HWS_BHS_LEN);
			if (frame_.header_digest)
				story_.append(reinterpret_cast<char *>(frame_.digest),
					      HWS_DIGEST_LEN);
			data_ = pad_ = 0;
			refused_ = check(&frame_.header) != HWS_V_NONE;
			if (!refused_)
				must_be_legal(&frame_.header);
			break;
		case HWS_FRAME_HAS_DATA:
			REQUIRE_FUZZ(used && !pad_);
			data_ += used;
			story_.append(bytes, used);
			break;
		case HWS_FRAME_HAS_PAD:
			REQUIRE_FUZZ(used && data_ == hws_data_length(&frame_.header));
			pad_ += used;
			story_.append(bytes, used);
			break;
		case HWS_FRAME_HAS_PDU:
			REQUIRE_FUZZ(data_ == hws_data_length(&frame_.header));
			REQUIRE_FUZZ((data_ + pad_) % 4 == 0 && pad_ < 4);
			story_ += 'P';
			if (frame_.data_digest && data_)
				story_.append(reinterpret_cast<char *>(frame_.digest),
					      HWS_DIGEST_LEN);
			break;
		case HWS_FRAME_BROKEN:
			story_ += 'B';
			break;
		case HWS_FRAME_MORE:
			break;
		}
	}

	struct hws_frame frame_;
	std::string story_;
	size_t data_ = 0, pad_ = 0;
	bool refused_ = false;
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz::Input input(data, size);
	const uint8_t how = input.byte();
	const size_t piece = input.byte() + 1;
	/* A copy of exactly this size, for the sanitizer to see its end. */
	const std::vector<uint8_t> stream = input.rest();
	Reading whole(how & 1, how & 2), bytes(how & 1, how & 2), pieces(how & 1, how & 2);
	bool on = true;

	if (stream.empty())
		return 0;
	whole.take(stream.data(), stream.size());
	for (size_t i = 0; on && i < stream.size(); i++)
		on = bytes.take(&stream[i], 1);
	on = true;
	for (size_t i = 0; on && i < stream.size(); i += piece)
		on = pieces.take(&stream[i], stream.size() - i < piece ? stream.size() - i : piece);
	REQUIRE_FUZZ(bytes.story() == whole.story());
	REQUIRE_FUZZ(pieces.story() == whole.story());
	return 0;
}
