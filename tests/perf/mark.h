/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a program in the guest tells the plugin (insncount.c) that a measured window begins or
 * ends: it executes a seven-byte no-operation whose displacement holds a magic number and the
 * mark. Without the plugin it does nothing; with it, the counters are read between this
 * instruction and its neighbours, so no instruction of a system call or a device access is part
 * of the window.
 */
#ifndef HAWSER_TESTS_PERF_MARK_H
#define HAWSER_TESTS_PERF_MARK_H

#define MARK_BEGIN 1
#define MARK_END 2

/* Bytes 0f 1f 80, then the displacement, little endian: mark, 'S', 'W', 'H'. */
#define MARK_OPCODE_0 0x0f
#define MARK_OPCODE_1 0x1f
#define MARK_OPCODE_2 0x80
#define MARK_MAGIC 0x48575300u

/* mark must be a constant. */
#define MARK(mark)                                                                                 \
	__asm__ volatile(".byte 0x0f, 0x1f, 0x80, %c0, 0x53, 0x57, 0x48" : : "i"(mark) : "memory")

#endif
