/* SPDX-License-Identifier: GPL-2.0-or-later */
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

Login::Step stop(const Error &error)
{
	return LoginFailure{error, std::nullopt, false};
}

Login::Step stop(const tl::unexpected<Error> &error)
{
	return stop(error.value());
}

bool offers(const std::vector<AuthMethod> &methods, AuthMethod method)
{
	return std::find(methods.begin(), methods.end(), method) != methods.end();
}

std::string auth_method_list(const std::vector<AuthMethod> &methods)
{
	std::vector<std::string> words;

	words.reserve(methods.size());
	for (auto method : methods)
		words.emplace_back(to_string(method));
	return join(words, ",");
}

Status check(const OperationalOffer &offer)
{
	for (const auto &binding : all_bindings()) {
		const KeySpec &key = *find_key(binding.key);
		const auto value = binding.offered(offer);
		if (value.empty() && key.may_be_unknown)
			continue;
		if (auto ok = check_offer(key, value); !ok)
			return ok;
	}
	// FirstBurstLength is sent as the lesser of two, so its own range is not yet looked at.
	const KeySpec &first_burst = *find_key("FirstBurstLength");
	if (auto ok = check_value(first_burst, str(offer.first_burst_length)); !ok)
		return ok;
	if (offer.error_recovery_level > 0 && offer.data_sequence_in_order &&
	    offer.max_outstanding_r2t > 1)
		return fail(Code::invalid_argument,
			    str("MaxOutstandingR2T=", offer.max_outstanding_r2t,
				" with ErrorRecoveryLevel above 0 needs DataSequenceInOrder=No "
				"(RFC 7143, 13.19)"));
	return {};
}

/*
 * The target ended a stage with @keys: none of the @replies that we have for it may be due any
 * more (RFC 7143, 11.13.6). One to an unknown key is not, since that may be a declaration, and
 * one to a proposal that settles the key is optional: LIO before Linux 4.2 ends its logins with
 * IFMarker=No.
 */
Status check_nothing_open(const std::vector<KeyValue> &keys, const std::vector<KeyValue> &replies)
{
	const auto settled = [&](std::string_view name) {
		return std::any_of(keys.begin(), keys.end(), [&](const KeyValue &pair) {
			return pair.key == name && settles(*find_key(name), pair.value);
		});
	};
	for (const auto &reply : replies)
		if (find_key(reply.key) && !settled(reply.key))
			return violation(str("the target ended a stage of the login with ",
					     reply.key, " open (RFC 7143, 11.13.6)"));
	return {};
}

} // namespace

Status check(const LoginConfig &config)
{
	auto refuse = [](std::string text) {
		return fail(Code::invalid_argument, std::move(text));
	};

	if (auto ok = check_name(config.initiator_name); !ok)
		return ok;
	if (!config.discovery || !config.target_name.empty())
		if (auto ok = check_name(config.target_name); !ok)
			return ok;
	if (auto ok = check_value(*find_key("InitiatorAlias"), config.initiator_alias); !ok)
		return ok;
	if (config.isid.format() == Isid::Format::reserved)
		return refuse(str("ISID ", to_string(config.isid),
				  " has the reserved format 11b (RFC 7143, 11.12.5)"));
	if (config.discovery && config.tsih != Tsih{})
		return refuse("a discovery session has one connection (RFC 7143, 13.21)");
	if (auto ok = check_value(*find_key("AuthMethod"), auth_method_list(config.auth_methods));
	    !ok)
		return ok;
	if (offers(config.auth_methods, AuthMethod::chap))
		if (auto ok = check(config.chap); !ok)
			return ok;
	return check(config.offer);
}

Login::Login(const LoginConfig &config, ChallengeBook &book)
    : config_(config), book_(book), reader_(config.max_text_length)
{
}

Login::~Login() = default;

Login::Step Login::start()
{
	result_.parameters.max_recv_data_segment_length =
	    config_.offer.max_recv_data_segment_length;
	// The target may choose to do without authentication, and then nothing is left to negotiate
	// in the security stage (RFC 7143, 6.3.1): LIO refuses an empty request there.
	return send(opening_keys(), offers(config_.auth_methods, AuthMethod::none));
}

