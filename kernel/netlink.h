/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The control surface. netlink.c has the family and the commands, those about one
 * connection are in netlink_conn.c; parse.c turns what came in into structures that
 * were checked, fill.c writes what goes out, event.c the multicast messages.
 */
#ifndef _HWS_NETLINK_H
#define _HWS_NETLINK_H

#include <net/genetlink.h>

#include "connection.h"
#include "session.h"

extern struct genl_family hws_genl_family;
extern const struct nla_policy hws_policy[HWS_A_MAX + 1];

/* netlink.c, for its commands */
struct hws_session *hws_nl_session(struct genl_info *info);
struct hws_conn *hws_nl_conn(struct hws_session *session,
			     struct genl_info *info);
int hws_nl_need(struct genl_info *info, int attr, const char *missing);
struct sk_buff *hws_nl_reply_begin(struct genl_info *info, void **header);
int hws_nl_reply_end(struct sk_buff *skb, void *header, struct genl_info *info,
		     int ret);

/* netlink_conn.c */
int hws_nl_conn_reserve(struct sk_buff *request, struct genl_info *info);
int hws_nl_conn_release(struct sk_buff *request, struct genl_info *info);
int hws_nl_conn_adopt(struct sk_buff *request, struct genl_info *info);
int hws_nl_conn_drop(struct sk_buff *request, struct genl_info *info);
int hws_nl_conn_remove(struct sk_buff *request, struct genl_info *info);
int hws_nl_ping(struct sk_buff *request, struct genl_info *info);
int hws_nl_text(struct sk_buff *request, struct genl_info *info);
int hws_nl_tmf(struct sk_buff *request, struct genl_info *info);

/* parse.c: @nest is the attribute as it came, validated by hws_policy. */
int hws_parse_session_new(const struct nlattr *nest,
			  struct hws_session_config *config,
			  struct hws_session_params *params,
			  struct netlink_ext_ack *extack);
int hws_parse_session_adopt(const struct nlattr *nest,
			    struct hws_session_params *params,
			    struct netlink_ext_ack *extack);
int hws_parse_session_set(const struct nlattr *nest, struct nlattr **tb,
			  struct netlink_ext_ack *extack);
int hws_parse_conn_adopt(const struct nlattr *nest,
			 struct hws_conn_params *params,
			 struct netlink_ext_ack *extack);
int hws_parse_conn_cid(const struct nlattr *nest, u16 *cid,
		       struct netlink_ext_ack *extack);
int hws_parse_conn_set(const struct nlattr *nest, struct nlattr **tb,
		       struct netlink_ext_ack *extack);
int hws_parse_ping(const struct nlattr *nest, u32 *id, u32 *size,
		   struct netlink_ext_ack *extack);
int hws_parse_text(const struct nlattr *nest, u32 *id,
		   const struct nlattr **text, struct netlink_ext_ack *extack);
int hws_parse_tmf(const struct nlattr *nest, u32 *id, u8 *function, u8 *lun,
		  bool *has_lun, struct netlink_ext_ack *extack);

/* fill.c */
int hws_fill_session(struct sk_buff *skb, struct hws_session *session);
int hws_fill_stats(struct sk_buff *skb, struct hws_session *session);

#endif /* _HWS_NETLINK_H */
