/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What response.c shares with those that see to some of a target's PDUs: repair.c,
 * async.c, reject.c. Under the socket lock.
 */
#ifndef _HWS_RESPONSE_H
#define _HWS_RESPONSE_H

#include <linux/types.h>

#include "proto/pdu.h"
#include "proto/violation.h"

struct hws_conn;
struct hws_task;
struct hws_text;

struct hws_task *hws_response_task(struct hws_conn *conn, __be32 itt);
void hws_response_status(struct hws_conn *conn, struct hws_task *task,
			 const union hws_header *h, const u8 *sense,
			 u32 sense_length);
int hws_response_text_error(const struct hws_text *t);

enum hws_violation hws_async_pdu(struct hws_conn *conn,
				 const union hws_header *h);
enum hws_violation hws_reject_pdu(struct hws_conn *conn,
				  const union hws_header *h);

#endif /* _HWS_RESPONSE_H */
