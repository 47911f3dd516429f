// SPDX-License-Identifier: GPL-2.0-only
/*
 * What userspace sends: the policies, and from attributes to structures. A
 * refusal points at the attribute and names it.
 */
#include "netlink.h"

static struct netlink_range_validation burst_range = {
	.min = 512, .max = HWS_DATA_SEGMENT_MAX,
};
static struct netlink_range_validation cmds_range = {
	.min = HWS_CMDS_MAX_MIN, .max = HWS_CMDS_MAX_MAX,
};
static struct netlink_range_validation one_u16 = {
	.min = 1, .max = U16_MAX,
};

static struct netlink_range_validation_signed recovery_range = {
	.min = S32_MIN, .max = HWS_RECOVERY_TMO_MAX,
};

enum { SECONDS_MAX = 3600 };

#define FLAG		NLA_POLICY_MAX(NLA_U8, 1)
#define SECONDS		NLA_POLICY_MAX(NLA_U32, SECONDS_MAX)
#define SOME_SECONDS	NLA_POLICY_RANGE(NLA_U32, 1, SECONDS_MAX)
#define NAME(n)		{ .type = NLA_NUL_STRING, .len = (n) }

static const struct nla_policy session_policy[HWS_SESSION_A_MAX + 1] = {
	[HWS_SESSION_A_INITIATOR_NAME] = NAME(HWS_NAME_MAX),
	[HWS_SESSION_A_INITIATOR_ALIAS] = NAME(HWS_ALIAS_MAX),
	[HWS_SESSION_A_TARGET_NAME] = NAME(HWS_NAME_MAX),
	[HWS_SESSION_A_TARGET_ALIAS] = NAME(HWS_ALIAS_MAX),
	[HWS_SESSION_A_ISID] = NLA_POLICY_EXACT_LEN(HWS_ISID_LEN),
	[HWS_SESSION_A_TSIH] = NLA_POLICY_FULL_RANGE(NLA_U16, &one_u16),
	[HWS_SESSION_A_TPGT] = { .type = NLA_U16 },
	[HWS_SESSION_A_IFACE] = NAME(HWS_IFACE_MAX),
	[HWS_SESSION_A_OWNER_KEY] = {
		.type = NLA_BINARY, .len = HWS_KEY_MAX,
	},
	[HWS_SESSION_A_INITIAL_R2T] = FLAG,
	[HWS_SESSION_A_IMMEDIATE_DATA] = FLAG,
	[HWS_SESSION_A_FIRST_BURST_LENGTH] =
		NLA_POLICY_FULL_RANGE(NLA_U32, &burst_range),
	[HWS_SESSION_A_MAX_BURST_LENGTH] =
		NLA_POLICY_FULL_RANGE(NLA_U32, &burst_range),
	[HWS_SESSION_A_MAX_OUTSTANDING_R2T] =
		NLA_POLICY_FULL_RANGE(NLA_U16, &one_u16),
	[HWS_SESSION_A_DATA_PDU_IN_ORDER] = FLAG,
	[HWS_SESSION_A_DATA_SEQUENCE_IN_ORDER] = FLAG,
	[HWS_SESSION_A_ERL] = NLA_POLICY_MAX(NLA_U8, 2),
	[HWS_SESSION_A_TASK_REPORTING] =
		NLA_POLICY_MAX(NLA_U8, HWS_TASK_REPORTING_FAST_ABORT),
	[HWS_SESSION_A_PROTOCOL_LEVEL] = NLA_POLICY_MAX(NLA_U8, 31),
	[HWS_SESSION_A_MAX_CONNECTIONS] =
		NLA_POLICY_FULL_RANGE(NLA_U16, &one_u16),
	[HWS_SESSION_A_TIME2WAIT] = NLA_POLICY_MAX(NLA_U16, SECONDS_MAX),
	[HWS_SESSION_A_TIME2RETAIN] = NLA_POLICY_MAX(NLA_U16, SECONDS_MAX),
	[HWS_SESSION_A_CMD_SN] = { .type = NLA_U32 },
	[HWS_SESSION_A_EXP_CMD_SN] = { .type = NLA_U32 },
	[HWS_SESSION_A_MAX_CMD_SN] = { .type = NLA_U32 },
	[HWS_SESSION_A_CMDS_MAX] = NLA_POLICY_FULL_RANGE(NLA_U32, &cmds_range),
	[HWS_SESSION_A_QUEUE_DEPTH] =
		NLA_POLICY_RANGE(NLA_U32, 1, HWS_QUEUE_DEPTH_MAX),
	[HWS_SESSION_A_RECOVERY_TMO] =
		NLA_POLICY_FULL_RANGE_SIGNED(NLA_S32, &recovery_range),
	[HWS_SESSION_A_ABORT_TMO] = SOME_SECONDS,
	[HWS_SESSION_A_LU_RESET_TMO] = SOME_SECONDS,
	[HWS_SESSION_A_TGT_RESET_TMO] = SOME_SECONDS,
	[HWS_SESSION_A_SCAN] =
		NLA_POLICY_RANGE(NLA_U8, HWS_SCAN_AUTO, HWS_SCAN_MANUAL),
	[HWS_SESSION_A_STABLE_WRITES] = FLAG,
	[HWS_SESSION_A_POLICY] =
		NLA_POLICY_RANGE(NLA_U8, HWS_POLICY_FAILOVER, HWS_POLICY_CPU),
	[HWS_SESSION_A_USERNAME] = NAME(HWS_USERNAME_MAX),
	[HWS_SESSION_A_USERNAME_IN] = NAME(HWS_USERNAME_MAX),
};

