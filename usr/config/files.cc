/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/files.h"

#include "base/str.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <sys/file.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

namespace hawser::config
{

namespace
{

constexpr std::string_view temporary_prefix = ".tmp-";
constexpr std::size_t read_step = 4096;
constexpr auto lock_interval = std::chrono::milliseconds(5);

/* From this many files on one syncfs(2) is cheaper than an fsync(2) for each. */
constexpr std::size_t many_files = 32;

struct CloseDir {
	void operator()(DIR *dir) const { ::closedir(dir); }
};

std::string parent_of(const std::string &path)
{
	const auto slash = path.find_last_of('/');
	if (slash == std::string::npos)
		return ".";
	return slash == 0 ? "/" : path.substr(0, slash);
}

Status write_all(int fd, std::string_view contents, const std::string &path)
{
	while (!contents.empty()) {
		const ssize_t done = ::write(fd, contents.data(), contents.size());
		if (done < 0) {
			if (errno == EINTR)
				continue;
			return system_failure("write", path);
		}
		contents.remove_prefix(static_cast<std::size_t>(done));
	}
	return {};
}

/*
 * Is this what a writer that died between write and rename left behind? The writers of one
 * folder have no lock in common everywhere: those that live finish their own.
 */
bool is_leftover(std::string_view name)
{
	if (!name.starts_with(temporary_prefix))
		return false;
	name.remove_prefix(temporary_prefix.size());
	const auto writer = parse_number(name.substr(0, name.find('-')));
	return !writer || *writer == static_cast<std::uint64_t>(::getpid()) ||
	       *writer > INT32_MAX ||
	       (::kill(static_cast<pid_t>(*writer), 0) != 0 && errno == ESRCH);
}

void remove_leftovers(int folder)
{
	const int copy = ::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (copy < 0)
		return;
	std::unique_ptr<DIR, CloseDir> dir(::fdopendir(copy));
	if (!dir) {
		::close(copy);
		return;
	}
	while (const dirent *entry = ::readdir(dir.get()))
		if (is_leftover(entry->d_name))
			::unlinkat(folder, entry->d_name, 0);
}

} // namespace

tl::unexpected<Error> system_failure(std::string_view doing, std::string_view path)
{
	const int number = errno;
	const bool forbidden = number == EACCES || number == EPERM;
	return fail(forbidden ? Code::no_permission : Code::record_failed,
		    str("cannot ", doing, " ", path, ": ", std::strerror(number)));
}

/*
 * Without a descriptor when there is no such file. Nobody is waited for at the other end of a
 * pipe.
 */
static Result<Fd> open_to_read(const std::string &path)
{
	Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
	if (!fd && errno != ENOENT && errno != ENOTDIR)
		return system_failure("open", path);
	struct stat info;
	if (fd && ::fstat(fd.get(), &info) == 0 && S_ISFIFO(info.st_mode))
		return fail(Code::record_failed, str(path, " is a pipe"));
	return fd;
}

bool may_be_record(const std::string &path, std::size_t limit)
{
	struct stat info;

	return ::stat(path.c_str(), &info) != 0 ||
	       (S_ISREG(info.st_mode) && static_cast<std::size_t>(info.st_size) <= limit);
}

Result<std::optional<std::string>> read_file(const std::string &path, std::size_t limit)
{
	auto fd = open_to_read(path);
	if (!fd)
		return tl::unexpected(fd.error());
	if (!*fd)
		return std::nullopt;
	/* Straight into place: what a file holds is in memory once, and the caller can wipe it. */
	struct stat info;
	std::string contents;
	if (::fstat(fd->get(), &info) == 0 && info.st_size > 0)
		contents.reserve(std::min<std::size_t>(info.st_size, limit) + read_step);
	for (std::size_t size = 0;;) {
		contents.resize(std::max(contents.capacity(), size + read_step));
		const ssize_t got =
		    ::read(fd->get(), contents.data() + size, contents.size() - size);
		if (got < 0) {
			if (errno == EINTR)
				continue;
			return system_failure("read", path);
		}
		size += static_cast<std::size_t>(got);
		if (size > limit)
			return fail(Code::record_failed,
				    str(path, " is larger than ", limit, " bytes"));
		if (got == 0) {
			contents.resize(size);
			return contents;
		}
	}
}

Result<std::optional<Secret>> read_secret_file(const std::string &path, std::size_t limit)
{
	auto fd = open_to_read(path);
	if (!fd)
		return tl::unexpected(fd.error());
	if (!*fd)
		return std::nullopt;
	struct stat info;
	if (::fstat(fd->get(), &info) != 0)
		return system_failure("read", path);
	if (static_cast<std::size_t>(info.st_size) > limit)
		return fail(Code::record_failed, str(path, " is larger than ", limit, " bytes"));
	std::size_t size = 0;
	ssize_t got = 0;
	Secret whole = Secret::make(info.st_size, [&](std::span<std::uint8_t> room) {
		while (size < room.size()) {
			got = ::read(fd->get(), room.data() + size, room.size() - size);
			if (got == 0 || (got < 0 && errno != EINTR))
				return;
			size += static_cast<std::size_t>(std::max<ssize_t>(got, 0));
		}
	});
	if (got < 0)
		return system_failure("read", path);
	if (size == whole.size())
		return whole;
	return Secret(whole.bytes().first(size)); // it became shorter while it was read
}

Result<std::vector<std::string>> list_folder(const std::string &path, std::string_view suffix)
{
	std::vector<std::string> names;
	std::unique_ptr<DIR, CloseDir> dir(::opendir(path.c_str()));
	if (!dir) {
		if (errno == ENOENT)
			return names;
		return system_failure("open", path);
	}
	while (const dirent *entry = ::readdir(dir.get())) {
		const std::string_view name = entry->d_name;
		if (!name.starts_with('.') && name.ends_with(suffix))
			names.emplace_back(name);
	}
	std::sort(names.begin(), names.end());
	return names;
}

Status make_folder(const std::string &path)
{
	if (::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST)
		return {};
	if (errno != ENOENT || path == parent_of(path))
		return system_failure("make", path);
	if (auto made = make_folder(parent_of(path)); !made)
		return made;
	if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
		return system_failure("make", path);
	return {};
}

Result<FileBatch> FileBatch::open(const std::string &folder)
{
	if (auto made = make_folder(folder); !made)
		return tl::unexpected(made.error());
	Fd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	if (!fd)
		return system_failure("open", folder);
	remove_leftovers(fd.get());
	return FileBatch(folder, std::move(fd));
}

FileBatch::~FileBatch()
{
	for (const auto &change : changes_)
		if (!change.temporary.empty())
			::unlinkat(fd_.get(), change.temporary.c_str(), 0);
}

Status FileBatch::write(const std::string &name, std::string_view contents, mode_t mode)
{
	const std::string temporary = str(temporary_prefix, ::getpid(), "-", changes_.size());
	Fd file(
	    ::openat(fd_.get(), temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
	if (!file)
		return system_failure("write", str(folder_, "/", name));
	changes_.push_back({name, temporary});
	/* The mode that was asked for, whatever the umask; chmod(2) would write the inode once
	 * more. */
	struct stat made;
	if (::fstat(file.get(), &made) != 0 ||
	    ((made.st_mode & 07777) != mode && ::fchmod(file.get(), mode) != 0))
		return system_failure("write", str(folder_, "/", name));
	return write_all(file.get(), contents, str(folder_, "/", name));
}

void FileBatch::remove(const std::string &name)
{
	changes_.push_back({name, {}});
}

Status FileBatch::sync_contents()
{
	if (changes_.size() >= many_files) {
		if (::syncfs(fd_.get()) != 0)
			return system_failure("sync", folder_);
		return {};
	}
	for (const auto &change : changes_) {
		if (change.temporary.empty())
			continue;
		Fd file(::openat(fd_.get(), change.temporary.c_str(), O_RDONLY | O_CLOEXEC));
		if (!file || ::fsync(file.get()) != 0)
			return system_failure("sync", str(folder_, "/", change.name));
	}
	return {};
}

Status FileBatch::commit()
{
	if (changes_.empty())
		return {};
	if (auto synced = sync_contents(); !synced)
		return synced;
	for (auto &change : changes_) {
		const std::string path = str(folder_, "/", change.name);
		if (change.temporary.empty()) {
			if (::unlinkat(fd_.get(), change.name.c_str(), 0) != 0 && errno != ENOENT)
				return system_failure("remove", path);
		} else {
			if (::renameat(fd_.get(), change.temporary.c_str(), fd_.get(),
				       change.name.c_str()) != 0)
				return system_failure("replace", path);
			change.temporary.clear();
		}
	}
	changes_.clear();
	if (::fsync(fd_.get()) != 0)
		return system_failure("sync", folder_);
	return {};
}

Status write_file(const std::string &folder, const std::string &name, std::string_view contents,
		  mode_t mode)
{
	auto batch = FileBatch::open(folder);
	if (!batch)
		return tl::unexpected(batch.error());
	if (auto written = batch->write(name, contents, mode); !written)
		return written;
	return batch->commit();
}

Result<WriteLock> WriteLock::take(const std::string &folder, const std::string &path,
				  std::chrono::milliseconds patience)
{
	if (auto made = make_folder(folder); !made)
		return tl::unexpected(made.error());
	Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
	if (!fd)
		return system_failure("open", path);
	/* flock() has no time limit of its own and a stopped writer would hold us for ever. */
	const auto deadline = std::chrono::steady_clock::now() + patience;
	while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return system_failure("lock", path);
		if (std::chrono::steady_clock::now() >= deadline)
			return fail(Code::busy,
				    str("the records are being written by another process: ", path,
					" stayed locked for ", patience.count(), " ms"));
		std::this_thread::sleep_for(lock_interval);
	}
	return WriteLock(std::move(fd));
}

} // namespace hawser::config
