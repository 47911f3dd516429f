/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/conf.h"

#include "base/coding.h"
#include "base/str.h"
#include "config/files.h"
#include "config/ini.h"

#include <sys/stat.h>

namespace hawser::config
{

Conf parse_conf(std::string_view text, std::string_view name, SecretBox &box)
{
	Conf conf;
	auto warn = [&](int line, std::string_view what) {
		conf.warnings.push_back(str(name, " line ", line, ": ", what));
	};
	auto take = [&](int line, std::string_view key, std::string_view value) {
		/* open-iscsi's service has switches of its own; ours has no use for them. */
		if (key.starts_with("iscsid."))
			return;
		bool known = false;
		for (Settings *settings : {&conf.node, &conf.discovery, &conf.isns}) {
			const RecordKey *found = find_key(settings->kind(), key);
			if (!found || found->kind != settings->kind())
				continue;
			known = true;
			auto set = settings->set(key, value, box);
			if (!set)
				warn(line, set.error().text);
			else if (!set->empty())
				warn(line, *set);
			if (!set || !set->empty())
				break; // a key of both kinds warns once
		}
		if (!known)
			warn(line, str("unknown key ", quoted(first_word(key))));
		if (is_secret(key) == true && !value.empty())
			conf.secrets = true;
	};
	scan_ini(text, take, [&](const IniProblem &problem) { warn(problem.line, problem.text); });
	return conf;
}

Result<Conf> load_conf(const Paths &paths, SecretBox &box)
{
	auto text = read_secret_file(paths.conf(), 1u << 20);
	if (!text)
		return tl::unexpected(text.error());
	if (!*text)
		return Conf{};
	Conf conf = parse_conf(as_text((*text)->bytes()), paths.conf(), box);
	struct stat info;
	if (conf.secrets && ::stat(paths.conf().c_str(), &info) == 0 &&
	    (info.st_uid != 0 || (info.st_mode & 077) != 0))
		conf.warnings.push_back(
		    str(paths.conf(), " holds a secret and is not root's alone: chown root it, and "
				      "chmod 600"));
	return conf;
}

} // namespace hawser::config
