/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A session: an I_T nexus, with a SCSI host of its own, the command window, the
 * tasks and the set of connections.
 *
 * Lock order, outermost first:
 *	hws_sessions_lock (mutex)	the list of sessions
 *	session->control (mutex)	adoption, loss, removal, deletion, one at
 *					a time
 *	session->scan_lock (mutex)	scans; never taken under control
 *	socket lock of a connection	its data path, see connection.h
 *	session->lock (spinlock)	state, task pool
 * No allocation that can wait for a disk is made under control.
 *
 * References: the list, every work item that is queued, and every netlink
 * command in progress hold one. Teardown is hws_session_teardown(), once.
 */
#ifndef _HWS_SESSION_H
#define _HWS_SESSION_H

#include <linux/atomic.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/ratelimit_types.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <scsi/scsi_host.h>

#include <hawser/hawser.h>

#include "proto/extents.h"
#include "proto/pdu.h"
#include "proto/policy.h"
#include "proto/window.h"
#include "task.h"

struct iscsi_cls_conn;
struct iscsi_cls_session;
struct netlink_ext_ack;
struct hws_conn_params;

/*
 * Our own tasks: what may be under way at once in a session. Where it may have
 * several connections, each of them may want one at the same moment.
 */
enum {
	HWS_REQUESTS = 16,
	HWS_REQUESTS_SEVERAL = BITS_PER_LONG,
	HWS_ADMIN_REQUESTS = 8,	/* of which pings and functions by hand */
};

/* What a leading login negotiated for the session. */
struct hws_session_params {
	u16 tsih;
	bool initial_r2t;
	bool immediate_data;
	bool data_pdu_in_order;
	bool data_sequence_in_order;
	u8 erl;
	u8 task_reporting;	/* enum hws_task_reporting */
	u8 protocol_level;
	u16 max_outstanding_r2t;
	u16 max_connections;
	u16 time2wait;
	u16 time2retain;
	u32 first_burst_length;
	u32 max_burst_length;
	u32 cmd_sn;
	u32 exp_cmd_sn;
	u32 max_cmd_sn;
};

/* What a login that was announced needs to know. */
struct hws_reservation {
	u64 cookie;
	u32 cmd_sn;
	u32 exp_stat_sn;
	u16 tsih;
};

/* What a session is made with and keeps. */
struct hws_session_config {
	char initiator_name[HWS_NAME_MAX + 1];
	char initiator_alias[HWS_ALIAS_MAX + 1];
	char target_name[HWS_NAME_MAX + 1];
	char target_alias[HWS_ALIAS_MAX + 1];
	char iface[HWS_IFACE_MAX + 1];
	char username[HWS_USERNAME_MAX + 1];	/* of CHAP, may be empty */
	char username_in[HWS_USERNAME_MAX + 1];
	u8 owner_key[HWS_KEY_MAX];
	u16 owner_key_len;
	u8 isid[HWS_ISID_LEN];
	u16 tpgt;
	u32 cmds_max;
	u32 queue_depth;
	s32 recovery_tmo;
	u32 abort_tmo;
	u32 lu_reset_tmo;
	u32 tgt_reset_tmo;
	u8 scan;
	bool stable_writes;
	u8 policy;		/* enum hws_policy */
	/* The record's portal, which names the disks whatever happens later. */
	char portal_address[HWS_ADDRESS_MAX + 1];
	u16 portal_port;
};

struct hws_session {
	/* The command window, shared by all connections. */
	atomic_t cmd_sn ____cacheline_aligned;	/* of the next command */
	atomic_t exp_cmd_sn;
	atomic_t max_cmd_sn;
	atomic_t window_waiters;	/* a connection found it closed */

	u8 state ____cacheline_aligned;	/* enum hws_session_state */
	struct hws_plan __rcu *plan;	/* one of @plans */
	struct hws_conn __rcu *conns[HWS_CONNECTIONS_MAX]; /* by slot */
	struct hws_task *tasks;
	unsigned int nr_commands;
	unsigned int nr_requests;	/* our own, after the commands */
	unsigned int nr_tasks;
	struct hws_sequence *sequences;	/* the tasks' rings */
	struct hws_extents *extents;	/* NULL when data comes in order */
	struct hws_task_repair *repairs; /* NULL at error recovery level 0 */
	u16 sequences_each;
	struct hws_session_params params;

	struct Scsi_Host *shost;
	struct iscsi_cls_session *cls;
	struct iscsi_cls_conn *cls_conn; /* slot 0 of the class, for life */
	struct hws_session_config config;
	struct ratelimit_state log_limit;
	u32 sid;
	struct list_head entry;		/* hws_sessions */
	bool published;			/* under hws_sessions_lock */
	struct kref ref;
	struct rcu_head rcu;

