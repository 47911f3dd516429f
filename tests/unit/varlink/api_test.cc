/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "varlink/api.h"

#include <catch2/catch.hpp>

using namespace hawser::varlink;
using Catch::Matchers::Contains;

namespace
{

const Json portal = {{"address", "192.0.2.1"}, {"port", 3260}, {"tpgt", -1}};

Json with(Json json, const char *name, Json value)
{
	json[name] = std::move(value);
	return json;
}

} // namespace

TEST_CASE("A number is read as what it is, from one end of its type to the other")
{
	CHECK(portal.get<Portal>().tpgt == -1);
	CHECK(with(portal, "port", 0).get<Portal>().port == 0);
	CHECK(with(portal, "port", 65535).get<Portal>().port == 65535);
	CHECK(with(portal, "tpgt", INT32_MIN).get<Portal>().tpgt == INT32_MIN);
	const Json logout = {{"sids", {0, 7, UINT32_MAX}}, {"nodes", Json::array()}};
	CHECK(logout.get<LogoutCall>().sids == std::vector<std::uint32_t>{0, 7, UINT32_MAX});
}

TEST_CASE("A number that its type cannot hold is refused, not cut to it")
{
	CHECK_THROWS_WITH(with(portal, "port", 65536).get<Portal>(),
			  "port 65536 is not between 0 and 65535");
	CHECK_THROWS_WITH(with(portal, "port", -1).get<Portal>(),
			  "port -1 is not between 0 and 65535");
	CHECK_THROWS_AS(with(portal, "tpgt", INT64_MAX).get<Portal>(), OutOfRange);
	CHECK_THROWS_AS(with(portal, "tpgt", UINT64_MAX).get<Portal>(), OutOfRange);
	CHECK_THROWS_WITH(with(portal, "tpgt", 1e97).get<Portal>(), "tpgt is no integer");
	CHECK_THROWS_WITH(with(portal, "tpgt", 1.0).get<Portal>(), "tpgt is no integer");
	CHECK_THROWS_WITH(with(portal, "tpgt", true).get<Portal>(), "tpgt is no integer");

	const Json logout = {{"sids", {7, 1ull << 32}}, {"nodes", Json::array()}};
	CHECK_THROWS_WITH(logout.get<LogoutCall>(), Contains("sids 4294967296"));
	const Json failure = {{"code", 1ll << 32}, {"text", "x"}, {"retryable", false}};
	CHECK_THROWS_AS(failure.get<Failure>(), OutOfRange);
	CHECK_THROWS_AS(Json({{"results", Json::array()}, {"done", -1}, {"total", 1}})
			    .get<Progress<LoginResult>>(),
			OutOfRange);
}
