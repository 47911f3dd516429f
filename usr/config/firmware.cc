/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/firmware.h"

#include "base/coding.h"
#include "base/str.h"
#include "config/files.h"
#include "config/utf8.h"
#include "iscsi/address.h"
#include "iscsi/names.h"

#include <algorithm>
#include <dirent.h>
#include <map>
#include <memory>

namespace hawser::config
{

namespace
{

constexpr std::size_t max_value_length = 4096; // bytes; sysfs has no longer ones

/* Of the flags of a block (iBFT, version 1.02). */
constexpr std::uint64_t block_valid = 1;
constexpr std::uint64_t booted_from = 2;

enum ChapType : std::uint64_t { no_chap, one_way_chap, mutual_chap };

tl::unexpected<Error> bad(std::string_view file, std::string_view rule)
{
	return fail(Code::invalid_argument, str("boot firmware: ", file, ": ", rule));
}

/* One block of the table: a folder with a value in each file. */
class Block
{
public:
	Block(const std::string &folder, const std::string &name)
	    : folder_(folder + '/' + name), name_(name)
	{
	}

	std::string label(std::string_view file) const { return str(name_, "/", file); }

	/* As it is, but for the newline that the kernel adds; nothing when it is not there. */
	Result<std::optional<std::string>> raw(std::string_view file) const
	{
		auto value = read_file(str(folder_, "/", file), max_value_length);
		if (!value && value.error().code != Code::no_permission)
			value.error().code = Code::sysfs_lookup;
		if (value && *value && (*value)->ends_with('\n'))
			(*value)->pop_back();
		return value;
	}

	/* Text for people and records; empty when it is not there. */
	Result<std::string> text(std::string_view file) const
	{
		auto value = raw(file);
		if (!value)
			return tl::unexpected(value.error());
		if (!*value)
			return std::string();
		if (!is_plain_text(**value))
			return bad(label(file), str(hawser::quoted(**value),
						    " is no text without control characters"));
		return std::move(**value);
	}

	Result<std::optional<std::uint64_t>> number(std::string_view file) const
	{
		auto value = text(file);
		if (!value)
			return tl::unexpected(value.error());
		if (value->empty())
			return std::nullopt;
		const auto parsed = parse_number(*value);
		if (!parsed)
			return bad(label(file), str(hawser::quoted(*value), " is no number"));
		return parsed;
	}

	Result<Secret> secret(std::string_view file) const
	{
		auto value = raw(file);
		if (!value)
			return tl::unexpected(value.error());
		if (!*value)
			return Secret();
		Secret secret{std::string_view(**value)};
		wipe(**value);
		return secret;
	}

