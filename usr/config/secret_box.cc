/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/secret_box.h"

#include "base/coding.h"
#include "base/fd.h"
#include "base/str.h"
#include "config/files.h"

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <memory>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

namespace hawser::config
{

namespace
{

constexpr std::string_view form = "gcm1:";
constexpr std::size_t key_size = 32;   // AES-256
constexpr std::size_t nonce_size = 12; // SP 800-38D, 5.2.1.1: the length to prefer
constexpr std::size_t tag_size = 16;

struct FreeCipher {
	void operator()(EVP_CIPHER_CTX *ctx) const { EVP_CIPHER_CTX_free(ctx); }
};
using Cipher = std::unique_ptr<EVP_CIPHER_CTX, FreeCipher>;

tl::unexpected<Error> crypto_failure()
{
	return fail(Code::internal, "libcrypto refused AES-256-GCM");
}

/* Reads exactly one key, or says what is wrong with the file. */
Result<Secret> read_key(const std::string &path)
{
	Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
	if (!fd)
		return system_failure("open", path);
	struct stat info;
	if (::fstat(fd.get(), &info) != 0)
		return system_failure("read", path);
	if (!S_ISREG(info.st_mode) || info.st_uid != ::geteuid() || (info.st_mode & 077) != 0)
		return fail(Code::no_permission,
			    str(path, " must be a file of its user alone (mode 0600)"));
	std::array<std::uint8_t, key_size + 1> bytes;
	const ssize_t got = ::read(fd.get(), bytes.data(), bytes.size());
	Secret key;
	if (got == static_cast<ssize_t>(key_size))
		key = Secret(std::span(bytes).first(key_size));
	wipe(bytes);
	if (got < 0)
		return system_failure("read", path);
	if (key.empty())
		return fail(Code::record_failed,
			    str(path, " is not a key of ", key_size, " bytes"));
	return key;
}

/*
 * Puts a new key under its name unless another process was faster: link(2), unlike
 * rename(2), never replaces, so nobody seals under a key that is then lost.
 */
Status make_key(const std::string &folder, const std::string &path)
{
	if (auto made = make_folder(folder); !made)
		return made;
	std::array<std::uint8_t, key_size> bytes;
	if (RAND_bytes(bytes.data(), bytes.size()) != 1)
		return crypto_failure();
	const std::string temporary = str(path, ".", ::getpid());
	::unlink(temporary.c_str()); // of a process with our number that died here
	Fd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
	Status result;
	if (!fd)
		result = system_failure("make", temporary);
	else if (::write(fd.get(), bytes.data(), bytes.size()) !=
		     static_cast<ssize_t>(bytes.size()) ||
		 ::fsync(fd.get()) != 0)
		result = system_failure("write", temporary);
	else if (::link(temporary.c_str(), path.c_str()) != 0 && errno != EEXIST)
		result = system_failure("make", path);
	wipe(bytes);
	::unlink(temporary.c_str());
	Fd dir(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	if (result && (!dir || ::fsync(dir.get()) != 0))
		result = system_failure("sync", folder);
	return result;
}

} // namespace

Status SecretBox::load_key(bool make)
{
	if (!key_.empty())
		return {};
	const std::string path = str(folder_, "/", name_);
	if (make && ::access(path.c_str(), F_OK) != 0 && errno == ENOENT)
		if (auto made = make_key(folder_, path); !made)
			return made;
	auto key = read_key(path);
	if (!key)
		return tl::unexpected(key.error());
	key_ = std::move(*key);
	return {};
}

Result<std::string> SecretBox::seal(std::string_view secret, std::string_view context)
{
	return seal(as_bytes(secret), context);
}

Result<std::string> SecretBox::seal(std::span<const std::uint8_t> secret, std::string_view context)
{
	if (auto loaded = load_key(true); !loaded)
		return tl::unexpected(loaded.error());
	Bytes out(nonce_size + secret.size() + tag_size);
	std::uint8_t *const nonce = out.data();
	std::uint8_t *const text = nonce + nonce_size;
	std::uint8_t *const tag = text + secret.size();
	Cipher cipher(EVP_CIPHER_CTX_new());
	int length = 0;
	if (!cipher || RAND_bytes(nonce, nonce_size) != 1 ||
	    EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, key_.bytes().data(),
			       nonce) != 1 ||
	    EVP_EncryptUpdate(cipher.get(), nullptr, &length, as_bytes(context).data(),
			      static_cast<int>(context.size())) != 1 ||
	    EVP_EncryptUpdate(cipher.get(), text, &length, secret.data(),
			      static_cast<int>(secret.size())) != 1 ||
	    EVP_EncryptFinal_ex(cipher.get(), tag, &length) != 1 ||
	    EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, tag_size, tag) != 1)
		return crypto_failure();
	return str(form, base64_encode(out));
}

Result<Secret> SecretBox::open(std::string_view sealed, std::string_view context)
{
	const auto bytes =
	    is_sealed(sealed) ? base64_decode(sealed.substr(form.size())) : std::nullopt;
	if (!bytes || bytes->size() < nonce_size + tag_size)
		return fail(Code::record_failed, str("the secret of ", context,
						     " is not in a form that "
						     "this version wrote"));
	if (auto loaded = load_key(false); !loaded)
		return tl::unexpected(loaded.error());
	const auto nonce = std::span(*bytes).first(nonce_size);
	const auto text =
	    std::span(*bytes).subspan(nonce_size, bytes->size() - nonce_size - tag_size);
	auto tag = Bytes(bytes->end() - tag_size, bytes->end());
	Bytes plain(text.size() + 1); // never empty, so that data() is a place
	Cipher cipher(EVP_CIPHER_CTX_new());
	int length = 0;
	const bool opened =
	    cipher &&
	    EVP_DecryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, key_.bytes().data(),
			       nonce.data()) == 1 &&
	    EVP_DecryptUpdate(cipher.get(), nullptr, &length, as_bytes(context).data(),
			      static_cast<int>(context.size())) == 1 &&
	    EVP_DecryptUpdate(cipher.get(), plain.data(), &length, text.data(),
			      static_cast<int>(text.size())) == 1 &&
	    EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, tag_size, tag.data()) == 1 &&
	    EVP_DecryptFinal_ex(cipher.get(), plain.data(), &length) == 1;
	Secret secret;
	if (opened)
		secret = Secret(std::span<const std::uint8_t>(plain).first(text.size()));
	wipe(plain);
	if (!opened)
		return fail(Code::record_failed,
			    str("the secret of ", context, " cannot be decrypted with ", folder_,
				"/", name_));
	return secret;
}

bool SecretBox::is_sealed(std::string_view text)
{
	return text.starts_with(form);
}

} // namespace hawser::config
