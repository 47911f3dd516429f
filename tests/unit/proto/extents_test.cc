/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "proto.h"

#include <algorithm>
#include <bitset>
#include <cstring>
#include <vector>

using namespace hawser::proto;

namespace
{

constexpr uint32_t cells = 1024;

/* What extents stand for, told by a bit a cell. */
struct Model {
	std::bitset<cells> seen;

	bool overlaps(uint32_t start, uint32_t length) const
	{
		for (uint32_t i = start; i < start + length; i++)
			if (seen[i])
				return true;
		return false;
	}
	uint32_t runs() const
	{
		uint32_t n = 0;

		for (uint32_t i = 0; i < cells; i++)
			n += seen[i] && (!i || !seen[i - 1]);
		return n;
	}
	bool joins(uint32_t start, uint32_t length) const
	{
		return (start && seen[start - 1]) ||
		       (start + length < cells && seen[start + length]);
	}
	void add(uint32_t start, uint32_t length)
	{
		for (uint32_t i = start; i < start + length; i++)
			seen[i] = true;
	}
};

/* @e says of cells of @unit bytes from @base on what @model says. */
bool same(const struct hws_extents &e, const Model &model, uint32_t base, uint32_t unit)
{
	uint32_t cell = 0, at = 0;

	while (cell < cells) {
		uint32_t end;

		if (!model.seen[cell]) {
			cell++;
			continue;
		}
		for (end = cell; end < cells && model.seen[end];)
			end++;
		if (at == e.count || e.at[at].start != base + cell * unit ||
		    e.at[at].end != base + end * unit)
			return false;
		at++;
		cell = end;
	}
	return at == e.count;
}

} // namespace

TEST_CASE("extents are disjoint, sorted and joined, as a map of bits has them")
{
	Random random;
	uint64_t done = 0, full = 0, overlapped = 0, completed = 0;

	while (done < steps(2'000'000)) {
		const uint32_t unit = random.between(0, 2) ? 1 : random.between(1, 0x3fffff);
		const uint32_t base = random.between(0, 0xffffffffu - cells * unit);
		const uint32_t longest = random.once_in(3) ? 1 : random.between(1, 64);
		struct hws_extents e;
		Model model;

		hws_extents_init(&e);
		while (!model.seen.all() && ++done < steps(2'000'000)) {
			const uint32_t start = random.between(0, cells - 1);
			const uint32_t most = std::min(longest, cells - start);
			const uint32_t length = random.between(1, most);
			const struct hws_extents before = e;
			const auto result = hws_extents_add(&e, base + start * unit, length * unit);

			if (model.overlaps(start, length)) {
				MUST(result == HWS_EXTENTS_OVERLAP);
				MUST(!std::memcmp(&before, &e, sizeof(e)));
				overlapped++;
			} else if (!model.joins(start, length) && before.count == HWS_EXTENTS_MAX) {
				MUST(result == HWS_EXTENTS_FULL);
				MUST(!std::memcmp(&before, &e, sizeof(e)));
				full++;
			} else {
				MUST(result == HWS_EXTENTS_ADDED);
				model.add(start, length);
			}
			MUST(e.count <= HWS_EXTENTS_MAX);
			if (random.once_in(16))
				MUST(same(e, model, base, unit));
			/* The last holes would take long to find by chance. */
			if (random.once_in(cells * 4))
				break;
		}
		MUST(same(e, model, base, unit));
		for (uint32_t i = 0; i < cells; i++) {
			if (!model.seen[i]) {
				const auto result = hws_extents_add(&e, base + i * unit, unit);

				if (result == HWS_EXTENTS_ADDED)
					model.add(i, 1);
				else
					MUST(e.count == HWS_EXTENTS_MAX);
			}
		}
		MUST(same(e, model, base, unit));
		completed += model.seen.all() && e.count == 1;
	}
	CHECK(full > 0);
	CHECK(overlapped > 0);
	CHECK(completed > 0);
}

TEST_CASE("extents reach to the last byte that 32 bits can name")
{
	struct hws_extents e;

	hws_extents_init(&e);
	CHECK(hws_extents_add(&e, 0xfffffff0u, 0xf) == HWS_EXTENTS_ADDED);
	CHECK(hws_extents_add(&e, 0, 0xfffffff0u) == HWS_EXTENTS_ADDED);
	CHECK(e.count == 1);
	CHECK(e.at[0].start == 0);
	CHECK(e.at[0].end == 0xffffffffu);
	CHECK(hws_extents_add(&e, 0x80000000u, 1) == HWS_EXTENTS_OVERLAP);
}

