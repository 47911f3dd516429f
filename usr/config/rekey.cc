/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/rekey.h"

#include "base/str.h"
#include "config/files.h"
#include "config/session_files.h"

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <vector>

namespace hawser::config
{

namespace
{

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json; // members stay in the order of the file

constexpr std::string_view suffix = ".json";
/* A session goes on being saved while we look; each pass sees what was there at its start. */
constexpr int max_passes = 10;

/* Gives the sealed text that takes the place of @sealed. */
using Exchange =
    std::function<Result<std::string>(const std::string &sealed, const std::string &context)>;

/* Calls @exchange for every sealed string of @json; saved sessions hold records as texts. */
Status exchange_all(Json &json, const std::string &context, const Exchange &exchange)
{
	if (json.is_structured()) {
		for (auto &[key, value] : json.items())
			if (auto done =
				exchange_all(value, json.is_object() ? key : context, exchange);
			    !done)
				return done;
		return {};
	}
	if (!json.is_string())
		return {};
	auto &text = json.get_ref<std::string &>();
	if (SecretBox::is_sealed(text)) {
		auto exchanged = exchange(text, context);
		if (!exchanged)
			return tl::unexpected(exchanged.error());
		text = std::move(*exchanged);
	} else if (text.starts_with('{')) {
		Json inner = Json::parse(text, nullptr, false);
		const Json before = inner;
		if (inner.is_discarded())
			return {};
		if (auto done = exchange_all(inner, context, exchange); !done)
			return done;
		if (inner != before)
			text = inner.dump(1, '\t');
	}
	return {};
}

/* Puts @after in the place of @before, which a file had. */
using Replace = std::function<Status(const std::string &name, const std::string &before,
				     const std::string &after)>;

/* The folders that hold records: the state folder and those in it. */
std::vector<std::string> folders_of_records(const Paths &paths)
{
	std::vector<std::string> folders{paths.state_dir};
	std::error_code error;
	for (const auto &entry : fs::directory_iterator(paths.state_dir, error))
		if (entry.is_directory(error) && !entry.is_symlink(error))
			folders.push_back(entry.path());
	return folders;
}

/* The same, and the saved sessions'. */
std::vector<std::string> folders_of(const Paths &paths)
{
	auto folders = folders_of_records(paths);
	if (!paths.run_dir.empty())
		folders.push_back(paths.saved_sessions());
	return folders;
}

/*
 * Goes through every file of @folder. With @replace, it is called for files in which
 * something was exchanged. The result is the number of those files.
 */
Result<std::size_t> go_through(const std::string &folder, const Replace &replace,
			       const Exchange &exchange)
{
	auto files = list_folder(folder, suffix);
	if (!files)
		return tl::unexpected(files.error());
	std::size_t changed = 0;
	for (const auto &name : *files) {
		const std::string path = str(folder, "/", name);
		auto text = read_file(path);
		if (!text)
			return tl::unexpected(text.error());
		if (!*text)
			continue; // gone meanwhile: a session that has ended
		Json json = Json::parse(**text, nullptr, false);
		if (json.is_discarded())
			return fail(Code::record_failed,
				    str(path, " is damaged: it is not JSON, and what secrets it "
					      "holds cannot be told"));
		const Json before = json;
		if (auto done = exchange_all(json, "", exchange); !done)
			return fail(done.error().code, str(path, ": ", done.error().text));
		if (json == before)
			continue;
		changed++;
		if (!replace)
			continue;
		if (auto written = replace(name, **text, json.dump(1, '\t') + "\n"); !written)
			return tl::unexpected(written.error());
	}
	return changed;
}

/*
 * Whether every secret in @text, a file's, is under the key of that id. A look at the text does
 * nearly always, and the lock of the files is held: only a value in which somebody has written
 * what looks like a secret takes more.
 */
bool is_under(const std::string &text, const std::string &id)
{
	const auto other = [&](std::string_view sealed) {
		return SecretBox::is_sealed(sealed) && !SecretBox::is_under(sealed, id);
	};
	bool all = true;
	for (auto at = text.find("gcm"); all && at != std::string::npos;
	     at = text.find("gcm", at + 1))
		all = !other(std::string_view(text).substr(at));
	if (all)
		return true;
	Json json = Json::parse(text, nullptr, false);
	all = !json.is_discarded();
	exchange_all(json, "", [&](const std::string &sealed, const std::string &) {
		all &= !other(sealed);
		return Result<std::string>(sealed);
	});
	return all;
}

/* Opens every secret once. */
Status check_all(const Paths &paths, SecretBox &box)
{
	for (const auto &folder : folders_of(paths)) {
		auto checked = go_through(
		    folder, nullptr,
		    [&](const std::string &sealed,
			const std::string &context) -> Result<std::string> {
			    auto opened = box.open(sealed, context);
			    if (!opened)
				    return fail(opened.error().code,
						str(opened.error().text,
						    "; set it anew, then change the key"));
			    return sealed;
		    });
		if (!checked)
			return tl::unexpected(checked.error());
	}
	return {};
}

/* Of @folder, whose writers have the lock of the records. */
Result<std::size_t> renew_records(const std::string &folder, const Exchange &renew)
{
	auto batch = FileBatch::open(folder);
	if (!batch)
		return tl::unexpected(batch.error());
	auto done = go_through(
	    folder,
	    [&](const std::string &name, const std::string &, const std::string &after) {
		    return batch->write(name, after);
	    },
	    renew);
	if (!done)
		return done;
	if (auto stored = batch->commit(); !stored)
		return tl::unexpected(stored.error());
	return done;
}

/* What the daemon has written meanwhile stays, and has its turn in the next pass. */
Result<std::size_t> renew_sessions(SessionFiles &files, const Exchange &renew)
{
	return go_through(
	    files.folder(),
	    [&](const std::string &name, const std::string &before,
		const std::string &after) -> Status {
		    auto exchanged = files.exchange(name, before, after);
		    if (!exchanged)
			    return tl::unexpected(exchanged.error());
		    return {};
	    },
	    renew);
}

/* Encrypts what is under another key than that of now, and then removes the old one. */
Result<RekeyReport> renew_all(const Paths &paths, SecretBox &box)
{
	RekeyReport report;
	const Exchange renew = [&](const std::string &sealed, const std::string &context) {
		auto renewed = box.renew(sealed, context);
		if (renewed && *renewed != sealed)
			report.secrets++;
		return renewed;
	};
	SessionFiles sessions(paths.saved_sessions());
	const bool has_sessions = !paths.run_dir.empty() && fs::is_directory(paths.run_dir);
	for (int pass = 0; pass < max_passes; pass++) {
		std::size_t changed = 0;
		for (const auto &folder : folders_of_records(paths)) {
			if (!fs::is_directory(folder))
				continue;
			auto done = renew_records(folder, renew);
			if (!done)
				return tl::unexpected(done.error());
			changed += *done;
		}
		if (has_sessions) {
			auto done = renew_sessions(sessions, renew);
			if (!done)
				return tl::unexpected(done.error());
			changed += *done;
		}
		report.files += changed;
		if (changed != 0)
			continue;
		auto key = box.keys().current();
		if (!key)
			return tl::unexpected(key.error());
		report.key = (*key)->id;
		report.place = (*key)->place;
		if (has_sessions) {
			// Before the old key goes: from then on nobody saves under it.
			auto ended = sessions.end_change(report.key, [&](const std::string &text) {
				return is_under(text, report.key);
			});
			if (!ended)
				return tl::unexpected(ended.error());
			if (!*ended)
				continue;
		}
		if (auto ended = box.keys().end_change(); !ended)
			return tl::unexpected(ended.error());
		return report;
	}
	return fail(Code::try_again,
		    "records went on being written under the old key; both keys are kept");
}

/* What was set aside as damaged may be mended by hand: not without the key of its secrets. */
Status check_set_aside(const Paths &paths)
{
	for (const auto &folder : folders_of(paths)) {
		auto files = list_folder(folder, "");
		if (!files)
			return tl::unexpected(files.error());
		for (const auto &name : *files) {
			if (name.find(str(suffix, ".damaged")) == std::string::npos)
				continue;
			const std::string path = str(folder, "/", name);
			auto text = read_file(path);
			if (!text)
				return tl::unexpected(text.error());
			if (*text && SecretBox::has_sealed(**text))
				return fail(Code::record_failed,
					    str(path,
						" was set aside as damaged and has secrets that "
						"the key of now opens: mend it and give it its "
						"name back, or remove it"));
		}
	}
	return {};
}

} // namespace

Result<RekeyReport> rekey(const Paths &paths, SecretBox &box)
{
	auto lock = WriteLock::take(paths.state_dir, paths.lock());
	if (!lock)
		return tl::unexpected(lock.error());
	if (auto checked = check_all(paths, box); !checked)
		return tl::unexpected(checked.error());
	/* One cut short ends first: a third key would have no place. */
	if (box.keys().change_pending())
		if (auto ended = renew_all(paths, box); !ended)
			return ended;
	if (auto checked = check_set_aside(paths); !checked)
		return tl::unexpected(checked.error());
	if (auto begun = box.keys().begin_change(); !begun)
		return tl::unexpected(begun.error());
	return renew_all(paths, box);
}

Result<std::optional<RekeyReport>> finish_rekey(const Paths &paths, SecretBox &box)
{
	if (!box.keys().change_pending())
		return std::nullopt;
	auto lock = WriteLock::take(paths.state_dir, paths.lock());
	if (!lock)
		return tl::unexpected(lock.error());
	if (!box.keys().change_pending())
		return std::nullopt;
	auto ended = renew_all(paths, box);
	if (!ended)
		return tl::unexpected(ended.error());
	return std::optional(std::move(*ended));
}

} // namespace hawser::config
