/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Varlink interface descriptions (varlink.org, "Interface Definition"), read so
 * that what comes over the socket can be held against them: a handler is only
 * called with parameters that have every field it is promised, each of the type
 * that the description says, and no other.
 */
#pragma once

#include "base/error.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hawser::varlink
{

using Json = nlohmann::json;

struct Field;

struct Type {
	enum class Kind {
		boolean,
		integer, // 64 bits, signed
		real,
		string,
		object, // any JSON value
		enumeration,
		structure,
		array,
		map,
		named,
	};

	Kind kind = Kind::structure;
	bool optional = false;
	std::string name;		 // of a named type
	std::vector<std::string> values; // of an enumeration
	std::vector<Field> fields;	 // of a structure
	std::vector<Type> element;	 // exactly one, of an array or map
};

struct Field {
	std::string name;
	Type type;
};

struct Method {
	std::string name;
	Type in;
	Type out;
};

struct ErrorType {
	std::string name;
	Type parameters;
};

class Interface
{
public:
	/* @text is trusted: it is part of the program. An error names the line. */
	static Result<Interface> parse(std::string_view text);

	const std::string &name() const { return name_; }
	const std::string &text() const { return text_; }
	const std::vector<Method> &methods() const { return methods_; }
	const Method *method(std::string_view name) const;
	const ErrorType *error(std::string_view name) const;

	/*
	 * The path of the first thing in @value that is not as @type says
	 * ("nodes[2].port"), or nothing when all is.
	 */
	std::optional<std::string> mismatch(const Type &type, const Json &value) const;

private:
	std::optional<std::string> mismatch(const Type &type, const Json &value,
					    const std::string &path) const;
	const Type *named(std::string_view name) const;

	std::string name_;
	std::string text_;
	std::vector<Field> types_;
	std::vector<Method> methods_;
	std::vector<ErrorType> errors_;
};

} // namespace hawser::varlink
