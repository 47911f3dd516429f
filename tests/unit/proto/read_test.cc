/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "proto.h"

#include <algorithm>
#include <vector>

using namespace hawser::proto;

namespace
{

constexpr uint8_t F = HWS_FLAG_FINAL;

struct Pdu {
	uint32_t data_sn;
	uint32_t offset;
	uint32_t length;
	bool final;

	union hws_header header() const { return data_in(data_sn, offset, length, final ? F : 0); }
};

/* A command's reading, with its storage. */
class Read
{
public:
	Read(uint32_t expected, bool pdu_in_order = true, bool sequence_in_order = true)
	    : rules_{pdu_in_order, sequence_in_order}
	{
		hws_read_init(&read_, expected,
			      pdu_in_order && sequence_in_order ? nullptr : &extents_);
	}

	enum hws_violation take(const union hws_header &h)
	{
		return hws_read_data_in(&read_, &rules_, &h);
	}
	enum hws_violation take(const Pdu &pdu) { return take(pdu.header()); }
	enum hws_violation take(uint32_t sn, uint32_t offset, uint32_t length, uint8_t flags = 0)
	{
		return take(data_in(sn, offset, length, flags));
	}
	uint32_t received() const { return read_.received; }
	uint32_t data_sn() const { return read_.data_sn; }

private:
	struct hws_read_rules rules_;
	struct hws_extents extents_;
	struct hws_read read_;
};

struct Orders {
	bool pdu;
	bool sequence;
};

const Orders all_orders[] = {{true, true}, {true, false}, {false, true}, {false, false}};

/* What a target that keeps to these orders may send for a read. */
std::vector<Pdu> legal_target(Random &random, uint32_t expected, Orders orders)
{
	/* Few enough pieces for the storage, whatever their order. */
	const uint32_t shortest = expected / 100 + 1;
	std::vector<std::vector<Pdu>> sequences;
	std::vector<Pdu> all;

	for (uint32_t at = 0; at < expected;) {
		const uint32_t burst = std::min(expected - at, random.between(shortest, expected));
		std::vector<Pdu> sequence;

		for (uint32_t end = at + burst; at < end;) {
			const uint32_t n =
			    std::min(end - at, random.between(shortest, 3 * shortest));

			sequence.push_back({0, at, n, false});
			at += n;
		}
		if (!orders.pdu)
			for (size_t i = sequence.size() - 1; i; i--)
				std::swap(sequence[i], sequence[random.between(0, i)]);
		sequences.push_back(std::move(sequence));
	}
	if (!orders.sequence)
		for (size_t i = sequences.size() - 1; i; i--)
			std::swap(sequences[i], sequences[random.between(0, i)]);

	for (std::vector<Pdu> &sequence : sequences) {
		/* A PDU without data is legal anywhere, as the end too. */
		if (random.once_in(10)) {
			sequence.push_back({0, sequence.back().offset, 0, false});
		} else if (random.once_in(10)) {
			sequence.insert(sequence.begin(), {0, random.edgy(), 0, false});
		}
		sequence.back().final = true;
		all.insert(all.end(), sequence.begin(), sequence.end());
	}
	for (size_t i = 0; i < all.size(); i++)
		all[i].data_sn = i;
	return all;
}

/*
 * The rules told from the history of what was accepted, without the state that
 * the code keeps.
 */
enum hws_violation by_history(const std::vector<Pdu> &history, uint32_t expected, Orders orders,
			      const Pdu &pdu)
{
	uint64_t sum = 0, end = uint64_t{pdu.offset} + pdu.length, complete = 0, top = 0;

	if (!expected && pdu.length)
		return HWS_V_DATA_IN_WRITE;
	if (pdu.data_sn != history.size())
		return HWS_V_DATA_SN;
	if (!pdu.length)
		return HWS_V_NONE;
	if (end > expected)
		return HWS_V_DATA_IN_BEYOND;

	const Pdu *last = nullptr; /* with data, in the sequence that is not complete */

	for (const Pdu &p : history) {
		if (p.length) {
			sum += p.length;
			top = std::max(top, uint64_t{p.offset} + p.length);
			last = &p;
			if (p.offset < end && pdu.offset < p.offset + p.length)
				return HWS_V_DATA_IN_ORDER;
		}
		if (p.final) {
			complete = top;
			last = nullptr;
		}
	}
	if (orders.pdu && orders.sequence && pdu.offset != sum)
		return HWS_V_DATA_IN_ORDER;
	if (orders.pdu && last && pdu.offset != last->offset + last->length)
		return HWS_V_DATA_IN_ORDER;
	if (orders.sequence && pdu.offset < complete)
		return HWS_V_DATA_IN_ORDER;
	return HWS_V_NONE;
}

} // namespace

