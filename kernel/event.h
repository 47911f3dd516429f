/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Events for the multicast group. Any context but for hws_event_text(), which
 * may sleep; a message for which there is no
 * memory is dropped, as the uapi header says that events may be.
 */
#ifndef _HWS_EVENT_H
#define _HWS_EVENT_H

#include <hawser/hawser.h>

#include "proto/pdu.h"

struct hws_conn;
struct hws_session;

extern atomic64_t hws_generation;

void hws_event_session(struct hws_session *session, enum hws_event event);
void hws_event_state(struct hws_session *session, u8 state);
void hws_event_up(struct hws_conn *conn);
void hws_event_removed(struct hws_conn *conn);
void hws_event_lost(struct hws_conn *conn, u8 loss, u16 time2wait);
void hws_event_async(struct hws_conn *conn, const struct hws_async_message *h,
		     const u8 *data, u32 length);
void hws_event_unit_attention(struct hws_session *session, const u8 *lun,
			      const u8 *sense, u32 length);
void hws_event_scan(struct hws_session *session, int error, u32 added,
		    u32 removed);
void hws_event_ping(struct hws_session *session, u32 id, u32 size, int error,
		    u64 rtt_ns);
void hws_event_text(struct hws_session *session, u32 id, int error,
		    const u8 *text, u32 length);
void hws_event_tmf(struct hws_session *session, u32 id, u8 function,
		   const u8 *lun, int error, u8 response);

#endif /* _HWS_EVENT_H */
