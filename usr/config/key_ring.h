/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The keys that secrets are encrypted under, 32 bytes each, and where they are:
 *
 *	<config>/secret.key            made at first use, mode 0600
 *	<config>/secret.key.old        the one before, while a change of the key is under way
 *	<credentials>/hawser.key       a systemd credential; when it is there, it is the key
 *	<credentials>/hawser.key.old   the one before, for as long as the administrator leaves it
 *	<config>/secret.credential     says that the credential is the key: no secret.key is made
 *
 * A key has an id, 16 hexadecimal digits that tell nothing of it. What is encrypted
 * names its key by that id, so at any instant of a change each secret opens with the
 * key that it is under, and a key that is not there can be named.
 *
 * A change of secret.key (begin_change, end_change) puts the old key aside first, then the
 * new one in its place. Only when the caller has encrypted everything anew is the old one
 * removed. Killed at any step it leaves both keys, and change_pending() tells.
 */
#pragma once

#include "base/error.h"
#include "base/secret.h"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hawser::config
{

struct SealKey {
	std::string id;
	Secret bytes;
	std::string place; // the file that it was read from

	SealKey clone() const { return {id, bytes.clone(), place}; }
};

class KeyRing
{
public:
	static constexpr std::string_view credential = "hawser.key";

	/* @folder and @name: the key file. @credentials: a folder, "" for none. */
	KeyRing(std::string folder, std::string name, std::string credentials)
	    : folder_(std::move(folder)),
	      name_(std::move(name)),
	      credentials_(std::move(credentials))
	{
	}

	/*
	 * The key to encrypt under, looked up anew each time, for another process may have
	 * changed it; or, once there was a hold(), what that has said, without a look at any
	 * file. Made where there is none. Valid for as long as the ring.
	 * Code::no_permission when it may not be read, Code::record_failed when it is no key
	 * or is a credential that is not there now.
	 */
	Result<const SealKey *> current();

	/* The key with that id; Code::record_failed names those that are there instead. */
	Result<const SealKey *> find(std::string_view id);

	/* Every key that can be read, for what was encrypted before keys had ids. */
	std::vector<const SealKey *> all();

	/*
	 * For a ring in a thread that may not wait for the disk: takes in @keys, which the ring
	 * of another thread has read (copies()). The one with the id @now is what current()
	 * gives from then on.
	 */
	void hold(std::vector<SealKey> keys, std::string now);
	std::vector<SealKey> copies() const;

	/* Is there a key of before that secrets may still be under? */
	bool change_pending() const;
	/* Is the credential the key, with a key file still there beside it? */
	bool file_beside_credential() const;

	/* The caller of these holds the lock of the records. */
	Status begin_change();
	Status end_change();

private:
	std::string file() const { return folder_ + "/" + name_; }
	std::string old_file() const { return file() + ".old"; }
	std::string new_file() const { return file() + ".new"; }
	std::string marker() const { return folder_ + "/secret.credential"; }
	std::string credential_file() const;
	bool has_credential() const;

	/* Reads the key into the ring; null when there is no such file. */
	Result<const SealKey *> load(const std::string &path);
	void load_all();
	Status make_key(const std::string &path, bool replace) const;
	Status mark_credential(const SealKey &key) const;

	std::string folder_;
	std::string name_;
	std::string credentials_;
	// Keys stay here once they were read: what this process holds encrypted
	// under one opens when the key file has changed, too.
	std::map<std::string, SealKey, std::less<>> known_;
	std::string held_;	       // id of what current() gives; empty: it looks
	std::optional<Error> problem_; // of the last load_all()
};

} // namespace hawser::config
