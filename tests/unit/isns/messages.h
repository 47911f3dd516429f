/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages as the other side writes them, and the way back from a Builder. */
#pragma once

#include "isns/message.h"

#include <catch2/catch.hpp>
#include <utility>

namespace hawser::isns::test
{

inline Bytes number_bytes(std::uint32_t value)
{
	return {static_cast<std::uint8_t>(value >> 24), static_cast<std::uint8_t>(value >> 16),
		static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)};
}

inline IpAddress ipv4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d)
{
	return {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d};
}

/* The one message in @wire. */
inline Message received(const Bytes &wire)
{
	Assembler assembler;

	assembler.feed(wire);
	auto message = assembler.next();
	REQUIRE(message);
	REQUIRE(*message);
	return std::move(**message);
}

inline Message received(const Builder &builder, std::uint16_t transaction = 1)
{
	return received(builder.wire(transaction));
}

/* A response to @request whose attributes @fill puts in. */
template <class Fill>
Message response_to(const Message &request, std::uint32_t status, const Fill &fill)
{
	Builder builder(request, status);

	fill(builder);
	return received(builder);
}

} // namespace hawser::isns::test
