/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parts of the table of record keys (keys.h), each in the order of display. A node's
 * record shows its identity, then its interface, then the rest.
 */
#pragma once

#include "config/keys.h"

namespace hawser::config
{

inline constexpr std::int64_t s32_max = 2147483647;
inline constexpr std::int64_t data_max = 16777215; // 2^24-1: RFC 7143, 13.12 to 13.14
inline constexpr std::int64_t name_bytes = 223; // RFC 7143, 4.2.7.1; a user name is one by default

/* The module counts milliseconds (HWS_RECOVERY_TMO_MAX). */
inline constexpr std::int64_t recovery_seconds_max = 2147483;
inline constexpr std::string_view chap_algorithms = "MD5 SHA1 SHA256 SHA3-256";

std::span<const RecordKey> node_identity_rows();
std::span<const RecordKey> iface_rows();
std::span<const RecordKey> node_session_rows();
std::span<const RecordKey> connection_rows();
std::span<const RecordKey> discovery_rows();
std::span<const RecordKey> isns_rows();

} // namespace hawser::config
