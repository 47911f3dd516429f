/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "proto.h"

#include <cstring>
#include <functional>
#include <vector>

using namespace hawser::proto;

namespace
{

using Bytes = std::vector<uint8_t>;

/* A PDU as its sender has it, and as a receiver puts it together. */
struct Pdu {
	Bytes header, header_digest, data, pad, data_digest;

	bool operator==(const Pdu &other) const = default;
};

struct Digests {
	bool header;
	bool data;
};

const Digests all_digests[] = {{false, false}, {true, false}, {false, true}, {true, true}};

Bytes noise(Random &random, size_t n)
{
	Bytes bytes(n);

	for (uint8_t &b : bytes)
		b = random.between(0, 255);
	return bytes;
}

Pdu make_pdu(Random &random, uint32_t length, Digests digests)
{
	Pdu pdu;
	union hws_header h;

	pdu.header = noise(random, HWS_BHS_LEN);
	std::memcpy(h.bytes, pdu.header.data(), HWS_BHS_LEN);
	h.bhs.ahs_words = 0;
	hws_set_data_length(&h, length);
	pdu.header.assign(h.bytes, h.bytes + HWS_BHS_LEN);
	if (digests.header)
		pdu.header_digest = noise(random, HWS_DIGEST_LEN);
	pdu.data = noise(random, length);
	pdu.pad = noise(random, (4 - length % 4) % 4);
	/* Without data there is no digest of it (11.2.3). */
	if (digests.data && length)
		pdu.data_digest = noise(random, HWS_DIGEST_LEN);
	return pdu;
}

Bytes wire(const std::vector<Pdu> &pdus)
{
	Bytes out;

	for (const Pdu &p : pdus)
		for (const Bytes *part :
		     {&p.header, &p.header_digest, &p.data, &p.pad, &p.data_digest})
			out.insert(out.end(), part->begin(), part->end());
	return out;
}

/* Puts PDUs together from what the machine says of a stream that comes in pieces. */
class Receiver
{
public:
	explicit Receiver(Digests digests) : digests_(digests)
	{
		hws_frame_init(&frame_, digests.header, digests.data);
	}

	void take(const uint8_t *in, size_t length)
	{
		enum hws_frame_event event;

		do {
			size_t used = ~size_t{0};

			event = hws_frame_step(&frame_, in, length, &used);
			MUST(used <= length);
			note(event, in, used);
			in += used;
			length -= used;
		} while (event != HWS_FRAME_MORE && event != HWS_FRAME_BROKEN);
		MUST(event == HWS_FRAME_BROKEN || !length);
	}

	const std::vector<Pdu> &pdus() const { return pdus_; }
	bool between_pdus() const { return !open_ && !frame_.filled; }
	bool broken() const { return broken_; }

private:
	void note(enum hws_frame_event event, const uint8_t *in, size_t used)
	{
		switch (event) {
		case HWS_FRAME_HAS_HEADER:
			MUST(!open_);
			open_ = true;
			now_.header.assign(frame_.header.bytes, frame_.header.bytes + HWS_BHS_LEN);
			if (digests_.header)
				now_.header_digest.assign(frame_.digest,
							  frame_.digest + HWS_DIGEST_LEN);
			break;
		case HWS_FRAME_HAS_DATA:
			MUST(open_ && used && now_.pad.empty());
			now_.data.insert(now_.data.end(), in, in + used);
			break;
		case HWS_FRAME_HAS_PAD:
			MUST(open_ && used);
			now_.pad.insert(now_.pad.end(), in, in + used);
			break;
		case HWS_FRAME_HAS_PDU:
			MUST(open_);
			/* The header is at hand until the PDU ends. */
			MUST(!std::memcmp(now_.header.data(), frame_.header.bytes, HWS_BHS_LEN));
			if (digests_.data && !now_.data.empty())
				now_.data_digest.assign(frame_.digest,
							frame_.digest + HWS_DIGEST_LEN);
			pdus_.push_back(std::move(now_));
			now_ = Pdu();
			open_ = false;
			break;
		case HWS_FRAME_BROKEN:
			broken_ = true;
			break;
		case HWS_FRAME_MORE:
			break;
		}
	}

	struct hws_frame frame_;
	Digests digests_;
	Pdu now_;
	std::vector<Pdu> pdus_;
	bool open_ = false;
	bool broken_ = false;
};

} // namespace

