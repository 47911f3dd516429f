// SPDX-License-Identifier: GPL-2.0-only
#include "command.h"

enum {
	AHS_EXTENDED_CDB = 1,	/* AHSType, section 11.2.2.1 */
};

/**
 * hws_extended_cdb - the additional header segment of a CDB over 16 bytes
 * @cdb: all of the CDB; its first 16 bytes are the basic header's
 * @length: bytes of it, 17 to HWS_CDB_MAX
 * @ahs: the segment, HWS_EXTENDED_CDB_MAX bytes
 *
 * RFC 7143 section 11.2.2.3: AHSLength counts a reserved byte and the rest of the
 * CDB; the pad up to whole words it does not.
 *
 * Return: bytes of the segment with its pad, a multiple of four.
 */
u32 hws_extended_cdb(const u8 *cdb, u32 length, u8 *ahs)
{
	const u32 rest = length - HWS_CDB_LEN;
	const u32 pad = hws_pad(rest);

	ahs[0] = (rest + 1) >> 8;
	ahs[1] = rest + 1;
	ahs[2] = AHS_EXTENDED_CDB;
	ahs[3] = 0;
	memcpy(ahs + HWS_AHS_HEADER_LEN, cdb + HWS_CDB_LEN, rest);
	memset(ahs + HWS_AHS_HEADER_LEN + rest, 0, pad);
	return HWS_AHS_HEADER_LEN + rest + pad;
}

/**
 * hws_command_priority - what SAM calls the priority of a command
 * @io_class: enum hws_io_class
 * @io_level: 0 to 7, 0 the most important
 *
 * SAM's 1 is the highest priority, 15 the lowest, 0 none in particular. Real time
 * goes before best effort, level by level, and idle comes last; eight levels of
 * real time share four values, so that no two of best effort do.
 */
u8 hws_command_priority(u32 io_class, u32 io_level)
{
	enum { LEVELS = 8, BEST_EFFORT = 5, LOWEST = 15 };

	io_level &= LEVELS - 1;
	switch (io_class) {
	case HWS_IO_REALTIME:
		return 1 + io_level / 2;
	case HWS_IO_BEST_EFFORT:
		return BEST_EFFORT + io_level;
	case HWS_IO_IDLE:
		return LOWEST;
	default:
		return 0;
	}
}
