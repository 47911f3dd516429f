/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"

#include <catch2/catch.hpp>

using namespace hawser;

namespace
{

struct Line {
	Level level;
	std::string text;
	std::vector<std::string> fields;
};

class MemorySink : public LogSink
{
public:
	explicit MemorySink(std::vector<Line> &lines) : lines_(lines) {}
	void write(Level level, std::string_view text, std::span<const LogField> fields) override
	{
		Line line{level, std::string(text), {}};
		for (const auto &field : fields)
			line.fields.push_back(str(field.name, '=', field.value));
		lines_.push_back(line);
	}

private:
	std::vector<Line> &lines_;
};

} // namespace

TEST_CASE("errors are logged and warnings are not until the level is raised")
{
	std::vector<Line> lines;
	Log log(std::make_unique<MemorySink>(lines));

	log(Level::error, "session ", 4, " is lost");
	log(Level::warning, "unseen");
	REQUIRE(lines.size() == 1);
	CHECK(lines[0].level == Level::error);
	CHECK(lines[0].text == "session 4 is lost");

	log.set_threshold(Level::debug);
	log(Level::debug, "seen");
	CHECK(lines.size() == 2);
}

TEST_CASE("level 0 cannot be turned off")
{
	std::vector<Line> lines;
	Log log(std::make_unique<MemorySink>(lines), Level::emergency);

	log(Level::alert, "unseen");
	log(Level::emergency, "seen");
	REQUIRE(lines.size() == 1);
	CHECK(lines[0].text == "seen");
}

TEST_CASE("fields reach the sink beside the text")
{
	std::vector<Line> lines;
	Log log(std::make_unique<MemorySink>(lines));
	const LogField fields[] = {{"HAWSER_TARGET", "iqn.2026-01.com.example:a"}};

	log.write(Level::error, "login failed", fields);
	REQUIRE(lines.size() == 1);
	CHECK(lines[0].fields ==
	      std::vector<std::string>{"HAWSER_TARGET=iqn.2026-01.com.example:a"});
}
