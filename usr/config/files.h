/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files that are whole at every instant: what is written goes to a temporary
 * file, to the disk, and then under its name by rename(2), and the folder goes
 * to the disk as well. A reader sees the old file or the new one and needs no
 * lock. Writers hold the lock of the state folder from reading what they change
 * to the last rename, so that CLI and daemon never undo each other's work.
 *
 * Errors: Code::no_permission for EACCES and EPERM, else Code::record_failed;
 * the text names the file and what the system said.
 */
#pragma once

#include "base/error.h"
#include "base/fd.h"
#include "base/secret.h"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace hawser::config
{

/* The error of a system call that has just failed (errno). */
tl::unexpected<Error> system_failure(std::string_view doing, std::string_view path);

/* False for what no reading makes a record: a folder, a pipe, a file of more than @limit bytes. */
bool may_be_record(const std::string &path, std::size_t limit = 64u << 20);

/* The whole file, at most @limit bytes; nothing when there is no such file. */
Result<std::optional<std::string>> read_file(const std::string &path,
					     std::size_t limit = 64u << 20);

/*
 * The same for a file with secrets in the clear: straight into memory that is locked and left out
 * of core dumps. What is appended while it is read is not in it.
 */
Result<std::optional<Secret>> read_secret_file(const std::string &path, std::size_t limit);

/* The names in a folder that end in @suffix, sorted; none when there is no folder. */
Result<std::vector<std::string>> list_folder(const std::string &path, std::string_view suffix);

/* Makes a folder and those above it, with mode 0700, where they are missing. */
Status make_folder(const std::string &path);

/*
 * Writes and removes files of one folder as a batch: every file has its new
 * contents on the disk before the first rename, and the folder is synced once
 * at the end. A crash in between leaves each file old or new, never half. A batch
 * that is not committed leaves no trace; what a crash left behind is removed by
 * the next batch. The caller holds the lock.
 */
class FileBatch
{
public:
	/* Makes the folder where it is missing. */
	static Result<FileBatch> open(const std::string &folder);
	FileBatch(FileBatch &&) = default;
	FileBatch &operator=(FileBatch &&) = delete;
	~FileBatch();

	Status write(const std::string &name, std::string_view contents, mode_t mode = 0600);
	void remove(const std::string &name);
	Status commit();

private:
	struct Change {
		std::string name;
		std::string temporary; // empty: remove
	};

	FileBatch(std::string folder, Fd fd) : folder_(std::move(folder)), fd_(std::move(fd)) {}
	Status sync_contents();

	std::string folder_;
	Fd fd_;
	std::vector<Change> changes_;
};

/* A batch of one. */
Status write_file(const std::string &folder, const std::string &name, std::string_view contents,
		  mode_t mode = 0600);

/*
 * The writers' lock: flock(2) on a file that stays. Waits for another writer as long as
 * @patience, then fails with Code::busy. Released with the object, and by the kernel
 * when the holder dies.
 */
class WriteLock
{
public:
	static Result<WriteLock>
	take(const std::string &folder, const std::string &path,
	     std::chrono::milliseconds patience = std::chrono::seconds(10));

private:
	explicit WriteLock(Fd fd) : fd_(std::move(fd)) {}
	Fd fd_;
};

} // namespace hawser::config
