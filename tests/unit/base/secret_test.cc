/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/secret.h"

#include "base/coding.h"
#include "base/log.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>

using namespace hawser;

namespace
{

template <class T>
concept Streamable = requires(std::ostream &o, const T &v)
{
	o << v;
};

/* The VmFlags line of the mapping that holds @address, from /proc/self/smaps. */
std::string vm_flags_of(const void *address)
{
	std::ifstream smaps("/proc/self/smaps");
	const auto wanted = reinterpret_cast<std::uintptr_t>(address);
	bool inside = false;

	for (std::string line; std::getline(smaps, line);) {
		std::uintptr_t first, last;
		char dash;
		std::istringstream range(line);
		if (range >> std::hex >> first >> dash >> last && dash == '-')
			inside = first <= wanted && wanted < last;
		else if (inside && line.starts_with("VmFlags:"))
			return line + " ";
	}
	return {};
}

} // namespace

TEST_CASE("a secret cannot be joined into a string, logged or streamed")
{
	STATIC_REQUIRE(Joinable<std::string>);
	STATIC_REQUIRE(!Joinable<Secret>);
	STATIC_REQUIRE(!Streamable<Secret>);
	STATIC_REQUIRE(!std::is_convertible_v<Secret, std::string_view>);
	STATIC_REQUIRE(!std::is_copy_constructible_v<Secret>);
}

TEST_CASE("a secret keeps its bytes and is compared by them")
{
	Secret secret("twelve bytes");

	CHECK(as_text(secret.bytes()) == "twelve bytes");
	CHECK(secret == secret.clone());
	CHECK(!(secret == Secret("twelve bytez")));
	CHECK(!(secret == Secret("twelve")));
	Secret moved = std::move(secret);
	CHECK(secret.empty());
	CHECK(as_text(moved.bytes()) == "twelve bytes");
	CHECK(Secret().empty());
}

TEST_CASE("a secret is filled in the place where it stays")
{
	const std::uint8_t *place = nullptr;
	const Secret secret = Secret::make(3, [&](std::span<std::uint8_t> bytes) {
		place = bytes.data();
		std::fill(bytes.begin(), bytes.end(), 'x');
	});
	CHECK(as_text(secret.bytes()) == "xxx");
	CHECK(secret.bytes().data() == place);
	CHECK(Secret::make(0, [](std::span<std::uint8_t> bytes) { CHECK(bytes.empty()); }).empty());
}

TEST_CASE("a secret is left out of core dumps and is locked when that is allowed")
{
	Secret secret("twelve bytes");
	const std::string flags = vm_flags_of(secret.bytes().data());

	REQUIRE(!flags.empty());
	CHECK(flags.find(" dd ") != std::string::npos);
	CHECK((flags.find(" lo ") != std::string::npos) == secret.locked());
}

TEST_CASE("a wiped string is empty and its bytes are gone")
{
	std::string text = "a secret that is longer than the small-string buffer";
	const char *bytes = text.data();
	const std::size_t size = text.size();

	wipe(text);
	CHECK(text.empty());
	text.resize(size, '.');
	CHECK(text.data() == bytes);
	Bytes raw{1, 2, 3};
	wipe(std::span(raw));
	CHECK(raw == Bytes{0, 0, 0});
}
