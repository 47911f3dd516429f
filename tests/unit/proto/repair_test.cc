/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "proto.h"

#include <algorithm>
#include <deque>
#include <vector>

using namespace hawser::proto;

namespace
{

constexpr uint8_t F = HWS_FLAG_FINAL;
constexpr uint8_t S = HWS_FLAG_FINAL | HWS_DATA_IN_STATUS;

union hws_header status(uint32_t exp_data_sn, uint8_t scsi = 0)
{
	union hws_header h = response(scsi);

	h.response.exp_data_sn = cpu_to_be32(exp_data_sn);
	return h;
}

/* A read under repair, with its storage, and what was put where. */
struct Read {
	struct hws_read_rules rules;
	struct hws_extents extents;
	struct hws_read read;
	struct hws_repair repair;
	std::vector<uint8_t> counted; /* times, by byte */

	explicit Read(uint32_t expected, bool pdus = true, bool sequences = true)
	    : rules{pdus, sequences}, counted(expected)
	{
		hws_repair_init(&repair);
		hws_read_init(&read, expected, &extents);
	}

	enum hws_violation come(const union hws_header &h, bool *wanted)
	{
		auto v = hws_repair_judge(&repair, &read, &rules, &h, wanted);

		if (v || !*wanted)
			return v;
		hws_repair_begin_data(&repair, &read, &h);
		v = hws_repair_data_in(&repair, &read, &h);
		for (uint32_t i = 0; !v && i < hws_data_length(&h); i++)
			counted[be32_to_cpu(h.data_in.offset) + i]++;
		return v;
	}
	enum hws_violation come(uint32_t sn, uint32_t offset, uint32_t length, uint8_t flags = 0)
	{
		bool wanted;

		return come(data_in(sn, offset, length, flags), &wanted);
	}
	bool damage(const union hws_header &h)
	{
		hws_repair_begin_data(&repair, &read, &h);
		return hws_repair_damage(&repair, &read, &h, 0);
	}
	/* What is asked for, "" for nothing. */
	std::string asks(uint32_t now = 0)
	{
		uint32_t begin, length;
		uint8_t type;

		if (!hws_repair_snack(&repair, now, &type, &begin, &length))
			return "";
		return std::to_string(type) + ":" + std::to_string(begin) + "+" +
		       std::to_string(length);
	}
	enum hws_repair_verdict verdict(const union hws_header &h)
	{
		return hws_repair_verdict(&repair, &read, &h);
	}
};

struct Write {
	struct hws_write_rules rules = {};
	struct hws_extents extents;
	struct hws_write write;
	struct hws_repair repair;
	struct hws_sequence sequences[9];
	struct hws_sequence_ring ring = {sequences, 0, 0, 0};

	explicit Write(uint32_t expected, bool in_order = false, uint32_t most = 4)
	{
		rules.first_burst_length = 65536;
		rules.max_burst_length = 65536;
		rules.max_outstanding_r2t = most;
		rules.max_data_segment_length = 512;
		rules.initial_r2t = true;
		rules.sequence_in_order = in_order;
		ring.size = 2 * most + 1;
		hws_repair_init(&repair);
		hws_write_init(&write, expected, &rules, &extents);
	}
	enum hws_violation come(const union hws_header &h, bool *wanted)
	{
		struct hws_sequence seq;
		const auto v = hws_repair_r2t(&repair, &write, &rules, &h, &ring, &seq, wanted);

		if (!v && *wanted)
			hws_sequences_add(&ring, &seq);
		return v;
	}
	enum hws_violation come(uint32_t sn, uint32_t offset, uint32_t length)
	{
		bool wanted;

		return come(r2t(sn, offset, length, sn + 1), &wanted);
	}
	/* The next Data-Out. */
	union hws_header send()
	{
		struct hws_sequence *seq = &ring.at[ring.head];
		union hws_header h;

		hws_write_data_out(&write, &rules, seq, &h);
		if (!seq->left) {
			ring.head = (ring.head + 1) % ring.size;
			ring.count--;
		}
		return h;
	}
	void send_all()
	{
		while (ring.count)
			send();
	}
};

} // namespace

