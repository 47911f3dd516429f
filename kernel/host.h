/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _HWS_HOST_H
#define _HWS_HOST_H

struct Scsi_Host;
struct hws_session;

void hws_host_setup(struct Scsi_Host *shost, struct hws_session *session);

#endif /* _HWS_HOST_H */
