/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The login phase (RFC 7143, 6.3) as a machine without input or output: it gives
 * the next Login Request and is given the Login Response, until the login is done,
 * redirected or refused.
 *
 * The leading login of a session has TSIH 0 (and reinstates a session of the same
 * ISID when the target still has one). A connection that joins or rejoins a
 * session has the session's TSIH, its own CID, and offers only what belongs to a
 * connection.
 *
 * Every failure names the key or field, the value and the rule. None leaves the
 * connection usable: the caller closes it.
 */
#pragma once

#include "base/error.h"
#include "base/types.h"
#include "iscsi/address.h"
#include "iscsi/chap.h"
#include "iscsi/pdu.h"
#include "iscsi/status.h"
#include "iscsi/text.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

namespace hawser
{

struct KeySpec;

enum class AuthMethod { none, chap };
enum class Digest { none, crc32c };
enum class TaskReporting { rfc3720, response_fence, fast_abort };

std::string_view to_string(AuthMethod method); // "None", "CHAP": the wire's words
std::string_view to_string(Digest digest);     // "None", "CRC32C"
std::string_view to_string(TaskReporting reporting);

/*
 * What the initiator offers, in its order of preference, and what it answers with
 * when the target proposes. The defaults are the RFC's but where a comment says
 * otherwise; lengths are in bytes and times in seconds.
 */
struct OperationalOffer {
	std::vector<Digest> header_digest{Digest::none};
	std::vector<Digest> data_digest{Digest::none};
	std::uint32_t max_recv_data_segment_length = 262144; // declared, not negotiated
	std::uint16_t max_connections = 1;
	bool initial_r2t = false;
	bool immediate_data = true;
	std::uint32_t max_burst_length = 16776192;
	std::uint32_t first_burst_length = 262144;
	std::uint16_t default_time2wait = 2;
	std::uint16_t default_time2retain = 20;
	std::uint16_t max_outstanding_r2t = 1;
	bool data_pdu_in_order = true;
	bool data_sequence_in_order = true;
	std::uint8_t error_recovery_level = 0;
	/* Empty: not offered. Otherwise RFC3720 and ResponseFence are among them (13.23). */
	std::vector<TaskReporting> task_reporting;
	/* Not offered unless set (RFC 7144). */
	std::optional<std::uint8_t> iscsi_protocol_level;
};

struct LoginConfig {
	std::string initiator_name;
	std::string initiator_alias; // empty: not sent
	std::string target_name;     // empty only for discovery
	bool discovery = false;	     // SessionType=Discovery

	Isid isid;
	/* Session-wide unique; the module's own task tags are all below this one. */
	Itt itt{0xfffffffe};
	Tsih tsih; // 0: a new session
	Cid cid;
	CmdSn cmd_sn{1};    // the session's current one for a later connection
	StatSn exp_stat_sn; // of the old connection when one is reinstated, else 0
	/* The login fails when the target names another, or, as a leading login, none. */
	std::optional<Tpgt> expected_tpgt;

	std::vector<AuthMethod> auth_methods{AuthMethod::none}; // in order of preference
	ChapConfig chap;					// used when CHAP is offered

	OperationalOffer offer;

	unsigned max_exchanges = 64;	     // requests sent before the target is refused
	std::size_t max_text_length = 65536; // bytes, of all text that the target sends
};

/* What can be refused before a connection is made: Code::invalid_argument. */
Status check(const LoginConfig &config);

/*
 * What both sides agreed on. Session-wide values are those of this login; on a
 * later connection, which does not negotiate them, they are left at the
 * RFC's defaults and the session's own hold.
 */
struct NegotiatedParameters {
	/* Of the connection. */
	Digest header_digest = Digest::none;
	Digest data_digest = Digest::none;
	std::uint32_t max_recv_data_segment_length = 8192; // ours
	std::uint32_t max_xmit_data_segment_length = 8192; // the target's declaration
	/* Of the session. */
	std::uint16_t max_connections = 1;
	bool initial_r2t = true;
	bool immediate_data = true;
	std::uint32_t max_burst_length = 262144;
	std::uint32_t first_burst_length = 65536;
	std::uint16_t default_time2wait = 2;
	std::uint16_t default_time2retain = 20;
	std::uint16_t max_outstanding_r2t = 1;
	bool data_pdu_in_order = true;
	bool data_sequence_in_order = true;
	std::uint8_t error_recovery_level = 0;
	TaskReporting task_reporting = TaskReporting::rfc3720;
	std::uint8_t iscsi_protocol_level = 1;

