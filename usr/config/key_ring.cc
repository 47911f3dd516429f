/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/key_ring.h"

#include "base/coding.h"
#include "base/fd.h"
#include "base/str.h"
#include "config/files.h"

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

namespace hawser::config
{

namespace
{

constexpr std::size_t key_size = 32; // AES-256
constexpr std::size_t id_bytes = 8;

std::string id_of(const Secret &key)
{
	constexpr std::string_view purpose = "hawser: id of a key";
	std::array<std::uint8_t, EVP_MAX_MD_SIZE> digest{};
	unsigned length = 0;
	HMAC(EVP_sha256(), key.bytes().data(), static_cast<int>(key.size()),
	     as_bytes(purpose).data(), purpose.size(), digest.data(), &length);
	return hex_encode(std::span(digest).first(id_bytes));
}

bool exists(const std::string &path)
{
	return ::access(path.c_str(), F_OK) == 0;
}

Status sync_folder(const std::string &folder)
{
	Fd dir(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	if (!dir || ::fsync(dir.get()) != 0)
		return system_failure("sync", folder);
	return {};
}

/* Reads exactly one key, or says what is wrong with the file; empty when there is none. */
Result<Secret> read_key(const std::string &path)
{
	Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
	if (!fd) {
		if (errno == ENOENT || errno == ENOTDIR)
			return Secret{};
		return system_failure("open", path);
	}
	struct stat info;
	if (::fstat(fd.get(), &info) != 0)
		return system_failure("read", path);
	if (!S_ISREG(info.st_mode) || info.st_uid != ::geteuid() || (info.st_mode & 077) != 0)
		return fail(Code::no_permission,
			    str(path, " must be a file of its user alone (mode 0600)"));
	ssize_t got = -1;
	Secret key = Secret::make(key_size, [&](std::span<std::uint8_t> bytes) {
		got = ::read(fd.get(), bytes.data(), bytes.size());
	});
	if (got < 0)
		return system_failure("read", path);
	if (got != static_cast<ssize_t>(key_size) || info.st_size != got)
		return fail(Code::record_failed,
			    str(path, " is not a key of ", key_size, " bytes"));
	return key;
}

} // namespace

std::string KeyRing::credential_file() const
{
	return credentials_.empty() ? std::string() : str(credentials_, "/", credential);
}

bool KeyRing::has_credential() const
{
	return !credentials_.empty() && exists(credential_file());
}

Result<const SealKey *> KeyRing::load(const std::string &path)
{
	if (path.empty())
		return nullptr;
	auto bytes = read_key(path);
	if (!bytes)
		return tl::unexpected(bytes.error());
	if (bytes->empty())
		return nullptr;
	std::string id = id_of(*bytes);
	const auto known = known_.find(id);
	if (known != known_.end())
		return &known->second;
	SealKey key{id, std::move(*bytes), path};
	return &known_.emplace(std::move(id), std::move(key)).first->second;
}

void KeyRing::load_all()
{
	problem_.reset();
	const std::string given = credential_file();
	for (const auto &path :
	     {file(), old_file(), given, given.empty() ? given : str(given, ".old")})
		if (auto loaded = load(path); !loaded)
			problem_ = loaded.error();
}

/*
 * Puts a new key under its name. Unless it is to replace another: when a process was
 * faster its key stays, for link(2), unlike rename(2), never replaces, so nobody encrypts
 * under a key that is then lost.
 */
Status KeyRing::make_key(const std::string &path, bool replace) const
{
	if (auto made = make_folder(folder_); !made)
		return made;
	bool drawn = false;
	const Secret bytes = Secret::make(key_size, [&](std::span<std::uint8_t> out) {
		drawn = RAND_bytes(out.data(), static_cast<int>(out.size())) == 1;
	});
	if (!drawn)
		return fail(Code::internal, "libcrypto has no random numbers");
	const std::string temporary = replace ? new_file() : str(path, ".", ::getpid());
	::unlink(temporary.c_str()); // of a process that died here
	Fd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
	Status result;
	if (!fd)
		result = system_failure("make", temporary);
	else if (::write(fd.get(), bytes.bytes().data(), key_size) !=
		     static_cast<ssize_t>(key_size) ||
		 ::fsync(fd.get()) != 0)
		result = system_failure("write", temporary);
	else if (replace && ::rename(temporary.c_str(), path.c_str()) != 0)
		result = system_failure("replace", path);
	else if (!replace && ::link(temporary.c_str(), path.c_str()) != 0 && errno != EEXIST)
		result = system_failure("make", path);
	if (!replace || !result)
		::unlink(temporary.c_str());
	return result ? sync_folder(folder_) : result;
}

/* From now on a stopped service is no reason to make a key file. */
Status KeyRing::mark_credential(const SealKey &key) const
{
	if (exists(marker()) || exists(file()))
		return {};
	return write_file(folder_, "secret.credential", str(key.id, "\n"));
}

void KeyRing::hold(std::vector<SealKey> keys, std::string now)
{
	for (SealKey &key : keys) {
		std::string id = key.id;
		known_.try_emplace(std::move(id), std::move(key));
	}
	held_ = known_.contains(now) ? std::move(now) : std::string();
}

std::vector<SealKey> KeyRing::copies() const
{
	std::vector<SealKey> keys;
	for (const auto &[id, key] : known_)
		keys.push_back(key.clone());
	return keys;
}

Result<const SealKey *> KeyRing::current()
{
	if (!held_.empty())
		return &known_.find(held_)->second;
	auto given = load(credential_file());
	if (!given)
		return given;
	if (*given) {
		if (auto marked = mark_credential(**given); !marked)
			return tl::unexpected(marked.error());
		return given;
	}
	auto key = load(file());
	if (!key || *key)
		return key;
	if (exists(marker()))
		return fail(Code::record_failed,
			    str("secrets are encrypted under the systemd credential ", credential,
				", which is there while hawserd runs: start hawserd.service"));
	if (auto made = make_key(file(), false); !made)
		return tl::unexpected(made.error());
	key = load(file());
	if (key && !*key)
		return fail(Code::record_failed, str("cannot open ", file(), ": it is gone again"));
	return key;
}

Result<const SealKey *> KeyRing::find(std::string_view id)
{
	if (const auto known = known_.find(id); known != known_.end())
		return &known->second;
	load_all();
	if (const auto known = known_.find(id); known != known_.end())
		return &known->second;
	if (problem_)
		return tl::unexpected(*problem_);
	std::string have;
	for (const auto &[other, key] : known_)
		append(have, str(have.empty() ? "" : ", ", key.place, " is ", other));
	if (have.empty())
		have = str("there is no ", file());
	if (exists(marker()) && !has_credential())
		append(have, str("; the systemd credential ", credential,
				 " is there while hawserd runs: start hawserd.service"));
	return fail(Code::record_failed, str("its key ", id, " is not here (", have, ")"));
}

std::vector<const SealKey *> KeyRing::all()
{
	load_all();
	std::vector<const SealKey *> keys;
	for (const auto &[id, key] : known_)
		keys.push_back(&key);
	return keys;
}

bool KeyRing::change_pending() const
{
	return exists(old_file());
}

bool KeyRing::file_beside_credential() const
{
	return has_credential() && exists(file());
}

Status KeyRing::begin_change()
{
	/* The credential is changed by whoever gives it; there is nothing to prepare here. */
	if (has_credential())
		return {};
	if (!exists(file())) {
		auto made = current();
		return made ? Status{} : tl::unexpected(made.error());
	}
	auto key = load(file());
	auto before = key ? load(old_file()) : key;
	if (!before)
		return tl::unexpected(before.error());
	if (*before && *before != *key)
		return fail(Code::busy, "an earlier change of the key has not ended");
	if (::unlink(old_file().c_str()) != 0 && errno != ENOENT)
		return system_failure("remove", old_file());
	if (::link(file().c_str(), old_file().c_str()) != 0)
		return system_failure("make", old_file());
	if (auto synced = sync_folder(folder_); !synced)
		return synced;
	return make_key(file(), true);
}

Status KeyRing::end_change()
{
	auto key = current();
	if (!key)
		return tl::unexpected(key.error());
	const bool given = has_credential();
	if (given)
		if (auto marked = write_file(folder_, "secret.credential", str((*key)->id, "\n"));
		    !marked)
			return marked;
	for (const auto &path : {old_file(), given ? file() : marker()})
		if (::unlink(path.c_str()) != 0 && errno != ENOENT)
			return system_failure("remove", path);
	return sync_folder(folder_);
}

} // namespace hawser::config
