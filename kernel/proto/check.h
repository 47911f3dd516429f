/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What can be said of a target's PDU from its header alone, before any field
 * of it is used.
 */
#ifndef _HWS_PROTO_CHECK_H
#define _HWS_PROTO_CHECK_H

#include "pdu.h"
#include "violation.h"

/*
 * @max_recv_data_segment_length: what we declared on this connection. Returns
 * HWS_V_NONE when the opcode is one that a target sends in full feature phase
 * and its fixed fields are legal.
 */
enum hws_violation hws_check_header(const union hws_header *h,
				    u32 max_recv_data_segment_length);

/* Does StatSN of this PDU count as a status, so that the next is one more? */
bool hws_counts_stat_sn(const union hws_header *h);

/* Has this PDU a valid StatSN field? (Data-In has one only with status.) */
bool hws_has_stat_sn(const union hws_header *h);

#endif /* _HWS_PROTO_CHECK_H */
