/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How long to wait between failed logins: 1 s at first unless the owner says otherwise, twice as
 * long after each failure, 30 s at most. Up to a tenth is added at random, so that the sessions of
 * a target that comes back do not all knock at the same instant.
 */
#pragma once

#include <chrono>
#include <random>

namespace hawser::daemon
{

class Backoff
{
public:
	using Milliseconds = std::chrono::milliseconds;

	static constexpr Milliseconds first{1000};
	static constexpr Milliseconds longest{30000};

	explicit Backoff(std::uint32_t seed, Milliseconds begin = first,
			 Milliseconds most = longest)
	    : random_(seed), begin_(begin), most_(most), wait_(begin)
	{
	}

	/* The wait after one more failure. */
	Milliseconds next();
	/* The wait after a refusal that trying again is unlikely to change. */
	Milliseconds next_after_final();
	/* Something succeeded: the next failure is the first again. */
	void reset() { wait_ = begin_; }

private:
	Milliseconds spread(Milliseconds wait);

	std::minstd_rand random_;
	Milliseconds begin_;
	Milliseconds most_;
	Milliseconds wait_;
};

} // namespace hawser::daemon
