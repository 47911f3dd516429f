/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All that kernel/proto/ knows of where it is built: in the module, or in a
 * userspace test program of either byte order.
 */
#ifndef _HWS_PROTO_SHIM_H
#define _HWS_PROTO_SHIM_H

#ifdef __KERNEL__
#include <linux/build_bug.h>
#include <linux/compiler_attributes.h>
#include <linux/string.h>
#include <linux/types.h>
#include <asm/byteorder.h>
#else
#include <assert.h>
#include <endian.h>
#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t s32;
#define fallthrough	__attribute__((__fallthrough__))
#define be16_to_cpu(x)	be16toh(x)
#define be32_to_cpu(x)	be32toh(x)
#define cpu_to_be16(x)	htobe16(x)
#define cpu_to_be32(x)	htobe32(x)
#endif

#endif /* _HWS_PROTO_SHIM_H */