Login::Step Login::receive(const Pdu &pdu)
{
	auto decoded = decode(pdu);
	if (!decoded)
		return stop(decoded.error());
	if (auto *response = std::get_if<LoginResponse>(&*decoded))
		return on_response(*response);
	if (auto *rejected = std::get_if<RejectPdu>(&*decoded))
		return stop(violation(str(
		    "the target rejected a Login Request: ", reject_reason_text(rejected->reason),
		    " (reason ", unsigned{rejected->reason}, ")")));
	return stop(violation(
	    str("the target sent opcode ", unsigned{pdu.bhs[0]} & 0x3f, " during login")));
}

/* Keys that open the login; SessionType is the leading connection's alone. */
Login::Keys Login::opening_keys()
{
	Keys keys;
	auto declare = [&](std::string_view key, std::string value) {
		declared_.emplace(key);
		keys.push_back({std::string(key), std::move(value)});
	};

	declare("InitiatorName", config_.initiator_name);
	if (!config_.initiator_alias.empty())
		declare("InitiatorAlias", config_.initiator_alias);
	if (!config_.target_name.empty())
		declare("TargetName", config_.target_name);
	if (leading())
		declare("SessionType", config_.discovery ? "Discovery" : "Normal");
	keys.push_back({"AuthMethod", auth_method_list(config_.auth_methods)});
	return keys;
}

/* Whether a key may be negotiated in this kind of login at all. */
bool Login::negotiable(const KeySpec &key) const
{
	return (leading() || key.use != KeyUse::leading_only) &&
	       (!config_.discovery || key.in_discovery);
}

Login::Keys Login::operational_keys()
{
	Keys keys;

	for (const auto &binding : all_bindings()) {
		const KeySpec &key = *find_key(binding.key);
		auto value = binding.offered(config_.offer);
		if (!negotiable(key) || value.empty())
			continue;
		if (config_.discovery && key.name == "ErrorRecoveryLevel")
			value = "0"; // RFC 7143, 7.4.1
		if (key.rule == KeyRule::declared)
			declared_.emplace(key.name);
		else
			offers_.emplace(key.name, value);
		keys.push_back({std::string(key.name), std::move(value)});
	}
	return keys;
}

/* Sends @keys, in several requests when they are long, and T with the last of them. */
Login::Step Login::send(Keys keys, bool transit)
{
	pending_ = encode_text(keys);
	want_transit_ = transit;
	return send_part();
}

Login::Step Login::send_part()
{
	const auto size = std::min(pending_.size(), default_max_recv_data_segment_length);
	const auto end = pending_.begin() + static_cast<std::ptrdiff_t>(size);
	LoginRequest request;

	if (exchanges_++ == config_.max_exchanges)
		return stop(violation(
		    str("the login is not over after ", config_.max_exchanges, " requests")));
	more_sent_ = size < pending_.size();
	transit_sent_ = want_transit_ && !more_sent_;
	request.transit = transit_sent_;
	request.more = more_sent_;
	request.csg = stage_;
	request.nsg = stage_ == Stage::security ? Stage::operational : Stage::full_feature;
	request.isid = config_.isid;
	request.tsih = config_.tsih;
	request.itt = config_.itt;
	request.cid = config_.cid;
	request.cmd_sn = config_.cmd_sn;
	request.exp_stat_sn = exp_stat_sn_.value_or(config_.exp_stat_sn);
	request.text.assign(pending_.begin(), end);
	pending_.erase(pending_.begin(), end);
	return encode(request);
}

/* A status other than success ends the login (RFC 7143, 11.13.5). */
Login::Step Login::on_rejection(const LoginResponse &response)
{
	const LoginStatus status{response.status_class, response.status_detail};
	const auto &info = describe(status);

	if (status.status_class == 1 && info.retryable) {
		LoginRedirect redirect{status.status_detail == 2, {}};
		auto keys = TextReader(config_.max_text_length).feed(response.text);
		if (!keys)
			return stop(keys.error());
		for (const auto &[key, value] : *keys) {
			if (key != "TargetAddress")
				continue;
			if (auto ok = check_value(*find_key(key), value); !ok)
				return stop(
				    violation(str("the target redirects to ", ok.error().text)));
			redirect.addresses.push_back(*parse_target_address(value));
		}
		if (redirect.addresses.empty())
			return stop(violation("the target redirects without a TargetAddress "
					      "(RFC 7143, 11.13.5)"));
		return redirect;
	}

	return LoginFailure{
	    {info.code, str("the target refused the login for ",
			    info.retryable ? "now: " : "good: ", to_string(status),
			    status == LoginStatus{2, 1} ? authentication_hint() : std::string())},
	    status,
	    info.retryable};
}

