// SPDX-License-Identifier: GPL-2.0-only
/*
 * The generic netlink family: each command in a function of its own. What they
 * mean is written in the uapi header.
 */
#include <linux/module.h>
#include <scsi/scsi_host.h>
#include <scsi/scsi_transport_iscsi.h>

#include "compat/compat.h"
#include "event.h"
#include "main.h"
#include "netlink.h"

/* Of a session with all its connections, or their counters. */
static size_t session_message_size(void)
{
	return NLMSG_GOODSIZE + hws_most_connections() * 1024;
}

/* The session that a request names, with a reference. */
struct hws_session *hws_nl_session(struct genl_info *info)
{
	struct hws_session *session;

	if (!info->attrs[HWS_A_SID]) {
		GENL_SET_ERR_MSG(info, "HWS_A_SID is missing");
		return ERR_PTR(-EINVAL);
	}
	session = hws_session_find(nla_get_u32(info->attrs[HWS_A_SID]));
	if (!session) {
		NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[HWS_A_SID],
				    "no session has this number");
		return ERR_PTR(-ENOENT);
	}
	return session;
}

int hws_nl_need(struct genl_info *info, int attr, const char *missing)
{
	if (info->attrs[attr])
		return 0;
	if (info->extack)
		info->extack->_msg = missing;
	return -EINVAL;
}

/*
 * The connection that a request names, or any that is up. Connections live as
 * long as their session, which the caller holds.
 */
struct hws_conn *hws_nl_conn(struct hws_session *session,
				struct genl_info *info)
{
	struct nlattr *nest = info->attrs[HWS_A_CONNECTION];
	struct hws_conn *conn = NULL;
	unsigned int i;
	u16 cid = 0;
	int ret;

	if (nest) {
		ret = hws_parse_conn_cid(nest, &cid, info->extack);
		if (ret)
			return ERR_PTR(ret);
	}
	rcu_read_lock();
	if (!nest)
		conn = hws_conn_any(session);
	for (i = 0; nest && !conn && i < HWS_CONNECTIONS_MAX; i++) {
		conn = rcu_dereference(session->conns[i]);
		if (conn && (!READ_ONCE(conn->member) ||
			     conn->params.cid != cid))
			conn = NULL;
	}
	rcu_read_unlock();
	if (!conn && nest) {
		NL_SET_ERR_MSG_ATTR(info->extack, nest,
				    "the session has no connection with this CID");
		return ERR_PTR(-ENOENT);
	}
	if (!conn) {
		GENL_SET_ERR_MSG(info,
				 "the session has no connection that is up");
		return ERR_PTR(-ENOTCONN);
	}
	return conn;
}

static struct sk_buff *reply_begin_as(struct genl_info *info, size_t size,
				      void **header)
{
	struct sk_buff *skb = genlmsg_new(size, GFP_KERNEL);

	if (!skb)
		return NULL;
	*header = genlmsg_put_reply(skb, info, &hws_genl_family, 0,
				    info->genlhdr->cmd);
	if (*header)
		return skb;
	nlmsg_free(skb);
	return NULL;
}

struct sk_buff *hws_nl_reply_begin(struct genl_info *info, void **header)
{
	return reply_begin_as(info, NLMSG_GOODSIZE, header);
}

int hws_nl_reply_end(struct sk_buff *skb, void *header, struct genl_info *info,
		     int ret)
{
	if (ret) {
		nlmsg_free(skb);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, header);
	return genlmsg_reply(skb, info);
}

static int put_generation(struct sk_buff *skb)
{
	return nla_put_u64_64bit(skb, HWS_A_GENERATION,
				 atomic64_read(&hws_generation), HWS_A_PAD);
}

static int get_info(struct sk_buff *request, struct genl_info *info)
{
	struct sk_buff *skb;
	void *header;

	skb = hws_nl_reply_begin(info, &header);
	if (!skb)
		return -ENOMEM;
	return hws_nl_reply_end(skb, header, info,
			 nla_put_u32(skb, HWS_A_ABI, HWS_ABI) ||
			 nla_put_string(skb, HWS_A_MODULE_VERSION,
					HWS_VERSION) ||
			 put_generation(skb));
}

static int socket_prepare(struct sk_buff *request, struct genl_info *info)
{
	int ret = hws_nl_need(info, HWS_A_FD, "HWS_A_FD is missing");

	return ret ?: hws_socket_prepare(nla_get_u32(info->attrs[HWS_A_FD]),
					 info->extack);
}

struct new_session {
	struct hws_session_config config;
	struct hws_session_params params;
	struct hws_conn_params conn;
};

static struct hws_session *session_create(struct new_session *n,
					  struct genl_info *info)
{
	int ret;

	ret = hws_parse_session_new(info->attrs[HWS_A_SESSION], &n->config,
				    &n->params, info->extack);
	if (!ret)
		ret = hws_parse_conn_adopt(info->attrs[HWS_A_CONNECTION],
					   &n->conn, info->extack);
	if (ret)
		return ERR_PTR(ret);
	return hws_session_create(&n->config, &n->params, &n->conn,
				  info->extack);
}

