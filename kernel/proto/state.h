/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The states of RFC 7143 section 8, as far as the module has part: what each event
 * makes of a connection and of a session. Everything before full feature phase (S2
 * to S4; T1 to T4, T7) happens in userspace, so a connection comes as S5.
 *
 *	S1 FREE		S5 LOGGED_IN	S6 IN_LOGOUT	S8 CLEANUP
 *
 * S7, LOGOUT_REQUESTED, is passed at once: the Logout is sent where the target's
 * request is received (T11 and T10 in one). Below error recovery level 2 S8 ends
 * when the tasks are handed back, at level 2 when they have gone on elsewhere, or
 * when the connection is reinstated and they go on over it (CSM-I of section 8.2).
 */
#ifndef _HWS_PROTO_STATE_H
#define _HWS_PROTO_STATE_H

#include <hawser/hawser.h>

#include "shim.h"

enum hws_conn_event {
	HWS_CONN_EV_ADOPTED,	/* T1, T4, T5: userspace has logged it in */
	HWS_CONN_EV_LOGOUT,	/* T9; T11 and T10: a Logout is sent over it */
	HWS_CONN_EV_LOST,	/* T15, T16, T17; T13, whose socket goes as well */
	HWS_CONN_EV_CLEANED,	/* M1, M4: nothing of it is left here */
	HWS_CONN_EV_REINSTATED,	/* M2, M4: logged in with its CID */
	HWS_CONN_EVENTS,
};

/* The state that @event makes of @state, or 0 when it may not happen there. */
static inline u8 hws_conn_next(u8 state, enum hws_conn_event event)
{
	switch (event) {
	case HWS_CONN_EV_ADOPTED:
		return state == HWS_CONN_FREE ? HWS_CONN_LOGGED_IN : 0;
	case HWS_CONN_EV_LOGOUT:
		return state == HWS_CONN_LOGGED_IN ? HWS_CONN_IN_LOGOUT : 0;
	case HWS_CONN_EV_LOST:
		return state == HWS_CONN_LOGGED_IN ||
		       state == HWS_CONN_IN_LOGOUT ? HWS_CONN_CLEANUP : 0;
	case HWS_CONN_EV_CLEANED:
		return state == HWS_CONN_CLEANUP ? HWS_CONN_FREE : 0;
	case HWS_CONN_EV_REINSTATED:
		return state == HWS_CONN_CLEANUP ? HWS_CONN_LOGGED_IN : 0;
	default:
		return 0;
	}
}

/*
 * May a session change like that? Q3 is ACTIVE and CLOSING, Q4 is FAILED and, when
 * its I/O is not held back any more, EXPIRED. CLOSING is for good, expiry only
 * follows failure, and only success follows expiry: I/O that fails already is not
 * held back once more.
 */
static inline bool hws_session_may_change(u8 from, u8 to)
{
	if (from == to || from == HWS_SESSION_CLOSING)
		return false;
	if (from == HWS_SESSION_EXPIRED)
		return to != HWS_SESSION_FAILED;
	return to != HWS_SESSION_EXPIRED || from == HWS_SESSION_FAILED;
}

#endif /* _HWS_PROTO_STATE_H */
