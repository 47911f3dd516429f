/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/fd.h"

#include <catch2/catch.hpp>
#include <fcntl.h>

using namespace hawser;

namespace
{

bool is_open(int fd)
{
	return ::fcntl(fd, F_GETFD) >= 0;
}

int open_something()
{
	return ::open("/dev/null", O_RDONLY | O_CLOEXEC);
}

} // namespace

TEST_CASE("a descriptor is closed when its owner goes")
{
	int raw;
	{
		Fd fd(open_something());
		raw = fd.get();
		REQUIRE(is_open(raw));
	}
	CHECK(!is_open(raw));
}

TEST_CASE("a moved descriptor has one owner")
{
	Fd first(open_something());
	const int raw = first.get();
	Fd second(std::move(first));

	CHECK(!first);
	CHECK(second.get() == raw);
	Fd third(open_something());
	const int replaced = third.get();
	third = std::move(second);
	CHECK(!is_open(replaced));
	CHECK(is_open(raw));
}

TEST_CASE("a released descriptor stays open")
{
	int raw;
	{
		Fd fd(open_something());
		raw = fd.release();
		CHECK(!fd);
	}
	CHECK(is_open(raw));
	::close(raw);
}
