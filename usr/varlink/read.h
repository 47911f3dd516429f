/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading members of a message into C++ types, which for numbers are narrower
 * than what a message may hold: nlohmann's own reading would cut them.
 */
#pragma once

#include "base/str.h"
#include "varlink/idl.h"

#include <concepts>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace hawser::varlink
{

/* A number that is none of its type; says its name, its value and the range. */
class OutOfRange : public Json::exception
{
public:
	explicit OutOfRange(const std::string &text) : exception(401, text.c_str()) {}
};

/* Throws OutOfRange. */
template <std::integral T> void get_number(const Json &json, const char *name, T &value)
{
	if (!json.is_number_integer())
		throw OutOfRange(str(name, " is no integer"));
	const bool fits = json.is_number_unsigned() ? std::in_range<T>(json.get<std::uint64_t>())
						    : std::in_range<T>(json.get<std::int64_t>());
	if (!fits)
		throw OutOfRange(str(name, ' ', json.dump(), " is not between ",
				     std::to_string(std::numeric_limits<T>::min()), " and ",
				     std::to_string(std::numeric_limits<T>::max())));
	value = json.get<T>();
}

/* The member @name of @json. Throws Json::exception: it is not there, or of another type. */
template <class T> void get_member(const Json &json, const char *name, T &value)
{
	const Json &member = json.at(name);

	if constexpr (std::integral<T> && !std::same_as<T, bool>) {
		get_number(member, name, value);
	} else if constexpr (std::same_as<T, std::vector<std::uint32_t>>) {
		value.clear();
		for (const Json &one : member)
			get_number(one, name, value.emplace_back());
	} else {
		member.get_to(value);
	}
}

} // namespace hawser::varlink
