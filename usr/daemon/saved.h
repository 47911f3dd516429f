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
 * changed (config/rekey.h). The key is on a disk that may be lost with the session, so nothing
 * here reads it: what is saved is under the key that it was encrypted under, unless that was
 * changed, and then under the one that a worker has read.
 */
#pragma once

#include "base/error.h"
#include "config/connections.h"
#include "config/records.h"
#include "config/session_files.h"
#include "iscsi/login.h"

#include <functional>
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

/* The keys of secrets as a worker has read them. */
struct SessionKeys {
	std::vector<config::SealKey> known;
	std::string now;	// id of the one to encrypt under
	std::string changed_to; // the change that was the last one before (session_files.h)
};

/* Reads the key of now, and those that @secrets has besides. @folder: of saved sessions. */
Result<SessionKeys> read_session_keys(config::SecretBox &secrets, const std::string &folder);

/* The file's text, and back: Code::record_failed says what is wrong with it. */
std::string saved_to_text(const SavedSession &session);
Result<SavedSession> saved_from_text(const std::string &key, std::string_view text);

class SavedSessions
{
public:
	/* @secrets outlives this. */
	SavedSessions(std::string folder, config::SecretBox &secrets)
	    : files_(std::move(folder)), secrets_(secrets)
	{
	}

	/* A key that no other session has. */
	static std::string make_key();
	config::SecretBox &secrets() { return secrets_; }

	const std::string &folder() const { return files_.folder(); }

	/*
	 * Where to have the keys read when they have changed: @read is called, and take_keys()
	 * when that is done. Without it they are read here and now.
	 */
	void read_keys_by(std::function<void()> read) { read_keys_ = std::move(read); }
	void take_keys(SessionKeys keys);

	/*
	 * Code::try_again, and nothing is written, while the keys are being read anew; Code::busy
	 * when somebody keeps the lock of the files.
	 */
	Status save(SavedSession session);
	/* Nothing when there is no such file; Code::record_failed when it is damaged. */
	Result<std::optional<SavedSession>> load(const std::string &key);
	void remove(const std::string &key);
	/* Removes every file whose key is not among @keys. */
	Status keep_only(const std::vector<std::string> &keys);

private:
	config::SessionFiles files_;
	config::SecretBox &secrets_;
	std::function<void()> read_keys_;
	std::optional<std::string> keys_of_; // the last change when ours were read
};

} // namespace hawser::daemon
