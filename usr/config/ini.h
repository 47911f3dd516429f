/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `key = value` files, iscsid.conf's syntax: one setting a line, blanks around
 * key and value do not count, a line that starts with # is a comment, and of
 * two lines with one key the later holds. hawserd.conf, the initiator name's
 * file and open-iscsi's records are written so.
 */
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace hawser::config
{

struct IniEntry {
	int line = 0; // from 1
	std::string key;
	std::string value;
};

struct IniProblem {
	int line = 0;
	std::string text;
};

struct IniFile {
	std::vector<IniEntry> entries;	  // in the order of the file
	std::vector<IniProblem> problems; // lines that are no setting; they were passed over

	/* The last value of @key, or null. */
	const std::string *find(std::string_view key) const;
};

IniFile parse_ini(std::string_view text);

/* What of a line that is no setting may be shown: what follows its first word may be a secret. */
std::string_view first_word(std::string_view text);

/*
 * The same without a copy of anything, for a text with secrets in it: @setting is called with the
 * line's number, key and value, which lie in @text, and @problem for a line that is no setting.
 */
void scan_ini(std::string_view text,
	      const std::function<void(int, std::string_view, std::string_view)> &setting,
	      const std::function<void(IniProblem)> &problem);

} // namespace hawser::config
