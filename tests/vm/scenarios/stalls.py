# SPDX-License-Identifier: GPL-2.0-or-later
"""How long I/O waits while a session's policy is switched and connections join and leave it."""
import collections
import os
import re
import time

from rig.checks import Fio, expect, wait_for, write
from rig.trace import TRACING
from scenarios.connections import PORTALS, attach, up

POLICIES = ("failover", "round-robin", "round-robin-subset", "weighted", "least-queue", "cpu")
# What changes, how, and the connections that are up then.
NEW = ("-o", "new", "-p", PORTALS[0])
MEMBERSHIP = (("a connection joins", NEW, (0, 1, 2)), ("the first leaves", ("-o", "delete", "--cid", 0), (1, 2)),
              ("the first joins", NEW, (0, 1, 2)), ("the last leaves", ("-o", "delete", "--cid", 2), (0, 1)))
ROUNDS = 3
MOST = 50  # milliseconds
LINE = re.compile(r"\s(\d+\.\d+): (?:tracing_mark_write: (.*)|block_rq_(issue|complete): (\S+) .*\) (\d+) \+)")


class BlockTrace:
    """While it is open, each request of a disk is traced, beside the marks that are set."""

    def __init__(self, disk):
        number = os.stat(disk).st_rdev
        self.name = f"{os.major(number)},{os.minor(number)}"

    def __enter__(self):
        write(0, TRACING, "tracing_on")
        write("mono", TRACING, "trace_clock")
        write(100000, TRACING, "buffer_size_kb")
        self.enable(1)
        write(1, TRACING, "tracing_on")
        return self

    def __exit__(self, *error):
        self.enable(0)
        write("local", TRACING, "trace_clock")

    @staticmethod
    def enable(value):
        for event in ("block_rq_issue", "block_rq_complete"):
            write(value, TRACING, "events/block", event, "enable")

    @staticmethod
    def mark(text):
        write(text, TRACING, "trace_marker")

    def longest(self):
        """{mark: the longest time in milliseconds from a request's issue to its completion, of those that were under
        way between the mark and the next one}."""
        mark, under_way, found = None, collections.defaultdict(list), {}
        with open(f"{TRACING}/trace", encoding="ascii", errors="replace") as trace:
            for at, text, event, name, sector in (match.groups() for match in map(LINE.search, trace) if match):
                if text:
                    mark = text
                    found.setdefault(mark, 0)
                    for request in (one for requests in under_way.values() for one in requests):
                        request[1].add(mark)
                elif name == self.name and event == "issue":
                    under_way[sector].append((float(at), {mark}))
                elif name == self.name and under_way[sector]:
                    since, marks = under_way[sector].pop(0)
                    for one in marks - {None}:
                        found[one] = max(found[one], (float(at) - since) * 1000)
        return found


def holds_changes(rig):
    """Under verified I/O the policy is switched to each and connections join and leave: no request takes longer than
    50 ms."""
    disk = attach(rig, 2, records={"node.conn[1].role": "standby", "node.session.iscsi.MaxConnections": 8})
    load = Fio.endless(disk)
    with BlockTrace(disk) as trace:
        wait_for("I/O", load.moves)
        trace.mark("nothing")
        time.sleep(3)  # what it takes without a change
        for _ in range(ROUNDS):
            for policy in POLICIES:
                trace.mark(f"policy {policy}")
                rig.initiator.set_policy("t", policy)
            for mark, words, left in MEMBERSHIP:
                trace.mark(mark)
                rig.initiator.connection("t", *words)
                up(rig, *left)
        trace.mark("the end")
        wait_for("I/O", load.moves)
        found = trace.longest()
    load.stop()
    rig.tell(", ".join(f"{mark} {longest:.1f} ms" for mark, longest in found.items()))
    expect(len(found) == len(POLICIES) + len(MEMBERSHIP) + 2 and all(found.values()), "requests are missing in the trace")
    late = {mark: round(longest, 1) for mark, longest in found.items() if longest > MOST and mark != "nothing"}
    expect(not late, f"more than {MOST} ms: {late}")
