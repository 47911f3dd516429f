/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log_queue.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

namespace hawser
{

namespace
{

struct Line {
	Level level;
	std::string text;
	std::vector<std::pair<std::string, std::string>> fields;

	std::size_t size() const
	{
		std::size_t bytes = sizeof(Line) + text.size();
		for (const auto &field : fields)
			bytes += sizeof field + field.first.size() + field.second.size();
		return bytes;
	}
	void write_to(LogSink &sink) const
	{
		std::vector<LogField> views;
		for (const auto &[name, value] : fields)
			views.push_back({name, value});
		sink.write(level, text, views);
	}
};

Line lost_line(std::size_t lost)
{
	return {Level::warning,
		str("lines of the log that were lost, for nothing took them: ", lost),
		{}};
}

} // namespace

/* What the thread has, which outlives the queue when its sink hangs. */
struct QueuedSink::Shared {
	std::unique_ptr<LogSink> sink;
	const std::size_t room;
	std::mutex lock; // never held while the sink is at work
	std::condition_variable changed;
	std::deque<Line> lines;
	std::size_t used = 0; // bytes of lines
	std::size_t lost = 0; // since the last line that was queued
	bool ending = false;
	bool ended = false;

	Shared(std::unique_ptr<LogSink> to, std::size_t bytes) : sink(std::move(to)), room(bytes) {}

	/* The lock is held. */
	void push(Line line)
	{
		used += line.size();
		lines.push_back(std::move(line));
	}

	/* Waits for the next line; none comes after the last. */
	std::optional<Line> next()
	{
		std::unique_lock held(lock);
		changed.wait(held, [&] { return !lines.empty() || lost > 0 || ending; });
		if (lines.empty() && lost > 0)
			return lost_line(std::exchange(lost, 0));
		if (lines.empty())
			return std::nullopt;
		Line line = std::move(lines.front());
		lines.pop_front();
		used -= line.size();
		return line;
	}

	void write_all()
	{
		while (const auto line = next())
			line->write_to(*sink);
		const std::lock_guard held(lock);
		ended = true;
		changed.notify_all();
	}
};

QueuedSink::QueuedSink(std::unique_ptr<LogSink> sink, std::size_t room,
		       std::chrono::milliseconds patience)
    : shared_(std::make_shared<Shared>(std::move(sink), room)), patience_(patience)
{
	std::thread([shared = shared_] { shared->write_all(); }).detach();
}

QueuedSink::~QueuedSink()
{
	std::unique_lock held(shared_->lock);
	shared_->ending = true;
	shared_->changed.notify_all();
	shared_->changed.wait_for(held, patience_, [&] { return shared_->ended; });
}

void QueuedSink::write(Level level, std::string_view text, std::span<const LogField> fields)
{
	Line line{level, std::string(text), {}};
	for (const LogField &field : fields)
		line.fields.emplace_back(field.name, field.value);

	const std::lock_guard held(shared_->lock);
	if (shared_->used + line.size() > shared_->room) {
		shared_->lost++;
		return;
	}
	if (shared_->lost > 0)
		shared_->push(lost_line(std::exchange(shared_->lost, 0)));
	shared_->push(std::move(line));
	shared_->changed.notify_all();
}

} // namespace hawser
