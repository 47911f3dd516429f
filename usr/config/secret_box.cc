/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/secret_box.h"

#include "base/coding.h"
#include "base/str.h"

#include <memory>
#include <openssl/evp.h>
#include <openssl/rand.h>

namespace hawser::config
{

namespace
{

constexpr std::string_view form = "gcm2:";
constexpr std::string_view form_without_id = "gcm1:";
constexpr std::size_t nonce_size = 12; // SP 800-38D, 5.2.1.1: the length to prefer
constexpr std::size_t tag_size = 16;

struct FreeCipher {
	void operator()(EVP_CIPHER_CTX *ctx) const { EVP_CIPHER_CTX_free(ctx); }
};
using Cipher = std::unique_ptr<EVP_CIPHER_CTX, FreeCipher>;

/* What a sealed text says. */
struct Parts {
	std::string_view id; // of its key; empty in the older form
	Bytes bytes;	     // nonce, ciphertext, tag
};

std::optional<Parts> parse(std::string_view sealed)
{
	Parts parts;
	std::string_view rest;
	if (sealed.starts_with(form)) {
		rest = sealed.substr(form.size());
		const auto colon = rest.find(':');
		if (colon == std::string_view::npos || colon == 0)
			return std::nullopt;
		parts.id = rest.substr(0, colon);
		rest.remove_prefix(colon + 1);
	} else if (sealed.starts_with(form_without_id)) {
		rest = sealed.substr(form_without_id.size());
	} else {
		return std::nullopt;
	}
	auto bytes = base64_decode(rest);
	if (!bytes || bytes->size() < nonce_size + tag_size)
		return std::nullopt;
	parts.bytes = std::move(*bytes);
	return parts;
}

/* Nothing when the key, the context or the bytes are not those that it was sealed with. */
std::optional<Secret> decrypt(const SealKey &key, const Bytes &sealed, std::string_view context)
{
	const auto nonce = std::span(sealed).first(nonce_size);
	const auto text =
	    std::span(sealed).subspan(nonce_size, sealed.size() - nonce_size - tag_size);
	Bytes tag(sealed.end() - tag_size, sealed.end());
	bool opened = false;
	std::uint8_t none = 0; // a place for the output of an empty secret
	Secret secret = Secret::make(text.size(), [&](std::span<std::uint8_t> plain) {
		std::uint8_t *const out = plain.empty() ? &none : plain.data();
		Cipher cipher(EVP_CIPHER_CTX_new());
		int length = 0;
		opened = cipher &&
			 EVP_DecryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr,
					    key.bytes.bytes().data(), nonce.data()) == 1 &&
			 EVP_DecryptUpdate(cipher.get(), nullptr, &length, as_bytes(context).data(),
					   static_cast<int>(context.size())) == 1 &&
			 EVP_DecryptUpdate(cipher.get(), out, &length, text.data(),
					   static_cast<int>(text.size())) == 1 &&
			 EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, tag_size,
					     tag.data()) == 1 &&
			 EVP_DecryptFinal_ex(cipher.get(), out, &length) == 1;
	});
	if (!opened)
		return std::nullopt;
	return secret;
}

} // namespace

Result<std::string> SecretBox::seal(std::string_view secret, std::string_view context)
{
	return seal(as_bytes(secret), context);
}

Result<std::string> SecretBox::seal(std::span<const std::uint8_t> secret, std::string_view context)
{
	auto key = keys_.current();
	if (!key)
		return tl::unexpected(key.error());
	return seal(**key, secret, context);
}

Result<std::string> SecretBox::seal(const SealKey &key, std::span<const std::uint8_t> secret,
				    std::string_view context)
{
	Bytes out(nonce_size + secret.size() + tag_size);
	std::uint8_t *const nonce = out.data();
	std::uint8_t *const text = nonce + nonce_size;
	std::uint8_t *const tag = text + secret.size();
	Cipher cipher(EVP_CIPHER_CTX_new());
	int length = 0;
	if (!cipher || RAND_bytes(nonce, nonce_size) != 1 ||
	    EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, key.bytes.bytes().data(),
			       nonce) != 1 ||
	    EVP_EncryptUpdate(cipher.get(), nullptr, &length, as_bytes(context).data(),
			      static_cast<int>(context.size())) != 1 ||
	    EVP_EncryptUpdate(cipher.get(), text, &length, secret.data(),
			      static_cast<int>(secret.size())) != 1 ||
	    EVP_EncryptFinal_ex(cipher.get(), tag, &length) != 1 ||
	    EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, tag_size, tag) != 1)
		return fail(Code::internal, "libcrypto refused AES-256-GCM");
	return str(form, key.id, ":", base64_encode(out));
}

Result<Secret> SecretBox::open(std::string_view sealed, std::string_view context)
{
	const auto parts = parse(sealed);
	if (!parts)
		return fail(Code::record_failed, str("the secret of ", context,
						     " is not in a form that this version wrote"));
	std::vector<const SealKey *> keys;
	if (parts->id.empty()) {
		keys = keys_.all();
	} else {
		auto key = keys_.find(parts->id);
		if (!key)
			return fail(key.error().code,
				    str("the secret of ", context,
					" cannot be decrypted: ", key.error().text));
		keys.push_back(*key);
	}
	for (const SealKey *key : keys)
		if (auto secret = decrypt(*key, parts->bytes, context))
			return std::move(*secret);
	if (keys.empty())
		if (auto why = keys_.current(); !why)
			return tl::unexpected(why.error());
	return fail(Code::record_failed,
		    str("the secret of ", context, " cannot be decrypted with ",
			keys.empty() ? "any key that is here" : keys.front()->place));
}

Result<std::string> SecretBox::renew(const std::string &sealed, std::string_view context)
{
	/* Before the key of now is looked for: one that was lost is not made again for this. */
	auto secret = open(sealed, context);
	if (!secret)
		return tl::unexpected(secret.error());
	auto key = keys_.current();
	if (!key)
		return tl::unexpected(key.error());
	if (is_under(sealed, (*key)->id))
		return sealed;
	return seal(**key, secret->bytes(), context);
}

bool SecretBox::has_sealed(std::string_view text)
{
	return text.find(form) != std::string_view::npos ||
	       text.find(form_without_id) != std::string_view::npos;
}

bool SecretBox::is_under(std::string_view sealed, std::string_view id)
{
	return sealed.starts_with(str(form, id, ":"));
}

bool SecretBox::is_sealed(std::string_view text)
{
	return text.starts_with(form) || text.starts_with(form_without_id);
}

} // namespace hawser::config