TEST_CASE("data behind a gap is taken, and the gap asked for")
{
	Read r(400);

	CHECK(r.come(0, 0, 100) == HWS_V_NONE);
	CHECK(r.come(2, 200, 100) == HWS_V_NONE);
	CHECK(r.asks() == "0:1+1");
	CHECK(r.asks().empty());
	CHECK(r.come(3, 300, 100, S) == HWS_V_NONE);
	CHECK(r.verdict(data_in(3, 300, 100, S)) == HWS_REPAIR_WAIT);
	CHECK(r.read.received == 300);
	CHECK(r.come(1, 100, 100) == HWS_V_NONE);
	CHECK(r.read.received == 400);
	CHECK(r.verdict(data_in(3, 300, 100, S)) == HWS_REPAIR_DONE);
}

TEST_CASE("data that comes again is not wanted, and not counted")
{
	Read r(200);
	bool wanted;

	CHECK(r.come(data_in(0, 0, 100), &wanted) == HWS_V_NONE);
	CHECK(wanted);
	CHECK(r.come(data_in(0, 0, 100), &wanted) == HWS_V_NONE);
	CHECK_FALSE(wanted);
	CHECK(r.read.received == 100);
}

TEST_CASE("data with a number of its own must not lie over data that has come")
{
	Read r(400);

	CHECK(r.come(0, 0, 100) == HWS_V_NONE);
	CHECK(r.come(2, 200, 100) == HWS_V_NONE);
	CHECK(r.come(1, 99, 100) == HWS_V_DATA_IN_ORDER);
	CHECK(r.come(1, 101, 100) == HWS_V_DATA_IN_ORDER);
	CHECK(r.come(1, 350, 100) == HWS_V_DATA_IN_BEYOND);
	CHECK(r.come(3 + HWS_GAP_LONGEST + 1, 300, 100) == HWS_V_DATA_SN);
	CHECK(r.read.received == 200);
}

TEST_CASE("as long as nothing was missed the order that was negotiated holds")
{
	Read both(1000), pdus(1000, true, false), sequences(1000, false, true),
	    none(1000, false, false);

	CHECK(both.come(0, 100, 100) == HWS_V_DATA_IN_ORDER);
	CHECK(both.come(0, 0, 100) == HWS_V_NONE);
	CHECK(both.come(1, 200, 100) == HWS_V_DATA_IN_ORDER);
	CHECK(pdus.come(0, 500, 100) == HWS_V_NONE);
	CHECK(pdus.come(1, 700, 100) == HWS_V_DATA_IN_ORDER);
	CHECK(pdus.come(1, 600, 100, F) == HWS_V_NONE);
	CHECK(pdus.come(2, 0, 100) == HWS_V_NONE);
	CHECK(sequences.come(0, 100, 100) == HWS_V_NONE);
	CHECK(sequences.come(1, 0, 100, F) == HWS_V_NONE);
	CHECK(sequences.come(2, 300, 100, F) == HWS_V_NONE);
	CHECK(sequences.come(3, 200, 100) == HWS_V_DATA_IN_ORDER);
	CHECK(none.come(0, 900, 100, F) == HWS_V_NONE);
	CHECK(none.come(1, 0, 100, F) == HWS_V_NONE);
}

TEST_CASE("a status without its data waits for as many PDUs as ExpDataSN says")
{
	Read r(400);

	CHECK(r.come(0, 0, 100) == HWS_V_NONE);
	CHECK(r.verdict(status(4)) == HWS_REPAIR_WAIT);
	CHECK(r.asks() == "0:1+0");
	CHECK(r.come(3, 300, 100, F) == HWS_V_NONE);
	CHECK(r.come(1, 100, 100) == HWS_V_NONE);
	CHECK(r.verdict(status(4)) == HWS_REPAIR_WAIT);
	CHECK(r.come(2, 200, 100) == HWS_V_NONE);
	CHECK(r.verdict(status(4)) == HWS_REPAIR_DONE);
}

