/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Takes a fuzzer's input apart, and a check that ends the run when it does not hold. */
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <vector>

namespace hawser::fuzz
{

class Input
{
public:
	Input(const std::uint8_t *data, std::size_t size) : rest_(data, size) {}

	bool empty() const { return rest_.empty(); }
	/* 0 when there is no more. */
	std::uint8_t byte()
	{
		if (rest_.empty())
			return 0;
		const auto value = rest_.front();
		rest_ = rest_.subspan(1);
		return value;
	}
	/* Up to @count bytes. */
	std::vector<std::uint8_t> bytes(std::size_t count)
	{
		const auto part = rest_.first(std::min(count, rest_.size()));
		rest_ = rest_.subspan(part.size());
		return {part.begin(), part.end()};
	}
	std::vector<std::uint8_t> rest() { return bytes(rest_.size()); }

private:
	std::span<const std::uint8_t> rest_;
};

inline void require(bool holds, const char *what)
{
	if (holds)
		return;
	std::fprintf(stderr, "does not hold: %s\n", what);
	std::abort();
}

} // namespace hawser::fuzz

#define REQUIRE_FUZZ(expression) ::hawser::fuzz::require((expression), #expression)