/* What an authentication failure that the target reports may come from. */
std::string Login::authentication_hint() const
{
	if (!offers(config_.auth_methods, AuthMethod::chap))
		return "; it may want CHAP, which is not configured";
	if (!chap_)
		return {};
	std::string hint;
	if (chap_->answered())
		hint = str("; it does not take the CHAP name ", quoted(chap_->username()),
			   " with the configured secret",
			   config_.chap.mutual() ? ", or will not prove itself" : "");
	if (!chap_->unavailable().empty())
		hint += str("; not offered because libcrypto does not have it (FIPS mode?): ",
			    to_string(chap_->unavailable()));
	return hint;
}

Status Login::check_header(const LoginResponse &response)
{
	if (response.status_detail != 0)
		return violation(str("the target sent status class 0 with detail ",
				     unsigned{response.status_detail}));
	if (response.itt != config_.itt)
		return violation(str("the target answered task tag ", response.itt.value, ", not ",
				     config_.itt.value));
	if (response.version_active != 0)
		return violation(str("the target wants protocol version ",
				     unsigned{response.version_active}, ", not 0"));
	if (exp_stat_sn_ && response.stat_sn != *exp_stat_sn_)
		return violation(str("the target sent StatSN ", response.stat_sn.value, ", not ",
				     exp_stat_sn_->value));
	if (response.csg != stage_)
		return violation(str("the target answered in stage ",
				     static_cast<unsigned>(response.csg), ", not ",
				     static_cast<unsigned>(stage_)));
	if (response.transit) {
		const auto next =
		    stage_ == Stage::security ? Stage::operational : Stage::full_feature;
		if (!transit_sent_)
			return violation("the target set T though the request did not "
					 "(RFC 7143, 11.13.5)");
		if (response.nsg != next)
			return violation(str("the target chose next stage ",
					     static_cast<unsigned>(response.nsg), ", not ",
					     static_cast<unsigned>(next)));
	}
	return {};
}

Login::Step Login::on_response(const LoginResponse &response)
{
	if (response.status_class != 0)
		return on_rejection(response);
	if (auto ok = check_header(response); !ok)
		return stop(ok.error());
	exp_stat_sn_ = next(response.stat_sn);

	if (more_sent_) {
		if (!response.text.empty() || response.more)
			return stop(violation("the target answered C with text (RFC 7143, 6.2)"));
		return send_part();
	}
	auto pairs = reader_.feed(response.text);
	if (!pairs)
		return stop(pairs.error());
	received_.insert(received_.end(), pairs->begin(), pairs->end());
	if (response.more)
		return send({}, false);
	if (auto ok = reader_.finish(); !ok)
		return stop(ok.error());

	const Keys keys = std::exchange(received_, {});
	return stage_ == Stage::security ? in_security(response.transit, keys)
					 : in_operational(response, keys);
}

Status Login::choose_auth_method(std::string_view value)
{
	auto unproved = [](std::string text) {
		return fail(Code::authentication_failed, std::move(text));
	};
	const auto offer = auth_method_list(config_.auth_methods);

	if (is_reserved(value))
		return unproved(
		    str("the target does not offer the authentication that is required: "
			"it answered ",
			offer, " with AuthMethod=", value));
	if (!check_answer(*find_key("AuthMethod"), offer, value)) {
		std::string why = str("which was not offered (", offer, ')');
		if (!leading() && config_.auth_methods.size() == 1)
			why = str("and the connections of a session have one method, here ", offer,
				  " (RFC 7143, 9.2)");
		else if (value == to_string(AuthMethod::chap))
			why = "and no CHAP secret is configured for it";
		else if (value == to_string(AuthMethod::none))
			why = "and CHAP is required";
		return unproved(str("the target chose AuthMethod=", quoted(value, 64), ", ", why));
	}
	method_chosen_ = true;
	if (value == to_string(AuthMethod::chap)) {
		chap_ =
		    std::make_unique<ChapInitiator>(config_.chap, config_.initiator_name, book_);
		result_.auth_method = AuthMethod::chap;
	}
	return {};
}

