/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/files.h"

#include "scratch.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace hawser;
using namespace hawser::config;

TEST_CASE("a file that is not there reads as nothing")
{
	Scratch scratch;
	auto text = read_file(scratch.path / "none");
	REQUIRE(text);
	CHECK_FALSE(*text);
	CHECK(list_folder(scratch.path / "none", ".json")->empty());
}

TEST_CASE("a file above the limit is refused")
{
	Scratch scratch;
	scratch.put(scratch.path / "f", std::string(100, 'x'));
	CHECK(read_file(scratch.path / "f", 100));
	CHECK(read_file(scratch.path / "f", 99).error().code == Code::record_failed);
}

TEST_CASE("a batch makes its folder, writes for its user alone and removes")
{
	Scratch scratch;
	const std::string folder = scratch.path / "a/b";
	REQUIRE(write_file(folder, "old", "1"));
	auto batch = FileBatch::open(folder);
	REQUIRE(batch);
	REQUIRE(batch->write("new", "2"));
	batch->remove("old");
	batch->remove("never there");
	REQUIRE(batch->commit());
	CHECK(list_folder(folder, "").value() == std::vector<std::string>{"new"});
	CHECK(scratch.get(folder + "/new") == "2");
	struct stat info;
	REQUIRE(::stat((folder + "/new").c_str(), &info) == 0);
	CHECK((info.st_mode & 0777) == 0600);
}

TEST_CASE("a file has the mode that was asked for, whatever the umask")
{
	Scratch scratch;
	const std::string folder = scratch.path / "a";
	const mode_t before = ::umask(0777);
	const auto written = write_file(folder, "public", "x", 0644);
	::umask(before);
	REQUIRE(written);
	struct stat info;
	REQUIRE(::stat((folder + "/public").c_str(), &info) == 0);
	CHECK((info.st_mode & 07777) == 0644);
}

TEST_CASE("a batch that is not committed leaves no trace")
{
	Scratch scratch;
	const std::string folder = scratch.path / "f";
	REQUIRE(write_file(folder, "file", "old"));
	{
		auto batch = FileBatch::open(folder);
		REQUIRE(batch);
		REQUIRE(batch->write("file", "new"));
	}
	CHECK(scratch.get(folder + "/file") == "old");
	CHECK(std::distance(std::filesystem::directory_iterator(folder), {}) == 1);
}

TEST_CASE("what a writer that died left behind is removed by the next one")
{
	Scratch scratch;
	const std::string folder = scratch.path / "f";
	const pid_t dead = ::fork();
	if (dead == 0)
		::_exit(0);
	REQUIRE(::waitpid(dead, nullptr, 0) == dead);
	const std::string left = folder + "/.tmp-" + std::to_string(dead) + "-0";
	const std::string ours = folder + "/.tmp-" + std::to_string(::getpid()) + "-0";
	const std::string at_work = folder + "/.tmp-" + std::to_string(::getppid()) + "-0";
	for (const auto &file : {left, ours, at_work})
		scratch.put(file, "half a rec");
	REQUIRE(write_file(folder, "file", "x"));
	CHECK_FALSE(std::filesystem::exists(left));
	CHECK_FALSE(std::filesystem::exists(ours));
	CHECK(std::filesystem::exists(at_work));
}

TEST_CASE("many files go in one batch")
{
	Scratch scratch;
	auto batch = FileBatch::open(scratch.path / "f");
	REQUIRE(batch);
	for (int i = 0; i < 100; i++)
		REQUIRE(batch->write(std::to_string(i) + ".json", std::to_string(i)));
	REQUIRE(batch->commit());
	CHECK(list_folder(scratch.path / "f", ".json")->size() == 100);
	CHECK(scratch.get(scratch.path / "f/57.json") == "57");
}

TEST_CASE("one writer at a time holds the lock")
{
	Scratch scratch;
	const std::string lock = scratch.path / "lock";
	std::atomic<int> inside{0}, most{0};
	auto work = [&] {
		for (int i = 0; i < 20; i++) {
			auto held = WriteLock::take(scratch.path, lock);
			REQUIRE(held);
			const int now = ++inside;
			most = std::max(most.load(), now);
			--inside;
		}
	};
	std::thread one(work), two(work), three(work);
	one.join();
	two.join();
	three.join();
	CHECK(most == 1);
}
