/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the module has once: its work queues and its two registrations.
 */
#ifndef _HWS_MAIN_H
#define _HWS_MAIN_H

struct scsi_host_template;
struct scsi_transport_template;
struct workqueue_struct;

/*
 * Sending and recovery each have a queue with a rescuer, so that neither waits
 * for memory that the other is to free. Control work (scans, requests by hand)
 * may wait for disks and has none. Teardown ends what control work waits for,
 * so it does not queue behind it.
 */
extern struct workqueue_struct *hws_send_wq;
extern struct workqueue_struct *hws_recovery_wq;
extern struct workqueue_struct *hws_control_wq;
extern struct workqueue_struct *hws_teardown_wq;

extern struct scsi_transport_template *hws_transport_template;
extern struct iscsi_transport hws_transport;
extern struct scsi_host_template hws_host_template;

int hws_transport_register(void);
void hws_transport_unregister(void);
int hws_netlink_register(void);
void hws_netlink_unregister(void);

#endif /* _HWS_MAIN_H */
