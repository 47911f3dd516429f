/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What response.c and repair.c share about a target's PDUs. Under the socket lock.
 */
#ifndef _HWS_RESPONSE_H
#define _HWS_RESPONSE_H

#include <linux/types.h>

#include "proto/pdu.h"
#include "proto/violation.h"

struct hws_conn;
struct hws_task;

struct hws_task *hws_response_task(struct hws_conn *conn, __be32 itt);
void hws_response_status(struct hws_conn *conn, struct hws_task *task,
			 const union hws_header *h, const u8 *sense,
			 u32 sense_length);

#endif /* _HWS_RESPONSE_H */
