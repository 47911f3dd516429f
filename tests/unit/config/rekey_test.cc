/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/rekey.h"

#include "base/coding.h"
#include "config/session_files.h"
#include "config/store.h"
#include "scratch.h"

#include <catch2/catch.hpp>
#include <csignal>
#include <nlohmann/json.hpp>
#include <set>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace hawser;
using namespace hawser::config;

namespace
{

namespace fs = std::filesystem;

constexpr std::string_view password = "node.session.auth.password";
constexpr std::string_view discovery_password = "discovery.sendtargets.auth.password";

/* Records with secrets of every kind of file, and a saved session. */
struct Machine {
	Scratch scratch;

	Machine()
	{
		scratch.paths.run_dir = scratch.path / "run";
		scratch.paths.credentials_dir = scratch.path / "credentials";
		Store store(scratch.paths);
		for (const std::string name : {"a", "b", "c"}) {
			Node node;
			node.id = {"iqn.2003-01.org.example:" + name, {"192.0.2.1", 3260}};
			REQUIRE(
			    node.settings.set(password, "the secret of " + name, store.secrets()));
			REQUIRE(store.add_nodes({node}));
			if (name != "a")
				continue;
			Target target;
			target.name = node.id.target;
			target.nodes.push_back(node);
			const nlohmann::json saved = {{"version", 1},
						      {"node", target_to_text(target)},
						      {"iface", iface_to_text(Iface{"default"})}};
			scratch.put(scratch.paths.saved_sessions() + "/one.json", saved.dump());
		}
		DiscoveryRecord record{{"192.0.2.1", 3260}};
		REQUIRE(record.settings.set(discovery_password, "of discovery!", store.secrets()));
		REQUIRE(store.put_discovery_record(record));
	}

	Result<RekeyReport> change()
	{
		Store store(scratch.paths);
		return rekey(scratch.paths, store.secrets());
	}

	/* The ids of the keys that secrets are under. */
	std::set<std::string> ids() const
	{
		std::set<std::string> ids;
		for (const auto &entry : fs::recursive_directory_iterator(scratch.path)) {
			if (!entry.is_regular_file())
				continue;
			const std::string text = scratch.get(entry.path());
			for (auto at = text.find("gcm2:"); at != std::string::npos;
			     at = text.find("gcm2:", at + 1))
				ids.insert(text.substr(at + 5, 16));
		}
		return ids;
	}

	/* Every secret opens, for a program that starts now. */
	void check_secrets() const
	{
		Store store(scratch.paths);
		auto opens = [&](const Settings &settings, std::string_view key,
				 std::string_view value) {
			auto secret = settings.secret(key, store.secrets());
			INFO((secret ? "" : secret.error().text));
			REQUIRE(secret);
			CHECK(as_text(secret->bytes()) == value);
		};
		auto nodes = store.nodes();
		REQUIRE(nodes);
		REQUIRE(nodes->problems.empty());
		REQUIRE(nodes->items.size() == 3);
		for (const auto &node : nodes->items)
			opens(node.settings, password,
			      "the secret of " + node.id.target.substr(node.id.target.size() - 1));
		auto record = store.discovery_record(RecordKind::send_targets, {"192.0.2.1", 3260});
		REQUIRE(record);
		opens(record->settings, discovery_password, "of discovery!");
		const auto saved = nlohmann::json::parse(
		    scratch.get(scratch.paths.saved_sessions() + "/one.json"));
		auto node = target_from_text(saved["node"].get<std::string>());
		REQUIRE(node);
		opens(node->nodes.front().settings, password, "the secret of a");
	}

