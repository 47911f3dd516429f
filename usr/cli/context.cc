/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/context.h"

#include "base/str.h"

#include <unistd.h>

namespace hawser::cli
{

void Context::tell(const Error &error)
{
	err << program << ": " << error.text;
	/* What the system says, "Permission denied", does not tell what is missing. */
	const bool hint = error.code == Code::no_permission && ::geteuid() != 0 &&
			  error.text.find("root") == std::string::npos;
	err << (hint ? " (only root may)\n" : "\n");
	if (first_ == Code::success)
		first_ = error.code;
}

void Context::tell(const std::vector<Error> &errors)
{
	for (const auto &error : errors)
		tell(error);
}

void Context::warn(const std::string &text)
{
	err << program << ": warning: " << text << '\n';
}

Result<config::Conf> Context::conf()
{
	auto conf = config::load_conf(store.paths(), store.secrets());
	if (conf && !conf_told_)
		for (const auto &warning : conf->warnings)
			warn(warning);
	conf_told_ = true;
	return conf;
}

} // namespace hawser::cli
