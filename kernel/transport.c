// SPDX-License-Identifier: GPL-2.0-only
/*
 * The iSCSI transport class: the objects in sysfs that udev, lsblk, multipath
 * and iscsiadm read. The class also has a netlink interface of its own that
 * acts on every transport; each operation that it may call is here and refuses,
 * for a Hawser session is managed over Hawser's family only.
 *
 * Names of CHAP are shown (the class asks for CAP_SYS_ADMIN). Its secrets are not,
 * the module never has them; but the class takes one for the other when it asks
 * which files there are, so that those of the secrets have to be there, too. The
 * network interface is the one that a connection's socket is bound to, none when
 * it is not.
 *
 * Slot 0 of the class stands for the session as a whole: its persistent address
 * is the record's portal, whichever connections there are; the rest is of one
 * that is up.
 */
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/module.h>
#include <scsi/scsi_device.h>
#include <scsi/scsi_host.h>
#include <scsi/scsi_transport.h>
#include <scsi/scsi_transport_iscsi.h>

#include "connection.h"
#include "main.h"
#include "session.h"

struct scsi_transport_template *hws_transport_template;

static struct hws_session *session_of(struct iscsi_cls_session *cls)
{
	return *(struct hws_session **)cls->dd_data;
}

/* Connections live as long as their session, which has an attribute read. */
static struct hws_conn *shown(struct hws_session *session)
{
	struct hws_conn *conn;

	rcu_read_lock();
	conn = hws_conn_any(session) ?: rcu_dereference(session->conns[0]);
	rcu_read_unlock();
	return conn;
}

static int show_address(const struct sockaddr_storage *a, char *buf)
{
	if (a->ss_family == AF_INET)
		return sysfs_emit(buf, "%pI4\n",
				  &((struct sockaddr_in *)a)->sin_addr);
	if (a->ss_family == AF_INET6)
		return sysfs_emit(buf, "%pI6c\n",
				  &((struct sockaddr_in6 *)a)->sin6_addr);
	return sysfs_emit(buf, "\n");
}

static int show_port(const struct sockaddr_storage *a, char *buf)
{
	if (a->ss_family == AF_INET)
		return sysfs_emit(buf, "%u\n",
			ntohs(((struct sockaddr_in *)a)->sin_port));
	if (a->ss_family == AF_INET6)
		return sysfs_emit(buf, "%u\n",
			ntohs(((struct sockaddr_in6 *)a)->sin6_port));
	return sysfs_emit(buf, "\n");
}

static int show_hardware_address(const struct hws_conn *conn, char *buf)
{
	if (!conn->interface.address_len)
		return sysfs_emit(buf, "\n");
	return sysfs_emit(buf, "%*phC\n", conn->interface.address_len,
			  conn->interface.address);
}

static int get_session_param(struct iscsi_cls_session *cls,
			     enum iscsi_param param, char *buf)
{
	const struct hws_session *s = session_of(cls);

