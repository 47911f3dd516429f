/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/coding.h"
#include "base/fd.h"
#include "config/rekey.h"
#include "daemon/saved.h"

#include "folder.h"

#include <array>
#include <fstream>
#include <sys/inotify.h>
#include <unistd.h>

using namespace hawser;
using namespace hawser::daemon;

namespace
{

std::vector<std::string> files_in(const std::string &folder)
{
	std::vector<std::string> names;
	for (const auto &entry : std::filesystem::directory_iterator(folder))
		if (entry.path().filename() != ".lock")
			names.push_back(entry.path().filename());
	return names;
}

/* Tells whether a file of a folder has been opened since. */
class Watch
{
public:
	explicit Watch(const std::string &folder) : fd_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC))
	{
		REQUIRE(::inotify_add_watch(fd_.get(), folder.c_str(), IN_OPEN) >= 0);
	}
	bool opened()
	{
		std::array<char, 4096> events;
		return ::read(fd_.get(), events.data(), events.size()) > 0;
	}

private:
	Fd fd_;
};

/* A machine with a session whose record has a secret. */
struct WithSecret {
	Folder folder;
	config::Paths paths = folder.paths();
	std::optional<config::Store> store;
	std::optional<SavedSessions> saved;
	SavedSession session{SavedSessions::make_key(),
			     a_node(),
			     {"default", config::Settings(config::RecordKind::iface)}};

	WithSecret()
	{
		paths.run_dir = folder.path();
		store.emplace(paths);
		saved.emplace(paths.saved_sessions(), store->secrets());
		REQUIRE(session.node.settings.set("node.session.auth.password",
						  "a very good secret", store->secrets()));
	}
	void change_key()
	{
		config::Store other(paths);
		REQUIRE(config::rekey(paths, other.secrets()));
	}
	/* For a daemon that starts now. */
	void check_secret()
	{
		config::Store later(paths);
		auto loaded = saved->load(session.key);
		REQUIRE(loaded);
		REQUIRE(*loaded);
		auto secret =
		    (*loaded)->node.settings.secret("node.session.auth.password", later.secrets());
		REQUIRE(secret);
		CHECK(as_text(secret->bytes()) == "a very good secret");
	}
};

} // namespace

TEST_CASE_METHOD(WithSecret, "A session is saved without a look at the file of the key")
{
	const auto is_saved = [&] {
		Watch watch(paths.config_dir);
		REQUIRE(saved->save(session));
		CHECK_FALSE(watch.opened());
		check_secret();
	};
	is_saved();

	change_key();
	unsigned asked = 0;
	saved->read_keys_by([&] { asked++; });
	{
		Watch watch(paths.config_dir);
		const auto refused = saved->save(session);
		REQUIRE_FALSE(refused);
		CHECK(refused.error().code == Code::try_again);
		CHECK(asked == 1);
		CHECK_FALSE(watch.opened());
	}
	check_secret(); // what was saved before went along with the key
	config::Store of_worker(paths);
	auto keys = read_session_keys(of_worker.secrets(), saved->folder());
	REQUIRE(keys);
	saved->take_keys(std::move(*keys));
	is_saved();
	CHECK(asked == 1);

	// Another one, seen as soon as something is saved.
	change_key();
	CHECK_FALSE(saved->save(session));
	CHECK(asked == 2);
}

TEST_CASE("A session's connections and their interfaces read back as they were saved")
{
	const std::string key = SavedSessions::make_key();
	SavedSession session{
	    key, a_node(), {"default", config::Settings(config::RecordKind::iface)}};
	CHECK(saved_from_text(key, saved_to_text(session))->connections.empty());
	session.connections = {{Cid(0), {"192.0.2.1", 3260}, "default", "active", 0, false},
			       {Cid(7),
				{"storage.example", 3261},
				"eth1",
				"standby",
				9,
				true,
				"CRC32C",
				"None,CRC32C"}};
	session.further_ifaces = {{"eth1", config::Settings(config::RecordKind::iface)}};
	const auto text = saved_to_text(session);
	auto again = saved_from_text(key, text);
	REQUIRE(again);
	CHECK(again->connections == session.connections);
	REQUIRE(again->further_ifaces.size() == 1);
	CHECK(again->further_ifaces[0].name == "eth1");

	for (const auto &[good, bad] :
	     {std::pair{"\"cid\":7", "\"cid\":0"}, std::pair{"\"cid\":7", "\"cid\":65536"},
	      std::pair{"None,CRC32C", "MD5"}, std::pair{"standby", "sometimes"},
	      std::pair{"\"port\":3261", "\"port\":-1"},
	      std::pair{"\"of_record\":true", "\"of_record\":1"},
	      std::pair{"storage.example", "a b"}, std::pair{"\"weight\":9", "\"weight\":\"9\""}}) {
		auto damaged = text;
		INFO(bad);
		REQUIRE(damaged.find(good) != std::string::npos);
		damaged.replace(damaged.find(good), std::string_view(good).size(), bad);
		CHECK_FALSE(saved_from_text(key, damaged));
	}

	// An older daemon's file: connection 0 is the record's.
	auto old = text;
	for (auto at = old.find("\"of_record\""); at != std::string::npos;
	     at = old.find("\"of_record\""))
		old.replace(at, 11, "\"other\"");
	again = saved_from_text(key, old);
	REQUIRE(again);
	CHECK(again->connections[0].of_record);
	CHECK_FALSE(again->connections[1].of_record);
}

