/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Keepalive, in three sentences. When nothing was received for the ping
 * interval, a NOP-Out goes out. Whatever is received from then on counts as its
 * answer. When that is nothing for the ping time-out, the connection is lost.
 *
 * Times are ticks of one clock that wraps; differences stay below half of it.
 */
#ifndef _HWS_PROTO_KEEPALIVE_H
#define _HWS_PROTO_KEEPALIVE_H

#include "shim.h"

struct hws_keepalive {
	u32 interval;	/* ticks, not 0 */
	u32 timeout;	/* ticks, 0: a ping may wait for ever */
	u32 pinged_at;	/* of the last ping, while @pinged */
	bool pinged;
};

enum hws_keepalive_action {
	HWS_KEEPALIVE_WAIT,	/* look again after @wait */
	HWS_KEEPALIVE_PING,	/* send one, then look again after @wait */
	HWS_KEEPALIVE_LOST,
};

/*
 * @received_at: when something was received last. A receipt in the very tick of
 * the ping answers it: a receipt before it was at least an interval before.
 */
static inline enum hws_keepalive_action
hws_keepalive_check(struct hws_keepalive *k, u32 now, u32 received_at,
		    u32 *wait)
{
	const u32 silent = now - received_at;

	if (k->pinged && received_at - k->pinged_at < 0x80000000u)
		k->pinged = false;
	if (!k->pinged) {
		if (silent < k->interval) {
			*wait = k->interval - silent;
			return HWS_KEEPALIVE_WAIT;
		}
		k->pinged = true;
		k->pinged_at = now;
		*wait = k->timeout ? k->timeout : k->interval;
		return HWS_KEEPALIVE_PING;
	}
	if (!k->timeout) {
		*wait = k->interval;
		return HWS_KEEPALIVE_WAIT;
	}
	if (now - k->pinged_at >= k->timeout)
		return HWS_KEEPALIVE_LOST;
	*wait = k->timeout - (now - k->pinged_at);
	return HWS_KEEPALIVE_WAIT;
}

/* The ping could not be sent: nothing can have answered it. */
static inline void hws_keepalive_not_sent(struct hws_keepalive *k)
{
	k->pinged = false;
}

#endif /* _HWS_PROTO_KEEPALIVE_H */
