/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/ini.h"

#include "base/str.h"
#include "config/utf8.h"

namespace hawser::config
{

namespace
{

using Problem = std::function<void(IniProblem)>;
using Setting = std::function<void(int, std::string_view, std::string_view)>;

void parse_line(std::string_view text, int number, const Setting &setting, const Problem &problem)
{
	if (text.ends_with('\r'))
		text.remove_suffix(1);
	text = trim(text);
	if (text.empty() || text.starts_with('#'))
		return;
	const auto sign = text.find('=');
	if (sign == std::string_view::npos) {
		problem({number, str(quoted(first_word(text), 60), " has no '='")});
		return;
	}
	const auto key = trim(text.substr(0, sign));
	const auto value = trim(text.substr(sign + 1));
	if (key.empty())
		problem({number, "there is no key before '='"});
	else if (!is_plain_text(key) || !is_plain_text(value))
		problem({number, "it is not UTF-8 without control characters"});
	else
		setting(number, key, value);
}

} // namespace

const std::string *IniFile::find(std::string_view key) const
{
	for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry)
		if (entry->key == key)
			return &entry->value;
	return nullptr;
}

std::string_view first_word(std::string_view text)
{
	return text.substr(0, text.find_first_of(" \t:,;"));
}

IniFile parse_ini(std::string_view text)
{
	IniFile file;
	scan_ini(
	    text,
	    [&](int line, std::string_view key, std::string_view value) {
		    file.entries.push_back({line, std::string(key), std::string(value)});
	    },
	    [&](IniProblem problem) { file.problems.push_back(std::move(problem)); });
	return file;
}

void scan_ini(std::string_view text, const Setting &setting, const Problem &problem)
{
	int number = 0;
	for (auto line : split(text, '\n'))
		parse_line(line, ++number, setting, problem);
}

} // namespace hawser::config
