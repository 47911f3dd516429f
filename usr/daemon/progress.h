/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The replies of a method that works on many things at once: with "more", one as
 * soon as something has ended; without, one with everything.
 */
#pragma once

#include "daemon/signal.h"
#include "varlink/api.h"
#include "varlink/server.h"

#include <memory>

namespace hawser::daemon
{

template <class T> class Reporter
{
public:
	using Box = std::shared_ptr<Mailbox<T>>;

	Reporter(varlink::Exchange &exchange, asio::any_io_executor executor)
	    : exchange_(exchange), box_(std::make_shared<Mailbox<T>>(std::move(executor)))
	{
	}

	/* Where results are put, from now until long after the client has gone. */
	const Box &box() const { return box_; }

	/* Replies until @total results have come; gives up when the client has gone. */
	asio::awaitable<void> run(std::uint32_t total)
	{
		varlink::Progress<T> progress;
		progress.total = total;
		while (progress.done < total) {
			auto ended = co_await box_->take();
			progress.done += static_cast<std::uint32_t>(ended.size());
			for (T &one : ended)
				progress.results.push_back(std::move(one));
			if (progress.done < total && exchange_.more()) {
				varlink::Json parameters = progress;
				auto sent =
				    co_await exchange_.reply_and_continue(std::move(parameters));
				if (!sent)
					co_return;
				progress.results.clear();
			}
		}
		varlink::Json parameters = progress;
		co_await exchange_.reply(std::move(parameters));
	}

private:
	varlink::Exchange &exchange_;
	Box box_;
};

} // namespace hawser::daemon
