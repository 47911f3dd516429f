/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "proto.h"

#include <cstddef>
#include <cstring>

using namespace hawser::proto;

namespace
{

/* One field of a figure of RFC 7143 section 11: which byte, how many. */
struct Field {
	const char *name;
	size_t offset;
	size_t size;
	size_t figure_offset;
	size_t figure_size;
};

#define FIELD(type, field, at, bytes)                                                              \
	Field                                                                                      \
	{                                                                                          \
#type "." #field, offsetof(struct type, field), sizeof(type::field), at, bytes     \
	}

void compare(std::initializer_list<Field> fields)
{
	for (const Field &f : fields) {
		INFO(f.name);
		CHECK(f.offset == f.figure_offset);
		CHECK(f.size == f.figure_size);
	}
}

#define WITH_BHS(type, ...)                                                                        \
	compare({FIELD(type, opcode, 0, 1), FIELD(type, ahs_words, 4, 1),                          \
		 FIELD(type, data_length, 5, 3), FIELD(type, itt, 16, 4), __VA_ARGS__})

} // namespace

TEST_CASE("every field of a PDU of the initiator stands where the RFC's figure has it")
{
	/* 11.3 */
	WITH_BHS(hws_scsi_command, FIELD(hws_scsi_command, flags, 1, 1),
		 FIELD(hws_scsi_command, priority, 2, 1), FIELD(hws_scsi_command, lun, 8, 8),
		 FIELD(hws_scsi_command, expected_length, 20, 4),
		 FIELD(hws_scsi_command, cmd_sn, 24, 4),
		 FIELD(hws_scsi_command, exp_stat_sn, 28, 4), FIELD(hws_scsi_command, cdb, 32, 16));
	/* 11.5 */
	WITH_BHS(hws_tmf_request, FIELD(hws_tmf_request, function, 1, 1),
		 FIELD(hws_tmf_request, lun, 8, 8), FIELD(hws_tmf_request, ref_itt, 20, 4),
		 FIELD(hws_tmf_request, cmd_sn, 24, 4), FIELD(hws_tmf_request, exp_stat_sn, 28, 4),
		 FIELD(hws_tmf_request, ref_cmd_sn, 32, 4),
		 FIELD(hws_tmf_request, exp_data_sn, 36, 4));
	/* 11.7 */
	WITH_BHS(hws_data_out, FIELD(hws_data_out, flags, 1, 1), FIELD(hws_data_out, lun, 8, 8),
		 FIELD(hws_data_out, ttt, 20, 4), FIELD(hws_data_out, exp_stat_sn, 28, 4),
		 FIELD(hws_data_out, data_sn, 36, 4), FIELD(hws_data_out, offset, 40, 4));
	/* 11.14 */
	WITH_BHS(hws_logout_request, FIELD(hws_logout_request, reason, 1, 1),
		 FIELD(hws_logout_request, cid, 20, 2), FIELD(hws_logout_request, cmd_sn, 24, 4),
		 FIELD(hws_logout_request, exp_stat_sn, 28, 4));
	/* 11.18 */
	WITH_BHS(hws_nop_out, FIELD(hws_nop_out, flags, 1, 1), FIELD(hws_nop_out, lun, 8, 8),
		 FIELD(hws_nop_out, ttt, 20, 4), FIELD(hws_nop_out, cmd_sn, 24, 4),
		 FIELD(hws_nop_out, exp_stat_sn, 28, 4));
}