TEST_CASE("full extents still take what joins them, and a joint makes room")
{
	struct hws_extents e;

	hws_extents_init(&e);
	for (uint32_t i = 0; i < HWS_EXTENTS_MAX; i++)
		REQUIRE(hws_extents_add(&e, i * 10, 5) == HWS_EXTENTS_ADDED);
	CHECK(hws_extents_add(&e, 10 * HWS_EXTENTS_MAX, 1) == HWS_EXTENTS_FULL);
	CHECK(hws_extents_add(&e, 7, 1) == HWS_EXTENTS_FULL);
	CHECK(hws_extents_add(&e, 5, 1) == HWS_EXTENTS_ADDED);
	CHECK(hws_extents_add(&e, 9, 1) == HWS_EXTENTS_ADDED);
	CHECK(e.count == HWS_EXTENTS_MAX);
	CHECK(hws_extents_add(&e, 6, 3) == HWS_EXTENTS_ADDED);
	CHECK(e.count == HWS_EXTENTS_MAX - 1);
	CHECK(hws_extents_add(&e, 10 * HWS_EXTENTS_MAX, 1) == HWS_EXTENTS_ADDED);
}

TEST_CASE("covering counts what was missing, whatever overlaps")
{
	Random random;
	uint64_t full = 0, joined = 0;

	for (uint64_t done = 0; done < steps(100'000);) {
		/* Of the first round the ranges are more than fit, for certain. */
		const bool scattered = done == 0;
		const uint32_t size = scattered ? 2000 : random.between(1, 600);
		std::vector<bool> model(size);
		struct hws_extents e;

		hws_extents_init(&e);
		for (uint32_t n = scattered ? 500 : random.between(1, 500); n; n--, done++) {
			const uint32_t start = random.between(0, size - 1);
			const uint32_t length =
			    !scattered && random.once_in(80) ? random.between(1, size - start) : 1;
			const auto at = model.begin() + start;
			const uint32_t there = std::count(at, at + length, true);
			const struct hws_extents before = e;
			uint32_t fresh = 0, ranges = 0;

			MUST(hws_extents_overlap(&e, start, length) == (there > 0));
			if (hws_extents_cover(&e, start, length, &fresh) == HWS_EXTENTS_FULL) {
				MUST(before.count == HWS_EXTENTS_MAX && e.count == before.count);
				full++;
				continue;
			}
			MUST(fresh == length - there);
			std::fill(at, at + length, true);
			for (uint32_t i = 0; i < size; i++)
				if (model[i] && (!i || !model[i - 1])) {
					uint32_t end = i;

					while (end < size && model[end])
						end++;
					MUST(e.at[ranges].start == i && e.at[ranges].end == end);
					ranges++;
				}
			MUST(e.count == ranges);
			joined += e.count < before.count;
		}
	}
	CHECK(full > 0);
	CHECK(joined > 0);
}

TEST_CASE("what is forgotten of the extents is what is written over, and nothing else")
{
	Random random;
	constexpr uint32_t size = 700;

	for (int round = 0; round < 2000; round++) {
		struct hws_extents e;
		std::vector<bool> model(size);

		hws_extents_init(&e);
		for (int step = 0; step < 60; step++) {
			const uint32_t start = random.between(0, size - 2);
			const uint32_t length = random.between(
			    1, random.once_in(8) ? size - start : std::min(3u, size - start));
			uint32_t known = 0, fresh;

			for (uint32_t i = start; i < start + length; i++)
				known += model[i];
			if (random.once_in(3)) {
				const uint32_t gone = hws_extents_drop(&e, start, length);

				MUST(gone >= known);
				MUST(gone == known || e.count == HWS_EXTENTS_MAX);
				for (uint32_t i = 0; i < size; i++) {
					const bool is = hws_extents_overlap(&e, i, 1);
					const bool within = i >= start && i < start + length;

					MUST(!within || !is);
					MUST(!is || model[i]);
					MUST(within || is == model[i] || gone > known);
					model[i] = is;
				}
			} else if (hws_extents_cover(&e, start, length, &fresh) ==
				   HWS_EXTENTS_ADDED) {
				MUST(fresh == length - known);
				for (uint32_t i = start; i < start + length; i++)
					model[i] = true;
			}
			uint32_t front = 0;

			while (front < size && model[front])
				front++;
			MUST(hws_extents_front(&e) == front);
			for (uint32_t i = 0; i + 1 < e.count; i++)
				MUST(e.at[i].end < e.at[i + 1].start);
		}
	}
}
