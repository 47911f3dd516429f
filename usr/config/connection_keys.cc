/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rows of keys.h: what the connections of a session have apart from each other. The rows
 * of connection i are made of the rows of all, i put in their names.
 */
#include "base/str.h"
#include "config/key_rows.h"

#include <deque>
#include <vector>

namespace hawser::config
{

namespace
{

using enum ValueType;

constexpr auto node = RecordKind::node;

/* clang-format off: one row a key is the point */
/* Connection 0's are the record's own (node_keys.cc). */
constexpr RecordKey further[] = {
    {.kind = node,
     .name = "address",
     .type = host,
     .initial = "",
     .text = "host of connection i's portal; not set: the record's"},
    {.kind = node,
     .name = "port",
     .type = number,
     .initial = "",
     .min = 1,
     .max = 65535,
     .text = "TCP port of its portal; not set: the record's"},
    {.kind = node,
     .name = "iface",
     .type = iface_name,
     .initial = "",
     .text = "interface that it goes through; not set: the record's"},
    {.kind = node,
     .name = "iscsi.HeaderDigest",
     .initial = "",
     .text = "checksums over its headers; not set: connection 0's",
     .text_key = "HeaderDigest"},
    {.kind = node,
     .name = "iscsi.DataDigest",
     .initial = "",
     .text = "checksums over its data; not set: connection 0's",
     .text_key = "DataDigest"},
};

constexpr RecordKey every[] = {
    {.kind = node,
     .name = "role",
     .type = choice,
     .initial = "active",
     .words = "active standby",
     .text = "standby: it carries commands while no active connection is up"},
    {.kind = node,
     .name = "weight",
     .type = number,
     .initial = "0",
     .max = 4294967295,
     .text = "of the policy weighted, which takes the connection with the lowest"},
};
/* clang-format on */

std::vector<RecordKey> make_rows()
{
	static std::deque<std::string> names; // what the rows' views point to

	std::vector<RecordKey> rows;
	for (unsigned i = 0; i < max_connections; i++) {
		const auto add = [&](RecordKey row) {
			row.name = names.emplace_back(str("node.conn[", i, "].", row.name));
			row.connection = i;
			rows.push_back(row);
		};
		if (i > 0)
			for (const auto &row : further)
				add(row);
		for (const auto &row : every)
			add(row);
	}
	return rows;
}

} // namespace

std::span<const RecordKey> connection_rows()
{
	static const std::vector<RecordKey> rows = make_rows();
	return rows;
}

} // namespace hawser::config
