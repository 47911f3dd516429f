/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The log: each line names the session and its target. A target cannot flood it,
 * and a noisy one does not hide what happens to the sessions of others.
 */
#ifndef _HWS_LOG_H
#define _HWS_LOG_H

#include <linux/printk.h>
#include <linux/ratelimit.h>

/* Lines of a session within so many seconds. */
enum { HWS_LOG_BURST = 30, HWS_LOG_INTERVAL = 5 };

/* @s may be const: what is said of it does not change it. */
#define hws_log(print, s, fmt, ...)                                            \
do {                                                                           \
	if (__ratelimit((struct ratelimit_state *)&(s)->log_limit))            \
		print("hawser: session %u (%s): " fmt "\n", (s)->sid,          \
		      (s)->config.target_name, ##__VA_ARGS__);                 \
} while (0)
#define hws_err(s, fmt, ...)	hws_log(pr_err, s, fmt, ##__VA_ARGS__)
#define hws_warn(s, fmt, ...)	hws_log(pr_warn, s, fmt, ##__VA_ARGS__)
#define hws_notice(s, fmt, ...)	hws_log(pr_notice, s, fmt, ##__VA_ARGS__)
#define hws_info(s, fmt, ...)	hws_log(pr_info, s, fmt, ##__VA_ARGS__)

#endif /* _HWS_LOG_H */
