# SPDX-License-Identifier: GPL-2.0-or-later
"""Failing allocations, on the debug kernel: errors, never a crash or a leak.

First every allocation that happens below the module's code is traced with its stack while a
session logs in, moves data and logs out. The innermost return address inside the module is the
site. Then each site is made to fail, once, alone: fault injection takes a stack filter, and the
filter is that one address.
"""
import collections
import errno
import mmap
import os
import re
import struct
import time

from rig.checks import Failure, expect, read, run, wait_for, write
from rig.genl import NESTED, Family, attribute, uapi
from scenarios.errors import counter

TRACING = "/sys/kernel/tracing"
FRAME = re.compile(r"^ => (\S+)\+0x([0-9a-f]+)/0x[0-9a-f]+ \[hawser\]|^ => (\S+)\+0x")
EVENTS = {  # which injector answers for which allocation events
    "failslab": ("kmalloc", "kmem_cache_alloc", "kmalloc_node", "kmem_cache_alloc_node"),
    "fail_page_alloc": ("mm_page_alloc",),
}


def cycle(rig, must_work):
    """Login, I/O, rescan, logout. With an allocation failing, errors are fine; hanging is not."""
    done = rig.initiator.login("t", check=must_work, timeout=120)
    if done.returncode == 0:
        try:
            disk = rig.initiator.disk("t", limit=60 if must_work else 10)
            move_data(disk)
        except (Failure, OSError):
            if must_work:
                raise
        rig.initiator.adm("-m", "session", "--rescan", check=must_work)
    if rig.initiator.sessions():
        rig.initiator.logout("t", check=must_work)
    wait_for("no session", lambda: not rig.initiator.sessions(), 60)


def move_data(path):
    """Writes and reads past the page cache, in sizes with and without unsolicited and solicited data."""
    # fio takes longer to start on this kernel than all the rest of a cycle.
    buffer = mmap.mmap(-1, 512 << 10)  # direct I/O wants it aligned
    disk = os.open(path, os.O_RDWR | os.O_DIRECT)
    try:
        for number, size in enumerate((512, 4096, 64 << 10, 512 << 10)):
            pattern = bytes([number + 1]) * size
            buffer[:size] = pattern
            done = os.pwrite(disk, memoryview(buffer)[:size], 0)
            expect(done == size, f"{done} of {size} bytes were written")
            buffer[:size] = bytes(size)
            done = os.preadv(disk, [memoryview(buffer)[:size]], 0)
            expect(done == size and buffer[:size] == pattern, f"{size} bytes came back as something else")
    finally:
        os.close(disk)


def trace_sites(injector, work):
    """{address: "function+0xoffset"} of the sites that the work reaches."""
    write("", TRACING, "trace")
    write(16384, TRACING, "buffer_size_kb")
    for option in ("stacktrace", "sym-offset"):
        write(1, TRACING, "options", option)
    events = [e for e in EVENTS[injector] if os.path.isdir(f"{TRACING}/events/kmem/{e}")]
    for event in events:
        write(1, TRACING, "events/kmem", event, "enable")
    try:
        work()
    finally:
        for event in events:
            write(0, TRACING, "events/kmem", event, "enable")
        write(0, TRACING, "options/stacktrace")
    sites, found = {}, False
    symbols = module_symbols()
    with open(f"{TRACING}/trace", encoding="utf-8", errors="replace") as trace:
        for line in trace:
            if "<stack trace>" in line:
                found = False  # a new stack; its first frame of ours is the site
                continue
            frame = FRAME.match(line)
            if frame and frame.group(1) and not found:
                found = True
                name, offset = frame.group(1), int(frame.group(2), 16)
                if name in symbols:
                    sites[symbols[name] + offset] = f"{name}+{offset:#x}"
    write("", TRACING, "trace")
    return sites


def module_symbols():
    symbols = {}
    with open("/proc/kallsyms", encoding="ascii") as f:
        for line in f:
            words = line.split()
            if len(words) == 4 and words[3] == "[hawser]":
                symbols[words[2]] = int(words[0], 16)
    return symbols


