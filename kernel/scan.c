// SPDX-License-Identifier: GPL-2.0-only
/*
 * Logical units: found by the midlayer at login and on request. On request also
 * those that are gone are removed and those that are there are read anew, which
 * the midlayer's own scan does not do.
 */
#include <linux/slab.h>
#include <scsi/scsi.h>
#include <scsi/scsi_common.h>
#include <scsi/scsi_device.h>
#include <scsi/scsi_host.h>
#include <scsi/scsi_transport_iscsi.h>

#include "compat/compat.h"
#include "event.h"
#include "log.h"
#include "main.h"
#include "session.h"
#include "stats.h"

enum {
	LUNS_MAX = 16384,
	COMMAND_TIMEOUT = 30 * HZ,
	COMMAND_RETRIES = 3,
	ASC_LUN_NOT_SUPPORTED = 0x25,
};

unsigned int hws_session_devices(struct hws_session *session)
{
	struct scsi_device *sdev;
	unsigned int n = 0;

	shost_for_each_device(sdev, session->shost)
		n++;
	return n;
}

struct lun_list {
	unsigned int count;
	struct scsi_lun lun[];
};

static bool lists(const struct lun_list *list, u64 lun)
{
	unsigned int i;

	for (i = 0; i < list->count; i++)
		if (scsilun_to_int((struct scsi_lun *)&list->lun[i]) == lun)
			return true;
	return false;
}

/* REPORT LUNS through one device; NULL when that did not work. */
static struct lun_list *report_luns(struct scsi_device *sdev,
				    struct scsi_sense_hdr *sshdr)
{
	const u32 length = sizeof(struct scsi_lun) * (LUNS_MAX + 1);
	u8 cdb[12] = { REPORT_LUNS };
	struct lun_list *list;
	int resid = 0;
	u8 *buffer;
	u32 bytes;

	/* The first eight bytes are the length, then come the LUNs. */
	buffer = kvzalloc(length, GFP_KERNEL);
	list = kvzalloc(struct_size(list, lun, LUNS_MAX), GFP_KERNEL);
	if (!buffer || !list)
		goto fail;
	put_unaligned_be32(length, &cdb[6]);
	if (hws_compat_scsi_read(sdev, cdb, buffer, length, sshdr, &resid,
				 COMMAND_TIMEOUT, COMMAND_RETRIES))
		goto fail;
	/* Of a list that is not whole it cannot be said what is missing. */
	bytes = get_unaligned_be32(buffer);
	if (bytes > length - sizeof(struct scsi_lun) || resid < 0 ||
	    length - resid < bytes + sizeof(struct scsi_lun))
		goto fail;
	list->count = bytes / sizeof(struct scsi_lun);
	memcpy(list->lun, buffer + sizeof(struct scsi_lun),
	       list->count * sizeof(struct scsi_lun));
	kvfree(buffer);
	return list;
fail:
	kvfree(buffer);
	kvfree(list);
	return NULL;
}

static bool says_no_such_lun(const struct scsi_sense_hdr *sshdr)
{
	return scsi_sense_valid(sshdr) &&
	       sshdr->sense_key == ILLEGAL_REQUEST &&
	       sshdr->asc == ASC_LUN_NOT_SUPPORTED;
}

/*
 * Removes what the target no longer has. A device that says itself that its
 * unit does not exist goes too: it may have been the only one to ask.
 */
static u32 remove_gone(struct hws_session *session)
{
	struct lun_list *list = NULL;
	struct scsi_device *sdev;
	u32 removed = 0;

	shost_for_each_device(sdev, session->shost) {
		struct scsi_sense_hdr sshdr = {};

		if (!list)
			list = report_luns(sdev, &sshdr);
		if (list ? lists(list, sdev->lun) : !says_no_such_lun(&sshdr))
			continue;
		hws_notice(session, "LUN %llu is gone", sdev->lun);
		scsi_remove_device(sdev);
		removed++;
	}
	/* Devices that came before the one that answered. */
	if (list) {
		shost_for_each_device(sdev, session->shost) {
			if (lists(list, sdev->lun))
				continue;
			hws_notice(session, "LUN %llu is gone", sdev->lun);
			scsi_remove_device(sdev);
			removed++;
		}
	}
	kvfree(list);
	return removed;
}

static void read_anew(struct hws_session *session)
{
	struct scsi_device *sdev;

	shost_for_each_device(sdev, session->shost)
		scsi_rescan_device(sdev);
}

/* Under scan_lock. */
static void find_new(struct hws_session *session, u64 lun)
{
	scsi_scan_target(&session->cls->dev, 0, 0, lun, SCSI_SCAN_MANUAL);
}

static void scan_work(struct work_struct *work)
{
	struct hws_session *session = container_of(work, struct hws_session,
						   scan_work);
	u32 before, after, removed = 0;

	mutex_lock(&session->scan_lock);
	if (hws_session_state(session) == HWS_SESSION_CLOSING) {
		mutex_unlock(&session->scan_lock);
		hws_event_scan(session, ESHUTDOWN, 0, 0);
		goto out;
	}
	if (session->scanned) {
		removed = remove_gone(session);
		read_anew(session);
	}
	before = hws_session_devices(session);
	find_new(session, SCAN_WILD_CARD);
	after = hws_session_devices(session);
	session->scanned = true;
	mutex_unlock(&session->scan_lock);

	if (!after)
		hws_notice(session, "the target shows no logical unit");
	hws_event_scan(session, 0, after > before ? after - before : 0,
		       removed);
out:
	hws_session_put(session);
}

void hws_scan_init(struct hws_session *session)
{
	INIT_WORK(&session->scan_work, scan_work);
}

/* Queues a scan; one that is queued already serves both. */
void hws_scan_start(struct hws_session *session)
{
	hws_session_get(session);
	if (!queue_work(hws_control_wq, &session->scan_work))
		hws_session_put(session);
}

/* Takes back a scan that has not begun, waits for one that has. */
void hws_scan_stop(struct hws_session *session)
{
	if (cancel_work_sync(&session->scan_work))
		hws_session_put(session);
}

/* A scan through the host's sysfs file, sleeping. */
int hws_scan_range(struct hws_session *session, u64 lun)
{
	int ret = -ESHUTDOWN;

	mutex_lock(&session->scan_lock);
	if (!READ_ONCE(session->published)) {
		ret = -EAGAIN;
	} else if (hws_session_state(session) != HWS_SESSION_CLOSING) {
		find_new(session, lun);
		session->scanned = true;
		ret = 0;
	}
	mutex_unlock(&session->scan_lock);
	return ret;
}
