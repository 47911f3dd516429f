/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the test target's disk consists of: memory, or a file or block device that outlives it. */
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace hawser::target
{

class Storage
{
public:
	/* Memory. Throws std::system_error, as the other does. */
	explicit Storage(std::size_t bytes);
	/* All of a file or block device, which must be there. */
	explicit Storage(const std::string &path);
	Storage(const Storage &) = delete;
	Storage &operator=(const Storage &) = delete;
	~Storage();

	std::span<const std::uint8_t> bytes() const { return bytes_; }
	/* For a change of these bytes; see keep(). */
	std::span<std::uint8_t> at(std::size_t offset, std::size_t count)
	{
		return bytes_.subspan(offset, count);
	}
	/* The change there survives whatever happens to this machine, once this returned. */
	void keep(std::size_t offset, std::size_t count);

private:
	void map(std::size_t bytes, int flags, int fd);

	std::span<std::uint8_t> bytes_;
	bool outlives_ = false;
};

} // namespace hawser::target
