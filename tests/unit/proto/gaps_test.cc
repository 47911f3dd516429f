/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "proto.h"

#include <map>

using namespace hawser::proto;

namespace
{

/* What is missing, told number by number. */
struct Model {
	struct Missing {
		uint32_t tries;
		bool ask;
	};
	std::map<uint32_t, Missing> missing; /* by the distance from the first number */
	uint32_t first, next = 0;

	explicit Model(uint32_t start) : first(start) {}

	size_t runs() const
	{
		size_t n = 0;
		uint32_t before = 0;

		for (const auto &[at, m] : missing) {
			n += !n || at != before + 1;
			before = at;
		}
		return n;
	}
	void open(uint32_t end)
	{
		for (; next < end; next++)
			missing[next] = {0, true};
	}
};

} // namespace

TEST_CASE("numbers that come in their turn leave nothing open")
{
	struct hws_gaps g;

	hws_gaps_init(&g, 0xfffffffe);
	for (uint32_t sn = 0xfffffffe; sn != 3; sn++) {
		CHECK(hws_gaps_find(&g, sn) == HWS_GAPS_NEXT);
		CHECK(hws_gaps_take(&g, sn));
		CHECK(hws_gaps_find(&g, sn) == HWS_GAPS_SEEN);
		CHECK(hws_gaps_first(&g) == sn + 1);
	}
	CHECK(g.count == 0);
	CHECK_FALSE(hws_gaps_asks(&g));
}

TEST_CASE("what is missing before a number that came is asked for once, as one run")
{
	struct hws_gaps g;
	uint32_t begin = 0, length = 0;

	hws_gaps_init(&g, 0xffffffff);
	CHECK(hws_gaps_find(&g, 2) == HWS_GAPS_AHEAD);
	CHECK(hws_gaps_take(&g, 2));
	CHECK(hws_gaps_first(&g) == 0xffffffff);
	CHECK(hws_gaps_asks(&g));
	CHECK(hws_gaps_run(&g, 7, false, &begin, &length));
	CHECK(begin == 0xffffffff);
	CHECK(length == 3);
	CHECK_FALSE(hws_gaps_asks(&g));
	CHECK_FALSE(hws_gaps_run(&g, 7, false, &begin, &length));

	CHECK(hws_gaps_find(&g, 0) == HWS_GAPS_MISSING);
	CHECK(hws_gaps_take(&g, 0));
	CHECK(g.count == 2);
	CHECK(hws_gaps_take(&g, 0xffffffff));
	CHECK(hws_gaps_first(&g) == 1);
	CHECK(hws_gaps_take(&g, 1));
	CHECK(hws_gaps_first(&g) == 3);
	CHECK_FALSE(hws_gaps_asks(&g));
}

TEST_CASE("a number that comes damaged is missing, and asked for again each time, but not for ever")
{
	struct hws_gaps g;
	uint32_t begin = 0, length = 0;

	hws_gaps_init(&g, 5);
	CHECK(hws_gaps_take(&g, 5));
	CHECK(hws_gaps_miss(&g, 6, true, 0));
	CHECK(hws_gaps_take(&g, 7));
	for (uint32_t tries = 0; tries < HWS_GAP_TRIES; tries++) {
		CHECK(hws_gaps_run(&g, 0, false, &begin, &length));
		CHECK((begin == 6 && length == 1));
		CHECK(hws_gaps_miss(&g, 6, true, 0) == (tries + 1 < HWS_GAP_TRIES));
	}
	CHECK(hws_gaps_find(&g, 6) == HWS_GAPS_MISSING);
	/* What has come is not missed because it comes damaged once more. */
	CHECK(hws_gaps_miss(&g, 5, true, 0));
	CHECK(hws_gaps_find(&g, 5) == HWS_GAPS_SEEN);
}

TEST_CASE("what another request brings is not asked for, unless it takes too long")
{
	struct hws_gaps g;
	uint32_t begin = 0, length = 0;

	hws_gaps_init(&g, 0);
	CHECK(hws_gaps_miss(&g, 2, false, 100));
	CHECK(hws_gaps_run(&g, 100, false, &begin, &length));
	CHECK((begin == 0 && length == 2));
	CHECK_FALSE(hws_gaps_asks(&g));
	CHECK(hws_gaps_check(&g, 139, 40) == HWS_GAPS_CALM);
	CHECK(hws_gaps_check(&g, 140, 40) == HWS_GAPS_ASK);
	CHECK(hws_gaps_run(&g, 140, false, &begin, &length));
	CHECK(hws_gaps_run(&g, 140, false, &begin, &length));
	CHECK((begin == 2 && length == 1));
}

