/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a reply of ten thousand targets with four portals each costs to store, to store
 * again and to list. The figures are printed; the bounds are generous, for a debug build
 * on a busy machine. In a release build storing takes well under a second of CPU.
 */
#include "config/store.h"
#include "scratch.h"

#include <catch2/catch.hpp>
#include <cstdio>
#include <fstream>
#include <sys/resource.h>

using namespace hawser;
using namespace hawser::config;

namespace
{

constexpr int targets = 10000, portals = 4;

/* Seconds of CPU, our own and the kernel's for us: the latter are the file system's. */
struct Cpu {
	double user, system;

	static Cpu now()
	{
		rusage usage{};
		getrusage(RUSAGE_SELF, &usage);
		const auto seconds = [](const timeval &time) {
			return static_cast<double>(time.tv_sec) +
			       static_cast<double>(time.tv_usec) / 1e6;
		};
		return {seconds(usage.ru_utime), seconds(usage.ru_stime)};
	}
};

/* KiB from /proc/self/status. */
long memory(const std::string &field)
{
	std::ifstream status("/proc/self/status");
	for (std::string line; std::getline(status, line);)
		if (line.starts_with(field))
			return std::strtol(line.c_str() + field.size(), nullptr, 10);
	return 0;
}

std::vector<FoundPortal> big_answer()
{
	std::vector<FoundPortal> found;
	for (int t = 0; t < targets; t++)
		for (int p = 0; p < portals; p++)
			found.push_back(
			    {"iqn.2003-01.org.example:storage.disk." + std::to_string(t),
			     {"192.0.2." + std::to_string(p + 1), 3260},
			     p + 1});
	return found;
}

/* Runs @work, prints what it took and holds it against a bound in seconds and in MiB. */
template <class Work>
void measure(const char *what, double most_seconds, long most_mib, const Work &work)
{
	std::ofstream("/proc/self/clear_refs") << "5"; // the peak begins anew
	const long base = memory("VmRSS:");
	const Cpu start = Cpu::now();
	work();
	const Cpu end = Cpu::now();
	const double user = end.user - start.user, system = end.system - start.system;
	const long mib = (memory("VmHWM:") - base) / 1024;
	std::printf("%d targets x %d portals, %s: %.2f s of CPU and %.2f s of the kernel's, "
		    "%ld MiB above the base\n",
		    targets, portals, what, user, system, mib);
	CHECK(user + system < most_seconds);
	CHECK(mib < most_mib);
}

} // namespace

TEST_CASE("ten thousand targets with four portals each are stored, stored again and listed")
{
	Scratch scratch;
	Store store(scratch.paths);
	const DiscoveryRecord record{{"192.0.2.9", 3260}};
	const auto discover = [&](std::size_t added, std::size_t updated) {
		auto outcome = store.store_discovery(
		    {.source = record.source(), .found = big_answer(), .record = record});
		REQUIRE(outcome);
		CHECK(outcome->added.size() == added);
		CHECK(outcome->updated.size() == updated);
	};
	const std::size_t all = std::size_t{targets} * portals;
	measure("stored", 20, 64, [&] { discover(all, 0); });
	measure("stored again", 20, 64, [&] { discover(0, all); });
	measure("listed", 20, 64, [&] {
		auto listing = store.nodes();
		REQUIRE(listing);
		CHECK(listing->items.size() == all);
	});
	auto kept = store.discovery_record(RecordKind::send_targets, record.portal);
	REQUIRE(kept);
	CHECK(kept->found == big_answer());
}
