/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * iSNS messages (RFC 4171, section 5) without input or output: a message is built as
 * the PDUs that carry it, and bytes that came are put together to messages.
 *
 * Everything that comes is hostile until it was looked at: a Message that Assembler
 * gives out has attributes that lie within it, end to end, and nothing else is
 * promised about them. The typed readers say nullopt when a value has not the form
 * that its tag asks for.
 */
#pragma once

#include "base/coding.h"
#include "base/error.h"

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hawser::isns
{

inline constexpr std::uint16_t default_port = 3205; // RFC 4171, 8
inline constexpr std::uint16_t protocol_version = 1;
inline constexpr std::size_t header_length = 12;
inline constexpr std::size_t max_payload = 65532; // of one PDU: 16 bits, in steps of four

/* What a function's answer is: its number with this bit (5.1.2). */
inline constexpr std::uint16_t response_bit = 0x8000;

enum class Function : std::uint16_t {
	dev_attr_reg = 0x0001,
	dev_attr_qry = 0x0002,
	dev_get_next = 0x0003,
	dev_dereg = 0x0004,
	scn_reg = 0x0005,
	scn_dereg = 0x0006,
	scn = 0x0008,
	esi = 0x000d,
	heartbeat = 0x000e,
};

/* 5.1.4; bit 16 of the RFC's count is the highest. */
namespace flag
{
inline constexpr std::uint16_t client = 0x8000;
inline constexpr std::uint16_t server = 0x4000;
inline constexpr std::uint16_t authentication = 0x2000;
inline constexpr std::uint16_t replace = 0x1000;
inline constexpr std::uint16_t last_pdu = 0x0800;
inline constexpr std::uint16_t first_pdu = 0x0400;
} // namespace flag

/* 6.1: the attributes that an initiator has to do with. */
namespace tag
{
inline constexpr std::uint32_t delimiter = 0;
inline constexpr std::uint32_t entity_identifier = 1;
inline constexpr std::uint32_t entity_protocol = 2;
inline constexpr std::uint32_t timestamp = 4;
inline constexpr std::uint32_t registration_period = 6;
inline constexpr std::uint32_t portal_address = 16;
inline constexpr std::uint32_t portal_port = 17;
inline constexpr std::uint32_t esi_interval = 19;
inline constexpr std::uint32_t esi_port = 20;
inline constexpr std::uint32_t scn_port = 23;
inline constexpr std::uint32_t iscsi_name = 32;
inline constexpr std::uint32_t iscsi_node_type = 33;
inline constexpr std::uint32_t iscsi_alias = 34;
inline constexpr std::uint32_t iscsi_scn_bitmap = 35;
inline constexpr std::uint32_t pg_iscsi_name = 48;
inline constexpr std::uint32_t pg_portal_address = 49;
inline constexpr std::uint32_t pg_portal_port = 50;
inline constexpr std::uint32_t pg_tag = 51;
} // namespace tag

/* 5.4 */
namespace status
{
inline constexpr std::uint32_t successful = 0;
inline constexpr std::uint32_t message_format_error = 2;
inline constexpr std::uint32_t source_unknown = 6;
inline constexpr std::uint32_t source_absent = 7;
inline constexpr std::uint32_t source_unauthorized = 8;
inline constexpr std::uint32_t no_such_entry = 9;
inline constexpr std::uint32_t function_not_supported = 15;
inline constexpr std::uint32_t esi_not_available = 21;
} // namespace status

/* In the words of section 5.4, with the number: "Source Unknown (6)". */
std::string status_text(std::uint32_t status);

/* "DevAttrReg", "SCN"; of a response "DevAttrRegRsp"; else "function 0x0123". */
std::string function_name(std::uint16_t function);

using IpAddress = std::array<std::uint8_t, 16>; // IPv4 as ::ffff:a.b.c.d (6.3.1)

/* A view into its message. */
struct Attribute {
	std::uint32_t tag = 0;
	std::span<const std::uint8_t> value;

	std::optional<std::uint32_t> number() const;
	std::optional<IpAddress> address() const;
	/* Up to the NUL that ends it (6.1); at most 256 bytes, empty when there are none. */
	std::optional<std::string> text() const;
};

/* A message as it came. Can be moved, and its attributes stay where they are. */
class Message
{
public:
	Message(Message &&) = default;
	Message &operator=(Message &&) = default;

	std::uint16_t function() const { return function_; } // with response_bit
	bool is(Function f) const { return function_ == static_cast<std::uint16_t>(f); }
	bool is_response() const { return function_ & response_bit; }
	std::uint16_t transaction() const { return transaction_; }
	/* Of a response. */
	std::uint32_t status() const { return status_; }
	/* All of them, the delimiter included, in the order of the message. */
	std::span<const Attribute> attributes() const { return attributes_; }
	/* Those behind the first delimiter. */
	std::span<const Attribute> operating() const;
	/* The first one with this tag, or null. */
	const Attribute *find(std::uint32_t tag) const;

	/* @payload is what the PDUs carried. Code::isns_query says what is wrong with it. */
	static Result<Message> parse(std::uint16_t function, std::uint16_t transaction,
				     Bytes payload);

private:
	Message() = default;

	std::uint16_t function_ = 0;
	std::uint16_t transaction_ = 0;
	std::uint32_t status_ = 0;
	Bytes payload_;
	std::vector<Attribute> attributes_;
};

/* A message that is to be sent. */
class Builder
{
public:
	explicit Builder(Function function) : function_(static_cast<std::uint16_t>(function)) {}
	/* The answer to @request. */
	Builder(const Message &request, std::uint32_t status);

	Builder &text(std::uint32_t tag, std::string_view value); // NUL and padding are added
	Builder &number(std::uint32_t tag, std::uint32_t value);
	Builder &address(std::uint32_t tag, const IpAddress &value);
	Builder &empty(std::uint32_t tag);
	Builder &delimiter() { return empty(tag::delimiter); }
	Builder &copy(const Attribute &attribute);
	/* 5.6.5.1: what was registered before goes first. */
	Builder &replace()
	{
		flags_ |= flag::replace;
		return *this;
	}

	std::uint16_t function() const { return function_; }
	/* As many PDUs as it takes. */
	Bytes wire(std::uint16_t transaction) const;

private:
	Builder &put(std::uint32_t tag, std::span<const std::uint8_t> value);

	std::uint16_t function_;
	std::uint16_t flags_ = flag::client;
	Bytes payload_;
	std::optional<std::uint16_t> transaction_; // of an answer
};

/*
 * Puts a stream's bytes together to messages: PDUs in their order, messages that are
 * under way at the same time told apart by function and transaction (5.2).
 */
class Assembler
{
public:
	/* Room for what ten thousand targets have, with four portals each. */
	static constexpr std::size_t limit = 8u << 20;	// 8 MiB
	static constexpr std::size_t max_under_way = 4; // messages

	/* @max_message: bytes that the payload of one message may have. */
	explicit Assembler(std::size_t max_message = limit) : max_message_(max_message) {}

	void feed(std::span<const std::uint8_t> bytes);
	/*
	 * The next message, or nothing while more has to come. After an error, which is
	 * what no peer may send, the stream cannot be read any further.
	 */
	Result<std::optional<Message>> next();

private:
	struct Partial {
		std::uint16_t function;
		std::uint16_t transaction;
		std::uint16_t next_sequence = 0;
		Bytes payload;
	};

	Result<std::optional<Message>> take(std::span<const std::uint8_t> pdu);

	std::size_t max_message_;
	Bytes buffer_;
	std::size_t taken_ = 0; // of buffer_
	std::vector<Partial> under_way_;
};

} // namespace hawser::isns
