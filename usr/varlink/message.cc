/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "varlink/message.h"

#include "base/secret.h"
#include "base/str.h"

#include <utility>

namespace hawser::varlink
{

namespace
{

/*
 * Does @bytes nest deeper than @limit? Asked before the parser sees them, so a
 * message of brackets costs no memory. Strings are stepped over; what else is
 * wrong the parser finds.
 */
bool deeper_than(std::string_view bytes, std::size_t limit)
{
	std::size_t depth = 0;
	bool in_string = false;
	for (std::size_t i = 0; i < bytes.size(); i++) {
		const char c = bytes[i];
		if (in_string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = false;
		} else if (c == '"') {
			in_string = true;
		} else if (c == '{' || c == '[') {
			if (++depth > limit)
				return true;
		} else if ((c == '}' || c == ']') && depth > 0) {
			depth--;
		}
	}
	return false;
}

Result<Json> parse_object(std::string_view bytes, Code code)
{
	if (deeper_than(bytes, max_depth))
		return fail(code, str("message nests deeper than ", max_depth, " levels"));
	Json message = Json::parse(bytes, nullptr, false);
	if (message.is_discarded())
		return fail(code, "message is not JSON");
	if (!message.is_object())
		return fail(code, "message is not a JSON object");
	return message;
}

/* A member that may be absent; nothing else than a boolean will do. */
Result<bool> flag(const Json &message, const char *name, Code code)
{
	auto it = message.find(name);
	if (it == message.end() || it->is_null())
		return false;
	if (!it->is_boolean())
		return fail(code, str(hawser::quoted(name), " is not true or false"));
	return it->get<bool>();
}

Result<Json> parameters(Json &message, Code code)
{
	auto it = message.find("parameters");
	if (it == message.end() || it->is_null())
		return Json::object();
	if (!it->is_object())
		return fail(code, "\"parameters\" is not an object");
	return std::move(*it);
}

std::string terminated(const Json &message)
{
	std::string out = message.dump(-1, ' ', false, Json::error_handler_t::replace);
	out.push_back('\0');
	return out;
}

} // namespace

Result<Call> parse_call(std::string_view bytes)
{
	constexpr Code code = Code::invalid_request;

	auto message = parse_object(bytes, code);
	if (!message)
		return tl::unexpected(message.error());
	for (const auto &[key, value] : message->items()) {
		if (key != "method" && key != "parameters" && key != "more" && key != "oneway" &&
		    key != "upgrade")
			return fail(code,
				    str("unknown member ", hawser::quoted(key), " in a call"));
	}

	auto method = message->find("method");
	if (method == message->end() || !method->is_string())
		return fail(code, "a call has no \"method\"");
	const auto &full = method->get_ref<const std::string &>();
	const auto dot = full.rfind('.');
	if (dot == std::string::npos || dot == 0 || dot + 1 == full.size())
		return fail(code, str("method ", hawser::quoted(full), " is not INTERFACE.METHOD"));

	Call call;
	call.interface = full.substr(0, dot);
	call.method = full.substr(dot + 1);

	auto more = flag(*message, "more", code);
	auto oneway = flag(*message, "oneway", code);
	auto upgrade = flag(*message, "upgrade", code);
	for (const auto *one : {&more, &oneway, &upgrade}) {
		if (!*one)
			return tl::unexpected(one->error());
	}
	if (*upgrade)
		return fail(code, "\"upgrade\" is not supported");
	if (*more && *oneway)
		return fail(code, "\"more\" and \"oneway\" exclude each other");
	call.more = *more;
	call.oneway = *oneway;

	auto params = parameters(*message, code);
	if (!params)
		return tl::unexpected(params.error());
	call.parameters = std::move(*params);
	return call;
}

Result<Reply> parse_reply(std::string_view bytes)
{
	constexpr Code code = Code::daemon_failed;

	auto message = parse_object(bytes, code);
	if (!message)
		return tl::unexpected(message.error());
	Reply reply;
	if (auto it = message->find("error"); it != message->end() && !it->is_null()) {
		if (!it->is_string() || it->get_ref<const std::string &>().empty())
			return fail(code, "\"error\" is not a name");
		reply.error = it->get<std::string>();
	}
	auto continues = flag(*message, "continues", code);
	if (!continues)
		return tl::unexpected(continues.error());
	reply.continues = *continues;
	auto params = parameters(*message, code);
	if (!params)
		return tl::unexpected(params.error());
	reply.parameters = std::move(*params);
	return reply;
}

std::string encode(const Call &call)
{
	Json message = {{"method", str(call.interface, '.', call.method)},
			{"parameters", call.parameters}};
	if (call.more)
		message["more"] = true;
	if (call.oneway)
		message["oneway"] = true;
	return terminated(message);
}

std::string encode(const Reply &reply)
{
	Json message = {{"parameters", reply.parameters}};
	if (!reply.error.empty())
		message["error"] = reply.error;
	if (reply.continues)
		message["continues"] = true;
	return terminated(message);
}

void Framer::feed(std::string_view bytes)
{
	buffer_.erase(0, start_);
	scanned_ -= start_;
	start_ = 0;
	buffer_ += bytes;
}

void Framer::forget()
{
	wipe(std::span(reinterpret_cast<std::uint8_t *>(buffer_.data()), start_));
}

Result<std::optional<std::string_view>> Framer::next()
{
	const auto end = buffer_.find('\0', scanned_);
	const auto length = std::min(end, buffer_.size()) - start_;
	if (length > limit_)
		return fail(Code::invalid_request,
			    str("message is longer than ", limit_, " bytes"));
	if (end == std::string::npos) {
		scanned_ = buffer_.size();
		return std::nullopt;
	}
	const auto message = std::string_view(buffer_).substr(start_, length);
	start_ = scanned_ = end + 1;
	return message;
}

} // namespace hawser::varlink
