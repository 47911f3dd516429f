/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Secrets at rest: AES-256-GCM under a key of the machine's own (key_ring.h). What
 * comes out is "gcm2:", the key's id, ":" and base64 of nonce, ciphertext and tag, and is
 * bound to a context (the record key's name): opened under another one, or changed by a
 * bit, it is refused. "gcm1:" is the form of before, which does not name its key.
 */
#pragma once

#include "base/error.h"
#include "base/secret.h"
#include "config/key_ring.h"

#include <string>
#include <string_view>

namespace hawser::config
{

class SecretBox
{
public:
	/* Nothing is read or made until it is needed. */
	SecretBox(std::string folder, std::string name, std::string credentials = {})
	    : keys_(std::move(folder), std::move(name), std::move(credentials))
	{
	}

	KeyRing &keys() { return keys_; }

	Result<std::string> seal(std::span<const std::uint8_t> secret, std::string_view context);
	Result<std::string> seal(std::string_view secret, std::string_view context);

	/*
	 * Code::record_failed when @sealed is not ours, was changed, or was sealed
	 * under a key that is not here; Code::no_permission when the key may not be read.
	 */
	Result<Secret> open(std::string_view sealed, std::string_view context);

	/* @sealed under the key of now: itself when it is under that, else sealed anew. */
	Result<std::string> renew(const std::string &sealed, std::string_view context);

	/* Whether @text has the form of something sealed; says nothing about the key. */
	static bool is_sealed(std::string_view text);
	/* Whether one is anywhere in it. */
	static bool has_sealed(std::string_view text);
	/* Whether @sealed, which is_sealed(), is under the key of that id. */
	static bool is_under(std::string_view sealed, std::string_view id);

private:
	Result<std::string> seal(const SealKey &key, std::span<const std::uint8_t> secret,
				 std::string_view context);

	KeyRing keys_;
};

} // namespace hawser::config
