/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A connection (CID) of a session.
 *
 * The data path is protected by TCP's own lock on the socket, because TCP takes
 * it anyway: the send worker holds it as a process (lock_sock), the receive
 * path as the softirq that runs sk_data_ready, or as the process that works off
 * the backlog. Everything in "data path" below changes only under it.
 *
 * sk: set when a socket is adopted, cleared when it is killed, both with the
 * socket locked and under @lock; whoever wants the socket asks
 * hws_conn_lock_sock(), which holds a reference meanwhile.
 */
#ifndef _HWS_CONNECTION_H
#define _HWS_CONNECTION_H

#include <linux/if.h>
#include <linux/llist.h>
#include <linux/netdevice.h>
#include <linux/ratelimit_types.h>
#include <linux/socket.h>
#include <linux/workqueue.h>

#include <hawser/hawser.h>

#include "cursor.h"
#include "proto/command.h"
#include "proto/frame.h"
#include "proto/gaps.h"
#include "proto/keepalive.h"
#include "proto/read.h"
#include "proto/silence.h"
#include "proto/state.h"
#include "proto/write.h"

struct hws_session;
struct hws_task;
struct netlink_ext_ack;
struct sock;
struct socket;

enum {
	/* PDUs without data go to TCP together, up to this many bytes */
	HWS_OUT_HEAD = 16 * (HWS_BHS_LEN + HWS_DIGEST_LEN) + HWS_EXTENDED_CDB_MAX + 8,
	/* of a target's PDU other than Data-In this much is kept */
	HWS_IN_KEEP = HWS_PING_MAX,
	/* pings of the target that wait for their answer; no more are received */
	HWS_PONGS = 128,
	/* requests without an answer until the target counts as gone */
	HWS_UNANSWERED_MAX = 8,
	/* runs of data that one call to TCP takes at most */
	HWS_OUT_VECTORS = 16,
};

/*
 * What becomes of the tasks of a connection that was lost. At error recovery
 * level 2 it may be up again, reinstated, while they are being reassigned.
 */
enum hws_strand {
	HWS_STRAND_NONE,
	HWS_STRAND_HELD,	/* no connection is up to go on over */
	HWS_STRAND_RESPITE,	/* Time2Wait of its loss is not over */
	HWS_STRAND_LOGOUT,	/* it is being logged out over another */
	HWS_STRAND_WAIT,	/* it was; Time2Wait of the answer is not over */
	HWS_STRAND_REASSIGN,	/* its tasks change their allegiance */
};

/* What a login gave for a connection. */
struct hws_conn_params {
	u16 cid;
	int fd;
	bool header_digest;
	bool data_digest;
	u32 max_recv_data_segment_length;
	u32 max_xmit_data_segment_length;
	u32 exp_stat_sn;
	u32 ping_interval;
	u32 ping_timeout;
	char persistent_address[HWS_ADDRESS_MAX + 1];
	u16 persistent_port;
	u8 role;		/* enum hws_role */
	u32 weight;
};

/* What is being given to TCP: headers, then the data of the last of them. */
struct hws_out {
	union hws_header next;	/* being built, aligned */
	u8 ahs[HWS_EXTENDED_CDB_MAX];	/* behind it, @next.ahs_words of it */
	u16 head_len;
	u16 head_off;
	u32 data_left;
	u32 crc;
	u8 pad;			/* after the data */
	bool digest;		/* after the data and its pad */
	bool turn;		/* data went last, a command may go now */
	bool corked;		/* TCP was told that more follows at once */
	struct hws_task *task;	/* whose data it is; NULL: zeroes */
	const u8 *bytes;	/* data that is not a command's */
	struct hws_cursor cursor;
	u8 head[HWS_OUT_HEAD];
};

/* The PDU that is being received. */
struct hws_in {
	struct hws_frame frame;
	struct hws_task *task;	/* whose pages are filled, NULL: kept or sunk */
	u8 *to;			/* where data goes that is not a command's */
	u32 room;		/* bytes there */
	u32 kept;		/* bytes that came there */
	u32 crc;
	bool dead;		/* the stream cannot be read on */
	bool drop;		/* this PDU came before */
	bool status_seen;	/* its StatSN did */
	bool late;		/* its task may have ended before */
	u8 *keep;		/* HWS_IN_KEEP bytes */
};

