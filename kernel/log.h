/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The log: each line names the session and its target, and a target cannot
 * flood it.
 */
#ifndef _HWS_LOG_H
#define _HWS_LOG_H

#include <linux/printk.h>

#define hws_log(level, s, fmt, ...)                                            \
	printk_ratelimited(level "hawser: session %u (%s): " fmt "\n",         \
			   (s)->sid, (s)->config.target_name, ##__VA_ARGS__)
#define hws_err(s, fmt, ...)	hws_log(KERN_ERR, s, fmt, ##__VA_ARGS__)
#define hws_warn(s, fmt, ...)	hws_log(KERN_WARNING, s, fmt, ##__VA_ARGS__)
#define hws_notice(s, fmt, ...)	hws_log(KERN_NOTICE, s, fmt, ##__VA_ARGS__)
#define hws_info(s, fmt, ...)	hws_log(KERN_INFO, s, fmt, ##__VA_ARGS__)

#endif /* _HWS_LOG_H */
