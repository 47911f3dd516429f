/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "task.h"

#include <algorithm>

namespace hawser::target
{

void Pieces::add(Piece piece)
{
	if (piece.length == 0)
		return;
	std::uint32_t begin = piece.offset, end = piece.end();
	auto next = ends_.upper_bound(begin);
	if (next != ends_.begin() && std::prev(next)->second >= begin) {
		--next;
		begin = next->first;
	}
	while (next != ends_.end() && next->first <= end) {
		end = std::max(end, next->second);
		next = ends_.erase(next);
	}
	ends_.emplace(begin, end);
}

std::optional<Piece> Pieces::missing(std::uint32_t from, std::uint32_t limit,
				     std::uint32_t most) const
{
	auto next = ends_.upper_bound(from);
	if (next != ends_.begin() && std::prev(next)->second > from)
		from = std::prev(next)->second;
	while (next != ends_.end() && next->first == from)
		from = (next++)->second;
	const auto end = next == ends_.end() ? limit : std::min(limit, next->first);
	if (from >= end)
		return std::nullopt;
	return Piece{from, std::min(end - from, most)};
}

Task::Task(const Pdu &command)
    : itt(command.itt()),
      cmd_sn(command.at32(24)),
      expected(command.at32(20)),
      flags(command.flags())
{
	std::copy_n(command.header.begin() + 8, lun.size(), lun.begin());
	std::copy_n(command.header.begin() + 32, cdb.size(), cdb.begin());
	if (writes())
		wanted = static_cast<std::uint32_t>(
		    std::min<std::uint64_t>(Disk::wanted(cdb), expected));
	data.resize(wanted);
	const auto immediate =
	    static_cast<std::uint32_t>(std::min<std::size_t>(command.data.size(), wanted));
	std::copy_n(command.data.begin(), immediate, data.begin());
	received.add({0, immediate});
	unsolicited = writes() && !command.final();
}

std::optional<Piece> Task::to_ask(std::uint32_t from, std::uint32_t most) const
{
	auto there = received;
	for (const auto &[tag, piece] : asked)
		there.add(piece);
	return there.missing(from, wanted, most);
}

void Task::forget_asked()
{
	asked.clear();
	unsolicited = false;
	changed = Clock::now();
}

} // namespace hawser::target
