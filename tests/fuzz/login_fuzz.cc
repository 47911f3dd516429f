/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whole scripts of a target against the login machine. The first byte chooses the
 * kind of login. Then follow responses: a byte of how (1: a raw header of 48 bytes follows;
 * 2: a status follows; 4: the right CHAP response is added to the text; 8: the TSIH is 0; 16:
 * another one; the highest three bits: how far the StatSN is off), the byte of T, C, CSG and
 * NSG, the length of the text in two bytes, and the text. What is not raw is filled in so that the
 * script gets far: task tag, StatSN, TSIH.
 *
 * With 255 first it is a key, by number, and two values of it, each behind its length; with 254 a
 * status.
 *
 * However it goes: the machine ends, its requests keep the rules, what it reports is in the RFC's
 * ranges and no more than was offered, and no one is authenticated without the secret.
 *
 * Planted: the StatSN of a response is not looked at.
 */
#include "chap_target.h"
#include "input.h"
#include "iscsi/login.h"
#include "iscsi/offer.h"

#include <set>

using namespace hawser;

namespace
{

constexpr unsigned kinds = 8;

LoginConfig make_config(unsigned kind)
{
	LoginConfig config;

	config.initiator_name = "iqn.2026-01.com.example:host";
	config.target_name = "iqn.2026-01.com.example:disk";
	config.isid = Isid::from_random(1, 1);
	config.max_exchanges = 24;
	config.offer.header_digest = {Digest::crc32c, Digest::none};
	config.offer.max_connections = 8;
	config.offer.error_recovery_level = 2;
	config.offer.task_reporting = {TaskReporting::response_fence, TaskReporting::rfc3720};
	config.offer.iscsi_protocol_level = 2;
	config.chap.secret = Secret("initiator-secret");
	switch (kind) {
	case 0:
		break;
	case 1:
		config.discovery = true;
		config.target_name.clear();
		break;
	case 2:
		config.tsih = Tsih{1};
		config.cid = Cid{2};
		break;
	case 3:
		config.auth_methods = {AuthMethod::chap};
		break;
	case 4:
		config.auth_methods = {AuthMethod::chap, AuthMethod::none};
		config.chap.target_secret = Secret("target-secret-16");
		break;
	case 5:
		config.auth_methods = {AuthMethod::none, AuthMethod::chap};
		config.initiator_alias = "a host";
		config.expected_tpgt = Tpgt{1};
		break;
	case 6: // offers that no answer changes
		config.offer = OperationalOffer();
		config.offer.initial_r2t = true;
		config.offer.immediate_data = false;
		break;
	case 7:
		config.offer.max_outstanding_r2t = 4;
		config.offer.data_pdu_in_order = false;
		config.offer.data_sequence_in_order = false;
		config.offer.task_reporting = {TaskReporting::fast_abort,
					       TaskReporting::response_fence,
					       TaskReporting::rfc3720};
		config.max_text_length = 1024;
		break;
	}
	REQUIRE_FUZZ(check(config));
	return config;
}

/* Made once: a secret costs a mapping. */
const LoginConfig &config_for(unsigned kind)
{
	static const std::vector<LoginConfig> all = [] {
		std::vector<LoginConfig> made;
		for (unsigned i = 0; i < kinds; i++)
			made.push_back(make_config(i));
		return made;
	}();

	return all[kind % kinds];
}

void put32(Bhs &bhs, std::size_t at, std::uint32_t value)
{
	for (std::size_t i = 0; i < 4; i++)
		bhs[at + i] = static_cast<std::uint8_t>(value >> (24 - 8 * i));
}

std::uint32_t get32(const Bhs &bhs, std::size_t at)
{
	std::uint32_t value = 0;

	for (std::size_t i = 0; i < 4; i++)
		value = value << 8 | bhs[at + i];
	return value;
}

/* The target's side: what it has heard, and whether it kept the rules. */
class Target
{
public:
	Target(fuzz::Input &input, const LoginConfig &config) : input_(input), config_(config) {}

