/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Serial number arithmetic (RFC 1982, 32 bits), which RFC 7143 section 4.2.2.1
 * prescribes for CmdSN and StatSN: "before" is undefined for numbers that are
 * 2^31 apart, and we call those not before.
 */
#ifndef _HWS_PROTO_SERIAL_H
#define _HWS_PROTO_SERIAL_H

#include "shim.h"

static inline bool hws_sn_before(u32 a, u32 b)
{
	return a != b && b - a < 0x80000000u;
}

static inline bool hws_sn_after(u32 a, u32 b)
{
	return hws_sn_before(b, a);
}

#endif /* _HWS_PROTO_SERIAL_H */
