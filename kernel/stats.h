/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counters. Those that move with every PDU or command stand in the connection,
 * where the socket lock protects them; those that move seldom are atomics of
 * the session. Their names are the two tables of the uapi header.
 */
#ifndef _HWS_STATS_H
#define _HWS_STATS_H

#include <hawser/hawser.h>

#include "connection.h"
#include "session.h"

#define HWS_COUNT_CONN(conn, id, n) \
	((conn)->stats[HWS_CONN_STAT_##id] += (n))

/* Under the socket lock, for what happens on a connection. */
#define HWS_COUNT_ON(conn, id, n) \
	((conn)->session_stats[HWS_SESSION_STAT_##id] += (n))

#define HWS_COUNT_SESSION(session, id, n) \
	atomic64_add((n), &(session)->stats[HWS_SESSION_STAT_##id])

u64 hws_session_stat(struct hws_session *session, enum hws_session_stat id);

#endif /* _HWS_STATS_H */
