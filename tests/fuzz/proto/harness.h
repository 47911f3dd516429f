/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the fuzzers of kernel/proto/ share: the headers, bytes to take decisions
 * from, and the end of a run that broke a rule.
 */
#ifndef HAWSER_TESTS_FUZZ_PROTO_HARNESS_H
#define HAWSER_TESTS_FUZZ_PROTO_HARNESS_H

#define _Static_assert static_assert
extern "C" {
#include "proto/check.h"
#include "proto/frame.h"
#include "proto/read.h"
#include "proto/status.h"
#include "proto/write.h"
}
#undef _Static_assert

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

/* Holds, or the fuzzer has found something. */
#define MUST(condition)                                                                            \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			std::fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__,            \
				     #condition);                                                  \
			std::abort();                                                              \
		}                                                                                  \
	} while (0)

/* The input, taken from its front. At its end all is 0. */
class Input
{
public:
	Input(const uint8_t *data, size_t size) : at_(data), end_(data + size) {}

	bool done() const { return at_ == end_; }
	uint8_t byte() { return done() ? 0 : *at_++; }
	uint32_t number()
	{
		uint32_t n = 0;

		for (int i = 0; i < 4; i++)
			n = n << 8 | byte();
		return n;
	}
	const uint8_t *rest() const { return at_; }
	size_t left() const { return end_ - at_; }

private:
	const uint8_t *at_;
	const uint8_t *end_;
};

#endif
