/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "faults.h"

#include <algorithm>

namespace hawser::fault
{

namespace
{

constexpr std::uint8_t login_response = 0x23;

bool any(const Shape & /* shape */)
{
	return true;
}

bool has_header_digest(const Shape &shape)
{
	return shape.header_digest != 0;
}

bool has_data_digest(const Shape &shape)
{
	return shape.data_digest != 0;
}

/* Whether @text has this key with the value CRC32C. */
bool agreed(std::string_view text, std::string_view key)
{
	std::size_t at = 0;
	while (at < text.size()) {
		const std::size_t end = std::min(text.find('\0', at), text.size());
		const auto pair = text.substr(at, end - at);
		if (pair.starts_with(key) && pair.substr(key.size()) == "=CRC32C")
			return true;
		at = end + 1;
	}
	return false;
}

} // namespace

std::string_view to_string(Direction direction)
{
	return direction == Direction::to_target ? "to-target" : "to-initiator";
}

Shape shape_of(std::span<const std::uint8_t> header, bool header_digest, bool data_digest)
{
	Shape shape;
	shape.headers = header_length + std::size_t{4} * header[4];
	shape.header_digest = header_digest ? digest_length : 0;
	shape.data = std::size_t{header[5]} << 16 | std::size_t{header[6]} << 8 | header[7];
	shape.padding = (4 - shape.data % 4) % 4;
	shape.data_digest = data_digest && shape.data != 0 ? digest_length : 0;
	return shape;
}

void Phase::pass(std::span<const std::uint8_t> pdu, const Shape &shape, Direction direction)
{
	if (full_feature_ || direction != Direction::to_initiator ||
	    (pdu[0] & 0x3f) != login_response)
		return;
	const auto data = pdu.subspan(shape.headers + shape.header_digest, shape.data);
	text_.append(data.begin(), data.end());
	const bool good = pdu[36] == 0;		   // Status-Class
	const bool last = (pdu[1] & 0x83) == 0x83; // T, and NSG is full feature phase
	if (!good || !last)
		return;
	full_feature_ = true;
	header_digest_ = agreed(text_, "HeaderDigest");
	data_digest_ = agreed(text_, "DataDigest");
}

const std::array<KindRow, kinds> &kind_rows()
{
	static const std::array<KindRow, kinds> rows = {{
	    {Kind::flip_header, "flip-header", has_header_digest, true},
	    {Kind::flip_header_digest, "flip-header-digest", has_header_digest, true},
	    {Kind::flip_data, "flip-data", has_data_digest, true},
	    {Kind::flip_data_digest, "flip-data-digest", has_data_digest, true},
	    {Kind::drop, "drop", any, false},
	    {Kind::duplicate, "duplicate", any, false},
	    {Kind::delay, "delay", any, false},
	    {Kind::reorder, "reorder", any, false},
	    {Kind::truncate, "truncate", any, true},
	    {Kind::stall, "stall", any, false},
	    {Kind::half_close, "half-close", any, true},
	    {Kind::reset, "reset", any, true},
	}};
	return rows;
}

const KindRow *find_kind(std::string_view name)
{
	const auto &rows = kind_rows();
	const auto at = std::find_if(rows.begin(), rows.end(),
				     [&](const KindRow &row) { return row.name == name; });
	return at == rows.end() ? nullptr : &*at;
}

std::uint64_t mix(std::uint64_t seed, std::uint64_t number)
{
	std::uint64_t z = seed + (number + 1) * 0x9e3779b97f4a7c15u;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

Schedule::Schedule(Settings settings) : settings_(std::move(settings))
{
	choose();
}

void Schedule::choose()
{
	wait_ = 1 + mix(settings_.seed, 2 * count_) % (2 * settings_.every);
}

std::optional<Fault> Schedule::next(Direction direction, std::uint8_t opcode, const Shape &shape)
{
	if (settings_.limit != 0 && count_ == settings_.limit)
		return std::nullopt;
	if (wait_ > 1) {
		wait_--;
		return std::nullopt;
	}
	const std::size_t each = settings_.kinds.size();
	const KindRow *row = settings_.kinds[count_ % each];
	const auto in_turn =
	    count_ / each % 2 == 0 ? Direction::to_target : Direction::to_initiator;
	const auto due = settings_.direction.value_or(in_turn);
	if (direction != due || !row->fits(shape) || !(settings_.opcodes >> (opcode & 0x3f) & 1))
		return std::nullopt;
	const Fault fault{count_ + 1, row, mix(settings_.seed, 2 * count_ + 1)};
	count_++;
	choose();
	return fault;
}

std::size_t flip(const Fault &fault, const Shape &shape, std::span<std::uint8_t> pdu)
{
	std::size_t begin = 0, length = shape.headers;
	switch (fault.row->kind) {
	case Kind::flip_header_digest:
		begin = shape.headers;
		length = shape.header_digest;
		break;
	case Kind::flip_data:
		begin = shape.headers + shape.header_digest;
		length = shape.data;
		break;
	case Kind::flip_data_digest:
		begin = shape.headers + shape.header_digest + shape.data + shape.padding;
		length = shape.data_digest;
		break;
	default:
		/*
		 * The lengths stay: a wrong one moves the boundary itself, so that who reads waits
		 * for bytes that do not come instead of finding the digest wrong.
		 */
		begin = 8;
		length = shape.headers - 8;
	}
	const std::size_t bit = 8 * begin + fault.random % (8 * length);
	pdu[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
	return bit;
}

} // namespace hawser::fault
