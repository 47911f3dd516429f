/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The files of saved sessions (daemon/saved.h). The daemon writes them, and a change of the
 * key (rekey.h) goes through them, at the same time. By two rules neither undoes the other's
 * work:
 *
 * - What is put under a name is put there with the lock of the folder held, and by a change
 *   of the key only in the place of the very text that it has read.
 * - A change of the key leaves the key's id in the folder, in the same hold of the lock in
 *   which it has seen that nothing is under another key. Whoever saves a session says which
 *   change he knows of, and writes nothing when there was another.
 *
 * The folder is in memory (/run), and nobody waits for a disk or for somebody else with the lock
 * in hand: the daemon may be what the disk waits for. So it is waited for a short time only.
 */
#pragma once

#include "base/error.h"
#include "config/files.h"

#include <functional>
#include <string>
#include <string_view>

namespace hawser::config
{

class SessionFiles
{
public:
	/* In the name of a session's file. */
	static constexpr std::string_view suffix = ".json";

	explicit SessionFiles(std::string folder) : folder_(std::move(folder)) {}

	const std::string &folder() const { return folder_; }

	/* The id of the key of the last change that has ended; empty: there was none. */
	Result<std::string> changed_to() const;

	/*
	 * Writes a file whole; @name is nobody else's to write but by exchange(). False, and
	 * nothing is written: @changed_to is not what changed_to() says. Code::busy when the
	 * lock is not to be had.
	 */
	Result<bool> put(const std::string &name, std::string_view contents,
			 const std::string &changed_to);

	/* Puts @contents in the place of @read. False: another text is there by now, or none. */
	Result<bool> exchange(const std::string &name, const std::string &read,
			      std::string_view contents);

	/* Leaves @id when @is_under holds for the text of every file, else does nothing: false. */
	Result<bool> end_change(const std::string &id,
				const std::function<bool(const std::string &text)> &is_under);

private:
	/* Writes it, and puts it under its name when @may says so with the lock held. */
	Result<bool> place(const std::string &name, std::string_view contents,
			   const std::function<Result<bool>()> &may) const;
	/* The path of a file of our own with @contents, to be renamed. */
	Result<std::string> write_aside(const std::string &name, std::string_view contents) const;
	std::string path_of(std::string_view name) const;

	std::string folder_;
};

} // namespace hawser::config