TEST_CASE("a PDU split in two at any byte is the same PDU")
{
	Random random;

	for (const Digests &digests : all_digests) {
		for (uint32_t length : {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 63, 512}) {
			const std::vector<Pdu> pdus = {make_pdu(random, length, digests),
						       make_pdu(random, 5, digests)};
			const Bytes stream = wire(pdus);

			for (size_t split = 0; split <= stream.size(); split++) {
				Receiver receiver(digests);

				receiver.take(stream.data(), split);
				receiver.take(stream.data() + split, stream.size() - split);
				MUST(receiver.pdus() == pdus);
				MUST(receiver.between_pdus());
			}
		}
	}
}

TEST_CASE("a PDU split in three at any two bytes is the same PDU")
{
	Random random;

	for (const Digests &digests : all_digests) {
		for (uint32_t length : {0, 1, 3, 4, 7}) {
			const std::vector<Pdu> pdus = {make_pdu(random, length, digests)};
			const Bytes stream = wire(pdus);

			for (size_t a = 0; a <= stream.size(); a++) {
				for (size_t b = a; b <= stream.size(); b++) {
					Receiver receiver(digests);

					receiver.take(stream.data(), a);
					receiver.take(stream.data() + a, b - a);
					receiver.take(stream.data() + b, stream.size() - b);
					MUST(receiver.pdus() == pdus);
				}
			}
		}
	}
}

TEST_CASE("PDUs that come a byte at a time are whole in the end")
{
	Random random;

	for (const Digests &digests : all_digests) {
		std::vector<Pdu> pdus;
		Receiver receiver(digests);

		for (uint32_t length = 0; length < 70; length++)
			pdus.push_back(make_pdu(random, length, digests));
		for (uint8_t byte : wire(pdus))
			receiver.take(&byte, 1);
		CHECK(receiver.pdus() == pdus);
	}
}

TEST_CASE("a stream of PDUs comes through whatever pieces TCP makes of it")
{
	Random random;

	for (uint64_t round = 0; round < steps(3000); round++) {
		const Digests digests = all_digests[random.between(0, 3)];
		const uint32_t longest = random.once_in(4) ? 20000 : 100;
		const uint32_t piece = random.once_in(2) ? 7 : 9000;
		std::vector<Pdu> pdus;

		for (uint32_t n = random.between(1, 10); n; n--)
			pdus.push_back(make_pdu(random, random.between(0, longest), digests));

		const Bytes stream = wire(pdus);
		Receiver receiver(digests);

		for (size_t done = 0; done < stream.size();) {
			const size_t n =
			    std::min<size_t>(random.between(0, piece), stream.size() - done);

			receiver.take(stream.data() + done, n);
			done += n;
		}
		MUST(receiver.pdus() == pdus);
		MUST(receiver.between_pdus());
	}
}

TEST_CASE("the longest data segment there can be comes through")
{
	Random random;
	const Digests digests = {true, true};
	const std::vector<Pdu> pdus = {make_pdu(random, HWS_DATA_SEGMENT_MAX, digests),
				       make_pdu(random, 0, digests)};
	const Bytes stream = wire(pdus);
	Receiver receiver(digests);

	for (size_t done = 0; done < stream.size();) {
		const size_t n = std::min<size_t>(65483, stream.size() - done);

		receiver.take(stream.data() + done, n);
		done += n;
	}
	CHECK(receiver.pdus() == pdus);
}

TEST_CASE("a PDU with an additional header segment ends the stream")
{
	Random random;

	for (const Digests &digests : all_digests) {
		for (unsigned int words = 1; words < 256; words++) {
			Pdu bad = make_pdu(random, 4, digests);
			const Pdu good = make_pdu(random, 3, digests);

			bad.header[4] = words;

			const Bytes stream = wire({good, bad});
			Receiver receiver(digests);

			receiver.take(stream.data(), stream.size());
			MUST(receiver.broken());
			MUST(receiver.pdus() == std::vector<Pdu>{good});
		}
	}
}

TEST_CASE("a PDU is not whole before its last byte")
{
	Random random;

	for (const Digests &digests : all_digests) {
		for (uint32_t length : {0, 1, 2, 3, 4, 100}) {
			const Bytes stream = wire({make_pdu(random, length, digests)});
			Receiver receiver(digests);

			receiver.take(stream.data(), stream.size() - 1);
			CHECK(receiver.pdus().empty());
			receiver.take(&stream.back(), 1);
			CHECK(receiver.pdus().size() == 1);
		}
	}
}
