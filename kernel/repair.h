/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Error recovery level 1: what was lost or damaged on a connection that lives is
 * asked for again. The decisions are in proto/repair.h, proto/gaps.h and
 * proto/silence.h. Everything here runs under the socket lock.
 */
#ifndef _HWS_REPAIR_H
#define _HWS_REPAIR_H

#include <linux/list.h>

#include "connection.h"
#include "proto/repair.h"
#include "session.h"
#include "task.h"

enum {
	/* a gap that stays open for so long is asked for once more, or given up */
	HWS_REPAIR_PATIENCE = 4 * HZ,
	/* SNACKs, one after the other, that bring nothing */
	HWS_SNACKS_IN_VAIN = 64,
	/* silence until a probe goes out, and until it is acted on */
	HWS_SILENCE = HZ,
	/* how often one command is sent again */
	HWS_RETRIES_MAX = 4,
};

/* A stranded task and its TASK REASSIGN: reassign.c */
enum hws_asked {
	HWS_ASKED_NOT,
	HWS_ASKED,		/* the request is under way, and the task its */
	HWS_ASKED_IN_VAIN,	/* it has ended, and the task is where it was */
};

/* Of a command; in the session's reserved storage. */
struct hws_task_repair {
	struct hws_task *task;
	struct list_head open;	/* hws_conn.open: it waits for something */
	struct list_head held;	/* hws_conn.held: by StatSN */
	u32 retried;		/* the tag that @retries counts for */
	u8 retries;
	u8 asked;		/* enum hws_asked; in vain: */
	u8 response;		/* when @error is 0 */
	int error;
	struct hws_repair r;
};

static inline void hws_repair_prepare(struct hws_task_repair *repair,
				      struct hws_task *task)
{
	repair->task = task;
	INIT_LIST_HEAD(&repair->open);
	INIT_LIST_HEAD(&repair->held);
}

/* Of a command of a session at error recovery level 1 or above. */
static inline struct hws_task_repair *hws_repair_of(const struct hws_task *task)
{
	return &task->session->repairs[task->index];
}

/* What came: repair.c */
void hws_repair_reset(struct hws_conn *conn);
enum hws_violation hws_repair_header(struct hws_conn *conn,
				     const union hws_header *h);
enum hws_violation hws_repair_data_in_header(struct hws_conn *conn,
					     const union hws_header *h);
bool hws_repair_numbers(struct hws_conn *conn, const union hws_header *h);
enum hws_violation hws_repair_data_in_pdu(struct hws_conn *conn,
					  const union hws_header *h);
enum hws_violation hws_repair_r2t_pdu(struct hws_conn *conn,
				      struct hws_task *task,
				      const union hws_header *h,
				      struct hws_sequence *seq, bool *wanted);
bool hws_repair_damaged(struct hws_conn *conn, const union hws_header *h);
bool hws_repair_holds(struct hws_conn *conn, struct hws_task *task,
		      const union hws_header *h, const u8 *sense, u32 length);
void hws_repair_acknowledge(struct hws_conn *conn);
void hws_repair_begin(struct hws_task *task);
void hws_repair_forget(struct hws_task *task);
void hws_repair_strand(struct hws_task *task);

/* What is asked for: snack.c */
void hws_snack_task(struct hws_conn *conn, struct hws_task_repair *repair);
void hws_snack_status(struct hws_conn *conn);
bool hws_snack_build(struct hws_conn *conn, union hws_header *h);
void hws_snack_rejected(struct hws_conn *conn, const union hws_header *snack);
void hws_snack_check(struct hws_conn *conn);

/* Silence, and commands that were lost: watch.c */
void hws_watch_start(struct hws_conn *conn);
void hws_watch_stop(struct hws_conn *conn);
void hws_watch_work(struct work_struct *work);
void hws_watch_answered(struct hws_conn *conn, const struct hws_task *ping,
			u32 exp_cmd_sn);
void hws_retry_rejected(struct hws_conn *conn, struct hws_task *task);

#endif /* _HWS_REPAIR_H */