	/* A request must keep the RFC's rules whatever was said before. */
	void hear(const Pdu &request)
	{
		const auto flags = request.bhs[1];
		const unsigned csg = flags >> 2 & 3, nsg = flags & 3;

		REQUIRE_FUZZ(request.bhs[0] == 0x43); // immediate
		REQUIRE_FUZZ((flags & 0xc0) != 0xc0 && !(flags & 0x30));
		REQUIRE_FUZZ(csg == 0 || csg == 1);
		REQUIRE_FUZZ(!(flags & 0x80) || nsg == (csg ? 3 : 1));
		REQUIRE_FUZZ(get32(request.bhs, 16) == config_.itt.value);
		REQUIRE_FUZZ(get32(request.bhs, 24) == config_.cmd_sn.value);
		REQUIRE_FUZZ(!answered_ || get32(request.bhs, 28) == stat_sn_);
		REQUIRE_FUZZ(request.data.size() <= default_max_recv_data_segment_length);

		auto pairs = text_.feed(request.data);
		REQUIRE_FUZZ(pairs);
		heard_.insert(heard_.end(), pairs->begin(), pairs->end());
		if (flags & 0x40)
			return;
		REQUIRE_FUZZ(text_.finish());
		for (const auto &[key, value] : heard_)
			if (find_key(key))
				REQUIRE_FUZZ(said_by_us_.insert(key).second);
		last_ = std::exchange(heard_, {});
	}

	Pdu answer()
	{
		const unsigned how = input_.byte();
		Pdu pdu;

		if (how & 1) {
			const auto raw = input_.bytes(bhs_length);
			std::copy(raw.begin(), raw.end(), pdu.bhs.begin());
			pdu.data = input_.bytes(lengths_of(pdu.bhs).data);
			note_stat_sn(get32(pdu.bhs, 24));
			return pdu;
		}
		pdu.bhs[0] = static_cast<std::uint8_t>(Opcode::login_response);
		pdu.bhs[15] = how & 8 ? 0 : how & 16 ? 2 : 1; // TSIH
		put32(pdu.bhs, 16, config_.itt.value);
		if (how & 2) {
			pdu.bhs[36] = input_.byte();
			pdu.bhs[37] = input_.byte();
		}
		pdu.bhs[1] = input_.byte();
		put32(pdu.bhs, 24, stat_sn_ + (how >> 5));
		pdu.data = input_.bytes(input_.number16());
		if (how & 4)
			prove(pdu.data);
		put32(pdu.bhs, 4, static_cast<std::uint32_t>(pdu.data.size()));
		note_stat_sn(get32(pdu.bhs, 24));
		if (fuzz::planted && answered_ > 1)
			put32(pdu.bhs, 24, stat_sn_ - 1);
		return pdu;
	}

	bool proved() const { return proved_; }
	bool kept_stat_sn() const { return kept_stat_sn_; }

private:
	void note_stat_sn(std::uint32_t stat_sn)
	{
		if (answered_++ && stat_sn != stat_sn_)
			kept_stat_sn_ = false;
		else
			stat_sn_ = stat_sn;
		stat_sn_++;
	}

	/* Which digest it is the length of the initiator's response tells. */
	void prove(Bytes &text)
	{
		const auto *response = fuzz::find(last_, "CHAP_R");
		auto algorithm = ChapAlgorithm::md5;

		if (!response || config_.chap.target_secret.empty())
			return;
		for (auto other : {ChapAlgorithm::sha1, ChapAlgorithm::sha256})
			if (response->size() == 2 + 2 * digest_length(other))
				algorithm = other;
		const auto right = fuzz::proof(last_, algorithm, config_.chap.target_secret);
		const auto pairs = encode_text(
		    std::vector<KeyValue>{{"CHAP_N", "t"}, {"CHAP_R", encode_binary_hex(right)}});
		text.insert(text.end(), pairs.begin(), pairs.end());
		proved_ = !right.empty();
	}

