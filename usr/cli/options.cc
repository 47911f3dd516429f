/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/options.h"

#include "base/str.h"
#include "hawser/hawser.h"
#include "iscsi/address.h"
#include "isns/message.h"

#include <algorithm>
#include <filesystem>
#include <getopt.h>

namespace hawser::cli
{

namespace
{

enum Long {
	opt_json = 256,
	opt_cid,
	opt_function,
	opt_lun,
	opt_import,
	opt_hidden,
	opt_persistent,
	opt_new_key,
	opt_secret_prompt,
	opt_secret_fd
};

constexpr option long_options[] = {
    {"mode", required_argument, nullptr, 'm'},
    {"portal", required_argument, nullptr, 'p'},
    {"targetname", required_argument, nullptr, 'T'},
    {"interface", required_argument, nullptr, 'I'},
    {"op", required_argument, nullptr, 'o'},
    {"type", required_argument, nullptr, 't'},
    {"name", required_argument, nullptr, 'n'},
    {"value", required_argument, nullptr, 'v'},
    {"host", required_argument, nullptr, 'H'},
    {"sid", required_argument, nullptr, 'r'},
    {"rescan", no_argument, nullptr, 'R'},
    {"print", required_argument, nullptr, 'P'},
    {"discover", no_argument, nullptr, 'D'},
    {"login", no_argument, nullptr, 'l'},
    {"loginall", required_argument, nullptr, 'L'},
    {"logout", no_argument, nullptr, 'u'},
    {"logoutall", required_argument, nullptr, 'U'},
    {"no_wait", no_argument, nullptr, 'W'},
    {"stats", no_argument, nullptr, 's'},
    {"show", no_argument, nullptr, 'S'},
    {"killiscsid", required_argument, nullptr, 'k'},
    {"debug", required_argument, nullptr, 'd'},
    {"submode", required_argument, nullptr, 'C'},
    {"ip", required_argument, nullptr, 'a'},
    {"packetsize", required_argument, nullptr, 'b'},
    {"count", required_argument, nullptr, 'c'},
    {"interval", required_argument, nullptr, 'i'},
    {"index", required_argument, nullptr, 'x'},
    {"portal_type", required_argument, nullptr, 'A'},
    {"version", no_argument, nullptr, 'V'},
    {"help", no_argument, nullptr, 'h'},
    {"json", no_argument, nullptr, opt_json},
    {"cid", required_argument, nullptr, opt_cid},
    {"function", required_argument, nullptr, opt_function},
    {"lun", required_argument, nullptr, opt_lun},
    {"import", optional_argument, nullptr, opt_import},
    {"hidden", optional_argument, nullptr, opt_hidden},
    {"persistent", optional_argument, nullptr, opt_persistent},
    {"new-key", no_argument, nullptr, opt_new_key},
    {"secret-prompt", no_argument, nullptr, opt_secret_prompt},
    {"secret-fd", required_argument, nullptr, opt_secret_fd},
    {},
};

constexpr const char *short_options = ":m:p:T:I:o:t:n:v:H:r:RP:DlL:uU:WsSk:d:C:a:b:c:i:x:A:Vh";

struct ModeRow {
	std::string_view name;
	Mode mode;
	std::string_view options; // the short ones that it takes
};

constexpr ModeRow modes[] = {
    {"discovery", Mode::discovery, "PoIlDptWSdmnv"},
    {"discoverydb", Mode::discoverydb, "DSIPdmntplovW"},
    {"node", Mode::node, "RsPIdmlSonvupTULW"},
    {"session", Mode::session, "PidmrRusonvSCbc"},
    {"connection", Mode::connection, "dmropInv"},
    {"fw", Mode::fw, "dmlnvWI"},
    {"iface", Mode::iface, "IdnvmPoHCabci"},
    {"host", Mode::host, "CHdmPotnvxA"},
    {"initiator", Mode::initiator, "dmonv"},
};

tl::unexpected<Error> refuse(std::string text)
{
	return fail(Code::invalid_argument, std::move(text));
}

tl::unexpected<Error> unsupported(std::string text)
{
	return fail(Code::not_supported, std::move(text));
}

std::string shown(int letter)
{
	for (const auto &row : long_options)
		if (row.val == letter && letter >= 256)
			return str("--", row.name);
	return str("-", static_cast<char>(letter));
}

template <class T>
Result<T> number_option(int letter, std::string_view text, std::uint64_t min, std::uint64_t max)
{
	const auto number = parse_number(text);
	if (!number || *number < min || *number > max)
		return refuse(str(shown(letter), ": ", hawser::quoted(text), " is not a number of ",
				  min, " to ", max));
	return static_cast<T>(*number);
}

/* The number of a session<number> that the path leads through. */
std::optional<std::uint32_t> sid_in(std::string_view path)
{
	for (auto part : split(path, '/')) {
		if (!part.starts_with("session"))
			continue;
		if (const auto number = parse_number(part.substr(7));
		    number && *number <= UINT32_MAX)
			return static_cast<std::uint32_t>(*number);
	}
	return std::nullopt;
}

/* A session's number, or a path in sysfs with session<number> in it, itself or by its links. */
Result<std::uint32_t> parse_sid(std::string_view text)
{
	if (const auto number = parse_number(text); number && *number <= UINT32_MAX)
		return static_cast<std::uint32_t>(*number);
	if (text.find('/') != std::string_view::npos) {
		if (const auto sid = sid_in(text))
			return *sid;
		std::error_code none;
		const auto real = std::filesystem::canonical(std::string(text), none);
		if (const auto sid = none ? std::nullopt : sid_in(real.native()))
			return *sid;
	}
	return refuse(str(hawser::quoted(text), " is an invalid session ID or path"));
}

Result<PortalOption> parse_portal_option(std::string_view text, std::uint16_t default_number)
{
	auto portal = parse_portal(text, default_number);
	if (!portal)
		return tl::unexpected(portal.error());
	PortalOption option{{portal->address.host, portal->address.port}, {}};
	if (portal->tpgt)
		option.tpgt = portal->tpgt->value;
	return option;
}

Result<Op> parse_op(std::string_view text)
{
	if (text == "new")
		return Op::add;
	if (text == "delete")
		return Op::remove;
	if (text == "update")
		return Op::update;
	if (text == "show")
		return Op::show;
	if (text == "nonpersistent")
		return Op::nonpersistent;
	if (text == "apply" || text == "applyall" || text == "login" || text == "logout")
		return unsupported(
		    str("operation ", text, " is for adapters that do iSCSI themselves"));
	return refuse(str("can not recognize operation: ", hawser::quoted(text)));
}

Result<Mode> parse_mode(std::string_view text)
{
	for (const auto &row : modes)
		if (row.name == text)
			return row.mode;
	return refuse(str(
	    "unknown mode ", hawser::quoted(text),
	    ": it is one of discovery, discoverydb, node, session, connection, fw, iface, host, "
	    "initiator"));
}

/* --hidden is --hidden=yes. */
Result<bool> yes_or_no(int letter, std::string_view word)
{
	if (word.empty() || equals_nocase(word, "yes"))
		return true;
	if (equals_nocase(word, "no"))
		return false;
	return refuse(str(shown(letter), ": ", hawser::quoted(word), " is neither yes nor no"));
}

Status check_startup_word(int letter, std::string_view word)
{
	for (std::string_view legal : {"all", "manual", "automatic", "onboot"})
		if (word == legal)
			return {};
	return refuse(str(shown(letter), ": ", hawser::quoted(word),
			  " is none of all, manual, automatic, onboot"));
}

/* What -n and -v gave so far; a name waits for its value. */
struct Pairs {
	std::optional<std::string> name;
	std::optional<std::string> value;
	std::optional<std::optional<int>> secret; // the value is read from here

