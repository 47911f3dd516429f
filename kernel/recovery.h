/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _HWS_RECOVERY_H
#define _HWS_RECOVERY_H

#include <linux/types.h>

struct hws_conn;
struct hws_request;
struct hws_session;
struct hws_task;
struct netlink_ext_ack;
struct work_struct;

void hws_conn_lost_work(struct work_struct *work);
void hws_conn_leave_work(struct work_struct *work);
/* Seconds for a Logout that no target gave a time for; the first half is for what is under way. */
#define HWS_LEAVE_PATIENCE	20
/*
 * Seconds in which a connection that the target asks to leave is gone (leave.c); error handling
 * gives no more to one that is taken out either.
 */
#define HWS_LEAVE_MAX		45
void hws_conn_leave(struct hws_conn *conn, u16 time2wait, u16 patience);
void hws_conn_has_less(struct hws_conn *conn, bool idle);
bool hws_conn_has_siblings(const struct hws_conn *conn);
void hws_session_dropped(struct hws_session *session, const u16 *cid,
			 u16 time2wait);
int hws_conn_drop(struct hws_conn *conn, u16 cid,
		  struct netlink_ext_ack *extack);
int hws_conn_remove(struct hws_conn *conn, u16 cid,
		    struct netlink_ext_ack *extack);
void hws_conn_remove_work(struct work_struct *work);
bool hws_conn_log_out(struct hws_conn *conn, u8 reason);

/* A connection that is lost while others are up: clear.c */
bool hws_clear_begin(struct hws_conn *conn);
unsigned long hws_clear_respite(const struct hws_conn *conn);
bool hws_clear_submit(struct hws_task *request, struct hws_conn *conn,
		      struct hws_conn *(*select)(struct hws_session *session));
void hws_clear_ended(const struct hws_request *r);
bool hws_clear_is_asking(const struct hws_conn *conn);
void hws_clear_busy(struct hws_conn *conn);
void hws_clear_tasks(struct hws_conn *conn);
bool hws_clear_hole(const struct hws_conn *conn);
bool hws_clear_goes_on(const struct hws_session *session,
		       const struct hws_task *task);
void hws_clear_work(struct work_struct *work);
void hws_strand_timer(struct work_struct *work);
void hws_strand_wait(struct hws_conn *conn, unsigned long delay);

/* Error recovery level 2: reassign.c */
void hws_reassign_begin(struct hws_conn *conn);
void hws_reassign_ended(const struct hws_request *r, struct hws_conn *over);
void hws_reassign_answered(struct hws_conn *conn);
bool hws_reassign_is_under_way(const struct hws_task *task);

/* Under control: it has gone, for good if it was taken out. */
void hws_conn_gone(struct hws_conn *conn);

/* Under control: it has tasks, and there is nothing to go on over. */
void hws_conn_hold(struct hws_conn *conn);
void hws_conn_recover(struct hws_conn *conn);

#endif /* _HWS_RECOVERY_H */
