/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "proto.h"

#include <cstdlib>
#include <cstring>
#include <iostream>

namespace hawser::proto
{

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
	const char *value = std::getenv(name);

	return value ? std::strtoull(value, nullptr, 0) : otherwise;
}

Random::Random()
    : seed_(from_environment("HAWSER_TEST_SEED", std::random_device()())), engine_(seed_)
{
	std::cout << "HAWSER_TEST_SEED=" << seed_ << std::endl;
}

uint32_t Random::between(uint32_t low, uint32_t high)
{
	/* The same on every machine, which std::uniform_int_distribution is not. */
	return low + engine_() % (uint64_t{high} - low + 1);
}

uint32_t Random::edgy()
{
	const uint32_t near = between(0, 4) - 2;

	switch (between(0, 5)) {
	case 0:
		return near;
	case 1:
		return 0x80000000u + near;
	case 2:
		return 0x7fffffffu + near;
	default:
		return static_cast<uint32_t>(engine_());
	}
}

uint64_t steps(uint64_t n)
{
	return n * from_environment("HAWSER_TEST_SCALE", 100) / 100;
}

union hws_header bare(uint8_t opcode)
{
	union hws_header h;

	std::memset(&h, 0, sizeof(h));
	h.bhs.opcode = opcode;
	h.bhs.flags = HWS_FLAG_FINAL;
	return h;
}

union hws_header data_in(uint32_t data_sn, uint32_t offset, uint32_t length, uint8_t flags)
{
	union hws_header h = bare(HWS_OP_DATA_IN);

	h.data_in.flags = flags;
	h.data_in.ttt = cpu_to_be32(HWS_RESERVED_TAG);
	h.data_in.data_sn = cpu_to_be32(data_sn);
	h.data_in.offset = cpu_to_be32(offset);
	hws_set_data_length(&h, length);
	return h;
}

union hws_header response(uint8_t status, uint8_t flags, uint32_t residual)
{
	union hws_header h = bare(HWS_OP_SCSI_RESPONSE);

	h.response.flags |= flags;
	h.response.status = status;
	h.response.residual = cpu_to_be32(residual);
	return h;
}

union hws_header r2t(uint32_t r2t_sn, uint32_t offset, uint32_t length, uint32_t ttt)
{
	union hws_header h = bare(HWS_OP_R2T);

	h.r2t.ttt = cpu_to_be32(ttt);
	h.r2t.r2t_sn = cpu_to_be32(r2t_sn);
	h.r2t.offset = cpu_to_be32(offset);
	h.r2t.desired_length = cpu_to_be32(length);
	return h;
}

} // namespace hawser::proto