static int session_new(struct sk_buff *request, struct genl_info *info)
{
	struct hws_session *session;
	struct new_session *n;
	struct sk_buff *skb;
	void *header;
	int ret;

	ret = hws_nl_need(info, HWS_A_SESSION, "HWS_A_SESSION is missing");
	if (!ret)
		ret = hws_nl_need(info, HWS_A_CONNECTION,
			   "HWS_A_CONNECTION is missing");
	if (ret)
		return ret;

	/* The reply first: after the session exists nothing may fail. */
	skb = hws_nl_reply_begin(info, &header);
	n = kzalloc(sizeof(*n), GFP_KERNEL);
	if (!skb || !n) {
		ret = -ENOMEM;
		goto fail;
	}
	session = session_create(n, info);
	kfree(n);
	n = NULL;
	if (IS_ERR(session)) {
		ret = PTR_ERR(session);
		goto fail;
	}
	ret = hws_nl_reply_end(skb, header, info,
			nla_put_u32(skb, HWS_A_SID, session->sid) ||
			nla_put_u32(skb, HWS_A_HOST,
				    session->shost->host_no));
	hws_session_put(session);
	return ret;
fail:
	kfree(n);
	nlmsg_free(skb);
	return ret;
}

static int one_session(struct genl_info *info,
		       int (*fill)(struct sk_buff *, struct hws_session *))
{
	struct hws_session *session = hws_nl_session(info);
	struct sk_buff *skb;
	void *header;
	int ret = -ENOMEM;

	if (IS_ERR(session))
		return PTR_ERR(session);
	skb = reply_begin_as(info, session_message_size(), &header);
	if (skb)
		ret = hws_nl_reply_end(skb, header, info,
				put_generation(skb) || fill(skb, session));
	hws_session_put(session);
	return ret;
}

/* A message is whole, and a dump gets no more room than is asked for here. */
static int dump_start(struct netlink_callback *cb)
{
	cb->min_dump_alloc = session_message_size();
	return 0;
}

/* cb->args[0]: the lowest number not told yet. */
static int all_sessions(struct sk_buff *skb, struct netlink_callback *cb,
			int (*fill)(struct sk_buff *, struct hws_session *))
{
	const struct genlmsghdr *request = nlmsg_data(cb->nlh);
	struct hws_session *session;
	int told = 0;

	cb->seq = (u32)atomic64_read(&hws_generation);
	while ((session = hws_session_next(cb->args[0]))) {
		void *header;
		int ret = -EMSGSIZE;

		header = genlmsg_put(skb, NETLINK_CB(cb->skb).portid,
				     cb->nlh->nlmsg_seq, &hws_genl_family,
				     NLM_F_MULTI, request->cmd);
		if (header) {
			genl_dump_check_consistent(cb, header);
			if (!put_generation(skb))
				ret = fill(skb, session);
			if (ret)
				genlmsg_cancel(skb, header);
			else
				genlmsg_end(skb, header);
		}
		if (!ret)
			cb->args[0] = (unsigned long)session->sid + 1;
		hws_session_put(session);
		if (ret)
			return told ? skb->len : ret;
		told++;
	}
	return skb->len;
}

static int session_get(struct sk_buff *request, struct genl_info *info)
{
	return one_session(info, hws_fill_session);
}

static int session_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	return all_sessions(skb, cb, hws_fill_session);
}

static int stats_get(struct sk_buff *request, struct genl_info *info)
{
	return one_session(info, hws_fill_stats);
}

static int stats_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	return all_sessions(skb, cb, hws_fill_stats);
}

static void change_session(struct hws_session *session, struct nlattr **tb)
{
	struct hws_session_config *c = &session->config;

	if (tb[HWS_SESSION_A_RECOVERY_TMO])
		hws_session_set_recovery_tmo(session,
				nla_get_s32(tb[HWS_SESSION_A_RECOVERY_TMO]));
	if (tb[HWS_SESSION_A_ABORT_TMO])
		WRITE_ONCE(c->abort_tmo,
			   nla_get_u32(tb[HWS_SESSION_A_ABORT_TMO]));
	if (tb[HWS_SESSION_A_LU_RESET_TMO])
		WRITE_ONCE(c->lu_reset_tmo,
			   nla_get_u32(tb[HWS_SESSION_A_LU_RESET_TMO]));
	if (tb[HWS_SESSION_A_TGT_RESET_TMO])
		WRITE_ONCE(c->tgt_reset_tmo,
			   nla_get_u32(tb[HWS_SESSION_A_TGT_RESET_TMO]));
}

static void change_conn(struct hws_conn *conn, struct nlattr **tb)
{
	if (tb[HWS_CONN_A_PING_INTERVAL])
		WRITE_ONCE(conn->params.ping_interval,
			   nla_get_u32(tb[HWS_CONN_A_PING_INTERVAL]));
	if (tb[HWS_CONN_A_PING_TIMEOUT])
		WRITE_ONCE(conn->params.ping_timeout,
			   nla_get_u32(tb[HWS_CONN_A_PING_TIMEOUT]));
	if (READ_ONCE(conn->state) == HWS_CONN_LOGGED_IN)
		hws_ping_start(conn);
}