TEST_CASE("while the other side is sending, a damaged number waits for the one behind it")
{
	struct hws_gaps g;
	uint32_t begin, length;

	hws_gaps_init(&g, 0);
	CHECK(hws_gaps_take(&g, 0));
	CHECK(hws_gaps_miss(&g, 1, true, 100));
	CHECK_FALSE(hws_gaps_run(&g, 100, true, &begin, &length));
	CHECK(hws_gaps_miss(&g, 2, true, 110));
	CHECK_FALSE(hws_gaps_run(&g, 110, true, &begin, &length));
	CHECK(hws_gaps_take(&g, 3));
	CHECK(hws_gaps_run(&g, 110, true, &begin, &length));
	CHECK((begin == 1 && length == 2));
	CHECK_FALSE(hws_gaps_run(&g, 110, true, &begin, &length));

	/* It was the last: then it is asked for when nothing more is to come, or when patience
	 * ends. */
	CHECK(hws_gaps_miss(&g, 4, true, 200));
	struct hws_gaps silent = g;
	CHECK_FALSE(hws_gaps_run(&g, 200, true, &begin, &length));
	CHECK(hws_gaps_run(&g, 200, false, &begin, &length));
	CHECK((begin == 4 && length == 1));
	CHECK(hws_gaps_check(&silent, 239, 40) ==
	      HWS_GAPS_ASK); /* of the first run, asked for at 110 */
	CHECK(hws_gaps_run(&silent, 239, true, &begin, &length));
	CHECK(begin == 1);
	CHECK_FALSE(hws_gaps_run(&silent, 239, true, &begin, &length));
	CHECK(hws_gaps_check(&silent, 240, 40) == HWS_GAPS_ASK);
	CHECK(hws_gaps_run(&silent, 240, true, &begin, &length));
	CHECK((begin == 4 && length == 1));
	CHECK(hws_gaps_check(&silent, 278, 40) == HWS_GAPS_CALM);
}

TEST_CASE("a run that stays open is asked for once more, and then given up")
{
	struct hws_gaps g;
	uint32_t begin, length, now = 0xfffffff0;

	hws_gaps_init(&g, 0);
	CHECK(hws_gaps_expect(&g, 3));
	CHECK(hws_gaps_check(&g, now, 40) == HWS_GAPS_CALM); /* it is still to be asked for */
	CHECK(hws_gaps_run(&g, now, false, &begin, &length));
	CHECK(hws_gaps_check(&g, now + 39, 40) == HWS_GAPS_CALM);
	CHECK(hws_gaps_check(&g, now + 40, 40) == HWS_GAPS_ASK);
	CHECK(hws_gaps_run(&g, now + 40, false, &begin, &length));
	CHECK(hws_gaps_check(&g, now + 79, 40) == HWS_GAPS_CALM);
	CHECK(hws_gaps_check(&g, now + 80, 40) == HWS_GAPS_GIVE_UP);
	for (uint32_t sn = 0; sn < 3; sn++)
		CHECK(hws_gaps_take(&g, sn));
	CHECK(hws_gaps_check(&g, now + 80, 40) == HWS_GAPS_CALM);
}

TEST_CASE("patience begins anew when something of what is missing comes")
{
	struct hws_gaps g;
	uint32_t begin, length;

	hws_gaps_init(&g, 0);
	CHECK(hws_gaps_expect(&g, 3));
	CHECK(hws_gaps_run(&g, 0, false, &begin, &length));
	CHECK(hws_gaps_take(&g, 0));
	hws_gaps_progress(&g, 30);
	CHECK(hws_gaps_check(&g, 69, 40) == HWS_GAPS_CALM);
	CHECK(hws_gaps_check(&g, 70, 40) == HWS_GAPS_ASK);
	CHECK(hws_gaps_run(&g, 70, false, &begin, &length));
	CHECK((begin == 1 && length == 2));
	hws_gaps_progress(&g, 100);
	CHECK(hws_gaps_check(&g, 139, 40) == HWS_GAPS_CALM);
	CHECK(hws_gaps_check(&g, 140, 40) == HWS_GAPS_GIVE_UP);
}

TEST_CASE("a number that is too far away either way is no loss")
{
	struct hws_gaps g;

	hws_gaps_init(&g, 100);
	CHECK(hws_gaps_find(&g, 100 + HWS_GAP_LONGEST) == HWS_GAPS_AHEAD);
	CHECK(hws_gaps_find(&g, 101 + HWS_GAP_LONGEST) == HWS_GAPS_FAR);
	CHECK(hws_gaps_find(&g, 100 - HWS_GAP_LONGEST) == HWS_GAPS_SEEN);
	CHECK(hws_gaps_find(&g, 99 - HWS_GAP_LONGEST) == HWS_GAPS_FAR);
	CHECK(hws_gaps_find(&g, 100 + 0x80000000u) == HWS_GAPS_FAR);
	CHECK(hws_gaps_find(&g, 100 + 0x7fffffffu) == HWS_GAPS_FAR);
}

