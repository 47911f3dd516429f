/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/retention.h"

namespace hawser::daemon
{

Recovery next_recovery(const Retention &retention, Clock::duration since)
{
	// Time2Retain 0: the target has discarded everything already (RFC 7143, 13.16).
	const bool kept = retention.error_recovery_level == 2 &&
			  retention.time2retain > std::chrono::seconds(0) && !retention.over &&
			  retention.short_lived < max_short_lived &&
			  since < retention.time2wait + retention.time2retain;
	return kept ? Recovery::connection : Recovery::session;
}

bool ends_retention(const LoginFailure &failure)
{
	return failure.status.has_value() || !failure.retryable;
}

} // namespace hawser::daemon
