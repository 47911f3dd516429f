# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's trace: when each netlink command of the daemon begins and ends, when a session changes its state,
and what a policy has the connections do."""
import os
import re
import time

from rig.checks import write

TRACING = "/sys/kernel/tracing"
# Each with the module's function.
COMMANDS = {"socket_prepare": "socket_prepare", "session_new": "session_new", "conn_reserve": "hws_nl_conn_reserve",
            "conn_adopt": "hws_nl_conn_adopt"}
# enum hws_session_state of the module's interface
ACTIVE, FAILED, EXPIRED, CLOSING = 1, 2, 3, 4
STATE = re.compile(r"\s(\d+\.\d+): hws_session_state: sid=(\d+) from=(\d+) to=(\d+)")
POLICY = re.compile(r"hws_policy: sid=\d+ from=(\S+) to=(\S+)|hws_conn_carries: sid=\d+ cid=(\d+) carries=(\d)")
LINE = re.compile(r"\s(\d+\.\d+): (?:hwscmd/)?(\w+):")


class StateTrace:
    """While it is open, the module's session states are traced, with the time that time.monotonic() tells."""

    def __enter__(self):
        write("mono", TRACING, "trace_clock")  # which also empties the trace
        write(1, TRACING, "events/hawser/hws_session_state/enable")
        write(1, TRACING, "tracing_on")
        return self

    def __exit__(self, *error):
        write(0, TRACING, "events/hawser/hws_session_state/enable")
        write("local", TRACING, "trace_clock")

    def when(self, state):
        """Seconds, of each change to the state."""
        with open(f"{TRACING}/trace", encoding="ascii", errors="replace") as trace:
            return [float(found.group(1)) for found in map(STATE.search, trace) if found and int(found.group(4)) == state]


class PolicyTrace:
    """While it is open, changes of policies are traced, and of what they have the connections do."""

    def __enter__(self):
        write("", TRACING, "trace")
        self.enable(1)
        write(1, TRACING, "tracing_on")
        return self

    def __exit__(self, *error):
        self.enable(0)

    @staticmethod
    def enable(value):
        for event in ("hws_policy", "hws_conn_carries"):
            write(value, TRACING, "events/hawser", event, "enable")

    @staticmethod
    def seen():
        """What there was, in order: (policy, new policy) or (CID, whether it carries commands)."""
        with open(f"{TRACING}/trace", encoding="ascii", errors="replace") as trace:
            text = trace.read()
        return [(found[1], found[2]) if found[1] else (int(found[3]), found[4] == "1") for found in POLICY.finditer(text)]


class CommandTrace:
    """While it is open, `wait` sees the commands as they happen and `before` tells what came last."""

    def __enter__(self):
        write("", TRACING, "kprobe_events")
        for command, function in COMMANDS.items():
            for text in (f"p:hwscmd/{command} hawser:{function}", f"r:hwscmd/{command}_ret hawser:{function}"):
                # Not open(..., "a"): that seeks to the end, which this file cannot.
                events = os.open(f"{TRACING}/kprobe_events", os.O_WRONLY | os.O_APPEND)
                try:
                    os.write(events, text.encode())
                finally:
                    os.close(events)
        write("", TRACING, "trace")
        write(1, TRACING, "events/hwscmd/enable")
        write(1, TRACING, "tracing_on")
        self.pipe = os.open(f"{TRACING}/trace_pipe", os.O_RDONLY | os.O_NONBLOCK)
        self.marker = open(f"{TRACING}/trace_marker", "w", encoding="ascii", buffering=1)
        self.rest = ""
        self.events = []
        return self

    def __exit__(self, *error):
        os.close(self.pipe)
        self.marker.close()
        write(0, TRACING, "events/hwscmd/enable")
        write("", TRACING, "kprobe_events")

    def read(self):
        """Adds what was traced since; events are names, in order: a command, its _ret, or a mark."""
        try:
            data = os.read(self.pipe, 1 << 20).decode("ascii", "replace")
        except BlockingIOError:
            return
        lines = (self.rest + data).split("\n")
        self.rest = lines.pop()
        for line in lines:
            found = LINE.search(line)
            if found:
                name = found.group(2)
                self.events.append(line.rsplit(" ", 1)[1] if name == "tracing_mark_write" else name)

    def forget(self):
        self.read()
        self.events.clear()

    def wait(self, name, limit):
        """True when the event was seen within the limit."""
        deadline = time.monotonic() + limit
        while name not in self.events:
            if time.monotonic() > deadline:
                return False
            self.read()
        return True

    def mark(self, name):
        self.marker.write(name + "\n")

    def before(self, mark):
        """What the daemon was in the middle of at the mark: hand-over, reconnect, login or nothing."""
        self.read()
        seen = self.events[:self.events.index(mark)] if mark in self.events else self.events
        if not seen:
            return "nothing"
        if seen[-1] in ("session_new", "conn_adopt"):
            return "hand-over"
        for name in reversed(seen):
            if name in ("session_new_ret", "conn_adopt_ret"):
                return "nothing"
            if name.startswith("conn_reserve"):
                return "reconnect"
        return "login"
