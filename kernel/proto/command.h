/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a SCSI Command says beyond its basic header: a CDB that is longer than the
 * header has room for, RFC 7143 section 11.2.2, and the priority of RFC 7144
 * section 5.1.1.
 *
 * The AHS for a bidirectional command's read length is not here: no Linux since
 * 5.1 can issue such a command.
 */
#ifndef _HWS_PROTO_COMMAND_H
#define _HWS_PROTO_COMMAND_H

#include "pdu.h"

enum {
	/* the longest that a scsi_cmnd holds; SPC's variable length ones are 260 */
	HWS_CDB_MAX = 32,
	HWS_AHS_HEADER_LEN = 4,
	/* all of it, padded */
	HWS_EXTENDED_CDB_MAX = HWS_AHS_HEADER_LEN + HWS_CDB_MAX - HWS_CDB_LEN,
};

u32 hws_extended_cdb(const u8 *cdb, u32 length, u8 *ahs);

/* Of the request that the command is of: Linux's I/O priority classes. */
enum hws_io_class {
	HWS_IO_NONE = 0,
	HWS_IO_REALTIME = 1,
	HWS_IO_BEST_EFFORT = 2,
	HWS_IO_IDLE = 3,
};

u8 hws_command_priority(u32 io_class, u32 io_level);

#endif /* _HWS_PROTO_COMMAND_H */
