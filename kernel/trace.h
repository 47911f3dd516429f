/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints: each PDU sent and received, each change of state, of the policy and
 * of what it has a connection do.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM hawser

#if !defined(_HWS_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _HWS_TRACE_H

#include <linux/tracepoint.h>

#include "connection.h"
#include "policy.h"
#include "proto/pdu.h"
#include "session.h"

#define hws_show_opcode(op)                                                    \
	__print_symbolic(op,                                                   \
		{ HWS_OP_NOP_OUT, "NOP-Out" },                                 \
		{ HWS_OP_SCSI_COMMAND, "SCSI Command" },                       \
		{ HWS_OP_TMF_REQUEST, "TMF Request" },                         \
		{ HWS_OP_TEXT_REQUEST, "Text Request" },                       \
		{ HWS_OP_DATA_OUT, "Data-Out" },                               \
		{ HWS_OP_LOGOUT_REQUEST, "Logout Request" },                   \
		{ HWS_OP_SNACK, "SNACK" },                                     \
		{ HWS_OP_NOP_IN, "NOP-In" },                                   \
		{ HWS_OP_SCSI_RESPONSE, "SCSI Response" },                     \
		{ HWS_OP_TMF_RESPONSE, "TMF Response" },                       \
		{ HWS_OP_TEXT_RESPONSE, "Text Response" },                     \
		{ HWS_OP_DATA_IN, "Data-In" },                                 \
		{ HWS_OP_LOGOUT_RESPONSE, "Logout Response" },                 \
		{ HWS_OP_R2T, "R2T" },                                         \
		{ HWS_OP_ASYNC_MESSAGE, "Async Message" },                     \
		{ HWS_OP_REJECT, "Reject" })

#define HWS_SYMBOL(value, name) { value, name }
#define hws_show_policy(policy)                                                \
	__print_symbolic(policy, HWS_POLICY_NAMES(HWS_SYMBOL))

DECLARE_EVENT_CLASS(hws_pdu,
	TP_PROTO(struct hws_conn *conn, const union hws_header *h),
	TP_ARGS(conn, h),
	TP_STRUCT__entry(
		__field(u32, sid)
		__field(u16, cid)
		__field(u8, opcode)
		__field(u8, flags)
		__field(u32, itt)
		__field(u32, length)
		__array(u8, header, HWS_BHS_LEN)
	),
	TP_fast_assign(
		__entry->sid = conn->session->sid;
		__entry->cid = conn->params.cid;
		__entry->opcode = hws_opcode(h);
		__entry->flags = h->bhs.flags;
		__entry->itt = be32_to_cpu(h->bhs.itt);
		__entry->length = hws_data_length(h);
		memcpy(__entry->header, h->bytes, HWS_BHS_LEN);
	),
	TP_printk("sid=%u cid=%u %s flags=0x%02x itt=0x%08x length=%u",
		  __entry->sid, __entry->cid, hws_show_opcode(__entry->opcode),
		  __entry->flags, __entry->itt, __entry->length)
);

DEFINE_EVENT(hws_pdu, hws_pdu_sent,
	TP_PROTO(struct hws_conn *conn, const union hws_header *h),
	TP_ARGS(conn, h)
);

DEFINE_EVENT(hws_pdu, hws_pdu_received,
	TP_PROTO(struct hws_conn *conn, const union hws_header *h),
	TP_ARGS(conn, h)
);

TRACE_EVENT(hws_session_state,
	TP_PROTO(struct hws_session *session, u8 from, u8 to),
	TP_ARGS(session, from, to),
	TP_STRUCT__entry(
		__field(u32, sid)
		__field(u8, from)
		__field(u8, to)
	),
	TP_fast_assign(
		__entry->sid = session->sid;
		__entry->from = from;
		__entry->to = to;
	),
	TP_printk("sid=%u from=%u to=%u", __entry->sid, __entry->from,
		  __entry->to)
);

TRACE_EVENT(hws_conn_state,
	TP_PROTO(struct hws_conn *conn, int from, int to),
	TP_ARGS(conn, from, to),
	TP_STRUCT__entry(
		__field(u32, sid)
		__field(u16, cid)
		__field(int, from)
		__field(int, to)
	),
	TP_fast_assign(
		__entry->sid = conn->session->sid;
		__entry->cid = conn->params.cid;
		__entry->from = from;
		__entry->to = to;
	),
	TP_printk("sid=%u cid=%u from=%d to=%d", __entry->sid, __entry->cid,
		  __entry->from, __entry->to)
);

TRACE_EVENT(hws_policy,
	TP_PROTO(struct hws_session *session, u8 from, u8 to),
	TP_ARGS(session, from, to),
	TP_STRUCT__entry(
		__field(u32, sid)
		__field(u8, from)
		__field(u8, to)
	),
	TP_fast_assign(
		__entry->sid = session->sid;
		__entry->from = from;
		__entry->to = to;
	),
	TP_printk("sid=%u from=%s to=%s", __entry->sid,
		  hws_show_policy(__entry->from), hws_show_policy(__entry->to))
);

/* From now on new commands go over the connection, or none do. */
TRACE_EVENT(hws_conn_carries,
	TP_PROTO(struct hws_conn *conn, bool carries),
	TP_ARGS(conn, carries),
	TP_STRUCT__entry(
		__field(u32, sid)
		__field(u16, cid)
		__field(bool, carries)
		__field(u8, role)
		__field(u32, weight)
	),
	TP_fast_assign(
		__entry->sid = conn->session->sid;
		__entry->cid = conn->params.cid;
		__entry->carries = carries;
		__entry->role = conn->params.role;
		__entry->weight = conn->params.weight;
	),
	TP_printk("sid=%u cid=%u carries=%d role=%s weight=%u", __entry->sid,
		  __entry->cid, __entry->carries,
		  __print_symbolic(__entry->role,
				   { HWS_ROLE_ACTIVE, "active" },
				   { HWS_ROLE_STANDBY, "standby" }),
		  __entry->weight)
);

#endif /* _HWS_TRACE_H */

#undef TRACE_INCLUDE_PATH
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_PATH .
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
