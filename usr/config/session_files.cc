/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/session_files.h"

#include "base/str.h"

#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <unistd.h>

namespace hawser::config
{

namespace
{

constexpr auto patience = std::chrono::milliseconds(500);
constexpr std::string_view key_name = ".key";
constexpr std::string_view lock_name = ".lock";

} // namespace

std::string SessionFiles::path_of(std::string_view name) const
{
	return str(folder_, '/', name);
}

Result<std::string> SessionFiles::changed_to() const
{
	auto id = read_file(path_of(key_name));
	if (!id)
		return tl::unexpected(id.error());
	return id->value_or("");
}

/*
 * Whole at every instant, as the records are, and cheaper. Nothing in this folder outlives
 * the machine, so nothing is synced. A killed process leaves it for the next FileBatch; one
 * of those reads the folder, and would do so a thousand times for a thousand sessions.
 */
Result<std::string> SessionFiles::write_aside(const std::string &name,
					      std::string_view contents) const
{
	if (auto made = make_folder(folder_); !made)
		return tl::unexpected(made.error());
	std::string aside = path_of(str(".tmp-", ::getpid(), '-', name));
	const Fd file(::open(aside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
	if (!file)
		return system_failure("write", path_of(name));
	while (!contents.empty()) {
		const ssize_t done = ::write(file.get(), contents.data(), contents.size());
		if (done < 0 && errno != EINTR) {
			auto failure = system_failure("write", path_of(name));
			::unlink(aside.c_str());
			return failure;
		}
		if (done > 0)
			contents.remove_prefix(static_cast<std::size_t>(done));
	}
	return aside;
}

Result<bool> SessionFiles::place(const std::string &name, std::string_view contents,
				 const std::function<Result<bool>()> &may) const
{
	auto aside = write_aside(name, contents);
	if (!aside)
		return tl::unexpected(aside.error());
	Result<bool> placed = false;
	if (auto held = WriteLock::take(folder_, path_of(lock_name), patience); !held)
		placed = tl::unexpected(held.error());
	else if (placed = may();
		 placed && *placed && ::rename(aside->c_str(), path_of(name).c_str()) != 0)
		placed = system_failure("replace", path_of(name));
	if (!placed || !*placed)
		::unlink(aside->c_str());
	return placed;
}

Result<bool> SessionFiles::put(const std::string &name, std::string_view contents,
			       const std::string &changed_to)
{
	return place(name, contents, [&]() -> Result<bool> {
		auto last = this->changed_to();
		if (!last)
			return tl::unexpected(last.error());
		return *last == changed_to;
	});
}

Result<bool> SessionFiles::exchange(const std::string &name, const std::string &read,
				    std::string_view contents)
{
	return place(name, contents, [&]() -> Result<bool> {
		auto there = read_file(path_of(name));
		if (!there)
			return tl::unexpected(there.error());
		return *there == read;
	});
}

Result<bool> SessionFiles::end_change(const std::string &id,
				      const std::function<bool(const std::string &text)> &is_under)
{
	return place(std::string(key_name), id, [&]() -> Result<bool> {
		auto names = list_folder(folder_, suffix);
		if (!names)
			return tl::unexpected(names.error());
		for (const auto &name : *names) {
			auto text = read_file(path_of(name));
			if (!text)
				return tl::unexpected(text.error());
			if (*text && !is_under(**text))
				return false;
		}
		return true;
	});
}

} // namespace hawser::config
