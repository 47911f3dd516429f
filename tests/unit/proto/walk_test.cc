/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "walk.h"

using namespace hawser::proto;
using namespace hawser::proto::walk;

namespace
{

struct Seen {
	uint64_t steps = 0, reinstated = 0, reassigned = 0, retried = 0, anew = 0, failed = 0;
};

void happen(Session &session, Random &random, bool losses)
{
	const unsigned conn = random.between(0, session.size() - 1);
	switch (random.between(0, 11)) {
	case 0:
	case 1:
	case 2:
		session.send(conn);
		break;
	case 3:
	case 4:
	case 5:
		session.arrive_there(conn);
		break;
	case 6:
	case 7:
	case 8:
		session.arrive_here(conn);
		break;
	case 9:
		session.log_in(conn);
		break;
	case 10:
		/* Twice is rare by chance alone: half of the losses look for one to hit again. */
		if (losses && random.once_in(3))
			session.lose(random.once_in(2) ? conn
						       : session.reassigning().value_or(conn),
				     random.once_in(2));
		break;
	default:
		session.execute(random);
	}
}

void end(Session &session, Random &random)
{
	for (unsigned left = 20000; !session.all_ended() && left != 0; left--) {
		happen(session, random, false);
		session.check();
	}
	session.check_end();
}

/* One session's life: commands and losses, and then only what ends them all. */
void walk_once(Random &random, unsigned level, Seen &seen)
{
	Session session(level, random.between(1, 4), random.between(1, 12), random.edgy());
	const unsigned most = random.between(20, 400);
	for (unsigned n = 0; n < most; n++) {
		if (random.once_in(8))
			session.issue(!random.once_in(4));
		happen(session, random, true);
		session.check();
	}
	end(session, random);
	seen.steps += most;
	seen.reinstated += session.reinstated;
	seen.reassigned += session.reassigned;
	seen.retried += session.retried;
	seen.anew += session.anew;
	seen.failed += session.failed;
}

Seen walk_many(unsigned level)
{
	Random random;
	Seen seen;
	while (seen.steps < steps(1'000'000))
		walk_once(random, level, seen);
	return seen;
}

} // namespace

TEST_CASE("A million steps at level 0: each command ends once, unsafe ones are not run twice")
{
	const auto seen = walk_many(0);
	CHECK(seen.retried > 0);
	CHECK(seen.anew > 0);
	CHECK(seen.failed > 0);
}

TEST_CASE("A million steps at level 2: each command is executed once, whatever is lost")
{
	const auto seen = walk_many(2);
	CHECK(seen.reinstated > 0);
	CHECK(seen.reassigned > 0);
	CHECK(seen.retried > 0);
	CHECK(seen.anew == 0);
	CHECK(seen.failed == 0);
}

/* So many things in one order that chance takes it once in ten thousands of steps. */
TEST_CASE("A connection that is lost while its commands are reassigned over another goes on after")
{
	Random random;
	Session session(2, 2, 8, random.edgy());
	session.log_in(1);
	for (unsigned n = 0; n < 8; n++) {
		session.issue(true);
		session.send(0);
		session.arrive_there(0);
	}
	session.lose(0, true);
	session.lose(1, true);
	session.log_in(0);
	REQUIRE(session.reinstated == 1);
	while (!session.reassigning()) {
		session.arrive_there(0);
		session.arrive_here(0);
		session.log_in(1);
		session.check();
		REQUIRE(session.reassigned < 8);
	}
	session.lose(0, false);
	session.check();
	REQUIRE(session.again == 1);
	session.arrive_there(1);
	session.arrive_here(1);
	session.check();
	end(session, random);
	CHECK(session.reassigned >= 8); // those that were over the lost one once more
}
