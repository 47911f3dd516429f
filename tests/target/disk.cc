/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "disk.h"

#include <algorithm>
#include <string_view>

namespace hawser::target
{

namespace
{

enum Operation : std::uint8_t {
	test_unit_ready = 0x00,
	request_sense = 0x03,
	read_6 = 0x08,
	write_6 = 0x0a,
	inquiry_code = 0x12,
	mode_sense_6 = 0x1a,
	start_stop = 0x1b,
	read_capacity_10 = 0x25,
	read_10 = 0x28,
	write_10 = 0x2a,
	synchronize_cache_10 = 0x35,
	unmap_code = 0x42,
	mode_sense_10 = 0x5a,
	read_16 = 0x88,
	write_16 = 0x8a,
	synchronize_cache_16 = 0x91,
	write_same_16 = 0x93,
	service_action_in_16 = 0x9e,
	report_luns = 0xa0,
};

constexpr std::uint8_t check_condition = 0x02;
constexpr std::uint32_t most_blocks = 8192; // of UNMAP and WRITE SAME

std::uint64_t number(std::span<const std::uint8_t> bytes)
{
	std::uint64_t value = 0;
	for (const auto byte : bytes)
		value = value << 8 | byte;
	return value;
}

void put(Bytes &to, std::size_t at, std::size_t width, std::uint64_t value)
{
	for (std::size_t i = width; i-- != 0; value >>= 8)
		to[at + i] = static_cast<std::uint8_t>(value);
}

Answer refused(std::uint8_t key, std::uint8_t asc)
{
	Bytes sense(18);
	sense[0] = 0x70;
	sense[2] = key;
	sense[7] = 10;
	sense[12] = asc;
	return {.status = check_condition, .sense = std::move(sense), .data = {}};
}

Answer illegal(std::uint8_t asc)
{
	return refused(0x05, asc);
}

struct Extent {
	std::uint64_t lba, blocks;
};

/* Of READ and WRITE of any length. */
Extent extent(std::span<const std::uint8_t> cdb)
{
	switch (cdb[0] >> 5) {
	case 0:
		return {number(cdb.subspan(1, 3)) & 0x1fffff, cdb[4] != 0 ? cdb[4] : 256u};
	case 4:
		return {number(cdb.subspan(2, 8)), number(cdb.subspan(10, 4))};
	default:
		return {number(cdb.subspan(2, 4)), number(cdb.subspan(7, 2))};
	}
}

Answer cut(Bytes data, std::size_t allocation)
{
	data.resize(std::min(data.size(), allocation));
	return {.status = 0, .sense = {}, .data = std::move(data)};
}

Answer luns(std::size_t allocation)
{
	Bytes list(16);
	put(list, 0, 4, 8);
	list[9] = 1; // LUN 1, peripheral device addressing
	return cut(std::move(list), allocation);
}

/* The caching page says that there is a cache, so that SYNCHRONIZE CACHE is used. */
Answer mode_sense(std::span<const std::uint8_t> cdb)
{
	const bool ten = cdb[0] == mode_sense_10;
	const auto page = cdb[2] & 0x3f;
	const std::size_t head = ten ? 8 : 4;
	Bytes data(head);
	if (page == 0x08 || page == 0x3f) {
		data.resize(head + 20);
		data[head] = 0x08;
		data[head + 1] = 18;
		data[head + 2] = 0x04; // WCE
	}
	put(data, 0, ten ? 2 : 1, data.size() - (ten ? 2 : 1));
	return cut(std::move(data), ten ? number(cdb.subspan(7, 2)) : cdb[4]);
}

} // namespace

std::uint64_t Disk::wanted(std::span<const std::uint8_t> cdb)
{
	switch (cdb[0]) {
	case write_6:
	case write_10:
	case write_16:
		return extent(cdb).blocks * block;
	case unmap_code:
		return number(cdb.subspan(7, 2));
	case write_same_16:
		return (cdb[1] & 0x01) != 0 ? 0 : block; // NDOB
	default:
		return 0;
	}
}

Answer Disk::absent(std::span<const std::uint8_t> cdb)
{
	if (cdb[0] == report_luns)
		return luns(number(cdb.subspan(6, 4)));
	if (cdb[0] != inquiry_code)
		return illegal(0x25); // LOGICAL UNIT NOT SUPPORTED
	Bytes data(36);
	data[0] = 0x7f;
	data[2] = 0x06;
	data[4] = 31;
	return cut(std::move(data), number(cdb.subspan(3, 2)));
}

bool Disk::holds(std::uint64_t lba, std::uint64_t blocks) const
{
	const std::uint64_t all = storage_.bytes().size() / block;
	return lba <= all && blocks <= all - lba;
}

Answer Disk::read(std::uint64_t lba, std::uint64_t blocks) const
{
	if (!holds(lba, blocks))
		return illegal(0x21); // LOGICAL BLOCK ADDRESS OUT OF RANGE
	const auto from = storage_.bytes().subspan(lba * block, blocks * block);
	return {.status = 0, .sense = {}, .data = Bytes(from.begin(), from.end())};
}

Answer Disk::write(std::uint64_t lba, std::uint64_t blocks, std::span<const std::uint8_t> data)
{
	if (!holds(lba, blocks))
		return illegal(0x21);
	if (data.size() < blocks * block)
		return illegal(0x24); // INVALID FIELD IN CDB
	std::copy_n(data.begin(), blocks * block, blocks_at(lba, blocks).begin());
	storage_.keep(lba * block, blocks * block);
	return {};
}

Answer Disk::unmap(std::span<const std::uint8_t> list)
{
	if (list.size() < 8)
		return {};
	const auto length = std::min<std::size_t>(number(list.subspan(2, 2)), list.size() - 8);
	for (std::size_t at = 8; at + 16 <= 8 + length; at += 16) {
		const auto lba = number(list.subspan(at, 8));
		const auto blocks = number(list.subspan(at + 8, 4));
		if (!holds(lba, blocks))
			return illegal(0x21);
		std::ranges::fill(blocks_at(lba, blocks), std::uint8_t{0});
		storage_.keep(lba * block, blocks * block);
	}
	return {};
}

Answer Disk::write_same(std::span<const std::uint8_t> cdb, std::span<const std::uint8_t> data)
{
	const auto lba = number(cdb.subspan(2, 8)), blocks = number(cdb.subspan(10, 4));
	if (!holds(lba, blocks))
		return illegal(0x21);
	if (blocks > most_blocks)
		return illegal(0x24);
	for (auto i = lba; i < lba + blocks; i++) {
		const auto to = blocks_at(i, 1);
		if (data.size() < block)
			std::ranges::fill(to, std::uint8_t{0});
		else
			std::copy_n(data.begin(), block, to.begin());
	}
	storage_.keep(lba * block, blocks * block);
	return {};
}

Answer Disk::inquiry(std::span<const std::uint8_t> cdb) const
{
	constexpr std::string_view vendor = "HAWSER  RECOVERING DISK 1   ", serial = "recovering-1";
	const auto allocation = number(cdb.subspan(3, 2));
	const auto page = [&](std::uint8_t code, Bytes body) {
		body.insert(body.begin(), {0, code, static_cast<std::uint8_t>(body.size() >> 8),
					   static_cast<std::uint8_t>(body.size())});
		return cut(std::move(body), allocation);
	};
	if ((cdb[1] & 0x01) == 0) {
		Bytes data(36);
		data[2] = 0x06; // SPC-4
		data[3] = 0x02;
		data[4] = 31;
		data[7] = 0x02; // CMDQUE
		std::copy(vendor.begin(), vendor.end(), data.begin() + 8);
		return cut(std::move(data), allocation);
	}
	switch (cdb[2]) {
	case 0x00:
		return page(0x00, {0x00, 0x80, 0x83, 0xb0, 0xb2});
	case 0x80:
		return page(0x80, Bytes(serial.begin(), serial.end()));
	case 0x83: {
		Bytes designator = {0x02, 0x01, 0x00, static_cast<std::uint8_t>(8 + serial.size())};
		designator.insert(designator.end(), vendor.begin(), vendor.begin() + 8);
		designator.insert(designator.end(), serial.begin(), serial.end());
		return page(0x83, std::move(designator));
	}
	case 0xb0: {
		Bytes limits(60);
		put(limits, 4, 4, 8192);	 // MAXIMUM TRANSFER LENGTH, blocks
		put(limits, 16, 4, most_blocks); // MAXIMUM UNMAP LBA COUNT
		put(limits, 20, 4, 1);		 // MAXIMUM UNMAP BLOCK DESCRIPTOR COUNT
		put(limits, 24, 4, 1);		 // OPTIMAL UNMAP GRANULARITY
		put(limits, 32, 8, most_blocks); // MAXIMUM WRITE SAME LENGTH
		return page(0xb0, std::move(limits));
	}
	case 0xb2:
		return page(0xb2, {0x00, 0xc4, 0x02, 0x00}); // LBPU, LBPWS, LBPRZ; thin
	default:
		return illegal(0x24);
	}
}

Answer Disk::execute(std::span<const std::uint8_t> cdb, std::span<const std::uint8_t> data)
{
	const std::uint64_t last = storage_.bytes().size() / block - 1;

	switch (cdb[0]) {
	case test_unit_ready:
	case start_stop:
	case synchronize_cache_10:
	case synchronize_cache_16:
		return {};
	case request_sense: {
		Bytes sense(18);
		sense[0] = 0x70;
		sense[7] = 10;
		return cut(std::move(sense), cdb[4]);
	}
	case inquiry_code:
		return inquiry(cdb);
	case mode_sense_6:
	case mode_sense_10:
		return mode_sense(cdb);
	case report_luns:
		return luns(number(cdb.subspan(6, 4)));
	case read_capacity_10: {
		Bytes capacity(8);
		put(capacity, 0, 4, std::min<std::uint64_t>(last, 0xffffffff));
		put(capacity, 4, 4, block);
		return cut(std::move(capacity), 8);
	}
	case service_action_in_16: {
		if ((cdb[1] & 0x1f) != 0x10)
			return illegal(0x24);
		Bytes capacity(32);
		put(capacity, 0, 8, last);
		put(capacity, 8, 4, block);
		capacity[14] = 0xc0; // LBPME, LBPRZ
		return cut(std::move(capacity), number(cdb.subspan(10, 4)));
	}
	case read_6:
	case read_10:
	case read_16:
		return read(extent(cdb).lba, extent(cdb).blocks);
	case write_6:
	case write_10:
	case write_16:
		return write(extent(cdb).lba, extent(cdb).blocks, data);
	case unmap_code:
		return unmap(data);
	case write_same_16:
		return write_same(cdb, data);
	default:
		return illegal(0x20); // INVALID COMMAND OPERATION CODE
	}
}

} // namespace hawser::target
