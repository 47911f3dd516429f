/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * SCSI commands between the midlayer and a connection: command.c takes and
 * ends them, error.c is the midlayer's error handling.
 */
#ifndef _HWS_COMMAND_H
#define _HWS_COMMAND_H

#include "compat/compat.h"
#include "task.h"

struct Scsi_Host;
struct hws_session;

hws_queue_status_t hws_queuecommand(struct Scsi_Host *shost,
				    struct scsi_cmnd *sc);
void hws_commit_rqs(struct Scsi_Host *shost, u16 hwq);
void hws_command_move(struct hws_task *task, struct hws_conn *conn);
void hws_command_kick(struct hws_session *session);
void hws_command_strand(struct hws_task *task);
void hws_command_reassign(struct hws_task *task, struct hws_conn *conn);
bool hws_command_writes(const struct hws_task *task);
void hws_command_end(struct hws_task *task, int result);
void hws_command_lost(struct hws_task *task);
void hws_task_forget(struct hws_task *task);
bool hws_command_give_up(struct hws_task *task);

hws_eh_timed_out_t hws_eh_timed_out(struct scsi_cmnd *sc);
int hws_eh_abort(struct scsi_cmnd *sc);
int hws_eh_device_reset(struct scsi_cmnd *sc);
int hws_eh_target_reset(struct scsi_cmnd *sc);
int hws_eh_host_reset(struct scsi_cmnd *sc);

struct hws_tmf_args {
	u8 function;
	const u8 *lun;		/* NULL: the whole target */
	u32 ref_tag;		/* ABORT TASK, QUERY TASK */
	u32 ref_cmd_sn;
	unsigned int timeout;	/* seconds */
};

/* Task management: tmf.c */
int hws_tmf(struct hws_session *session, struct hws_conn *conn,
	    const struct hws_tmf_args *args, u8 *response);
void hws_tmf_conclude(struct hws_session *session,
		      const struct hws_tmf_args *args, const u32 *cmd_sn);

#endif /* _HWS_COMMAND_H */
