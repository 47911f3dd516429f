// SPDX-License-Identifier: GPL-2.0-only
/*
 * What userspace is told of a session. Each value is read once; together they
 * are as of about now, which is what a reader of a live session can have.
 */
#include <linux/in.h>
#include <linux/in6.h>
#include <scsi/scsi_host.h>
#include <scsi/scsi_transport_iscsi.h>

#include "netlink.h"
#include "stats.h"

static bool put_params(struct sk_buff *skb, const struct hws_session_params *p)
{
	return nla_put_u16(skb, HWS_SESSION_A_TSIH, p->tsih) ||
	       nla_put_u8(skb, HWS_SESSION_A_INITIAL_R2T, p->initial_r2t) ||
	       nla_put_u8(skb, HWS_SESSION_A_IMMEDIATE_DATA,
			  p->immediate_data) ||
	       nla_put_u32(skb, HWS_SESSION_A_FIRST_BURST_LENGTH,
			   p->first_burst_length) ||
	       nla_put_u32(skb, HWS_SESSION_A_MAX_BURST_LENGTH,
			   p->max_burst_length) ||
	       nla_put_u16(skb, HWS_SESSION_A_MAX_OUTSTANDING_R2T,
			   p->max_outstanding_r2t) ||
	       nla_put_u8(skb, HWS_SESSION_A_DATA_PDU_IN_ORDER,
			  p->data_pdu_in_order) ||
	       nla_put_u8(skb, HWS_SESSION_A_DATA_SEQUENCE_IN_ORDER,
			  p->data_sequence_in_order) ||
	       nla_put_u8(skb, HWS_SESSION_A_ERL, p->erl) ||
	       nla_put_u8(skb, HWS_SESSION_A_TASK_REPORTING,
			  p->task_reporting) ||
	       nla_put_u8(skb, HWS_SESSION_A_PROTOCOL_LEVEL,
			  p->protocol_level) ||
	       nla_put_u16(skb, HWS_SESSION_A_MAX_CONNECTIONS,
			   p->max_connections) ||
	       nla_put_u16(skb, HWS_SESSION_A_TIME2WAIT, p->time2wait) ||
	       nla_put_u16(skb, HWS_SESSION_A_TIME2RETAIN, p->time2retain);
}

static bool put_config(struct sk_buff *skb, const struct hws_session *session)
{
	const struct hws_session_config *c = &session->config;

	return nla_put_string(skb, HWS_SESSION_A_INITIATOR_NAME,
			      c->initiator_name) ||
	       nla_put_string(skb, HWS_SESSION_A_INITIATOR_ALIAS,
			      c->initiator_alias) ||
	       nla_put_string(skb, HWS_SESSION_A_TARGET_NAME, c->target_name) ||
	       nla_put_string(skb, HWS_SESSION_A_TARGET_ALIAS,
			      c->target_alias) ||
	       nla_put(skb, HWS_SESSION_A_ISID, HWS_ISID_LEN, c->isid) ||
	       nla_put_u16(skb, HWS_SESSION_A_TPGT, c->tpgt) ||
	       nla_put_string(skb, HWS_SESSION_A_IFACE, c->iface) ||
	       nla_put_string(skb, HWS_SESSION_A_USERNAME, c->username) ||
	       nla_put_string(skb, HWS_SESSION_A_USERNAME_IN,
			      c->username_in) ||
	       nla_put(skb, HWS_SESSION_A_OWNER_KEY, c->owner_key_len,
		       c->owner_key) ||
	       nla_put_u32(skb, HWS_SESSION_A_CMDS_MAX, c->cmds_max) ||
	       nla_put_u32(skb, HWS_SESSION_A_QUEUE_DEPTH, c->queue_depth) ||
	       nla_put_s32(skb, HWS_SESSION_A_RECOVERY_TMO,
			   READ_ONCE(session->cls->recovery_tmo)) ||
	       nla_put_u32(skb, HWS_SESSION_A_ABORT_TMO, c->abort_tmo) ||
	       nla_put_u32(skb, HWS_SESSION_A_LU_RESET_TMO, c->lu_reset_tmo) ||
	       nla_put_u32(skb, HWS_SESSION_A_TGT_RESET_TMO,
			   c->tgt_reset_tmo) ||
	       nla_put_u8(skb, HWS_SESSION_A_SCAN, c->scan) ||
	       nla_put_u8(skb, HWS_SESSION_A_STABLE_WRITES,
			  c->stable_writes) ||
	       nla_put_u8(skb, HWS_SESSION_A_POLICY, READ_ONCE(c->policy));
}

