/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Secrets at rest: AES-256-GCM under a key of the machine's own, which lies in
 * a file that only root reads and is made at first use. What comes out is
 * "gcm1:" and base64 of nonce, ciphertext and tag, and is bound to a context
 * (the key's name, say): opened under another one, or changed by a bit, it is
 * refused.
 */
#pragma once

#include "base/error.h"
#include "base/secret.h"

#include <string>
#include <string_view>

namespace hawser::config
{

class SecretBox
{
public:
	/* @folder and @name: the key file. Nothing is read or made until it is needed. */
	SecretBox(std::string folder, std::string name)
	    : folder_(std::move(folder)), name_(std::move(name))
	{
	}

	Result<std::string> seal(std::span<const std::uint8_t> secret, std::string_view context);
	Result<std::string> seal(std::string_view secret, std::string_view context);

	/*
	 * Code::record_failed when @sealed is not ours, was changed, or was sealed
	 * under another key; Code::no_permission when the key may not be read.
	 */
	Result<Secret> open(std::string_view sealed, std::string_view context);

	/* Whether @text has the form of something sealed; says nothing about the key. */
	static bool is_sealed(std::string_view text);

private:
	Status load_key(bool make);

	std::string folder_;
	std::string name_;
	Secret key_;
};

} // namespace hawser::config
