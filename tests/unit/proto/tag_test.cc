/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "proto.h"

#include <hawser/hawser.h>

using namespace hawser::proto;

TEST_CASE("a tag gives its task's index back, whatever the generation")
{
	Random random;

	for (uint64_t i = 0; i < steps(1'000'000); i++) {
		const uint32_t index = random.between(0, HWS_TAG_INDEX_MAX);

		MUST(hws_tag_index(hws_tag(index, random.edgy())) == index);
	}
}

TEST_CASE("no tag is the reserved one")
{
	for (uint32_t index = 0; index <= HWS_TAG_INDEX_MAX; index++) {
		MUST(hws_tag(index, 0xffffffffu) != HWS_RESERVED_TAG);
		MUST(hws_tag(index, 0x7ffffu) != HWS_RESERVED_TAG);
	}
	CHECK(hws_tag_index(HWS_RESERVED_TAG) > HWS_TAG_INDEX_MAX);
}

TEST_CASE("a new generation is a new tag until the generations begin anew")
{
	const uint32_t generations = 1u << (32 - HWS_TAG_INDEX_BITS);

	for (uint32_t distance = 1; distance < generations; distance++)
		MUST(hws_tag(5, 7) != hws_tag(5, 7 + distance));
	CHECK(hws_tag(5, 7) == hws_tag(5, 7 + generations));
}

TEST_CASE("a session's largest set of tasks has indices for all")
{
	/* Its own requests, of which there are at most some dozens, come on top. */
	CHECK(HWS_CMDS_MAX_MAX + 64 <= HWS_TAG_INDEX_MAX);
}