static const struct nla_policy conn_policy[HWS_CONN_A_MAX + 1] = {
	[HWS_CONN_A_CID] = { .type = NLA_U16 },
	[HWS_CONN_A_FD] = { .type = NLA_U32 },
	[HWS_CONN_A_HEADER_DIGEST] = FLAG,
	[HWS_CONN_A_DATA_DIGEST] = FLAG,
	[HWS_CONN_A_MAX_RECV_DATA_SEGMENT_LENGTH] =
		NLA_POLICY_FULL_RANGE(NLA_U32, &burst_range),
	[HWS_CONN_A_MAX_XMIT_DATA_SEGMENT_LENGTH] =
		NLA_POLICY_FULL_RANGE(NLA_U32, &burst_range),
	[HWS_CONN_A_EXP_STAT_SN] = { .type = NLA_U32 },
	[HWS_CONN_A_PERSISTENT_ADDRESS] = NAME(HWS_ADDRESS_MAX),
	[HWS_CONN_A_PERSISTENT_PORT] = NLA_POLICY_FULL_RANGE(NLA_U16, &one_u16),
	[HWS_CONN_A_PING_INTERVAL] = SECONDS,
	[HWS_CONN_A_PING_TIMEOUT] = SECONDS,
	[HWS_CONN_A_ROLE] =
		NLA_POLICY_RANGE(NLA_U8, HWS_ROLE_ACTIVE, HWS_ROLE_STANDBY),
	[HWS_CONN_A_WEIGHT] = { .type = NLA_U32 },
};

static const struct nla_policy ping_policy[HWS_PING_A_MAX + 1] = {
	[HWS_PING_A_ID] = { .type = NLA_U32 },
	[HWS_PING_A_SIZE] = NLA_POLICY_MAX(NLA_U32, HWS_PING_MAX),
};

static const struct nla_policy text_policy[HWS_TEXT_A_MAX + 1] = {
	[HWS_TEXT_A_ID] = { .type = NLA_U32 },
	[HWS_TEXT_A_TEXT] = { .type = NLA_BINARY, .len = HWS_TEXT_MAX, },
};

static const struct nla_policy tmf_policy[HWS_TMF_A_MAX + 1] = {
	[HWS_TMF_A_ID] = { .type = NLA_U32 },
	[HWS_TMF_A_FUNCTION] = NLA_POLICY_RANGE(NLA_U8, HWS_TMF_ABORT_TASK_SET,
						HWS_TMF_QUERY_ASYNC_EVENT),
	[HWS_TMF_A_LUN] = NLA_POLICY_EXACT_LEN(HWS_LUN_LEN),
};