	switch (param) {
	case ISCSI_PARAM_INITIAL_R2T_EN:
		return sysfs_emit(buf, "%d\n", s->params.initial_r2t);
	case ISCSI_PARAM_MAX_R2T:
		return sysfs_emit(buf, "%u\n", s->params.max_outstanding_r2t);
	case ISCSI_PARAM_IMM_DATA_EN:
		return sysfs_emit(buf, "%d\n", s->params.immediate_data);
	case ISCSI_PARAM_FIRST_BURST:
		return sysfs_emit(buf, "%u\n", s->params.first_burst_length);
	case ISCSI_PARAM_MAX_BURST:
		return sysfs_emit(buf, "%u\n", s->params.max_burst_length);
	case ISCSI_PARAM_PDU_INORDER_EN:
		return sysfs_emit(buf, "%d\n", s->params.data_pdu_in_order);
	case ISCSI_PARAM_DATASEQ_INORDER_EN:
		return sysfs_emit(buf, "%d\n", s->params.data_sequence_in_order);
	case ISCSI_PARAM_ERL:
		return sysfs_emit(buf, "%u\n", s->params.erl);
	case ISCSI_PARAM_TARGET_NAME:
		return sysfs_emit(buf, "%s\n", s->config.target_name);
	case ISCSI_PARAM_TARGET_ALIAS:
		return sysfs_emit(buf, "%s\n", s->config.target_alias);
	case ISCSI_PARAM_TPGT:
		return sysfs_emit(buf, "%u\n", s->config.tpgt);
	case ISCSI_PARAM_ABORT_TMO:
		return sysfs_emit(buf, "%u\n", s->config.abort_tmo);
	case ISCSI_PARAM_LU_RESET_TMO:
		return sysfs_emit(buf, "%u\n", s->config.lu_reset_tmo);
	case ISCSI_PARAM_TGT_RESET_TMO:
		return sysfs_emit(buf, "%u\n", s->config.tgt_reset_tmo);
	case ISCSI_PARAM_FAST_ABORT:
		return sysfs_emit(buf, "0\n");
	case ISCSI_PARAM_IFACE_NAME:
		return sysfs_emit(buf, "%s\n", s->config.iface);
	case ISCSI_PARAM_INITIATOR_NAME:
		return sysfs_emit(buf, "%s\n", s->config.initiator_name);
	case ISCSI_PARAM_USERNAME:
		return sysfs_emit(buf, "%s\n", s->config.username);
	case ISCSI_PARAM_USERNAME_IN:
		return sysfs_emit(buf, "%s\n", s->config.username_in);
	case ISCSI_PARAM_PASSWORD:
	case ISCSI_PARAM_PASSWORD_IN:
		return sysfs_emit(buf, "\n");
	case ISCSI_PARAM_DEF_TIME2WAIT:
		return sysfs_emit(buf, "%u\n", s->params.time2wait);
	case ISCSI_PARAM_DEF_TIME2RETAIN:
		return sysfs_emit(buf, "%u\n", s->params.time2retain);
	case ISCSI_PARAM_ISID:
		return sysfs_emit(buf, "%*phN\n", HWS_ISID_LEN, s->config.isid);
	case ISCSI_PARAM_TSID:
		return sysfs_emit(buf, "%u\n", s->params.tsih);
	default:
		return -ENOSYS;
	}
}

static int get_conn_param(struct iscsi_cls_conn *cls_conn,
			  enum iscsi_param param, char *buf)
{
	struct hws_session *s = *(struct hws_session **)cls_conn->dd_data;
	const struct hws_conn *conn = shown(s);

	switch (param) {
	case ISCSI_PARAM_MAX_RECV_DLENGTH:
		return sysfs_emit(buf, "%u\n",
				  conn->params.max_recv_data_segment_length);
	case ISCSI_PARAM_MAX_XMIT_DLENGTH:
		return sysfs_emit(buf, "%u\n",
				  conn->params.max_xmit_data_segment_length);
	case ISCSI_PARAM_HDRDGST_EN:
		return sysfs_emit(buf, "%d\n", conn->params.header_digest);
	case ISCSI_PARAM_DATADGST_EN:
		return sysfs_emit(buf, "%d\n", conn->params.data_digest);
	case ISCSI_PARAM_EXP_STATSN:
	case ISCSI_PARAM_STATSN:
		return sysfs_emit(buf, "%u\n", READ_ONCE(conn->exp_stat_sn));
	case ISCSI_PARAM_PERSISTENT_ADDRESS:
		return sysfs_emit(buf, "%s\n", s->config.portal_address);
	case ISCSI_PARAM_PERSISTENT_PORT:
		return sysfs_emit(buf, "%u\n", s->config.portal_port);
	case ISCSI_PARAM_CONN_ADDRESS:
		return show_address(&conn->peer, buf);
	case ISCSI_PARAM_CONN_PORT:
		return show_port(&conn->peer, buf);
	case ISCSI_PARAM_LOCAL_IPADDR:
		return show_address(&conn->local, buf);
	case ISCSI_PARAM_LOCAL_PORT:
		return show_port(&conn->local, buf);
	case ISCSI_PARAM_PING_TMO:
		return sysfs_emit(buf, "%u\n", conn->params.ping_timeout);
	case ISCSI_PARAM_RECV_TMO:
		return sysfs_emit(buf, "%u\n", conn->params.ping_interval);
	default:
		return -ENOSYS;
	}
}

