/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The control surface. netlink.c has the family and the commands, parse.c turns
 * what came in into structures that were checked, fill.c writes what goes out,
 * event.c the multicast messages.
 */
#ifndef _HWS_NETLINK_H
#define _HWS_NETLINK_H

#include <net/genetlink.h>

#include "connection.h"
#include "session.h"

extern struct genl_family hws_genl_family;
extern const struct nla_policy hws_policy[HWS_A_MAX + 1];

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