const struct nla_policy hws_policy[HWS_A_MAX + 1] = {
	[HWS_A_SID] = { .type = NLA_U32 },
	[HWS_A_FD] = { .type = NLA_U32 },
	[HWS_A_COOKIE] = { .type = NLA_U64 },
	[HWS_A_ADOPT_KIND] = NLA_POLICY_RANGE(NLA_U8, HWS_ADOPT_SESSION,
					      HWS_ADOPT_REINSTATE),
	[HWS_A_SESSION] = NLA_POLICY_NESTED(session_policy),
	[HWS_A_CONNECTION] = NLA_POLICY_NESTED(conn_policy),
	[HWS_A_PING] = NLA_POLICY_NESTED(ping_policy),
	[HWS_A_TMF] = NLA_POLICY_NESTED(tmf_policy),
	[HWS_A_TEXT] = NLA_POLICY_NESTED(text_policy),
};

/* An attribute that a command needs, with the name for its refusal. */
struct needed {
	u16 type;
	const char *name;
};

#define SESSION_ATTR(x)	{ HWS_SESSION_A_##x, "HWS_SESSION_A_" #x " is missing" }
#define CONN_ATTR(x)	{ HWS_CONN_A_##x, "HWS_CONN_A_" #x " is missing" }
#define PING_ATTR(x)	{ HWS_PING_A_##x, "HWS_PING_A_" #x " is missing" }
#define TEXT_ATTR(x)	{ HWS_TEXT_A_##x, "HWS_TEXT_A_" #x " is missing" }
#define TMF_ATTR(x)	{ HWS_TMF_A_##x, "HWS_TMF_A_" #x " is missing" }

static const struct needed session_adopt_needs[] = {
	SESSION_ATTR(TSIH),
	SESSION_ATTR(INITIAL_R2T),
	SESSION_ATTR(IMMEDIATE_DATA),
	SESSION_ATTR(FIRST_BURST_LENGTH),
	SESSION_ATTR(MAX_BURST_LENGTH),
	SESSION_ATTR(MAX_OUTSTANDING_R2T),
	SESSION_ATTR(DATA_PDU_IN_ORDER),
	SESSION_ATTR(DATA_SEQUENCE_IN_ORDER),
	SESSION_ATTR(ERL),
	SESSION_ATTR(MAX_CONNECTIONS),
	SESSION_ATTR(TIME2WAIT),
	SESSION_ATTR(TIME2RETAIN),
	SESSION_ATTR(CMD_SN),
	SESSION_ATTR(EXP_CMD_SN),
	SESSION_ATTR(MAX_CMD_SN),
};

static const struct needed session_new_needs[] = {
	SESSION_ATTR(INITIATOR_NAME),
	SESSION_ATTR(TARGET_NAME),
	SESSION_ATTR(ISID),
	SESSION_ATTR(TPGT),
	SESSION_ATTR(IFACE),
	SESSION_ATTR(CMDS_MAX),
	SESSION_ATTR(QUEUE_DEPTH),
	SESSION_ATTR(RECOVERY_TMO),
	SESSION_ATTR(ABORT_TMO),
	SESSION_ATTR(LU_RESET_TMO),
	SESSION_ATTR(TGT_RESET_TMO),
	SESSION_ATTR(SCAN),
	SESSION_ATTR(STABLE_WRITES),
};

static const struct needed conn_adopt_needs[] = {
	CONN_ATTR(CID),
	CONN_ATTR(FD),
	CONN_ATTR(HEADER_DIGEST),
	CONN_ATTR(DATA_DIGEST),
	CONN_ATTR(MAX_RECV_DATA_SEGMENT_LENGTH),
	CONN_ATTR(MAX_XMIT_DATA_SEGMENT_LENGTH),
	CONN_ATTR(EXP_STAT_SN),
	CONN_ATTR(PERSISTENT_ADDRESS),
	CONN_ATTR(PERSISTENT_PORT),
	CONN_ATTR(PING_INTERVAL),
	CONN_ATTR(PING_TIMEOUT),
};