	bool has(const std::string &name) const
	{
		return fs::exists(scratch.paths.config_dir + "/" + name);
	}
};

/* Calls that change what is on the disk. */
bool changes_disk(std::uint64_t number)
{
	switch (number) {
	case SYS_openat:
	case SYS_write:
	case SYS_fsync:
	case SYS_syncfs:
	case SYS_link:
	case SYS_rename:
	case SYS_renameat:
	case SYS_unlink:
	case SYS_unlinkat:
		return true;
	}
	return false;
}

/*
 * Runs @work, which says whether it went well, in a process of its own, which waits for @at before
 * its call number @count that changes the disk. False when it had fewer.
 */
template <class Work, class At> bool stopped_before(unsigned count, Work work, At at)
{
	const pid_t child = ::fork();
	if (child == 0) {
		::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
		::raise(SIGSTOP);
		::_exit(work() ? 0 : 1);
	}
	REQUIRE(child > 0);
	int status = 0;
	REQUIRE(::waitpid(child, &status, 0) == child);
	REQUIRE(WIFSTOPPED(status));
	::ptrace(PTRACE_SETOPTIONS, child, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
	bool reached = false;
	for (unsigned seen = 0;;) {
		::ptrace(PTRACE_SYSCALL, child, nullptr, nullptr);
		REQUIRE(::waitpid(child, &status, 0) == child);
		if (WIFSIGNALED(status))
			return true;
		if (!WIFSTOPPED(status)) {
			REQUIRE(WIFEXITED(status));
			REQUIRE(WEXITSTATUS(status) == 0);
			return reached;
		}
		__ptrace_syscall_info info{};
		::ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof info, &info);
		if (reached || info.op != PTRACE_SYSCALL_INFO_ENTRY ||
		    !changes_disk(info.entry.nr) || ++seen < count)
			continue;
		reached = true;
		at(child);
	}
}

/* The same, and it is killed there. */
template <class Work> bool killed_before(unsigned count, Work work)
{
	return stopped_before(count, work, [](pid_t child) { ::kill(child, SIGKILL); });
}

} // namespace

TEST_CASE_METHOD(Machine, "a change of the key encrypts every record and saved session anew")
{
	const auto before = ids();
	REQUIRE(before.size() == 1);
	auto report = change();
	INFO((report ? "" : report.error().text));
	REQUIRE(report);
	CHECK(report->secrets == 5);
	CHECK(report->files == 5);
	CHECK(ids() == std::set{report->key});
	CHECK(report->key != *before.begin());
	CHECK_FALSE(has("secret.key.old"));
	check_secrets();
}

TEST_CASE_METHOD(Machine, "a change of the key that is killed at any step loses no secret")
{
	const fs::path saved = scratch.path.string() + ".before";
	fs::copy(scratch.path, saved, fs::copy_options::recursive);
	unsigned step = 1;
	unsigned halfway = 0;
	for (;; step++) {
		fs::remove_all(scratch.path);
		fs::copy(saved, scratch.path, fs::copy_options::recursive);
		const bool killed = killed_before(step, [&] { return change().has_value(); });
		INFO("killed before call " << step);
		check_secrets();
		halfway += ids().size() > 1;

		Store store(scratch.paths);
		auto finished = finish_rekey(scratch.paths, store.secrets());
		INFO((finished ? "" : finished.error().text));
		REQUIRE(finished);
		CHECK(ids().size() == 1);
		CHECK_FALSE(has("secret.key.old"));
		check_secrets();
		if (!killed)
			break;
	}
	fs::remove_all(saved);
	CHECK(step > 50);
	CHECK(halfway > 5);
}

TEST_CASE_METHOD(Machine, "what is saved of a session while the key is changed is not lost")
{
	SessionFiles files(scratch.paths.saved_sessions());
	const std::string file = files.folder() + "/one.json";
	auto newer = nlohmann::json::parse(scratch.get(file));
	newer["newer"] = "yes";
	const fs::path before = scratch.path.string() + ".before";
	fs::copy(scratch.path, before, fs::copy_options::recursive);
	unsigned written = 0, refused = 0, reported = 0;
	for (unsigned step = 1;; step++) {
		fs::remove_all(scratch.path);
		fs::copy(before, scratch.path, fs::copy_options::recursive);
		bool put = false;
		const bool reached = stopped_before(
		    step, [&] { return change().has_value(); },
		    [&](pid_t) {
			    // By who knows of no change, under the key of before.
			    auto done = files.put("one.json", newer.dump(), "");
			    put = done.value_or(false);
			    refused += done && !*done;
			    reported += !done;
		    });
		INFO("saved before call " << step);
		written += put;
		CHECK((scratch.get(file).find("newer") != std::string::npos) == put);
		CHECK(ids().size() == 1);
		CHECK_FALSE(has("secret.key.old"));
		check_secrets();
		if (!reached)
			break;
	}
	fs::remove_all(before);
	CHECK(written > 50);
	CHECK(refused > 0);   // once the change has ended
	CHECK(reported < 10); // while it had the lock
}

