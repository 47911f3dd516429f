/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/context.h"

#include "base/str.h"

namespace hawser::cli
{

void Context::tell(const Error &error)
{
	err << program << ": " << error.text << '\n';
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
