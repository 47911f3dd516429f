// SPDX-License-Identifier: GPL-2.0-or-later
/* The header stands alone, in C and with nothing before it. */
#include <hawser/hawser.h>
