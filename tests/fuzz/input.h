/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the fuzzers share: the input taken apart, a check that ends the run when it does not
 * hold, and whether a bug is planted.
 */
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <vector>

namespace hawser::fuzz
{

/* The input, taken from its front. At its end all is 0. */
class Input
{
public:
	Input(const std::uint8_t *data, std::size_t size) : rest_(data, size) {}

	bool empty() const { return rest_.empty(); }
	std::uint8_t byte()
	{
		if (rest_.empty())
			return 0;
		const auto value = rest_.front();
		rest_ = rest_.subspan(1);
		return value;
	}
	/* The first byte is the highest. */
	std::uint16_t number16() { return static_cast<std::uint16_t>(number(2)); }
	std::uint32_t number32() { return number(4); }
	/* Up to @count bytes. */
	std::vector<std::uint8_t> bytes(std::size_t count)
	{
		const auto part = rest_.first(std::min(count, rest_.size()));
		rest_ = rest_.subspan(part.size());
		return {part.begin(), part.end()};
	}
	std::vector<std::uint8_t> rest() { return bytes(rest_.size()); }

private:
	std::uint32_t number(int bytes)
	{
		std::uint32_t value = 0;
		for (int i = 0; i < bytes; i++)
			value = value << 8 | byte();
		return value;
	}

	std::span<const std::uint8_t> rest_;
};

/*
 * Each fuzzer has one place where, in a run with this, it breaks a rule on behalf of the code
 * that it is for. The search must find that; the corpus has no input that does.
 */
inline const bool planted = std::getenv("HAWSER_PLANT") != nullptr;

inline void require(bool holds, const char *file, int line, const char *what)
{
	if (holds)
		return;
	std::fprintf(stderr, "%s:%d: broken: %s\n", file, line, what);
	std::abort();
}

} // namespace hawser::fuzz

/* Holds, or the fuzzer has found something. */
#define REQUIRE_FUZZ(...)                                                                          \
	::hawser::fuzz::require(static_cast<bool>(__VA_ARGS__), __FILE__, __LINE__, #__VA_ARGS__)