class Injected:
    """The first allocation whose stack holds the address fails; with times, so many, and with -1 all."""

    def __init__(self, injector, address, times=1):
        self.folder = f"/sys/kernel/debug/{injector}"
        self.address = address
        self.times = times

    def __enter__(self):
        write(f"{self.address:#x}", self.folder, "require-start")
        write(f"{self.address + 1:#x}", self.folder, "require-end")
        for name, value in (("ignore-gfp-wait", "N"), ("interval", 1), ("verbose", 1),
                            ("times", self.times), ("probability", 100)):
            write(value, self.folder, name)
        if os.path.exists(f"{self.folder}/min-order"):
            write(0, self.folder, "min-order")
        return self

    def failed(self):
        return read(self.folder, "times") == "0"

    def __exit__(self, *error):
        write(0, self.folder, "probability")


def holds_each_site(rig):
    """Every allocation site that login, I/O and logout reach fails once: errors, never a crash or a leak."""
    rig.target.add("t")
    rig.target.add_lun("t", 1)
    rig.initiator.discover()
    rig.initiator.set_key("t", "node.session.initial_login_retry_max", 1)
    cycle(rig, must_work=True)
    failed_at, reached = collections.defaultdict(set), {}
    for injector in EVENTS:
        sites = trace_sites(injector, lambda: cycle(rig, must_work=True))
        expect(sites or injector != "failslab", f"the trace shows no site of {injector}")
        for address, name in sorted(sites.items()):
            started = time.monotonic()
            with Injected(injector, address) as injected:
                # Whether a slab needs a new page is chance, and so is a rare path.
                for _ in range(3):
                    cycle(rig, must_work=False)
                    if injected.failed():
                        failed_at[injector].add(address)
                        break
            rig.say(f"{injector}: {name}: {time.monotonic() - started:.1f} s")
            expect(run("pidof", "hawserd", check=False).returncode == 0,
                   f"hawserd ended when {name} failed")
        reached.update(sites)
        rig.tell(f"{injector}: {len(failed_at[injector])} sites failed, of {len(sites)}")
    cycle(rig, must_work=True)
    # Where a slab's new page did not come again, the slab itself failed there: the caller sees no difference.
    left = [name for address, name in reached.items() if not any(address in failed for failed in failed_at.values())]
    rig.tell(f"allocation sites that failed: {len(reached) - len(left)}, of {len(reached)}")
    expect(not left, f"never failed: {left}")
    expect(len(failed_at["failslab"]) >= 10, f"only {len(failed_at['failslab'])} sites failed")


def drop(sid):
    """The connection goes, as if the network had cut it."""
    number, family = uapi(), Family(events=False)
    family.request(family.id, number["HWS_CMD_CONN_DROP"], attribute(number["HWS_A_SID"], struct.pack("=I", sid))
                   + attribute(number["HWS_A_CONNECTION"] | NESTED,
                               attribute(number["HWS_CONN_A_CID"], struct.pack("=H", 0))))
    family.close()


def missed(listener):
    """How often it was told that events are missing; all that came is read."""
    times = 0
    listener.socket.settimeout(0)
    while True:
        try:
            list(listener.receive())
        except BlockingIOError:
            return times
        except OSError as error:
            expect(error.errno == errno.ENOBUFS, f"{error}")
            times += 1


def holds_no_event(rig):
    """A connection is lost while there is no memory for an event: who listens learns that one was missed, and the
    daemon reads the sessions again and recovers this one."""
    rig.attach()
    listener = Family()
    sid = int(rig.initiator.sid("t"))

    def lose():
        """Until another login has mended it."""
        before = counter(rig, "recoveries")
        drop(sid)
        wait_for("another login", lambda: counter(rig, "recoveries") > before, 60)
    sites = {address for address, name in trace_sites("failslab", lose).items() if name.startswith("begin_as")}
    expect(sites, "the trace shows no event")
    expect(not missed(listener), "an event was missed with memory for all")
    since = len(rig.initiator.logged())
    with Injected("failslab", min(sites), times=-1):
        lose()
    expect(missed(listener), "a listener was not told")
    expect(any("events of the kernel module were lost" in line for line in rig.initiator.logged(since)),
           "the daemon was not told")
    listener.close()
