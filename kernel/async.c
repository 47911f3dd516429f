// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a target says unasked, RFC 7143 section 11.9. Under the socket lock. A
 * message is an event for userspace as well, unless there are too many.
 */
#include <linux/ratelimit.h>

#include "connection.h"
#include "event.h"
#include "log.h"
#include "recovery.h"
#include "response.h"
#include "session.h"
#include "stats.h"
#include "text.h"

enum hws_violation hws_async_pdu(struct hws_conn *conn,
				 const union hws_header *h)
{
	const struct hws_async_message *a = &h->async;
	struct hws_session *session = conn->session;
	u16 cid;

	HWS_COUNT_CONN(conn, RX_ASYNC, 1);
	/* Userspace looks after other sessions as well. */
	if (__ratelimit(&conn->async_events))
		hws_event_async(conn, a, conn->in.keep, conn->in.kept);

	switch (a->event) {
	case HWS_ASYNC_SCSI:
		hws_notice(session, "the target reports a SCSI event");
		break;
	case HWS_ASYNC_LOGOUT:
		hws_notice(session, "the target asks for a logout within %u s",
			   be16_to_cpu(a->parameter3));
		hws_conn_leave(conn, session->params.time2wait,
			       be16_to_cpu(a->parameter3));
		break;
	case HWS_ASYNC_NEGOTIATE:
		hws_notice(session, "the target asks for a negotiation");
		hws_negotiate(conn);
		break;
	case HWS_ASYNC_DROP_CONNECTION:
		cid = be16_to_cpu(a->parameter1);
		hws_notice(session, "the target drops connection %u", cid);
		hws_session_dropped(session, &cid, be16_to_cpu(a->parameter2));
		break;
	case HWS_ASYNC_DROP_SESSION:
		hws_notice(session, "the target drops all connections");
		hws_session_dropped(session, NULL, be16_to_cpu(a->parameter2));
		break;
	default:
		hws_notice(session, "an asynchronous message 0x%02x, code 0x%02x",
			   a->event, a->vcode);
	}
	return HWS_V_NONE;
}
