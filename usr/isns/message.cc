/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "isns/message.h"

#include "base/str.h"

#include <algorithm>
#include <cstdio>

namespace hawser::isns
{

namespace
{

constexpr std::size_t attribute_header = 8; // tag and length
constexpr std::size_t max_text = 256;	    // 6.1, with the NUL

std::uint16_t get16(std::span<const std::uint8_t> at)
{
	return static_cast<std::uint16_t>(at[0] << 8 | at[1]);
}

std::uint32_t get32(std::span<const std::uint8_t> at)
{
	return static_cast<std::uint32_t>(get16(at)) << 16 | get16(at.subspan(2));
}

void put16(Bytes &out, std::uint16_t value)
{
	out.push_back(static_cast<std::uint8_t>(value >> 8));
	out.push_back(static_cast<std::uint8_t>(value));
}

void put32(Bytes &out, std::uint32_t value)
{
	put16(out, static_cast<std::uint16_t>(value >> 16));
	put16(out, static_cast<std::uint16_t>(value));
}

tl::unexpected<Error> bad(std::string_view text)
{
	return fail(Code::isns_query, str("the iSNS peer sent ", text));
}

constexpr std::string_view statuses[] = {
    "Successful",
    "Unknown Error",
    "Message Format Error",
    "Invalid Registration",
    "Reserved",
    "Invalid Query",
    "Source Unknown",
    "Source Absent",
    "Source Unauthorized",
    "No Such Entry",
    "Version Not Supported",
    "Internal Error",
    "Busy",
    "Option Not Understood",
    "Invalid Update",
    "Message Not Supported",
    "SCN Event Rejected",
    "SCN Registration Rejected",
    "Attribute Not Implemented",
    "FC_DOMAIN_ID Not Available",
    "FC_DOMAIN_ID Not Allocated",
    "ESI Not Available",
    "Invalid Deregistration",
    "Registration Feature Not Supported",
};

struct FunctionName {
	Function function;
	std::string_view name;
};

constexpr FunctionName functions[] = {
    {Function::dev_attr_reg, "DevAttrReg"},
    {Function::dev_attr_qry, "DevAttrQry"},
    {Function::dev_get_next, "DevGetNext"},
    {Function::dev_dereg, "DevDereg"},
    {Function::scn_reg, "SCNReg"},
    {Function::scn_dereg, "SCNDereg"},
    {Function::scn, "SCN"},
    {Function::esi, "ESI"},
    {Function::heartbeat, "Heartbeat"},
};

} // namespace

std::string status_text(std::uint32_t status)
{
	const bool known = status < std::size(statuses);

	return str(known ? statuses[status] : std::string_view("Reserved"), " (", status, ")");
}

std::string function_name(std::uint16_t function)
{
	for (const auto &row : functions) {
		if (static_cast<std::uint16_t>(row.function) == (function & ~response_bit))
			return str(row.name, function & response_bit ? "Rsp" : "");
	}
	char text[24];
	std::snprintf(text, sizeof text, "function 0x%04x", function);
	return text;
}

std::optional<std::uint32_t> Attribute::number() const
{
	if (value.size() != 4)
		return std::nullopt;
	return get32(value);
}

std::optional<IpAddress> Attribute::address() const
{
	IpAddress address;

	if (value.size() != address.size())
		return std::nullopt;
	std::copy(value.begin(), value.end(), address.begin());
	return address;
}

std::optional<std::string> Attribute::text() const
{
	if (value.size() > max_text)
		return std::nullopt;
	return std::string(value.begin(), std::find(value.begin(), value.end(), 0));
}

std::span<const Attribute> Message::operating() const
{
	const auto delimiter =
	    std::find_if(attributes_.begin(), attributes_.end(),
			 [](const Attribute &a) { return a.tag == tag::delimiter; });

	if (delimiter == attributes_.end())
		return {};
	return std::span(attributes_).subspan(delimiter - attributes_.begin() + 1);
}

const Attribute *Message::find(std::uint32_t wanted) const
{
	for (const Attribute &attribute : attributes_) {
		if (attribute.tag == wanted)
			return &attribute;
	}
	return nullptr;
}

Result<Message> Message::parse(std::uint16_t function, std::uint16_t transaction, Bytes payload)
{
	Message message;
	std::size_t at = 0;

	message.function_ = function;
	message.transaction_ = transaction;
	message.payload_ = std::move(payload);
	const std::span<const std::uint8_t> bytes(message.payload_);
	if (message.is_response()) {
		if (bytes.size() < 4)
			return bad(str("a ", function_name(function), " without a status"));
		message.status_ = get32(bytes);
		at = 4;
	}
	if (message.is(Function::heartbeat)) // has no attributes (5.6.5.14)
		return message;
	while (at < bytes.size()) {
		const auto rest = bytes.subspan(at);
		if (rest.size() < attribute_header)
			return bad(str("a ", function_name(function),
				       " that ends within the head "
				       "of an attribute"));
		const std::uint32_t tag = get32(rest);
		const std::uint32_t length = get32(rest.subspan(4));
		if (length % 4 != 0)
			return bad(str("attribute ", tag, " with a length of ", length,
				       ", no multiple of four"));
		if (length > rest.size() - attribute_header)
			return bad(str("attribute ", tag, " with a length of ", length, " where ",
				       rest.size() - attribute_header, " bytes are left"));
		message.attributes_.push_back({tag, rest.subspan(attribute_header, length)});
		at += attribute_header + length;
	}
	return message;
}

Builder::Builder(const Message &request, std::uint32_t status)
    : function_(request.function() | response_bit), transaction_(request.transaction())
{
	put32(payload_, status);
}

Builder &Builder::put(std::uint32_t tag, std::span<const std::uint8_t> value)
{
	const std::size_t padding = (4 - value.size() % 4) % 4;

	put32(payload_, tag);
	put32(payload_, static_cast<std::uint32_t>(value.size() + padding));
	payload_.insert(payload_.end(), value.begin(), value.end());
	payload_.insert(payload_.end(), padding, 0);
	return *this;
}

Builder &Builder::text(std::uint32_t tag, std::string_view value)
{
	const std::string terminated(value);

	return put(tag, as_bytes({terminated.c_str(), terminated.size() + 1}));
}

Builder &Builder::number(std::uint32_t tag, std::uint32_t value)
{
	Bytes bytes;

	put32(bytes, value);
	return put(tag, bytes);
}

Builder &Builder::address(std::uint32_t tag, const IpAddress &value)
{
	return put(tag, value);
}

Builder &Builder::empty(std::uint32_t tag)
{
	return put(tag, {});
}

Builder &Builder::copy(const Attribute &attribute)
{
	return put(attribute.tag, attribute.value);
}

Bytes Builder::wire(std::uint16_t transaction) const
{
	Bytes out;
	std::uint16_t sequence = 0;
	std::span<const std::uint8_t> rest(payload_);

	do {
		const auto part = rest.first(std::min(rest.size(), max_payload));
		rest = rest.subspan(part.size());
		std::uint16_t flags = flags_;
		if (sequence == 0)
			flags |= flag::first_pdu;
		if (rest.empty())
			flags |= flag::last_pdu;
		put16(out, protocol_version);
		put16(out, function_);
		put16(out, static_cast<std::uint16_t>(part.size()));
		put16(out, flags);
		put16(out, transaction_.value_or(transaction));
		put16(out, sequence++);
		out.insert(out.end(), part.begin(), part.end());
	} while (!rest.empty());
	return out;
}

void Assembler::feed(std::span<const std::uint8_t> bytes)
{
	buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(taken_));
	taken_ = 0;
	buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
}