static const struct needed conn_needs[] = { CONN_ATTR(CID) };
static const struct needed ping_needs[] = { PING_ATTR(ID), PING_ATTR(SIZE) };
static const struct needed text_needs[] = { TEXT_ATTR(ID), TEXT_ATTR(TEXT) };
static const struct needed tmf_needs[] = { TMF_ATTR(ID), TMF_ATTR(FUNCTION) };

static int check_needed(const struct nlattr *nest, struct nlattr **tb,
			const struct needed *needed, size_t n,
			struct netlink_ext_ack *extack)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (tb[needed[i].type])
			continue;
		if (extack) {
			extack->_msg = needed[i].name;
			extack->bad_attr = nest;
		}
		return -EINVAL;
	}
	return 0;
}

/* Values that nothing here can act on yet are refused, not ignored. */
static int check_params(struct nlattr **tb, const struct hws_session_params *p,
			struct netlink_ext_ack *extack)
{
	if (p->task_reporting == HWS_TASK_REPORTING_FAST_ABORT) {
		NL_SET_ERR_MSG_ATTR(extack, tb[HWS_SESSION_A_TASK_REPORTING],
				    "HWS_SESSION_A_TASK_REPORTING: FastAbort is not supported");
		return -EOPNOTSUPP;
	}
	if (p->max_outstanding_r2t > HWS_R2T_MAX) {
		NL_SET_ERR_MSG_ATTR(extack,
				    tb[HWS_SESSION_A_MAX_OUTSTANDING_R2T],
				    "HWS_SESSION_A_MAX_OUTSTANDING_R2T: over HWS_R2T_MAX");
		return -ERANGE;
	}
	if (!p->initial_r2t || p->immediate_data) {
		if (p->first_burst_length <= p->max_burst_length)
			return 0;
		NL_SET_ERR_MSG_ATTR(extack,
				    tb[HWS_SESSION_A_FIRST_BURST_LENGTH],
				    "HWS_SESSION_A_FIRST_BURST_LENGTH: over MaxBurstLength");
		return -ERANGE;
	}
	return 0;
}

static int parse_params(const struct nlattr *nest, struct nlattr **tb,
			struct hws_session_params *p,
			struct netlink_ext_ack *extack)
{
	int ret = check_needed(nest, tb, session_adopt_needs,
			       ARRAY_SIZE(session_adopt_needs), extack);

	if (ret)
		return ret;
	p->tsih = nla_get_u16(tb[HWS_SESSION_A_TSIH]);
	p->initial_r2t = nla_get_u8(tb[HWS_SESSION_A_INITIAL_R2T]);
	p->immediate_data = nla_get_u8(tb[HWS_SESSION_A_IMMEDIATE_DATA]);
	p->first_burst_length =
		nla_get_u32(tb[HWS_SESSION_A_FIRST_BURST_LENGTH]);
	p->max_burst_length = nla_get_u32(tb[HWS_SESSION_A_MAX_BURST_LENGTH]);
	p->max_outstanding_r2t =
		nla_get_u16(tb[HWS_SESSION_A_MAX_OUTSTANDING_R2T]);
	p->data_pdu_in_order = nla_get_u8(tb[HWS_SESSION_A_DATA_PDU_IN_ORDER]);
	p->data_sequence_in_order =
		nla_get_u8(tb[HWS_SESSION_A_DATA_SEQUENCE_IN_ORDER]);
	p->erl = nla_get_u8(tb[HWS_SESSION_A_ERL]);
	p->task_reporting = HWS_TASK_REPORTING_RFC3720;
	if (tb[HWS_SESSION_A_TASK_REPORTING])
		p->task_reporting =
			nla_get_u8(tb[HWS_SESSION_A_TASK_REPORTING]);
	p->protocol_level = 1;
	if (tb[HWS_SESSION_A_PROTOCOL_LEVEL])
		p->protocol_level =
			nla_get_u8(tb[HWS_SESSION_A_PROTOCOL_LEVEL]);
	p->max_connections = nla_get_u16(tb[HWS_SESSION_A_MAX_CONNECTIONS]);
	p->time2wait = nla_get_u16(tb[HWS_SESSION_A_TIME2WAIT]);
	p->time2retain = nla_get_u16(tb[HWS_SESSION_A_TIME2RETAIN]);
	p->cmd_sn = nla_get_u32(tb[HWS_SESSION_A_CMD_SN]);
	p->exp_cmd_sn = nla_get_u32(tb[HWS_SESSION_A_EXP_CMD_SN]);
	p->max_cmd_sn = nla_get_u32(tb[HWS_SESSION_A_MAX_CMD_SN]);
	return check_params(tb, p, extack);
}

