# SPDX-License-Identifier: GPL-2.0-or-later
"""A thousand logins: how fast Hawser and open-iscsi log in to many targets at once.

One virtual machine with one processor holds the target (LIO on loopback, one small disk a target)
and both initiators. They take turns: log in to all targets with one command, wait until the first
block of every disk has been read, log out. The second is stopped when it has taken four times as
long as the first: it counts with what it did until then. Times are those of an emulated processor: good for
comparing the two, not for knowing how long a login takes.

Examples:
  scripts/bench logins                             1,000 targets, five rounds, two to three hours
  scripts/bench logins --targets 50 --rounds 1     a smoke test
  scripts/bench logins --no-udev --count           without udev; count instructions
"""
import argparse
import collections
import json
import os
import statistics
import subprocess
import sys

from . import profile, report, rig

INITIATORS = ("hawser", "open-iscsi")

# What is to hold with this many targets.
LIMIT_TARGETS = 1000
LIMIT_RATIO = 2.0
LIMIT_KIB = 40 * 1024

Login = collections.namedtuple("Login", "row driver id")
Row = collections.namedtuple("Row", "name")


def parse_args(argv):
    parser = argparse.ArgumentParser(prog="bench logins", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--targets", type=int, default=LIMIT_TARGETS, metavar="N", help=f"how many ({LIMIT_TARGETS})")
    add("--rounds", type=int, default=5, metavar="N", help="logins of each initiator (5)")
    add("--patience", type=float, default=4, metavar="N",
        help="stop the second initiator at so many times the first one's time (4; 0: never)")
    add("--initiators", default=",".join(INITIATORS), metavar="LIST", help="in this order (hawser,open-iscsi)")
    add("--no-udev", dest="udev", action="store_false", help="run no udevd in the guest")
    add("--count", action="store_true", help="count the guest's instructions; takes half as long again")
    add("--profile", action="store_true", help="count them by kernel function; implies --count")
    add("--top", type=int, default=60, metavar="N", help="functions that a profile shows (60)")
    add("--memory", type=int, default=4096, metavar="MIB", help="of the guest (4096)")
    add("--timeout", type=int, default=14400, metavar="SECONDS", help="limit for a machine (14400)")
    add("--out", default=os.path.join(rig.TOP, "build/bench/logins"), metavar="DIR",
        help="console, logs, results.json (build/bench/logins)")
    add("--bin", default=os.path.join(rig.TOP, "build"), metavar="DIR",
        help="where hawserd and hawseradm are (build)")
    args = parser.parse_args(argv)
    args.initiators = args.initiators.split(",")
    unknown = [name for name in args.initiators if name not in INITIATORS]
    if unknown:
        parser.error(f"no initiator {unknown[0]!r}; there are {', '.join(INITIATORS)}")
    if args.targets < 1 or args.rounds < 1:
        parser.error("--targets, --rounds: at least 1")
    return args


def measure(args):
    """Has guests measure, one after another until all rounds are done; returns the list of logins and, when
    counted, their windows."""
    logins, windows = [], []
    while len(logins) < args.rounds * len(args.initiators):
        more, counted = run_guest(args, args.rounds - len(logins) // len(args.initiators))
        logins += more
        windows += counted
    return logins, windows


def run_guest(args, rounds):
    """Has one guest measure; it ends with all rounds or with one in which an initiator was stopped."""
    out = os.path.realpath(args.out)
    tools, marks = os.path.join(out, "tools"), os.path.join(out, "marks")
    count = args.count or args.profile
    rig.build_tools(tools)
    command = [os.path.join(rig.TOP, "scripts/vm"), "--smp", "1", "--cpu", rig.CPU,
               "--memory", str(args.memory), "--timeout", str(args.timeout), "--out", os.path.join(out, "vm"),
               "--append", rig.KERNEL, "--module", "kernel", "--env", f"TOOLS={tools}",
               "--env", f"HAWSER_BIN={os.path.realpath(args.bin)}", "--env", f"COUNT={int(count)}",
               "--env", f"UDEV={int(args.udev)}"]
    if args.udev:
        command.append("--udev")
    if count:
        command += ["--qemu", f"-plugin {tools}/libinsncount.so,out={marks}"
                    + (",profile=on" if args.profile else "")]
    command += ["--", os.path.join(rig.PERF, "guest-logins"), "/out", str(args.targets), str(rounds),
                str(args.patience), *args.initiators]
    if subprocess.run(command, stdout=sys.stderr, check=False).returncode:
        raise rig.RigError("the guest did not measure to its end")
    with open(os.path.join(out, "vm/share/logins.json"), encoding="utf-8") as f:
        logins = json.load(f)
    windows = []
    if count:
        with open(marks, encoding="ascii") as f:
            windows = report.read_windows(f)
        if len(windows) != len(logins):
            raise report.ReportError(f"{len(logins)} logins, but {len(windows)} windows in {marks}")
    return logins, windows


def add_rates(logins, windows):
    """What is compared: logins a second until the disks are usable; instructions a login."""
    for login in logins:
        login["logins_per_s"] = login["done"] / login["usable_s"]
    for login, window in zip(logins, windows):
        login["insns_per_login"] = (window.kernel + window.user) / login["done"]
        login["user_insns_per_login"] = window.user / login["done"]


def median(logins, initiator, pick):
    return statistics.median(pick(login) for login in logins if login["initiator"] == initiator)


def summary(logins, initiators):
    """By initiator: medians, and the most that a daemon ever held."""
    table = {}
    for name in initiators:
        mine = [login for login in logins if login["initiator"] == name]
        entry = {key: median(logins, name, lambda login, key=key: login[key])
                 for key in ("logins_per_s", "command_s", "usable_s", "settled_s", "kernel_kib_per_session")}
        if "insns_per_login" in mine[0]:
            entry["insns_per_login"] = median(logins, name, lambda login: login["insns_per_login"])
        for key in ("locked_kib", "resident_kib", "threads"):
            entry[key] = max(login["daemon"][key] for login in mine)
        table[name] = entry
    return table


def verdicts(table, targets):
    """(sentence, holds) for each limit; holds is None where the count is not that of the limits."""
    judged = targets >= LIMIT_TARGETS
    found = []
    if set(INITIATORS) <= set(table):
        ratio = table["hawser"]["logins_per_s"] / table["open-iscsi"]["logins_per_s"]
        found.append((f"{ratio:.2f} times as many logins a second as open-iscsi (at least {LIMIT_RATIO:g})",
                      ratio >= LIMIT_RATIO))
    if "hawser" in table:
        mine = table["hawser"]
        most = max(mine["locked_kib"], mine["resident_kib"])
        found.append((f"hawserd holds {mine['resident_kib'] / 1024:.1f} MiB resident, "
                      f"{mine['locked_kib'] / 1024:.1f} MiB locked (under {LIMIT_KIB // 1024})", most < LIMIT_KIB))
        found.append((f"hawserd has {mine['threads']} thread{'s' * (mine['threads'] > 1)} (none a session)",
                      mine["threads"] < targets))
    return [(text, holds if judged else None) for text, holds in found]


COLUMNS = (
    ("logins", lambda login: str(login["done"])),
    ("logins/s", lambda login: f"{login['logins_per_s']:.1f}"),
    ("command s", lambda login: f"{login['command_s']:.1f}"),
    ("usable s", lambda login: f"{login['usable_s']:.1f}"),
    ("settled s", lambda login: f"{login['settled_s']:.1f}"),
    ("logout s", lambda login: f"{login['logout_s']:.1f}" if "logout_s" in login else "-"),
    ("resident MiB", lambda login: f"{login['daemon']['resident_kib'] / 1024:.1f}"),
    ("locked MiB", lambda login: f"{login['daemon']['locked_kib'] / 1024:.1f}"),
    ("threads", lambda login: str(login["daemon"]["threads"])),
    ("kernel KiB", lambda login: f"{login['kernel_kib_per_session']:.0f}"),
    ("k insns", lambda login: f"{login['insns_per_login'] / 1000:,.0f}" if "insns_per_login" in login else "-"),
    ("of it user", lambda login: f"{login['user_insns_per_login'] / 1000:,.0f}"
     if "user_insns_per_login" in login else "-"),
)


def print_table(logins, targets, file):
    lines = [["initiator"] + [head for head, _ in COLUMNS]]
    lines += [[login["initiator"]] + [cell(login) for _, cell in COLUMNS] for login in logins]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    for line in lines:
        print("  ".join(cell.ljust(w) if i == 0 else cell.rjust(w)
                        for i, (cell, w) in enumerate(zip(line, widths))).rstrip(), file=file)
    print(f"\n{targets} targets, in the order of the runs. Seconds count from the start of the one command that"
          "\nlogs in: to its end; until the first block of every disk has been read (logins/s are to"
          "\nthere); until udev has nothing more to do. Who has fewer logins than targets was stopped at that"
          "\ntime. Logout: until no session and no disk is left."
          "\nMiB and threads are the daemon's with all sessions; kernel KiB is what a session takes of"
          "\nthe whole guest's memory, the target's half included; insns are the guest's a login.\n", file=file)


def show_profile(args, logins, windows):
    """The last login of each initiator, by kernel function."""
    with open(os.path.join(args.out, "vm/share/kallsyms"), encoding="ascii") as f:
        symbols = profile.Symbols(f)
    row = Row(f"{args.targets} logins")
    runs = [Login(row, login["initiator"], f"login{number}") for number, login in enumerate(logins)]
    counts = {login.id: args.targets for login in runs}
    profile.print_profile(list(zip(runs, windows)), counts, symbols, args.top, sys.stdout)


def main(argv):
    args = parse_args(argv)
    rig.build_module()
    os.makedirs(args.out, exist_ok=True)
    try:
        logins, windows = measure(args)
    except (rig.RigError, report.ReportError, OSError) as error:
        sys.exit(f"bench: {error}")
    add_rates(logins, windows)
    print_table(logins, args.targets, sys.stdout)
    table = summary(logins, args.initiators)
    limits = verdicts(table, args.targets)
    for text, holds in limits:
        print({True: "holds: ", False: "DOES NOT HOLD: ", None: ""}[holds] + text)
    path = os.path.join(args.out, "results.json")
    with open(path, "w", encoding="utf-8") as f:
        json.dump({"about": {"targets": args.targets, "udev": args.udev, "guest_cpu": rig.CPU,
                             "guest_kernel": rig.KERNEL, "counted": bool(windows)},
                   "summary": table, "limits": [{"text": text, "holds": holds} for text, holds in limits],
                   "logins": logins}, f, indent=2)
        f.write("\n")
    print(f"bench: {path}", file=sys.stderr)
    if args.profile:
        show_profile(args, logins, windows)
    sys.exit(1 if any(holds is False for _, holds in limits) else 0)
