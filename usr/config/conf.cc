/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/conf.h"

#include "base/str.h"
#include "config/files.h"
#include "config/ini.h"

#include <sys/stat.h>

namespace hawser::config
{

Conf parse_conf(std::string_view text, std::string_view name, SecretBox &box)
{
	Conf conf;
	IniFile file = parse_ini(text);
	auto warn = [&](int line, std::string_view what) {
		conf.warnings.push_back(str(name, " line ", line, ": ", what));
	};

	for (const auto &problem : file.problems)
		warn(problem.line, problem.text);
	for (auto &entry : file.entries) {
		/* open-iscsi's service has switches of its own; ours has no use for them. */
		if (entry.key.starts_with("iscsid."))
			continue;
		bool known = false;
		for (Settings *settings : {&conf.node, &conf.discovery, &conf.isns}) {
			const RecordKey *key = find_key(settings->kind(), entry.key);
			if (!key || key->kind != settings->kind())
				continue;
			known = true;
			auto set = settings->set(entry.key, entry.value, box);
			if (!set)
				warn(entry.line, set.error().text);
			else if (!set->empty())
				warn(entry.line, *set);
			if (!set || !set->empty())
				break; // a key of both kinds warns once
		}
		if (!known)
			warn(entry.line, str("unknown key ", quoted(entry.key)));
		if (is_secret(entry.key) == true && !entry.value.empty()) {
			conf.secrets = true;
			wipe(entry.value);
		}
	}
	return conf;
}

Result<Conf> load_conf(const Paths &paths, SecretBox &box)
{
	auto text = read_file(paths.conf(), 1u << 20);
	if (!text)
		return tl::unexpected(text.error());
	if (!*text)
		return Conf{};
	Conf conf = parse_conf(**text, paths.conf(), box);
	wipe(**text);
	struct stat info;
	if (conf.secrets && ::stat(paths.conf().c_str(), &info) == 0 &&
	    (info.st_uid != 0 || (info.st_mode & 077) != 0))
		conf.warnings.push_back(
		    str(paths.conf(), " holds a secret and is not root's alone: chown root it, and "
				      "chmod 600"));
	return conf;
}

} // namespace hawser::config