/* Where a connection stands that the target asked to leave: leave.c */
enum hws_leaving {
	HWS_LEAVING_NOT,
	HWS_LEAVING_BEGUN,	/* it may have commands that it did not send */
	HWS_LEAVING_DRAINS,	/* commands that were sent are waited for */
	HWS_LEAVING_ASKED,	/* the answer to the Logout is */
};

struct hws_pong {
	__be32 ttt;
	u8 lun[HWS_LUN_BYTES];
};

/* The network interface that a socket is bound to; no name when to none. */
struct hws_interface {
	char name[IFNAMSIZ];
	u8 address_len;
	u8 address[MAX_ADDR_LEN];
};

struct hws_conn {
	struct hws_session *session;
	u8 slot;
	int state;			/* enum hws_conn_state: hws_conn_step() */
	u8 loss;			/* enum hws_loss */
	u8 leave_phase;			/* enum hws_leaving */
	struct ratelimit_state async_events;
	unsigned long leave_at;		/* jiffies, when leaving goes on anyhow */
	u16 loss_time2wait;		/* seconds */

	struct llist_head submitted;	/* tasks, from any context */
	struct work_struct send_work;
	struct delayed_work retry_work;	/* kicks send_work */
	struct work_struct lost_work;
	struct delayed_work ping_work;
	struct delayed_work watch_work;	/* error recovery level 1: watch.c */
	struct delayed_work leave_work;	/* hws_conn_leave() */
	struct work_struct remove_work;
	struct work_struct negotiate_work;
	struct work_struct clear_work;	/* its logout over another has ended */
	struct delayed_work strand_timer;

	/* under session->control */
	u64 cookie;			/* of the newest reservation, 0 none */
	u8 reserved;			/* enum hws_adopt_kind of it */
	bool member;			/* of the session: it is listed */
	bool removing;			/* it will not be one any more */
	bool remove_pending;		/* remove_work has not ended */
	atomic_t asking;		/* requests about it that are under way */
	bool lost_again;		/* with some: all begins anew after them */
	u8 strand;			/* enum hws_strand */
	u8 clear_reason;		/* of its logout over another */
	bool closed;			/* the target agreed to that */
	bool no_recovery;		/* but not for recovery */
	bool told;			/* userspace knows of the loss */
	bool window_fresh;		/* ExpCmdSN came after the loss */
	unsigned long strand_until;	/* jiffies, of strand_timer */
	unsigned long lost_at;		/* jiffies: loss_time2wait begins */
	bool probing;			/* one asks what answers mean: reassign.c */
	bool advanced;			/* a TASK REASSIGN has ended: more time */
	bool busy;			/* one had no room, there or here */
	bool answered;			/* one has ended; when it was for no task: */
	int clear_error;		/* 0 when the next two hold */
	u8 clear_response;
	u16 clear_time2wait;

	atomic_t outstanding;		/* commands with allegiance to it */

	spinlock_t lock;		/* @sk, addresses */
	struct sock *sk;
	struct socket *sock;
	void (*saved_data_ready)(struct sock *sk);
	void (*saved_state_change)(struct sock *sk);
	void (*saved_error_report)(struct sock *sk);
	void (*saved_write_space)(struct sock *sk);

	struct hws_keepalive keepalive;	/* of ping_work */
	struct hws_conn_params params;
	struct sockaddr_storage local;
	struct sockaddr_storage peer;