TEST_CASE("where ExpDataSN says nothing the bytes of a good status do")
{
	Read r(400);

	CHECK(r.come(0, 0, 100) == HWS_V_NONE);
	CHECK(r.verdict(status(0)) == HWS_REPAIR_WAIT);
	r.repair.held = true;
	CHECK(r.asks() == "0:1+0");
	CHECK(r.asks().empty());
	CHECK(hws_repair_check(&r.repair, 39, 40) == HWS_GAPS_CALM);
	CHECK(hws_repair_check(&r.repair, 40, 40) == HWS_GAPS_ASK);
	CHECK(r.asks(40) == "0:1+0");
	CHECK(hws_repair_check(&r.repair, 79, 40) == HWS_GAPS_CALM);
	CHECK(hws_repair_check(&r.repair, 80, 40) == HWS_GAPS_GIVE_UP);
	CHECK(r.come(1, 100, 300, F) == HWS_V_NONE);
	CHECK(r.verdict(status(0)) == HWS_REPAIR_DONE);
	CHECK(hws_repair_check(&r.repair, 1000, 40) == HWS_GAPS_CALM);

	/* All that was sent has come: then the status is for status.c to judge. */
	Read lies(400), failed(400), excused(400);

	CHECK(lies.come(0, 0, 100) == HWS_V_NONE);
	CHECK(lies.verdict(status(1)) == HWS_REPAIR_DONE);
	CHECK(failed.verdict(status(0, 2)) == HWS_REPAIR_DONE);
	CHECK(excused.come(0, 0, 100) == HWS_V_NONE);
	CHECK(excused.verdict(response(0, F | HWS_RESPONSE_UNDERFLOW, 300)) == HWS_REPAIR_DONE);
}

TEST_CASE("a command that the target could not execute waits for nothing")
{
	Read r(400);
	union hws_header h = status(4);

	CHECK(r.come(2, 200, 100) == HWS_V_NONE);
	h.response.response = HWS_RESPONSE_TARGET_FAILURE;
	CHECK(r.verdict(h) == HWS_REPAIR_DONE);
}