TEST_CASE("more runs than are kept are refused, and nothing has changed")
{
	struct hws_gaps g;

	hws_gaps_init(&g, 0);
	for (uint32_t i = 0; i < HWS_GAPS_MAX; i++)
		REQUIRE(hws_gaps_take(&g, 4 * i + 3));
	CHECK_FALSE(hws_gaps_take(&g, 4 * HWS_GAPS_MAX + 3));
	CHECK_FALSE(hws_gaps_take(&g, 1)); /* would make two of one */
	CHECK_FALSE(hws_gaps_expect(&g, 1000));
	CHECK(hws_gaps_find(&g, 1) == HWS_GAPS_MISSING);
	CHECK(hws_gaps_find(&g, 4 * HWS_GAPS_MAX) == HWS_GAPS_NEXT);
	CHECK(hws_gaps_take(&g, 0));
	CHECK(hws_gaps_take(&g, 2));
	CHECK(hws_gaps_take(&g, 1));
	CHECK(hws_gaps_take(&g, 4 * HWS_GAPS_MAX + 3));
}

TEST_CASE("whatever comes in whatever order, the gaps are what a list of all numbers says")
{
	Random random;
	uint64_t full = 0, filled = 0, again = 0;

	for (uint64_t done = 0; done < steps(2'000'000);) {
		const uint32_t start = random.edgy();
		Model model(start);
		struct hws_gaps g;

		hws_gaps_init(&g, start);
		for (uint32_t n = random.between(1, 80); n; n--, done++) {
			const uint32_t at =
			    random.once_in(2) || !model.next
				? model.next + (random.once_in(3) ? random.between(0, 4) : 0)
				: random.between(0, model.next - 1);
			const uint32_t sn = start + at;
			const auto known = model.missing.find(at);
			const auto place = hws_gaps_find(&g, sn);
			const auto before = g;

			MUST(place == (at == model.next		      ? HWS_GAPS_NEXT
				       : at > model.next	      ? HWS_GAPS_AHEAD
				       : known != model.missing.end() ? HWS_GAPS_MISSING
								      : HWS_GAPS_SEEN));
			switch (random.between(0, 3)) {
			case 0: { /* a SNACK goes out */
				uint32_t begin, length;

				if (!hws_gaps_run(&g, 0, false, &begin, &length))
					break;
				MUST(length);
				for (uint32_t i = 0; i < length; i++) {
					const auto asked = model.missing.find(begin - start + i);

					MUST(asked != model.missing.end());
					MUST(asked->second.ask);
					asked->second.ask = false;
					asked->second.tries++;
					MUST(asked->second.tries <= HWS_GAP_TRIES);
				}
				break;
			}
			case 1: /* it came damaged */
				if (!hws_gaps_miss(&g, sn, true, 0)) {
					full++;
					g = before;
					break;
				}
				if (at >= model.next) {
					model.open(at + 1);
				} else if (known != model.missing.end()) {
					/* the run that it is in, and which is kept as one */
					for (uint32_t i = 0; i < g.count; i++)
						if (sn - g.at[i].begin <
						    g.at[i].end - g.at[i].begin)
							for (uint32_t j = g.at[i].begin;
							     j != g.at[i].end; j++)
								model.missing[j - start].ask = true;
					again++;
				}
				break;
			default: /* it came */
				if (!hws_gaps_take(&g, sn)) {
					MUST(g.count == HWS_GAPS_MAX);
					full++;
					MUST(g.next == before.next);
					break;
				}
				if (at >= model.next) {
					model.open(at);
					model.next = at + 1;
				}
				filled += model.missing.erase(at);
			}
			MUST(g.next == start + model.next);
			MUST(g.count >= model.runs());
			MUST(hws_gaps_first(&g) == start + (model.missing.empty()
								? model.next
								: model.missing.begin()->first));
			uint32_t sum = 0, end = start;
			bool asks = false;

			for (uint32_t i = 0; i < g.count; i++) {
				MUST(i == 0 || g.at[i].begin - end < 0x80000000u);
				MUST(g.at[i].end != g.at[i].begin);
				sum += g.at[i].end - g.at[i].begin;
				end = g.at[i].end;
			}
			MUST(sum == model.missing.size());
			for (const auto &[number, missing] : model.missing)
				asks |= missing.ask;
			MUST(hws_gaps_asks(&g) == asks);
		}
	}
	CHECK(full > 0);
	CHECK(filled > 0);
	CHECK(again > 0);
}
