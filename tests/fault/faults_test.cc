/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "faults.h"

#include <catch2/catch.hpp>
#include <map>
#include <set>

using namespace hawser::fault;

namespace
{

Shape shape(std::size_t data, bool digests)
{
	std::array<std::uint8_t, header_length> header{};
	header[5] = static_cast<std::uint8_t>(data >> 16);
	header[6] = static_cast<std::uint8_t>(data >> 8);
	header[7] = static_cast<std::uint8_t>(data);
	return shape_of(header, digests, digests);
}

std::vector<const KindRow *> all()
{
	std::vector<const KindRow *> rows;
	for (const auto &row : kind_rows())
		rows.push_back(&row);
	return rows;
}

Bytes login_response(std::string_view text, std::uint8_t flags, std::uint8_t status_class)
{
	Bytes pdu(header_length);
	pdu[0] = 0x23;
	pdu[1] = flags;
	pdu[7] = static_cast<std::uint8_t>(text.size());
	pdu[36] = status_class;
	pdu.insert(pdu.end(), text.begin(), text.end());
	pdu.resize((pdu.size() + 3) / 4 * 4);
	return pdu;
}

} // namespace

TEST_CASE("a PDU's parts lie where RFC 7143, 11.2 puts them")
{
	CHECK(shape(0, false).total() == 48);
	CHECK(shape(0, true).total() == 52); // no data, no data digest
	CHECK(shape(5, false).total() == 56);
	CHECK(shape(5, true).total() == 64);
	CHECK(shape(0xffffff, false).total() == 48 + 0x1000000);
	std::array<std::uint8_t, header_length> header{};
	header[4] = 2; // additional headers, in words
	CHECK(shape_of(header, true, true).total() == 60);
}

TEST_CASE("full feature phase begins with the last good login response, with the digests agreed on")
{
	using namespace std::string_view_literals;
	const auto goes = [](Phase &phase, const Bytes &pdu, Direction direction) {
		phase.pass(pdu, shape_of(std::span(pdu).first(header_length), false, false),
			   direction);
	};
	Phase phase;
	goes(phase, login_response("HeaderDigest=CRC32C\0"sv, 0x04, 0), Direction::to_initiator);
	CHECK_FALSE(phase.full_feature());
	goes(phase, login_response("", 0x87, 2), Direction::to_initiator); // refused
	CHECK_FALSE(phase.full_feature());
	goes(phase, login_response("", 0x87, 0), Direction::to_target);
	CHECK_FALSE(phase.full_feature());
	goes(phase, login_response("DataDigest=None\0"sv, 0x87, 0), Direction::to_initiator);
	CHECK(phase.full_feature());
	CHECK(phase.header_digest());
	CHECK_FALSE(phase.data_digest());
}

TEST_CASE("every kind happens as often as any other, in each direction, whatever the seed")
{
	const auto seed = GENERATE(0u, 1u, 2u, 77u);
	const std::uint64_t rounds = 5, limit = rounds * 2 * kinds;
	Schedule schedule({.seed = seed, .kinds = all(), .every = 3, .limit = limit});
	std::map<std::pair<Kind, Direction>, std::uint64_t> happened;
	for (std::uint64_t pdu = 0; pdu < 100000; pdu++)
		for (const auto direction : {Direction::to_target, Direction::to_initiator})
			if (auto fault = schedule.next(direction, 0, shape(8, true)))
				happened[{fault->row->kind, direction}]++;
	CHECK(schedule.count() == limit);
	CHECK(happened.size() == 2 * kinds);
	for (const auto &[which, times] : happened)
		CHECK(times == rounds);
}

TEST_CASE("faults come as the seed says, the same ones again, about as far apart as was asked for")
{
	const auto places = [](std::uint64_t seed) {
		Schedule schedule({.seed = seed, .kinds = {find_kind("drop")}, .every = 100});
		std::vector<std::uint64_t> at;
		for (std::uint64_t pdu = 0; at.size() < 200; pdu++)
			if (auto fault = schedule.next(at.size() % 2 == 0 ? Direction::to_target
									  : Direction::to_initiator,
						       0, shape(0, false)))
				at.push_back(pdu);
		return at;
	};
	CHECK(places(5) == places(5));
	CHECK(places(5) != places(6));
	CHECK(places(5).back() > 200 * 80);
	CHECK(places(5).back() < 200 * 120);
}

TEST_CASE("a fault waits for a PDU that it fits")
{
	Schedule schedule({.seed = 1, .kinds = {find_kind("flip-data")}, .every = 1});
	for (int pdu = 0; pdu < 100; pdu++) {
		CHECK_FALSE(schedule.next(Direction::to_target, 0, shape(0, true)));
		CHECK_FALSE(schedule.next(Direction::to_target, 0, shape(8, false)));
		CHECK_FALSE(schedule.next(Direction::to_initiator, 0, shape(8, true)));
	}
	CHECK(schedule.next(Direction::to_target, 0, shape(8, true)));

	Schedule only(
	    {.seed = 1, .kinds = {find_kind("drop")}, .every = 1, .opcodes = 1ull << 0x05});
	for (int pdu = 0; pdu < 100; pdu++)
		CHECK_FALSE(only.next(Direction::to_target, 0x01, shape(0, false)));
	CHECK(only.next(Direction::to_target, 0x05, shape(0, false)));
	Schedule one_way({.seed = 1,
			  .kinds = {find_kind("drop")},
			  .every = 1,
			  .direction = Direction::to_initiator});
	for (int fault = 0; fault < 4; fault++) {
		for (int pdu = 0; pdu < 100; pdu++)
			CHECK_FALSE(one_way.next(Direction::to_target, 0x01, shape(0, false)));
		while (!one_way.next(Direction::to_initiator, 0x25, shape(0, false))) {
		}
	}
}

TEST_CASE("one bit is flipped, in the part of the PDU that the kind names, and each may be")
{
	const auto *name =
	    GENERATE("flip-header", "flip-header-digest", "flip-data", "flip-data-digest");
	const auto *row = find_kind(name);
	REQUIRE(row);
	const Shape parts = shape(5, true);
	const std::map<Kind, std::pair<std::size_t, std::size_t>> bounds = {
	    {Kind::flip_header, {8, 48}}, // the lengths stay
	    {Kind::flip_header_digest, {48, 52}},
	    {Kind::flip_data, {52, 57}},
	    {Kind::flip_data_digest, {60, 64}}};
	const auto [begin, end] = bounds.at(row->kind);
	std::set<std::size_t> bits;
	for (std::uint64_t random = 0; random < 5000; random++) {
		Bytes pdu(parts.total());
		const auto bit = flip({1, row, mix(3, random)}, parts, pdu);
		bits.insert(bit);
		CHECK(pdu[bit / 8] == 1u << bit % 8);
		CHECK(std::count(pdu.begin(), pdu.end(), 0) == static_cast<long>(pdu.size()) - 1);
	}
	CHECK(*bits.begin() == 8 * begin);
	CHECK(*bits.rbegin() == 8 * end - 1);
	CHECK(bits.size() == 8 * (end - begin));
}

TEST_CASE("kinds are found by their names, and only by those")
{
	for (const auto &row : kind_rows())
		CHECK(find_kind(row.name) == &row);
	CHECK(find_kind("flip") == nullptr);
	CHECK(find_kind("") == nullptr);
}
