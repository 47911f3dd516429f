/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/identity.h"

#include "base/coding.h"
#include "base/str.h"
#include "config/ini.h"
#include "config/utf8.h"
#include "iscsi/names.h"

#include <array>
#include <nlohmann/json.hpp>
#include <openssl/rand.h>
#include <unistd.h>

namespace hawser::config
{

namespace
{

constexpr std::string_view name_prefix = "iqn.2026-11.io.hawser:";
constexpr std::size_t suffix_bytes = 6;
constexpr int state_format = 1;
constexpr std::string_view file_name = "initiatorname.hawser";
constexpr mode_t file_mode = 0644; // a name is no secret

/* What is drawn once for this machine, and the name last made from the host's. */
struct Drawn {
	std::string suffix;
	std::uint32_t isid_random = 0;
	std::string made_name;
};

Result<std::optional<Drawn>> read_drawn(const Paths &paths)
{
	const std::string path = paths.initiator_state();
	auto text = read_file(path, 65536);
	if (!text)
		return tl::unexpected(text.error());
	if (!*text)
		return std::nullopt;
	const auto json = nlohmann::json::parse(**text, nullptr, false);
	auto field = [&](const char *name) -> std::string {
		if (!json.is_object() || !json.contains(name) || !json[name].is_string())
			return {};
		return json[name].get<std::string>();
	};
	Drawn drawn{field("suffix"), 0, field("made_name")};
	const auto random = parse_number(field("isid_random"));
	const auto suffix = hex_decode(drawn.suffix);
	if (!suffix || suffix->size() != suffix_bytes || !random || *random > 0xffffff)
		return fail(Code::record_failed,
			    str(path,
				" is damaged; without it the ISIDs of this machine would change. "
				"Put it back from a backup, or remove it to draw new ones"));
	drawn.isid_random = static_cast<std::uint32_t>(*random);
	return drawn;
}

Status write_drawn(const Paths &paths, const Drawn &drawn)
{
	const Isid isid = Isid::from_random(drawn.isid_random, 0);
	const nlohmann::json json = {
	    {"format", state_format},
	    {"suffix", drawn.suffix},
	    {"isid_random", str("0x", hex_encode(std::span(isid.bytes).subspan(1, 3)))},
	    {"made_name", drawn.made_name},
	};
	return write_file(paths.state_dir, "initiator.json", json.dump(1, '\t') + "\n");
}

Result<Drawn> draw()
{
	std::array<std::uint8_t, suffix_bytes + 3> random;
	if (RAND_bytes(random.data(), random.size()) != 1)
		return fail(Code::internal, "libcrypto has no random numbers");
	const auto isid = std::span(random).last(3);
	return Drawn{hex_encode(std::span(random).first(suffix_bytes)),
		     static_cast<std::uint32_t>(isid[0] << 16 | isid[1] << 8 | isid[2]),
		     {}};
}

constexpr std::string_view file_text =
    "# The iSCSI name of this initiator, as targets know it. It was made from the\n"
    "# host's name and follows it until another name is put here; * asks for a name\n"
    "# made from the host's again. The service reads it when it starts.\n";

/* @text with its line of @key replaced, removed for ""; other lines stay as they are. */
std::string with_line(std::string_view text, std::string_view key, std::string_view value)
{
	std::string out;
	bool placed = value.empty();
	for (auto line : split(text, '\n')) {
		const auto sign = line.find('=');
		const bool names =
		    sign != std::string_view::npos && trim(line.substr(0, sign)) == key;
		if (names && placed)
			continue;
		append(out, names ? str(key, "=", value) : std::string(line));
		append(out, '\n');
		placed = placed || names;
	}
	while (out.ends_with("\n\n"))
		out.pop_back();
	if (!placed)
		append(out, str(key, "=", value, "\n"));
	return out;
}

Status check_alias(std::string_view alias)
{
	if (alias.size() > max_alias_bytes)
		return fail(Code::invalid_argument, str("the initiator's alias is longer than ",
							max_alias_bytes, " bytes"));
	if (!is_plain_text(alias))
		return fail(Code::invalid_argument,
			    "the initiator's alias is not UTF-8 without control characters");
	return {};
}

Result<std::string> read_text(const Paths &paths)
{
	auto text = read_file(paths.initiator_name(), 65536);
	if (!text)
		return tl::unexpected(text.error());
	return text->value_or(std::string(file_text));
}

} // namespace

Result<Identity> load_identity(const Paths &paths, const std::string &host_name)
{
	auto lock = WriteLock::take(paths.state_dir, paths.lock());
	if (!lock)
		return tl::unexpected(lock.error());
	return load_identity(paths, host_name, *lock);
}

Result<Identity> load_identity(const Paths &paths, const std::string &host_name, const WriteLock &)
{
	auto drawn = read_drawn(paths);
	if (!drawn)
		return tl::unexpected(drawn.error());
	bool changed = false;
	if (!*drawn) {
		auto fresh = draw();
		if (!fresh)
			return tl::unexpected(fresh.error());
		*drawn = std::move(*fresh);
		changed = true;
	}
	auto text = read_file(paths.initiator_name(), 65536);
	if (!text)
		return tl::unexpected(text.error());
	const IniFile file = parse_ini(text->value_or(""));
	const std::string *set = file.find("InitiatorName");
	const std::string *alias = file.find("InitiatorAlias");
	/* The damaged line may be the name, and another one in its place would open no door. */
	if (!set && !file.problems.empty())
		return fail(Code::record_failed,
			    str(paths.initiator_name(), " line ", file.problems.front().line,
				" is damaged (", file.problems.front().text,
				"), and there is no InitiatorName besides"));
	Identity identity{{}, alias ? *alias : "", (*drawn)->isid_random, false};
	if (auto checked = check_alias(identity.alias); !checked)
		return fail(checked.error().code,
			    str(paths.initiator_name(), ": ", checked.error().text));

	if (set && !set->empty() && *set != "*" && *set != (*drawn)->made_name) {
		auto prepared = prepare_name(*set);
		if (!prepared)
			return fail(prepared.error().code,
				    str(paths.initiator_name(), ": ", prepared.error().text));
		identity.name = std::move(*prepared);
	} else {
		identity.name = name_from_host(host_name, (*drawn)->suffix);
		identity.follows_host = true;
		if (identity.name != (*drawn)->made_name) {
			(*drawn)->made_name = identity.name;
			changed = true;
		}
	}
	/* The state first: a name in the file that it does not know counts as set by hand. */
	if (changed)
		if (auto written = write_drawn(paths, **drawn); !written)
			return tl::unexpected(written.error());
	if (!set || (*set != identity.name && identity.name == (*drawn)->made_name)) {
		auto written = write_file(paths.config_dir, std::string(file_name),
					  with_line(text->value_or(std::string(file_text)),
						    "InitiatorName", identity.name),
					  file_mode);
		if (!written)
			return tl::unexpected(written.error());
	}
	return identity;
}

Result<Identity> read_identity(const Paths &paths)
{
	auto text = read_file(paths.initiator_name(), 65536);
	if (!text)
		return tl::unexpected(text.error());
	const IniFile file = parse_ini(text->value_or(""));
	const std::string *name = file.find("InitiatorName");
	const std::string *alias = file.find("InitiatorAlias");
	Identity identity;
	if (name && *name != "*")
		identity.name = *name;
	if (alias)
		identity.alias = *alias;
	return identity;
}

Status change_identity(const Paths &paths, const IdentityChange &change)
{
	std::optional<std::string> name = change.name;
	if (name && *name != "*") {
		auto prepared = prepare_name(*name);
		if (!prepared)
			return tl::unexpected(prepared.error());
		name = std::move(*prepared);
	}
	if (change.alias)
		if (auto checked = check_alias(*change.alias); !checked)
			return checked;
	auto lock = WriteLock::take(paths.state_dir, paths.lock());
	if (!lock)
		return tl::unexpected(lock.error());
	auto text = read_text(paths);
	if (!text)
		return tl::unexpected(text.error());
	if (name)
		*text = with_line(*text, "InitiatorName", *name);
	if (change.alias)
		*text = with_line(*text, "InitiatorAlias", *change.alias);
	return write_file(paths.config_dir, std::string(file_name), *text, file_mode);
}

std::string host_name()
{
	char buffer[256] = {};
	if (::gethostname(buffer, sizeof buffer - 1) != 0 || buffer[0] == '\0')
		return "localhost";
	return buffer;
}

std::string name_from_host(std::string_view host, std::string_view suffix)
{
	std::string name(name_prefix);
	const std::size_t room = max_name_length - name_prefix.size() - suffix.size() - 1;
	for (char c : to_lower(host).substr(0, room)) {
		const bool legal =
		    (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
		name += legal ? c : '-';
	}
	return str(name, "-", suffix);
}

} // namespace hawser::config