static bool put_live(struct sk_buff *skb, struct hws_session *session)
{
	return nla_put_u8(skb, HWS_SESSION_A_STATE,
			  hws_session_state(session)) ||
	       nla_put_u32(skb, HWS_SESSION_A_CMD_SN,
			   atomic_read(&session->cmd_sn)) ||
	       nla_put_u32(skb, HWS_SESSION_A_EXP_CMD_SN,
			   atomic_read(&session->exp_cmd_sn)) ||
	       nla_put_u32(skb, HWS_SESSION_A_MAX_CMD_SN,
			   atomic_read(&session->max_cmd_sn)) ||
	       (session->last_loss &&
		nla_put_u8(skb, HWS_SESSION_A_LAST_LOSS, session->last_loss)) ||
	       nla_put_u32(skb, HWS_SESSION_A_DEVICES,
			   hws_session_devices(session));
}

static bool put_address(struct sk_buff *skb, const struct sockaddr_storage *a,
			int address_attr, int port_attr)
{
	char text[sizeof("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255")];
	u16 port;

	switch (a->ss_family) {
	case AF_INET:
		snprintf(text, sizeof(text), "%pI4",
			 &((struct sockaddr_in *)a)->sin_addr);
		port = ntohs(((struct sockaddr_in *)a)->sin_port);
		break;
	case AF_INET6:
		snprintf(text, sizeof(text), "%pI6c",
			 &((struct sockaddr_in6 *)a)->sin6_addr);
		port = ntohs(((struct sockaddr_in6 *)a)->sin6_port);
		break;
	default:
		return false;
	}
	return nla_put_string(skb, address_attr, text) ||
	       nla_put_u16(skb, port_attr, port);
}

static bool put_conn_params(struct sk_buff *skb,
			    const struct hws_conn_params *p)
{
	return nla_put_u16(skb, HWS_CONN_A_CID, p->cid) ||
	       nla_put_u8(skb, HWS_CONN_A_HEADER_DIGEST, p->header_digest) ||
	       nla_put_u8(skb, HWS_CONN_A_DATA_DIGEST, p->data_digest) ||
	       nla_put_u32(skb, HWS_CONN_A_MAX_RECV_DATA_SEGMENT_LENGTH,
			   p->max_recv_data_segment_length) ||
	       nla_put_u32(skb, HWS_CONN_A_MAX_XMIT_DATA_SEGMENT_LENGTH,
			   p->max_xmit_data_segment_length) ||
	       nla_put_string(skb, HWS_CONN_A_PERSISTENT_ADDRESS,
			      p->persistent_address) ||
	       nla_put_u16(skb, HWS_CONN_A_PERSISTENT_PORT,
			   p->persistent_port) ||
	       nla_put_u32(skb, HWS_CONN_A_PING_INTERVAL, p->ping_interval) ||
	       nla_put_u32(skb, HWS_CONN_A_PING_TIMEOUT, p->ping_timeout) ||
	       nla_put_u8(skb, HWS_CONN_A_ROLE, READ_ONCE(p->role)) ||
	       nla_put_u32(skb, HWS_CONN_A_WEIGHT, READ_ONCE(p->weight));
}

