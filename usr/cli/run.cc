/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/modes.h"

namespace hawser::cli
{

int run(Context &context, const std::vector<std::string> &arguments)
{
	auto options = parse_options(arguments);
	if (!options) {
		context.tell(options.error());
		return context.exit_status();
	}
	if (options->help) {
		context.out << help_text(context.program);
		return 0;
	}
	if (options->version) {
		context.out << context.program << " version " << HAWSER_VERSION << '\n';
		return 0;
	}
	if (options->import_from) {
		run_import(context, *options);
		return context.exit_status();
	}
	switch (options->mode) {
	case Mode::node:
		run_node_mode(context, *options);
		break;
	case Mode::session:
		run_session_mode(context, *options);
		break;
	case Mode::discovery:
	case Mode::discoverydb:
		run_discovery_mode(context, *options);
		break;
	case Mode::fw:
		run_fw_mode(context, *options);
		break;
	case Mode::iface:
		run_iface_mode(context, *options);
		break;
	case Mode::host:
		run_host_mode(context, *options);
		break;
	case Mode::none:
		break; // refused by the parser
	}
	return context.exit_status();
}

} // namespace hawser::cli
