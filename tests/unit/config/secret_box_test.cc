/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/secret_box.h"

#include "base/coding.h"
#include "scratch.h"

#include <catch2/catch.hpp>
#include <sys/stat.h>

using namespace hawser;
using namespace hawser::config;

namespace
{

SecretBox box_in(const Scratch &scratch)
{
	return SecretBox(scratch.paths.config_dir, "secret.key");
}

} // namespace

TEST_CASE("a sealed secret opens again, in another process too")
{
	Scratch scratch;
	auto sealed = box_in(scratch).seal("correct horse", "node.session.auth.password");
	REQUIRE(sealed);
	CHECK(SecretBox::is_sealed(*sealed));
	auto opened = box_in(scratch).open(*sealed, "node.session.auth.password");
	REQUIRE(opened);
	CHECK(as_text(opened->bytes()) == "correct horse");
}

TEST_CASE("what is stored does not show the secret and differs each time")
{
	Scratch scratch;
	auto box = box_in(scratch);
	const auto first = box.seal("correct horse", "k").value();
	CHECK(first != box.seal("correct horse", "k").value());
	CHECK(first.find("correct") == std::string::npos);
	CHECK(first.find(base64_encode(as_bytes("correct horse"))) == std::string::npos);
}

TEST_CASE("an empty secret can be sealed")
{
	Scratch scratch;
	auto box = box_in(scratch);
	auto opened = box.open(box.seal("", "k").value(), "k");
	REQUIRE(opened);
	CHECK(opened->empty());
}

TEST_CASE("the key file is its user's alone")
{
	Scratch scratch;
	REQUIRE(box_in(scratch).seal("x", "k"));
	struct stat info;
	REQUIRE(::stat(scratch.paths.secret_key().c_str(), &info) == 0);
	CHECK((info.st_mode & 0777) == 0600);
	CHECK(info.st_size == 32);
}

TEST_CASE("a key file that others may read is refused")
{
	Scratch scratch;
	const auto sealed = box_in(scratch).seal("x", "k").value();
	REQUIRE(::chmod(scratch.paths.secret_key().c_str(), 0640) == 0);
	auto opened = box_in(scratch).open(sealed, "k");
	REQUIRE_FALSE(opened);
	CHECK(opened.error().code == Code::no_permission);
	CHECK(opened.error().text.find(scratch.paths.secret_key()) != std::string::npos);
}

TEST_CASE("a secret that was changed, moved to another key or cut short is refused")
{
	Scratch scratch;
	auto box = box_in(scratch);
	const auto sealed = box.seal("correct horse", "k").value();
	for (std::size_t i = 5; i < sealed.size(); i++) {
		auto changed = sealed;
		changed[i] = changed[i] == 'A' ? 'B' : 'A';
		CHECK_FALSE(box.open(changed, "k"));
	}
	CHECK_FALSE(box.open(sealed, "other"));
	CHECK_FALSE(box.open(sealed.substr(0, 20), "k"));
	CHECK_FALSE(box.open("", "k"));
	CHECK_FALSE(box.open("gcm1:", "k"));
	CHECK_FALSE(box.open("gcm2:", "k"));
	CHECK_FALSE(box.open("gcm2::" + sealed.substr(sealed.rfind(':') + 1), "k"));
	CHECK(box.open(sealed, "k"));
}

TEST_CASE("what was sealed before keys had ids opens, and is renewed under its key's id")
{
	Scratch scratch;
	auto box = box_in(scratch);
	const auto sealed = box.seal("correct horse", "k").value();
	const auto older = "gcm1:" + sealed.substr(sealed.rfind(':') + 1);
	auto opened = box_in(scratch).open(older, "k");
	REQUIRE(opened);
	CHECK(as_text(opened->bytes()) == "correct horse");
	const auto renewed = box_in(scratch).renew(older, "k").value();
	CHECK(renewed.substr(0, 22) == sealed.substr(0, 22));
	CHECK(box.renew(renewed, "k").value() == renewed);
}

TEST_CASE("a secret sealed under a lost key says so and names the key file")
{
	Scratch scratch;
	const auto sealed = box_in(scratch).seal("x", "k").value();
	std::filesystem::remove(scratch.paths.secret_key());
	REQUIRE(box_in(scratch).seal("y", "k"));
	auto opened = box_in(scratch).open(sealed, "k");
	REQUIRE_FALSE(opened);
	CHECK(opened.error().code == Code::record_failed);
	CHECK(opened.error().text.find("secret.key") != std::string::npos);
}

TEST_CASE("a key file of the wrong length is refused and not replaced")
{
	Scratch scratch;
	scratch.put(scratch.paths.secret_key(), "short");
	REQUIRE(::chmod(scratch.paths.secret_key().c_str(), 0600) == 0);
	CHECK_FALSE(box_in(scratch).seal("x", "k"));
	CHECK(scratch.get(scratch.paths.secret_key()) == "short");
}
