/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The test target's logical unit: a disk of 512-byte blocks, thin provisioned, as much of SPC-4 and
 * SBC-3 as Linux asks of a disk. What a command changed is kept before it ends, cache or not.
 */
#pragma once

#include "pdu.h"
#include "storage.h"

#include <cstdint>
#include <span>

namespace hawser::target
{

/* What a command came to. */
struct Answer {
	std::uint8_t status = 0; // SAM-5, 5.3.1
	Bytes sense, data;	 // data: to the initiator
};

class Disk
{
public:
	static constexpr std::size_t block = 512;

	/* In memory. */
	explicit Disk(std::size_t bytes) : storage_(bytes) {}
	/* All of a file or block device. */
	explicit Disk(const std::string &path) : storage_(path) {}

	/* Bytes that the command takes from the initiator. */
	static std::uint64_t wanted(std::span<const std::uint8_t> cdb);

	/* @data: what the initiator sent, at most wanted(). */
	Answer execute(std::span<const std::uint8_t> cdb, std::span<const std::uint8_t> data);

	/* For a LUN that is none: as above, but there is no unit (SPC-4, 6.6.2). */
	static Answer absent(std::span<const std::uint8_t> cdb);

private:
	Answer inquiry(std::span<const std::uint8_t> cdb) const;
	Answer read(std::uint64_t lba, std::uint64_t blocks) const;
	Answer write(std::uint64_t lba, std::uint64_t blocks, std::span<const std::uint8_t> data);
	Answer unmap(std::span<const std::uint8_t> list);
	Answer write_same(std::span<const std::uint8_t> cdb, std::span<const std::uint8_t> data);
	bool holds(std::uint64_t lba, std::uint64_t blocks) const;

	std::span<std::uint8_t> blocks_at(std::uint64_t lba, std::uint64_t blocks)
	{
		return storage_.at(lba * block, blocks * block);
	}

	Storage storage_;
};

} // namespace hawser::target
