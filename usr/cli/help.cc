/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/options.h"

#include "base/str.h"
#include "iscsi/task_management.h"

namespace hawser::cli
{

std::string help_text(const std::string &program)
{
	const std::string lines[] = {
	    (" -m discoverydb [-P printlevel] [--json] | [-t st|isns -p ip:port [-I ifaceN ...] "
	     "[-o operation ...] [-n name -v value] [-D] [-l] [-W]]"),
	    (" -m discovery [-P printlevel] [--json] | [-t st|isns -p ip:port [-I ifaceN ...] "
	     "[-o operation ...] [-l] [-W]]"),
	    " -m discovery -t fw [--json] [-I ifaceN ...] [-o operation ...] [-l] [-W]",
	    (" -m node [-P printlevel] [--json] [-T targetname] [-p ip:port[,tpgt]] [-I iface]"
	     " [-l [-W] | -u | -R | -s | [-o operation] [-n name -v value ...]]"),
	    (" -m node -o new -T targetname -p ip:port[,tpgt] [-I iface] [--hidden[=no]]"
	     " [--persistent[=no]] [-n name -v value ...]"),
	    " -m node [-L all,manual,automatic,onboot [-W]] [-U all,manual,automatic,onboot]",
	    (" -m session [-P printlevel] [--json] [-r sessionid | sysfsdir] [-R | -u | -s | "
	     "[-o operation] [-n name -v value ...]]"),
	    (" -m session -r sessionid -C ping [-b bytes] [-c count] [-i seconds] [--cid cid] "
	     "[--json]"),
	    " -m connection [-r sessionid] [--cid cid] [--json]",
	    " -m connection -r sessionid -o new -p ip:port[,tpgt] [-I iface]",
	    " -m connection -r sessionid -o delete --cid cid",
	    " -m connection -r sessionid -o update [--cid cid] -n name -v value ...",
	    " -m session -r sessionid -C sendtargets [--cid cid] [--json]",
	    " -m session -r sessionid -C tmf --function name [--lun lun] [--cid cid] [--json]",
	    " -m fw [--json] | [-l [-I iface] [-n name -v value ...] [-W]]",
	    " -m iface [-P printlevel] [--json] [-I iface [-o operation] [-n name -v value ...]]",
	    " -m host [-P printlevel] [--json] [-H hostno]",
	    " -m initiator [--json] [-o operation] [-n name -v value ...]",
	    " --import[=folder]",
	    " --new-key [--json]",
	    " -h | -V",
	};
	std::string text;
	for (const auto &line : lines)
		append(text, str(program, line, "\n"));
	append(text, "\noperations: new, delete, update, show; with discovery: new, delete, "
		     "update, nonpersistent; of the initiator: show, update\n"
		     "task management functions (* with --lun): ");
	std::string_view between;
	for (const auto &function : all_task_management_functions()) {
		append(text, str(between, function.name, function.has_lun ? "*" : ""));
		if (function.protocol_level > 1)
			append(text,
			       str(" (iSCSIProtocolLevel ", int{function.protocol_level}, ")"));
		between = ", ";
	}
	append(text, "\n"
		     "a secret: --secret-prompt or --secret-fd number in the place of -v value\n"
		     "See hawseradm(8).\n");
	return text;
}

} // namespace hawser::cli
