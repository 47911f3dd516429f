/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/record_writer.h"

#include "base/str.h"

#include <asio/post.hpp>
#include <mutex>
#include <system_error>
#include <thread>

namespace hawser::daemon
{

/* What threads that outlive the writer still have of it. */
struct RecordWriter::Shared {
	std::mutex lock;
	asio::io_context *io; // null when the writer has gone
};

RecordWriter::RecordWriter(asio::io_context &io, config::Paths paths)
    : paths_(std::move(paths)), shared_(std::make_shared<Shared>())
{
	shared_->io = &io;
}

RecordWriter::~RecordWriter()
{
	const std::lock_guard held(shared_->lock);
	shared_->io = nullptr;
}

void RecordWriter::move(config::NodeId from, config::PortalId to, int tpgt, Done done)
{
	auto write = [shared = shared_, paths = paths_, from = std::move(from), to = std::move(to),
		      tpgt, done]() mutable {
		auto moved = config::Store(std::move(paths)).move_node(from, to, tpgt);
		const std::lock_guard held(shared->lock);
		if (shared->io)
			asio::post(*shared->io, [moved = std::move(moved), done = std::move(done)] {
				done(moved);
			});
	};
	try {
		std::thread(std::move(write)).detach();
	} catch (const std::system_error &e) {
		asio::post(*shared_->io, [text = str("no thread: ", e.what()), done] {
			done(fail(Code::failed, text));
		});
	}
}

} // namespace hawser::daemon
