/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a login agrees on (RFC 7143, 6 and 13), from the target's side: each key that the initiator
 * sends has its answer.
 */
#pragma once

#include "pdu.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hawser::target
{

/* What the target would have. */
struct Offer {
	unsigned level = 2; // ErrorRecoveryLevel
	unsigned connections = 8;
	std::uint32_t max_recv = 65536; // MaxRecvDataSegmentLength
	std::uint32_t max_burst = 262144, first_burst = 65536;
	unsigned max_r2t = 4;
	unsigned time2wait = 0, time2retain = 60;
	bool in_order = true; // DataPDUInOrder and DataSequenceInOrder
};

struct Parameters {
	bool header_digest = false, data_digest = false;
	bool initial_r2t = true, immediate_data = true;
	bool pdus_in_order = true, sequences_in_order = true;
	std::uint32_t max_send = 8192; // the initiator's MaxRecvDataSegmentLength
	std::uint32_t max_burst = 262144, first_burst = 65536;
	unsigned max_r2t = 1, level = 0, connections = 1;
	unsigned time2wait = 2, time2retain = 20;
	std::string initiator_name;
};

using Pairs = std::vector<std::pair<std::string, std::string>>;

/* RFC 7143, 6.1: pairs of key and value, each ended by a null byte. */
Pairs pairs_of(std::string_view text);
Bytes text_of(const Pairs &pairs);

/* Answers what the initiator says, and notes in @agreed what follows from it. */
Pairs negotiate(const Pairs &said, const Offer &offer, Parameters &agreed);

} // namespace hawser::target
