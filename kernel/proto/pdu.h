/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The PDUs of full feature phase as they stand on the wire, RFC 7143 section
 * 11. Every basic header segment is 48 bytes; all fields are naturally aligned.
 */
#ifndef _HWS_PROTO_PDU_H
#define _HWS_PROTO_PDU_H

#include "shim.h"

enum {
	HWS_BHS_LEN = 48,
	HWS_DIGEST_LEN = 4,
	HWS_PAD_TO = 4,
	HWS_LUN_BYTES = 8,
	HWS_CDB_LEN = 16,
	HWS_AHS_MAX = 255 * 4,	/* TotalAHSLength counts four-byte words */
	HWS_DATA_SEGMENT_MAX = (1 << 24) - 1,
};

#define HWS_RESERVED_TAG	0xffffffffu

/* Section 11.2.1.2. Initiator opcodes first, then the target's. */
enum hws_opcode {
	HWS_OP_NOP_OUT = 0x00,
	HWS_OP_SCSI_COMMAND = 0x01,
	HWS_OP_TMF_REQUEST = 0x02,
	HWS_OP_LOGIN_REQUEST = 0x03,
	HWS_OP_TEXT_REQUEST = 0x04,
	HWS_OP_DATA_OUT = 0x05,
	HWS_OP_LOGOUT_REQUEST = 0x06,
	HWS_OP_SNACK = 0x10,

	HWS_OP_NOP_IN = 0x20,
	HWS_OP_SCSI_RESPONSE = 0x21,
	HWS_OP_TMF_RESPONSE = 0x22,
	HWS_OP_LOGIN_RESPONSE = 0x23,
	HWS_OP_TEXT_RESPONSE = 0x24,
	HWS_OP_DATA_IN = 0x25,
	HWS_OP_LOGOUT_RESPONSE = 0x26,
	HWS_OP_R2T = 0x31,
	HWS_OP_ASYNC_MESSAGE = 0x32,
	HWS_OP_REJECT = 0x3f,
};

#define HWS_OPCODE_MASK		0x3f
#define HWS_OP_IMMEDIATE	0x40

#define HWS_FLAG_FINAL		0x80
#define HWS_FLAG_CONTINUE	0x40	/* text */

/* SCSI Command, section 11.3.1 */
#define HWS_COMMAND_READ	0x40
#define HWS_COMMAND_WRITE	0x20
#define HWS_COMMAND_ATTR_SIMPLE	0x01
#define HWS_COMMAND_ATTR_ORDERED 0x02
#define HWS_COMMAND_ATTR_HEAD	0x03
#define HWS_COMMAND_ATTR_ACA	0x04

/* SCSI Response and Data-In, sections 11.4.1 and 11.7.1 */
#define HWS_RESPONSE_BIDI_OVERFLOW	0x10
#define HWS_RESPONSE_BIDI_UNDERFLOW	0x08
#define HWS_RESPONSE_OVERFLOW	0x04
#define HWS_RESPONSE_UNDERFLOW	0x02
#define HWS_DATA_IN_ACK		0x40
#define HWS_DATA_IN_STATUS	0x01

/* SCSI Response, section 11.4.3 */
#define HWS_RESPONSE_COMPLETED	0x00
#define HWS_RESPONSE_TARGET_FAILURE 0x01

#define HWS_COMMAND_PRIORITY_SHIFT 4

/* iSCSIProtocolLevel from which on RFC 7144 may be used: levels are cumulative */
#define HWS_LEVEL_RFC7144	2

/* Task management, sections 11.5.1 and 11.6.1; from 9 on, RFC 7144 section 6.3 */
enum hws_tmf {
	HWS_TMF_ABORT_TASK = 1,
	HWS_TMF_ABORT_TASK_SET = 2,
	HWS_TMF_CLEAR_ACA = 3,
	HWS_TMF_CLEAR_TASK_SET = 4,
	HWS_TMF_LU_RESET = 5,
	HWS_TMF_TARGET_WARM_RESET = 6,
	HWS_TMF_TARGET_COLD_RESET = 7,
	HWS_TMF_TASK_REASSIGN = 8,
	HWS_TMF_QUERY_TASK = 9,
	HWS_TMF_QUERY_TASK_SET = 10,
	HWS_TMF_I_T_NEXUS_RESET = 11,
	HWS_TMF_QUERY_ASYNC_EVENT = 12,
};

