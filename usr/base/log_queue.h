/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A log that nobody waits for. Lines are put into a queue, and a thread writes them in their
 * order: journald may hang, for its disk may be the one that waits for us, and its
 * socket is full after a few lines that it does not read.
 *
 * The queue has bounds, because its memory is locked: what comes when it is full is lost, and a
 * line that says how many were stands where they would have been.
 */
#pragma once

#include "base/log.h"

#include <chrono>
#include <cstddef>
#include <memory>

namespace hawser
{

class QueuedSink : public LogSink
{
public:
	/* Of lines that wait: a burst of a thousand sessions that are lost at once. */
	static constexpr std::size_t default_room = 512u << 10; // bytes
	/* How long the end waits for the last lines to be written. */
	static constexpr std::chrono::milliseconds default_patience{2000};

	/* Throws std::system_error when there is no thread to be had. */
	explicit QueuedSink(std::unique_ptr<LogSink> sink, std::size_t room = default_room,
			    std::chrono::milliseconds patience = default_patience);
	/* Lines that are not written in time are lost, and @sink is left to the thread. */
	~QueuedSink() override;

	void write(Level level, std::string_view text, std::span<const LogField> fields) override;

private:
	struct Shared;

	std::shared_ptr<Shared> shared_;
	std::chrono::milliseconds patience_;
};

} // namespace hawser
