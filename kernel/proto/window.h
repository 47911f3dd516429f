/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The command window, RFC 7143 section 4.2.2.1: a command may be sent while its
 * CmdSN is not after MaxCmdSN; the target moves ExpCmdSN and MaxCmdSN in every
 * PDU it sends. Pure decisions; the atomics that carry them are the session's.
 */
#ifndef _HWS_PROTO_WINDOW_H
#define _HWS_PROTO_WINDOW_H

#include "serial.h"

/* May the command that would get @cmd_sn go out? */
static inline bool hws_window_open(u32 cmd_sn, u32 max_cmd_sn)
{
	return !hws_sn_after(cmd_sn, max_cmd_sn);
}

/*
 * A pair of numbers is valid unless MaxCmdSN is before ExpCmdSN - 1; an invalid
 * pair is ignored whole (section 4.2.2.1).
 */
static inline bool hws_window_pair_valid(u32 exp_cmd_sn, u32 max_cmd_sn)
{
	return !hws_sn_before(max_cmd_sn, exp_cmd_sn - 1);
}

/*
 * Numbers come on several connections and so out of order: each moves forward
 * only. Returns whether @received replaces @current.
 */
static inline bool hws_window_advances(u32 current_sn, u32 received)
{
	return hws_sn_after(received, current_sn);
}

/* An ExpCmdSN beyond what was ever sent is a lie; @cmd_sn is the next to use. */
static inline bool hws_window_exp_plausible(u32 exp_cmd_sn, u32 cmd_sn)
{
	return !hws_sn_after(exp_cmd_sn, cmd_sn);
}

/*
 * After a loss: the target does not have the command with @cmd_sn, or has discarded
 * it with its connection, and waits for its number (section 11.14). @exp_cmd_sn
 * came after the loss: before, a command may look missing that the target has.
 */
static inline bool hws_window_waits_for(u32 cmd_sn, u32 exp_cmd_sn)
{
	return !hws_sn_before(cmd_sn, exp_cmd_sn);
}

#endif /* _HWS_PROTO_WINDOW_H */