int hws_parse_session_adopt(const struct nlattr *nest,
			    struct hws_session_params *params,
			    struct netlink_ext_ack *extack)
{
	struct nlattr *tb[HWS_SESSION_A_MAX + 1];
	int ret = nla_parse_nested(tb, HWS_SESSION_A_MAX, nest, session_policy,
				   extack);

	return ret ?: parse_params(nest, tb, params, extack);
}

static void get_string(char *to, const struct nlattr *attr, size_t size)
{
	if (attr)
		nla_strscpy(to, attr, size);
}

int hws_parse_session_new(const struct nlattr *nest,
			  struct hws_session_config *c,
			  struct hws_session_params *params,
			  struct netlink_ext_ack *extack)
{
	struct nlattr *tb[HWS_SESSION_A_MAX + 1];
	const struct nlattr *key;
	int ret;

	ret = nla_parse_nested(tb, HWS_SESSION_A_MAX, nest, session_policy,
			       extack);
	if (ret)
		return ret;
	ret = check_needed(nest, tb, session_new_needs,
			   ARRAY_SIZE(session_new_needs), extack);
	if (ret)
		return ret;
	get_string(c->initiator_name, tb[HWS_SESSION_A_INITIATOR_NAME],
		   sizeof(c->initiator_name));
	get_string(c->initiator_alias, tb[HWS_SESSION_A_INITIATOR_ALIAS],
		   sizeof(c->initiator_alias));
	get_string(c->target_name, tb[HWS_SESSION_A_TARGET_NAME],
		   sizeof(c->target_name));
	get_string(c->target_alias, tb[HWS_SESSION_A_TARGET_ALIAS],
		   sizeof(c->target_alias));
	get_string(c->iface, tb[HWS_SESSION_A_IFACE], sizeof(c->iface));
	get_string(c->username, tb[HWS_SESSION_A_USERNAME],
		   sizeof(c->username));
	get_string(c->username_in, tb[HWS_SESSION_A_USERNAME_IN],
		   sizeof(c->username_in));
	nla_memcpy(c->isid, tb[HWS_SESSION_A_ISID], HWS_ISID_LEN);
	key = tb[HWS_SESSION_A_OWNER_KEY];
	if (key) {
		c->owner_key_len = nla_len(key);
		nla_memcpy(c->owner_key, key, HWS_KEY_MAX);
	}
	c->tpgt = nla_get_u16(tb[HWS_SESSION_A_TPGT]);
	c->cmds_max = nla_get_u32(tb[HWS_SESSION_A_CMDS_MAX]);
	c->queue_depth = nla_get_u32(tb[HWS_SESSION_A_QUEUE_DEPTH]);
	c->recovery_tmo = nla_get_s32(tb[HWS_SESSION_A_RECOVERY_TMO]);
	c->abort_tmo = nla_get_u32(tb[HWS_SESSION_A_ABORT_TMO]);
	c->lu_reset_tmo = nla_get_u32(tb[HWS_SESSION_A_LU_RESET_TMO]);
	c->tgt_reset_tmo = nla_get_u32(tb[HWS_SESSION_A_TGT_RESET_TMO]);
	c->scan = nla_get_u8(tb[HWS_SESSION_A_SCAN]);
	c->stable_writes = nla_get_u8(tb[HWS_SESSION_A_STABLE_WRITES]);
	c->policy = tb[HWS_SESSION_A_POLICY] ?
		    nla_get_u8(tb[HWS_SESSION_A_POLICY]) : HWS_POLICY_FAILOVER;
	if (!c->initiator_name[0] || !c->target_name[0]) {
		NL_SET_ERR_MSG_ATTR(extack, nest, "an iSCSI name is empty");
		return -EINVAL;
	}
	return parse_params(nest, tb, params, extack);
}

