/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iscsi/names.h"

#include "base/str.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <stringprep.h>

namespace hawser
{

namespace
{

tl::unexpected<Error> bad_name(std::string_view name, std::string_view why)
{
	return fail(Code::invalid_argument, str("iSCSI name ", quoted(name), " ", why));
}

bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

bool all_hex(std::string_view text)
{
	return std::all_of(text.begin(), text.end(),
			   [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); });
}

/* "yyyy-mm." with a month of the calendar. */
bool starts_with_date(std::string_view text)
{
	if (text.size() < 8 || text[4] != '-' || text[7] != '.')
		return false;
	for (std::size_t i : {0, 1, 2, 3, 5, 6})
		if (!is_digit(text[i]))
			return false;
	const int month = (text[5] - '0') * 10 + (text[6] - '0');
	return month >= 1 && month <= 12;
}

/* After "iqn.": date, reversed domain name, and anything behind the first colon. */
Status check_iqn(std::string_view name, std::string_view rest)
{
	if (!starts_with_date(rest))
		return bad_name(name, "has no date yyyy-mm and dot after \"iqn.\"");
	rest.remove_prefix(8);
	for (auto label : split(rest.substr(0, rest.find(':')), '.')) {
		if (label.empty())
			return bad_name(name, "has an empty label in its domain name");
	}
	return {};
}

/* @name is prepared. */
Status check_structure(std::string_view name)
{
	if (name.size() > max_name_length)
		return bad_name(name,
				str("has ", name.size(), " bytes, more than ", max_name_length));
	if (name.starts_with("iqn."))
		return check_iqn(name, name.substr(4));
	if (name.starts_with("eui.")) {
		if (name.size() != 4 + 16 || !all_hex(name.substr(4)))
			return bad_name(name, "is not \"eui.\" and 16 hexadecimal digits");
		return {};
	}
	if (name.starts_with("naa.")) {
		const auto digits = name.substr(4);
		if ((digits.size() != 16 && digits.size() != 32) || !all_hex(digits))
			return bad_name(name, "is not \"naa.\" and 16 or 32 hexadecimal digits");
		return {};
	}
	return bad_name(name, "begins with none of \"iqn.\", \"eui.\" and \"naa.\"");
}

/*
 * What nearly every name is made of, and what the profile leaves as it is (RFC 3722, 3 to 6). The
 * library takes some fifty times as long to say so, which tells when there are 10,000 names, and
 * with characters that stand for many others some thousand times.
 */
bool is_prepared(std::string_view name)
{
	return std::all_of(name.begin(), name.end(), [](char c) {
		return is_digit(c) || (c >= 'a' && c <= 'z') || c == '-' || c == '.' || c == ':';
	});
}

/* The "iSCSI" profile of stringprep (RFC 3722); @input has at most max_name_length bytes. */
Result<std::string> apply_profile(std::string_view input)
{
	if (input.find('\0') != std::string_view::npos)
		return bad_name(input, "has a NUL in it");
	// The library works in place on a C string; preparing can lengthen a name
	// (at most 18 code points for one, in form KC), and 223 bytes bound what is legal.
	std::array<char, std::size_t{18} * 4 * max_name_length + 1> buffer{};
	std::memcpy(buffer.data(), input.data(), input.size());
	switch (::stringprep(buffer.data(), buffer.size(), STRINGPREP_NO_UNASSIGNED,
			     stringprep_iscsi)) {
	case STRINGPREP_OK:
		return std::string(buffer.data());
	case STRINGPREP_CONTAINS_PROHIBITED:
		return bad_name(input, "has a character that RFC 3722 prohibits");
	case STRINGPREP_CONTAINS_UNASSIGNED:
		return bad_name(input, "has a code point that Unicode 3.2 does not assign");
	case STRINGPREP_BIDI_BOTH_L_AND_RAL:
	case STRINGPREP_BIDI_LEADTRAIL_NOT_RAL:
		return bad_name(input, "mixes writing directions");
	default:
		return bad_name(input, "is not UTF-8");
	}
}

} // namespace

Result<std::string> prepare_name(std::string_view input)
{
	if (input.empty())
		return fail(Code::invalid_argument, "iSCSI name is empty");
	// Before it is prepared, which may well shorten it (what is composed, or mapped to
	// nothing): on the wire a name is in its prepared form (RFC 7143, 4.2.7.2), and what
	// anybody may send has no use for more.
	if (input.size() > max_name_length)
		return bad_name(input,
				str("has ", input.size(), " bytes, more than ", max_name_length));
	auto prepared = is_prepared(input) ? Result<std::string>(input) : apply_profile(input);
	if (!prepared)
		return prepared;
	if (auto ok = check_structure(*prepared); !ok)
		return tl::unexpected(ok.error());
	return prepared;
}

Status check_name(std::string_view name)
{
	if (auto prepared = prepare_name(name); !prepared)
		return tl::unexpected(prepared.error());
	return {};
}

bool same_name(std::string_view a, std::string_view b)
{
	if (a == b)
		return true;
	auto first = prepare_name(a);
	auto second = prepare_name(b);
	return first && second && *first == *second;
}

} // namespace hawser
