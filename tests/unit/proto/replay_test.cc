/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "proto.h"

#include <array>
#include <set>

using namespace hawser::proto;

namespace
{

bool safe(uint8_t opcode, uint8_t device_type, bool passthrough = false, uint8_t action = 0)
{
	std::array<uint8_t, HWS_CDB_LEN> cdb{};

	cdb[0] = opcode;
	cdb[1] = action;
	return hws_replay_is_safe(cdb.data(), device_type, passthrough);
}

bool safe_long(uint16_t service_action, uint8_t device_type)
{
	std::array<uint8_t, HWS_CDB_LEN> cdb{};

	cdb[0] = 0x7f;
	cdb[8] = service_action >> 8;
	cdb[9] = service_action & 0xff;
	return hws_replay_is_safe(cdb.data(), device_type, false);
}

enum : uint8_t {
	disk = 0x00,
	tape = 0x01,
	printer = 0x02,
	write_once = 0x04,
	cd = 0x05,
	optical = 0x07,
	changer = 0x08,
	simplified = 0x0e,
	zoned = 0x14,
};

const std::set<uint8_t> reads = {0x08, 0x28, 0x88, 0xa8};
const std::set<uint8_t> writes = {0x0a, 0x2a, 0x8a, 0xaa, 0x2e, 0x8e, 0xae};
/* TEST UNIT READY, INQUIRY, MODE SENSE, READ CAPACITY, REPORT LUNS, MAINTENANCE IN */
const std::set<uint8_t> questions = {0x00, 0x12, 0x1a, 0x25, 0x5a, 0xa0, 0xa3};

} // namespace

TEST_CASE("reading, writing and unmapping blocks of a disk may be done twice")
{
	for (const std::set<uint8_t> &opcodes : {reads, writes})
		for (uint8_t opcode : opcodes)
			CHECK(safe(opcode, disk));
	for (uint8_t opcode : {0x2f, 0x8f, 0x35, 0x91, 0x41, 0x93, 0x9c, 0x42})
		CHECK(safe(opcode, disk));
}

TEST_CASE("CDBs of 32 bytes go by their service action")
{
	/* SBC: READ(32), VERIFY(32), WRITE(32), WRITE AND VERIFY(32), WRITE SAME(32) */
	for (uint16_t action = 0; action < 0x1000; action++) {
		CHECK(safe_long(action, disk) == (action >= 0x0009 && action <= 0x000d));
		CHECK(safe_long(action, write_once) == (action == 0x0009));
		CHECK_FALSE(safe_long(action, tape));
	}
	CHECK_FALSE(safe_long(0x0109, disk));
}

TEST_CASE("what reserves, compares, moves or is unknown may not be done twice, on any device")
{
	/* COMPARE AND WRITE, reservations, FORMAT UNIT, START STOP, EXTENDED COPY... */
	for (uint8_t opcode : {0x89, 0x5f, 0x16, 0x17, 0x04, 0x1b, 0x83, 0x3b, 0x15, 0x55, 0x07,
			       0x1d, 0xa5, 0x7f, 0x9f, 0xc0, 0xff})
		for (unsigned int type = 0; type < 32; type++)
			CHECK_FALSE(safe(opcode, type));
}

TEST_CASE("a question may be asked of any device twice, by anybody")
{
	for (uint8_t opcode : questions)
		for (unsigned int type = 0; type < 32; type++)
			for (bool passthrough : {false, true})
				CHECK(safe(opcode, type, passthrough));
}

TEST_CASE("of SERVICE ACTION IN only the capacity and the provisioning are questions")
{
	for (unsigned int action = 0; action < 32; action++)
		CHECK(safe(0x9e, disk, false, action) == (action == 0x10 || action == 0x12));
	/* The three high bits belong to no service action. */
	CHECK(safe(0x9e, disk, false, 0xe0 | 0x10));
}

TEST_CASE("what passes through is issued again only when it just asks")
{
	for (unsigned int opcode = 0; opcode < 256; opcode++)
		CHECK(safe(opcode, disk, true) == (questions.count(opcode) == 1));
}

TEST_CASE("tapes, changers and what is not a disk get no data command twice")
{
	for (unsigned int type : {tape, changer, printer})
		for (unsigned int opcode = 0; opcode < 256; opcode++)
			CHECK(safe(opcode, type) == (questions.count(opcode) == 1));
}

TEST_CASE("media that can be written once, or in order, are read twice, and not written twice")
{
	for (uint8_t type : {write_once, cd, optical, zoned}) {
		for (uint8_t opcode : reads)
			CHECK(safe(opcode, type));
		for (uint8_t opcode : writes)
			CHECK_FALSE(safe(opcode, type));
	}
	for (uint8_t opcode : writes)
		CHECK(safe(opcode, simplified));
}

TEST_CASE("only the list decides: every other opcode is unsafe on a disk")
{
	std::set<uint8_t> known = {0x2f, 0x8f, 0x35, 0x91, 0x41, 0x93, 0x9c, 0x42};

	for (const std::set<uint8_t> &opcodes : {reads, writes, questions})
		known.insert(opcodes.begin(), opcodes.end());
	for (unsigned int opcode = 0; opcode < 256; opcode++)
		CHECK(safe(opcode, disk) == (known.count(opcode) == 1));
}
