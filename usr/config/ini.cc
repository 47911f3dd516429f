/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/ini.h"

#include "base/str.h"
#include "config/utf8.h"

namespace hawser::config
{

namespace
{

void parse_line(std::string_view text, int number, IniFile &file)
{
	if (text.ends_with('\r'))
		text.remove_suffix(1);
	text = trim(text);
	if (text.empty() || text.starts_with('#'))
		return;
	const auto sign = text.find('=');
	if (sign == std::string_view::npos) {
		file.problems.push_back({number, str(quoted(text, 60), " has no '='")});
		return;
	}
	const auto key = trim(text.substr(0, sign));
	const auto value = trim(text.substr(sign + 1));
	if (key.empty())
		file.problems.push_back({number, "there is no key before '='"});
	else if (!is_plain_text(key) || !is_plain_text(value))
		file.problems.push_back({number, "it is not UTF-8 without control characters"});
	else
		file.entries.push_back({number, std::string(key), std::string(value)});
}

} // namespace

const std::string *IniFile::find(std::string_view key) const
{
	for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry)
		if (entry->key == key)
			return &entry->value;
	return nullptr;
}

IniFile parse_ini(std::string_view text)
{
	IniFile file;
	int number = 0;
	for (auto line : split(text, '\n'))
		parse_line(line, ++number, file);
	return file;
}

} // namespace hawser::config
