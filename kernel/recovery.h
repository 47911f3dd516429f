/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _HWS_RECOVERY_H
#define _HWS_RECOVERY_H

#include <linux/types.h>

struct hws_conn;
struct work_struct;

void hws_conn_lost_work(struct work_struct *work);
void hws_conn_leave_work(struct work_struct *work);
void hws_conn_leave(struct hws_conn *conn, u16 time2wait);

#endif /* _HWS_RECOVERY_H */
