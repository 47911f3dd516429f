// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A QEMU TCG plugin that counts the guest's instructions exactly, between marks that a program in
 * the guest sets (mark.h).
 *
 *   -plugin libinsncount.so,out=FILE[,profile=on]
 *
 * Each instruction gets an inline counter, so one that faults half way through a block does not
 * take the rest of its block along. Three counters: kernel, user, and those of both that are
 * repetitions of a string instruction. QEMU executes `rep movsb` one byte at a time and each
 * repetition is an instruction to it, where real hardware moves a cache line at once; the third
 * counter lets the reader take the copies off again. An idle vCPU executes nothing and counts
 * nothing.
 *
 * Every mark appends one line to FILE, flushed at once:
 *
 *   mark <1|2> <kernel> <user> <rep>
 *
 * With profile=on each block of straight-line code also counts how often it was executed and the
 * instructions of that, under its start address. The end mark is then followed by what each block
 * did since the begin mark, and by "end":
 *
 *   block <address, hex> <instructions> <executions>
 *
 * One vCPU only: the inline counters are plain memory, shared by all of them.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mark.h"
#include "qemu-plugin-abi.h"

int qemu_plugin_version = QEMU_PLUGIN_VERSION;

/* QEMU's code writes to these for as long as it runs, so they are never freed. */
static struct {
	uint64_t kernel;
	uint64_t user;
	uint64_t rep;
} counter;

static FILE *out;
static bool profile;

/*
 * Blocks by start address, chained. A block that is translated anew (QEMU's code buffer was full,
 * or the page was written) finds its old entry again.
 */
struct block {
	struct block *next;
	uint64_t address;
	/* Both, because the same address may be translated to blocks of other lengths later. */
	uint64_t insns;
	uint64_t executions;
	struct {
		uint64_t insns;
		uint64_t executions;
	} at_begin;
};

#define BLOCK_BUCKETS (1u << 18)
static struct block **blocks;

static struct block *block_find(uint64_t address)
{
	struct block **bucket =
	    &blocks[((address * 0x9e3779b97f4a7c15ull) >> 32) & (BLOCK_BUCKETS - 1)];
	struct block *block;

	for (block = *bucket; block; block = block->next) {
		if (block->address == address)
			return block;
	}
	block = calloc(1, sizeof(*block));
	if (!block) {
		fprintf(stderr, "insncount: out of memory\n");
		exit(1);
	}
	block->address = address;
	block->next = *bucket;
	*bucket = block;
	return block;
}

static void blocks_begin(void)
{
	struct block *block;
	size_t i;

	for (i = 0; i < BLOCK_BUCKETS; i++) {
		for (block = blocks[i]; block; block = block->next) {
			block->at_begin.insns = block->insns;
			block->at_begin.executions = block->executions;
		}
	}
}

static void blocks_end(void)
{
	struct block *block;
	size_t i;

	for (i = 0; i < BLOCK_BUCKETS; i++) {
		for (block = blocks[i]; block; block = block->next) {
			uint64_t n = block->executions - block->at_begin.executions;

			if (n)
				fprintf(out, "block %" PRIx64 " %" PRIu64 " %" PRIu64 "\n",
					block->address, block->insns - block->at_begin.insns, n);
		}
	}
	fprintf(out, "end\n");
}

static void on_mark(unsigned int vcpu_index, void *userdata)
{
	int mark = (int)(uintptr_t)userdata;

	(void)vcpu_index;
	if (profile && mark == MARK_BEGIN)
		blocks_begin();
	fprintf(out, "mark %d %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", mark, counter.kernel,
		counter.user, counter.rep);
	if (profile && mark == MARK_END)
		blocks_end();
	fflush(out);
}

/* The mark that the instruction is, or 0. */
static int insn_mark(const uint8_t *data, size_t size)
{
	uint32_t displacement;

	if (size != 7 || data[0] != MARK_OPCODE_0 || data[1] != MARK_OPCODE_1 ||
	    data[2] != MARK_OPCODE_2)
		return 0;
	memcpy(&displacement, data + 3, sizeof(displacement));
	if ((displacement & ~0xffu) != MARK_MAGIC)
		return 0;
	return displacement & 0xff;
}

/* Whether it is a string instruction (ins, outs, movs, cmps, stos, lods, scas) under rep. */
static bool insn_is_rep(const uint8_t *data, size_t size)
{
	bool rep = false;
	size_t i;

	for (i = 0; i < size; i++) {
		switch (data[i]) {
		case 0xf2:
		case 0xf3:
			rep = true;
			continue;
		case 0x26:
		case 0x2e:
		case 0x36:
		case 0x3e:
		case 0x40 ... 0x4f: /* REX in 64-bit code */
		case 0x64 ... 0x67:
			continue;
		case 0x6c ... 0x6f:
		case 0xa4 ... 0xa7:
		case 0xaa ... 0xaf:
			return rep;
		default:
			return false;
		}
	}
	return false;
}

static void on_translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t n = qemu_plugin_tb_n_insns(tb);
	size_t i;

	(void)id;
	for (i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		const uint8_t *data = qemu_plugin_insn_data(insn);
		size_t size = qemu_plugin_insn_size(insn);
		/* The upper half of the address space is the kernel's. */
		bool kernel = qemu_plugin_insn_vaddr(insn) >> 63;
		int mark = insn_mark(data, size);

		if (mark)
			qemu_plugin_register_vcpu_insn_exec_cb(
			    insn, on_mark, QEMU_PLUGIN_CB_NO_REGS, (void *)(uintptr_t)mark);
		qemu_plugin_register_vcpu_insn_exec_inline(
		    insn, QEMU_PLUGIN_INLINE_ADD_U64, kernel ? &counter.kernel : &counter.user, 1);
		if (insn_is_rep(data, size))
			qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_PLUGIN_INLINE_ADD_U64,
								   &counter.rep, 1);
	}
	if (profile && n) {
		struct block *block = block_find(qemu_plugin_tb_vaddr(tb));

		qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64,
							 &block->insns, n);
		qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64,
							 &block->executions, 1);
	}
}

int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
	const char *path = NULL;
	int i;

	for (i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "out=", 4)) {
			path = argv[i] + 4;
		} else if (!strcmp(argv[i], "profile=on")) {
			profile = true;
		} else if (strcmp(argv[i], "profile=off")) {
			fprintf(stderr, "insncount: unknown argument %s\n", argv[i]);
			return -1;
		}
	}
	if (!path) {
		fprintf(stderr, "insncount: out=FILE is missing\n");
		return -1;
	}
	if (!info->system_emulation || info->system.max_vcpus != 1) {
		fprintf(stderr, "insncount: counts a system of one vCPU only\n");
		return -1;
	}
	if (profile) {
		blocks = calloc(BLOCK_BUCKETS, sizeof(struct block *));
		if (!blocks) {
			fprintf(stderr, "insncount: out of memory\n");
			return -1;
		}
	}
	out = fopen(path, "we");
	if (!out) {
		fprintf(stderr, "insncount: %s: %s\n", path, strerror(errno));
		return -1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
	return 0;
}