	void take(Options &options)
	{
		if (!name || !value)
			return;
		if (secret)
			options.secrets.push_back({options.settings.size(), *secret});
		secret.reset();
		options.settings.emplace_back(std::move(*name), std::move(*value));
		name.reset();
		value.reset();
	}
};

/* What getopt_long() took for none: a letter, in whichever word it stands, or else @word. */
std::string refused_option(const char *word)
{
	const bool letter = ::optopt > 0 && ::optopt < 256 &&
			    std::string_view(short_options).find(static_cast<char>(::optopt)) ==
				std::string_view::npos;
	return letter ? str('-', static_cast<char>(::optopt)) : std::string(word);
}

class Parser
{
public:
	Result<Options> parse(const std::vector<std::string> &arguments)
	{
		std::vector<std::string> storage = arguments;
		storage.insert(storage.begin(), "hawseradm");
		std::vector<char *> argv;
		argv.reserve(storage.size() + 1);
		for (auto &argument : storage)
			argv.push_back(argument.data());
		argv.push_back(nullptr);
		const int argc = static_cast<int>(storage.size());

		::optind = 0; // begin anew: tests parse many lines
		::opterr = 0;
		for (;;) {
			const int letter =
			    ::getopt_long(argc, argv.data(), short_options, long_options, nullptr);
			if (letter == -1)
				break;
			if (letter == ':')
				return refuse(str("option ", argv[::optind - 1], " needs a value"));
			if (letter == '?')
				return refuse(
				    str("unknown or ambiguous option ",
					hawser::quoted(refused_option(argv[::optind - 1]))));
			seen_.push_back(letter);
			if (auto taken = take(letter, ::optarg ? ::optarg : ""); !taken)
				return tl::unexpected(taken.error());
		}
		if (::optind < argc)
			return refuse(str("unexpected argument ", hawser::quoted(argv[::optind])));
		if (auto checked = check(); !checked)
			return tl::unexpected(checked.error());
		take_first_iface();
		/* The type may stand behind the portal: only now is its port known. */
		if (options_.type == "isns" && options_.portal)
			if (auto taken = store(options_.portal,
					       parse_portal_option(portal_, isns::default_port));
			    !taken)
				return tl::unexpected(taken.error());
		return std::move(options_);
	}

private:
	Status take(int letter, const std::string &value)
	{
		switch (letter) {
		case 'm':
			return store(options_.mode, parse_mode(value));
		case 'p':
			portal_ = value;
			return store(options_.portal, parse_portal_option(value, default_port));
		case 'r':
			return store(options_.sid, parse_sid(value));
		case 'o':
			return add_op(value);
		case 'T':
			options_.target = value;
			break;
		case 'I':
			if (auto checked = config::check_iface_name(value); !checked)
				return checked;
			options_.ifaces.push_back(value);
			break;
		case 't':
			options_.type = value;
			break;
		case 'n':
			if (pairs_.name)
				return refuse(str("name ", hawser::quoted(*pairs_.name),
						  " has no value (-v)"));
			pairs_.name = value;
			pairs_.take(options_);
			break;
		case 'v':
			if (pairs_.value)
				return refuse("two values (-v) and no name (-n) between them");
			pairs_.value = value;
			pairs_.take(options_);
			break;
		case opt_secret_prompt:
			return take_secret(std::nullopt);
		case opt_secret_fd: {
			auto fd = number_option<int>(letter, value, 0, 65535);
			if (!fd)
				return tl::unexpected(fd.error());
			return take_secret(*fd);
		}
		case 'H':
			return store(options_.host,
				     number_option<std::uint32_t>(letter, value, 0, UINT32_MAX));
		case 'P':
			return store(options_.print_level, number_option<int>(letter, value, 0, 4));
		case 'L':
			options_.login_all = value;
			return check_startup_word(letter, value);
		case 'U':
			options_.logout_all = value;
			return check_startup_word(letter, value);
		case 'R':
			options_.rescan = true;
			break;
		case 'D':
			options_.discover = true;
			break;
		case 'l':
			options_.login = true;
			break;
		case 'u':
			options_.logout = true;
			break;
		case 'W':
			options_.no_wait = true;
			break;
		case 's':
			options_.stats = true;
			break;
		case 'C':
			if (value == "ping")
				options_.ping = true;
			else if (value == "sendtargets")
				options_.send_targets = true;
			else if (value == "tmf")
				options_.task_management = true;
			else
				return unsupported(str("submode ", hawser::quoted(value),
						       " is not supported: ping, sendtargets "
						       "and tmf are"));
			break;
		case 'b':
			return store(options_.ping_size,
				     number_option<std::uint32_t>(letter, value, 0, HWS_PING_MAX));
		case 'c':
			return store(options_.ping_count,
				     number_option<std::uint32_t>(letter, value, 1, 1000000));
		case 'i':
			return store(options_.ping_interval,
				     number_option<std::uint32_t>(letter, value, 0, 3600));
		case 'd':
			return number_option<int>(letter, value, 0, 8).map([](int) {});
		case 'S':
			return unsupported("-S: secrets are never shown");
		case 'k':
			return unsupported(
			    "-k: the service is stopped with `systemctl stop hawserd`");
		case 'a':
			return unsupported(
			    "-a: ping a session's target with -m session -r SID -C ping");
		case 'x':
		case 'A':
			return unsupported(
			    str(shown(letter), ": is for adapters that do iSCSI themselves"));
		case opt_json:
			options_.json = true;
			break;
		case opt_cid:
			return store(options_.cid,
				     number_option<std::uint16_t>(letter, value, 0, 65535));
		case opt_function: {
			auto function = parse_task_management_function(value);
			if (!function)
				return refuse(str(shown(letter), ": ", function.error().text));
			options_.function = *function;
			break;
		}
		case opt_lun: // a number of io.hawser has 63 bits
			return store(options_.lun,
				     number_option<std::uint64_t>(letter, value, 0, INT64_MAX)
					 .map([](std::uint64_t number) { return Lun(number); }));
		case opt_import:
			options_.import_from = value.empty() ? "/etc/iscsi" : value;
			break;
		case opt_hidden:
			return store(options_.hidden, yes_or_no(letter, value));
		case opt_persistent:
			return store(options_.persistent, yes_or_no(letter, value));
		case opt_new_key:
			options_.new_key = true;
			break;
		case 'V':
			options_.version = true;
			break;
		case 'h':
			options_.help = true;
			break;
		}
		return {};
	}

