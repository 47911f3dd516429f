/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a target still has of a session that has lost its last connection: at error recovery
 * level 2 the tasks, for a time (RFC 7143, 7.1.4.3 and 7.5). As long as it may have them,
 * a connection is reinstated (6.3.4), and its tasks go on. A new session in the place of the
 * old one (6.3.5) ends them at the target, and is what is left when that time is over.
 */
#pragma once

#include "daemon/signal.h"
#include "iscsi/login.h"

#include <chrono>
#include <cstdint>

namespace hawser::daemon
{

struct Retention {
	std::uint8_t error_recovery_level = 0;
	std::chrono::seconds time2wait{0};   // of this loss
	std::chrono::seconds time2retain{0}; // begins when time2wait has passed
	bool over = false;		     // the target has refused, or the module kept nothing
	/* Reinstatements in a row that did not last and ended no command, up to this loss. */
	unsigned short_lived = 0;
};

/*
 * A target that takes the connection back and drops it again over its tasks would otherwise be
 * asked for ever: a new session rids it of them. Where commands end in between, the network is
 * bad and not the target, and a new session would only issue again what is under way. On a network
 * that is bad enough three in a row happen without one: the module's FRUITLESS_MAX is as large.
 */
inline constexpr unsigned max_short_lived = 6;
inline constexpr std::chrono::seconds lasting{30}; // a reinstatement that is no such one

/* What the next login is to bring back. */
enum class Recovery { connection, session };

/* @since: the loss. */
Recovery next_recovery(const Retention &retention, Clock::duration since);

/*
 * Whether a login that was to reinstate a connection has failed for good: whatever the target
 * answered that was no success has, busy or not, for its words for "that is gone" differ. A
 * target that was not reached may be there at the next try.
 */
bool ends_retention(const LoginFailure &failure);

} // namespace hawser::daemon
