/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/backoff.h"

#include <algorithm>

namespace hawser::daemon
{

Backoff::Milliseconds Backoff::next()
{
	const Milliseconds wait = wait_;
	wait_ = std::min(wait_ * 2, most_);
	return spread(wait);
}

Backoff::Milliseconds Backoff::next_after_final()
{
	wait_ = most_;
	return spread(most_);
}

Backoff::Milliseconds Backoff::spread(Milliseconds wait)
{
	std::uniform_int_distribution<Milliseconds::rep> extra(0, wait.count() / 10);
	return wait + Milliseconds(extra(random_));
}

} // namespace hawser::daemon
