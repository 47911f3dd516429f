/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "varlink/idl.h"

#include "base/str.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

namespace hawser::varlink
{

namespace
{

constexpr std::array<std::pair<std::string_view, Type::Kind>, 5> basic_types = {{
    {"bool", Type::Kind::boolean},
    {"int", Type::Kind::integer},
    {"float", Type::Kind::real},
    {"string", Type::Kind::string},
    {"object", Type::Kind::object},
}};

/* Recursive descent; each function leaves the position behind what it read. */
class Parser
{
public:
	explicit Parser(std::string_view text) : text_(text) {}

	bool at_end()
	{
		skip_space();
		return at_ == text_.size();
	}

	/* A name, with dots in it for an interface's. */
	Result<std::string> word(bool dotted = false)
	{
		skip_space();
		const std::size_t start = at_;
		while (at_ < text_.size() &&
		       (std::isalnum(static_cast<unsigned char>(text_[at_])) || text_[at_] == '_' ||
			(dotted && (text_[at_] == '.' || text_[at_] == '-'))))
			at_++;
		if (at_ == start)
			return error("a name is missing");
		return std::string(text_.substr(start, at_ - start));
	}

	bool accept(std::string_view token)
	{
		skip_space();
		if (!text_.substr(at_).starts_with(token))
			return false;
		at_ += token.size();
		return true;
	}

	Status expect(std::string_view token)
	{
		if (!accept(token))
			return error(str(hawser::quoted(token), " is missing"));
		return {};
	}

	Result<Type> type()
	{
		Type result;
		if (accept("?")) {
			result.optional = true;
			if (accept("?"))
				return error("\"?\" stands twice");
		}
		if (accept("[]")) {
			result.kind = Type::Kind::array;
			return with_element(std::move(result));
		}
		if (accept("[string]")) {
			result.kind = Type::Kind::map;
			return with_element(std::move(result));
		}
		skip_space();
		if (at_ < text_.size() && text_[at_] == '(')
			return structure_or_enumeration(result.optional);

		auto name = word();
		if (!name)
			return tl::unexpected(name.error());
		for (const auto &[word, kind] : basic_types) {
			if (*name == word) {
				result.kind = kind;
				return result;
			}
		}
		result.kind = Type::Kind::named;
		result.name = *name;
		return result;
	}

	tl::unexpected<Error> error(std::string_view what) const
	{
		const auto line = std::count(text_.begin(), text_.begin() + at_, '\n') + 1;
		return fail(Code::internal, str("interface description, line ", line, ": ", what));
	}

private:
	Result<Type> with_element(Type result)
	{
		auto element = type();
		if (!element)
			return element;
		result.element.push_back(std::move(*element));
		return result;
	}

	/* "(a: int, b: string)" or "(one, two)"; "()" is an empty structure. */
	Result<Type> structure_or_enumeration(bool optional)
	{
		Type result;
		result.optional = optional;
		if (auto open = expect("("); !open)
			return tl::unexpected(open.error());
		if (accept(")"))
			return result;
		do {
			auto name = word();
			if (!name)
				return tl::unexpected(name.error());
			if (!accept(":")) {
				result.values.push_back(std::move(*name));
				continue;
			}
			auto field = type();
			if (!field)
				return field;
			result.fields.push_back({std::move(*name), std::move(*field)});
		} while (accept(","));
		if (auto close = expect(")"); !close)
			return tl::unexpected(close.error());
		if (!result.values.empty() && !result.fields.empty())
			return error("some fields have a type and others have none");
		if (!result.values.empty())
			result.kind = Type::Kind::enumeration;
		return result;
	}

	void skip_space()
	{
		while (at_ < text_.size()) {
			if (text_[at_] == '#')
				at_ = std::min(text_.find('\n', at_), text_.size());
			else if (std::isspace(static_cast<unsigned char>(text_[at_])))
				at_++;
			else
				break;
		}
	}

