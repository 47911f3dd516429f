// SPDX-License-Identifier: GPL-2.0-only
/*
 * The session's command window. CmdSN is taken at the moment of sending, by
 * whichever connection sends, and never given back; the rules are pure code in
 * proto/window.h, the atomics that carry them are here.
 *
 * A sender that finds the window closed says so in window_waiters and looks
 * once more; who opens it looks at window_waiters afterwards. With a full
 * barrier on both sides one of the two sees the other.
 */
#include "connection.h"
#include "session.h"
#include "stats.h"

bool hws_window_take(struct hws_session *session, u32 *cmd_sn)
{
	int next = atomic_read(&session->cmd_sn);

	do {
		if (hws_window_open(next, atomic_read(&session->max_cmd_sn)))
			continue;
		if (atomic_xchg(&session->window_waiters, 1) == 0)
			HWS_COUNT_SESSION(session, WINDOW_CLOSED, 1);
		if (!hws_window_open(next, atomic_read(&session->max_cmd_sn)))
			return false;
	} while (!atomic_try_cmpxchg(&session->cmd_sn, &next, next + 1));

	*cmd_sn = next;
	return true;
}

static bool advance(atomic_t *sn, u32 received)
{
	int current_sn = atomic_read(sn);

	do {
		if (!hws_window_advances(current_sn, received))
			return false;
	} while (!atomic_try_cmpxchg(sn, &current_sn, received));
	return true;
}

/* Any connection with something to send, under RCU. */
static void kick_waiters(struct hws_session *session)
{
	unsigned int i;

	rcu_read_lock();
	for (i = 0; i < HWS_CONNECTIONS_MAX; i++) {
		struct hws_conn *conn = rcu_dereference(session->conns[i]);

		if (conn)
			hws_send_kick(conn);
	}
	rcu_read_unlock();
}

/**
 * hws_window_update - take ExpCmdSN and MaxCmdSN of a PDU
 * @session: the session
 * @exp_cmd_sn: as received
 * @max_cmd_sn: as received
 *
 * RFC 7143 section 4.2.2.1: a pair that contradicts itself is ignored, and so
 * is an ExpCmdSN for commands that were never sent. Any context.
 */
void hws_window_update(struct hws_session *session, u32 exp_cmd_sn,
		       u32 max_cmd_sn)
{
	if (!hws_window_pair_valid(exp_cmd_sn, max_cmd_sn) ||
	    !hws_window_exp_plausible(exp_cmd_sn,
				      atomic_read(&session->cmd_sn)))
		return;
	advance(&session->exp_cmd_sn, exp_cmd_sn);
	if (!advance(&session->max_cmd_sn, max_cmd_sn))
		return;
	/* The new edge is seen before the waiters are looked for; see above. */
	smp_mb__after_atomic();
	if (atomic_read(&session->window_waiters) &&
	    atomic_xchg(&session->window_waiters, 0))
		kick_waiters(session);
}
