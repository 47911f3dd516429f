/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "proto.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <vector>

using namespace hawser::proto;

namespace
{

struct Segment {
	std::array<uint8_t, HWS_EXTENDED_CDB_MAX + 1> bytes;
	uint32_t length;
};

Segment extended(uint32_t cdb_length)
{
	std::array<uint8_t, HWS_CDB_MAX> cdb;
	Segment s;

	std::iota(cdb.begin(), cdb.end(), 1);
	s.bytes.fill(0xee);
	s.length = hws_extended_cdb(cdb.data(), cdb_length, s.bytes.data());
	return s;
}

} // namespace

TEST_CASE("an extended CDB holds what the basic header has no room for (11.2.2.3)")
{
	for (uint32_t length = HWS_CDB_LEN + 1; length <= HWS_CDB_MAX; length++) {
		const Segment s = extended(length);
		const uint32_t rest = length - HWS_CDB_LEN;

		CAPTURE(length);
		/* AHSLength counts the reserved byte and the rest: CDBLength - 15. */
		CHECK((s.bytes[0] << 8 | s.bytes[1]) == int(length - 15));
		CHECK(s.bytes[2] == 1);
		CHECK(s.bytes[3] == 0);
		for (uint32_t i = 0; i < rest; i++)
			CHECK(s.bytes[4 + i] == HWS_CDB_LEN + 1 + i);
		/* Padded with zeroes to whole words, and no byte more is touched. */
		CHECK(s.length == (4 + rest + 3) / 4 * 4);
		CHECK(std::all_of(s.bytes.begin() + 4 + rest, s.bytes.begin() + s.length,
				  [](uint8_t byte) { return byte == 0; }));
		CHECK(std::all_of(s.bytes.begin() + s.length, s.bytes.end(),
				  [](uint8_t byte) { return byte == 0xee; }));
	}
}

TEST_CASE("the longest extended CDB fills the room that is kept for one")
{
	CHECK(extended(HWS_CDB_MAX).length == HWS_EXTENDED_CDB_MAX);
}

TEST_CASE("a more important request has the higher command priority, which is the lower number")
{
	std::vector<uint8_t> order;

	for (uint32_t level = 0; level < 8; level++)
		order.push_back(hws_command_priority(HWS_IO_REALTIME, level));
	for (uint32_t level = 0; level < 8; level++)
		order.push_back(hws_command_priority(HWS_IO_BEST_EFFORT, level));
	order.push_back(hws_command_priority(HWS_IO_IDLE, 0));

	CHECK(std::is_sorted(order.begin(), order.end()));
	CHECK(order.front() == 1);
	CHECK(order[7] < order[8]);
	CHECK(std::adjacent_find(order.begin() + 8, order.end()) == order.end());
	CHECK(order.back() == 15);
}

TEST_CASE("a request without a priority has none, and a wrong one stays within four bits")
{
	CHECK(hws_command_priority(HWS_IO_NONE, 0) == 0);
	CHECK(hws_command_priority(HWS_IO_NONE, 7) == 0);
	CHECK(hws_command_priority(4, 1) == 0);
	for (uint32_t io_class = 0; io_class < 16; io_class++)
		for (uint32_t level = 0; level < 64; level++)
			CHECK(hws_command_priority(io_class, level) <= 15);
}
