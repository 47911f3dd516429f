/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/modes.h"
#include "config/import.h"

#include "cli/output.h"

#include <nlohmann/json.hpp>

namespace hawser::cli
{

void run_import(Context &context, const Options &options)
{
	auto report = config::import_open_iscsi(context.store, *options.import_from);
	if (!report)
		return context.tell(report.error());
	if (options.json)
		return print_json(context.out,
				  {{"taken", report->taken}, {"skipped", report->skipped}});
	for (const auto &line : report->taken)
		context.out << "taken: " << line << '\n';
	for (const auto &line : report->skipped)
		context.out << "skipped: " << line << '\n';
	if (report->taken.empty())
		context.tell({Code::nothing_found, "nothing to import in " + *options.import_from});
}

} // namespace hawser::cli
