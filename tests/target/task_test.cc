/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a task knows of its data, against a plain map of bytes; and the digest, against RFC 3720's.
 */
#include "task.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <numeric>
#include <random>

using namespace hawser::target;

TEST_CASE("Pieces are missing where no byte has come")
{
	std::minstd_rand random(1);
	constexpr std::uint32_t size = 64;

	for (int round = 0; round < 20000; round++) {
		Pieces pieces;
		std::vector<bool> there(size);
		for (int n = 0; n < 8; n++) {
			const auto offset = static_cast<std::uint32_t>(random() % size);
			const auto length =
			    static_cast<std::uint32_t>(random() % (size - offset + 1));
			pieces.add({offset, length});
			std::fill_n(there.begin() + offset, length, true);
			const auto from = static_cast<std::uint32_t>(random() % size);
			const auto most = static_cast<std::uint32_t>(1 + random() % size);
			const auto first = static_cast<std::uint32_t>(
			    std::find(there.begin() + from, there.end(), false) - there.begin());
			const auto missing = pieces.missing(from, size, most);
			REQUIRE(missing.has_value() == (first < size));
			if (!missing)
				continue;
			const auto end = static_cast<std::uint32_t>(
			    std::find(there.begin() + first, there.end(), true) - there.begin());
			REQUIRE(missing->offset == first);
			REQUIRE(missing->length == std::min(end - first, most));
		}
	}
}

TEST_CASE("What was asked for is not asked for again until it is forgotten")
{
	Pdu command;
	command.header[1] = final_bit | 0x20; // W
	command.put32(20, 4096);
	command.header[32] = 0x2a; // WRITE(10) of 8 blocks
	command.header[40] = 8;
	command.data.assign(512, 0xa5);
	Task task(command);

	CHECK(task.wanted == 4096);
	CHECK(task.to_ask(0, 1024)->offset == 512);
	task.asked[7] = {512, 1024};
	CHECK(task.to_ask(0, 65536)->offset == 1536);
	CHECK(task.to_ask(0, 65536)->length == 2560);
	task.forget_asked();
	CHECK(task.to_ask(0, 65536)->offset == 512);
}

TEST_CASE("The digest is that of RFC 3720, B.4")
{
	const Bytes zeroes(32), ones(32, 0xff);
	Bytes up(32), down(32);
	std::iota(up.begin(), up.end(), 0);
	std::copy(up.rbegin(), up.rend(), down.begin());
	using Digest = std::array<std::uint8_t, 4>;

	CHECK(crc32c(zeroes) == Digest{0xaa, 0x36, 0x91, 0x8a});
	CHECK(crc32c(ones) == Digest{0x43, 0xab, 0xa8, 0x62});
	CHECK(crc32c(up) == Digest{0x4e, 0x79, 0xdd, 0x46});
	CHECK(crc32c(down) == Digest{0x5c, 0xdb, 0x3f, 0x11});
	CHECK(crc32c(std::span(up).first(5)) != crc32c(std::span(up).first(6)));
}
