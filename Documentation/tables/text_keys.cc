/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Prints Documentation/text-keys.rst, the page on the text keys, which is made of the table in
 * usr/iscsi/keys.cc and of the record keys that stand for them. With the name of a file it
 * fails when that is not what it would print.
 */
#include "base/str.h"
#include "config/keys.h"
#include "iscsi/keys.h"

#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>

using namespace hawser;

namespace
{

constexpr std::string_view head = R"(.. SPDX-License-Identifier: GPL-2.0-or-later
.. Made by Documentation/tables/text_keys.cc of the table in usr/iscsi/keys.cc.

=========
Text keys
=========

Every key of login and text negotiation that RFC 7143 (chapters 12 and 13) and RFC 7144 define is one
row of one table. Negotiation, the check of what both sides say, the record keys of hawseradm, the display of what
was agreed on, and this page are made of it.

How to read the tables
======================

**values**: ``A,B`` is a list in order of preference; numbers are decimal, or hexadecimal after 0x.

**result**: how it comes out of what both sides say.

============ ===========================================================================
first        the first value of the offer that the other side can have as well
AND, OR      of two booleans
minimum      the lesser number
maximum      the greater number
declared     one side says it, and the other does not answer
exchange     a step of an exchange that follows its own rules
Reject       obsolete: never offered, and answered with Reject
============ ===========================================================================

**said**: in which stage (security, operational, any), whether only in the login of a session's first
connection (*first*), and by which side when it is not both. What is marked *not in discovery* is irrelevant there.

**record key**: what hawseradm sets the offer with; its range and its words are the text key's. A key without one
follows from the record or is not offered.

An answer that the rule does not allow, a value out of its range, a key that is said twice or in the wrong stage ends the
login with a text that names key, value and rule. ``NotUnderstood`` is a fair answer only to the keys marked
*later*: they came after RFC 3720. A key that is in none of these tables is answered with ``NotUnderstood``.
)";

std::string_view rule(const KeySpec &key)
{
	switch (key.rule) {
	case KeyRule::declared:
		return "declared";
	case KeyRule::first_of:
		return "first";
	case KeyRule::logical_and:
		return "AND";
	case KeyRule::logical_or:
		return "OR";
	case KeyRule::minimum:
		return "minimum";
	case KeyRule::maximum:
		return "maximum";
	case KeyRule::obsolete:
		return "Reject";
	case KeyRule::exchange:
		return "exchange";
	}
	return "";
}

std::string values(const KeySpec &key)
{
	switch (key.type) {
	case KeyType::list:
		return std::string(key.choices);
	case KeyType::boolean:
		return "Yes, No";
	case KeyType::number:
		return str(key.min, " to ", key.max);
	case KeyType::text:
		if (!key.choices.empty())
			return str("one of ", key.choices);
		return str("text, ", key.max, " bytes at most");
	case KeyType::alias:
		return str("UTF-8, ", key.max, " bytes at most");
	case KeyType::name:
		return "iSCSI name";
	case KeyType::address:
		return "``host[:port][,tag]``";
	case KeyType::binary:
		return str(key.min, " to ", key.max, " bytes after 0x or 0b");
	}
	return "";
}

std::string said(const KeySpec &key)
{
	std::vector<std::string> words;

	switch (key.stage) {
	case KeyStage::security:
		words.emplace_back("security");
		break;
	case KeyStage::operational:
		words.emplace_back("operational");
		break;
	case KeyStage::any:
		words.emplace_back("any stage");
		break;
	case KeyStage::none:
		words.emplace_back("after the login");
		break;
	}
	if (key.use == KeyUse::leading_only)
		words.emplace_back("first");
	if (key.sender != KeySender::both)
		words.emplace_back(key.sender == KeySender::target ? "by the target"
								   : "by the initiator");
	if (!key.in_discovery)
		words.emplace_back("not in discovery");
	if (key.may_be_unknown)
		words.emplace_back("later");
	return join(words, ", ");
}

/* The record keys that a text key is offered by, with what they are set to at first. */
std::string record_keys_of(const KeySpec &key)
{
	std::vector<std::string> names;

	for (const auto &row : config::record_keys())
		if (row.text_key == key.name && !row.own_limit && row.connection == 0)
			names.push_back(str("``", row.name, "``",
					    row.initial.empty() ? std::string(" (not offered)")
								: str(" (", row.initial, ")")));
	return names.empty() ? "none" : join(names, ", ");
}

void print_table(std::ostream &out, std::string_view title, bool (*holds)(const KeySpec &))
{
	out << '\n' << title << '\n' << std::string(title.size(), '=') << "\n\n";
	out << ".. list-table::\n   :header-rows: 1\n   :widths: 22 34 18 10 10 18 24 14\n\n"
	    << "   * - key\n     - what it is\n     - values\n     - RFC's default\n     - result\n"
	    << "     - said\n     - record key (its initial value)\n     - section\n";
	for (const auto &key : all_keys()) {
		if (!holds(key))
			continue;
		out << "   * - " << key.name << "\n     - " << key.summary << "\n     - "
		    << values(key) << "\n     - "
		    << (key.default_value.empty() ? "none" : key.default_value) << "\n     - "
		    << rule(key) << "\n     - " << said(key) << "\n     - " << record_keys_of(key)
		    << "\n     - " << key.section << '\n';
	}
}

void print_page(std::ostream &out)
{
	out << head;
	print_table(out, "Security keys",
		    [](const KeySpec &key) { return key.stage == KeyStage::security; });
	print_table(out, "Operational and informational keys", [](const KeySpec &key) {
		return key.stage != KeyStage::security && key.rule != KeyRule::obsolete;
	});
	print_table(out, "Obsolete keys",
		    [](const KeySpec &key) { return key.rule == KeyRule::obsolete; });
}

} // namespace

int main(int count, char **arguments)
{
	if (count == 1) {
		print_page(std::cout);
		return 0;
	}
	std::ostringstream page;
	std::ifstream file(arguments[1]);
	print_page(page);
	const std::string there{std::istreambuf_iterator<char>(file), {}};
	if (there == page.str())
		return 0;
	std::cerr << arguments[1] << " is not current; make it anew: " << arguments[0] << " >"
		  << arguments[1] << '\n';
	return 1;
}
