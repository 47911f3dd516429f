/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log_queue.h"

#include <catch2/catch.hpp>
#include <condition_variable>
#include <mutex>
#include <thread>

using namespace hawser;
using namespace std::chrono_literals;

namespace
{

/* A journal that takes lines while its gate is open. The test holds on to it, too. */
class Journal
{
public:
	void open(bool opened)
	{
		const std::lock_guard held(lock_);
		opened_ = opened;
		changed_.notify_all();
	}
	void take(std::string line)
	{
		std::unique_lock held(lock_);
		changed_.wait(held, [&] { return opened_; });
		lines_.push_back(std::move(line));
	}
	std::vector<std::string> lines()
	{
		const std::lock_guard held(lock_);
		return lines_;
	}

private:
	std::mutex lock_;
	std::condition_variable changed_;
	bool opened_ = true;
	std::vector<std::string> lines_;
};

class JournalOfTest : public LogSink
{
public:
	explicit JournalOfTest(std::shared_ptr<Journal> journal) : journal_(std::move(journal)) {}
	void write(Level level, std::string_view text, std::span<const LogField> fields) override
	{
		std::string line = str(static_cast<int>(level), ' ', text);
		for (const auto &field : fields)
			append(line, str(' ', field.name, '=', field.value));
		journal_->take(std::move(line));
	}

private:
	std::shared_ptr<Journal> journal_;
};

struct Logged {
	std::shared_ptr<Journal> journal = std::make_shared<Journal>();

	~Logged() { journal->open(true); } // lets a thread that was left behind end

	std::unique_ptr<QueuedSink> queue(std::size_t room = QueuedSink::default_room,
					  std::chrono::milliseconds patience = 10s)
	{
		return std::make_unique<QueuedSink>(std::make_unique<JournalOfTest>(journal), room,
						    patience);
	}
};

} // namespace

TEST_CASE_METHOD(Logged, "queued lines are written in their order, the last before the end")
{
	{
		Log log(queue(), Level::debug);
		const LogField fields[] = {{"HAWSER_TARGET", "iqn.2026-01.com.example:a"}};
		log.write(Level::error, "login failed", fields);
		for (int i = 0; i < 100; i++)
			log(Level::debug, "line ", i);
	}
	const auto lines = journal->lines();
	REQUIRE(lines.size() == 101);
	CHECK(lines[0] == "3 login failed HAWSER_TARGET=iqn.2026-01.com.example:a");
	for (int i = 0; i < 100; i++)
		CHECK(lines[static_cast<std::size_t>(i) + 1] == str("7 line ", i));
}

TEST_CASE_METHOD(Logged, "a journal that hangs holds nobody up, and what was lost is counted")
{
	journal->open(false);
	std::size_t written = 0, lost = 0;
	{
		Log log(queue(4096), Level::debug);
		for (int i = 0; i < 1000; i++)
			log(Level::notice, "line ", i);
		journal->open(true);
		while (journal->lines().empty() || journal->lines().back().starts_with("5 line"))
			std::this_thread::sleep_for(1ms);
		log(Level::notice, "line after");
	}
	const auto lines = journal->lines();
	CHECK(lines.back() == "5 line after");
	for (const std::string &line : lines) {
		const auto colon = line.find("lost, for nothing took them: ");
		if (colon != std::string::npos)
			lost += std::stoul(line.substr(line.rfind(' ')));
		else if (line !=
			 "5 line after") // the count of what is missing stands where it is missing
			CHECK(line == str("5 line ", written++ + lost));
	}
	CHECK(written > 0);
	CHECK(lost > 0);
	CHECK(written + lost == 1000);
}

TEST_CASE_METHOD(Logged, "the end of the log waits for a journal that hangs, and not for ever")
{
	journal->open(false);
	const auto begun = std::chrono::steady_clock::now();
	{
		Log log(queue(QueuedSink::default_room, 50ms), Level::debug);
		log(Level::notice, "stopping");
	}
	const auto took = std::chrono::steady_clock::now() - begun;
	CHECK(took >= 50ms);
	CHECK(took < 5s);
}
