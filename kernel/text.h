/* SPDX-License-Identifier: GPL-2.0-only */
/* Text exchanges in full feature phase, RFC 7143 sections 11.10 and 11.11. */
#ifndef _HWS_TEXT_EXCHANGE_H
#define _HWS_TEXT_EXCHANGE_H

#include <linux/workqueue.h>

struct hws_conn;
struct hws_request;
struct hws_session;

/* The memory is kvmalloc'd, and the caller's to free, by kvfree(), when it is over. */
struct hws_exchange {
	u8 *text;		/* what is asked; NULL for no text */
	u32 length;		/* bytes of it */
	u8 *answer;		/* HWS_TEXT_MAX bytes, or NULL */
	u32 answered;		/* bytes there */
};

int hws_text_exchange(struct hws_session *session, struct hws_conn *conn,
		      struct hws_exchange *x);

void hws_text_answered(struct hws_conn *conn, const struct hws_request *r);

void hws_negotiate(struct hws_conn *conn);
void hws_negotiate_work(struct work_struct *work);

#endif /* _HWS_TEXT_EXCHANGE_H */