	std::string_view text_;
	std::size_t at_ = 0;
};

template <class T> const T *find(const std::vector<T> &all, std::string_view name)
{
	auto it =
	    std::find_if(all.begin(), all.end(), [name](const T &one) { return one.name == name; });
	return it == all.end() ? nullptr : &*it;
}

bool fits(Type::Kind kind, const Json &value)
{
	switch (kind) {
	case Type::Kind::boolean:
		return value.is_boolean();
	case Type::Kind::integer:
		// An unsigned number beyond the signed range would turn negative.
		return value.is_number_integer() &&
		       (!value.is_number_unsigned() ||
			value.get<std::uint64_t>() <= std::uint64_t{INT64_MAX});
	case Type::Kind::real:
		return value.is_number();
	case Type::Kind::string:
		return value.is_string();
	case Type::Kind::object:
		return true;
	case Type::Kind::structure:
	case Type::Kind::map:
		return value.is_object();
	case Type::Kind::array:
		return value.is_array();
	case Type::Kind::enumeration:
		return value.is_string();
	case Type::Kind::named:
		break;
	}
	return false;
}

std::string below(const std::string &path, const std::string &name)
{
	return path.empty() ? name : str(path, '.', name);
}

} // namespace

Result<Interface> Interface::parse(std::string_view text)
{
	Interface result;
	result.text_ = text;

	Parser in(text);
	if (auto keyword = in.expect("interface"); !keyword)
		return tl::unexpected(keyword.error());
	auto name = in.word(true);
	if (!name)
		return tl::unexpected(name.error());
	result.name_ = std::move(*name);

	while (!in.at_end()) {
		auto keyword = in.word();
		if (!keyword)
			return tl::unexpected(keyword.error());
		auto member = in.word();
		if (!member)
			return tl::unexpected(member.error());
		auto first = in.type();
		if (!first)
			return tl::unexpected(first.error());
		if (*keyword == "type") {
			result.types_.push_back({std::move(*member), std::move(*first)});
		} else if (*keyword == "error") {
			result.errors_.push_back({std::move(*member), std::move(*first)});
		} else if (*keyword == "method") {
			if (auto arrow = in.expect("->"); !arrow)
				return tl::unexpected(arrow.error());
			auto out = in.type();
			if (!out)
				return tl::unexpected(out.error());
			result.methods_.push_back(
			    {std::move(*member), std::move(*first), std::move(*out)});
		} else {
			return in.error(str("unknown keyword ", hawser::quoted(*keyword)));
		}
	}
	return result;
}

const Method *Interface::method(std::string_view name) const
{
	return find(methods_, name);
}

const ErrorType *Interface::error(std::string_view name) const
{
	return find(errors_, name);
}

const Type *Interface::named(std::string_view name) const
{
	const Field *field = find(types_, name);
	return field ? &field->type : nullptr;
}

std::optional<std::string> Interface::mismatch(const Type &type, const Json &value) const
{
	return mismatch(type, value, "");
}

std::optional<std::string> Interface::mismatch(const Type &type, const Json &value,
					       const std::string &path) const
{
	if (type.optional && value.is_null())
		return std::nullopt;
	if (type.kind == Type::Kind::named) {
		const Type *target = named(type.name);
		return target ? mismatch(*target, value, path) : path;
	}
	if (!fits(type.kind, value))
		return path;

	switch (type.kind) {
	case Type::Kind::enumeration:
		if (std::find(type.values.begin(), type.values.end(),
			      value.get_ref<const std::string &>()) == type.values.end())
			return path;
		break;
	case Type::Kind::array:
		for (std::size_t i = 0; i < value.size(); i++) {
			if (auto bad =
				mismatch(type.element.front(), value[i], str(path, '[', i, ']')))
				return bad;
		}
		break;
	case Type::Kind::map:
		for (const auto &[key, element] : value.items()) {
			if (auto bad = mismatch(type.element.front(), element, below(path, key)))
				return bad;
		}
		break;
	case Type::Kind::structure:
		for (const Field &field : type.fields) {
			auto it = value.find(field.name);
			if (it == value.end()) {
				if (field.type.optional)
					continue;
				return below(path, field.name);
			}
			if (auto bad = mismatch(field.type, *it, below(path, field.name)))
				return bad;
		}
		for (const auto &[key, element] : value.items()) {
			if (!find(type.fields, key))
				return below(path, key);
		}
		break;
	default:
		break;
	}
	return std::nullopt;
}

} // namespace hawser::varlink
