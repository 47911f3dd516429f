/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who this initiator is: its iSCSI name and alias, and its part of the ISID space.
 *
 * The name is what /etc/hawser/initiatorname.hawser says (InitiatorName=,
 * InitiatorAlias=). While nobody has set one there it is made from the host's
 * name, `iqn.2026-11.io.hawser:<host>-<hex>`, written to the file so that it
 * can be looked up, and follows the host's name; the hexadecimal digits are drawn
 * once and keep two machines of one host name apart. `InitiatorName=*` asks
 * for such a name again.
 *
 * ISIDs have the random format (RFC 7143, 11.12.5: T = 10b) with 24 bits drawn once
 * and kept: open-iscsi's have the OUI format, so no ISID of ours equals one of its
 * under whatever name. The qualifier tells sessions to one target apart; two
 * targets see the same ISIDs (conservative reuse, 10.1.1).
 */
#pragma once

#include "base/error.h"
#include "base/types.h"
#include "config/files.h"
#include "config/paths.h"

#include <cstdint>
#include <optional>
#include <string>

namespace hawser::config
{

/* Qualifiers below this are for normal sessions, the rest for discovery sessions. */
inline constexpr std::uint16_t discovery_qualifier = 0xff00;

struct Identity {
	std::string name;
	std::string alias;		       // may be empty
	std::uint32_t isid_random = 0;	       // 24 bits
	std::optional<bool> follows_host = {}; // the name was made; nothing: not looked up

	Isid isid(std::uint16_t qualifier) const
	{
		return Isid::from_random(isid_random, qualifier);
	}
	/* Discovery sessions of different @slot may be open at one portal at a time. */
	Isid discovery_isid(std::uint8_t slot = 0) const
	{
		return isid(discovery_qualifier + slot);
	}
};

/*
 * Reads the identity, and makes and stores what is missing. @host_name: of this
 * machine. Errors: Code::invalid_argument for a name in the file that is none,
 * Code::record_failed, Code::no_permission.
 */
Result<Identity> load_identity(const Paths &paths, const std::string &host_name);
/* The same under a lock that the caller holds already. */
Result<Identity> load_identity(const Paths &paths, const std::string &host_name, const WriteLock &);

/*
 * The name and the alias as the file has them, and nothing that only root may read: for
 * showing them. Neither makes nor writes anything; a name that is not made yet is "".
 */
Result<Identity> read_identity(const Paths &paths);

/* What is absent stays. */
struct IdentityChange {
	std::optional<std::string> name = {};  // "*" to follow the host's name again
	std::optional<std::string> alias = {}; // "" for none
};

/*
 * Both at once or, with Code::invalid_argument and the rule, neither. Live sessions
 * keep what they logged in with.
 */
Status change_identity(const Paths &paths, const IdentityChange &change);

inline constexpr std::size_t max_alias_bytes = 255; // RFC 7143, 6.1 and 13.7

std::string host_name(); // of this machine

/* "iqn.2026-11.io.hawser:web-1-0a1b2c3d4e5f" of "Web_1": what a name must not have becomes '-'. */
std::string name_from_host(std::string_view host, std::string_view suffix);

} // namespace hawser::config
