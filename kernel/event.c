// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events for the multicast group "events".
 */
#include <scsi/scsi_host.h>

#include "event.h"
#include "netlink.h"

/* Moves with every change of state; dumps carry it. */
atomic64_t hws_generation = ATOMIC64_INIT(1);

enum { GROUP_EVENTS = 0 };

/*
 * There is no memory for an event. Who listens learns that one is missing as when
 * its own queue was full, and reads a dump. Any context.
 */
static void tell_missed(void)
{
	/* The family, and so every listener, is of this namespace. */
	genl_set_err(&hws_genl_family, &init_net, 0, GROUP_EVENTS, -ENOBUFS);
}

static struct sk_buff *begin_as(struct hws_session *session,
				enum hws_event event, size_t extra,
				void **header, gfp_t gfp)
{
	struct sk_buff *skb = genlmsg_new(512 + extra, gfp);

	if (!skb)
		return NULL;
	*header = genlmsg_put(skb, 0, 0, &hws_genl_family, 0, HWS_CMD_EVENT);
	if (!*header ||
	    nla_put_u64_64bit(skb, HWS_A_GENERATION,
			      atomic64_read(&hws_generation), HWS_A_PAD) ||
	    nla_put_u8(skb, HWS_A_EVENT, event) ||
	    nla_put_u32(skb, HWS_A_SID, session->sid)) {
		nlmsg_free(skb);
		return NULL;
	}
	return skb;
}

static struct sk_buff *begin(struct hws_session *session, enum hws_event event,
			     size_t extra, void **header)
{
	struct sk_buff *skb = begin_as(session, event, extra, header, GFP_ATOMIC);

	if (unlikely(!skb))
		tell_missed();
	return skb;
}

/* @full: it did not fit, which the sizes above rule out; then it is lost. */
static void send(struct sk_buff *skb, void *header, bool full)
{
	if (WARN_ON_ONCE(full)) {
		nlmsg_free(skb);
		tell_missed();
		return;
	}
	genlmsg_end(skb, header);
	/* ESRCH: nobody listens. */
	genlmsg_multicast(&hws_genl_family, skb, 0, GROUP_EVENTS, GFP_ATOMIC);
}

void hws_event_session(struct hws_session *session, enum hws_event event)
{
	struct sk_buff *skb;
	void *header;

	atomic64_inc(&hws_generation);
	skb = begin(session, event, 0, &header);
	if (skb)
		send(skb, header, nla_put_u32(skb, HWS_A_HOST,
					      session->shost->host_no));
}

void hws_event_state(struct hws_session *session, u8 state)
{
	struct sk_buff *skb;
	struct nlattr *nest;
	void *header;
	bool full;

	atomic64_inc(&hws_generation);
	skb = begin(session, HWS_EVENT_SESSION_STATE, 0, &header);
	if (!skb)
		return;
	nest = nla_nest_start(skb, HWS_A_SESSION);
	full = !nest || nla_put_u8(skb, HWS_SESSION_A_STATE, state);
	if (!full)
		nla_nest_end(skb, nest);
	send(skb, header, full);
}

static bool put_conn(struct sk_buff *skb, struct hws_conn *conn, u8 loss)
{
	struct nlattr *nest = nla_nest_start(skb, HWS_A_CONNECTION);

	if (!nest || nla_put_u16(skb, HWS_CONN_A_CID, conn->params.cid) ||
	    (loss && nla_put_u8(skb, HWS_CONN_A_LOSS, loss)))
		return true;
	nla_nest_end(skb, nest);
	return false;
}

static void tell_conn(struct hws_conn *conn, enum hws_event event)
{
	struct sk_buff *skb;
	void *header;

	atomic64_inc(&hws_generation);
	skb = begin(conn->session, event, 0, &header);
	if (skb)
		send(skb, header, put_conn(skb, conn, 0));
}

void hws_event_up(struct hws_conn *conn)
{
	tell_conn(conn, HWS_EVENT_CONNECTION_UP);
}

void hws_event_removed(struct hws_conn *conn)
{
	tell_conn(conn, HWS_EVENT_CONNECTION_REMOVED);
}

void hws_event_lost(struct hws_conn *conn, u8 loss, u16 time2wait)
{
	struct sk_buff *skb;
	struct nlattr *nest;
	void *header;
	bool full;

	atomic64_inc(&hws_generation);
	skb = begin(conn->session, HWS_EVENT_CONNECTION_LOST, 0, &header);
	if (!skb)
		return;
	full = put_conn(skb, conn, loss);
	nest = nla_nest_start(skb, HWS_A_SESSION);
	full = full || !nest ||
	       nla_put_u16(skb, HWS_SESSION_A_TIME2WAIT, time2wait);
	if (!full)
		nla_nest_end(skb, nest);
	send(skb, header, full);
}

