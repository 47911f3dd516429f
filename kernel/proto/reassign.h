/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a target answers to TASK REASSIGN (RFC 7143 section 11.6.1), and how LIO
 * does. It tells its own codes as if they were others: a task that it has
 * reassigned is "rejected", and one that it does not know is "complete". Believed,
 * the first costs the session, and the second a command that never ends.
 *
 * So before the first task of a session a target is asked for one that does not
 * exist. Whoever has reassigned that has LIO's codes.
 */
#ifndef _HWS_PROTO_REASSIGN_H
#define _HWS_PROTO_REASSIGN_H

#include "pdu.h"

enum hws_reassign_codes {
	HWS_REASSIGN_CODES_UNKNOWN,
	HWS_REASSIGN_CODES_RFC,
	HWS_REASSIGN_CODES_LIO,
};

/* @response: to TASK REASSIGN for a task that does not exist. */
static inline enum hws_reassign_codes hws_reassign_codes(u8 response)
{
	return response == HWS_TMF_RSP_COMPLETE ? HWS_REASSIGN_CODES_LIO :
						  HWS_REASSIGN_CODES_RFC;
}

/* What @response means, as one of the RFC's codes. */
static inline u8 hws_reassign_response(enum hws_reassign_codes codes,
				       u8 response)
{
	if (codes != HWS_REASSIGN_CODES_LIO)
		return response;
	switch (response) {
	case HWS_TMF_RSP_REJECTED:
		return HWS_TMF_RSP_COMPLETE;
	case HWS_TMF_RSP_COMPLETE:
		return HWS_TMF_RSP_NO_TASK;
	case HWS_TMF_RSP_NO_LUN:
		return HWS_TMF_RSP_TASK_ALLEGIANT;
	default:
		return HWS_TMF_RSP_REJECTED;
	}
}

#endif /* _HWS_PROTO_REASSIGN_H */
