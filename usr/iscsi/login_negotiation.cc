/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The part of the login that is about the target's keys (RFC 7143, 6.2): what its pairs mean, what
 * is answered, and what both sides have agreed on in the end. What is sent, and when, is
 * login.cc's.
 */
#include "iscsi/login.h"

#include "base/str.h"
#include "iscsi/keys.h"
#include "iscsi/login_violation.h"
#include "iscsi/names.h"
#include "iscsi/offer.h"

#include <algorithm>

namespace hawser
{

namespace
{

bool allowed_in(const KeySpec &key, Stage stage)
{
	return key.stage == KeyStage::any ||
	       (key.stage == KeyStage::security && stage == Stage::security) ||
	       (key.stage == KeyStage::operational && stage == Stage::operational);
}

} // namespace

Result<Login::Keys> Login::take_all(const Keys &keys)
{
	Keys replies;

	for (const auto &pair : keys) {
		auto reply = take(pair);
		if (!reply)
			return tl::unexpected(reply.error());
		if (*reply)
			replies.push_back(std::move(**reply));
	}
	return replies;
}

/* One pair of the target: an answer, a declaration or a proposal of its own. */
Result<Login::Reply> Login::take(const KeyValue &pair)
{
	const auto &[name, value] = pair;
	const KeySpec *key = find_key(name);
	auto done = [](Status status) -> Result<Reply> {
		if (!status)
			return tl::unexpected(status.error());
		return Reply();
	};

	if (!(key && key->repeats) && !seen_.insert(name).second)
		return violation(name, value, "a second time (RFC 7143, 6.3)");
	if (!key) {
		if (is_reserved(value))
			return violation(name, value, "for a key that was not sent");
		return Reply({name, std::string(not_understood)});
	}
	if (!allowed_in(*key, stage_))
		return violation(name, value, "in the wrong stage of the login (RFC 7143, 6.3)");
	if (auto offer = offers_.find(name); offer != offers_.end())
		return done(take_answer(*key, offer->second, value));
	if (is_reserved(value))
		return done(take_refused_declaration(*key, value));
	if (key->sender == KeySender::initiator)
		return violation(name, value, "which is the initiator's to send");
	if (key->rule == KeyRule::declared)
		return done(take_declaration(*key, value));
	// No is an answer too, and to No the one that ends no login at LIO (RFC 7143, 13.25).
	if (key->rule == KeyRule::obsolete)
		return Reply({name, settles(*key, value) ? value : std::string(reject)});
	auto answer = answer_proposal(*key, value);
	if (!answer)
		return tl::unexpected(answer.error());
	return Reply({name, std::move(*answer)});
}

Status Login::take_declaration(const KeySpec &key, const std::string &value)
{
	// Nothing may depend on what it says (RFC 7143, 13.26.2).
	if (key.name == "X#NodeArchitecture" && value.size() <= key.max)
		return {};
	if (auto ok = check_value(key, value); !ok)
		return violation(str("the target declared ", ok.error().text));
	if (auto *binding = find_binding(key.name))
		binding->apply(result_.parameters, value);
	else if (key.name == "TargetAlias")
		result_.target.alias = value;
	else if (key.name == "TargetName" && !same_name(value, config_.target_name))
		return violation(key.name, value, "which is not the target that was asked for");
	else if (key.name == "TargetPortalGroupTag")
		result_.target.tpgt = Tpgt{static_cast<std::uint16_t>(*parse_numerical(value))};
	return {};
}

/* Reject, Irrelevant or NotUnderstood for a key that is no open offer of ours. */
Status Login::take_refused_declaration(const KeySpec &key, std::string_view value)
{
	if (!declared_.contains(key.name))
		return violation(key.name, value, "for a key that was not sent");
	// What the target may live without; some answer the type of an ordinary session so.
	if (key.name == "InitiatorAlias" || (key.name == "SessionType" && !config_.discovery))
		return {};
	return violation(key.name, value, "to a declaration that every target understands");
}

/* The target does without the key (RFC 7143, 6.2): as if its answer were the default. */
void Login::take_default(const KeySpec &key, std::string_view offer)
{
	find_binding(key.name)->apply(result_.parameters,
				      select_answer(key, offer, key.default_value));
}

Status Login::take_answer(const KeySpec &key, std::string_view offer, std::string_view value)
{
	if (value == irrelevant && key.name == "FirstBurstLength") {
		first_burst_irrelevant_ = true;
		return {};
	}
	if (value == not_understood && !key.may_be_unknown)
		return violation(key.name, value,
				 str("to a key that every target understands (", key.section, ')'));
	if ((value == irrelevant || value == not_understood) && key.type != KeyType::list) {
		take_default(key, offer);
		return {};
	}
	if (is_reserved(value)) {
		// The default stays in force, and must be one that we could have been answered.
		if (!check_answer(key, offer, key.default_value))
			return violation(key.name, value,
					 str("and its default, ", key.default_value,
					     ", does not meet our offer of ", quoted(offer)));
		return {};
	}
	// A list's answer is judged by the offer alone.
	if (key.type != KeyType::list)
		if (auto ok = check_value(key, value); !ok)
			return violation(str("the target answered ", ok.error().text));
	if (auto ok = check_answer(key, offer, value); !ok)
		return violation(str("the target's ", ok.error().text));
	find_binding(key.name)->apply(result_.parameters, value);
	return {};
}

Result<std::string> Login::answer_proposal(const KeySpec &key, const std::string &value)
{
	const KeyBinding *binding = find_binding(key.name);
	if (!binding)
		return violation(key.name, value, "which has no place in a login");
	// A connection that joins answers as the first one did: tgt, which names keys of the
	// session again, takes Irrelevant for a number that is too small.
	if (config_.discovery && !key.in_discovery)
		return std::string(irrelevant);
	if (key.type != KeyType::list)
		if (auto ok = check_value(key, value); !ok)
			return violation(str("the target proposed ", ok.error().text));

	auto own = binding->offered(config_.offer);
	if (own.empty())
		own = key.default_value;
	auto answer = select_answer(key, own, value);
	if (answer != reject)
		binding->apply(result_.parameters, answer);
	else if (!check_answer(key, own, key.default_value))
		return violation(key.name, value, str("and nothing in it meets ", quoted(own)));
	return answer;
}

/* The login is over: what was left open, and what must agree (RFC 7143, 6.2). */
Status Login::settle()
{
	auto &p = result_.parameters;

	for (const auto &[name, value] : offers_) {
		if (seen_.contains(name))
			continue;
		const KeySpec &key = *find_key(name);
		if (settles(key, value))
			find_binding(name)->apply(p, value);
		else if (key.may_be_unknown && key.type != KeyType::list)
			take_default(key, value);
		else if (!key.may_be_unknown)
			return violation(str("the target left ", name, '=', value,
					     " without an answer (RFC 7143, 6.2.2)"));
	}
	if (config_.discovery || !leading())
		return {};
	if (config_.expected_tpgt && !result_.target.tpgt)
		return violation(str("the target declared no TargetPortalGroupTag, where ",
				     config_.expected_tpgt->value,
				     " was expected (RFC 7143, 6.3.1)"));
	// Not before: a portal that redirects in the end may be of any group.
	if (config_.expected_tpgt && *config_.expected_tpgt != *result_.target.tpgt)
		return violation(
		    "TargetPortalGroupTag", str(result_.target.tpgt->value),
		    str("where portal group ", config_.expected_tpgt->value, " was expected"));
	if (first_burst_irrelevant_ && (!p.initial_r2t || p.immediate_data))
		return violation("FirstBurstLength", irrelevant,
				 "though unsolicited data may be sent (RFC 7143, 13.14)");
	// Targets that take the minimum of each key apart end here; the lesser is safe.
	p.first_burst_length = std::min(p.first_burst_length, p.max_burst_length);
	if (p.error_recovery_level > 0 && p.data_sequence_in_order && p.max_outstanding_r2t > 1)
		return violation("MaxOutstandingR2T", str(p.max_outstanding_r2t),
				 "with ErrorRecoveryLevel above 0 and DataSequenceInOrder=Yes "
				 "(RFC 7143, 13.19)");
	return {};
}

} // namespace hawser