static int get_host_param(struct Scsi_Host *shost,
			  enum iscsi_host_param param, char *buf)
{
	struct hws_session *s = hws_session_of(shost);

	switch (param) {
	case ISCSI_HOST_PARAM_INITIATOR_NAME:
		return sysfs_emit(buf, "%s\n", s->config.initiator_name);
	case ISCSI_HOST_PARAM_IPADDRESS:
		return show_address(&shown(s)->local, buf);
	case ISCSI_HOST_PARAM_NETDEV_NAME:
		return sysfs_emit(buf, "%s\n", shown(s)->interface.name);
	case ISCSI_HOST_PARAM_HWADDRESS:
		return show_hardware_address(shown(s), buf);
	default:
		return -ENOSYS;
	}
}

static umode_t attr_is_visible(int type, int param)
{
	switch (type) {
	case ISCSI_HOST_PARAM:
		switch (param) {
		case ISCSI_HOST_PARAM_INITIATOR_NAME:
		case ISCSI_HOST_PARAM_IPADDRESS:
		case ISCSI_HOST_PARAM_NETDEV_NAME:
		case ISCSI_HOST_PARAM_HWADDRESS:
			return 0444;
		}
		return 0;
	case ISCSI_PARAM:
		switch (param) {
		case ISCSI_PARAM_MAX_RECV_DLENGTH:
		case ISCSI_PARAM_MAX_XMIT_DLENGTH:
		case ISCSI_PARAM_HDRDGST_EN:
		case ISCSI_PARAM_DATADGST_EN:
		case ISCSI_PARAM_EXP_STATSN:
		case ISCSI_PARAM_STATSN:
		case ISCSI_PARAM_PERSISTENT_ADDRESS:
		case ISCSI_PARAM_PERSISTENT_PORT:
		case ISCSI_PARAM_CONN_ADDRESS:
		case ISCSI_PARAM_CONN_PORT:
		case ISCSI_PARAM_LOCAL_IPADDR:
		case ISCSI_PARAM_LOCAL_PORT:
		case ISCSI_PARAM_PING_TMO:
		case ISCSI_PARAM_RECV_TMO:
		case ISCSI_PARAM_INITIAL_R2T_EN:
		case ISCSI_PARAM_MAX_R2T:
		case ISCSI_PARAM_IMM_DATA_EN:
		case ISCSI_PARAM_FIRST_BURST:
		case ISCSI_PARAM_MAX_BURST:
		case ISCSI_PARAM_PDU_INORDER_EN:
		case ISCSI_PARAM_DATASEQ_INORDER_EN:
		case ISCSI_PARAM_ERL:
		case ISCSI_PARAM_TARGET_NAME:
		case ISCSI_PARAM_TARGET_ALIAS:
		case ISCSI_PARAM_TPGT:
		case ISCSI_PARAM_ABORT_TMO:
		case ISCSI_PARAM_LU_RESET_TMO:
		case ISCSI_PARAM_TGT_RESET_TMO:
		case ISCSI_PARAM_FAST_ABORT:
		case ISCSI_PARAM_IFACE_NAME:
		case ISCSI_PARAM_INITIATOR_NAME:
		case ISCSI_PARAM_USERNAME:
		case ISCSI_PARAM_USERNAME_IN:
		case ISCSI_PARAM_PASSWORD:
		case ISCSI_PARAM_PASSWORD_IN:
		case ISCSI_PARAM_DEF_TIME2WAIT:
		case ISCSI_PARAM_DEF_TIME2RETAIN:
		case ISCSI_PARAM_ISID:
		case ISCSI_PARAM_TSID:
			return 0444;
		}
		return 0;
	}
	return 0;
}