enum hws_tmf_response {
	HWS_TMF_RSP_COMPLETE = 0,
	HWS_TMF_RSP_NO_TASK = 1,
	HWS_TMF_RSP_NO_LUN = 2,
	HWS_TMF_RSP_TASK_ALLEGIANT = 3,
	HWS_TMF_RSP_NO_REASSIGN = 4,
	HWS_TMF_RSP_NOT_SUPPORTED = 5,
	HWS_TMF_RSP_NOT_AUTHORIZED = 6,
	HWS_TMF_RSP_SUCCEEDED = 7,	/* RFC 7144 section 6.4.2 */
	HWS_TMF_RSP_REJECTED = 255,
};

/* Logout, sections 11.14.1 and 11.15.1 */
enum hws_logout_reason {
	HWS_LOGOUT_CLOSE_SESSION = 0,
	HWS_LOGOUT_CLOSE_CONNECTION = 1,
	HWS_LOGOUT_RECOVERY = 2,
};

/* Asynchronous Message, section 11.9.1 */
enum hws_async_event {
	HWS_ASYNC_SCSI = 0,
	HWS_ASYNC_LOGOUT = 1,
	HWS_ASYNC_DROP_CONNECTION = 2,
	HWS_ASYNC_DROP_SESSION = 3,
	HWS_ASYNC_NEGOTIATE = 4,
	HWS_ASYNC_TASKS_TERMINATED = 5,
	HWS_ASYNC_VENDOR = 255,
};

/* Reject, section 11.17.1: code, id (of its counter, too), text for the log */
#define HWS_REJECT_REASONS(X)                                                 \
	X(0x02, DATA_DIGEST, "the data segment came damaged")                 \
	X(0x03, SNACK, "it does not serve the SNACK")                         \
	X(0x04, PROTOCOL, "a protocol error")                                 \
	X(0x05, NOT_SUPPORTED, "it does not support the command")             \
	X(0x06, IMMEDIATE, "too many immediate requests")                     \
	X(0x07, TASK_IN_PROGRESS, "the task is in progress")                  \
	X(0x08, INVALID_DATA_ACK, "an invalid DataACK")                       \
	X(0x09, INVALID_FIELD, "an invalid field")                            \
	X(0x0a, LONG_OPERATION, "it has no Target Transfer Tag left")         \
	X(0x0b, NEGOTIATION_RESET, "the negotiation is reset")                \
	X(0x0c, WAITING_FOR_LOGOUT, "it waits for a logout")

#define HWS_REJECT_ENUM_ROW(code, id, text)	HWS_REJECT_##id = (code),

enum hws_reject_reason {
	HWS_REJECT_REASONS(HWS_REJECT_ENUM_ROW)
};

/* SNACK, section 11.16.1 */
enum hws_snack_type {
	HWS_SNACK_DATA = 0,	/* Data-In or R2T */
	HWS_SNACK_STATUS = 1,
	HWS_SNACK_DATA_ACK = 2,
	HWS_SNACK_R_DATA = 3,
};

#define HWS_SNACK_TYPE_MASK	0x0f

/* What every PDU of either direction has in the same place. */
struct hws_bhs {
	u8 opcode;
	u8 flags;
	u8 specific[2];
	u8 ahs_words;		/* TotalAHSLength */
	u8 data_length[3];	/* DataSegmentLength, bytes without pad */
	u8 lun[HWS_LUN_BYTES];
	__be32 itt;
	u8 rest[28];
};

struct hws_scsi_command {
	u8 opcode;
	u8 flags;
	u8 priority;		/* RFC 7144 section 5.1.1, in the upper half */
	u8 rsvd;
	u8 ahs_words;
	u8 data_length[3];
	u8 lun[HWS_LUN_BYTES];
	__be32 itt;
	__be32 expected_length;
	__be32 cmd_sn;
	__be32 exp_stat_sn;
	u8 cdb[HWS_CDB_LEN];
};

struct hws_scsi_response {
	u8 opcode;
	u8 flags;
	u8 response;
	u8 status;
	u8 ahs_words;
	u8 data_length[3];
	u8 rsvd[8];
	__be32 itt;
	__be32 snack_tag;
	__be32 stat_sn;
	__be32 exp_cmd_sn;
	__be32 max_cmd_sn;
	__be32 exp_data_sn;
	__be32 bidi_residual;
	__be32 residual;
};

