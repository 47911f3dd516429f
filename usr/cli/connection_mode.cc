/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The connections of live sessions: shown, added, taken out and changed. */
#include "base/str.h"
#include "cli/actions.h"
#include "cli/modes.h"
#include "config/connections.h"

#include <nlohmann/json.hpp>

namespace hawser::cli
{

namespace
{

constexpr std::string_view policy_key = "node.session.policy";

Error invalid(std::string text)
{
	return {Code::invalid_argument, std::move(text)};
}

Error told(const Error &error, std::string_view what)
{
	return {error.code, str(what, ": ", error.text)};
}

void show(Context &context, const Options &options,
	  const std::vector<kernel::SessionInfo> &sessions)
{
	const auto known = known_sessions(context);
	auto list = nlohmann::ordered_json::array();
	bool found = false;
	for (const auto &session : sessions)
		for (const auto &connection :
		     connections_of(session, status_of(known, session.sid))) {
			if (options.cid && *options.cid != connection.cid)
				continue;
			found = true;
			if (options.json)
				list.push_back(to_json(connection, session.sid));
			else
				context.out << to_string(connection, session.sid) << '\n';
		}
	if (!found)
		return context.tell(nothing_found("No matching connections found"));
	if (options.json)
		print_json(context.out, list);
}

/* What each connection of a session has of its own, in a record after node.conn[i]. */
constexpr std::string_view role_key = "role", weight_key = "weight",
			   header_digest_key = "iscsi.HeaderDigest",
			   data_digest_key = "iscsi.DataDigest";

bool is_of_connection(std::string_view name)
{
	return name == role_key || name == weight_key;
}

/* @value of connection @cid as the row of the table takes it. */
Result<std::string> value_of_connection(std::uint16_t cid, std::string_view name,
					const std::string &value)
{
	const auto *row =
	    config::find_key(config::RecordKind::node, config::connection_key(Cid(cid), name));
	if (!row)
		return fail(Code::nothing_found, str("no session has a connection ", cid));
	auto checked = config::check_value(*row, value);
	if (!checked)
		return tl::unexpected(checked.error());
	return checked->value;
}

/* Sets role or weight in @call. */
template <class Call>
void set_of_connection(Call &call, std::string_view name, const std::string &value)
{
	if (name == role_key)
		call.role = value;
	else
		call.weight = static_cast<std::uint32_t>(*parse_number(value));
}

Result<varlink::AddConnectionCall> addition_of(const Options &options, std::uint32_t sid)
{
	varlink::AddConnectionCall call;
	call.sid = sid;
	call.address = options.portal->id.host;
	call.port = options.portal->id.port;
	if (!options.ifaces.empty())
		call.iface = options.ifaces.front();
	for (const auto &[name, value] : options.settings) {
		const bool digest = name == header_digest_key || name == data_digest_key;
		if (!is_of_connection(name) && !digest)
			return tl::unexpected(invalid(
			    str(hawser::quoted(name),
				" of a new connection cannot be set: ", role_key, ", ", weight_key,
				", ", header_digest_key, " and ", data_digest_key, " can")));
		// Which CID it will have is the service's word; the rows are alike.
		auto checked = value_of_connection(1, name, value);
		if (!checked)
			return tl::unexpected(checked.error());
		if (digest)
			(name == header_digest_key ? call.header_digest : call.data_digest) =
			    std::move(*checked);
		else
			set_of_connection(call, name, *checked);
	}
	return call;
}

void add(Context &context, Service &service, const Options &options, std::uint32_t sid)
{
	const auto call = addition_of(options, sid);
	if (!call)
		return context.tell(call.error());
	const std::string to =
	    str("to session ", sid, " at ", config::to_string(options.portal->id));
	auto cid = service.add_connection(*call);
	if (!cid)
		return context.tell(told(cid.error(), str("Could not add a connection ", to)));
	context.out << "Connection " << *cid << " added " << to << ".\n";
}

void remove(Context &context, Service &service, std::uint16_t cid, std::uint32_t sid)
{
	const std::string which = str("connection ", cid, " of session ", sid);
	if (auto removed = service.remove_connection({sid, cid}); !removed)
		return context.tell(told(removed.error(), str("Could not log out ", which)));
	context.out << "Logout of " << which << " successful.\n";
}

/* The change that -n and -v ask for; each key is checked by its row of the table. */
Result<varlink::ChangeSessionCall> change_of(const Options &options, std::uint32_t sid)
{
	varlink::ChangeSessionCall call;
	call.sid = sid;
	call.cid = options.cid;
	for (const auto &[name, value] : options.settings) {
		const bool of_connection = is_of_connection(name);
		if (of_connection && !options.cid)
			return fail(Code::invalid_argument,
				    str(name, " is a connection's: --cid says which"));
		if (!of_connection && options.cid)
			return fail(Code::invalid_argument,
				    str(hawser::quoted(name),
					" of a live connection cannot be changed: role and weight "
					"can"));
		if (!of_connection && name != policy_key)
			return fail(Code::invalid_argument,
				    str(hawser::quoted(name),
					" of a live session cannot be changed here: ", policy_key,
					" can"));
		if (of_connection) {
			auto checked = value_of_connection(*options.cid, name, value);
			if (!checked)
				return tl::unexpected(checked.error());
			set_of_connection(call, name, *checked);
			continue;
		}
		auto checked = config::check_value(
		    *config::find_key(config::RecordKind::node, policy_key), value);
		if (!checked)
			return tl::unexpected(checked.error());
		call.policy = checked->value;
	}
	return call;
}

void update(Context &context, Service &service, const Options &options, std::uint32_t sid)
{
	auto call = change_of(options, sid);
	if (!call)
		return context.tell(call.error());
	if (auto changed = service.change_session(*call); !changed)
		context.tell(told(changed.error(), str("Could not change session ", sid)));
}

/* What the command line lacks for the operation, or has that does not go with it. */
std::optional<Error> missing(const Options &options, Op op)
{
	if (op != Op::show && !options.sid)
		return invalid("a connection is changed in one session (-r)");
	if (op == Op::add && !options.portal)
		return invalid("operation new requires a portal (-p)");
	if (op == Op::add && options.cid)
		return invalid("--cid: a new connection has the lowest that is free");
	if (op != Op::add && (options.portal || !options.ifaces.empty()))
		return invalid("-p and -I: go with operation new");
	if (op == Op::remove && !options.cid)
		return invalid("operation delete requires a connection (--cid)");
	if (op == Op::update && options.settings.empty())
		return invalid("update requires name and value");
	if (op != Op::update && op != Op::add && !options.settings.empty())
		return invalid("-n and -v: go with operations new and update");
	return std::nullopt;
}

/* All connections of a session are in one portal group: why that of @portal is none of it. */
std::optional<Error> other_group(const PortalOption &portal, const kernel::SessionInfo &session)
{
	const int tpgt = session.identity.tpgt.value;
	if (!portal.tpgt || *portal.tpgt == tpgt)
		return std::nullopt;
	return invalid(str("portal group ", *portal.tpgt, " is another than that of session ",
			   session.sid.value, ", ", tpgt, " (RFC 7143, 4.4.3)"));
}

} // namespace

void run_connection_mode(Context &context, const Options &options)
{
	const Op op = options.op().value_or(Op::show);
	if (auto error = missing(options, op))
		return context.tell(*error);
	const auto sessions = chosen_sessions(context, options);
	if (context.exit_status() != 0)
		return;
	if (op == Op::show)
		return show(context, options, sessions);
	if (op == Op::add)
		if (auto error = other_group(*options.portal, sessions.front()))
			return context.tell(*error);
	auto service = context.connect();
	if (!service)
		return context.tell(service.error());
	if (op == Op::add)
		add(context, **service, options, *options.sid);
	else if (op == Op::remove)
		remove(context, **service, *options.cid, *options.sid);
	else
		update(context, **service, options, *options.sid);
}

void set_live_policy(Context &context, const kernel::SessionInfo &session,
		     const std::vector<std::pair<std::string, std::string>> &settings)
{
	Options policy;
	for (const auto &setting : settings)
		if (setting.first == policy_key)
			policy.settings = {setting};
	if (policy.settings.empty() || context.exit_status() != 0)
		return;
	auto service = context.connect();
	if (!service)
		return context.tell(
		    told(service.error(),
			 str("The record is changed, but not session ", session.sid.value)));
	update(context, **service, policy, session.sid.value);
}

} // namespace hawser::cli
