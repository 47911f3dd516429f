/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the fault proxy does to a connection, without the sockets: where a PDU ends, which fault
 * comes next and to which PDU, and what it does to the bytes. All from a seed.
 */
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hawser::fault
{

using Bytes = std::vector<std::uint8_t>;

inline constexpr std::size_t header_length = 48, digest_length = 4;

enum class Direction { to_target, to_initiator };

std::string_view to_string(Direction direction);

/* RFC 7143, 11.2: where the parts of a PDU lie. */
struct Shape {
	std::size_t headers = header_length; // with additional header segments
	std::size_t header_digest = 0;	     // 0 or 4 bytes, behind the headers
	std::size_t data = 0;		     // without padding
	std::size_t padding = 0;
	std::size_t data_digest = 0; // 0 or 4, behind data and padding; 0 without data

	std::size_t total() const { return headers + header_digest + data + padding + data_digest; }
};

/* @header: the 48 bytes of the basic header segment. */
Shape shape_of(std::span<const std::uint8_t> header, bool header_digest, bool data_digest);

/* What one login agrees on, read off the PDUs that pass. */
class Phase
{
public:
	/* A whole PDU goes by. */
	void pass(std::span<const std::uint8_t> pdu, const Shape &shape, Direction direction);
	bool full_feature() const { return full_feature_; }
	bool header_digest() const { return full_feature_ && header_digest_; }
	bool data_digest() const { return full_feature_ && data_digest_; }

private:
	bool full_feature_ = false, header_digest_ = false, data_digest_ = false;
	std::string text_; // of the login responses so far
};

enum class Kind {
	flip_header,
	flip_header_digest,
	flip_data,
	flip_data_digest,
	drop,
	duplicate,
	delay,
	reorder,
	truncate,
	stall,
	half_close,
	reset,
};

inline constexpr std::size_t kinds = 12;

/* A row a kind: its name, and what there must be in a PDU that it happens to. */
struct KindRow {
	Kind kind;
	std::string_view name;
	bool (*fits)(const Shape &shape);
	bool ends; // the connection, at error recovery level 0, whatever it happens to
};

const std::array<KindRow, kinds> &kind_rows();
const KindRow *find_kind(std::string_view name);

/* One fault: what happens to the PDU that it came due at. */
struct Fault {
	std::uint64_t number = 0; // from 1
	const KindRow *row = nullptr;
	std::uint64_t random = 0; // which bit, how many bytes
};

/* Bits of one number that a seed gives, the same on every machine (splitmix64). */
std::uint64_t mix(std::uint64_t seed, std::uint64_t number);

/*
 * Which faults there are, one after the other: each kind in turn, in one direction and then in the
 * other, after some number of PDUs that the seed says, at the first that the kind fits. So every
 * kind comes as often as any other.
 */
class Schedule
{
public:
	struct Settings {
		std::uint64_t seed = 1;
		std::vector<const KindRow *> kinds; // not empty
		std::uint64_t every = 100;     // PDUs between faults on the average, at least 1
		std::uint64_t limit = 0;       // of faults; 0: none
		std::uint64_t opcodes = ~0ull; // bit n: faults may happen to PDUs of opcode n
		std::optional<Direction> direction = {}; // this one alone; none: both in turn
	};

	explicit Schedule(Settings settings);

	/* A PDU of full feature phase passes: the fault that happens to it, if one does. */
	std::optional<Fault> next(Direction direction, std::uint8_t opcode, const Shape &shape);
	std::uint64_t count() const { return count_; }

private:
	void choose();

	Settings settings_;
	std::uint64_t count_ = 0; // of faults that happened
	std::uint64_t wait_ = 0;  // PDUs until the next one is due
};

/* Flips the bit that the fault chose; its number, from the first of the PDU. */
std::size_t flip(const Fault &fault, const Shape &shape, std::span<std::uint8_t> pdu);

} // namespace hawser::fault