TEST_CASE("A session's settings come back as they were saved, secrets encrypted")
{
	Folder folder;
	config::Store store(folder.paths());
	SavedSessions saved(folder.path() + "/sessions", store.secrets());
	config::Node node = a_node();
	REQUIRE(node.settings.set("node.session.cmds_max", "64", store.secrets()));
	REQUIRE(
	    node.settings.set("node.session.auth.password", "a very good secret", store.secrets()));
	const std::string key = SavedSessions::make_key();
	REQUIRE(saved.save({key, node, {"default", config::Settings(config::RecordKind::iface)}}));

	auto loaded = saved.load(key);
	REQUIRE(loaded);
	REQUIRE(*loaded);
	CHECK((*loaded)->node.id == node.id);
	CHECK((*loaded)->node.settings.number("node.session.cmds_max") == 64);
	auto secret =
	    (*loaded)->node.settings.secret("node.session.auth.password", store.secrets());
	REQUIRE(secret);
	CHECK(as_text(secret->bytes()) == "a very good secret");

	std::ifstream file(folder.path() + "/sessions/" + key + ".json");
	const std::string text((std::istreambuf_iterator<char>(file)), {});
	CHECK(text.find("a very good secret") == std::string::npos);
}

TEST_CASE("A key that the module gives back wrong reads no file")
{
	Folder folder;
	config::Store store(folder.paths());
	SavedSessions saved(folder.path() + "/sessions", store.secrets());
	for (const std::string key :
	     {"", "../../etc/passwd", "0123456789abcdef0123456789abcde/",
	      "0123456789ABCDEF0123456789ABCDEF", "0123456789abcdef0123456789abcdef"}) {
		auto loaded = saved.load(key);
		REQUIRE(loaded);
		CHECK_FALSE(*loaded);
	}
}

TEST_CASE("A damaged file is told about")
{
	Folder folder;
	config::Store store(folder.paths());
	SavedSessions saved(folder.path() + "/sessions", store.secrets());
	const std::string key = SavedSessions::make_key();
	REQUIRE(
	    saved.save({key, a_node(), {"default", config::Settings(config::RecordKind::iface)}}));
	const std::string text = GENERATE(as<std::string>{}, "", "{", "[]", "{\"version\":2}",
					  "{\"version\":1,\"node\":{},\"iface\":\"\"}",
					  "{\"version\":1,\"node\":\"{}\",\"iface\":\"{}\"}");
	std::ofstream(folder.path() + "/sessions/" + key + ".json") << text;

	auto loaded = saved.load(key);
	REQUIRE_FALSE(loaded);
	CHECK(loaded.error().code == Code::record_failed);
}

TEST_CASE("A secret that is set to nothing is saved as any other value")
{
	Folder folder;
	config::Store store(folder.paths());
	SavedSessions saved(folder.path() + "/sessions", store.secrets());
	auto node = a_node();
	REQUIRE(node.settings.set("node.session.auth.password", "", store.secrets()));
	const std::string key = SavedSessions::make_key();
	REQUIRE(saved.save({key, node, {"default", config::Settings(config::RecordKind::iface)}}));
	CHECK(saved.load(key)->has_value());
}

TEST_CASE("Files without a session, and files half written, are removed and the others kept")
{
	Folder folder;
	config::Store store(folder.paths());
	SavedSessions saved(folder.path() + "/sessions", store.secrets());
	const config::Iface iface{"default", config::Settings(config::RecordKind::iface)};
	const std::string kept = SavedSessions::make_key();
	const std::string left_over = SavedSessions::make_key();
	REQUIRE(kept != left_over);
	REQUIRE(saved.save({kept, a_node(), iface}));
	REQUIRE(saved.save({left_over, a_node(), iface}));
	std::ofstream(folder.path() + "/sessions/.tmp-9999999999-0") << "half a fi";

	REQUIRE(saved.keep_only({kept}));
	CHECK(files_in(folder.path() + "/sessions") == std::vector<std::string>{kept + ".json"});
	saved.remove(kept);
	CHECK(files_in(folder.path() + "/sessions").empty());
}

TEST_CASE_METHOD(WithSecret,
		 "A session that was begun before the key changed is saved under the new one")
{
	change_key();
	REQUIRE(saved->save(session));
	check_secret();
}
