// SPDX-License-Identifier: GPL-2.0-only
/*
 * The family's commands that are about one connection: how it comes and goes, and
 * the requests by hand that go over it.
 */
#include <linux/slab.h>

#include "admin.h"
#include "netlink.h"
#include "recovery.h"

static int fill_reservation(struct sk_buff *skb, u16 cid,
			    const struct hws_reservation *r)
{
	struct nlattr *nest;

	if (nla_put_u64_64bit(skb, HWS_A_COOKIE, r->cookie, HWS_A_PAD))
		return -EMSGSIZE;
	nest = nla_nest_start(skb, HWS_A_SESSION);
	if (!nest ||
	    nla_put_u32(skb, HWS_SESSION_A_CMD_SN, r->cmd_sn) ||
	    nla_put_u16(skb, HWS_SESSION_A_TSIH, r->tsih))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	nest = nla_nest_start(skb, HWS_A_CONNECTION);
	if (!nest || nla_put_u16(skb, HWS_CONN_A_CID, cid) ||
	    nla_put_u32(skb, HWS_CONN_A_EXP_STAT_SN, r->exp_stat_sn))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

int hws_nl_conn_reserve(struct sk_buff *request, struct genl_info *info)
{
	struct hws_reservation reservation;
	struct hws_session *session;
	struct sk_buff *skb;
	void *header;
	u16 cid;
	int ret;

	ret = hws_nl_need(info, HWS_A_ADOPT_KIND, "HWS_A_ADOPT_KIND is missing");
	if (!ret)
		ret = hws_nl_need(info, HWS_A_CONNECTION,
			   "HWS_A_CONNECTION is missing");
	if (!ret)
		ret = hws_parse_conn_cid(info->attrs[HWS_A_CONNECTION], &cid,
					 info->extack);
	if (ret)
		return ret;
	session = hws_nl_session(info);
	if (IS_ERR(session))
		return PTR_ERR(session);
	skb = hws_nl_reply_begin(info, &header);
	ret = -ENOMEM;
	if (skb) {
		ret = hws_session_reserve(session,
				nla_get_u8(info->attrs[HWS_A_ADOPT_KIND]), cid,
				&reservation, info->extack);
		if (ret)
			nlmsg_free(skb);
		else
			ret = hws_nl_reply_end(skb, header, info,
					fill_reservation(skb, cid,
							 &reservation));
	}
	hws_session_put(session);
	return ret;
}

int hws_nl_conn_release(struct sk_buff *request, struct genl_info *info)
{
	struct hws_session *session;
	int ret = hws_nl_need(info, HWS_A_COOKIE, "HWS_A_COOKIE is missing");

	if (ret)
		return ret;
	session = hws_nl_session(info);
	if (IS_ERR(session))
		return PTR_ERR(session);
	ret = hws_session_release(session,
				  nla_get_u64(info->attrs[HWS_A_COOKIE]));
	hws_session_put(session);
	return ret;
}

int hws_nl_conn_adopt(struct sk_buff *request, struct genl_info *info)
{
	struct nlattr *nest = info->attrs[HWS_A_SESSION];
	struct hws_session_params params;
	struct hws_conn_params *conn;
	struct hws_session *session;
	int ret;

	ret = hws_nl_need(info, HWS_A_COOKIE, "HWS_A_COOKIE is missing");
	if (!ret)
		ret = hws_nl_need(info, HWS_A_CONNECTION,
			   "HWS_A_CONNECTION is missing");
	if (ret)
		return ret;
	conn = kzalloc(sizeof(*conn), GFP_NOIO);
	if (!conn)
		return -ENOMEM;
	if (nest)
		ret = hws_parse_session_adopt(nest, &params, info->extack);
	if (!ret)
		ret = hws_parse_conn_adopt(info->attrs[HWS_A_CONNECTION], conn,
					   info->extack);
	if (!ret) {
		session = hws_nl_session(info);
		ret = PTR_ERR_OR_ZERO(session);
	}
	if (!ret) {
		ret = hws_session_adopt(session,
					nla_get_u64(info->attrs[HWS_A_COOKIE]),
					nest ? &params : NULL, conn,
					info->extack);
		hws_session_put(session);
	}
	kfree(conn);
	return ret;
}

/* Ends the connection that HWS_A_CONNECTION names. */
static int end_conn(struct genl_info *info,
		    int (*end)(struct hws_conn *conn, u16 cid,
			       struct netlink_ext_ack *extack))
{
	struct hws_session *session;
	struct hws_conn *conn;
	u16 cid;
	int ret = hws_nl_need(info, HWS_A_CONNECTION, "HWS_A_CONNECTION is missing");

	if (!ret)
		ret = hws_parse_conn_cid(info->attrs[HWS_A_CONNECTION], &cid,
					 info->extack);
	if (ret)
		return ret;
	session = hws_nl_session(info);
	if (IS_ERR(session))
		return PTR_ERR(session);
	conn = hws_nl_conn(session, info);
	ret = PTR_ERR_OR_ZERO(conn);
	if (!ret)
		ret = end(conn, cid, info->extack);
	hws_session_put(session);
	return ret;
}

int hws_nl_conn_drop(struct sk_buff *request, struct genl_info *info)
{
	return end_conn(info, hws_conn_drop);
}

int hws_nl_conn_remove(struct sk_buff *request, struct genl_info *info)
{
	return end_conn(info, hws_conn_remove);
}

int hws_nl_ping(struct sk_buff *request, struct genl_info *info)
{
	struct hws_session *session;
	struct hws_conn *conn;
	u32 id, size;
	int ret;

	ret = hws_nl_need(info, HWS_A_PING, "HWS_A_PING is missing");
	if (!ret)
		ret = hws_parse_ping(info->attrs[HWS_A_PING], &id, &size,
				     info->extack);
	if (ret)
		return ret;
	session = hws_nl_session(info);
	if (IS_ERR(session))
		return PTR_ERR(session);
	conn = hws_nl_conn(session, info);
	ret = PTR_ERR_OR_ZERO(conn);
	if (!ret && size > conn->params.max_xmit_data_segment_length) {
		GENL_SET_ERR_MSG(info,
				 "HWS_PING_A_SIZE: over the target's MaxRecvDataSegmentLength");
		ret = -EMSGSIZE;
	}
	if (!ret)
		ret = hws_admin_ping(session, conn, id, size);
	hws_session_put(session);
	return ret;
}

int hws_nl_text(struct sk_buff *request, struct genl_info *info)
{
	struct hws_session *session;
	const struct nlattr *bytes;
	struct hws_conn *conn;
	u32 id;
	int ret;

	ret = hws_nl_need(info, HWS_A_TEXT, "HWS_A_TEXT is missing");
	if (!ret)
		ret = hws_parse_text(info->attrs[HWS_A_TEXT], &id, &bytes,
				     info->extack);
	if (ret)
		return ret;
	session = hws_nl_session(info);
	if (IS_ERR(session))
		return PTR_ERR(session);
	conn = hws_nl_conn(session, info);
	ret = PTR_ERR_OR_ZERO(conn);
	if (!ret)
		ret = hws_admin_text(session, conn, id, nla_data(bytes),
				     nla_len(bytes));
	hws_session_put(session);
	return ret;
}

int hws_nl_tmf(struct sk_buff *request, struct genl_info *info)
{
	u8 function, lun[HWS_LUN_LEN];
	struct hws_session *session;
	struct hws_conn *conn;
	bool has_lun;
	u32 id;
	int ret;

	ret = hws_nl_need(info, HWS_A_TMF, "HWS_A_TMF is missing");
	if (!ret)
		ret = hws_parse_tmf(info->attrs[HWS_A_TMF], &id, &function, lun,
				    &has_lun, info->extack);
	if (ret)
		return ret;
	session = hws_nl_session(info);
	if (IS_ERR(session))
		return PTR_ERR(session);
	conn = hws_nl_conn(session, info);
	ret = PTR_ERR_OR_ZERO(conn);
	if (!ret)
		ret = hws_admin_tmf(session, conn, id, function,
				    has_lun ? lun : NULL, info->extack);
	hws_session_put(session);
	return ret;
}