	friend bool operator==(const NegotiatedParameters &,
			       const NegotiatedParameters &) = default;
};

struct TargetIdentity {
	Tsih tsih; // never 0
	std::optional<Tpgt> tpgt;
	std::string alias; // empty when the target declares none
};

struct LoginResult {
	NegotiatedParameters parameters;
	TargetIdentity target;
	AuthMethod auth_method = AuthMethod::none;
	bool target_authenticated = false; // mutual CHAP was done

	CmdSn cmd_sn;	  // of the first command in full feature phase (leading login)
	CmdSn exp_cmd_sn; // out of the final Login Response
	CmdSn max_cmd_sn;
	StatSn exp_stat_sn; // StatSN of the final Login Response plus one

	/* CHAP digests that were configured but are missing here (FIPS): worth an event. */
	std::vector<ChapAlgorithm> unavailable_algorithms;
};

struct LoginRedirect {
	bool permanent = false;
	std::vector<Portal> addresses; // at least one, in the target's order
};

struct LoginFailure {
	Error error;
	std::optional<LoginStatus> status; // when it was the target that refused
	bool retryable = false;		   // the same login may succeed later
};

class Login
{
public:
	/* What to do next: send a request and wait for its response, or stop. */
	using Step = std::variant<Pdu, LoginResult, LoginRedirect, LoginFailure>;

	/* @config and @book outlive the machine; check(config) has passed. */
	Login(const LoginConfig &config, ChallengeBook &book);
	~Login();

	/* The first request. Called once. */
	Step start();

	/* The response to the last request. Not called after an end was reached. */
	Step receive(const Pdu &pdu);

private:
	using Keys = std::vector<KeyValue>;
	using Reply = std::optional<KeyValue>;

	Step send(Keys keys, bool transit);
	Step send_part();
	Step on_response(const LoginResponse &response);
	Step on_rejection(const LoginResponse &response);
	std::string authentication_hint() const;
	Step in_security(bool transit, const Keys &keys);
	Step in_operational(const LoginResponse &response, const Keys &keys);
	Status check_header(const LoginResponse &response);

	Keys opening_keys();
	Keys operational_keys();
	Result<Keys> take_all(const Keys &keys);
	Result<Reply> take(const KeyValue &pair);
	Status take_declaration(const KeySpec &key, const std::string &value);
	void take_default(const KeySpec &key, std::string_view offer);
	Status take_answer(const KeySpec &key, std::string_view offer, std::string_view value);
	Status take_refused_declaration(const KeySpec &key, std::string_view value);
	Result<std::string> answer_proposal(const KeySpec &key, const std::string &value);
	Status choose_auth_method(std::string_view value);
	Status settle();
	bool negotiable(const KeySpec &key) const;
	bool leading() const { return config_.tsih == Tsih{}; }

	const LoginConfig &config_;
	ChallengeBook &book_;
	std::unique_ptr<ChapInitiator> chap_;
	LoginResult result_;

	std::map<std::string, std::string, std::less<>> offers_; // negotiated keys we proposed
	std::set<std::string, std::less<>> declared_;		 // keys we declared
	std::set<std::string, std::less<>> seen_;		 // keys the target sent
	bool first_burst_irrelevant_ = false;

	TextReader reader_;
	Keys received_; // of the text under way
	Bytes pending_; // text that did not fit into the last request
	Stage stage_ = Stage::security;
	bool want_transit_ = false; // on the request that ends the pending text
	bool transit_sent_ = false;
	bool more_sent_ = false;
	bool method_chosen_ = false;
	unsigned exchanges_ = 0;
	std::optional<StatSn> exp_stat_sn_; // none before the first response
};

} // namespace hawser
