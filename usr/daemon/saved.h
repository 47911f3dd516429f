/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a daemon that starts anew cannot read back from the module: the settings
 * that a session was made with, those given at login included. One file a session
 * in /run/hawser/sessions/, named by the key that the module keeps for us
 * (HWS_SESSION_A_OWNER_KEY), written whole before the session is made, removed when
 * it has ended. A daemon killed at any instant leaves a session with its file, or a
 * file without a session, which the next start removes.
 *
 * Secrets in it are encrypted as they are in the records, and go along when the key is
 * changed (config/rekey.h).
 */
#pragma once

#include "base/error.h"
#include "config/connections.h"
#include "config/records.h"
#include "iscsi/login.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hawser::daemon
{

struct SavedSession {
	std::string key;
	config::Node node;
	config::Iface iface;
	// As they are now, with what was added and taken away since the login; none in the file
	// of an older daemon, whose sessions have the record's.
	std::vector<config::ConnectionRecord> connections = {};
	std::vector<config::Iface> further_ifaces = {}; // that connections go through
	std::vector<config::PortalId> portals = {};	// that the session may hop to
	// That the leading login agreed on; none in the file of an older daemon.
	std::optional<AuthMethod> auth_method = {};
};

/* The file's text, and back: Code::record_failed says what is wrong with it. */
std::string saved_to_text(const SavedSession &session);
Result<SavedSession> saved_from_text(const std::string &key, std::string_view text);

class SavedSessions
{
public:
	/* @secrets outlives this. */
	SavedSessions(std::string folder, config::SecretBox &secrets)
	    : folder_(std::move(folder)), secrets_(secrets)
	{
	}

	/* A key that no other session has. */
	static std::string make_key();
	config::SecretBox &secrets() { return secrets_; }

	Status save(SavedSession session);
	/* Nothing when there is no such file; Code::record_failed when it is damaged. */
	Result<std::optional<SavedSession>> load(const std::string &key);
	void remove(const std::string &key);
	/* Removes every file whose key is not among @keys. */
	Status keep_only(const std::vector<std::string> &keys);

private:
	std::string folder_;
	config::SecretBox &secrets_;
};

} // namespace hawser::daemon
