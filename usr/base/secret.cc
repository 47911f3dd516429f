/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/secret.h"

#include "base/coding.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <sys/mman.h>
#include <unistd.h>
#include <utility>

namespace hawser
{

namespace
{

std::size_t whole_pages(std::size_t size)
{
	const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
	return (size + page - 1) / page * page;
}

} // namespace

Secret::Secret(std::span<const std::uint8_t> bytes)
{
	map(bytes.size());
	if (size_ != 0)
		std::memcpy(data_, bytes.data(), size_);
}

Secret::Secret(std::string_view text) : Secret(as_bytes(text)) {}

void Secret::map(std::size_t size)
{
	if (size == 0)
		return;
	const std::size_t length = whole_pages(size);
	void *map =
	    ::mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED)
		throw std::bad_alloc();
	locked_ = ::mlock(map, length) == 0;
	::madvise(map, length, MADV_DONTDUMP);
	data_ = static_cast<std::uint8_t *>(map);
	size_ = size;
}

Secret::Secret(Secret &&other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      locked_(std::exchange(other.locked_, false))
{
}

Secret &Secret::operator=(Secret &&other) noexcept
{
	if (this != &other) {
		clear();
		data_ = std::exchange(other.data_, nullptr);
		size_ = std::exchange(other.size_, 0);
		locked_ = std::exchange(other.locked_, false);
	}
	return *this;
}

Secret::~Secret()
{
	clear();
}

void Secret::clear() noexcept
{
	if (!data_)
		return;
	wipe(std::span(data_, size_));
	::munmap(data_, whole_pages(size_)); // unmapping unlocks too
	data_ = nullptr;
	size_ = 0;
	locked_ = false;
}

bool operator==(const Secret &a, const Secret &b)
{
	if (a.size_ != b.size_)
		return false;
	std::uint8_t difference = 0;
	for (std::size_t i = 0; i < a.size_; i++)
		difference |= a.data_[i] ^ b.data_[i];
	return difference == 0;
}

void wipe(std::span<std::uint8_t> bytes)
{
	// Nothing may have no address.
	if (!bytes.empty())
		::explicit_bzero(bytes.data(), bytes.size());
}

void wipe(std::string &text)
{
	::explicit_bzero(text.data(), text.size());
	text.clear();
}

} // namespace hawser
