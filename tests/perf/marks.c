// SPDX-License-Identifier: GPL-2.0-or-later
/* The marks of mark.h as functions, for programs that are not in C: libmarks.so. */
#include "mark.h"

#define EXPORT __attribute__((visibility("default")))

EXPORT void mark_begin(void);
EXPORT void mark_end(void);

void mark_begin(void)
{
	MARK(MARK_BEGIN);
}

void mark_end(void)
{
	MARK(MARK_END);
}