static bool put_async(struct sk_buff *skb, const struct hws_async_message *h,
		      const u8 *data, u32 length)
{
	struct nlattr *nest = nla_nest_start(skb, HWS_A_ASYNC);

	if (!nest || nla_put_u8(skb, HWS_ASYNC_A_EVENT, h->event) ||
	    nla_put_u8(skb, HWS_ASYNC_A_VCODE, h->vcode) ||
	    nla_put_u16(skb, HWS_ASYNC_A_PARAMETER1,
			be16_to_cpu(h->parameter1)) ||
	    nla_put_u16(skb, HWS_ASYNC_A_PARAMETER2,
			be16_to_cpu(h->parameter2)) ||
	    nla_put_u16(skb, HWS_ASYNC_A_PARAMETER3,
			be16_to_cpu(h->parameter3)) ||
	    nla_put(skb, HWS_ASYNC_A_LUN, HWS_LUN_LEN, h->lun) ||
	    nla_put(skb, HWS_ASYNC_A_DATA, length, data))
		return true;
	nla_nest_end(skb, nest);
	return false;
}

void hws_event_async(struct hws_conn *conn, const struct hws_async_message *h,
		     const u8 *data, u32 length)
{
	struct sk_buff *skb;
	void *header;

	skb = begin(conn->session, HWS_EVENT_ASYNC, HWS_IN_KEEP, &header);
	if (skb)
		send(skb, header, put_conn(skb, conn, 0) ||
				  put_async(skb, h, data, length));
}

void hws_event_unit_attention(struct hws_session *session, const u8 *lun,
			      const u8 *sense, u32 length)
{
	struct sk_buff *skb;
	struct nlattr *nest;
	void *header;
	bool full;

	skb = begin(session, HWS_EVENT_UNIT_ATTENTION, HWS_IN_KEEP, &header);
	if (!skb)
		return;
	nest = nla_nest_start(skb, HWS_A_ASYNC);
	full = !nest || nla_put(skb, HWS_ASYNC_A_LUN, HWS_LUN_LEN, lun) ||
	       nla_put(skb, HWS_ASYNC_A_DATA, length, sense);
	if (!full)
		nla_nest_end(skb, nest);
	send(skb, header, full);
}

void hws_event_scan(struct hws_session *session, int error, u32 added,
		    u32 removed)
{
	struct sk_buff *skb;
	struct nlattr *nest;
	void *header;
	bool full;

	atomic64_inc(&hws_generation);
	skb = begin(session, HWS_EVENT_SCAN, 0, &header);
	if (!skb)
		return;
	nest = nla_nest_start(skb, HWS_A_SCAN);
	full = !nest || nla_put_u32(skb, HWS_SCAN_A_STATUS, error) ||
	       nla_put_u32(skb, HWS_SCAN_A_ADDED, added) ||
	       nla_put_u32(skb, HWS_SCAN_A_REMOVED, removed);
	if (!full)
		nla_nest_end(skb, nest);
	send(skb, header, full);
}

void hws_event_ping(struct hws_session *session, u32 id, u32 size, int error,
		    u64 rtt_ns)
{
	struct sk_buff *skb;
	struct nlattr *nest;
	void *header;
	bool full;

	skb = begin(session, HWS_EVENT_PING, 0, &header);
	if (!skb)
		return;
	nest = nla_nest_start(skb, HWS_A_PING);
	full = !nest || nla_put_u32(skb, HWS_PING_A_ID, id) ||
	       nla_put_u32(skb, HWS_PING_A_SIZE, size) ||
	       nla_put_u32(skb, HWS_PING_A_STATUS, error) ||
	       nla_put_u64_64bit(skb, HWS_PING_A_RTT_NS, rtt_ns,
				 HWS_PING_A_PAD);
	if (!full)
		nla_nest_end(skb, nest);
	send(skb, header, full);
}

void hws_event_tmf(struct hws_session *session, u32 id, u8 function,
		   const u8 *lun, int error, u8 response)
{
	struct sk_buff *skb;
	struct nlattr *nest;
	void *header;
	bool full;

	skb = begin(session, HWS_EVENT_TMF, 0, &header);
	if (!skb)
		return;
	nest = nla_nest_start(skb, HWS_A_TMF);
	full = !nest || nla_put_u32(skb, HWS_TMF_A_ID, id) ||
	       nla_put_u8(skb, HWS_TMF_A_FUNCTION, function) ||
	       (lun && nla_put(skb, HWS_TMF_A_LUN, HWS_LUN_LEN, lun)) ||
	       nla_put_u32(skb, HWS_TMF_A_STATUS, error) ||
	       nla_put_u8(skb, HWS_TMF_A_RESPONSE, response);
	if (!full)
		nla_nest_end(skb, nest);
	send(skb, header, full);
}

/* Without memory for the answer, that is what is told. Process context. */
void hws_event_text(struct hws_session *session, u32 id, int error,
		    const u8 *text, u32 length)
{
	struct sk_buff *skb;
	struct nlattr *nest;
	void *header;
	bool full;

	skb = begin_as(session, HWS_EVENT_TEXT, length, &header, GFP_KERNEL);
	if (!skb && length) {
		error = ENOMEM;
		skb = begin(session, HWS_EVENT_TEXT, 0, &header);
	}
	if (!skb)
		return;
	nest = nla_nest_start(skb, HWS_A_TEXT);
	full = !nest || nla_put_u32(skb, HWS_TEXT_A_ID, id) ||
	       nla_put_u32(skb, HWS_TEXT_A_STATUS, error) ||
	       (!error && nla_put(skb, HWS_TEXT_A_TEXT, length, text));
	if (!full)
		nla_nest_end(skb, nest);
	send(skb, header, full);
}
