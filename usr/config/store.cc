/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/store.h"

#include "base/str.h"

#include <cstdio>
#include <unistd.h>

namespace hawser::config
{

namespace
{

/* "x.json.damaged", numbered when an earlier one is still there. */
std::string aside_name(const std::string &path)
{
	std::string name = str(path, ".damaged");
	for (int i = 1; ::access(name.c_str(), F_OK) == 0; i++)
		name = str(path, ".damaged.", i);
	return name;
}

Error set_aside(const std::string &path, const Error &why)
{
	const std::string aside = aside_name(path);
	if (::rename(path.c_str(), aside.c_str()) != 0)
		return {Code::record_failed,
			str(path, " is damaged (", why.text, ") and ",
			    system_failure("be set aside as", aside).value().text)};
	return {Code::record_failed,
		str(path, " is damaged: ", why.text, "; it is kept as ", aside)};
}

} // namespace

Store::Store(Paths paths)
    : paths_(std::move(paths)), secrets_(paths_.config_dir, "secret.key", paths_.credentials_dir)
{
}

Result<Identity> Store::identity()
{
	return load_identity(paths_, host_name());
}

/* To prepare a name costs more than to read its records, and mostly it was when it was stored. */
bool Store::belongs_in(const std::string &file, const Target &target)
{
	return str(target.name, suffix) == file || target_file(target.name) == file;
}

bool Store::belongs_in(const std::string &file, const Iface &iface)
{
	return str(iface.name, suffix) == file;
}

bool Store::belongs_in(const std::string &file, const DiscoveryRecord &record)
{
	return discovery_file(record.kind(), record.portal) == file;
}

template <class T>
Result<std::optional<T>> Store::load(const std::string &folder, const std::string &file,
				     Parse<T> parse, std::vector<Error> &problems,
				     const WriteLock *held)
{
	const std::string path = str(folder, "/", file);
	auto text = read_file(path);
	const bool readable = !!text;
	/* Who reads does without it; who writes would put something else in its place. */
	if (!readable && may_be_record(path)) {
		if (held || text.error().code != Code::record_failed)
			return tl::unexpected(text.error());
		problems.push_back(text.error());
		return std::nullopt;
	}
	if (readable && !*text)
		return std::nullopt;
	auto parsed = readable ? parse(**text) : tl::unexpected(text.error());
	if (parsed && !belongs_in(file, *parsed))
		parsed = fail(Code::record_failed, "it holds the record of another file");
	if (parsed)
		return std::move(*parsed);
	if (held) {
		problems.push_back(set_aside(path, parsed.error()));
		return std::nullopt;
	}
	/* Look again under the lock: a writer may just have put a good file there. */
	auto taken = lock();
	if (taken)
		return load(folder, file, parse, problems, &*taken);
	problems.push_back({Code::record_failed, str(path, " is damaged: ", parsed.error().text)});
	return std::nullopt;
}

/* Room for the suffix, ".damaged" and its number below NAME_MAX. */
bool Store::may_be_file(std::string_view stem)
{
	constexpr std::size_t max_stem = 230;
	return !stem.empty() && stem.size() <= max_stem && stem.front() != '.' &&
	       stem.find('/') == std::string_view::npos;
}

template Result<std::optional<Target>> Store::load(const std::string &, const std::string &,
						   Parse<Target>, std::vector<Error> &,
						   const WriteLock *);
template Result<std::optional<DiscoveryRecord>>
Store::load(const std::string &, const std::string &, Parse<DiscoveryRecord>, std::vector<Error> &,
	    const WriteLock *);

Result<Listing<Iface>> Store::ifaces()
{
	auto files = list_folder(paths_.ifaces(), suffix);
	if (!files)
		return tl::unexpected(files.error());
	Listing<Iface> listing;
	listing.items.push_back(Iface{std::string(default_iface)});
	for (const auto &file : *files) {
		auto iface =
		    load<Iface>(paths_.ifaces(), file, iface_from_text, listing.problems, nullptr);
		if (!iface)
			return tl::unexpected(iface.error());
		if (*iface)
			listing.items.push_back(std::move(**iface));
	}
	return listing;
}

Result<std::vector<std::string>> Store::ifaces_of_discovery()
{
	auto listing = ifaces();
	if (!listing)
		return tl::unexpected(listing.error());
	// Through the others alone, targets would be reached over another network than was meant.
	if (!listing->problems.empty())
		return tl::unexpected(listing->problems.front());
	std::vector<std::string> names;
	for (const auto &iface : listing->items)
		if (iface.name != default_iface)
			names.push_back(iface.name);
	if (names.empty())
		names.emplace_back(default_iface);
	return names;
}

Result<Iface> Store::iface(const std::string &name)
{
	if (name == default_iface)
		return Iface{name};
	if (auto checked = check_iface_name(name); !checked)
		return tl::unexpected(checked.error());
	std::vector<Error> problems;
	auto iface =
	    load<Iface>(paths_.ifaces(), str(name, suffix), iface_from_text, problems, nullptr);
	if (!iface)
		return tl::unexpected(iface.error());
	if (*iface)
		return std::move(**iface);
	if (!problems.empty())
		return tl::unexpected(problems.front());
	return fail(Code::nothing_found, str("there is no interface record ", quoted(name, 80)));
}

Status Store::put_iface(const Iface &iface)
{
	if (iface.name == default_iface)
		return fail(Code::invalid_argument,
			    "interface default is built in and cannot be changed");
	if (auto checked = check_iface_name(iface.name); !checked)
		return checked;
	auto held = lock();
	if (!held)
		return tl::unexpected(held.error());
	return write_file(paths_.ifaces(), str(iface.name, suffix), iface_to_text(iface));
}

Status Store::change_iface(const std::string &name, const std::function<Status(Iface &)> &change)
{
	if (auto found = iface(name); !found)
		return tl::unexpected(found.error());
	if (name == default_iface)
		return put_iface(Iface{name}); // which refuses
	auto held = lock();
	if (!held)
		return tl::unexpected(held.error());
	std::vector<Error> problems;
	const std::string file = str(name, suffix);
	auto now = load<Iface>(paths_.ifaces(), file, iface_from_text, problems, &*held);
	if (!now)
		return tl::unexpected(now.error());
	if (!*now)
		return problems.empty()
			   ? fail(Code::nothing_found,
				  str("there is no interface record ", quoted(name, 80)))
			   : tl::unexpected(problems.front());
	if (auto done = change(**now); !done)
		return done;
	return write_file(paths_.ifaces(), file, iface_to_text(**now));
}

Result<Listing<NodeId>> Store::remove_iface(const std::string &name)
{
	if (name == default_iface)
		return fail(Code::invalid_argument,
			    "interface default is built in and cannot be deleted");
	if (auto found = iface(name); !found)
		return tl::unexpected(found.error());
	auto change = begin_change();
	if (!change)
		return tl::unexpected(change.error());
	NodeFilter through;
	through.iface = name;
	through.hidden = true;
	auto removed = remove_nodes(through, *change);
	if (!removed)
		return removed;
	if (auto done = change->batch.commit(); !done)
		return tl::unexpected(done.error());
	auto batch = FileBatch::open(paths_.ifaces());
	if (!batch)
		return tl::unexpected(batch.error());
	batch->remove(str(name, suffix));
	if (auto done = batch->commit(); !done)
		return tl::unexpected(done.error());
	return removed;
}

} // namespace hawser::config