Result<std::optional<Message>> Assembler::next()
{
	for (;;) {
		const auto rest = std::span<const std::uint8_t>(buffer_).subspan(taken_);
		if (rest.size() < header_length)
			return std::nullopt;
		if (get16(rest) != protocol_version)
			return bad(str("a PDU of version ", get16(rest), ", not 1"));
		const std::size_t length = get16(rest.subspan(4));
		if (length % 4 != 0)
			return bad(str("a PDU of ", length, " bytes, no multiple of four"));
		// For multicast and broadcast alone (5.5), and nobody gave us a key.
		if (get16(rest.subspan(6)) & flag::authentication)
			return bad("a PDU with an authentication block");
		if (rest.size() < header_length + length)
			return std::nullopt;
		taken_ += header_length + length;
		auto message = take(rest.first(header_length + length));
		if (!message || *message)
			return message;
	}
}

Result<std::optional<Message>> Assembler::take(std::span<const std::uint8_t> pdu)
{
	const std::uint16_t function = get16(pdu.subspan(2));
	const std::uint16_t flags = get16(pdu.subspan(6));
	const std::uint16_t transaction = get16(pdu.subspan(8));
	const std::uint16_t sequence = get16(pdu.subspan(10));
	const auto payload = pdu.subspan(header_length);
	const auto name = [&] { return function_name(function); };

	auto partial = std::find_if(under_way_.begin(), under_way_.end(), [&](const Partial &one) {
		return one.function == function && one.transaction == transaction;
	});
	if (flags & flag::first_pdu) {
		if (partial != under_way_.end())
			return bad(str("a second first PDU of one ", name()));
		if (under_way_.size() == max_under_way)
			return bad(str("more than ", max_under_way, " messages at a time"));
		under_way_.push_back({function, transaction, 0, {}});
		partial = under_way_.end() - 1;
	} else if (partial == under_way_.end()) {
		return bad(str("a PDU of a ", name(), " that has not begun"));
	}
	if (sequence != partial->next_sequence)
		return bad(str("PDU ", sequence, " of a ", name(), " where ",
			       partial->next_sequence, " was due"));
	if (payload.size() > max_message_ - partial->payload.size())
		return bad(str("a ", name(), " of more than ", max_message_, " bytes"));
	partial->next_sequence++;
	partial->payload.insert(partial->payload.end(), payload.begin(), payload.end());
	if (!(flags & flag::last_pdu))
		return std::nullopt;
	Bytes whole = std::move(partial->payload);
	under_way_.erase(partial);
	auto message = Message::parse(function, transaction, std::move(whole));
	if (!message)
		return tl::unexpected(message.error());
	return std::optional<Message>(std::move(*message));
}

} // namespace hawser::isns
