/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a target says in a Text exchange that it asked for (RFC 7143 section 11.9.1,
 * event 4). In full feature phase a target can declare one thing that the data path
 * must know, how long the data segments may be that are sent to it. What it may say
 * besides (section 13: TargetAlias, TargetAddress, X- keys) is of no interest here,
 * and anything else is a matter of a login.
 */
#ifndef _HWS_PROTO_DECLARED_H
#define _HWS_PROTO_DECLARED_H

#include "pdu.h"

enum hws_declared {
	HWS_DECLARED_NOTHING,
	HWS_DECLARED_LENGTH,	/* MaxRecvDataSegmentLength */
	HWS_DECLARED_OTHER,	/* what only a login can negotiate */
	HWS_DECLARED_BROKEN,	/* no key=value, or a value out of range */
};

enum hws_declared hws_text_declared(const u8 *text, u32 length, u32 *max);

#endif /* _HWS_PROTO_DECLARED_H */
