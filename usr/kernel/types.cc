/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/types.h"

#include "base/str.h"

namespace hawser::kernel
{

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