TEST_CASE("every field of a PDU of the target stands where the RFC's figure has it")
{
	/* 11.2.1 */
	WITH_BHS(hws_bhs, FIELD(hws_bhs, flags, 1, 1), FIELD(hws_bhs, specific, 2, 2),
		 FIELD(hws_bhs, lun, 8, 8), FIELD(hws_bhs, rest, 20, 28));
	/* 11.4 */
	WITH_BHS(hws_scsi_response, FIELD(hws_scsi_response, flags, 1, 1),
		 FIELD(hws_scsi_response, response, 2, 1), FIELD(hws_scsi_response, status, 3, 1),
		 FIELD(hws_scsi_response, snack_tag, 20, 4),
		 FIELD(hws_scsi_response, stat_sn, 24, 4),
		 FIELD(hws_scsi_response, exp_cmd_sn, 28, 4),
		 FIELD(hws_scsi_response, max_cmd_sn, 32, 4),
		 FIELD(hws_scsi_response, exp_data_sn, 36, 4),
		 FIELD(hws_scsi_response, bidi_residual, 40, 4),
		 FIELD(hws_scsi_response, residual, 44, 4));
	/* 11.6 */
	WITH_BHS(hws_tmf_response_pdu, FIELD(hws_tmf_response_pdu, flags, 1, 1),
		 FIELD(hws_tmf_response_pdu, response, 2, 1),
		 FIELD(hws_tmf_response_pdu, stat_sn, 24, 4),
		 FIELD(hws_tmf_response_pdu, exp_cmd_sn, 28, 4),
		 FIELD(hws_tmf_response_pdu, max_cmd_sn, 32, 4));
	/* 11.7 */
	WITH_BHS(hws_data_in, FIELD(hws_data_in, flags, 1, 1), FIELD(hws_data_in, status, 3, 1),
		 FIELD(hws_data_in, lun, 8, 8), FIELD(hws_data_in, ttt, 20, 4),
		 FIELD(hws_data_in, stat_sn, 24, 4), FIELD(hws_data_in, exp_cmd_sn, 28, 4),
		 FIELD(hws_data_in, max_cmd_sn, 32, 4), FIELD(hws_data_in, data_sn, 36, 4),
		 FIELD(hws_data_in, offset, 40, 4), FIELD(hws_data_in, residual, 44, 4));
	/* 11.8 */
	WITH_BHS(hws_r2t_pdu, FIELD(hws_r2t_pdu, flags, 1, 1), FIELD(hws_r2t_pdu, lun, 8, 8),
		 FIELD(hws_r2t_pdu, ttt, 20, 4), FIELD(hws_r2t_pdu, stat_sn, 24, 4),
		 FIELD(hws_r2t_pdu, exp_cmd_sn, 28, 4), FIELD(hws_r2t_pdu, max_cmd_sn, 32, 4),
		 FIELD(hws_r2t_pdu, r2t_sn, 36, 4), FIELD(hws_r2t_pdu, offset, 40, 4),
		 FIELD(hws_r2t_pdu, desired_length, 44, 4));
	/* 11.9 */
	WITH_BHS(hws_async_message, FIELD(hws_async_message, flags, 1, 1),
		 FIELD(hws_async_message, lun, 8, 8), FIELD(hws_async_message, stat_sn, 24, 4),
		 FIELD(hws_async_message, exp_cmd_sn, 28, 4),
		 FIELD(hws_async_message, max_cmd_sn, 32, 4),
		 FIELD(hws_async_message, event, 36, 1), FIELD(hws_async_message, vcode, 37, 1),
		 FIELD(hws_async_message, parameter1, 38, 2),
		 FIELD(hws_async_message, parameter2, 40, 2),
		 FIELD(hws_async_message, parameter3, 42, 2));
	/* 11.15 */
	WITH_BHS(hws_logout_response, FIELD(hws_logout_response, flags, 1, 1),
		 FIELD(hws_logout_response, response, 2, 1),
		 FIELD(hws_logout_response, stat_sn, 24, 4),
		 FIELD(hws_logout_response, exp_cmd_sn, 28, 4),
		 FIELD(hws_logout_response, max_cmd_sn, 32, 4),
		 FIELD(hws_logout_response, time2wait, 40, 2),
		 FIELD(hws_logout_response, time2retain, 42, 2));
	/* 11.17 */
	WITH_BHS(hws_reject, FIELD(hws_reject, flags, 1, 1), FIELD(hws_reject, reason, 2, 1),
		 FIELD(hws_reject, stat_sn, 24, 4), FIELD(hws_reject, exp_cmd_sn, 28, 4),
		 FIELD(hws_reject, max_cmd_sn, 32, 4), FIELD(hws_reject, data_sn, 36, 4));
	/* 11.19 */
	WITH_BHS(hws_nop_in, FIELD(hws_nop_in, flags, 1, 1), FIELD(hws_nop_in, lun, 8, 8),
		 FIELD(hws_nop_in, ttt, 20, 4), FIELD(hws_nop_in, stat_sn, 24, 4),
		 FIELD(hws_nop_in, exp_cmd_sn, 28, 4), FIELD(hws_nop_in, max_cmd_sn, 32, 4));
}

TEST_CASE("numbers go on the wire with their highest byte first")
{
	union hws_header h = data_in(0x01020304, 0xa1b2c3d4, 0x123456);

	CHECK(h.bytes[5] == 0x12);
	CHECK(h.bytes[6] == 0x34);
	CHECK(h.bytes[7] == 0x56);
	CHECK(std::memcmp(h.bytes + 36, "\x01\x02\x03\x04", 4) == 0);
	CHECK(std::memcmp(h.bytes + 40, "\xa1\xb2\xc3\xd4", 4) == 0);
	CHECK(be32_to_cpu(h.data_in.offset) == 0xa1b2c3d4);

	h.logout.cid = cpu_to_be16(0x1234);
	CHECK(h.bytes[20] == 0x12);
	CHECK(h.bytes[21] == 0x34);
	CHECK(be16_to_cpu(h.logout.cid) == 0x1234);
}

TEST_CASE("a DataSegmentLength comes back as it was set, and touches nothing else")
{
	for (uint32_t length : {0u, 1u, 255u, 256u, 65535u, 65536u, 0xffffffu}) {
		union hws_header h;

		std::memset(&h, 0xa5, sizeof(h));
		hws_set_data_length(&h, length);
		CHECK(hws_data_length(&h) == length);
		CHECK(h.bytes[4] == 0xa5);
		CHECK(h.bytes[8] == 0xa5);
	}
}

TEST_CASE("a data segment is padded to whole words of four bytes")
{
	CHECK(hws_pad(0) == 0);
	CHECK(hws_pad(1) == 3);
	CHECK(hws_pad(2) == 2);
	CHECK(hws_pad(3) == 1);
	CHECK(hws_pad(4) == 0);
	CHECK(hws_pad(HWS_DATA_SEGMENT_MAX) == 1);
}

TEST_CASE("the opcode is read without the immediate and the reserved bit")
{
	for (unsigned int byte = 0; byte < 256; byte++) {
		union hws_header h = bare(byte);

		CHECK(hws_opcode(&h) == (byte & 0x3f));
	}
}