TEST_CASE("a read in one PDU and in several is received whole")
{
	Read one(4096);

	CHECK(one.take(0, 0, 4096, F | HWS_DATA_IN_STATUS) == HWS_V_NONE);
	CHECK(one.received() == 4096);

	Read several(10000);

	CHECK(several.take(0, 0, 4096) == HWS_V_NONE);
	CHECK(several.take(1, 4096, 4096, F) == HWS_V_NONE);
	CHECK(several.take(2, 8192, 1808, F) == HWS_V_NONE);
	CHECK(several.received() == 10000);
	CHECK(several.data_sn() == 3);
}

TEST_CASE("a read that tgt sends as a single sequence over MaxBurstLength is received")
{
	Read read(16 << 20);
	uint32_t sn = 0;

	for (uint32_t at = 0; at < 16 << 20; at += 8192, sn++)
		REQUIRE(read.take(sn, at, 8192, at + 8192 == 16 << 20 ? F : 0) == HWS_V_NONE);
	CHECK(read.received() == 16 << 20);
}

TEST_CASE("every order that was negotiated is accepted from a target that keeps to it")
{
	Random random;

	for (uint64_t round = 0; round < steps(20'000); round++) {
		const Orders orders = all_orders[random.between(0, 3)];
		const uint32_t expected =
		    random.once_in(8) ? random.between(1, 400'000'000) : random.between(1, 2000);
		Read read(expected, orders.pdu, orders.sequence);

		for (const Pdu &pdu : legal_target(random, expected, orders))
			MUST(read.take(pdu) == HWS_V_NONE);
		MUST(read.received() == expected);
	}
}

TEST_CASE("a target that does anything is judged by what it did before")
{
	Random random;
	uint64_t accepted = 0, whole = 0;
	uint64_t seen[HWS_V_COUNT] = {};

	for (uint64_t done = 0; done < steps(2'000'000);) {
		const Orders orders = all_orders[random.between(0, 3)];
		const uint32_t expected = random.once_in(50) ? 0 : random.between(1, 60);
		Read read(expected, orders.pdu, orders.sequence);
		std::vector<Pdu> history;
		uint32_t bytes = 0;

		for (uint32_t n = random.between(1, 60); n; n--, done++) {
			Pdu pdu = {static_cast<uint32_t>(history.size()), random.between(0, 60),
				   random.between(0, 8), random.once_in(3)};

			if (random.once_in(2))
				pdu.offset = bytes;
			if (!history.empty() && random.once_in(2))
				pdu.offset = history.back().offset + history.back().length;
			if (random.once_in(30))
				pdu.data_sn = random.once_in(2) ? random.edgy() : pdu.data_sn + 1;
			if (random.once_in(100))
				pdu.offset = random.edgy();
			if (random.once_in(100))
				pdu.length = random.between(0, HWS_DATA_SEGMENT_MAX);

			const auto v = read.take(pdu);

			MUST(v == by_history(history, expected, orders, pdu));
			seen[v]++;
			if (v == HWS_V_NONE) {
				accepted++;
				bytes += pdu.length;
				history.push_back(pdu);
			}
			MUST(read.received() == bytes);
			MUST(read.received() <= expected);
			MUST(read.data_sn() == history.size());
		}
		whole += expected && read.received() == expected;
	}
	CHECK(accepted > 0);
	CHECK(whole > 0);
	CHECK(seen[HWS_V_DATA_IN_WRITE] > 0);
	CHECK(seen[HWS_V_DATA_SN] > 0);
	CHECK(seen[HWS_V_DATA_IN_BEYOND] > 0);
	CHECK(seen[HWS_V_DATA_IN_ORDER] > 0);
}

TEST_CASE("what is refused is not counted, and what follows is judged as if it had not come")
{
	Read read(1000);

	CHECK(read.take(0, 0, 100) == HWS_V_NONE);
	CHECK(read.take(2, 100, 100) == HWS_V_DATA_SN);
	CHECK(read.take(1, 0, 100) == HWS_V_DATA_IN_ORDER);
	CHECK(read.take(1, 200, 100) == HWS_V_DATA_IN_ORDER);
	CHECK(read.take(1, 100, 901) == HWS_V_DATA_IN_BEYOND);
	CHECK(read.take(1, 1001, 0) == HWS_V_NONE);
	CHECK(read.take(2, 0xffffffff, 2) == HWS_V_DATA_IN_BEYOND);
	CHECK(read.take(2, 100, 900, F) == HWS_V_NONE);
	CHECK(read.received() == 1000);
}

TEST_CASE("offsets near the end of 32 bits do not wrap")
{
	Read read(0xffffffff, false, false);

	CHECK(read.take(0, 0xfffffff0, 0xf) == HWS_V_NONE);
	CHECK(read.take(1, 0xfffffff0, 0x10) == HWS_V_DATA_IN_BEYOND);
	CHECK(read.take(1, 0xffffffff, 1) == HWS_V_DATA_IN_BEYOND);
	CHECK(read.take(1, 0xffffffff, 0xffffff) == HWS_V_DATA_IN_BEYOND);
	CHECK(read.received() == 0xf);
}

TEST_CASE("PDUs of a sequence follow each other when only the sequences may be disordered")
{
	Read read(1000, true, false);

	CHECK(read.take(0, 500, 100) == HWS_V_NONE);
	CHECK(read.take(1, 700, 100) == HWS_V_DATA_IN_ORDER);
	CHECK(read.take(1, 400, 100) == HWS_V_DATA_IN_ORDER);
	CHECK(read.take(1, 600, 400, F) == HWS_V_NONE);
	CHECK(read.take(2, 0, 500, F) == HWS_V_NONE);
	CHECK(read.received() == 1000);
}

TEST_CASE("sequences follow each other when only their PDUs may be disordered")
{
	Read read(1000, false, true);

	CHECK(read.take(0, 200, 100) == HWS_V_NONE);
	CHECK(read.take(1, 100, 100, F) == HWS_V_NONE);
	CHECK(read.take(2, 0, 100) == HWS_V_DATA_IN_ORDER);
	CHECK(read.take(2, 400, 100) == HWS_V_NONE);
	CHECK(read.take(3, 300, 100, F) == HWS_V_NONE);
	CHECK(read.received() == 400);
}

TEST_CASE("data that comes twice is refused whatever order was negotiated")
{
	for (const Orders &orders : all_orders) {
		Read read(1000, orders.pdu, orders.sequence);

		REQUIRE(read.take(0, 0, 500, F) == HWS_V_NONE);
		CHECK(read.take(1, 0, 500, F) == HWS_V_DATA_IN_ORDER);
		CHECK(read.take(1, 499, 1, F) == HWS_V_DATA_IN_ORDER);
		CHECK(read.take(1, 499, 501, F) == HWS_V_DATA_IN_ORDER);
		CHECK(read.received() == 500);
	}
}

TEST_CASE("more pieces than are kept are refused as such, and not as disorder")
{
	Read read(10000, false, false);

	for (uint32_t i = 0; i < HWS_EXTENTS_MAX; i++)
		REQUIRE(read.take(i, 2 * i, 1, F) == HWS_V_NONE);
	CHECK(read.take(HWS_EXTENTS_MAX, 9000, 1, F) == HWS_V_DATA_IN_PIECES);
	CHECK(read.take(HWS_EXTENTS_MAX, 1, 1, F) == HWS_V_NONE);
	CHECK(read.received() == HWS_EXTENTS_MAX + 1);
}

TEST_CASE("Data-In for a command that moves no data may bring status, and nothing else")
{
	Read read(0);

	CHECK(read.take(0, 0, 1) == HWS_V_DATA_IN_WRITE);
	CHECK(read.take(0, 0, 0, F | HWS_DATA_IN_STATUS) == HWS_V_NONE);
	CHECK(read.received() == 0);
}
