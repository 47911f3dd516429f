/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _HWS_RESERVES_H
#define _HWS_RESERVES_H

struct sock;

int hws_reserves_init(void);
void hws_reserves_exit(void);
void hws_reserves_mark(struct sock *sk);

#endif /* _HWS_RESERVES_H */
