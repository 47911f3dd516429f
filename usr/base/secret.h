/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A password, key or CHAP secret.
 *
 * Its bytes live on pages of their own that are locked (never swapped out), left
 * out of core dumps and wiped when the object goes. There is no way to print
 * one: str(), streams and the log refuse it at compile time, and a copy is made
 * only by clone(). Locking needs CAP_IPC_LOCK or room under RLIMIT_MEMLOCK; an
 * unprivileged caller without either still gets a Secret, and locked() tells.
 */
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace hawser
{

class Secret
{
public:
	Secret() = default;
	/* Copies @bytes; the caller wipes its own copy. Throws std::bad_alloc. */
	explicit Secret(std::span<const std::uint8_t> bytes);
	explicit Secret(std::string_view text);
	/*
	 * @size bytes that @fill, called as fill(std::span<std::uint8_t>), puts there: what is
	 * read or decrypted so has never been anywhere else.
	 */
	template <class Fill> static Secret make(std::size_t size, Fill &&fill)
	{
		Secret secret;
		secret.map(size);
		fill(std::span(secret.data_, size));
		return secret;
	}
	Secret(Secret &&other) noexcept;
	Secret &operator=(Secret &&other) noexcept;
	Secret(const Secret &) = delete;
	Secret &operator=(const Secret &) = delete;
	~Secret();

	Secret clone() const { return Secret(bytes()); }
	std::span<const std::uint8_t> bytes() const { return {data_, size_}; }
	std::size_t size() const { return size_; }
	bool empty() const { return size_ == 0; }
	bool locked() const { return locked_; }

	/* In constant time for secrets of one length. */
	friend bool operator==(const Secret &a, const Secret &b);

private:
	void map(std::size_t size);
	void clear() noexcept;

	std::uint8_t *data_ = nullptr; // an anonymous mapping of our own
	std::size_t size_ = 0;
	bool locked_ = false;
};

void append(std::string &, const Secret &) = delete;

/* Overwrites memory in a way that the compiler keeps. */
void wipe(std::span<std::uint8_t> bytes);
void wipe(std::string &text);

} // namespace hawser