	template <class To, class From> Status store(To &to, Result<From> from)
	{
		if (!from)
			return tl::unexpected(from.error());
		to = std::move(*from);
		return {};
	}

	/* In the place of -v: the value is read when the whole line has been understood. */
	Status take_secret(std::optional<int> fd)
	{
		if (pairs_.value)
			return refuse("two values (-v) and no name (-n) between them");
		pairs_.value = "";
		pairs_.secret = fd;
		pairs_.take(options_);
		return {};
	}

	Status add_op(const std::string &value)
	{
		auto op = parse_op(value);
		if (!op)
			return tl::unexpected(op.error());
		if (!options_.has(*op))
			options_.ops.push_back(*op);
		return {};
	}

	Status check() const
	{
		if (options_.help || options_.version)
			return {};
		/* iscsiadm shows whole records, and deletes them, whatever name is given. */
		const bool sets = options_.has(Op::add) || options_.has(Op::update) ||
				  options_.login || options_.discover || options_.login_all ||
				  options_.mode == Mode::connection;
		if (pairs_.name && sets)
			return refuse(
			    str("name ", hawser::quoted(*pairs_.name), " has no value (-v)"));
		/* It may be a secret, which only its name tells. */
		if (pairs_.value)
			return refuse("a value (-v) has no name (-n)");
		for (int alone : {opt_import, opt_new_key}) {
			if (std::find(seen_.begin(), seen_.end(), alone) == seen_.end())
				continue;
			for (int letter : seen_)
				if (letter != alone && letter != opt_json && letter != 'd')
					return refuse(str(shown(alone), ": option ", shown(letter),
							  " does not go with it"));
			return {};
		}
		if (options_.mode == Mode::none)
			return refuse("no mode (-m): try `hawseradm --help' for more information");
		const auto &row =
		    *std::find_if(std::begin(modes), std::end(modes),
				  [&](const auto &m) { return m.mode == options_.mode; });
		for (int letter : seen_) {
			const bool fits =
			    letter == opt_json || letter == opt_secret_prompt ||
			    letter == opt_secret_fd ||
			    (letter == opt_cid && (options_.mode == Mode::session ||
						   options_.mode == Mode::connection)) ||
			    ((letter == opt_function || letter == opt_lun) &&
			     options_.mode == Mode::session) ||
			    ((letter == opt_hidden || letter == opt_persistent) &&
			     options_.mode == Mode::node) ||
			    (letter < 256 &&
			     row.options.find(static_cast<char>(letter)) != std::string_view::npos);
			if (!fits)
				return refuse(str(row.name, " mode: option '", shown(letter),
						  "' is not allowed/supported"));
		}
		return check_together();
	}