TEST_CASE_METHOD(Machine,
		 "a change that was cut short is ended by the next, and goes on to its own")
{
	const auto before = ids();
	const std::string key = scratch.get(scratch.paths.secret_key());
	const fs::path saved = scratch.path.string() + ".before";
	fs::copy(scratch.path, saved, fs::copy_options::recursive);
	/* Killed when the new key is in place and nothing is under it yet. */
	for (unsigned step = 1; scratch.get(scratch.paths.secret_key()) == key; step++) {
		fs::remove_all(scratch.path);
		fs::copy(saved, scratch.path, fs::copy_options::recursive);
		REQUIRE(killed_before(step, [&] { return change().has_value(); }));
	}
	fs::remove_all(saved);
	REQUIRE(ids() == before);
	Store store(scratch.paths);
	const auto between = store.secrets().keys().current().value()->id;
	auto report = change();
	REQUIRE(report);
	CHECK(report->key != between);
	CHECK(ids() == std::set{report->key});
	check_secrets();
}

TEST_CASE_METHOD(Machine, "a secret that does not open refuses the change, and nothing changes")
{
	const auto before = ids();
	const std::string key = scratch.get(scratch.paths.secret_key());
	const std::string file = scratch.paths.nodes() + "/iqn.2003-01.org.example:x.json";
	scratch.put(file,
		    R"({"values": {"node.session.auth.password": "gcm2:0123456789abcdef:AAAA"}})");
	auto report = change();
	REQUIRE_FALSE(report);
	CHECK(report.error().code == Code::record_failed);
	CHECK_THAT(report.error().text, Catch::Contains("example:x.json") &&
					    Catch::Contains("node.session.auth.password"));
	CHECK(scratch.get(scratch.paths.secret_key()) == key);
	CHECK_FALSE(has("secret.key.old"));
	fs::remove(file);
	check_secrets();
}

TEST_CASE_METHOD(Machine, "a file that is not JSON refuses the change by its name")
{
	scratch.put(scratch.paths.nodes() + "/torn.json", "{\"format\": 1, ");
	auto report = change();
	REQUIRE_FALSE(report);
	CHECK_THAT(report.error().text, Catch::Contains("torn.json"));
	fs::remove(scratch.paths.nodes() + "/torn.json");
	check_secrets();
}

TEST_CASE_METHOD(Machine, "what a process encrypted before a change is stored under the new key")
{
	Store store(scratch.paths);
	Node node;
	node.id = {"iqn.2003-01.org.example:late", {"192.0.2.1", 3260}};
	REQUIRE(node.settings.set(password, "the secret of e", store.secrets()));
	DiscoveryRecord record{{"192.0.2.2", 3260}};
	REQUIRE(record.settings.set(discovery_password, "of discovery!", store.secrets()));
	auto report = change();
	REQUIRE(report);
	REQUIRE(store.add_nodes({node}));
	REQUIRE(store.put_discovery_record(record));
	CHECK(ids() == std::set{report->key});
}

TEST_CASE_METHOD(Machine,
		 "a damaged secret does not keep the rest of its record from being changed")
{
	fs::remove(scratch.paths.secret_key());
	Store store(scratch.paths);
	auto updated = store.update_nodes({}, [&](Node &node) -> Status {
		return node.settings.set("node.startup", "automatic", store.secrets())
		    .map([](const std::string &) {});
	});
	REQUIRE(updated);
	CHECK(updated->items.size() == 3);
	CHECK_FALSE(has("secret.key"));
}

