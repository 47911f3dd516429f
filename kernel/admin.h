/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Requests by hand: each waits for its answer in a work item of its own, and
 * tells it in an event.
 */
#ifndef _HWS_ADMIN_H
#define _HWS_ADMIN_H

#include <linux/types.h>

struct hws_conn;
struct hws_session;
struct netlink_ext_ack;

int hws_admin_ping(struct hws_session *session, struct hws_conn *conn, u32 id,
		   u32 size);
int hws_admin_text(struct hws_session *session, struct hws_conn *conn, u32 id,
		   const u8 *text, u32 length);
int hws_admin_tmf(struct hws_session *session, struct hws_conn *conn, u32 id,
		  u8 function, const u8 *lun,
		  struct netlink_ext_ack *extack);

#endif /* _HWS_ADMIN_H */