TEST_CASE("data that the target refuses fails the command, unless the target did that itself")
{
	Read r(400);

	CHECK(r.come(1, 100, 300, F) == HWS_V_NONE);
	CHECK(r.asks() == "0:0+1");
	CHECK_FALSE(hws_repair_rejected(&r.repair, 1)); /* of what has come meanwhile */
	CHECK(hws_repair_rejected(&r.repair, 0));
	CHECK(hws_repair_check(&r.repair, 10'000, 40) == HWS_GAPS_CALM);
	CHECK(r.verdict(status(2)) == HWS_REPAIR_FAILED);
	CHECK(r.verdict(data_in(1, 100, 300, S)) == HWS_REPAIR_FAILED);
	CHECK(r.verdict(status(2, 2)) == HWS_REPAIR_DONE);

	Read tail(400);

	CHECK_FALSE(hws_repair_rejected(&tail.repair, 0)); /* it was but a question */
	CHECK(tail.verdict(status(0)) == HWS_REPAIR_WAIT);
	tail.repair.held = true;
	CHECK(tail.asks() == "0:0+0");
	CHECK(hws_repair_rejected(&tail.repair, 0));
	CHECK(tail.verdict(status(0)) == HWS_REPAIR_DONE);
}

TEST_CASE("damaged data is asked for when the PDU behind it comes, or when it was the last")
{
	Read r(400);

	CHECK(r.damage(data_in(0, 0, 100)));
	CHECK(r.asks().empty());
	CHECK(hws_repair_open(&r.repair));
	CHECK(r.come(1, 100, 100) == HWS_V_NONE);
	CHECK(r.asks() == "0:0+1");
	CHECK(r.damage(data_in(2, 200, 100)));
	CHECK(r.asks().empty());
	/* Nothing comes behind the end of the data, or behind a status: all from there on is that
	 * one. */
	CHECK(r.damage(data_in(3, 300, 100)));
	CHECK(r.asks() == "0:2+0");

	Read less(400);

	CHECK(less.damage(data_in(0, 0, 100, S)));
	CHECK(less.asks() == "0:0+0");

	Read ended(400);

	CHECK(ended.damage(data_in(0, 0, 100, F)));
	CHECK(ended.asks().empty());
	CHECK(ended.verdict(status(0, 2)) == HWS_REPAIR_WAIT);
	CHECK(ended.asks() == "0:0+0");
}

TEST_CASE("a DataACK waits for the data before it, and the last one says all")
{
	Read r(400);
	union hws_header h = data_in(1, 100, 100, F | HWS_DATA_IN_ACK);
	bool wanted;

	h.data_in.ttt = cpu_to_be32(77);
	CHECK(r.come(h, &wanted) == HWS_V_NONE);
	CHECK(r.asks() == "0:0+1");
	CHECK(r.asks().empty());
	CHECK(r.come(2, 200, 100, F | HWS_DATA_IN_ACK) == HWS_V_NONE);
	CHECK(r.asks().empty());
	CHECK(hws_repair_open(&r.repair));
	CHECK(r.come(0, 0, 100) == HWS_V_NONE);
	CHECK(r.asks() == "2:3+0");
	CHECK(r.asks().empty());
	CHECK_FALSE(hws_repair_open(&r.repair));
}

TEST_CASE("a recovery R2T has data sent again, which is counted once")
{
	Write w(4096);

	CHECK(w.come(0, 0, 2048) == HWS_V_NONE);
	w.send_all();
	CHECK(w.write.sent == 2048);
	CHECK(w.come(1, 512, 512) == HWS_V_NONE);
	w.send_all();
	CHECK(w.write.sent == 2048);
	CHECK(w.come(2, 1024, 2048) == HWS_V_NONE); /* in part */
	w.send_all();
	CHECK(w.write.sent == 3072);
	CHECK(w.come(3, 3072, 1024) == HWS_V_NONE);
	w.send_all();
	CHECK(w.write.sent == 4096);
	CHECK(w.come(4, 0, 4096) == HWS_V_NONE);
	w.send_all();
	CHECK(w.write.sent == 4096);
}

TEST_CASE("data that is asked for again before it was sent is sent once")
{
	Write w(4096, true, 1);

	CHECK(w.come(0, 0, 1024) == HWS_V_NONE);
	/* On a slow path the target may lose patience as often as it likes. */
	for (uint32_t sn = 1; sn < 20; sn++)
		CHECK(w.come(sn, 0, 1024) == HWS_V_NONE);
	CHECK(w.ring.count == 1);
	union hws_header h = w.send();
	CHECK(be32_to_cpu(h.data_out.ttt) == 20);
	CHECK(be32_to_cpu(h.data_out.data_sn) == 0);
	CHECK(w.write.sent == 512);

	/* In the middle of it: the rest, which begins a sequence of its own; then all. */
	CHECK(w.come(20, 512, 512) == HWS_V_NONE);
	CHECK(w.ring.count == 1);
	h = w.send();
	CHECK(be32_to_cpu(h.data_out.ttt) == 21);
	CHECK(be32_to_cpu(h.data_out.data_sn) == 0);
	CHECK((h.data_out.flags & HWS_FLAG_FINAL));
	CHECK(w.write.sent == 1024);
	CHECK(w.come(21, 0, 1024) == HWS_V_NONE);
	w.send_all();
	CHECK(w.write.sent == 1024);

	/* What it does not ask for again is sent as before. */
	CHECK(w.come(22, 1024, 1024) == HWS_V_NONE);
	CHECK(w.come(23, 1024, 512) == HWS_V_NONE);
	CHECK(w.ring.count == 2);
	w.send_all();
	CHECK(w.write.sent == 2048);
}

TEST_CASE("an R2T that was lost takes nothing from the one that the target sent instead")
{
	Write w(4096, true, 1);

	CHECK(w.come(0, 0, 1024) == HWS_V_NONE);
	w.send_all();
	CHECK(w.come(2, 1024, 1024) == HWS_V_NONE);
	CHECK(w.come(1, 1024, 1024) == HWS_V_NONE);
	CHECK(w.ring.count == 2);
	CHECK(be32_to_cpu(w.send().data_out.ttt) == 3);
	w.send_all();
	CHECK(w.write.sent == 2048);
}

TEST_CASE("unsolicited data is not taken back by an R2T")
{
	Write w(4096, true, 1);
	const struct hws_sequence unsolicited = {0, 1024, HWS_RESERVED_TAG, 0};

	hws_sequences_add(&w.ring, &unsolicited);
	hws_extents_add(&w.extents, 0, 1024);
	w.write.solicited_to = 1024;
	CHECK(w.come(0, 0, 1024) == HWS_V_NONE);
	CHECK(w.ring.count == 2);
	CHECK(be32_to_cpu(w.send().data_out.ttt) == HWS_RESERVED_TAG);
	w.send_all();
	CHECK(w.write.sent == 1024);
}

TEST_CASE("an R2T that was lost is asked for, and comes once")
{
	Write w(4096);
	uint32_t begin, length;
	uint8_t type;
	bool wanted;

	CHECK(w.come(0, 0, 1024) == HWS_V_NONE);
	CHECK(w.come(2, 2048, 1024) == HWS_V_NONE);
	CHECK(hws_repair_snack(&w.repair, 0, &type, &begin, &length));
	CHECK((type == HWS_SNACK_DATA && begin == 1 && length == 1));
	CHECK(w.come(r2t(1, 1024, 1024, 9), &wanted) == HWS_V_NONE);
	CHECK(wanted);
	CHECK(w.come(r2t(1, 1024, 1024, 9), &wanted) == HWS_V_NONE);
	CHECK_FALSE(wanted);
	CHECK(w.ring.count == 3);
	w.send_all();
	CHECK(w.write.sent == 3072);
}

TEST_CASE("an R2T is held to the limits also when it repairs")
{
	Write w(4096, false, 1), order(4096, true, 1), endless(4096);

	CHECK(w.come(0, 0, 65537) == HWS_V_R2T_LENGTH);
	CHECK(w.come(0, 0, 0) == HWS_V_R2T_LENGTH);
	CHECK(w.come(0, 4000, 97) == HWS_V_R2T_RANGE);
	CHECK(w.come(HWS_GAP_LONGEST + 1, 0, 512) == HWS_V_R2T_SN);
	for (uint32_t sn = 0; sn < w.ring.size; sn++)
		CHECK(w.come(sn, sn * 512, 512) == HWS_V_NONE);
	CHECK(w.come(w.ring.size, w.ring.size * 512, 512) == HWS_V_R2T_COUNT);

	CHECK(order.come(0, 512, 512) == HWS_V_R2T_ORDER);
	CHECK(order.come(0, 0, 512) == HWS_V_NONE);
	CHECK(order.come(1, 0, 512) == HWS_V_NONE);
	CHECK(order.come(2, 512, 512) == HWS_V_NONE);
	CHECK(order.come(3, 2048, 512) == HWS_V_R2T_ORDER);
	CHECK(order.come(3, 1024, 512) == HWS_V_NONE);
	CHECK(order.come(4, 1536, 512) == HWS_V_R2T_COUNT);

	for (uint32_t sn = 0; sn <= HWS_RECOVERY_R2TS_MAX; sn++) {
		CHECK(endless.come(sn, 0, 512) == HWS_V_NONE);
		endless.send_all();
	}
	CHECK(endless.come(HWS_RECOVERY_R2TS_MAX + 1, 0, 512) == HWS_V_R2T_ORDER);
}

TEST_CASE(
    "a read ends whole whatever is lost, damaged or comes twice, if the target answers SNACKs")
{
	Random random;
	uint64_t lost = 0, damaged = 0, twice = 0, exhausted = 0, ended = 0;

	for (uint64_t done = 0; done < steps(1'000'000);) {
		const bool pdus = random.once_in(2), sequences = random.once_in(2);
		const uint32_t expected = random.between(1, 400), segment = random.between(4, 60);
		const bool collapse = random.once_in(2), tells = random.once_in(2);
		const uint32_t odds = random.between(3, 30);
		std::vector<union hws_header> sent;
		std::deque<union hws_header> wire;
		Read r(expected, pdus, sequences);
		union hws_header end;
		bool known = false; /* the status has come */

		for (uint32_t at = 0; at < expected; at += segment)
			sent.push_back(data_in(0, at, std::min(segment, expected - at), 0));
		/* One sequence, in any order where that is agreed on. */
		for (size_t i = sent.size() - 1; i && !pdus; i--)
			std::swap(sent[i], sent[random.between(0, i)]);
		for (size_t i = 0; i < sent.size(); i++)
			sent[i].data_in.data_sn = cpu_to_be32(i);
		sent.back().data_in.flags = collapse ? S : F;
		end = collapse ? sent.back() : status(tells ? sent.size() : 0);
		wire.assign(sent.begin(), sent.end());
		if (!collapse)
			wire.push_back(end);

		for (uint32_t idle = 0; idle < 3;) {
			uint32_t begin, length;
			uint8_t type;

			done++;
			if (wire.empty()) {
				/* The status of a Data-In comes with its data. */
				if (hws_repair_snack(&r.repair, 0, &type, &begin, &length)) {
					MUST(type == HWS_SNACK_DATA);
					for (size_t i = begin;
					     i < sent.size() && (!length || i < begin + length);
					     i++)
						wire.push_back(sent[i]);
					continue;
				}
				idle++;
				/* The last PDU was lost with nothing behind it: the probe shows it.
				 */
				if (!known && collapse)
					wire.push_back(end);
				continue;
			}
			const union hws_header h = wire.front();
			const bool reply = hws_opcode(&h) == HWS_OP_SCSI_RESPONSE;
			const bool last = reply || (h.data_in.flags & HWS_DATA_IN_STATUS);

			wire.pop_front();
			if (!reply && random.once_in(odds)) {
				lost++;
				continue;
			}
			if (!reply && random.once_in(odds)) {
				bool wanted;

				MUST(hws_repair_judge(&r.repair, &r.read, &r.rules, &h, &wanted) ==
				     HWS_V_NONE);
				if (!wanted)
					continue;
				damaged++;
				hws_repair_begin_data(&r.repair, &r.read, &h);
				if (!hws_repair_damage(&r.repair, &r.read, &h, 0)) {
					exhausted++;
					goto next;
				}
				continue;
			}
			if (random.once_in(odds)) {
				wire.push_back(h);
				twice++;
			}
			if (!reply) {
				bool wanted;
				const auto v = r.come(h, &wanted);

				if (v == HWS_V_DATA_SN) {
					exhausted++;
					goto next;
				}
				MUST(v == HWS_V_NONE);
			}
			known |= last;
			if (!known)
				continue;
			r.repair.held = true;
			switch (r.verdict(end)) {
			case HWS_REPAIR_DONE:
				for (const uint8_t times : r.counted)
					MUST(times == 1);
				MUST(r.read.received == expected);
				ended++;
				goto next;
			case HWS_REPAIR_ESCALATE:
				exhausted++;
				goto next;
			default:
				MUST(r.repair.gaps.count || r.read.received < expected);
			}
		}
		/* Not asked for again without a clock: some run was lost on its way again. */
		for (const uint8_t times : r.counted)
			MUST(times <= 1);
	next:;
	}
	CHECK(lost > 0);
	CHECK(damaged > 0);
	CHECK(twice > 0);
	CHECK(exhausted > 0);
	CHECK(ended > 0);
}

TEST_CASE("a target that sends anything has each byte of a read counted once at most")
{
	Random random;
	uint64_t taken = 0, seen[HWS_V_COUNT] = {};

	for (uint64_t done = 0; done < steps(1'000'000);) {
		const uint32_t expected = random.once_in(50) ? 0 : random.between(1, 80);
		Read r(expected, random.once_in(2), random.once_in(2));
		uint32_t sum = 0;

		for (uint32_t n = random.between(1, 60); n; n--, done++) {
			const uint32_t sn = random.once_in(50)
						? random.edgy()
						: r.repair.gaps.next + random.between(0, 6) - 3;
			const uint32_t offset = random.once_in(50)  ? random.edgy()
						: random.once_in(2) ? r.read.received
								    : random.between(0, 90);
			bool wanted;
			const auto v = r.come(
			    data_in(sn, offset, random.between(0, 9), random.once_in(4) ? F : 0),
			    &wanted);

			seen[v]++;
			taken += !v && wanted;
			sum = 0;
			for (const uint8_t times : r.counted) {
				MUST(times <= 1);
				sum += times;
			}
			if (v == HWS_V_DATA_SN && r.read.received != sum)
				break; /* no room: the connection is given up */
			MUST(r.read.received == sum);
			if (r.verdict(status(0)) == HWS_REPAIR_DONE)
				MUST(sum == expected);
		}
	}
	CHECK(taken > 0);
	CHECK(seen[HWS_V_DATA_SN] > 0);
	CHECK(seen[HWS_V_DATA_IN_ORDER] > 0);
	CHECK(seen[HWS_V_DATA_IN_BEYOND] > 0);
}
