/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A folder of a test's own, gone with the test. */
#pragma once

#include "config/paths.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

namespace hawser::config
{

class Scratch
{
public:
	Scratch()
	{
		std::string name = std::filesystem::temp_directory_path() / "hawser-test-XXXXXX";
		if (!::mkdtemp(name.data()))
			throw std::runtime_error("mkdtemp");
		path = name;
		paths.config_dir = name + "/etc";
		paths.state_dir = name + "/var";
		paths.firmware_dir = name + "/ibft";
	}
	~Scratch() { std::filesystem::remove_all(path); }
	Scratch(const Scratch &) = delete;
	Scratch &operator=(const Scratch &) = delete;

	void put(const std::string &file, const std::string &text) const
	{
		std::filesystem::create_directories(std::filesystem::path(file).parent_path());
		std::ofstream(file, std::ios::binary) << text;
	}
	std::string get(const std::string &file) const
	{
		std::ifstream in(file, std::ios::binary);
		return {std::istreambuf_iterator<char>(in), {}};
	}

	std::filesystem::path path;
	Paths paths;
};

} // namespace hawser::config
