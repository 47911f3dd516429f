/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kernel/proto/ as C++ sees it, and what its tests share: random numbers that
 * can be had again, and the PDUs of a target.
 */
#ifndef HAWSER_TESTS_UNIT_PROTO_PROTO_H
#define HAWSER_TESTS_UNIT_PROTO_PROTO_H

#define _Static_assert static_assert
extern "C" {
#include "proto/check.h"
#include "proto/command.h"
#include "proto/declared.h"
#include "proto/extents.h"
#include "proto/frame.h"
#include "proto/gaps.h"
#include "proto/keepalive.h"
#include "proto/pdu.h"
#include "proto/policy.h"
#include "proto/read.h"
#include "proto/reassign.h"
#include "proto/repair.h"
#include "proto/replay.h"
#include "proto/serial.h"
#include "proto/silence.h"
#include "proto/state.h"
#include "proto/status.h"
#include "proto/tag.h"
#include "proto/text.h"
#include "proto/violation.h"
#include "proto/window.h"
#include "proto/write.h"
}
#undef _Static_assert

#include <catch2/catch.hpp>

#include <cstdint>
#include <random>

namespace hawser::proto
{

/* REQUIRE for loops of millions: costs nothing while it holds. */
#define MUST(condition)                                                                            \
	do {                                                                                       \
		if (!(condition))                                                                  \
			FAIL(#condition);                                                          \
	} while (0)

/*
 * The random numbers of one test. The seed is HAWSER_TEST_SEED, or new with each
 * run; it is printed, so that a failure can be had again.
 */
class Random
{
public:
	Random();

	uint64_t seed() const { return seed_; }
	/* From @low to @high, both included. */
	uint32_t between(uint32_t low, uint32_t high);
	/* True once in @n times. */
	bool once_in(uint32_t n) { return between(1, n) == 1; }
	/* Any 32 bits, edges more often than chance would have them. */
	uint32_t edgy();

private:
	uint64_t seed_;
	std::mt19937_64 engine_;
};

/*
 * @n steps of a random test, times HAWSER_TEST_SCALE percent: an emulated
 * processor does fewer, a soak more.
 */
uint64_t steps(uint64_t n);

/* The PDUs of a target, legal unless the test changes them. */
union hws_header data_in(uint32_t data_sn, uint32_t offset, uint32_t length, uint8_t flags = 0);
union hws_header response(uint8_t status, uint8_t flags = 0, uint32_t residual = 0);
union hws_header r2t(uint32_t r2t_sn, uint32_t offset, uint32_t length, uint32_t ttt = 1);
union hws_header bare(uint8_t opcode);

} // namespace hawser::proto

#endif
