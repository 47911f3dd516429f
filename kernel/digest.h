/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * CRC32C, the digest of RFC 7143 section 13.1.
 */
#ifndef _HWS_DIGEST_H
#define _HWS_DIGEST_H

#include <linux/types.h>

#include "compat/compat.h"

#ifdef HWS_CRC32C_IN_LIBRARY

#define hws_crc32c(crc, data, length)	crc32c(crc, data, length)
static inline int hws_digest_init(void) { return 0; }
static inline void hws_digest_exit(void) {}

#else

u32 hws_crc32c(u32 crc, const void *data, unsigned int length);
int hws_digest_init(void);
void hws_digest_exit(void);

#endif

#endif /* _HWS_DIGEST_H */
