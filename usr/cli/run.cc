/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/modes.h"
#include "cli/secret_input.h"

namespace hawser::cli
{

namespace
{

/* Asks for and reads the values that are not on the command line. */
Status read_secrets(Options &options)
{
	for (const auto &source : options.secrets) {
		auto &[name, value] = options.settings[source.setting];
		auto secret = source.fd ? read_secret(*source.fd) : ask_secret(name);
		if (!secret)
			return tl::unexpected(secret.error());
		value = std::move(*secret);
	}
	return {};
}

} // namespace

int run(Context &context, const std::vector<std::string> &arguments)
{
	auto options = parse_options(arguments);
	if (!options) {
		context.tell(options.error());
		return context.exit_status();
	}
	for (const auto &warning : options->warnings)
		context.warn(warning);
	if (options->help) {
		context.out << help_text(context.program);
		return 0;
	}
	if (options->version) {
		context.out << context.program << " version " << HAWSER_VERSION << '\n';
		return 0;
	}
	if (auto read = read_secrets(*options); !read) {
		context.tell(read.error());
		return context.exit_status();
	}
	if (options->new_key) {
		run_new_key(context, *options);
		return context.exit_status();
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
	case Mode::connection:
		run_connection_mode(context, *options);
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
	case Mode::initiator:
		run_initiator_mode(context, *options);
		break;
	case Mode::none:
		break; // refused by the parser
	}
	return context.exit_status();
}

} // namespace hawser::cli
