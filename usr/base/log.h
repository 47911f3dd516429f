/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The service's log. Levels are syslog's numbers, 0 (emergency) to 7 (debug):
 * a line is written when its level is at or below the threshold, 3 unless set,
 * and level 0 always is. Lines go to a sink; the daemon's is the journal, with
 * fields beside the text (MESSAGE_ID, HAWSER_TARGET, ...), by way of a queue (log_queue.h).
 *
 * A Secret cannot be logged: str() refuses it. Callers quote what a peer sent
 * with quoted(), so a line stays one line.
 */
#pragma once

#include "base/str.h"

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hawser
{

enum class Level : int {
	emergency = 0,
	alert = 1,
	critical = 2,
	error = 3,
	warning = 4,
	notice = 5,
	info = 6,
	debug = 7,
};

/* A journal field: the name in capitals, digits and '_' (systemd.journal-fields(7)). */
struct LogField {
	std::string_view name;
	std::string value;
};

class LogSink
{
public:
	virtual ~LogSink() = default;
	virtual void write(Level level, std::string_view text,
			   std::span<const LogField> fields) = 0;
};

/* To the journal; to stderr while no journal answers. */
class JournalSink : public LogSink
{
public:
	void write(Level level, std::string_view text, std::span<const LogField> fields) override;
};

/* "<3>text": the prefix that systemd understands, left out on a terminal. */
class StderrSink : public LogSink
{
public:
	StderrSink();
	void write(Level level, std::string_view text, std::span<const LogField> fields) override;

private:
	bool prefix_;
};

class Log
{
public:
	explicit Log(std::unique_ptr<LogSink> sink, Level threshold = Level::error)
	    : sink_(std::move(sink)), threshold_(threshold)
	{
	}

	Level threshold() const { return threshold_; }
	void set_threshold(Level level) { threshold_ = level; }
	bool enabled(Level level) const { return level == Level::emergency || level <= threshold_; }

	void write(Level level, std::string_view text, std::span<const LogField> fields = {}) const
	{
		if (enabled(level))
			sink_->write(level, text, fields);
	}

	/* log(Level::notice, "session ", sid.value, " is up") */
	template <class... Args> void operator()(Level level, const Args &...args) const
	{
		if (enabled(level))
			sink_->write(level, str(args...), {});
	}

private:
	std::unique_ptr<LogSink> sink_;
	Level threshold_;
};

} // namespace hawser