int hws_parse_session_set(const struct nlattr *nest, struct nlattr **tb,
			  struct netlink_ext_ack *extack)
{
	int i, ret = nla_parse_nested(tb, HWS_SESSION_A_MAX, nest,
				      session_policy, extack);

	if (ret)
		return ret;
	for (i = 1; i <= HWS_SESSION_A_MAX; i++) {
		switch (i) {
		case HWS_SESSION_A_RECOVERY_TMO:
		case HWS_SESSION_A_ABORT_TMO:
		case HWS_SESSION_A_LU_RESET_TMO:
		case HWS_SESSION_A_TGT_RESET_TMO:
		case HWS_SESSION_A_POLICY:
			continue;
		}
		if (!tb[i])
			continue;
		NL_SET_ERR_MSG_ATTR(extack, tb[i],
				    "this attribute of a session cannot be changed");
		return -EINVAL;
	}
	return 0;
}

int hws_parse_conn_adopt(const struct nlattr *nest, struct hws_conn_params *p,
			 struct netlink_ext_ack *extack)
{
	struct nlattr *tb[HWS_CONN_A_MAX + 1];
	int ret = nla_parse_nested(tb, HWS_CONN_A_MAX, nest, conn_policy,
				   extack);

	if (ret)
		return ret;
	ret = check_needed(nest, tb, conn_adopt_needs,
			   ARRAY_SIZE(conn_adopt_needs), extack);
	if (ret)
		return ret;
	p->cid = nla_get_u16(tb[HWS_CONN_A_CID]);
	p->fd = nla_get_u32(tb[HWS_CONN_A_FD]);
	p->header_digest = nla_get_u8(tb[HWS_CONN_A_HEADER_DIGEST]);
	p->data_digest = nla_get_u8(tb[HWS_CONN_A_DATA_DIGEST]);
	p->max_recv_data_segment_length =
		nla_get_u32(tb[HWS_CONN_A_MAX_RECV_DATA_SEGMENT_LENGTH]);
	p->max_xmit_data_segment_length =
		nla_get_u32(tb[HWS_CONN_A_MAX_XMIT_DATA_SEGMENT_LENGTH]);
	p->exp_stat_sn = nla_get_u32(tb[HWS_CONN_A_EXP_STAT_SN]);
	get_string(p->persistent_address, tb[HWS_CONN_A_PERSISTENT_ADDRESS],
		   sizeof(p->persistent_address));
	p->persistent_port = nla_get_u16(tb[HWS_CONN_A_PERSISTENT_PORT]);
	p->ping_interval = nla_get_u32(tb[HWS_CONN_A_PING_INTERVAL]);
	p->ping_timeout = nla_get_u32(tb[HWS_CONN_A_PING_TIMEOUT]);
	p->role = tb[HWS_CONN_A_ROLE] ? nla_get_u8(tb[HWS_CONN_A_ROLE]) :
					HWS_ROLE_ACTIVE;
	p->weight = tb[HWS_CONN_A_WEIGHT] ? nla_get_u32(tb[HWS_CONN_A_WEIGHT]) :
					    0;
	return 0;
}

int hws_parse_conn_set(const struct nlattr *nest, struct nlattr **tb,
		       struct netlink_ext_ack *extack)
{
	int i, ret = nla_parse_nested(tb, HWS_CONN_A_MAX, nest, conn_policy,
				      extack);

	if (ret)
		return ret;
	ret = check_needed(nest, tb, conn_needs, ARRAY_SIZE(conn_needs), extack);
	if (ret)
		return ret;
	for (i = 1; i <= HWS_CONN_A_MAX; i++) {
		switch (i) {
		case HWS_CONN_A_CID:
		case HWS_CONN_A_PING_INTERVAL:
		case HWS_CONN_A_PING_TIMEOUT:
		case HWS_CONN_A_ROLE:
		case HWS_CONN_A_WEIGHT:
			continue;
		}
		if (!tb[i])
			continue;
		NL_SET_ERR_MSG_ATTR(extack, tb[i],
				    "this attribute of a connection cannot be changed");
		return -EINVAL;
	}
	return 0;
}

