/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "proto.h"

#include <map>
#include <set>
#include <utility>

using namespace hawser::proto;

namespace
{

using Transition = std::pair<uint8_t, enum hws_conn_event>;

/* RFC 7143, 8.1.3 and 8.2, by the states that the module has. */
const std::map<Transition, uint8_t> table = {
    {{HWS_CONN_FREE, HWS_CONN_EV_ADOPTED}, HWS_CONN_LOGGED_IN},	      // T5
    {{HWS_CONN_LOGGED_IN, HWS_CONN_EV_LOGOUT}, HWS_CONN_IN_LOGOUT},   // T9, T11 and T10
    {{HWS_CONN_LOGGED_IN, HWS_CONN_EV_LOST}, HWS_CONN_CLEANUP},	      // T15
    {{HWS_CONN_IN_LOGOUT, HWS_CONN_EV_LOST}, HWS_CONN_CLEANUP},	      // T13, T17
    {{HWS_CONN_CLEANUP, HWS_CONN_EV_CLEANED}, HWS_CONN_FREE},	      // M1, M4
    {{HWS_CONN_CLEANUP, HWS_CONN_EV_REINSTATED}, HWS_CONN_LOGGED_IN}, // M2, M4
};

} // namespace

TEST_CASE("A connection changes as RFC 7143, 8.1 and 8.2 say, and not otherwise")
{
	for (unsigned state = 0; state < 256; state++)
		for (int event = 0; event <= HWS_CONN_EVENTS; event++) {
			const auto which = static_cast<enum hws_conn_event>(event);
			const auto found = table.find({static_cast<uint8_t>(state), which});
			const uint8_t next = found == table.end() ? 0 : found->second;
			CAPTURE(state, event);
			REQUIRE(hws_conn_next(static_cast<uint8_t>(state), which) == next);
		}
}

TEST_CASE("From each state of a connection the others can be reached")
{
	for (const uint8_t from :
	     {HWS_CONN_FREE, HWS_CONN_LOGGED_IN, HWS_CONN_IN_LOGOUT, HWS_CONN_CLEANUP}) {
		std::set<uint8_t> reached{from};
		for (std::size_t before = 0; before != reached.size();) {
			before = reached.size();
			for (const auto &[transition, next] : table)
				if (reached.contains(transition.first))
					reached.insert(next);
		}
		CHECK(reached.size() == 4);
	}
}

TEST_CASE("A session changes as RFC 7143, 8.3 says, and closing is for good")
{
	const uint8_t states[] = {HWS_SESSION_ACTIVE, HWS_SESSION_FAILED, HWS_SESSION_EXPIRED,
				  HWS_SESSION_CLOSING};
	const std::set<std::pair<uint8_t, uint8_t>> may = {
	    {HWS_SESSION_FAILED, HWS_SESSION_ACTIVE},  // N1, N4
	    {HWS_SESSION_EXPIRED, HWS_SESSION_ACTIVE}, // N4
	    {HWS_SESSION_ACTIVE, HWS_SESSION_FAILED},  // N5
	    {HWS_SESSION_FAILED, HWS_SESSION_EXPIRED},
	    {HWS_SESSION_ACTIVE, HWS_SESSION_CLOSING},	// N3
	    {HWS_SESSION_FAILED, HWS_SESSION_CLOSING},	// N6
	    {HWS_SESSION_EXPIRED, HWS_SESSION_CLOSING}, // N6
	};
	for (const auto from : states)
		for (const auto to : states)
			CHECK(hws_session_may_change(from, to) == may.contains({from, to}));
}
