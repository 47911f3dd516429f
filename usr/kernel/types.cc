/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/types.h"

#include "base/str.h"

namespace hawser::kernel
{

namespace
{

template <class T> struct Word {
	T value;
	std::string_view word;
};

constexpr Word<Policy> policies[] = {
    {Policy::failover, "failover"},
    {Policy::round_robin, "round-robin"},
    {Policy::round_robin_subset, "round-robin-subset"},
    {Policy::weighted, "weighted"},
    {Policy::least_queue, "least-queue"},
    {Policy::cpu, "cpu"},
};

constexpr Word<Role> roles[] = {{Role::active, "active"}, {Role::standby, "standby"}};

template <class T, std::size_t n> std::string_view word_of(const Word<T> (&rows)[n], T value)
{
	for (const auto &row : rows)
		if (row.value == value)
			return row.word;
	return "unknown"; // of a newer module
}

template <class T, std::size_t n>
std::optional<T> value_of(const Word<T> (&rows)[n], std::string_view word)
{
	for (const auto &row : rows)
		if (row.word == word)
			return row.value;
	return std::nullopt;
}

} // namespace

std::string_view to_string(Policy policy)
{
	return word_of(policies, policy);
}

std::string_view to_string(Role role)
{
	return word_of(roles, role);
}

std::optional<Policy> parse_policy(std::string_view word)
{
	return value_of(policies, word);
}

std::optional<Role> parse_role(std::string_view word)
{
	return value_of(roles, word);
}

std::string to_string(Loss loss)
{
	switch (loss) {
	case Loss::closed:
		return "the target closed the connection";
	case Loss::reset:
		return "TCP lost the connection";
	case Loss::ping:
		return "the target did not answer a ping in time";
	case Loss::protocol:
		return "the target broke the protocol";
	case Loss::header_digest:
		return "a header digest did not match";
	case Loss::data_digest:
		return "a data digest did not match";
	case Loss::reject:
		return "the target rejected a PDU";
	case Loss::async_logout:
		return "the target asked for a logout";
	case Loss::async_drop:
		return "the target announced that it drops the connection";
	case Loss::task_management:
		return "the target did not answer a task management function";
	case Loss::admin:
		return "an administrator dropped the connection";
	case Loss::memory:
		return "the kernel was out of memory";
	case Loss::session:
		return "another connection could not be logged out";
	case Loss::unrepaired:
		return "the target did not send again what was lost";
	}
	return str("reason ", static_cast<int>(loss));
}

const std::vector<StatName> &session_stat_names()
{
#define HWS_ROW(number, id, name, text) {number, name, text},
	static const std::vector<StatName> names = {HWS_SESSION_STATS(HWS_ROW)};
	return names;
}

const std::vector<StatName> &connection_stat_names()
{
	static const std::vector<StatName> names = {HWS_CONN_STATS(HWS_ROW)};
#undef HWS_ROW
	return names;
}

} // namespace hawser::kernel
