/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A folder in memory for code that works on files; gone when the fuzzer ends in good order. */
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

namespace hawser::fuzz
{

class Folder
{
public:
	Folder()
	{
		// fsync() costs nothing there.
		path_ = std::filesystem::exists("/dev/shm") ? "/dev/shm" : "/tmp";
		path_ += "/hawser-fuzz-XXXXXX";
		if (!mkdtemp(path_.data()))
			std::abort();
	}
	Folder(const Folder &) = delete;
	Folder &operator=(const Folder &) = delete;
	~Folder() { std::filesystem::remove_all(path_); }

	const std::string &path() const { return path_; }

private:
	std::string path_;
};

} // namespace hawser::fuzz
