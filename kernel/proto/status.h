/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a SCSI command ended, from its SCSI Response or its last Data-In: does
 * the status hold together with the data that was seen, and what is the
 * residual? RFC 7143 sections 11.4 and 11.7.
 */
#ifndef _HWS_PROTO_STATUS_H
#define _HWS_PROTO_STATUS_H

#include "pdu.h"
#include "violation.h"

/* What the initiator saw of the command's data. */
struct hws_transfer {
	u32 expected;		/* Expected Data Transfer Length */
	u32 moved;		/* bytes of Data-In received, or of data sent */
	u32 in_front;		/* of a read: those from the first on without a hole */
	bool reads;
};

struct hws_outcome {
	u8 status;		/* SAM status */
	bool target_failure;	/* response code other than "completed" */
	u32 residual;		/* bytes not transferred */
	bool overflow;		/* the device had more than was asked for */
	bool missing;		/* not all came that the status speaks of */
};

/*
 * GOOD and its like: the statuses of a command that did what it was asked to,
 * which alone may come with Data-In (11.7.3).
 */
bool hws_status_is_good(u8 status);

/* Either PDU with status. On HWS_V_NONE @o says how the command ended. */
enum hws_violation hws_status_outcome(const union hws_header *h,
				      const struct hws_transfer *t,
				      struct hws_outcome *o);

/*
 * Finds the sense data in a SCSI Response's data segment, of which @have bytes
 * are at @data: *@sense and *@length (0 when there is none).
 */
enum hws_violation hws_status_sense(const union hws_header *h, const u8 *data,
				    u32 have, const u8 **sense, u32 *length);

#endif /* _HWS_PROTO_STATUS_H */
