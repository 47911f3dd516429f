/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The owner of one file descriptor: closes it once, can be moved and released. */
#pragma once

#include <unistd.h>
#include <utility>

namespace hawser
{

class Fd
{
public:
	Fd() = default;
	explicit Fd(int fd) : fd_(fd) {}
	Fd(Fd &&other) noexcept : fd_(other.release()) {}
	Fd &operator=(Fd &&other) noexcept
	{
		if (this != &other)
			reset(other.release());
		return *this;
	}
	Fd(const Fd &) = delete;
	Fd &operator=(const Fd &) = delete;
	~Fd() { reset(); }

	int get() const { return fd_; }
	explicit operator bool() const { return fd_ >= 0; }
	/* Gives the descriptor up: the caller closes it. */
	int release() { return std::exchange(fd_, -1); }
	void reset(int fd = -1)
	{
		const int old = std::exchange(fd_, fd);
		if (old >= 0)
			::close(old); // Linux frees the number even when close() fails
	}

private:
	int fd_ = -1;
};

} // namespace hawser
