/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * May a command that a target received, and whose outcome was lost with the
 * connection, be issued again as a new one? Reading or writing a block of a
 * disk twice gives the same disk; a tape has moved on, and COMPARE AND WRITE or
 * PERSISTENT RESERVE OUT would fail or do harm the second time.
 */
#ifndef _HWS_PROTO_REPLAY_H
#define _HWS_PROTO_REPLAY_H

#include "pdu.h"

/*
 * @cdb: HWS_CDB_LEN bytes. @device_type: the peripheral device type of INQUIRY.
 * @passthrough: issued by somebody above the disk driver, who alone knows what
 * it means.
 */
bool hws_replay_is_safe(const u8 *cdb, u8 device_type, bool passthrough);

#endif /* _HWS_PROTO_REPLAY_H */
