/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What was lost with nothing behind it that would show the gap. While commands are
 * under way and nothing moves on a connection:
 *
 *	after one patience, a probe goes out, a NOP-Out. Its answer has StatSN and
 *	ExpCmdSN, and shows the statuses that were lost, and a command that was;
 *	after another one behind the answer, each command that could wait for data
 *	or an R2T asks for what the target may have sent behind the last that came;
 *	without an answer, the statuses behind the last that came are asked for,
 *	since the answer has one.
 *
 * Each once a silence. A target that is only slow answers the probe, and rejects or
 * ignores the rest. Times are ticks of one clock that wraps.
 */
#ifndef _HWS_PROTO_SILENCE_H
#define _HWS_PROTO_SILENCE_H

#include "shim.h"

enum hws_silence_step {
	HWS_SILENCE_MOVING,
	HWS_SILENCE_PROBED,
	HWS_SILENCE_UNANSWERED,
	HWS_SILENCE_ANSWERED,
	HWS_SILENCE_ASKED,
};

enum hws_silence_action {
	HWS_SILENCE_WAIT,
	HWS_SILENCE_PROBE,
	HWS_SILENCE_ASK_STATUS,
	HWS_SILENCE_ASK_TASKS,
};

struct hws_silence {
	u32 since;		/* the last move that was seen */
	u32 step_at;
	u8 step;
};

/*
 * @moved_at: when something came or went last that is no part of this: a command
 * that was sent, a PDU other than a NOP-In or a Reject.
 */
static inline enum hws_silence_action
hws_silence_check(struct hws_silence *s, u32 now, u32 moved_at,
		  bool outstanding, u32 patience)
{
	if (s->since != moved_at) {
		s->since = moved_at;
		s->step = HWS_SILENCE_MOVING;
	}
	if (!outstanding)
		return HWS_SILENCE_WAIT;
	if (s->step == HWS_SILENCE_MOVING) {
		if (now - moved_at < patience)
			return HWS_SILENCE_WAIT;
		s->step = HWS_SILENCE_PROBED;
		s->step_at = now;
		return HWS_SILENCE_PROBE;
	}
	if (now - s->step_at < patience)
		return HWS_SILENCE_WAIT;
	if (s->step == HWS_SILENCE_PROBED) {
		s->step = HWS_SILENCE_UNANSWERED;
		return HWS_SILENCE_ASK_STATUS;
	}
	if (s->step != HWS_SILENCE_ANSWERED)
		return HWS_SILENCE_WAIT;
	s->step = HWS_SILENCE_ASKED;
	return HWS_SILENCE_ASK_TASKS;
}

/* The probe, or another ping, was answered. */
static inline void hws_silence_answered(struct hws_silence *s, u32 now)
{
	if (s->step != HWS_SILENCE_PROBED && s->step != HWS_SILENCE_UNANSWERED)
		return;
	s->step = HWS_SILENCE_ANSWERED;
	s->step_at = now;
}

#endif /* _HWS_PROTO_SILENCE_H */
