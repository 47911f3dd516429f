/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/module.h"

#include <catch2/catch.hpp>

using namespace hawser;
using hawser::daemon::explain_modprobe;

TEST_CASE("A module that Secure Boot refuses is named as such, with what to do")
{
	const Error error = explain_modprobe(
	    "modprobe: ERROR: could not insert 'hawser': Key was rejected by service\n");
	CHECK(error.code == Code::no_module);
	CHECK_THAT(error.text, Catch::Contains("Secure Boot") && Catch::Contains("mokutil"));
}

TEST_CASE("What a kernel that is locked down does not permit is the signature's fault")
{
	using hawser::daemon::locked_down;
	CHECK(locked_down("none [integrity] confidentiality"));
	CHECK(locked_down("none integrity [confidentiality]"));
	CHECK_FALSE(locked_down("[none] integrity confidentiality"));
	CHECK_FALSE(locked_down(""));
	const Error error = explain_modprobe(
	    "modprobe: ERROR: could not insert 'hawser': Operation not permitted\n", true);
	CHECK(error.code == Code::no_module);
	CHECK_THAT(error.text, Catch::Contains("Secure Boot"));
}

TEST_CASE("A missing capability is a matter of permission")
{
	const Error error = explain_modprobe(
	    "modprobe: ERROR: could not insert 'hawser': Operation not permitted\n");
	CHECK(error.code == Code::no_permission);
}

TEST_CASE("A module that was not built for this kernel is told from one that is not there")
{
	const Error missing = explain_modprobe(
	    "modprobe: FATAL: Module hawser not found in directory /lib/modules/6.1.0\n");
	CHECK_THAT(missing.text, Catch::Contains("there is no module hawser"));
	const Error foreign =
	    explain_modprobe("modprobe: ERROR: could not insert 'hawser': Exec format error\n");
	CHECK_THAT(foreign.text, Catch::Contains("another kernel"));
}

TEST_CASE("What modprobe says besides is passed on without its prefix")
{
	const Error error = explain_modprobe(
	    "something else\nmodprobe: ERROR: could not insert 'hawser': Cannot allocate memory\n");
	CHECK(error.code == Code::no_module);
	CHECK(error.text == "the module hawser cannot be loaded: could not insert 'hawser': "
			    "Cannot allocate memory");
	CHECK_THAT(explain_modprobe("").text, Catch::Contains("without a word"));
}
