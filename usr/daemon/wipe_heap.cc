/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hawserd wipes all memory of its heap that is given back. Secrets are in memory of their
 * own (base/secret.h), but those of a request or of hawserd.conf first came as text, and
 * passed through buffers of sockets and parsers: nothing of them is left for a core dump
 * when the request has ended. The cost is one pass over small pieces, in a program that
 * moves no data.
 */
#include <cstdlib>
#include <cstring>
#include <malloc.h>
#include <new>

namespace
{

void wipe_and_free(void *memory) noexcept
{
	if (!memory)
		return;
	::explicit_bzero(memory, ::malloc_usable_size(memory));
	std::free(memory);
}

} // namespace

/* Those for arrays call these. */
void operator delete(void *memory) noexcept
{
	wipe_and_free(memory);
}

void operator delete(void *memory, std::size_t) noexcept
{
	wipe_and_free(memory);
}

void operator delete(void *memory, std::align_val_t) noexcept
{
	wipe_and_free(memory);
}

void operator delete(void *memory, std::size_t, std::align_val_t) noexcept
{
	wipe_and_free(memory);
}