	fuzz::Input &input_;
	const LoginConfig &config_;
	TextReader text_{1 << 20};
	std::vector<KeyValue> heard_, last_; // of the text under way, of the last that was whole
	std::set<std::string> said_by_us_;   // known keys: each once in a login
	std::uint32_t stat_sn_ = 7;	     // of the next response
	unsigned answered_ = 0;
	bool kept_stat_sn_ = true;
	bool proved_ = false;
};

void check_result(const LoginConfig &config, const LoginResult &result)
{
	const auto &p = result.parameters;
	const auto &offer = config.offer;
	auto within = [](auto value, auto low, auto high) { return value >= low && value <= high; };

	REQUIRE_FUZZ(result.target.tsih != Tsih{});
	REQUIRE_FUZZ(config.tsih == Tsih{} || result.target.tsih == config.tsih);
	REQUIRE_FUZZ(!config.expected_tpgt || !result.target.tpgt ||
		     *result.target.tpgt == *config.expected_tpgt);
	REQUIRE_FUZZ(p.max_recv_data_segment_length == offer.max_recv_data_segment_length);
	REQUIRE_FUZZ(within(p.max_xmit_data_segment_length, 512u, max_data_segment_length));
	REQUIRE_FUZZ(p.data_digest == Digest::none);
	if (offer.header_digest.size() == 1)
		REQUIRE_FUZZ(p.header_digest == offer.header_digest.front());
	if (config.auth_methods.size() == 1)
		REQUIRE_FUZZ(result.auth_method == config.auth_methods.front());
	REQUIRE_FUZZ(!result.target_authenticated || config.chap.mutual());
	if (config.tsih != Tsih{})
		return; // the session's own parameters hold
	REQUIRE_FUZZ(within(p.max_burst_length, 512u, offer.max_burst_length));
	REQUIRE_FUZZ(within(p.first_burst_length, 512u, p.max_burst_length));
	REQUIRE_FUZZ(within(p.max_connections, 1, offer.max_connections));
	REQUIRE_FUZZ(within(p.max_outstanding_r2t, 1, offer.max_outstanding_r2t));
	REQUIRE_FUZZ(p.error_recovery_level <= offer.error_recovery_level);
	REQUIRE_FUZZ(within(p.default_time2wait, offer.default_time2wait, 3600));
	REQUIRE_FUZZ(p.default_time2retain <= offer.default_time2retain);
	REQUIRE_FUZZ(p.data_pdu_in_order || !offer.data_pdu_in_order);
	REQUIRE_FUZZ(p.data_sequence_in_order || !offer.data_sequence_in_order);
	REQUIRE_FUZZ(config.discovery || p.initial_r2t || !offer.initial_r2t);
	REQUIRE_FUZZ(config.discovery || !p.immediate_data || offer.immediate_data);
}

std::string text_of(fuzz::Input &input)
{
	const auto bytes = input.bytes(input.byte());
	return std::string(as_text(bytes));
}

/* Two values that the sides would offer: the answer to one is one that the other side takes. */
void try_key(fuzz::Input &input)
{
	const auto keys = all_keys();
	const KeySpec &key = keys[input.byte() % keys.size()];
	const auto own = text_of(input), proposed = text_of(input);

	REQUIRE_FUZZ(find_key(key.name) == &key);
	if (!check_value(key, own) || !check_value(key, proposed))
		return;
	const auto answer = select_answer(key, own, proposed);
	if (answer == reject)
		return;
	REQUIRE_FUZZ(check_value(key, answer));
	REQUIRE_FUZZ(check_answer(key, proposed, answer));
	REQUIRE_FUZZ(check_answer(key, own, answer));
}

/* Each number of the protocol has words. */
void try_numbers(fuzz::Input &input)
{
	const LoginStatus status{input.byte(), input.byte()};

	REQUIRE_FUZZ(!to_string(status).empty());
	for (const auto &row : all_login_statuses())
		REQUIRE_FUZZ(row.status != status || describe(status).text == row.text);
	REQUIRE_FUZZ(!logout_response_text(status.status_class).empty());
	REQUIRE_FUZZ(!reject_reason_text(status.status_class).empty());
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
	fuzz::Input input(data, size);
	const unsigned kind = input.byte();
	if (kind >= 254) {
		kind == 255 ? try_key(input) : try_numbers(input);
		return 0;
	}
	const LoginConfig &config = config_for(kind);
	ChallengeBook book;
	Login login(config, book);
	Target target(input, config);
	unsigned sent = 0;

	Login::Step step = login.start();
	while (auto *request = std::get_if<Pdu>(&step)) {
		REQUIRE_FUZZ(++sent <= config.max_exchanges);
		target.hear(*request);
		if (input.empty())
			return 0;
		step = login.receive(target.answer());
	}
	if (auto *result = std::get_if<LoginResult>(&step)) {
		check_result(config, *result);
		REQUIRE_FUZZ(target.kept_stat_sn());
		REQUIRE_FUZZ(!result->target_authenticated || target.proved());
	} else if (auto *redirect = std::get_if<LoginRedirect>(&step)) {
		REQUIRE_FUZZ(!redirect->addresses.empty());
	} else {
		REQUIRE_FUZZ(!std::get<LoginFailure>(step).error.text.empty());
	}
	return 0;
}
