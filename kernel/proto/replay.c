// SPDX-License-Identifier: GPL-2.0-only
#include "replay.h"

enum device_type {
	TYPE_DIRECT_ACCESS = 0x00,
	TYPE_WRITE_ONCE = 0x04,
	TYPE_CD_DVD = 0x05,
	TYPE_OPTICAL = 0x07,
	TYPE_SIMPLIFIED = 0x0e,
	TYPE_HOST_MANAGED = 0x14,
};

/* Variable length CDBs: the operation is a service action (SPC, SBC). */
static unsigned int service_action(const u8 *cdb)
{
	return cdb[0] == 0x7f ? cdb[8] << 8 | cdb[9] : 0;
}

/* On any device: they ask, and change nothing. */
static bool only_asks(const u8 *cdb)
{
	switch (cdb[0]) {
	case 0x00:	/* TEST UNIT READY */
	case 0x12:	/* INQUIRY */
	case 0x1a:	/* MODE SENSE(6) */
	case 0x25:	/* READ CAPACITY(10) */
	case 0x5a:	/* MODE SENSE(10) */
	case 0xa0:	/* REPORT LUNS */
	case 0xa3:	/* MAINTENANCE IN: only reports */
		return true;
	case 0x9e:	/* SERVICE ACTION IN(16): READ CAPACITY(16), GET LBA STATUS */
		return (cdb[1] & 0x1f) == 0x10 || (cdb[1] & 0x1f) == 0x12;
	default:
		return false;
	}
}

static bool reads_blocks(const u8 *cdb)
{
	switch (cdb[0]) {
	case 0x08:	/* READ(6) */
	case 0x28:	/* READ(10) */
	case 0x88:	/* READ(16) */
	case 0xa8:	/* READ(12) */
		return true;
	case 0x7f:
		return service_action(cdb) == 0x0009;	/* READ(32) */
	default:
		return false;
	}
}

/* On a disk, with the same blocks, twice is as good as once. */
static bool changes_blocks(const u8 *cdb)
{
	switch (cdb[0]) {
	case 0x0a:	/* WRITE(6) */
	case 0x2a:	/* WRITE(10) */
	case 0x2e:	/* WRITE AND VERIFY(10) */
	case 0x2f:	/* VERIFY(10) */
	case 0x35:	/* SYNCHRONIZE CACHE(10) */
	case 0x41:	/* WRITE SAME(10) */
	case 0x42:	/* UNMAP */
	case 0x8a:	/* WRITE(16) */
	case 0x8e:	/* WRITE AND VERIFY(16) */
	case 0x8f:	/* VERIFY(16) */
	case 0x91:	/* SYNCHRONIZE CACHE(16) */
	case 0x93:	/* WRITE SAME(16) */
	case 0x9c:	/* WRITE ATOMIC(16) */
	case 0xaa:	/* WRITE(12) */
	case 0xae:	/* WRITE AND VERIFY(12) */
		return true;
	case 0x7f:	/* VERIFY, WRITE, WRITE AND VERIFY, WRITE SAME(32) */
		return service_action(cdb) >= 0x000a &&
		       service_action(cdb) <= 0x000d;
	default:
		return false;
	}
}

bool hws_replay_is_safe(const u8 *cdb, u8 device_type, bool passthrough)
{
	if (only_asks(cdb))
		return true;
	if (passthrough)
		return false;
	switch (device_type) {
	case TYPE_DIRECT_ACCESS:
	case TYPE_SIMPLIFIED:
		return reads_blocks(cdb) || changes_blocks(cdb);
	case TYPE_WRITE_ONCE:
	case TYPE_CD_DVD:
	case TYPE_OPTICAL:
	case TYPE_HOST_MANAGED:
		/*
		 * What was written once may refuse to be written again, and a zone
		 * has moved its write pointer on.
		 */
		return reads_blocks(cdb);
	default:
		return false;
	}
}