	/* The network device that the kernel has for this block; empty when it has none. */
	std::string device() const
	{
		auto names = list_folder(folder_ + "/device/net", "");
		return names && !names->empty() && is_plain_text(names->front()) ? names->front()
										 : std::string();
	}

private:
	std::string folder_;
	std::string name_;
};

/* The blocks of a kind ("target") in the order of their numbers. */
Result<std::vector<std::string>> blocks_of(const std::string &folder, std::string_view kind)
{
	std::map<std::uint64_t, std::string> numbered;
	auto names = list_folder(folder, "");
	if (!names)
		return fail(names.error().code == Code::no_permission ? Code::no_permission
								      : Code::sysfs_lookup,
			    names.error().text);
	for (const std::string &name : *names)
		if (name.starts_with(kind))
			if (auto number = parse_number(std::string_view(name).substr(kind.size())))
				numbered.emplace(*number, name);
	std::vector<std::string> sorted;
	sorted.reserve(numbered.size());
	for (auto &[number, name] : numbered)
		sorted.push_back(std::move(name));
	return sorted;
}

/* "" where the file is not there, an address in its canonical form otherwise. */
Result<std::string> address(const Block &block, std::string_view file)
{
	auto value = block.text(file);
	if (!value || value->empty())
		return value;
	auto host = parse_host(*value);
	if (!host || host->kind == Address::Kind::name)
		return bad(block.label(file), str(hawser::quoted(*value), " is no IP address"));
	return std::move(host->host);
}

Status take(std::string &to, Result<std::string> from)
{
	if (!from)
		return tl::unexpected(from.error());
	to = std::move(*from);
	return {};
}

Result<FirmwareNic> read_nic(const Block &block)
{
	FirmwareNic nic;
	const auto index = block.number("index");
	if (!index)
		return tl::unexpected(index.error());
	nic.index = static_cast<unsigned>(index->value_or(0));
	nic.device = block.device();

	std::string dhcp_server;
	Status ok;
	for (auto &[to, file] : {std::pair<std::string &, const char *>{nic.address, "ip-addr"},
				 {nic.subnet_mask, "subnet-mask"},
				 {nic.gateway, "gateway"},
				 {nic.primary_dns, "primary-dns"},
				 {nic.secondary_dns, "secondary-dns"},
				 {dhcp_server, "dhcp"}})
		if (ok)
			ok = take(to, address(block, file));
	if (ok)
		ok = take(nic.hwaddress, block.text("mac"));
	if (ok)
		ok = take(nic.vlan, block.text("vlan"));
	if (!ok)
		return tl::unexpected(ok.error());
	nic.dhcp = !dhcp_server.empty();
	return nic;
}

Result<FirmwareChap> read_chap(const Block &block, const char *name, const char *secret)
{
	FirmwareChap chap;
	if (auto ok = take(chap.username, block.text(name)); !ok)
		return tl::unexpected(ok.error());
	auto value = block.secret(secret);
	if (!value)
		return tl::unexpected(value.error());
	chap.secret = std::move(*value);
	for (const auto &[file, empty] :
	     {std::pair(name, chap.username.empty()), {secret, chap.secret.empty()}})
		if (empty)
			return bad(block.label("chap-type"), str("CHAP without a ", file));
	return chap;
}

Status read_authentication(FirmwareTarget &target, const Block &block)
{
	const auto type = block.number("chap-type");
	if (!type)
		return tl::unexpected(type.error());
	if (type->value_or(no_chap) > mutual_chap)
		return bad(block.label("chap-type"), str(**type, " is none of 0 to 2"));
	if (type->value_or(no_chap) == no_chap)
		return {};
	auto chap = read_chap(block, "chap-name", "chap-secret");
	if (!chap)
		return tl::unexpected(chap.error());
	target.chap = std::move(*chap);
	if (*type != mutual_chap)
		return {};
	auto reverse = read_chap(block, "rev-chap-name", "rev-chap-name-secret");
	if (!reverse)
		return tl::unexpected(reverse.error());
	target.target_chap = std::move(*reverse);
	return {};
}

Result<FirmwareTarget> read_target(const Block &block, const std::vector<FirmwareNic> &nics)
{
	FirmwareTarget target;
	const auto flags = block.number("flags");
	const auto port = block.number("port");
	const auto nic = block.number("nic-assoc");
	for (const auto &number : {flags, port, nic})
		if (!number)
			return tl::unexpected(number.error());
	target.boot = flags->value_or(0) & booted_from;

	if (auto ok = take(target.name, block.text("target-name")); !ok)
		return tl::unexpected(ok.error());
	if (auto ok = check_name(target.name); !ok)
		return bad(block.label("target-name"), ok.error().text);
	if (auto ok = take(target.portal.host, address(block, "ip-addr")); !ok)
		return tl::unexpected(ok.error());
	if (target.portal.host.empty())
		return bad(block.label("ip-addr"), "the target has no address");
	if (const auto number = port->value_or(default_port); number == 0 || number > 65535)
		return bad(block.label("port"), str(number, " is no TCP port"));
	else
		target.portal.port = static_cast<std::uint16_t>(number);
	if (auto ok = take(target.lun, block.text("lun")); !ok)
		return tl::unexpected(ok.error());

	if (auto ok = read_authentication(target, block); !ok)
		return tl::unexpected(ok.error());
	const auto found =
	    std::find_if(nics.begin(), nics.end(), [&](const FirmwareNic &candidate) {
		    return *nic && candidate.index == **nic;
	    });
	if (found != nics.end())
		target.nic = *found;
	return target;
}

/*
 * What @read makes of @block, nothing when the block is not valid or has a fault, which
 * then is one of @problems. What this user may not read is an error: root sees more.
 */
template <class T, class Read>
Result<std::optional<T>> read_block(const Block &block, Read read, std::vector<Error> &problems)
{
	Result<T> item = T();
	const auto flags = block.number("flags");
	if (!flags)
		item = tl::unexpected(flags.error());
	else if (!(flags->value_or(0) & block_valid))
		return std::nullopt;
	else
		item = read(block);
	if (item)
		return std::move(*item);
	if (item.error().code == Code::no_permission)
		return tl::unexpected(item.error());
	problems.push_back(item.error());
	return std::nullopt;
}

template <class T, class Read>
Result<std::vector<T>> read_blocks(const std::string &folder, std::string_view kind, Read read,
				   std::vector<Error> &problems)
{
	std::vector<T> items;
	const auto names = blocks_of(folder, kind);
	if (!names)
		return tl::unexpected(names.error());
	for (const std::string &name : *names) {
		auto item = read_block<T>(Block(folder, name), read, problems);
		if (!item)
			return tl::unexpected(item.error());
		if (*item)
			items.push_back(std::move(**item));
	}
	return items;
}

Result<std::string> read_initiator(const Block &block)
{
	auto name = block.text("initiator-name");
	if (!name || name->empty())
		return name;
	if (auto ok = check_name(*name); !ok)
		return bad(block.label("initiator-name"), ok.error().text);
	return name;
}

/* A target that is there twice is taken as it is the first time. */
void drop_repeated(Firmware &firmware)
{
	std::vector<FirmwareTarget> once;
	for (FirmwareTarget &target : firmware.targets) {
		const bool known =
		    std::any_of(once.begin(), once.end(), [&](const FirmwareTarget &other) {
			    return other.portal == target.portal &&
				   same_name(other.name, target.name);
		    });
		if (known)
			firmware.problems.push_back(
			    {Code::invalid_argument,
			     str("boot firmware: target ", target.name, " at ",
				 to_string(target.portal), " is there more than once")});
		else
			once.push_back(std::move(target));
	}
	firmware.targets = std::move(once);
}

} // namespace

Result<Firmware> read_firmware(const std::string &folder)
{
	Firmware firmware;
	auto initiator =
	    read_block<std::string>(Block(folder, "initiator"), read_initiator, firmware.problems);
	if (!initiator)
		return tl::unexpected(initiator.error());
	firmware.initiator = initiator->value_or("");

	const auto nics = read_blocks<FirmwareNic>(folder, "ethernet", read_nic, firmware.problems);
	if (!nics)
		return tl::unexpected(nics.error());
	auto targets = read_blocks<FirmwareTarget>(
	    folder, "target", [&](const Block &block) { return read_target(block, *nics); },
	    firmware.problems);
	if (!targets)
		return tl::unexpected(targets.error());
	firmware.targets = std::move(*targets);
	std::stable_partition(firmware.targets.begin(), firmware.targets.end(),
			      [](const FirmwareTarget &target) { return target.boot; });
	drop_repeated(firmware);
	if (firmware.targets.empty() && firmware.problems.empty())
		return fail(Code::nothing_found,
			    str("the boot firmware names no target in ", folder,
				" (the kernel's module iscsi_ibft shows them)"));
	return firmware;
}

} // namespace hawser::config
