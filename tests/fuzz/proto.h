/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the fuzzers of kernel/proto/ share: its headers, which are C. */
#pragma once

#define _Static_assert static_assert
extern "C" {
#include "proto/check.h"
#include "proto/frame.h"
#include "proto/read.h"
#include "proto/status.h"
#include "proto/write.h"
}
#undef _Static_assert

#include "input.h"
