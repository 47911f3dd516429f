/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who this initiator is, and the key that its secrets are encrypted under. */
#include "base/str.h"
#include "cli/modes.h"
#include "cli/output.h"
#include "config/rekey.h"

#include <nlohmann/json.hpp>

namespace hawser::cli
{

namespace
{

constexpr std::string_view name_key = "initiator.name";
constexpr std::string_view alias_key = "initiator.alias";

void update(Context &context, const Options &options)
{
	if (options.settings.empty())
		return context.tell({Code::invalid_argument, "update requires name and value"});
	config::IdentityChange change;
	for (const auto &[key, value] : options.settings) {
		if (key == name_key)
			change.name = value;
		else if (key == alias_key)
			change.alias = value;
		else
			return context.tell(
			    {Code::invalid_argument,
			     str("cannot set ", hawser::quoted(key), ": the initiator has ",
				 name_key, " and ", alias_key)});
	}
	if (auto set = config::change_identity(context.store.paths(), change); !set)
		return context.tell(set.error());
	/* Writes the name that an asterisk asks for. */
	if (auto identity = context.store.identity(); !identity)
		return context.tell(identity.error());
	auto live = context.sessions.sessions();
	if (live && !live->empty())
		context.warn(
		    str("sessions keep what they logged in with until they are logged out: ",
			live->size(), " live now"));
}

void show(Context &context, const Options &options)
{
	auto identity = context.store.identity();
	/* Others than root may see the name, which is in a file for all to read. */
	if (!identity && identity.error().code == Code::no_permission)
		if (auto read = config::read_identity(context.store.paths()))
			identity = std::move(*read);
	if (!identity)
		return context.tell(identity.error());
	const auto &follows = identity->follows_host;
	if (options.json)
		return print_json(context.out,
				  {{"name", identity->name},
				   {"alias", identity->alias},
				   {"follows_host", follows ? nlohmann::ordered_json(*follows)
							    : nlohmann::ordered_json()}});
	const auto shown = [](const std::string &value) {
		return value.empty() ? empty_value : std::string_view(value);
	};
	context.out << "# BEGIN RECORD " << HAWSER_VERSION << '\n'
		    << name_key << " = " << shown(identity->name) << '\n'
		    << alias_key << " = " << shown(identity->alias) << '\n';
	if (follows)
		context.out << "initiator.follows_host = " << (*follows ? "Yes" : "No") << '\n';
	context.out << "# END RECORD\n";
}

} // namespace

void run_initiator_mode(Context &context, const Options &options)
{
	switch (options.op().value_or(Op::show)) {
	case Op::show:
		return show(context, options);
	case Op::update:
		return update(context, options);
	default:
		return context.tell(
		    {Code::invalid_argument,
		     "initiator mode: there is one initiator; it is shown (-o show) "
		     "and changed (-o update)"});
	}
}

void run_new_key(Context &context, const Options &options)
{
	auto report = config::rekey(context.store.paths(), context.store.secrets());
	if (!report)
		return context.tell(report.error());
	if (options.json)
		return print_json(context.out, {{"key", report->key},
						{"place", report->place},
						{"secrets", report->secrets},
						{"files", report->files}});
	context.out << "Secrets are encrypted under key " << report->key << " (" << report->place
		    << ") now: " << report->secrets << " in " << report->files
		    << " files were encrypted anew.\n";
}

} // namespace hawser::cli
