/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "storage.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/mman.h>
#include <system_error>
#include <unistd.h>

namespace hawser::target
{

namespace
{

[[noreturn]] void fail(const std::string &what)
{
	throw std::system_error(errno, std::generic_category(), what);
}

} // namespace

void Storage::map(std::size_t bytes, int flags, int fd)
{
	void *at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, flags, fd, 0);
	if (at == MAP_FAILED)
		fail("mmap");
	bytes_ = {static_cast<std::uint8_t *>(at), bytes};
}

Storage::Storage(std::size_t bytes)
{
	map(bytes, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

Storage::Storage(const std::string &path) : outlives_(true)
{
	const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
	if (fd < 0)
		fail(path);
	const auto size = ::lseek(fd, 0, SEEK_END);
	try {
		if (size < 0)
			fail(path);
		map(static_cast<std::size_t>(size), MAP_SHARED, fd);
	} catch (...) {
		::close(fd);
		throw;
	}
	::close(fd);
}

Storage::~Storage()
{
	::munmap(bytes_.data(), bytes_.size());
}

void Storage::keep(std::size_t offset, std::size_t count)
{
	if (!outlives_ || count == 0)
		return;
	const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
	const auto first = offset / page * page;
	if (::msync(bytes_.data() + first, offset + count - first, MS_SYNC) != 0)
		fail("msync");
}

} // namespace hawser::target
