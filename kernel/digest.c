// SPDX-License-Identifier: GPL-2.0-only
/*
 * CRC32C where the kernel's library has only a module around the crypto API for
 * it. That module, libcrc32c, names the processor's implementation as a soft
 * dependency, and `modprobe -r` of whatever uses it fails when anybody else uses
 * that one. So the crypto API is asked here, synchronously, once.
 */
#include "digest.h"

#ifndef HWS_CRC32C_IN_LIBRARY

#include <crypto/hash.h>
#include <linux/err.h>

static struct crypto_shash *crc32c_shash;

/**
 * hws_crc32c - go on with a CRC32C
 * @crc: of what came before; ~0 at the start
 * @data: what comes now
 * @length: its bytes
 *
 * Any context but hard interrupts. The state of the API's "crc32c" is the number
 * itself.
 */
u32 hws_crc32c(u32 crc, const void *data, unsigned int length)
{
	SHASH_DESC_ON_STACK(desc, crc32c_shash);
	u32 *state = (u32 *)shash_desc_ctx(desc);

	desc->tfm = crc32c_shash;
	*state = crc;
	/* It computes, and cannot fail. */
	if (WARN_ON_ONCE(crypto_shash_update(desc, data, length)))
		return 0;
	return *state;
}

int hws_digest_init(void)
{
	crc32c_shash = crypto_alloc_shash("crc32c", 0, 0);
	return PTR_ERR_OR_ZERO(crc32c_shash);
}

void hws_digest_exit(void)
{
	crypto_free_shash(crc32c_shash);
}

#endif