static void change_policy(struct hws_session *session, struct nlattr *policy,
			  struct hws_conn *conn, struct nlattr *role,
			  struct nlattr *weight)
{
	u32 weight_value = weight ? nla_get_u32(weight) : 0;
	u8 policy_value = policy ? nla_get_u8(policy) : 0;
	u8 role_value = role ? nla_get_u8(role) : 0;

	if (policy || role || weight)
		hws_policy_set(session, policy ? &policy_value : NULL, conn,
			       role ? &role_value : NULL,
			       weight ? &weight_value : NULL);
}

static int session_set(struct sk_buff *request, struct genl_info *info)
{
	struct nlattr *session_tb[HWS_SESSION_A_MAX + 1] = {};
	struct nlattr *conn_tb[HWS_CONN_A_MAX + 1] = {};
	struct hws_session *session = hws_nl_session(info);
	struct hws_conn *conn = NULL;
	int ret = 0;

	if (IS_ERR(session))
		return PTR_ERR(session);
	if (info->attrs[HWS_A_SESSION])
		ret = hws_parse_session_set(info->attrs[HWS_A_SESSION],
					    session_tb, info->extack);
	if (!ret && info->attrs[HWS_A_CONNECTION]) {
		ret = hws_parse_conn_set(info->attrs[HWS_A_CONNECTION], conn_tb,
					 info->extack);
		if (!ret) {
			conn = hws_nl_conn(session, info);
			ret = PTR_ERR_OR_ZERO(conn);
		}
	}
	if (!ret) {
		change_session(session, session_tb);
		if (conn)
			change_conn(conn, conn_tb);
		change_policy(session, session_tb[HWS_SESSION_A_POLICY], conn,
			      conn_tb[HWS_CONN_A_ROLE],
			      conn_tb[HWS_CONN_A_WEIGHT]);
		atomic64_inc(&hws_generation);
	}
	hws_session_put(session);
	return ret;
}

static int session_del(struct sk_buff *request, struct genl_info *info)
{
	struct hws_session *session = hws_nl_session(info);
	int ret;

	if (IS_ERR(session))
		return PTR_ERR(session);
	ret = hws_session_delete(session);
	hws_session_put(session);
	return ret;
}

static int scan(struct sk_buff *request, struct genl_info *info)
{
	struct hws_session *session = hws_nl_session(info);
	int ret = 0;

	if (IS_ERR(session))
		return PTR_ERR(session);
	if (hws_session_state(session) == HWS_SESSION_CLOSING) {
		GENL_SET_ERR_MSG(info, "the session is being ended");
		ret = -ESHUTDOWN;
	} else {
		hws_scan_start(session);
	}
	hws_session_put(session);
	return ret;
}

#define DO(command, function)						\
	{								\
		.cmd = HWS_CMD_##command,				\
		.flags = GENL_ADMIN_PERM,				\
		.doit = function,					\
	}
#define DO_OR_DUMP(command, function, dump)				\
	{								\
		.cmd = HWS_CMD_##command,				\
		.flags = GENL_ADMIN_PERM,				\
		.doit = function,					\
		.start = dump_start,					\
		.dumpit = dump,						\
	}

static const struct genl_ops ops[] = {
	DO(GET_INFO, get_info),
	DO(SOCKET_PREPARE, socket_prepare),
	DO(SESSION_NEW, session_new),
	DO_OR_DUMP(SESSION_GET, session_get, session_dump),
	DO(SESSION_SET, session_set),
	DO(SESSION_DEL, session_del),
	DO(CONN_RESERVE, hws_nl_conn_reserve),
	DO(CONN_RELEASE, hws_nl_conn_release),
	DO(CONN_ADOPT, hws_nl_conn_adopt),
	DO(CONN_DROP, hws_nl_conn_drop),
	DO(PING, hws_nl_ping),
	DO(TMF, hws_nl_tmf),
	DO(SCAN, scan),
	DO_OR_DUMP(STATS_GET, stats_get, stats_dump),
	DO(TEXT, hws_nl_text),
	DO(CONN_REMOVE, hws_nl_conn_remove),
};

static const struct genl_multicast_group groups[] = {
	/* Events have sense data and targets' answers in them. */
	{ .name = HWS_GENL_MCGRP_EVENTS, HWS_MCGRP_CAP_NET_ADMIN },
};

struct genl_family hws_genl_family __ro_after_init = {
	.name = HWS_GENL_NAME,
	.version = HWS_GENL_VERSION,
	.module = THIS_MODULE,
	.maxattr = HWS_A_MAX,
	.policy = hws_policy,
	.netnsok = false,
	/* A command that waits for a lock must not hold up reconnection. */
	.parallel_ops = true,
	.ops = ops,
	.n_ops = ARRAY_SIZE(ops),
	.resv_start_op = HWS_CMD_GET_INFO,
	.mcgrps = groups,
	.n_mcgrps = ARRAY_SIZE(groups),
};

int hws_netlink_register(void)
{
	return genl_register_family(&hws_genl_family);
}

void hws_netlink_unregister(void)
{
	genl_unregister_family(&hws_genl_family);
}
