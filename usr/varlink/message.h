/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Varlink messages: JSON objects that end in a NUL byte. What comes in is not
 * trusted: its size, its depth and its form are checked here, its parameters
 * against the interface description (idl.h).
 */
#pragma once

#include "base/error.h"
#include "varlink/idl.h"

#include <optional>
#include <string>
#include <string_view>

namespace hawser::varlink
{

/* A call that logs in to 10,000 nodes has about 2 MiB. */
inline constexpr std::size_t max_call_bytes = 4 << 20;
/* A discovery of 10,000 targets with 4 portals each has about 5 MiB. */
inline constexpr std::size_t max_reply_bytes = 64 << 20;
inline constexpr std::size_t max_depth = 16;

struct Call {
	std::string interface; // "io.hawser"
	std::string method;    // "Login"
	Json parameters = Json::object();
	bool more = false;   // several replies are welcome
	bool oneway = false; // none is
};

struct Reply {
	std::string error; // full name, empty when there is none
	Json parameters = Json::object();
	bool continues = false; // more replies to this call follow
};

/* Code::invalid_request on anything that is not a call. */
Result<Call> parse_call(std::string_view bytes);
/* Code::daemon_failed on anything that is not a reply. */
Result<Reply> parse_reply(std::string_view bytes);

/* With the NUL at the end. Bytes that are not UTF-8 become U+FFFD. */
std::string encode(const Call &call);
std::string encode(const Reply &reply);

/*
 * Cuts a byte stream into messages. Feed it what was read; next() gives the
 * messages one by one, without their NUL, valid until the next feed().
 */
class Framer
{
public:
	explicit Framer(std::size_t limit) : limit_(limit) {}

	void feed(std::string_view bytes);
	/* A message, nothing yet, or Code::invalid_request when it is too long. */
	Result<std::optional<std::string_view>> next();
	/* Wipes what was given out: it may have held a secret. */
	void forget();
	/* Is a message begun and not ended? */
	bool partial() const { return start_ < buffer_.size(); }

private:
	std::size_t limit_;
	std::string buffer_;
	std::size_t start_ = 0;	  // of the first message that was not given out
	std::size_t scanned_ = 0; // no NUL between start_ and here
};

} // namespace hawser::varlink
