/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/saved.h"

#include "base/coding.h"
#include "base/str.h"
#include "config/files.h"
#include "daemon/plan.h"
#include "iscsi/address.h"
#include "kernel/types.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <unistd.h>

namespace hawser::daemon
{

namespace
{

using Json = nlohmann::json;

constexpr std::string_view suffix = config::SessionFiles::suffix;
constexpr int version = 1;

/* A key comes back from the module: it must not lead out of the folder. */
bool is_key(std::string_view key)
{
	return key.size() == 32 && std::all_of(key.begin(), key.end(), [](char c) {
		       return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
	       });
}

Json connection_to_json(const config::ConnectionRecord &connection)
{
	return {{"cid", connection.cid.value},
		{"host", connection.portal.host},
		{"port", connection.portal.port},
		{"iface", connection.iface},
		{"role", connection.role},
		{"weight", connection.weight},
		{"of_record", connection.of_record},
		{"header_digest", connection.header_digest},
		{"data_digest", connection.data_digest}};
}

/* A number of @json below @end, or nothing. */
std::optional<std::uint64_t> number_of(const Json &json, const char *name, std::uint64_t end)
{
	const auto found = json.find(name);
	if (found == json.end() || !found->is_number_unsigned() ||
	    found->get<std::uint64_t>() >= end)
		return std::nullopt;
	return found->get<std::uint64_t>();
}

std::optional<config::ConnectionRecord> connection_from_json(const Json &json,
							     const config::PortalId &record)
{
	if (!json.is_object())
		return std::nullopt;
	const auto cid = number_of(json, "cid", UINT16_MAX + 1ull);
	const auto port = number_of(json, "port", UINT16_MAX + 1ull);
	const auto weight = number_of(json, "weight", UINT32_MAX + 1ull);
	for (const char *name : {"host", "iface", "role"})
		if (!json.value(name, Json()).is_string())
			return std::nullopt;
	if (!cid || !port || !weight)
		return std::nullopt;
	config::ConnectionRecord connection{
	    Cid(static_cast<std::uint16_t>(*cid)),
	    {json["host"].get<std::string>(), static_cast<std::uint16_t>(*port)},
	    json["iface"].get<std::string>(),
	    json["role"].get<std::string>(),
	    static_cast<std::uint32_t>(*weight)};
	// An older daemon did not write it, and worked it out anew each time.
	const Json of_record =
	    json.value("of_record", Json(connection.cid == Cid{} || connection.portal == record));
	if (!of_record.is_boolean())
		return std::nullopt;
	connection.of_record = of_record.get<bool>();
	const auto read_digest = [&](const char *name, std::string_view key, std::string &to) {
		const Json found = json.value(name, Json(""));
		const auto *row =
		    config::find_key(config::RecordKind::node, config::connection_key(Cid(1), key));
		if (!found.is_string() || !config::check_value(*row, found.get<std::string>()))
			return false;
		to = found.get<std::string>();
		return true;
	};
	if (!read_digest("header_digest", "iscsi.HeaderDigest", connection.header_digest) ||
	    !read_digest("data_digest", "iscsi.DataDigest", connection.data_digest))
		return std::nullopt;
	if (!parse_host(connection.portal.host, connection.portal.port) ||
	    !config::check_iface_name(connection.iface) || !kernel::parse_role(connection.role))
		return std::nullopt;
	return connection;
}

/* Of @file's lists, which older daemons did not write. False: one is damaged. */
bool read_connections(const Json &file, SavedSession &session)
{
	const Json connections = file.value("connections", Json::array());
	const Json ifaces = file.value("ifaces", Json::array());
	if (!connections.is_array() || connections.size() > config::max_connections ||
	    !ifaces.is_array())
		return false;
	std::set<Cid> cids;
	for (const Json &one : connections) {
		auto connection = connection_from_json(one, session.node.id.portal);
		if (!connection || !cids.insert(connection->cid).second)
			return false;
		session.connections.push_back(std::move(*connection));
	}
	for (const Json &one : ifaces) {
		if (!one.is_string())
			return false;
		auto iface = config::iface_from_text(one.get_ref<const std::string &>());
		if (!iface)
			return false;
		session.further_ifaces.push_back(std::move(*iface));
	}
	return true;
}

/* Likewise. */
bool read_portals(const Json &file, SavedSession &session)
{
	const Json portals = file.value("portals", Json::array());
	if (!portals.is_array() || portals.size() > max_hops)
		return false;
	for (const Json &one : portals) {
		if (!one.is_object() || !one.value("host", Json()).is_string())
			return false;
		const auto port = number_of(one, "port", UINT16_MAX + 1ull);
		const auto &host = one["host"].get_ref<const std::string &>();
		if (!port || !parse_host(host, static_cast<std::uint16_t>(*port)))
			return false;
		session.portals.push_back({host, static_cast<std::uint16_t>(*port)});
	}
	return true;
}

/* Likewise. What the record did not offer cannot have been agreed on. */
bool read_auth_method(const Json &file, SavedSession &session)
{
	const auto found = file.find("auth_method");
	if (found == file.end())
		return true;
	for (const std::string &word : session.node.settings.list("node.session.auth.authmethod"))
		if (*found == word)
			session.auth_method = word == to_string(AuthMethod::chap)
						  ? AuthMethod::chap
						  : AuthMethod::none;
	return session.auth_method.has_value();
}

} // namespace

/* The records' own texts, each a member, so that both are read by their owners. */
std::string saved_to_text(const SavedSession &session)
{
	config::Target target;
	target.name = session.node.id.target;
	target.nodes.push_back(session.node);
	Json connections = Json::array();
	for (const auto &connection : session.connections)
		connections.push_back(connection_to_json(connection));
	Json ifaces = Json::array();
	for (const auto &iface : session.further_ifaces)
		ifaces.push_back(config::iface_to_text(iface));
	Json portals = Json::array();
	for (const auto &portal : session.portals)
		portals.push_back({{"host", portal.host}, {"port", portal.port}});
	Json file = {
	    {"version", version},
	    {"node", config::target_to_text(target)},
	    {"iface", config::iface_to_text(session.iface)},
	    {"connections", std::move(connections)},
	    {"ifaces", std::move(ifaces)},
	    {"portals", std::move(portals)},
	};
	if (session.auth_method)
		file["auth_method"] = to_string(*session.auth_method);
	return file.dump();
}

Result<SavedSession> saved_from_text(const std::string &key, std::string_view text)
{
	const Json file = Json::parse(text, nullptr, false);
	if (!file.is_object() || file.value("version", Json()) != version ||
	    !file.value("node", Json()).is_string() || !file.value("iface", Json()).is_string())
		return fail(Code::record_failed, "it is damaged");
	auto target = config::target_from_text(file["node"].get_ref<const std::string &>());
	if (!target)
		return tl::unexpected(target.error());
	auto iface = config::iface_from_text(file["iface"].get_ref<const std::string &>());
	if (!iface)
		return tl::unexpected(iface.error());
	if (target->nodes.size() != 1)
		return fail(Code::record_failed, "it is damaged");
	SavedSession session{key, std::move(target->nodes.front()), std::move(*iface)};
	if (!read_connections(file, session))
		return fail(Code::record_failed, "its connections are damaged");
	if (!read_portals(file, session))
		return fail(Code::record_failed, "its portals are damaged");
	if (!read_auth_method(file, session))
		return fail(Code::record_failed, "its authentication method is damaged");
	return session;
}

std::string SavedSessions::make_key()
{
	std::random_device random;
	Bytes bytes(16);
	for (auto &byte : bytes)
		byte = static_cast<std::uint8_t>(random());
	return hex_encode(bytes);
}

Result<SessionKeys> read_session_keys(config::SecretBox &secrets, const std::string &folder)
{
	SessionKeys keys;
	/* First: a change that ends in between is seen when something is saved. */
	auto changed_to = config::SessionFiles(folder).changed_to();
	if (!changed_to)
		return tl::unexpected(changed_to.error());
	keys.changed_to = std::move(*changed_to);
	auto now = secrets.keys().current();
	if (!now)
		return tl::unexpected(now.error());
	keys.now = (*now)->id;
	keys.known = secrets.keys().copies();
	return keys;
}

void SavedSessions::take_keys(SessionKeys keys)
{
	keys_of_ = std::move(keys.changed_to);
	secrets_.keys().hold(std::move(keys.known), std::move(keys.now));
}

Status SavedSessions::save(SavedSession session)
{
	config::Settings &settings = session.node.settings;
	settings = settings.flattened();
	const auto under = [&](const std::string &id) {
		const Json values = settings.to_json();
		return std::all_of(values.begin(), values.end(), [&](const Json &value) {
			const auto &text = value.get_ref<const std::string &>();
			return !config::SecretBox::is_sealed(text) ||
			       config::SecretBox::is_under(text, id);
		});
	};
	for (;;) {
		const auto change = files_.changed_to();
		if (!change)
			return tl::unexpected(change.error());
		if (!change->empty() && settings.has_secrets() && !under(*change)) {
			if (keys_of_ != *change && read_keys_) {
				read_keys_();
				return fail(Code::try_again,
					    "the key of secrets was changed and is being read");
			}
			if (keys_of_ != *change) {
				secrets_.keys().hold({}, ""); // the file is what counts
				auto keys = read_session_keys(secrets_, folder());
				if (!keys)
					return tl::unexpected(keys.error());
				take_keys(std::move(*keys));
				continue;
			}
			settings.renew(secrets_);
		}
		auto put = files_.put(str(session.key, suffix), saved_to_text(session), *change);
		if (!put)
			return tl::unexpected(put.error());
		if (*put)
			return {};
	}
}

Result<std::optional<SavedSession>> SavedSessions::load(const std::string &key)
{
	if (!is_key(key))
		return std::nullopt;
	const std::string path = str(folder(), '/', key, suffix);
	auto text = config::read_file(path);
	if (!text)
		return tl::unexpected(text.error());
	if (!*text)
		return std::nullopt;
	auto session = saved_from_text(key, **text);
	if (!session)
		return fail(session.error().code, str(path, ": ", session.error().text));
	return std::move(*session);
}

void SavedSessions::remove(const std::string &key)
{
	if (is_key(key))
		unlink(str(folder(), '/', key, suffix).c_str());
}

Status SavedSessions::keep_only(const std::vector<std::string> &keys)
{
	auto files = config::list_folder(folder(), suffix);
	if (!files)
		return tl::unexpected(files.error());
	auto batch = config::FileBatch::open(folder());
	if (!batch)
		return tl::unexpected(batch.error());
	const std::set<std::string_view> kept(keys.begin(), keys.end());
	for (const std::string &file : *files) {
		if (!kept.contains(std::string_view(file).substr(0, file.size() - suffix.size())))
			batch->remove(file);
	}
	return batch->commit();
}

} // namespace hawser::daemon
