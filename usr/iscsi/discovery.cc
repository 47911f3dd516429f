/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iscsi/discovery.h"

#include "base/str.h"
#include "iscsi/names.h"
#include "iscsi/status.h"

#include <algorithm>

namespace hawser
{

namespace
{

/* Text Responses without text, in a row, before the target is given up on. */
constexpr unsigned max_empty_responses = 16;

/* All requests of the exchange share it (RFC 7143, 11.10.3). */
constexpr Itt text_itt{1};

Error violation(std::string text)
{
	return {Code::failed, std::move(text)};
}

} // namespace

void SendTargetsReader::take(const KeyValue &pair)
{
	const auto &[key, value] = pair;

	if (bad_names_ > max_bad_names)
		return;
	if (key == "TargetName")
		take_name(value);
	else if (key == "TargetAddress")
		take_address(value);
	else
		skip(str("key ", key,
			 " has no place in a SendTargets reply (RFC 7143, appendix C)"));
}

void SendTargetsReader::take_name(const std::string &name)
{
	current_.reset();
	any_target_ = true;
	if (const auto known = index_.find(name); known != index_.end()) {
		current_ = known->second;
		return;
	}
	if (reply_.targets.size() == max_targets) {
		reply_.incomplete = true;
		return skip(str("target ", quoted(name), " is one of more than ", max_targets));
	}
	if (auto ok = check_(name); !ok) {
		bad_names_++;
		reply_.incomplete |= bad_names_ > max_bad_names;
		return skip(ok.error().text); // no record can be of it
	}
	current_ = reply_.targets.size();
	index_.emplace(name, *current_);
	reply_.targets.push_back({name, {}});
}

void SendTargetsReader::take_address(const std::string &value)
{
	if (any_target_ && !current_)
		return; // of a target that was passed over
	auto portal = parse_target_address(value);
	if (portal && current_) {
		auto &portals = reply_.targets[*current_].portals;
		if (std::find(portals.begin(), portals.end(), *portal) != portals.end())
			return;
		if (portals.size() < max_portals && portals_ < max_portals_in_all) {
			portals.push_back(std::move(*portal));
			portals_++;
			return;
		}
	}
	if (current_) {
		bad_addresses_.insert(*current_);
		reply_.uncertain.insert(reply_.targets[*current_].name);
	} else {
		reply_.incomplete = true;
	}
	if (!portal)
		skip(portal.error().text);
	else if (!any_target_)
		skip(str("address ", quoted(value), " came before any TargetName"));
	else if (portals_ == max_portals_in_all)
		skip(str("address ", quoted(value), " is one of more than ", max_portals_in_all));
	else
		skip(str("address ", quoted(value), " is one of more than ", max_portals,
			 " of its target"));
}

void SendTargetsReader::skip(std::string why)
{
	if (++skipped_ <= max_skipped)
		reply_.skipped.push_back(std::move(why));
}

DiscoveryReply SendTargetsReader::finish()
{
	/* A target without an address is at the portal that was asked; not so one with a bad one.
	 */
	for (const std::size_t index : bad_addresses_) {
		auto &target = reply_.targets[index];
		if (target.portals.empty())
			skip(str("target ", target.name, " has no address that can be used"));
	}
	std::size_t at = 0;
	std::erase_if(reply_.targets, [&](const DiscoveredTarget &target) {
		return bad_addresses_.contains(at++) && target.portals.empty();
	});
	if (skipped_ > max_skipped)
		reply_.skipped.push_back(str("and ", skipped_ - max_skipped, " more"));
	if (bad_names_ > max_bad_names)
		reply_.skipped.push_back(str("the rest of the reply, for more than ", max_bad_names,
					     " names in it are no iSCSI names (RFC 7143, 4.2.7)"));
	return std::move(reply_);
}

Result<DiscoveryReply> read_send_targets(std::span<const std::uint8_t> text)
{
	TextReader reader(text.size());
	SendTargetsReader targets;

	auto pairs = reader.feed(text);
	if (!pairs)
		return tl::unexpected(pairs.error());
	for (const auto &pair : *pairs)
		targets.take(pair);
	if (auto ok = reader.finish(); !ok)
		return tl::unexpected(ok.error());
	return targets.finish();
}

SendTargets::SendTargets(std::string what, CmdSn cmd_sn, StatSn exp_stat_sn,
			 std::size_t max_text_length)
    : what_(std::move(what)), cmd_sn_(cmd_sn), exp_stat_sn_(exp_stat_sn), text_(max_text_length)
{
}

SendTargets::Step SendTargets::start()
{
	TextRequest request;

	request.immediate = true;
	request.itt = text_itt;
	request.cmd_sn = cmd_sn_;
	request.exp_stat_sn = exp_stat_sn_;
	request.text = encode_text(std::vector<KeyValue>{{"SendTargets", what_}});
	return encode(request);
}

SendTargets::Step SendTargets::receive(const Pdu &pdu)
{
	auto decoded = decode(pdu);
	if (!decoded)
		return decoded.error();
	if (auto *response = std::get_if<TextResponse>(&*decoded))
		return take(*response);
	if (auto *nop = std::get_if<NopIn>(&*decoded)) {
		// A ping of the target; it does not advance StatSN (RFC 7143, 11.19.2).
		if (nop->ttt == reserved_ttt)
			return Wait{};
		NopOut answer;
		answer.lun = nop->lun;
		answer.ttt = nop->ttt;
		answer.cmd_sn = cmd_sn_;
		answer.exp_stat_sn = exp_stat_sn_;
		return encode(answer);
	}
	if (auto *async = std::get_if<AsyncMessage>(&*decoded))
		return Error{Code::try_again,
			     str("the target ended discovery with asynchronous event ",
				 unsigned{async->event})};
	if (auto *rejected = std::get_if<RejectPdu>(&*decoded))
		return violation(
		    str("the target rejected SendTargets: ", reject_reason_text(rejected->reason),
			" (reason ", unsigned{rejected->reason}, ")"));
	return violation(str("the target sent opcode ", unsigned{pdu.bhs[0]} & 0x3f,
			     " in answer to SendTargets"));
}

SendTargets::Step SendTargets::take(const TextResponse &response)
{
	if (response.itt != text_itt)
		return violation(str("the target answered task tag ", response.itt.value, ", not ",
				     text_itt.value));
	if (response.stat_sn != exp_stat_sn_)
		return violation(str("the target sent StatSN ", response.stat_sn.value, ", not ",
				     exp_stat_sn_.value));
	exp_stat_sn_ = next(response.stat_sn);

	auto pairs = text_.feed(response.text);
	if (!pairs)
		return pairs.error();
	for (const auto &pair : *pairs)
		reader_.take(pair);
	if (response.final) {
		if (auto ok = text_.finish(); !ok)
			return ok.error();
		return reader_.finish();
	}

	empty_responses_ = response.text.empty() ? empty_responses_ + 1 : 0;
	if (empty_responses_ > max_empty_responses)
		return violation(str("the target sent ", empty_responses_,
				     " empty responses to SendTargets in a row"));
	TextRequest request;
	request.immediate = true;
	request.lun = response.lun;
	request.itt = text_itt;
	request.ttt = response.ttt;
	request.cmd_sn = cmd_sn_;
	request.exp_stat_sn = exp_stat_sn_;
	return encode(request);
}

} // namespace hawser
