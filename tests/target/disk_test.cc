/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "disk.h"

#include <array>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <string>
#include <system_error>
#include <unistd.h>

using namespace hawser::target;

namespace
{

using Cdb = std::array<std::uint8_t, 16>;

Cdb ten(std::uint8_t operation, std::uint8_t lba, std::uint8_t blocks)
{
	Cdb cdb{};
	cdb[0] = operation;
	cdb[5] = lba;
	cdb[8] = blocks;
	return cdb;
}

constexpr std::uint8_t read_10 = 0x28, write_10 = 0x2a, unmap = 0x42;

} // namespace

TEST_CASE("What was written is read, and zeroes where it was unmapped")
{
	Disk disk(64 * Disk::block);
	const Bytes data(2 * Disk::block, 0x5a);

	CHECK(disk.execute(ten(write_10, 3, 2), data).status == 0);
	CHECK(disk.execute(ten(read_10, 3, 2), {}).data == data);
	CHECK(disk.execute(ten(read_10, 5, 1), {}).data == Bytes(Disk::block));

	Bytes list(24);
	list[1] = 22;
	list[3] = 16;
	list[15] = 3; // LBA
	list[19] = 1; // blocks
	CHECK(disk.execute(ten(unmap, 0, 24), list).status == 0);
	CHECK(disk.execute(ten(read_10, 3, 1), {}).data == Bytes(Disk::block));
	CHECK(disk.execute(ten(read_10, 4, 1), {}).data == Bytes(Disk::block, 0x5a));
}

TEST_CASE("A disk that is a file is what it was, for whoever opens it next")
{
	std::string path = "/tmp/hawser-disk.XXXXXX";
	const int fd = ::mkstemp(path.data());
	REQUIRE(fd >= 0);
	CHECK(::ftruncate(fd, 64 * Disk::block) == 0);
	::close(fd);

	const Bytes data(Disk::block, 0x5a);
	CHECK(Disk(path).execute(ten(write_10, 63, 1), data).status == 0);
	CHECK(Disk(path).execute(ten(read_10, 63, 1), {}).data == data);
	CHECK(Disk(path).execute(ten(read_10, 64, 1), {}).status == 2);
	::unlink(path.c_str());
	CHECK_THROWS_AS(Disk(path), std::system_error);
}

TEST_CASE("Beyond the disk's end nothing is read or written")
{
	Disk disk(64 * Disk::block);

	CHECK(disk.execute(ten(read_10, 63, 1), {}).status == 0);
	CHECK(disk.execute(ten(read_10, 63, 2), {}).status == 2);
	CHECK(disk.execute(ten(read_10, 64, 1), {}).status == 2);
	CHECK(disk.execute(ten(write_10, 63, 2), Bytes(1024)).status == 2);
	CHECK(disk.execute(ten(0x7f, 0, 0), {}).sense.at(2) == 5); // ILLEGAL REQUEST
}