TEST_CASE_METHOD(Machine, "with a credential, it is the key, and a change leaves no key file")
{
	const std::string credential = scratch.paths.credentials_dir + "/hawser.key";
	scratch.put(credential, std::string(32, 'k'));
	REQUIRE(::chmod(credential.c_str(), 0400) == 0);
	check_secrets(); // under the key file, which is still there
	auto report = change();
	REQUIRE(report);
	CHECK(report->place == credential);
	CHECK(ids() == std::set{report->key});
	CHECK_FALSE(has("secret.key"));
	check_secrets();

	SECTION("a second change has nothing to do")
	{
		auto again = change();
		REQUIRE(again);
		CHECK(again->secrets == 0);
		CHECK(again->key == report->key);
	}
	SECTION("another credential takes over from the one before it")
	{
		fs::rename(credential, credential + ".old");
		scratch.put(credential, std::string(32, 'n'));
		REQUIRE(::chmod(credential.c_str(), 0400) == 0);
		check_secrets();
		auto again = change();
		REQUIRE(again);
		CHECK(again->key != report->key);
		fs::remove(credential + ".old");
		check_secrets();
	}
	SECTION("without the service no key file is made in its place")
	{
		fs::remove(credential);
		Store store(scratch.paths);
		auto sealed = store.secrets().seal("x", "k");
		REQUIRE_FALSE(sealed);
		CHECK_THAT(sealed.error().text, Catch::Contains("start hawserd.service"));
		CHECK_FALSE(has("secret.key"));
		auto nodes = store.nodes();
		REQUIRE(nodes);
		auto opened = nodes->items.front().settings.secret(password, store.secrets());
		REQUIRE_FALSE(opened);
		CHECK_THAT(opened.error().text, Catch::Contains("start hawserd.service") &&
						    Catch::Contains(report->key));
	}
	SECTION("the key file comes back as a copy of the credential")
	{
		scratch.put(scratch.paths.secret_key(), std::string(32, 'k'));
		REQUIRE(::chmod(scratch.paths.secret_key().c_str(), 0600) == 0);
		fs::remove(credential);
		check_secrets();
		auto again = change();
		REQUIRE(again);
		CHECK(again->key != report->key);
		CHECK_FALSE(has("secret.credential"));
		check_secrets();
	}
}

TEST_CASE("where a credential comes first no key file is made")
{
	Scratch scratch;
	scratch.paths.credentials_dir = scratch.path / "credentials";
	const std::string credential = scratch.paths.credentials_dir + "/hawser.key";
	scratch.put(credential, std::string(32, 'k'));
	REQUIRE(::chmod(credential.c_str(), 0400) == 0);
	Store store(scratch.paths);
	REQUIRE(store.secrets().seal("x", "k"));
	CHECK_FALSE(fs::exists(scratch.paths.secret_key()));
	fs::remove(credential);
	CHECK_FALSE(Store(scratch.paths).secrets().seal("x", "k"));
}

TEST_CASE("a credential that others may read, or of another length, is refused")
{
	Scratch scratch;
	scratch.paths.credentials_dir = scratch.path / "credentials";
	const std::string credential = scratch.paths.credentials_dir + "/hawser.key";
	const auto [size, mode] =
	    GENERATE(table<std::size_t, mode_t>({{32, 0440}, {31, 0400}, {33, 0400}, {0, 0400}}));
	scratch.put(credential, std::string(size, 'k'));
	REQUIRE(::chmod(credential.c_str(), mode) == 0);
	auto sealed = Store(scratch.paths).secrets().seal("x", "k");
	REQUIRE_FALSE(sealed);
	CHECK_THAT(sealed.error().text, Catch::Contains(credential));
	CHECK_FALSE(fs::exists(scratch.paths.secret_key()));
}

TEST_CASE_METHOD(Machine,
		 "the key is not changed while a file that was set aside has secrets under it")
{
	const std::string aside = scratch.paths.nodes() + "/iqn.2003-01.org.example:a.json.damaged";
	fs::rename(scratch.paths.nodes() + "/iqn.2003-01.org.example:a.json", aside);
	const auto before = ids();
	auto changed = change();
	REQUIRE_FALSE(changed);
	CHECK(changed.error().text.find(aside) != std::string::npos);
	CHECK(ids() == before);
	fs::remove(aside);
	CHECK(change());
}

TEST_CASE_METHOD(Machine, "a portal's record that is changed while the key is keeps its secret")
{
	Store store(scratch.paths);
	const PortalId portal{"192.0.2.1", 3260};
	const auto kind = RecordKind::send_targets;
	REQUIRE(store.discovery_record(kind, portal));
	REQUIRE(change());
	REQUIRE(store.change_discovery_record(
	    kind, portal, false, [&](DiscoveryRecord &record) -> Status {
		    return record.settings.set("discovery.startup", "manual", store.secrets())
			.map([](auto &&) {});
	    }));
	auto record = Store(scratch.paths).discovery_record(kind, portal);
	REQUIRE(record);
	Store again(scratch.paths);
	auto secret = record->settings.secret(discovery_password, again.secrets());
	REQUIRE(secret);
	CHECK(as_text(secret->bytes()) == "of discovery!");
}