struct hws_data_out {
	u8 opcode;
	u8 flags;
	u8 rsvd[2];
	u8 ahs_words;
	u8 data_length[3];
	u8 lun[HWS_LUN_BYTES];
	__be32 itt;
	__be32 ttt;
	__be32 rsvd1;
	__be32 exp_stat_sn;
	__be32 rsvd2;
	__be32 data_sn;
	__be32 offset;
	__be32 rsvd3;
};

struct hws_data_in {
	u8 opcode;
	u8 flags;
	u8 rsvd;
	u8 status;
	u8 ahs_words;
	u8 data_length[3];
	u8 lun[HWS_LUN_BYTES];
	__be32 itt;
	__be32 ttt;
	__be32 stat_sn;
	__be32 exp_cmd_sn;
	__be32 max_cmd_sn;
	__be32 data_sn;
	__be32 offset;
	__be32 residual;
};

struct hws_r2t_pdu {
	u8 opcode;
	u8 flags;
	u8 rsvd[2];
	u8 ahs_words;
	u8 data_length[3];
	u8 lun[HWS_LUN_BYTES];
	__be32 itt;
	__be32 ttt;
	__be32 stat_sn;
	__be32 exp_cmd_sn;
	__be32 max_cmd_sn;
	__be32 r2t_sn;
	__be32 offset;
	__be32 desired_length;
};

struct hws_tmf_request {
	u8 opcode;
	u8 function;
	u8 rsvd[2];
	u8 ahs_words;
	u8 data_length[3];
	u8 lun[HWS_LUN_BYTES];
	__be32 itt;
	__be32 ref_itt;
	__be32 cmd_sn;
	__be32 exp_stat_sn;
	__be32 ref_cmd_sn;
	__be32 exp_data_sn;
	u8 rsvd1[8];
};

struct hws_tmf_response_pdu {
	u8 opcode;
	u8 flags;
	u8 response;
	u8 rsvd;
	u8 ahs_words;
	u8 data_length[3];
	u8 rsvd1[8];
	__be32 itt;
	__be32 rsvd2;
	__be32 stat_sn;
	__be32 exp_cmd_sn;
	__be32 max_cmd_sn;
	u8 rsvd3[12];
};

struct hws_nop_out {
	u8 opcode;
	u8 flags;
	u8 rsvd[2];
	u8 ahs_words;
	u8 data_length[3];
	u8 lun[HWS_LUN_BYTES];
	__be32 itt;
	__be32 ttt;
	__be32 cmd_sn;
	__be32 exp_stat_sn;
	u8 rsvd1[16];
};

struct hws_nop_in {
	u8 opcode;
	u8 flags;
	u8 rsvd[2];
	u8 ahs_words;
	u8 data_length[3];
	u8 lun[HWS_LUN_BYTES];
	__be32 itt;
	__be32 ttt;
	__be32 stat_sn;
	__be32 exp_cmd_sn;
	__be32 max_cmd_sn;
	u8 rsvd1[12];
};

struct hws_text_request {
	u8 opcode;
	u8 flags;
	u8 rsvd[2];
	u8 ahs_words;
	u8 data_length[3];
	u8 lun[HWS_LUN_BYTES];
	__be32 itt;
	__be32 ttt;
	__be32 cmd_sn;
	__be32 exp_stat_sn;
	u8 rsvd1[16];
};

struct hws_text_response {
	u8 opcode;
	u8 flags;
	u8 rsvd[2];
	u8 ahs_words;
	u8 data_length[3];
	u8 lun[HWS_LUN_BYTES];
	__be32 itt;
	__be32 ttt;
	__be32 stat_sn;
	__be32 exp_cmd_sn;
	__be32 max_cmd_sn;
	u8 rsvd1[12];
};

struct hws_logout_request {
	u8 opcode;
	u8 reason;
	u8 rsvd[2];
	u8 ahs_words;
	u8 data_length[3];
	u8 rsvd1[8];
	__be32 itt;
	__be16 cid;
	u8 rsvd2[2];
	__be32 cmd_sn;
	__be32 exp_stat_sn;
	u8 rsvd3[16];
};

struct hws_logout_response {
	u8 opcode;
	u8 flags;
	u8 response;
	u8 rsvd;
	u8 ahs_words;
	u8 data_length[3];
	u8 rsvd1[8];
	__be32 itt;
	__be32 rsvd2;
	__be32 stat_sn;
	__be32 exp_cmd_sn;
	__be32 max_cmd_sn;
	__be32 rsvd3;
	__be16 time2wait;
	__be16 time2retain;
	__be32 rsvd4;
};

