/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest for the plugin's test: a multiboot image that executes a known number of instructions
 * between two marks, then leaves QEMU through its debug exit device.
 *
 * In the window: the begin mark (1), two moves (2), 1000 passes of a loop of three instructions
 * (3000), a clear of the direction flag and three moves (4), 500 repetitions of rep movsb, and its
 * last look, which finds the count at zero (501): 3508, of them 501 under rep.
 */
	.set	PASSES, 1000
	.set	REPETITIONS, 500

	.section .multiboot, "a"
	.balign	4
	.long	0x1badb002, 0, -0x1badb002

	.text
	.code32
	.globl	_start
_start:
	.byte	0x0f, 0x1f, 0x80, 1, 0x53, 0x57, 0x48
	mov	$0, %ebx
	mov	$PASSES, %ecx
1:	inc	%ebx
	dec	%ecx
	jnz	1b
	cld
	mov	$source, %esi
	mov	$destination, %edi
	mov	$REPETITIONS, %ecx
	rep movsb
	.byte	0x0f, 0x1f, 0x80, 2, 0x53, 0x57, 0x48
	mov	$0x10, %al
	out	%al, $0xf4
2:	hlt
	jmp	2b

	.bss
source:
	.skip	REPETITIONS
destination:
	.skip	REPETITIONS