	struct mutex control;
	spinlock_t lock;
	wait_queue_head_t state_wait;
	unsigned long request_map;	/* of our own tasks, set when taken */
	struct hws_request *requests;	/* one for each of our own tasks */
	atomic_t admin_requests;	/* by hand, at most HWS_ADMIN_REQUESTS */
	bool leaving;			/* under control: being logged out */
	bool logged_out;		/* the target agreed to that */
	unsigned int upsets;		/* times that a connection went, for tmf.c */
	u64 completions;		/* when its last connection went */
	unsigned int fruitless;		/* times that it went with none since */
	u8 reassign_codes;		/* enum hws_reassign_codes, of its target */
	bool reassigns_one;		/* it has room for one at a time only */
	bool scanned;			/* at least once */
	u8 last_loss;

	struct hws_plan plans[2];	/* under control: policy.c */
	unsigned long plan_readers;	/* of the last one, an RCU cookie */
	atomic_t turn;			/* of the policies that take turns */
	bool several;			/* it had more than one connection */

	struct work_struct teardown_work;
	struct work_struct expire_work;
	struct work_struct scan_work;
	struct mutex scan_lock;

	atomic64_t stats[HWS_SESSION_STAT_MAX + 1];
};

/* The rules of reads and writes, as the pure code takes them. */
static inline struct hws_read_rules
hws_session_read_rules(const struct hws_session *s)
{
	return (struct hws_read_rules) {
		.pdu_in_order = s->params.data_pdu_in_order,
		.sequence_in_order = s->params.data_sequence_in_order,
	};
}

/*
 * The host's session. The host may outlive it: who is not a command, a device
 * or an attribute of a session that is whole asks hws_session_hold().
 */
static inline struct hws_session __rcu **hws_session_slot(struct Scsi_Host *shost)
{
	return shost_priv(shost);
}

static inline struct hws_session *hws_session_of(struct Scsi_Host *shost)
{
	return rcu_dereference_raw(*hws_session_slot(shost));
}

/* The session may use what RFC 7144 adds. Any context. */
static inline bool hws_session_knows_rfc7144(const struct hws_session *s)
{
	return READ_ONCE(s->params.protocol_level) >= HWS_LEVEL_RFC7144;
}

static inline u8 hws_session_state(const struct hws_session *s)
{
	return READ_ONCE(s->state);
}

/* Creation, lookup and end: session.c */
struct hws_session *hws_session_create(const struct hws_session_config *config,
				       const struct hws_session_params *params,
				       const struct hws_conn_params *conn_params,
				       struct netlink_ext_ack *extack);
struct hws_session *hws_session_find(u32 sid);
struct hws_session *hws_session_next(u32 from);
struct hws_session *hws_session_hold(struct Scsi_Host *shost);
void hws_session_get(struct hws_session *session);
void hws_session_put(struct hws_session *session);
int hws_session_delete(struct hws_session *session);
unsigned int hws_session_devices(struct hws_session *session);

/* State and recovery: recovery.c */
bool hws_session_set_state(struct hws_session *session, u8 state);
void hws_session_recovery_timed_out(struct hws_session *session);
void hws_session_fail(struct hws_session *session);
void hws_session_drain(struct hws_session *session);
void hws_session_expire_work(struct work_struct *work);
void hws_recovery_take_down(struct hws_session *session);
unsigned int hws_recovery_upsets(struct hws_session *session);
bool hws_recovery_fail_if_upset(struct hws_session *session,
				unsigned int seen);
int hws_session_wait_usable(struct hws_session *session);
void hws_recovery_settle(struct hws_session *session);
void hws_session_set_recovery_tmo(struct hws_session *session, s32 seconds);
void hws_session_fail_io(struct hws_session *session);

/* Connections that come: adopt.c */
int hws_session_activate(struct hws_session *session, struct hws_conn *conn,
			 const struct hws_session_params *params,
			 const struct hws_conn_params *conn_params,
			 struct netlink_ext_ack *extack);
int hws_session_reserve(struct hws_session *session, u8 kind, u16 cid,
			struct hws_reservation *r,
			struct netlink_ext_ack *extack);
unsigned int hws_most_connections(void);
int hws_session_release(struct hws_session *session, u64 cookie);
int hws_session_adopt(struct hws_session *session, u64 cookie,
		      const struct hws_session_params *params,
		      const struct hws_conn_params *conn_params,
		      struct netlink_ext_ack *extack);

/* Which connection carries commands: policy.c */
void hws_policy_update(struct hws_session *session);
void hws_policy_set(struct hws_session *session, const u8 *policy,
		    struct hws_conn *conn, const u8 *role, const u32 *weight);

/* The command window: window.c */
bool hws_window_take(struct hws_session *session, u32 *cmd_sn);
void hws_window_update(struct hws_session *session, u32 exp_cmd_sn,
		       u32 max_cmd_sn);

/* Logical units: scan.c */
void hws_scan_init(struct hws_session *session);
void hws_scan_start(struct hws_session *session);
void hws_scan_stop(struct hws_session *session);
int hws_scan_range(struct hws_session *session, u64 lun);

#endif /* _HWS_SESSION_H */