/*
 * Keys of the security stage; the stage ends when the target says so, and not before the
 * authentication that was asked for is through.
 */
Login::Step Login::in_security(bool transit, const Keys &keys)
{
	Keys chap_keys, rest;

	for (const auto &pair : keys) {
		const bool ours = pair.key == "AuthMethod" || pair.key.starts_with("CHAP_");
		if (ours && !seen_.insert(pair.key).second)
			return stop(
			    violation(pair.key, pair.value, "a second time (RFC 7143, 6.3)"));
		if (pair.key == "AuthMethod") {
			if (auto ok = choose_auth_method(pair.value); !ok)
				return stop(ok.error());
		} else {
			(ours ? chap_keys : rest).push_back(pair);
		}
	}
	auto taken = take_all(rest);
	if (!taken)
		return stop(taken.error());
	Keys replies = std::move(*taken);

	if (!method_chosen_ && !offers(config_.auth_methods, AuthMethod::none))
		return stop(fail(Code::authentication_failed,
				 "the target did not choose an authentication method, and CHAP is "
				 "required (AuthMethod)"));
	if (!chap_keys.empty()) {
		if (!chap_)
			return stop(violation(chap_keys.front().key, chap_keys.front().value,
					      "though CHAP was not chosen"));
		auto step = chap_->step(chap_keys);
		if (!step)
			return stop(step.error());
		replies.insert(replies.end(), step->begin(), step->end());
	} else if (chap_ && chap_->waiting() && !transit) {
		return stop(violation("the target left CHAP without an answer (RFC 7143, 12.1.3)"));
	}
	if (transit) {
		if (auto ok = check_nothing_open(rest, replies); !ok)
			return stop(ok.error());
		if (chap_ && !chap_->complete())
			return stop(
			    fail(Code::authentication_failed,
				 "the target ended the security stage before CHAP was done"));
		result_.target_authenticated = chap_ && config_.chap.mutual();
		stage_ = Stage::operational;
		return send(operational_keys(), true);
	}
	if (chap_ && !chap_->started()) {
		auto offer = chap_->offer();
		if (!offer)
			return stop(offer.error());
		result_.unavailable_algorithms = chap_->unavailable();
		replies.insert(replies.end(), offer->begin(), offer->end());
		return send(std::move(replies), false);
	}
	return send(std::move(replies), true);
}

Login::Step Login::in_operational(const LoginResponse &response, const Keys &keys)
{
	auto replies = take_all(keys);
	if (!replies)
		return stop(replies.error());
	if (!response.transit)
		return send(std::move(*replies), true);

	if (auto ok = check_nothing_open(keys, *replies); !ok)
		return stop(ok.error());
	if (auto ok = settle(); !ok)
		return stop(ok.error());
	if (response.tsih == Tsih{})
		return stop(violation("the target gave TSIH 0 (RFC 7143, 11.13.3)"));
	if (!leading() && response.tsih != config_.tsih)
		return stop(violation(str("the target gave TSIH ", response.tsih.value,
					  " to a connection that joins the session of TSIH ",
					  config_.tsih.value, " (RFC 7143, 11.13.3)")));
	result_.target.tsih = response.tsih;
	result_.cmd_sn = config_.cmd_sn;
	result_.exp_cmd_sn = response.exp_cmd_sn;
	result_.max_cmd_sn = response.max_cmd_sn;
	// No command was sent yet (11.12.8), and a pair that contradicts itself says nothing
	// (4.2.2.1): then the window is closed until another PDU opens it.
	if (leading()) {
		if (before(next(response.max_cmd_sn), response.exp_cmd_sn))
			result_.max_cmd_sn = CmdSn{config_.cmd_sn.value - 1};
		result_.exp_cmd_sn = config_.cmd_sn;
	}
	result_.exp_stat_sn = *exp_stat_sn_;
	return std::move(result_);
}

} // namespace hawser