	/* Discovery alone makes records through several. */
	void take_first_iface()
	{
		const bool several = options_.mode == Mode::discovery ||
				     options_.mode == Mode::discoverydb ||
				     options_.mode == Mode::fw;
		if (several || options_.ifaces.size() < 2)
			return;
		options_.warnings.push_back(
		    str("-I: one interface at a time, the first is ", options_.ifaces.front()));
		options_.ifaces.resize(1);
	}

	/* What belongs to one action alone. */
	Status check_together() const
	{
		int actions = options_.login + options_.logout + options_.rescan + options_.stats +
			      options_.ping + options_.send_targets + options_.task_management +
			      options_.login_all.has_value() + options_.logout_all.has_value();
		const bool discovers =
		    options_.mode == Mode::discovery || options_.mode == Mode::discoverydb;
		if (options_.login && options_.logout)
			return refuse("Invalid parameters. Both login and logout passed in");
		if (actions > 1)
			return refuse("Invalid parameters. One of login, logout, rescan, stats, "
				      "ping, sendtargets and tmf at a time");
		if (actions > 0 && !options_.ops.empty() && !discovers)
			return refuse("Invalid parameters. An action (login, logout, ...) and an "
				      "operation (-o) passed in");
		if (options_.ops.size() > 1 && !discovers)
			return refuse("Invalid parameters. More than one operation (-o) passed in");
		if (options_.persistent && !options_.has(Op::add))
			return refuse("--persistent: goes with -o new");
		if (options_.hidden == false && !options_.has(Op::add))
			return refuse("--hidden=no: goes with -o new");
		if (options_.hidden && options_.target && !options_.has(Op::add))
			return refuse("--hidden: a target that is named (-T) is found anyway");
		if (options_.cid && !options_.ping && !options_.send_targets &&
		    !options_.task_management && options_.mode != Mode::connection)
			return refuse("--cid: goes with -C ping, -C sendtargets and -C tmf");
		if (options_.send_targets && options_.mode != Mode::session)
			return refuse("-C sendtargets: goes with -m session");
		if (auto checked = check_task_management(); !checked)
			return checked;
		if (options_.has(Op::nonpersistent) && !discovers)
			return refuse("operation nonpersistent is for discovery");
		return {};
	}

	Status check_task_management() const
	{
		if (!options_.task_management && (options_.function || options_.lun))
			return refuse(
			    str(options_.function ? "--function" : "--lun", ": goes with -C tmf"));
		if (!options_.task_management)
			return {};
		if (options_.mode != Mode::session)
			return refuse("-C tmf: goes with -m session");
		if (!options_.function)
			return refuse("-C tmf: needs a function (--function)");
		if (auto checked = check_lun(*options_.function, options_.lun); !checked)
			return refuse(str("--lun: ", checked.error().text));
		return {};
	}

	Options options_;
	std::string portal_; // as typed
	Pairs pairs_;
	std::vector<int> seen_;
};

} // namespace

bool Options::has(Op op) const
{
	return std::find(ops.begin(), ops.end(), op) != ops.end();
}

std::optional<Op> Options::op() const
{
	return ops.empty() ? std::nullopt : std::optional(ops.front());
}

Result<Options> parse_options(const std::vector<std::string> &arguments)
{
	return Parser().parse(arguments);
}

} // namespace hawser::cli