/* What the class's netlink may call. */
static struct iscsi_cls_session *refuse_create_session(struct iscsi_endpoint *ep,
						       u16 cmds_max, u16 depth,
						       u32 sn)
{
	return NULL;
}

static void refuse_destroy_session(struct iscsi_cls_session *cls)
{
}

static struct iscsi_cls_conn *refuse_create_conn(struct iscsi_cls_session *cls,
						 u32 cid)
{
	return NULL;
}

static int refuse_bind_conn(struct iscsi_cls_session *cls,
			    struct iscsi_cls_conn *conn, u64 fd, int leading)
{
	return -EOPNOTSUPP;
}

static int refuse_start_conn(struct iscsi_cls_conn *conn)
{
	return -EOPNOTSUPP;
}

static void refuse_stop_conn(struct iscsi_cls_conn *conn, int flag)
{
}

static void refuse_destroy_conn(struct iscsi_cls_conn *conn)
{
}

static int refuse_set_param(struct iscsi_cls_conn *conn, enum iscsi_param param,
			    char *buf, int len)
{
	return -EOPNOTSUPP;
}

static int refuse_send_pdu(struct iscsi_cls_conn *conn, struct iscsi_hdr *hdr,
			   char *data, u32 len)
{
	return -EOPNOTSUPP;
}

/* The class has made room for the counters and will send them: all zero. */
static void no_stats(struct iscsi_cls_conn *conn, struct iscsi_stats *stats)
{
	stats->custom_length = 0;
}

static void recovery_timed_out(struct iscsi_cls_session *cls)
{
	hws_session_recovery_timed_out(session_of(cls));
}

/*
 * open-iscsi's iscsiadm reads the class's transports in the order of their names
 * and reads no further than the first that it does not know. This name sorts after
 * "tcp", so that its own transport is still found while this module is loaded.
 */
struct iscsi_transport hws_transport = {
	.owner = THIS_MODULE,
	.name = "tcp-hawser",
	.caps = CAP_RECOVERY_L0 | CAP_HDRDGST | CAP_DATADGST | CAP_MULTI_R2T,
	.create_session = refuse_create_session,
	.destroy_session = refuse_destroy_session,
	.create_conn = refuse_create_conn,
	.bind_conn = refuse_bind_conn,
	.start_conn = refuse_start_conn,
	.stop_conn = refuse_stop_conn,
	.destroy_conn = refuse_destroy_conn,
	.set_param = refuse_set_param,
	.get_conn_param = get_conn_param,
	.get_session_param = get_session_param,
	.get_host_param = get_host_param,
	.send_pdu = refuse_send_pdu,
	.get_stats = no_stats,
	.session_recovery_timedout = recovery_timed_out,
	.attr_is_visible = attr_is_visible,
};

/* The scan file of the host. */
static int user_scan(struct Scsi_Host *shost, uint channel, uint id, u64 lun)
{
	struct hws_session *session;
	int ret;

	if ((channel != SCAN_WILD_CARD && channel != 0) ||
	    (id != SCAN_WILD_CARD && id != 0))
		return -EINVAL;
	/* /proc/scsi/scsi comes here with the host alone, which may be the last of it. */
	session = hws_session_hold(shost);
	if (!session)
		return -ENODEV;
	ret = hws_scan_range(session, lun);
	hws_session_put(session);
	return ret;
}

int hws_transport_register(void)
{
	hws_transport_template = iscsi_register_transport(&hws_transport);
	if (!hws_transport_template)
		return -ENOMEM;
	hws_transport_template->user_scan = user_scan;
	return 0;
}

void hws_transport_unregister(void)
{
	iscsi_unregister_transport(&hws_transport);
}
