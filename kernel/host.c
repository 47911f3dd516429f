// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the midlayer is told of a session's host: one hardware queue a CPU, tags
 * that are unique in the host, any LUN that eight bytes can say.
 */
#include <linux/module.h>
#include <scsi/scsi_cmnd.h>
#include <scsi/scsi_device.h>
#include <scsi/scsi_host.h>

#include "command.h"
#include "compat/compat.h"
#include "host.h"
#include "main.h"
#include "proto/command.h"
#include "session.h"

enum {
	SECTORS_MAX = 8192,	/* 4 MiB a command */
	SEGMENTS_MAX = 1024,
};

static int sdev_configure(HWS_SDEV_CONFIGURE_ARGS)
{
	struct hws_session *session = hws_session_of(sdev->host);

	/* The longer way is for disks on USB that hang when asked for too much. */
	HWS_READ_VPD_AT_ONCE();
	/* A page that has its digest must not change before it is sent. */
	if (session->config.stable_writes)
		HWS_SET_STABLE_WRITES();
	return 0;
}

struct scsi_host_template hws_host_template = {
	.module = THIS_MODULE,
	.name = "Hawser iSCSI initiator",
	.proc_name = "hawser",
	.queuecommand = hws_queuecommand,
	.commit_rqs = hws_commit_rqs,
	.eh_timed_out = hws_eh_timed_out,
	.eh_abort_handler = hws_eh_abort,
	.eh_device_reset_handler = hws_eh_device_reset,
	.eh_target_reset_handler = hws_eh_target_reset,
	.eh_host_reset_handler = hws_eh_host_reset,
	.change_queue_depth = scsi_change_queue_depth,
	HWS_SDEV_CONFIGURE_OP = sdev_configure,
	.this_id = -1,
	.sg_tablesize = SEGMENTS_MAX,
	.max_sectors = SECTORS_MAX,
	.track_queue_depth = 1,
	.host_tagset = 1,
};

void hws_host_setup(struct Scsi_Host *shost, struct hws_session *session)
{
	shost->transportt = hws_transport_template;
	shost->can_queue = session->config.cmds_max;
	shost->cmd_per_lun = session->config.queue_depth;
	shost->nr_hw_queues = nr_cpu_ids;
	shost->max_id = 1;
	shost->max_channel = 0;
	shost->max_lun = ~0ULL;
	shost->max_cmd_len = HWS_CDB_MAX;
}
