/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How often something may be done that others cause: logging what a stranger sent, say. */
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

namespace hawser
{

/*
 * At most @burst at once, and one more each @interval. Not for several threads at a time.
 */
class RateLimit
{
public:
	using Clock = std::chrono::steady_clock;

	RateLimit(unsigned burst, Clock::duration interval)
	    : burst_(burst), interval_(interval), left_(burst)
	{
	}

	/*
	 * How many were refused since the last that was allowed, when this one is allowed; nothing
	 * when it is refused. @now does not go backwards.
	 */
	std::optional<std::uint64_t> allow(Clock::time_point now)
	{
		if (left_ == burst_)
			since_ = now;
		const auto earned = (now - since_) / interval_;
		if (earned > 0) {
			left_ = earned >= burst_ - left_ ? burst_
							 : left_ + static_cast<unsigned>(earned);
			since_ = left_ == burst_ ? now : since_ + earned * interval_;
		}
		if (left_ == 0) {
			++refused_;
			return std::nullopt;
		}
		--left_;
		return std::exchange(refused_, 0);
	}

private:
	unsigned burst_;
	Clock::duration interval_;
	unsigned left_;
	Clock::time_point since_{}; // the last that was earned
	std::uint64_t refused_ = 0;
};

} // namespace hawser