/* Under RCU. */
static bool fill_conn(struct sk_buff *skb, struct hws_conn *conn)
{
	const struct hws_plan *plan = rcu_dereference(conn->session->plan);
	struct nlattr *nest = nla_nest_start(skb, HWS_A_CONNECTION);

	if (!nest || put_conn_params(skb, &conn->params) ||
	    nla_put_u8(skb, HWS_CONN_A_STATE, READ_ONCE(conn->state)) ||
	    nla_put_u32(skb, HWS_CONN_A_EXP_STAT_SN,
			READ_ONCE(conn->exp_stat_sn)) ||
	    nla_put_u8(skb, HWS_CONN_A_CARRIES,
		       hws_plan_carries(plan, conn->slot)) ||
	    nla_put_u32(skb, HWS_CONN_A_OUTSTANDING,
			atomic_read(&conn->outstanding)) ||
	    put_address(skb, &conn->local, HWS_CONN_A_LOCAL_ADDRESS,
			HWS_CONN_A_LOCAL_PORT) ||
	    put_address(skb, &conn->peer, HWS_CONN_A_PEER_ADDRESS,
			HWS_CONN_A_PEER_PORT))
		return true;
	nla_nest_end(skb, nest);
	return false;
}

static bool fill_conns(struct sk_buff *skb, struct hws_session *session,
		       bool (*fill)(struct sk_buff *, struct hws_conn *))
{
	bool full = false;
	unsigned int i;

	rcu_read_lock();
	for (i = 0; i < HWS_CONNECTIONS_MAX && !full; i++) {
		struct hws_conn *conn = rcu_dereference(session->conns[i]);

		if (conn && READ_ONCE(conn->member))
			full = fill(skb, conn);
	}
	rcu_read_unlock();
	return full;
}

/* The attributes of a session's message: 0, or -EMSGSIZE. */
int hws_fill_session(struct sk_buff *skb, struct hws_session *session)
{
	struct nlattr *nest;

	if (nla_put_u32(skb, HWS_A_SID, session->sid) ||
	    nla_put_u32(skb, HWS_A_HOST, session->shost->host_no))
		return -EMSGSIZE;
	nest = nla_nest_start(skb, HWS_A_SESSION);
	if (!nest || put_config(skb, session) ||
	    put_params(skb, &session->params) || put_live(skb, session))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return fill_conns(skb, session, fill_conn) ? -EMSGSIZE : 0;
}

static bool fill_conn_stats(struct sk_buff *skb, struct hws_conn *conn)
{
	struct nlattr *nest = nla_nest_start(skb, HWS_A_CONNECTION);
	struct nlattr *stats;
	unsigned int i;

	if (!nest || nla_put_u16(skb, HWS_CONN_A_CID, conn->params.cid))
		return true;
	stats = nla_nest_start(skb, HWS_CONN_A_STATS);
	if (!stats)
		return true;
	for (i = 1; i <= HWS_CONN_STAT_MAX; i++)
		if (nla_put_u64_64bit(skb, i, READ_ONCE(conn->stats[i]),
				      HWS_CONN_STAT_PAD))
			return true;
	nla_nest_end(skb, stats);
	nla_nest_end(skb, nest);
	return false;
}

/* A counter: what moves seldom is the session's, the rest is added up. */
u64 hws_session_stat(struct hws_session *session, enum hws_session_stat id)
{
	u64 sum = atomic64_read(&session->stats[id]);
	unsigned int i;

	rcu_read_lock();
	for (i = 0; i < HWS_CONNECTIONS_MAX; i++) {
		struct hws_conn *conn = rcu_dereference(session->conns[i]);

		if (conn)
			sum += READ_ONCE(conn->session_stats[id]);
	}
	rcu_read_unlock();
	return sum;
}

int hws_fill_stats(struct sk_buff *skb, struct hws_session *session)
{
	struct nlattr *nest;
	unsigned int i;

	if (nla_put_u32(skb, HWS_A_SID, session->sid))
		return -EMSGSIZE;
	nest = nla_nest_start(skb, HWS_A_STATS);
	if (!nest)
		return -EMSGSIZE;
	for (i = 1; i <= HWS_SESSION_STAT_MAX; i++)
		if (nla_put_u64_64bit(skb, i, hws_session_stat(session, i),
				      HWS_SESSION_STAT_PAD))
			return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return fill_conns(skb, session, fill_conn_stats) ? -EMSGSIZE : 0;
}
