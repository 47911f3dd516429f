/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A change of the key of secrets while sessions go on. */
#include "config/rekey.h"
#include "world.h"

using namespace hawser;
using namespace hawser::daemon;

TEST_CASE_METHOD(World, "After a change of the key sessions are saved under the one of now")
{
	auto node = a_node();
	for (const auto &[key, value] :
	     {std::pair{"node.session.auth.authmethod", "CHAP"},
	      std::pair{"node.session.auth.password", "a very good secret"}})
		REQUIRE(node.settings.set(key, value, store.secrets()));
	log_in(stored(node));
	auto paths = folder.paths();
	paths.run_dir = folder.path();
	config::Store other(paths);
	REQUIRE(config::rekey(paths, other.secrets()));

	kernel::SessionChange change;
	change.policy = kernel::Policy::round_robin;
	REQUIRE(sessions.find(Sid(1))->change(change));
	const std::string key(as_text(kernel.live.at(Sid(1)).identity.owner_key));
	const auto kept = [&] { return saved.load(key)->value().node.settings; };
	REQUIRE(until([&] { return kept().get("node.session.policy") == "round-robin"; }));
	config::Store later(paths);
	const auto secret = kept().secret("node.session.auth.password", later.secrets());
	REQUIRE(secret);
	CHECK(as_text(secret->bytes()) == "a very good secret");
	CHECK(sink->count("key of secrets") == 0);
}
