/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"

#include <algorithm>
#include <cstdio>
#include <unistd.h>

#define SD_JOURNAL_SUPPRESS_LOCATION // the fields name the subject, not our source line
#include <systemd/sd-journal.h>

namespace hawser
{

StderrSink::StderrSink() : prefix_(::isatty(STDERR_FILENO) == 0) {}

void StderrSink::write(Level level, std::string_view text, std::span<const LogField>)
{
	std::string line;

	if (prefix_)
		line = str('<', static_cast<int>(level), '>');
	append(line, text);
	line += '\n';
	std::fwrite(line.data(), 1, line.size(), stderr);
	std::fflush(stderr);
}

void JournalSink::write(Level level, std::string_view text, std::span<const LogField> fields)
{
	std::vector<std::string> lines;

	lines.reserve(fields.size() + 2);
	lines.push_back(str("MESSAGE=", text));
	lines.push_back(str("PRIORITY=", static_cast<int>(level)));
	for (const auto &field : fields)
		lines.push_back(str(field.name, '=', field.value));

	std::vector<iovec> parts;
	parts.reserve(lines.size());
	for (auto &line : lines)
		parts.push_back({line.data(), line.size()});
	// Without a journal this succeeds and drops the line; only the socket's absence shows it.
	if (::access("/run/systemd/journal/socket", F_OK) == 0 &&
	    ::sd_journal_sendv(parts.data(), static_cast<int>(parts.size())) == 0)
		return;
	StderrSink().write(level, text, fields);
}

} // namespace hawser
