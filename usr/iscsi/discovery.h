/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SendTargets (RFC 7143, appendix C): one Text Request, a reply of any number of
 * Text Responses, without input or output here.
 */
#pragma once

#include "base/error.h"
#include "base/types.h"
#include "iscsi/address.h"
#include "iscsi/names.h"
#include "iscsi/pdu.h"
#include "iscsi/text.h"

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace hawser
{

struct DiscoveredTarget {
	std::string name; // byte for byte as the target sent it
	std::vector<Portal> portals;

	friend bool operator==(const DiscoveredTarget &, const DiscoveredTarget &) = default;
};

struct DiscoveryReply {
	std::vector<DiscoveredTarget> targets; // in the order of the reply, names distinct
	/* What was passed over and why: bad names, bad addresses, foreign keys. The first of them.
	 */
	std::vector<std::string> skipped;
	/* More was said than is here, nobody knows of which targets. */
	bool incomplete = false;
	/* Targets of which it says more than is here: none of their portals is known to be gone. */
	std::set<std::string, std::less<>> uncertain = {};
};

/*
 * Builds the reply out of pairs. A target with a bad name is skipped with its
 * addresses; a bad address is skipped alone, and the target with it when it has no other; a
 * target named twice has the portals of both records. What a reply makes us keep and do has
 * bounds, whatever it says: a name costs much to check when characters in it stand for many
 * others, so no name is checked twice, none that there is no room for, and a reply that has
 * too many bad ones is read no further.
 */
class SendTargetsReader
{
public:
	static constexpr std::size_t max_targets = 100'000, max_portals = 256,
				     max_portals_in_all = 100'000, max_skipped = 100,
				     max_bad_names = 1000;

	/* @check says whether a name is one (names.h). */
	using Check = std::function<Status(std::string_view name)>;
	explicit SendTargetsReader(Check check = check_name) : check_(std::move(check)) {}

	void take(const KeyValue &pair);
	DiscoveryReply finish();

private:
	void take_name(const std::string &name);
	void take_address(const std::string &value);
	void skip(std::string why);

	Check check_;
	DiscoveryReply reply_;
	std::size_t bad_names_ = 0;
	std::size_t portals_ = 0;				// of all targets
	std::size_t skipped_ = 0;				// those that are not in reply_, too
	std::set<std::size_t> bad_addresses_;			// targets that had one
	std::map<std::string, std::size_t, std::less<>> index_; // into reply_.targets
	std::optional<std::size_t> current_;			// none: addresses are skipped
	bool any_target_ = false;				// one that was passed over, too
};

/* The reply in a text that is whole, such as an exchange through the kernel gives. */
Result<DiscoveryReply> read_send_targets(std::span<const std::uint8_t> text);

/* The exchange: gives Text Requests and is given the PDUs that come back. */
class SendTargets
{
public:
	/* More to send, wait for another PDU, or the whole reply. */
	struct Wait {
	};
	using Step = std::variant<Pdu, Wait, DiscoveryReply, Error>;

	/*
	 * @what is "All" or a target's name. @cmd_sn and @exp_stat_sn are the
	 * login's; @max_text_length bounds the whole reply in bytes.
	 */
	SendTargets(std::string what, CmdSn cmd_sn, StatSn exp_stat_sn,
		    std::size_t max_text_length = std::size_t{16} << 20);

	Step start();
	Step receive(const Pdu &pdu);

	/* For the logout that follows. */
	CmdSn cmd_sn() const { return cmd_sn_; }
	StatSn exp_stat_sn() const { return exp_stat_sn_; }

private:
	Step take(const TextResponse &response);

	std::string what_;
	CmdSn cmd_sn_;
	StatSn exp_stat_sn_;
	TextReader text_;
	SendTargetsReader reader_;
	unsigned empty_responses_ = 0; // in a row
};

} // namespace hawser