struct hws_async_message {
	u8 opcode;
	u8 flags;
	u8 rsvd[2];
	u8 ahs_words;
	u8 data_length[3];
	u8 lun[HWS_LUN_BYTES];
	__be32 itt;		/* always the reserved tag */
	__be32 rsvd1;
	__be32 stat_sn;
	__be32 exp_cmd_sn;
	__be32 max_cmd_sn;
	u8 event;
	u8 vcode;
	__be16 parameter1;
	__be16 parameter2;
	__be16 parameter3;
	__be32 rsvd2;
};

struct hws_reject {
	u8 opcode;
	u8 flags;
	u8 reason;
	u8 rsvd;
	u8 ahs_words;
	u8 data_length[3];
	u8 rsvd1[8];
	__be32 itt;		/* always the reserved tag */
	__be32 rsvd2;
	__be32 stat_sn;
	__be32 exp_cmd_sn;
	__be32 max_cmd_sn;
	__be32 data_sn;
	u8 rsvd3[8];
};

struct hws_snack {
	u8 opcode;
	u8 type;
	u8 rsvd[2];
	u8 ahs_words;
	u8 data_length[3];
	u8 lun[HWS_LUN_BYTES];
	__be32 itt;
	__be32 ttt;
	__be32 rsvd1;
	__be32 exp_stat_sn;
	u8 rsvd2[8];
	__be32 beg_run;
	__be32 run_length;
};

union hws_header {
	struct hws_bhs bhs;
	struct hws_scsi_command command;
	struct hws_scsi_response response;
	struct hws_data_out data_out;
	struct hws_data_in data_in;
	struct hws_r2t_pdu r2t;
	struct hws_tmf_request tmf;
	struct hws_tmf_response_pdu tmf_response;
	struct hws_nop_out nop_out;
	struct hws_nop_in nop_in;
	struct hws_text_request text;
	struct hws_text_response text_response;
	struct hws_logout_request logout;
	struct hws_logout_response logout_response;
	struct hws_async_message async;
	struct hws_reject reject;
	struct hws_snack snack;
	u8 bytes[HWS_BHS_LEN];
};

#define HWS_ASSERT_BHS(type) \
	_Static_assert(sizeof(type) == HWS_BHS_LEN, #type " is not a BHS")
HWS_ASSERT_BHS(struct hws_bhs);
HWS_ASSERT_BHS(struct hws_scsi_command);
HWS_ASSERT_BHS(struct hws_scsi_response);
HWS_ASSERT_BHS(struct hws_data_out);
HWS_ASSERT_BHS(struct hws_data_in);
HWS_ASSERT_BHS(struct hws_r2t_pdu);
HWS_ASSERT_BHS(struct hws_tmf_request);
HWS_ASSERT_BHS(struct hws_tmf_response_pdu);
HWS_ASSERT_BHS(struct hws_nop_out);
HWS_ASSERT_BHS(struct hws_nop_in);
HWS_ASSERT_BHS(struct hws_text_request);
HWS_ASSERT_BHS(struct hws_text_response);
HWS_ASSERT_BHS(struct hws_logout_request);
HWS_ASSERT_BHS(struct hws_logout_response);
HWS_ASSERT_BHS(struct hws_async_message);
HWS_ASSERT_BHS(struct hws_reject);
HWS_ASSERT_BHS(struct hws_snack);
HWS_ASSERT_BHS(union hws_header);

static inline u8 hws_opcode(const union hws_header *h)
{
	return h->bhs.opcode & HWS_OPCODE_MASK;
}

static inline u32 hws_data_length(const union hws_header *h)
{
	return (u32)h->bhs.data_length[0] << 16 |
	       (u32)h->bhs.data_length[1] << 8 | h->bhs.data_length[2];
}

static inline void hws_set_data_length(union hws_header *h, u32 length)
{
	h->bhs.data_length[0] = length >> 16;
	h->bhs.data_length[1] = length >> 8;
	h->bhs.data_length[2] = length;
}

/* Bytes that fill a data segment of this length up to a whole word. */
static inline u32 hws_pad(u32 length)
{
	return -length & (HWS_PAD_TO - 1);
}

#endif /* _HWS_PROTO_PDU_H */
