/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Errors are values: a code that decides the exit status, and one line of text
 * that names the thing refused and the rule that refused it.
 *
 * The codes are iscsiadm's exit statuses (iscsiadm(8), "EXIT STATUS"), because
 * scripts written for it read them; the numbers are therefore part of our
 * interface and never change.
 */
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace hawser
{

enum class Code : int {
	success = 0,
	failed = 1, // the general failure, nothing below fits
	session_not_found = 2,
	no_memory = 3,
	connect_failed = 4, // the transport could not be connected
	login_failed = 5,   // a login failure that is none of 19, 24 and 29
	record_failed = 6,  // a record is damaged or could not be read or written
	invalid_argument = 7,
	connect_timed_out = 8, // the transport did not answer in time
	internal = 9,
	logout_failed = 10,
	pdu_timed_out = 11,
	no_module = 12, // the kernel module is not loaded or speaks another ABI
	no_permission = 13,
	transport_caps = 14, // the module does not support the operation
	session_exists = 15,
	invalid_request = 16, // the daemon does not know or take the request
	isns_unavailable = 17,
	daemon_failed = 18, // talking to the daemon failed half-way
	login_final = 19,   // login refused for good: retrying cannot help
	no_daemon = 20,
	nothing_found = 21, // no record, session, target or portal matches
	sysfs_lookup = 22,
	host_not_found = 23,
	authentication_failed = 24,
	isns_query = 25,
	isns_registration = 26,
	not_supported = 27,
	busy = 28,	// device or resource in use
	try_again = 29, // failed now, may succeed later
	unknown_discovery_type = 30,
	child_terminated = 31,
	session_not_connected = 32,
};

struct Error {
	Code code = Code::failed;
	std::string text; // one line, no trailing newline or full stop
};

template <class T> using Result = tl::expected<T, Error>;
using Status = Result<void>;

/* Reads as `return fail(Code::invalid_argument, "...")` in any Result<T>. */
inline tl::unexpected<Error> fail(Code code, std::string text)
{
	return tl::unexpected<Error>(Error{code, std::move(text)});
}

} // namespace hawser
