/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/refusal.h"

#include "base/str.h"

namespace hawser::daemon
{

using varlink::Exchange;
using varlink::Json;

varlink::Failure failure_of(const Error &error)
{
	varlink::Failure failure;
	failure.code = error.code;
	failure.text = error.text;
	failure.retryable = error.code == Code::try_again || error.code == Code::busy;
	return failure;
}

varlink::Failure failure_of(const LoginFailure &login)
{
	varlink::Failure failure = failure_of(login.error);
	failure.retryable = login.retryable;
	if (login.status) {
		failure.status_class = login.status->status_class;
		failure.status_detail = login.status->status_detail;
		failure.status_text = std::string(describe(*login.status).text);
	}
	return failure;
}

asio::awaitable<void> refuse(Exchange &exchange, varlink::Failure failure)
{
	Json parameters = {{"failure", failure}};
	co_await exchange.error("io.hawser.Failed", std::move(parameters));
}

std::optional<Error> out_of_range(const Json &parameters, std::initializer_list<Range> ranges)
{
	for (const Range &range : ranges) {
		auto it = parameters.find(range.name);
		if (it == parameters.end() || it->is_null())
			continue;
		const auto value = it->get<std::int64_t>();
		if (value < range.low || value > range.high)
			return Error{Code::invalid_argument,
				     str(range.name, " ", value, " is not between ", range.low,
					 " and ", range.high)};
	}
	return std::nullopt;
}

} // namespace hawser::daemon
