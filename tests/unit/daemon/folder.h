/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A folder of a test's own, gone with the test, and records in it. */
#pragma once

#include "config/store.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <string>

class Folder
{
public:
	Folder()
	{
		char name[] = "/tmp/hawser-test-XXXXXX";
		REQUIRE(mkdtemp(name));
		path_ = name;
	}
	Folder(const Folder &) = delete;
	Folder &operator=(const Folder &) = delete;
	~Folder() { std::filesystem::remove_all(path_); }

	const std::string &path() const { return path_; }

	hawser::config::Paths paths() const
	{
		hawser::config::Paths paths;
		paths.config_dir = path_ + "/etc";
		paths.state_dir = path_ + "/var";
		return paths;
	}

private:
	std::string path_;
};

inline hawser::config::Node a_node(const std::string &target = "iqn.2026-11.example:t")
{
	hawser::config::Node node;
	node.id = {target, {"192.0.2.1", 3260}, "default"};
	node.tpgt = 1;
	return node;
}

inline hawser::config::Identity an_identity()
{
	hawser::config::Identity identity;
	identity.name = "iqn.2026-11.io.hawser:host";
	identity.isid_random = 0x123456;
	return identity;
}
