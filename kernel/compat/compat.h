/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The only place that knows kernel versions: 6.1 to 7.2. Each piece names the
 * release that changed.
 */
#ifndef _HWS_COMPAT_H
#define _HWS_COMPAT_H

#include <linux/blkdev.h>
#include <linux/bvec.h>
#include <linux/net.h>
#include <linux/uio.h>
#include <linux/version.h>
#include <net/genetlink.h>
#include <net/sock.h>
#include <net/tcp.h>
#include <scsi/scsi_cmnd.h>
#include <scsi/scsi_device.h>
#include <scsi/scsi_devinfo.h>
#include <scsi/scsi_host.h>

/* asm/unaligned.h became linux/unaligned.h in 6.12. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
#include <asm/unaligned.h>
#else
#include <linux/unaligned.h>
#endif

/* The processor's crc32c() became the library's own in 6.14; before, see digest.c. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 14, 0)
#include <linux/crc32.h>
#define HWS_CRC32C_IN_LIBRARY
#endif

/* Joining a group needs a capability since 6.7, and in the stable kernels of December 2023. */
#ifdef GENL_MCAST_CAP_NET_ADMIN
#define HWS_MCGRP_CAP_NET_ADMIN	.flags = GENL_MCAST_CAP_NET_ADMIN
#else
#define HWS_MCGRP_CAP_NET_ADMIN
#endif

/* eh_timed_out() got an enumeration of its own in 6.2. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
typedef enum blk_eh_timer_return hws_eh_timed_out_t;
#define HWS_EH_RESET_TIMER	BLK_EH_RESET_TIMER
#define HWS_EH_NOT_HANDLED	BLK_EH_DONE
#else
typedef enum scsi_timeout_action hws_eh_timed_out_t;
#define HWS_EH_RESET_TIMER	SCSI_EH_RESET_TIMER
#define HWS_EH_NOT_HANDLED	SCSI_EH_NOT_HANDLED
#endif

/* queuecommand() got one in 7.0. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
typedef int hws_queue_status_t;
#else
typedef enum scsi_qc_status hws_queue_status_t;
#endif

/*
 * Stable writes were a flag of the queue until 6.10, then a feature of its
 * limits, which the driver sees in the configure call. That call's name and
 * arguments changed in 6.10 and again in 6.14, with slave_alloc().
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 10, 0)
#define HWS_SDEV_CONFIGURE_ARGS	struct scsi_device *sdev
#define HWS_SDEV_CONFIGURE_OP	.slave_configure
#define HWS_SET_STABLE_WRITES() \
	blk_queue_flag_set(QUEUE_FLAG_STABLE_WRITES, sdev->request_queue)
#else
#define HWS_SDEV_CONFIGURE_ARGS	struct scsi_device *sdev, \
				struct queue_limits *lim
#define HWS_SET_STABLE_WRITES()	(lim->features |= BLK_FEAT_STABLE_WRITES)
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 14, 0)
#define HWS_SDEV_CONFIGURE_OP	.device_configure
#else
#define HWS_SDEV_CONFIGURE_OP	.sdev_configure
#endif
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 14, 0)
#define HWS_SDEV_INIT_OP	.slave_alloc
#else
#define HWS_SDEV_INIT_OP	.sdev_init
#endif

/*
 * Since 5.18 the midlayer asks for each VPD page three times: is it there, how
 * long is it, what is in it. With this it asks once, with room for 255 bytes, and
 * again if the page is longer. Early releases of 6.1 have no such switch.
 */
#ifdef BLIST_NO_VPD_SIZE
#define HWS_READ_VPD_AT_ONCE()	(sdev->no_vpd_size = 1)
#else
#define HWS_READ_VPD_AT_ONCE()	do { } while (0)
#endif

/*
 * Runs a command that reads, sleeping. Returns the SCSI result, or a negative
 * errno; @sshdr has the sense, @resid the bytes of @length that did not come. scsi_execute() became scsi_execute_cmd() in 6.3.
 */
static inline int hws_compat_scsi_read(struct scsi_device *sdev, const u8 *cdb,
				       void *buffer, unsigned int length,
				       struct scsi_sense_hdr *sshdr,
				       int *resid, int timeout, int retries)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
	return scsi_execute_req(sdev, cdb, DMA_FROM_DEVICE, buffer, length,
				sshdr, timeout, retries, resid);
#else
	const struct scsi_exec_args args = { .sshdr = sshdr, .resid = resid };

	return scsi_execute_cmd(sdev, cdb, REQ_OP_DRV_IN, buffer, length,
				timeout, retries, &args);
#endif
}

/* Queues that are bound to a CPU say so since 6.17. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0)
#define HWS_WQ_PERCPU	0
#else
#define HWS_WQ_PERCPU	WQ_PERCPU
#endif

/*
 * Gives pages to TCP without a copy, at most @bytes from the first of @nr
 * vectors on; the socket is locked. Returns what TCP took, or a negative errno
 * when it took nothing. Every page must pass sendpage_ok(). 6.5 replaced
 * sendpage by MSG_SPLICE_PAGES.
 */
static inline int hws_compat_send_pages(struct sock *sk, struct bio_vec *bv,
					unsigned int nr, size_t bytes, int flags)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
	int sent = 0;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		int f = flags;
		int ret;

		if (i + 1 < nr)
			f |= MSG_MORE;
		if (f & MSG_MORE)
			f |= MSG_SENDPAGE_NOTLAST;
		ret = tcp_sendpage_locked(sk, bv[i].bv_page, bv[i].bv_offset,
					  bv[i].bv_len, f);
		if (ret < 0)
			return sent ?: ret;
		sent += ret;
		if (ret < bv[i].bv_len)
			break;
	}
	return sent;
#else
	struct msghdr msg = { .msg_flags = flags | MSG_SPLICE_PAGES };

	iov_iter_bvec(&msg.msg_iter, ITER_SOURCE, bv, nr, bytes);
	return tcp_sendmsg_locked(sk, &msg, bytes);
#endif
}

/* All pages that a run covers; sendpages_ok() exists since 6.12. */
static inline bool hws_compat_sendpages_ok(struct page *page, size_t offset,
					   size_t len)
{
	struct page *last = page + ((offset + len - 1) >> PAGE_SHIFT);

	for (page += offset >> PAGE_SHIFT; page <= last; page++)
		if (!sendpage_ok(page))
			return false;
	return true;
}

#endif /* _HWS_COMPAT_H */
