/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/rekey.h"

#include "base/str.h"
#include "config/files.h"

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

/* The folders that hold records: the state folder, those in it, and the saved sessions'. */
std::vector<std::string> folders_of(const Paths &paths)
{
	std::vector<std::string> folders{paths.state_dir};
	std::error_code error;
	for (const auto &entry : fs::directory_iterator(paths.state_dir, error))
		if (entry.is_directory(error) && !entry.is_symlink(error))
			folders.push_back(entry.path());
	if (!paths.run_dir.empty())
		folders.push_back(paths.saved_sessions());
	return folders;
}

/*
 * Goes through every file of @folder. With @batch, files in which something was
 * exchanged are written to it. The result is the number of those files.
 */
Result<std::size_t> go_through(const std::string &folder, FileBatch *batch,
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
		if (!batch)
			continue;
		if (auto written = batch->write(name, json.dump(1, '\t') + "\n"); !written)
			return tl::unexpected(written.error());
	}
	return changed;
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

/* Encrypts what is under another key than that of now, and then removes the old one. */
Result<RekeyReport> renew_all(const Paths &paths, SecretBox &box)
{
	RekeyReport report;
	for (int pass = 0; pass < max_passes; pass++) {
		std::size_t changed = 0;
		for (const auto &folder : folders_of(paths)) {
			if (!fs::is_directory(folder))
				continue;
			auto batch = FileBatch::open(folder);
			if (!batch)
				return tl::unexpected(batch.error());
			auto done =
			    go_through(folder, &*batch,
				       [&](const std::string &sealed, const std::string &context) {
					       auto renewed = box.renew(sealed, context);
					       if (renewed && *renewed != sealed)
						       report.secrets++;
					       return renewed;
				       });
			if (!done)
				return tl::unexpected(done.error());
			if (auto stored = batch->commit(); !stored)
				return tl::unexpected(stored.error());
			changed += *done;
		}
		report.files += changed;
		if (changed != 0)
			continue;
		if (auto ended = box.keys().end_change(); !ended)
			return tl::unexpected(ended.error());
		auto key = box.keys().current();
		if (!key)
			return tl::unexpected(key.error());
		report.key = (*key)->id;
		report.place = (*key)->place;
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
