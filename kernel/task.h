/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A task: what one Initiator Task Tag stands for. Tasks are an array of the
 * session: [0, can_queue) belong to the midlayer's commands by their host-wide
 * tag, the rest are ours (pings, task management, text, logout).
 *
 * Who may touch a task:
 *  - IDLE: whoever has its tag from the midlayer, or took it from the pool.
 *  - SUBMITTED: nobody but its connection, which takes it from the list.
 *  - QUEUED and ACTIVE: the holder of its connection's socket lock.
 *  - STRANDED: the holder of session->control; while it is being reassigned, the
 *    request that does it, under the socket lock of the request's connection.
 * @conn is set before SUBMITTED, and cleared under that connection's socket
 * lock; so under a socket lock "task->conn == conn" cannot change, but for a task
 * that is STRANDED: hws_command_reassign() makes it another connection's and then
 * ACTIVE. So the state is looked at first: hws_task_is_active().
 */
#ifndef _HWS_TASK_H
#define _HWS_TASK_H

#include <linux/completion.h>
#include <linux/llist.h>
#include <linux/types.h>

#include "cursor.h"
#include "proto/read.h"
#include "proto/tag.h"
#include "proto/text.h"
#include "proto/write.h"

struct hws_conn;
struct hws_session;
struct hws_session_params;
struct scsi_cmnd;

enum hws_task_kind {
	HWS_TASK_COMMAND,
	HWS_TASK_PING,
	HWS_TASK_TMF,
	HWS_TASK_LOGOUT,
	HWS_TASK_TEXT,
};

enum hws_task_state {
	HWS_TASK_IDLE,
	HWS_TASK_SUBMITTED,
	HWS_TASK_QUEUED,
	HWS_TASK_ACTIVE,	/* given to TCP, at least in part */
	HWS_TASK_STRANDED,	/* its connection was lost */
};

/* A target may refuse an immediate request for want of room (Reject 0x06). */
enum {
	HWS_BUSY_TRIES = 5,
	HWS_BUSY_WAIT_MS = 100,
};

/* What one of our own requests asks and got. */
struct hws_request {
	struct completion done;
	int error;		/* 0 when @response holds */
	u8 function;		/* of task management; the logout's reason */
	u8 response;
	u8 lun[HWS_LUN_BYTES];
	u32 ref_tag;		/* ABORT TASK, TASK REASSIGN: of the task */
	u32 ref_cmd_sn;		/* ABORT TASK */
	u32 exp_data_sn;	/* TASK REASSIGN */
	u16 cid;		/* logout */
	u16 time2wait;		/* logout response */
	u8 *data;		/* ping, text: kvmalloc'd */
	u32 length;
	u8 *answer;		/* text: likewise, HWS_TEXT_MAX bytes */
	struct hws_text text;
	u64 began_ns;
	u64 ended_ns;
	bool abandoned;		/* nobody waits: the end puts the task */
	bool unanswered;	/* counted in its connection */
	bool any_answer;	/* to a ping: a Reject will do */
	bool crowded;		/* a TASK REASSIGN that went out beside another */
	bool counted;		/* in hws_conn.reassigns */
	bool leave;		/* a logout whose end is the connection's */
	struct hws_conn *clears;	/* the lost one that it logs out */
	struct hws_task *reassigns;	/* the stranded one that it takes over */
};

struct hws_task {
	struct llist_node submit;	/* hws_conn.submitted */
	struct list_head entry;		/* hws_conn.commands or .requests */
	struct list_head data_entry;	/* hws_conn.unsolicited or .solicited */
	struct hws_conn *conn;		/* allegiance, NULL when IDLE */
	struct hws_session *session;
	struct scsi_cmnd *sc;		/* HWS_TASK_COMMAND, NULL when IDLE */
	u32 tag;			/* on the wire, from the first issue on */
	u32 cmd_sn;			/* a command's: once numbered */
	u16 index;
	u8 kind;
	u8 state;
	bool numbered;			/* it has taken @cmd_sn */
	u32 generation;
	struct hws_cursor cursor;
	union {
		struct hws_read read;
		struct hws_write write;
	};
	struct hws_sequence_ring sequences;
	struct hws_request *request;	/* our own tasks */
};

/* A task's first issue: a new tag, so that late answers to the last use miss. */
/* Is the task under way on the connection, whose socket is locked? */
static inline bool hws_task_is_active(const struct hws_task *task,
				      const struct hws_conn *conn)
{
	/* Pairs with hws_command_reassign(). */
	return smp_load_acquire(&task->state) == HWS_TASK_ACTIVE &&
	       READ_ONCE(task->conn) == conn;
}

static inline void hws_task_new_tag(struct hws_task *task)
{
	task->tag = hws_tag(task->index, ++task->generation);
}

/* Requests of our own: task.c */
struct hws_task *hws_request_get(struct hws_session *session,
				 enum hws_task_kind kind);
void hws_request_put(struct hws_task *task);
int hws_request_submit(struct hws_task *task, struct hws_conn *conn,
		       bool leaving);
void hws_request_end(struct hws_task *task, int error);
int hws_request_wait(struct hws_task *task, struct hws_conn *conn,
		     unsigned long timeout, bool *mine);

int hws_tasks_alloc(struct hws_session *session,
		    const struct hws_session_params *params);
int hws_tasks_reserve(struct hws_session *session,
		      const struct hws_session_params *params);
void hws_tasks_free(struct hws_session *session);

#endif /* _HWS_TASK_H */