int hws_parse_conn_cid(const struct nlattr *nest, u16 *cid,
		       struct netlink_ext_ack *extack)
{
	struct nlattr *tb[HWS_CONN_A_MAX + 1];
	int ret = nla_parse_nested(tb, HWS_CONN_A_MAX, nest, conn_policy,
				   extack);

	if (ret)
		return ret;
	ret = check_needed(nest, tb, conn_needs, ARRAY_SIZE(conn_needs), extack);
	if (ret)
		return ret;
	*cid = nla_get_u16(tb[HWS_CONN_A_CID]);
	return 0;
}

int hws_parse_ping(const struct nlattr *nest, u32 *id, u32 *size,
		   struct netlink_ext_ack *extack)
{
	struct nlattr *tb[HWS_PING_A_MAX + 1];
	int ret = nla_parse_nested(tb, HWS_PING_A_MAX, nest, ping_policy,
				   extack);

	if (ret)
		return ret;
	ret = check_needed(nest, tb, ping_needs, ARRAY_SIZE(ping_needs), extack);
	if (ret)
		return ret;
	*id = nla_get_u32(tb[HWS_PING_A_ID]);
	*size = nla_get_u32(tb[HWS_PING_A_SIZE]);
	return 0;
}

/* @text: the attribute, in the message. */
int hws_parse_text(const struct nlattr *nest, u32 *id,
		   const struct nlattr **text, struct netlink_ext_ack *extack)
{
	struct nlattr *tb[HWS_TEXT_A_MAX + 1];
	int ret = nla_parse_nested(tb, HWS_TEXT_A_MAX, nest, text_policy,
				   extack);

	if (ret)
		return ret;
	ret = check_needed(nest, tb, text_needs, ARRAY_SIZE(text_needs), extack);
	if (ret)
		return ret;
	*id = nla_get_u32(tb[HWS_TEXT_A_ID]);
	*text = tb[HWS_TEXT_A_TEXT];
	return 0;
}

int hws_parse_tmf(const struct nlattr *nest, u32 *id, u8 *function, u8 *lun,
		  bool *has_lun, struct netlink_ext_ack *extack)
{
	struct nlattr *tb[HWS_TMF_A_MAX + 1];
	bool target;
	int ret = nla_parse_nested(tb, HWS_TMF_A_MAX, nest, tmf_policy, extack);

	if (ret)
		return ret;
	ret = check_needed(nest, tb, tmf_needs, ARRAY_SIZE(tmf_needs), extack);
	if (ret)
		return ret;
	*id = nla_get_u32(tb[HWS_TMF_A_ID]);
	*function = nla_get_u8(tb[HWS_TMF_A_FUNCTION]);
	if (*function == HWS_TMF_TASK_REASSIGN ||
	    *function == HWS_TMF_QUERY_TASK) {
		NL_SET_ERR_MSG_ATTR(extack, tb[HWS_TMF_A_FUNCTION],
				    "HWS_TMF_A_FUNCTION: it names a task, which nobody can by hand");
		return -EINVAL;
	}
	target = *function == HWS_TMF_TARGET_WARM_RESET ||
		 *function == HWS_TMF_TARGET_COLD_RESET ||
		 *function == HWS_TMF_I_T_NEXUS_RESET;
	*has_lun = tb[HWS_TMF_A_LUN];
	if (*has_lun == target) {
		if (target)
			NL_SET_ERR_MSG_ATTR(extack, tb[HWS_TMF_A_LUN],
					    "HWS_TMF_A_LUN: the function is about the whole target");
		else
			NL_SET_ERR_MSG_ATTR(extack, nest,
					    "HWS_TMF_A_LUN is missing");
		return -EINVAL;
	}
	if (*has_lun)
		nla_memcpy(lun, tb[HWS_TMF_A_LUN], HWS_LUN_LEN);
	return 0;
}