	/* data path */
	struct list_head requests;	/* our own tasks, in order */
	struct list_head retries;	/* with their CmdSN, in its order */
	struct list_head commands;	/* waiting for a CmdSN, in order */
	struct list_head unsolicited;	/* writes with data to send unasked */
	struct list_head solicited;	/* writes with R2Ts to answer */
	struct hws_out out;
	struct hws_in in;
	struct hws_read_rules read_rules;
	struct hws_write_rules write_rules;
	u32 exp_stat_sn;
	bool priorities;		/* of commands: RFC 7144 */
	struct hws_task *tmf_active;	/* one immediate function at a time, */
	unsigned int reassigns;		/* or so many TASK REASSIGNs: out.c */
	struct hws_task *ping_active;	/* one other immediate request */
	struct hws_task *own_ping;	/* without a waiter, sent or not: ping.c */
	struct hws_task *text_active;	/* the exchange under way */
	struct hws_pong pongs[HWS_PONGS];
	u8 pong_head;
	u8 pong_count;
	bool sending;			/* in a call to TCP */
	bool receive_later;		/* TCP called back meanwhile */
	bool paused;			/* no more is received: receive.c */
	bool leaving;			/* a Logout Request went out last */
	bool logged_out;		/* the target agreed to a logout of ours */
	bool gave_up;			/* a command that may not have arrived, */
	u32 gave_up_cmd_sn;		/* the last of them */
	unsigned int unanswered;	/* requests that were given up */

	/* data path, at error recovery level 1: repair.c */
	bool repairs;			/* it is that */
	bool snack;			/* something may be asked for */
	bool stat_tail;			/* statuses behind the last that came */
	bool untaken;			/* a status was not: none is acknowledged */
	bool retried_behind_ping;	/* a command, after ping_active went out */
	unsigned int snacks_in_vain;	/* since one brought something */
	struct hws_gaps stat;		/* StatSNs */
	struct list_head open;		/* commands that wait for something */
	struct list_head held;		/* statuses that wait for data, by StatSN */
	struct hws_silence silence;
	unsigned long moved_at;		/* jiffies: see proto/silence.h */
	unsigned long last_recv;	/* jiffies */
	u64 stats[HWS_CONN_STAT_MAX + 1];
	u64 session_stats[HWS_SESSION_STAT_MAX + 1];

	struct hws_interface interface;	/* of @sk, kept when that goes */
};

/* Life: connection.c */
struct hws_conn *hws_conn_alloc(struct hws_session *session, u8 slot);
void hws_conn_free(struct hws_conn *conn);
int hws_conn_adopt(struct hws_conn *conn, const struct hws_conn_params *params,
		   struct netlink_ext_ack *extack);
void hws_conn_kill(struct hws_conn *conn, bool clean);
void hws_conn_drain(struct hws_conn *conn);
bool hws_conn_step(struct hws_conn *conn, enum hws_conn_event event);
void hws_conn_strand(struct hws_conn *conn);
void hws_conn_lost(struct hws_conn *conn, enum hws_loss loss);
struct sock *hws_conn_lock_sock(struct hws_conn *conn);
void hws_conn_unlock_sock(struct sock *sk);
struct hws_conn *hws_conn_any(struct hws_session *session);
int hws_socket_prepare(int fd, struct netlink_ext_ack *extack);

/* Sending: send.c, and out.c for the PDUs */
void hws_send_work(struct work_struct *work);
void hws_send_kick(struct hws_conn *conn);
void hws_send_retry_work(struct work_struct *work);
void hws_conn_submit(struct hws_conn *conn, struct hws_task *task, bool last);
void hws_conn_take_submitted(struct hws_conn *conn);
void hws_conn_retry(struct hws_conn *conn, struct hws_task *task);
void hws_out_fill(struct hws_conn *conn);
bool hws_out_pending(const struct hws_conn *conn);

/* Receiving: receive.c; what the PDUs mean: response.c */
void hws_receive(struct hws_conn *conn, struct sock *sk);
void hws_conn_event(struct hws_conn *conn, struct sock *sk);
void hws_violation_report(struct hws_conn *conn, enum hws_violation v);
enum hws_violation hws_response_header(struct hws_conn *conn);
enum hws_violation hws_response_pdu(struct hws_conn *conn);

/* Keepalive: ping.c */
void hws_ping_start(struct hws_conn *conn);
void hws_ping_stop(struct hws_conn *conn);
bool hws_ping_send(struct hws_conn *conn);
void hws_ping_work(struct work_struct *work);

#endif /* _HWS_CONNECTION_H */
